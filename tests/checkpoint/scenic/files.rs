//! The msgpack container: arrays of every kind, and files that are none or that do not fit.

use std::fs;

use safetensors::tensor::Dtype;
use tempfile::TempDir;
use tubelet::tensor::Tolerance;

use super::folder_of;
use crate::flax_file::{Leaf, flax_file};
use crate::{assert_names, assert_same_weights, fixture, load, refusal, stored, write};

/// A fixture's parameters as a msgpack file, each array changed, with what else a training state may hold.
fn packed(name: &str, change: impl Fn(Leaf) -> Leaf) -> TempDir {
    let folder = folder_of(name, &[("config.json", "config.json")]);
    let arrays = stored(&fixture(name).join("model.safetensors"));
    let leaf = |(_, shape, data): (Dtype, Vec<usize>, Vec<u8>)| change(Leaf::array("float32", &shape, data));
    let mut leaves: Vec<_> =
        arrays.into_iter().map(|(name, array)| (format!("params/params/{name}"), leaf(array))).collect();
    leaves.push(("opt_state/0/count".into(), Leaf::array("int32", &[], vec![0; 4])));
    leaves.push(("rng".into(), Leaf::array("uint32", &[2], vec![0; 8])));
    leaves.push(("global_step".into(), Leaf::Whole(77)));
    fs::write(folder.path().join("checkpoint_77"), flax_file(&leaves)).unwrap();
    folder
}

#[test]
fn every_misfit_of_a_tree_is_listed() {
    let folder = folder_of("scenic-model1", &[("config.json", "config.json")]);
    let mut tensors = stored(&fixture("scenic-model1/model.safetensors"));
    let bias = tensors["embedding/bias"].clone();
    tensors.retain(|name, _| !name.ends_with("LayerNorm_1/scale"));
    tensors.insert("mystery/bias".into(), bias.clone());
    tensors.insert("Transformer/encoderblock_2/MlpBlock_0/Dense_0/bias".into(), bias);
    tensors.get_mut("cls").unwrap().0 = Dtype::I32;
    write(&folder.path().join("model.safetensors"), &tensors);
    assert_names(
        &refusal(folder.path()),
        &[
            "model.safetensors does not hold a whole model (Model 1",
            "3 tensors missing, 1 unexpected, 1 of wrong shape, 1 of wrong type",
            "missing: Transformer/encoderblock_{0..2}/LayerNorm_1/scale of shape [48]",
            "unexpected: mystery/bias",
            "wrong shape: Transformer/encoderblock_2/MlpBlock_0/Dense_0/bias is [48], expected [96]",
            "wrong type: cls has elements of I32",
        ],
    );
    let mut tensors = stored(&fixture("scenic-model1/model.safetensors"));
    tensors.remove("embedding/kernel");
    write(&folder.path().join("model.safetensors"), &tensors);
    assert_names(&refusal(folder.path()), &["holds no ViViT model of scenic: there is no embedding/kernel"]);
}

#[test]
fn arrays_in_chunks_are_put_together() {
    let expected = load(&fixture("scenic-model1-sampling")).unwrap();
    for elements in [1, 7, 100, 4096, 1 << 20] {
        let folder = packed("scenic-model1-sampling", |leaf| leaf.in_chunks(elements));
        assert_same_weights(&load(folder.path()).unwrap(), &expected, Tolerance::EXACT);
    }
}

#[test]
fn arrays_of_other_precisions_become_32_bit_floats() {
    use half::{bf16, f16};
    let name = "scenic-model1-sampling";
    let expected = load(&fixture(name)).unwrap();
    let rounded = |share| Tolerance { relative_l2: share, share_of_peak: share };
    let converted = |dtype, convert: fn(f32) -> Vec<u8>| packed(name, |leaf| leaf.converted(dtype, convert));
    let folder = converted("bfloat16", |value| bf16::from_f32(value).to_le_bytes().into());
    assert_same_weights(&load(folder.path()).unwrap(), &expected, rounded(1.0 / 256.0));
    let folder = converted("float16", |value| f16::from_f32(value).to_le_bytes().into());
    assert_same_weights(&load(folder.path()).unwrap(), &expected, rounded(1.0 / 2048.0));
    let folder = converted("float64", |value| f64::from(value).to_le_bytes().into());
    assert_same_weights(&load(folder.path()).unwrap(), &expected, Tolerance::EXACT);
    let folder = converted("int32", |value| (value as i32).to_le_bytes().into());
    assert_names(&refusal(folder.path()), &["wrong type: cls has elements of int32"]);
}

#[test]
fn files_of_other_kinds_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("checkpoint");
    for (content, culprit) in [
        (&b""[..], "is damaged (it is empty)"),
        (b"model_checkpoint_path: \"ckpt-5\"\n", "is neither a .safetensors nor an .npz file nor a Flax checkpoint"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (b"\x80\x04\x95pickle", "bytes follow its end"),
        (b"\x80", "holds no arrays"),
        (b"\x81\xa4step\x05", "holds no arrays"),
    ] {
        fs::write(&file, content).unwrap();
        assert_names(&refusal(&file), &["/checkpoint ", culprit]);
        assert_names(&refusal(folder.path()), &["/checkpoint ", culprit]);
    }
}
