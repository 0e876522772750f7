//! Checkpoints as their users meet them: published, renamed, sharded, in half precision, incomplete and damaged.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use tempfile::TempDir;
use tubelet::checkpoint::{Checkpoint, Hub, Provenance, load_with};
use tubelet::tensor::{Closeness, Error, ErrorKind, Tensor, Tolerance};
use tubelet::vivit::{Config, Gelu, Grid};

mod bad_files;
mod bytes;
mod dinov2;
mod flax_file;
#[cfg(feature = "hub")]
mod hostile_hub;
mod hub;
#[cfg(feature = "npz")]
mod image;
mod native;
mod saved;
mod scenic;
mod scenic_written;
mod strays;
mod untrained;

const FIXTURES: [&str; 7] = [
    "hf-tiny",
    "hf-odd",
    "hf-ragged",
    "hf-sensitive",
    "hf-vit-tiny/video-average-t2-grid4",
    "hf-vit-tiny/video-average-t3-grid3",
    "hf-vit-tiny/video-central-t2-grid3",
];

/// The names of release 4 and what release 5 calls them.
const RENAMED: [(&str, &str); 7] = [
    ("encoder.layer.", "layers."),
    ("attention.attention.query", "attention.q_proj"),
    ("attention.attention.key", "attention.k_proj"),
    ("attention.attention.value", "attention.v_proj"),
    ("attention.output.dense", "attention.o_proj"),
    ("intermediate.dense", "mlp.fc1"),
    (".output.dense", ".mlp.fc2"),
];

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn load(folder: &Path) -> Result<Checkpoint, Error> {
    load_with(folder.to_str().unwrap(), &Hub::default())
}

#[track_caller]
fn refusal(folder: &Path) -> String {
    match load(folder) {
        Ok(_) => panic!("{} was loaded", folder.display()),
        Err(error) => error.to_string(),
    }
}

#[track_caller]
fn assert_names(message: &str, culprits: &[&str]) {
    for culprit in culprits {
        assert!(message.contains(culprit), "no `{culprit}` in: {message}");
    }
}

/// Stored tensors by name, to be changed and written again.
type Stored = BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

fn stored(file: &Path) -> Stored {
    let bytes = fs::read(file).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    tensors
        .iter()
        .map(|(name, view)| (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec())))
        .collect()
}

fn write(file: &Path, tensors: &Stored) {
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, data))| (name.as_str(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
    fs::write(file, safetensors::serialize(views, None).unwrap()).unwrap();
}

/// A copy of a fixture's configuration and weights, the latter changed.
fn altered(name: &str, change: impl FnOnce(&mut Stored)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture(name).join("config.json"), folder.path().join("config.json")).unwrap();
    let mut tensors = stored(&fixture(name).join("model.safetensors"));
    change(&mut tensors);
    write(&folder.path().join("model.safetensors"), &tensors);
    folder
}

fn rename(tensors: &mut Stored, new_name: impl Fn(&str) -> String) {
    *tensors = std::mem::take(tensors).into_iter().map(|(name, tensor)| (new_name(&name), tensor)).collect();
}

fn assert_same_weights(actual: &Checkpoint, expected: &Checkpoint, tolerance: Tolerance) {
    assert_eq!(actual.config, expected.config);
    for name in expected.parameters.names() {
        let closeness =
            Closeness::between(&actual.parameters.tensor(name).unwrap(), &expected.parameters.tensor(name).unwrap());
        let closeness = closeness.unwrap();
        assert!(closeness.within(tolerance), "{name}: {closeness}");
    }
}

#[test]
fn every_fixture_loads_complete() {
    for name in FIXTURES {
        let checkpoint = load(&fixture(name)).unwrap();
        assert_eq!(checkpoint.provenance, Provenance::HuggingFace);
        assert!(checkpoint.source.ends_with(name) && checkpoint.notes.is_empty());
        let specs = checkpoint.config.parameters().unwrap();
        assert_eq!(checkpoint.parameters.names(), specs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>());
        for spec in &specs {
            assert_eq!(checkpoint.parameters.shape(&spec.name).unwrap(), spec.shape, "{name} {}", spec.name);
            assert_eq!(*checkpoint.parameters.tensor(&spec.name).unwrap().shape(), spec.shape, "{name} {}", spec.name);
        }
        let labels = checkpoint.labels.unwrap();
        assert_eq!(labels, (0..checkpoint.config.classes).map(|id| format!("LABEL_{id}")).collect::<Vec<_>>());
    }
}

#[test]
fn the_configuration_is_obeyed() {
    let config = load(&fixture("hf-ragged")).unwrap().config;
    assert_eq!(config.grid(), Grid { temporal: 3, rows: 4, columns: 6 });
    assert_eq!((config.gelu, config.layer_norm_eps, config.qkv_bias), (Gelu::Erf, 1e-5, false));
    let config = load(&fixture("hf-odd")).unwrap().config;
    assert_eq!((config.gelu, config.layer_norm_eps, config.qkv_bias), (Gelu::Tanh, 1e-6, true));
    assert_eq!((config.sequence(), config.head_width(), config.hidden), (106, 12, 130));
}

fn tensor(checkpoint: &Checkpoint, name: &str) -> Vec<f32> {
    checkpoint.parameters.tensor(name).unwrap().as_f32().unwrap().to_vec()
}

fn expected(name: &str, tensor: &str) -> Tensor {
    let (dtype, shape, data) = stored(&fixture(name).join("expected.safetensors")).remove(tensor).unwrap();
    assert_eq!(dtype, Dtype::F32);
    Tensor::f32(shape, bytemuck::pod_collect_to_vec(&data)).unwrap()
}

/// The values of a `.npy` file of 32-bit floats.
fn npy(file: &Path) -> Vec<f32> {
    let bytes = fs::read(file).unwrap();
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    assert!(String::from_utf8_lossy(&bytes[..header]).contains("'<f4'"));
    bytemuck::pod_collect_to_vec(&bytes[header..])
}

/// The tubelet convolution of a clip `[B, F, P, Y, X]` in plain loops: `[B, T·S, C]`.
fn embed(config: &Config, kernel: &[f32], bias: &[f32], clip: &[f32]) -> Vec<f32> {
    let (grid, tubelet) = (config.grid(), config.tubelet);
    let mut tokens = Vec::new();
    for batch in 0..clip.len() / (config.frames * config.planes * config.rows * config.columns) {
        for token in 0..grid.tokens() {
            let (time, place) = (token / grid.spatial(), token % grid.spatial());
            let (row, column) = (place / grid.columns, place % grid.columns);
            for (channel, &bias) in bias.iter().enumerate() {
                let mut sum = f64::from(bias);
                let mut weights = kernel[channel * config.tubelet_values()..].iter();
                for plane in 0..config.planes {
                    for frame in 0..tubelet.frames {
                        for y in 0..tubelet.rows {
                            for x in 0..tubelet.columns {
                                let frame = batch * config.frames + time * tubelet.frames + frame;
                                let y = (frame * config.planes + plane) * config.rows + row * tubelet.rows + y;
                                let pixel = clip[y * config.columns + column * tubelet.columns + x];
                                sum += f64::from(*weights.next().unwrap()) * f64::from(pixel);
                            }
                        }
                    }
                }
                tokens.push(sum as f32);
            }
        }
    }
    tokens
}

#[test]
fn the_first_and_last_layer_agree_with_the_reference() {
    for name in FIXTURES {
        let checkpoint = load(&fixture(name)).unwrap();
        let config = &checkpoint.config;
        let kernel = tensor(&checkpoint, "embedding.kernel");
        let clip = npy(&fixture(name).join("clip.npy"));
        let wanted = expected(name, "patch_embeddings");
        let tokens = embed(config, &kernel, &tensor(&checkpoint, "embedding.bias"), &clip);
        let tokens = Tensor::f32(wanted.shape().clone(), tokens).unwrap();
        let closeness = Closeness::between(&tokens, &wanted).unwrap();
        assert!(closeness.within(Tolerance::KERNEL), "{name}: {closeness}");

        let wanted = expected(name, "logits");
        let encoded = expected(name, "sequence_output");
        let kernel = tensor(&checkpoint, "output_projection.kernel");
        let bias = tensor(&checkpoint, "output_projection.bias");
        let logits = encoded.as_f32().unwrap().chunks(config.sequence() * config.width).flat_map(|clip| {
            kernel.chunks(config.width).zip(&bias).map(move |(weights, bias)| {
                weights.iter().zip(clip).map(|(weight, value)| weight * value).sum::<f32>() + bias
            })
        });
        let logits = Tensor::f32(wanted.shape().clone(), logits.collect()).unwrap();
        let closeness = Closeness::between(&logits, &wanted).unwrap();
        assert!(closeness.within(Tolerance::MODEL), "{name}: {closeness}");
    }
}

#[test]
fn names_of_release_5_are_the_same_model() {
    let folder = altered("hf-odd", |tensors| {
        rename(tensors, |name| RENAMED.iter().fold(name.to_owned(), |name, (old, new)| name.replace(old, new)));
        assert!(tensors.contains_key("vivit.layers.2.attention.o_proj.weight"));
        assert!(tensors.contains_key("vivit.layers.2.mlp.fc2.bias"));
    });
    assert_same_weights(&load(folder.path()).unwrap(), &load(&fixture("hf-odd")).unwrap(), Tolerance::EXACT);
}

#[test]
fn the_prefix_may_be_absent_and_a_pooler_present() {
    let folder = altered("hf-tiny", |tensors| {
        rename(tensors, |name| name.trim_start_matches("vivit.").to_owned());
        let weight = tensors["classifier.bias"].clone();
        tensors.insert("pooler.dense.bias".into(), weight);
    });
    assert_same_weights(&load(folder.path()).unwrap(), &load(&fixture("hf-tiny")).unwrap(), Tolerance::EXACT);
}

#[test]
fn an_encoder_alone_has_no_head() {
    let folder = altered("hf-tiny", |tensors| {
        rename(tensors, |name| name.trim_start_matches("vivit.").to_owned());
        tensors.retain(|name, _| !name.starts_with("classifier."));
    });
    let checkpoint = load(folder.path()).unwrap();
    assert_eq!((checkpoint.config.classes, checkpoint.labels), (0, None));
    assert!(checkpoint.notes[0].contains("no classifier"), "{:?}", checkpoint.notes);
    assert!(checkpoint.parameters.tensor("output_projection.kernel").is_err());
}

#[test]
fn shards_are_one_model() {
    let folder = sharded("hf-odd");
    assert!(!folder.path().join("model.safetensors").exists());
    assert_same_weights(&load(folder.path()).unwrap(), &load(&fixture("hf-odd")).unwrap(), Tolerance::EXACT);
}

/// A fixture with its weights in two shards, every other tensor in the second.
fn sharded(name: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::copy(fixture(name).join("config.json"), folder.path().join("config.json")).unwrap();
    let mut shards = [Stored::new(), Stored::new()];
    let mut map = serde_json::Map::new();
    for (index, (name, tensor)) in stored(&fixture(name).join("model.safetensors")).into_iter().enumerate() {
        map.insert(name.clone(), shard_name(index % 2).into());
        shards[index % 2].insert(name, tensor);
    }
    for (index, shard) in shards.iter().enumerate() {
        write(&folder.path().join(shard_name(index)), shard);
    }
    let index = serde_json::json!({ "metadata": { "total_size": 1 }, "weight_map": map });
    fs::write(folder.path().join("model.safetensors.index.json"), index.to_string()).unwrap();
    folder
}

fn shard_name(index: usize) -> String {
    format!("model-0000{}-of-00002.safetensors", index + 1)
}

fn converted(name: &str, dtype: Dtype, convert: impl Fn(f32) -> Vec<u8>) -> TempDir {
    altered(name, |tensors| {
        for (stored, _, data) in tensors.values_mut() {
            *stored = dtype;
            *data = bytemuck::pod_collect_to_vec::<u8, f32>(data).into_iter().flat_map(&convert).collect();
        }
    })
}

#[test]
fn other_precisions_become_32_bit_floats() {
    use half::{bf16, f16};
    let original = load(&fixture("hf-tiny")).unwrap();
    let rounded = |share| Tolerance { relative_l2: share, share_of_peak: share };
    let folder = converted("hf-tiny", Dtype::F16, |value| f16::from_f32(value).to_le_bytes().into());
    assert_same_weights(&load(folder.path()).unwrap(), &original, rounded(1.0 / 2048.0));
    let folder = converted("hf-tiny", Dtype::BF16, |value| bf16::from_f32(value).to_le_bytes().into());
    assert_same_weights(&load(folder.path()).unwrap(), &original, rounded(1.0 / 256.0));
    let folder = converted("hf-tiny", Dtype::F64, |value| f64::from(value).to_le_bytes().into());
    assert_same_weights(&load(folder.path()).unwrap(), &original, Tolerance::EXACT);
}

#[test]
fn the_preprocessor_comes_along_as_it_is() {
    let folder = altered("hf-tiny", |_| {});
    assert_eq!(load(folder.path()).unwrap().preprocessor, None);
    fs::write(folder.path().join("preprocessor_config.json"), "{\"size\": 1}\n").unwrap();
    assert_eq!(
        load(folder.path()).unwrap().preprocessor.as_ref().map(|file| file.text.as_str()),
        Some("{\"size\": 1}\n")
    );
}

#[test]
fn tensors_can_be_read_from_several_threads() {
    let checkpoint = load(&fixture("hf-tiny")).unwrap();
    let names = checkpoint.parameters.names();
    let alone: Vec<_> = names.iter().map(|name| checkpoint.parameters.tensor(name).unwrap()).collect();
    let together: Vec<_> = std::thread::scope(|scope| {
        let read = |name| checkpoint.parameters.tensor(name).unwrap();
        let threads: Vec<_> = names.iter().map(|name| scope.spawn(move || read(name))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(alone, together);
}

#[test]
fn an_unknown_parameter_is_the_callers_mistake() {
    let checkpoint = load(&fixture("hf-tiny")).unwrap();
    for error in [checkpoint.parameters.tensor("clss").unwrap_err(), checkpoint.parameters.shape("clss").unwrap_err()] {
        assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("`clss`"), "{error}");
    }
}
