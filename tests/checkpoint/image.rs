//! Image models as their libraries write them: the same weights under all names and layouts.

use std::io::{Read, Write};
use std::path::Path;

use tubelet::checkpoint::{self, Hints, Trained, load_trained};
use tubelet::vivit::Classifier;

use super::*;

fn load_image(path: &Path) -> Trained {
    checkpoint::load_image(path.to_str().unwrap(), &Hub::default(), None).unwrap_or_else(|error| panic!("{error}"))
}

fn image_refusal(path: &Path, heads: Option<usize>) -> String {
    match checkpoint::load_image(path.to_str().unwrap(), &Hub::default(), heads) {
        Ok(image) => panic!("{} was loaded: {}", path.display(), image.config),
        Err(error) => error.to_string(),
    }
}

/// The image model of the fixtures as a file of this name, its tensors changed.
fn altered_image(file: &str, change: impl FnOnce(&mut Stored)) -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let mut tensors = stored(&fixture("vitnpz-tiny/vit_linen_names.safetensors"));
    change(&mut tensors);
    let path = folder.path().join(file);
    write(&path, &tensors);
    (folder, path)
}

fn assert_same(actual: &Trained, expected: &Trained) {
    assert_eq!(actual.config, expected.config);
    assert_eq!(actual.parameters.names(), expected.parameters.names());
    for name in expected.parameters.names() {
        assert_eq!(actual.parameters.tensor(name).unwrap(), expected.parameters.tensor(name).unwrap(), "{name}");
    }
}

fn published() -> Trained {
    load_image(&fixture("vitnpz-tiny/vit.npz"))
}

fn floats(data: &[u8]) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(data)
}

fn bytes(values: &[f32]) -> Vec<u8> {
    bytemuck::cast_slice(values).to_vec()
}

#[test]
fn an_image_model_is_model_1_on_one_frame() {
    let Trained { config, parameters, notes, .. } = published();
    assert_eq!((config.frames, config.rows, config.columns), (1, 12, 12));
    assert_eq!((config.width, config.layers, config.heads, config.hidden, config.classes), (24, 2, 4, 40, 8));
    assert_eq!((config.model.number(), config.classifier, config.sequence()), (1, Classifier::Token, 10));
    assert_eq!(parameters.shape("embedding.kernel").unwrap().axes(), [24, 3, 4, 4]);
    assert!(notes.is_empty());
}

#[test]
fn generations_of_names_are_the_same_model() {
    for file in ["vit_opt_target.npz", "vit_linen_names.safetensors"] {
        assert_same(&load_image(&fixture("vitnpz-tiny").join(file)), &published());
    }
    for prefix in ["params/", "opt/target/", "params/params/"] {
        let (_folder, path) = altered_image("vit.safetensors", |tensors| {
            rename(tensors, |name| format!("{prefix}{name}"));
        });
        assert_same(&load_image(&path), &published());
    }
    let (_folder, path) = altered_image("vit.safetensors", |tensors| {
        rename(tensors, |name| name.replace("head/", "output_projection/"));
    });
    assert_same(&load_image(&path), &published());
}

/// big_vision may stack all layers, and adds positions before it puts the class token in front.
#[test]
fn stacked_layers_and_positions_without_a_class_row() {
    let table = "Transformer/posembed_input/pos_embedding";
    let (_folder, path) = altered_image("vit.safetensors", |tensors| {
        let of_first: Vec<_> = tensors.keys().filter(|name| name.contains("encoderblock_0")).cloned().collect();
        for first in of_first {
            let (dtype, shape, mut data) = tensors.remove(&first).unwrap();
            data.extend(tensors.remove(&first.replace("encoderblock_0", "encoderblock_1")).unwrap().2);
            let shape = [&[2], shape.as_slice()].concat();
            tensors.insert(first.replace("encoderblock_0", "encoderblock"), (dtype, shape, data));
        }
        let (dtype, _, data) = tensors.remove(table).unwrap();
        tensors.insert("pos_embedding".into(), (dtype, vec![1, 9, 24], data[24 * 4..].to_vec()));
        tensors.insert("MAPHead_0/probe".into(), (Dtype::F32, vec![1, 1, 24], vec![0; 96]));
    });
    let (found, expected) = (load_image(&path), published());
    assert_eq!(found.config, expected.config);
    for name in expected.parameters.names() {
        let [found, expected] = [&found, &expected].map(|image| image.parameters.tensor(name).unwrap());
        if name.ends_with("pos_embedding") {
            assert_eq!(found.as_f32().unwrap()[..24], [0.0; 24]);
            assert_eq!(found.as_f32().unwrap()[24..], expected.as_f32().unwrap()[24..]);
        } else {
            assert_eq!(found, expected, "{name}");
        }
    }
}

#[test]
fn without_class_token_and_head() {
    let (_folder, path) = altered_image("vit.safetensors", |tensors| {
        tensors.retain(|name, _| name != "cls" && !name.starts_with("head/"));
        let (dtype, _, data) = tensors.remove("Transformer/posembed_input/pos_embedding").unwrap();
        tensors.insert("pos_embedding".into(), (dtype, vec![1, 9, 24], data[24 * 4..].to_vec()));
    });
    let config = load_image(&path).config;
    assert_eq!((config.classifier, config.classes, config.sequence()), (Classifier::Mean, 0, 9));
}

#[test]
fn a_representation_layer_is_part_of_the_model() {
    let (_folder, path) = altered_image("vit.safetensors", |tensors| {
        tensors.insert("pre_logits/kernel".into(), (Dtype::F32, vec![24, 24], vec![0; 24 * 96]));
        tensors.insert("pre_logits/bias".into(), (Dtype::F32, vec![24], vec![0; 96]));
    });
    assert_eq!(load_image(&path).config.representation_size, Some(24));
}

/// `[in, out]` as `[out, in]`.
fn turned(data: &[u8], [inputs, outputs]: [usize; 2]) -> Vec<u8> {
    let values = floats(data);
    bytes(&(0..outputs * inputs).map(|at| values[at % inputs * outputs + at / inputs]).collect::<Vec<_>>())
}

/// The image model as timm holds it: kernels turned, query, key and value in one.
fn timm(tensors: &mut Stored) {
    let flax = std::mem::take(tensors);
    let whole: usize = 24;
    for (name, (dtype, shape, data)) in &flax {
        let name = name
            .replace("Transformer/encoderblock_", "blocks.")
            .replace("Transformer/encoder_norm/", "norm.")
            .replace("Transformer/posembed_input/pos_embedding", "pos_embed")
            .replace("embedding/", "patch_embed.proj.")
            .replace("MultiHeadDotProductAttention_0/out", "attn.proj")
            .replace("LayerNorm_0", "norm1")
            .replace("LayerNorm_1", "norm2")
            .replace("MlpBlock_0/Dense_0", "mlp.fc1")
            .replace("MlpBlock_0/Dense_1", "mlp.fc2")
            .replace("cls", "cls_token")
            .replace('/', ".")
            .replace("kernel", "weight")
            .replace("scale", "weight");
        let (shape, data) = match (name.as_str(), shape.as_slice()) {
            (name, _) if name.contains("MultiHead") => continue,
            ("patch_embed.proj.weight", _) => (vec![24, 3, 4, 4], turned(&planes_first(data), [48, 24])),
            (_, &[heads, width, outputs]) if name.contains("attn.proj") => {
                (vec![outputs, heads * width], turned(data, [heads * width, outputs]))
            }
            (_, &[inputs, outputs]) => (vec![outputs, inputs], turned(data, [inputs, outputs])),
            (_, shape) => (shape.to_vec(), data.clone()),
        };
        tensors.insert(name, (*dtype, shape, data));
    }
    for layer in 0..2 {
        let part = |part: &str, leaf: &str| {
            let path = format!("Transformer/encoderblock_{layer}/MultiHeadDotProductAttention_0/{part}/{leaf}");
            flax[&path].2.clone()
        };
        let parts = ["query", "key", "value"];
        let weight = parts.map(|name| turned(&part(name, "kernel"), [whole, whole])).concat();
        let bias = parts.map(|name| part(name, "bias")).concat();
        tensors.insert(format!("blocks.{layer}.attn.qkv.weight"), (Dtype::F32, vec![3 * whole, whole], weight));
        tensors.insert(format!("blocks.{layer}.attn.qkv.bias"), (Dtype::F32, vec![3 * whole], bias));
    }
}

/// A patch kernel's `[4, 4, 3, 24]` as `[3, 4, 4, 24]`.
fn planes_first(data: &[u8]) -> Vec<u8> {
    let values = floats(data);
    let element = |at: usize| values[((at / 24 % 16) * 3 + at / 24 / 16) * 24 + at % 24];
    bytes(&(0..values.len()).map(element).collect::<Vec<_>>())
}

#[test]
fn timm_keeps_projections_together() {
    let (_folder, path) = altered_image("model.safetensors", timm);
    let mut found = checkpoint::load_image(path.to_str().unwrap(), &Hub::default(), Some(4)).unwrap();
    let expected = published();
    assert_eq!(found.config.clone().gelu(Gelu::Tanh), expected.config);
    found.config = expected.config.clone();
    assert_same(&found, &expected);
    let error = image_refusal(&path, None);
    assert!(error.contains("width of 24") && error.contains("--image-heads"), "{error}");
}

#[test]
fn heads_are_assumed_to_be_64_wide_and_that_is_said() {
    let (_folder, path) = altered_image("model.safetensors", |tensors| {
        timm(tensors);
        for (name, (_, shape, data)) in tensors.iter_mut() {
            let classes = name.starts_with("head.");
            shape.iter_mut().filter(|size| **size == 24).for_each(|size| *size = 128);
            shape.iter_mut().filter(|size| **size == 72).for_each(|size| *size = 384);
            assert!(!classes || shape[0] == 8);
            *data = vec![0; 4 * shape.iter().product::<usize>()];
        }
    });
    let image = load_image(&path);
    assert_eq!((image.config.heads, image.config.width), (2, 128));
    assert!(image.notes[0].contains("2 of width 64 are assumed"), "{:?}", image.notes);
}

#[test]
fn hugging_face_names_of_both_releases() {
    let expected = load_image(&fixture("hf-vit-tiny"));
    assert_eq!((expected.config.gelu, expected.config.layer_norm_eps), (Gelu::Erf, 1e-12));
    assert_eq!((expected.config.heads, expected.config.classes), (4, 6));
    let renamed = altered("hf-vit-tiny", |tensors| {
        rename(tensors, |name| RENAMED.iter().fold(name.to_owned(), |name, (old, new)| name.replace(old, new)));
    });
    assert_same(&load_image(renamed.path()), &expected);
    let bare = altered("hf-vit-tiny", |tensors| {
        tensors.retain(|name, _| !name.starts_with("classifier."));
        rename(tensors, |name| name.replace("vit.", ""));
        tensors.insert("pooler.dense.bias".into(), (Dtype::F32, vec![24], vec![0; 96]));
        tensors.insert("embeddings.mask_token".into(), (Dtype::F32, vec![1, 1, 24], vec![0; 96]));
    });
    assert_eq!(load_image(bare.path()).config, expected.config.classes(0));
}

#[test]
fn what_is_no_plain_image_model_is_named() {
    let (_folder, scaled) = altered_image("vit.safetensors", |tensors| {
        tensors.insert("Transformer/encoderblock_1/scale".into(), (Dtype::F32, vec![24], vec![0; 96]));
        tensors.remove("Transformer/encoder_norm/bias");
    });
    let error = image_refusal(&scaled, None);
    assert!(error.contains("1 tensor missing, 1 unexpected"), "{error}");
    assert!(error.contains("Transformer/encoder_norm/bias of shape [24]"), "{error}");
    let (_folder, oblong) = altered_image("vit.safetensors", |tensors| {
        let table = tensors.get_mut("Transformer/posembed_input/pos_embedding").unwrap();
        *table = (Dtype::F32, vec![1, 7, 24], vec![0; 7 * 96]);
    });
    assert!(image_refusal(&oblong, None).contains("7 positions are those of no square image"));
    for (name, shape) in [
        ("Transformer/posembed_input/pos_embedding", [1, 0, 24].as_slice()),
        ("embedding/kernel", &[0, 4, 3, 24]),
        ("Transformer/encoderblock_0/MultiHeadDotProductAttention_0/query/kernel", &[24, 0, 6]),
    ] {
        let (_folder, empty) = altered_image("vit.safetensors", |tensors| {
            *tensors.get_mut(name).unwrap() = (Dtype::F32, shape.to_vec(), Vec::new());
        });
        assert!(image_refusal(&empty, None).contains("holds no image transformer"), "{name}");
    }
    assert!(image_refusal(&fixture("vitnpz-tiny/vit.npz"), Some(3)).contains("4 heads, not 3"));
    let video = image_refusal(&fixture("hf-tiny"), None);
    assert!(video.contains("holds no image transformer"), "{video}");
    let folder = tempfile::tempdir().unwrap();
    let cut = folder.path().join("vit.npz");
    let bytes = fs::read(fixture("vitnpz-tiny/vit.npz")).unwrap();
    fs::write(&cut, &bytes[..bytes.len() / 2]).unwrap();
    assert!(image_refusal(&cut, None).contains("is damaged"));
}

/// Where a configuration tells of a video, the same parameters are a video model's that samples frames.
#[test]
fn images_and_videos_are_told_apart() {
    let trained = |path: &Path| {
        load_trained(path.to_str().unwrap(), &Hub::default(), &Hints::default(), None)
            .unwrap_or_else(|error| panic!("{error}"))
    };
    assert_eq!(trained(&fixture("vitnpz-tiny/vit.npz")).config.frames, 1);
    assert_eq!(trained(&fixture("hf-tiny")).config.frames, 8);
    assert_eq!(trained(&fixture("scenic-model1-sampling")).config.frames, 9);
}

/// An array without elements may claim any number of layers, and a file may claim more than any model has.
#[test]
fn absurd_numbers_of_stacked_layers_are_refused() {
    let stacked = "Transformer/encoderblock/LayerNorm_0/bias";
    for shape in [vec![1 << 40, 0], vec![5000, 1]] {
        let (_folder, path) = altered_image("vit.safetensors", |tensors| {
            let data = vec![0; 4 * shape.iter().product::<usize>()];
            tensors.insert(stacked.into(), (Dtype::F32, shape.clone(), data));
        });
        assert_names(&image_refusal(&path, None), &["1 tensor unexpected", &format!("unexpected: {stacked}")]);
    }
}

#[test]
fn what_cannot_be_cut_into_equal_parts_stays_whole() {
    for (fused, shape, unexpected) in [
        ("blocks.1.attn.qkv.bias", vec![73], "unexpected: blocks.1.attn.qkv.bias"),
        ("blocks.1.attn.qkv.weight", vec![73, 24], "unexpected: all 14 tensors of blocks.1"),
    ] {
        let (_folder, path) = altered_image("model.safetensors", |tensors| {
            timm(tensors);
            let data = vec![0; 4 * shape.iter().product::<usize>()];
            tensors.insert(fused.into(), (Dtype::F32, shape, data));
        });
        assert_names(&image_refusal(&path, Some(4)), &[unexpected]);
    }
}

/// 16 positions are those of 5×3 patches and a class token as well as those of 4×4 patches.
#[test]
fn the_described_size_of_images_decides_their_grid() {
    let sized = |size: &str| {
        let folder = altered("hf-vit-tiny", |tensors| {
            let table = (Dtype::F32, vec![1, 16, 24], vec![0; 16 * 24 * 4]);
            tensors.insert("vit.embeddings.position_embeddings".into(), table);
        });
        let path = folder.path().join("config.json");
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text.replace(r#""image_size": 12"#, &format!(r#""image_size": {size}"#))).unwrap();
        folder
    };
    for (size, extent, sequence) in [("[20, 12]", [20, 12], 16), ("16", [16, 16], 17)] {
        let config = load_image(sized(size).path()).config;
        assert_eq!(([config.rows, config.columns], config.sequence()), (extent, sequence), "{size}");
    }
    let message = image_refusal(sized("12").path(), None);
    assert_names(&message, &["16 positions are not those of the 3×3 patches that config.json's image_size makes"]);
}

/// The published image model with its arrays in another order of axes and bytes, as `numpy.savez` of turned arrays and
/// other machines write them.
fn reordered(fortran: bool, big_endian: bool) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".npz").tempfile().unwrap();
    let mut to = zip::ZipWriter::new(file.reopen().unwrap());
    let mut from = zip::ZipArchive::new(fs::File::open(fixture("vitnpz-tiny/vit.npz")).unwrap()).unwrap();
    for index in 0..from.len() {
        let mut member = from.by_index(index).unwrap();
        let mut bytes = Vec::new();
        member.read_to_end(&mut bytes).unwrap();
        let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = String::from_utf8(bytes[10..start].to_vec()).unwrap();
        let axes = header.split_once('(').unwrap().1.split_once(')').unwrap().0;
        let axes: Vec<usize> = axes.split(',').filter_map(|axis| axis.trim().parse().ok()).collect();
        let values = floats(&bytes[start..]);
        let values = if fortran { first_axis_fastest(&values, &axes) } else { values };
        let elements =
            values.into_iter().flat_map(|value| if big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
        let header = header
            .replace("False", if fortran { "True " } else { "False" })
            .replace("<f4", if big_endian { ">f4" } else { "<f4" });
        to.start_file(member.name().unwrap(), zip::write::SimpleFileOptions::default()).unwrap();
        to.write_all(&[&bytes[..10], header.as_bytes(), &elements.collect::<Vec<_>>()].concat()).unwrap();
    }
    to.finish().unwrap();
    file
}

fn first_axis_fastest(values: &[f32], axes: &[usize]) -> Vec<f32> {
    // The last axis first, then by recursion the others.
    let [rest @ .., last] = axes else { return values.to_vec() };
    let columns = (0..*last).map(|column| values.iter().skip(column).step_by(*last).copied().collect::<Vec<_>>());
    columns.flat_map(|column| first_axis_fastest(&column, rest)).collect()
}

#[test]
fn arrays_of_numpy_lie_in_any_order() {
    assert_eq!(first_axis_fastest(&[0.0, 1.0, 2.0, 10.0, 11.0, 12.0], &[2, 3]), [0.0, 10.0, 1.0, 11.0, 2.0, 12.0]);
    for (fortran, big_endian) in [(true, false), (false, true), (true, true)] {
        assert_same(&load_image(reordered(fortran, big_endian).path()), &published());
    }
}

#[test]
fn buffers_of_an_image_model_are_left_out_and_further_parameters_are_not() {
    let (_folder, path) = altered_image("vit.safetensors", |tensors| {
        tensors.insert("step".into(), (Dtype::I64, vec![], vec![0; 8]));
        tensors.insert("loss/class_weights".into(), (Dtype::F32, vec![2], vec![0; 8]));
    });
    let image = load_image(&path);
    assert_same(&image, &published());
    assert_names(&image.notes.join("\n"), &["2 tensors that the model does not use", "loss/class_weights", "step"]);
    let (_folder, path) = altered_image("vit.safetensors", |tensors| {
        tensors.insert("registers".into(), (Dtype::F32, vec![1, 4, 24], vec![0; 384]));
    });
    assert_names(&image_refusal(&path, None), &["1 tensor unexpected", "unexpected: registers"]);
}
