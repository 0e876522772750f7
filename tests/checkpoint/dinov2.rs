//! DINOv2 folders: written by a formula, computed by plain loops that scale where DINOv2 scales, and compared with the
//! video models that are begun from them.

use std::f64::consts::{FRAC_1_SQRT_2, FRAC_2_SQRT_PI};
use std::sync::Arc;

use serde_json::{Value, json};
use tubelet::checkpoint::{self, Trained};
use tubelet::kernels::ClipLayout;
use tubelet::vivit::initialise::{Inflation, Initialisation, from_scratch};
use tubelet::vivit::{Classifier, FactorisedEncoder, Temporal, Tubelet};
use tubelet::{Device, LoadOptions, Pass, Vivit};

use super::*;

const PATCH: usize = 14;
/// Rows and columns of patches.
const GRID: [usize; 2] = [2, 3];
const WIDTH: usize = 12;
const HEADS: usize = 3;
const HIDDEN: usize = 20;
const LAYERS: usize = 2;
const EPS: f64 = 1e-6;

/// The tensors of a `Dinov2Model`: element k of the i-th is base + reach·sin(0.37·k + 1.3·i).
fn tensors() -> Stored {
    let mut shapes = vec![
        ("embeddings.cls_token".to_owned(), vec![1, 1, WIDTH]),
        ("embeddings.mask_token".to_owned(), vec![1, WIDTH]),
        ("embeddings.position_embeddings".to_owned(), vec![1, 1 + GRID[0] * GRID[1], WIDTH]),
        ("embeddings.patch_embeddings.projection.weight".to_owned(), vec![WIDTH, 3, PATCH, PATCH]),
        ("embeddings.patch_embeddings.projection.bias".to_owned(), vec![WIDTH]),
    ];
    let mut vectors = vec!["layernorm.weight".to_owned(), "layernorm.bias".to_owned()];
    for block in (0..LAYERS).map(|layer| format!("encoder.layer.{layer}")) {
        vectors.extend(["norm1", "norm2"].iter().flat_map(|norm| {
            let block = &block;
            ["weight", "bias"].map(|leaf| format!("{block}.{norm}.{leaf}"))
        }));
        vectors.extend([1, 2].map(|index| format!("{block}.layer_scale{index}.lambda1")));
        for (path, outputs, inputs) in [
            ("attention.attention.query", WIDTH, WIDTH),
            ("attention.attention.key", WIDTH, WIDTH),
            ("attention.attention.value", WIDTH, WIDTH),
            ("attention.output.dense", WIDTH, WIDTH),
            ("mlp.fc1", HIDDEN, WIDTH),
            ("mlp.fc2", WIDTH, HIDDEN),
        ] {
            shapes.push((format!("{block}.{path}.weight"), vec![outputs, inputs]));
            shapes.push((format!("{block}.{path}.bias"), vec![outputs]));
        }
    }
    shapes.extend(vectors.into_iter().map(|name| (name, vec![WIDTH])));
    let tensor = |(index, (name, shape)): (usize, (String, Vec<usize>))| {
        let (base, reach) = match &*name {
            scale if scale.ends_with("lambda1") => (0.6, 0.5),
            norm if norm.contains("norm") && norm.ends_with("weight") => (1.0, 0.25),
            kernel if kernel.ends_with("projection.weight") => (0.0, 0.05),
            _ => (0.0, 0.25),
        };
        let value = |k: usize| (base + reach * (0.37 * k as f64 + 1.3 * index as f64).sin()) as f32;
        let data: Vec<u8> = (0..shape.iter().product::<usize>()).flat_map(|k| value(k).to_le_bytes()).collect();
        (name, (Dtype::F32, shape, data))
    };
    shapes.into_iter().enumerate().map(tensor).collect()
}

/// A folder with the model, changed.
fn folder(change: impl FnOnce(&mut Stored, &mut Value)) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let mut config = json!({
        "architectures": ["Dinov2Model"], "model_type": "dinov2", "hidden_size": WIDTH, "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS, "mlp_ratio": 2, "hidden_act": "gelu", "layer_norm_eps": EPS,
        "image_size": GRID.map(|patches| patches * PATCH), "patch_size": PATCH, "num_channels": 3, "qkv_bias": true,
        "layerscale_value": 1.0, "drop_path_rate": 0.0, "use_swiglu_ffn": false
    });
    let mut tensors = tensors();
    change(&mut tensors, &mut config);
    write(&folder.path().join("model.safetensors"), &tensors);
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder
}

fn load_image(path: &Path) -> Trained {
    checkpoint::load_image(path.to_str().unwrap(), &Hub::default(), None).unwrap_or_else(|error| panic!("{error}"))
}

#[track_caller]
fn assert_refused(culprits: &[&str], change: impl FnOnce(&mut Stored, &mut Value)) {
    let folder = folder(change);
    match checkpoint::load_image(folder.path().to_str().unwrap(), &Hub::default(), None) {
        Ok(image) => panic!("a model with {culprits:?} was loaded: {}", image.config),
        Err(error) => assert_names(&error.to_string(), culprits),
    }
}

fn floats(tensors: &Stored, name: &str) -> Vec<f32> {
    bytemuck::pod_collect_to_vec(&tensors[name].2)
}

#[test]
fn a_folder_is_a_plain_image_transformer() {
    let folder = folder(|_, _| ());
    let Trained { config, notes, .. } = load_image(folder.path());
    assert_eq!((config.rows, config.columns, config.tubelet.rows), (28, 42, PATCH));
    assert_eq!((config.width, config.layers, config.heads, config.hidden), (WIDTH, LAYERS, HEADS, HIDDEN));
    assert_eq!((config.gelu, config.layer_norm_eps, config.classes), (Gelu::Erf, 1e-6, 0));
    assert_eq!((config.classifier, config.sequence()), (Classifier::Token, 7));
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert_names(&notes[0], &["0.485", "rescale_factor"]);
}

#[test]
fn scales_are_folded_into_the_projections_before_them() {
    let folder = folder(|_, _| ());
    let (tensors, Trained { parameters, .. }) = (tensors(), load_image(folder.path()));
    for (name, projection, scale) in [
        ("MultiHeadDotProductAttention_0.out", "attention.output.dense", "layer_scale1"),
        ("MlpBlock_0.Dense_1", "mlp.fc2", "layer_scale2"),
    ] {
        let scales = floats(&tensors, &format!("encoder.layer.1.{scale}.lambda1"));
        for (leaf, stored) in [("kernel", "weight"), ("bias", "bias")] {
            let unscaled = floats(&tensors, &format!("encoder.layer.1.{projection}.{stored}"));
            let rows = unscaled.chunks(unscaled.len() / WIDTH).zip(&scales);
            let expected: Vec<_> = rows.flat_map(|(row, scale)| row.iter().map(move |value| value * scale)).collect();
            let found = parameters.tensor(&format!("Transformer.encoderblock_1.{name}.{leaf}")).unwrap();
            assert_eq!(found.as_f32().unwrap(), expected, "{name}.{leaf}");
        }
    }
    let hidden = parameters.tensor("Transformer.encoderblock_0.MlpBlock_0.Dense_0.kernel").unwrap();
    assert_eq!(hidden.as_f32().unwrap(), floats(&tensors, "encoder.layer.0.mlp.fc1.weight"));
}

#[test]
fn a_classifier_is_left_out_and_that_is_said() {
    let bare = folder(|_, _| ());
    let classifier = folder(|tensors, _| {
        rename(tensors, |name| format!("dinov2.{name}"));
        tensors.insert("classifier.weight".into(), (Dtype::F32, vec![6, 2 * WIDTH], vec![0; 6 * 2 * WIDTH * 4]));
        tensors.insert("classifier.bias".into(), (Dtype::F32, vec![6], vec![0; 24]));
    });
    let [bare, image] = [&bare, &classifier].map(|folder| load_image(folder.path()));
    assert_eq!(image.config, bare.config);
    assert_eq!(image.notes.len(), 2, "{:?}", image.notes);
    assert_names(&image.notes[1], &["classifier", "mean of the patches"]);
    for name in bare.parameters.names() {
        assert_eq!(image.parameters.tensor(name).unwrap(), bare.parameters.tensor(name).unwrap(), "{name}");
    }
}

#[test]
fn without_a_configuration_the_shapes_tell_all_but_the_heads() {
    let folder = folder(|tensors, _| {
        // 2×2 patches: without a configuration images are squares.
        let (_, shape, data) = tensors.get_mut("embeddings.position_embeddings").unwrap();
        shape[1] = 5;
        data.truncate(5 * WIDTH * 4);
    });
    fs::remove_file(folder.path().join("config.json")).unwrap();
    let image = checkpoint::load_image(folder.path().to_str().unwrap(), &Hub::default(), Some(HEADS)).unwrap();
    assert_eq!((image.config.rows, image.config.heads, image.config.gelu), (28, HEADS, Gelu::Erf));
}

#[test]
fn what_no_video_model_computes_is_refused() {
    assert_refused(&["gated (SwiGLU", "take DINOv2 small, base or large"], |_, config| {
        config["use_swiglu_ffn"] = true.into();
    });
    assert_refused(&["gated (SwiGLU"], |tensors, _| {
        rename(tensors, |name| name.replace("mlp.fc1", "mlp.weights_in").replace("mlp.fc2", "mlp.weights_out"));
    });
    assert_refused(&["register tokens", "without registers"], |tensors, _| {
        tensors.insert("embeddings.register_tokens".into(), (Dtype::F32, vec![1, 4, WIDTH], vec![0; 16 * WIDTH]));
    });
    assert_refused(&["register tokens"], |_, config| config["model_type"] = "dinov2_with_registers".into());
    assert_refused(&["model_type is `depth_anything`"], |_, config| config["model_type"] = "depth_anything".into());
    assert_refused(&["hidden_act is `silu`"], |_, config| config["hidden_act"] = "silu".into());
}

/// A scale that is not there would be taken for one, and one that does not fit must not be left out.
#[test]
fn every_scale_must_be_there_and_fit() {
    let scale = "encoder.layer.1.layer_scale2.lambda1";
    assert_refused(&["holds no plain DINOv2", scale, "mlp.fc2"], |tensors, _| {
        tensors.remove(scale);
    });
    assert_refused(&[scale], |tensors, _| {
        tensors.insert(scale.into(), (Dtype::F32, vec![WIDTH + 1], vec![0; 4 * (WIDTH + 1)]));
    });
    assert_refused(&[scale, "elements of I32"], |tensors, _| {
        tensors.insert(scale.into(), (Dtype::I32, vec![WIDTH], vec![0; 4 * WIDTH]));
    });
}

type Tokens = Vec<Vec<f64>>;

/// DINOv2 on one picture, in plain loops and f64.
struct Naive<'a>(&'a Stored);

impl Naive<'_> {
    /// Every token behind the last LayerNorm, the class token first, of a picture `[P, Y, X]`.
    fn tokens(&self, picture: &[f32]) -> Tokens {
        let mut x = vec![self.values("embeddings.cls_token")];
        x.extend(self.patches(picture));
        let positions = self.values("embeddings.position_embeddings");
        for (token, position) in x.iter_mut().zip(positions.chunks(WIDTH)) {
            token.iter_mut().zip(position).for_each(|(value, position)| *value += position);
        }
        for block in (0..LAYERS).map(|layer| format!("encoder.layer.{layer}")) {
            let attended = self.attention(&format!("{block}.attention"), &self.norm(&format!("{block}.norm1"), &x));
            self.add_scaled(&mut x, &format!("{block}.layer_scale1.lambda1"), &attended);
            let mut hidden = self.dense(&format!("{block}.mlp.fc1"), &self.norm(&format!("{block}.norm2"), &x));
            hidden.iter_mut().flatten().for_each(|value| *value *= 0.5 * (1.0 + erf(*value * FRAC_1_SQRT_2)));
            let output = self.dense(&format!("{block}.mlp.fc2"), &hidden);
            self.add_scaled(&mut x, &format!("{block}.layer_scale2.lambda1"), &output);
        }
        self.norm("layernorm", &x)
    }

    fn values(&self, name: &str) -> Vec<f64> {
        floats(self.0, name).into_iter().map(f64::from).collect()
    }

    fn patches(&self, picture: &[f32]) -> Tokens {
        let [height, width] = GRID.map(|patches| patches * PATCH);
        let patch = |place: usize| {
            let (top, left) = (place / GRID[1] * PATCH, place % GRID[1] * PATCH);
            let pixel = |at: usize| {
                let (plane, y, x) = (at / (PATCH * PATCH), top + at / PATCH % PATCH, left + at % PATCH);
                f64::from(picture[(plane * height + y) * width + x])
            };
            (0..3 * PATCH * PATCH).map(pixel).collect()
        };
        let patches: Tokens = (0..GRID[0] * GRID[1]).map(patch).collect();
        self.dense("embeddings.patch_embeddings.projection", &patches)
    }

    fn dense(&self, path: &str, x: &[Vec<f64>]) -> Tokens {
        let [weight, bias] = ["weight", "bias"].map(|leaf| self.values(&format!("{path}.{leaf}")));
        let output = |token: &[f64], row: usize| {
            let products = token.iter().zip(&weight[row * token.len()..]).map(|(value, weight)| value * weight);
            bias[row] + products.sum::<f64>()
        };
        x.iter().map(|token| (0..bias.len()).map(|row| output(token, row)).collect()).collect()
    }

    fn norm(&self, path: &str, x: &[Vec<f64>]) -> Tokens {
        let [scale, shift] = ["weight", "bias"].map(|leaf| self.values(&format!("{path}.{leaf}")));
        let normalised = |token: &Vec<f64>| {
            let mean = token.iter().sum::<f64>() / WIDTH as f64;
            let variance = token.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / WIDTH as f64;
            let value =
                |channel: usize| (token[channel] - mean) / (variance + EPS).sqrt() * scale[channel] + shift[channel];
            (0..WIDTH).map(value).collect()
        };
        x.iter().map(normalised).collect()
    }

    fn attention(&self, path: &str, x: &[Vec<f64>]) -> Tokens {
        let [query, key, value] =
            ["query", "key", "value"].map(|part| self.dense(&format!("{path}.attention.{part}"), x));
        let head_width = WIDTH / HEADS;
        let mixed = |token: usize, channel: usize| {
            let head = channel / head_width * head_width..(channel / head_width + 1) * head_width;
            let weight = |other: usize| {
                let score: f64 = head.clone().map(|channel| query[token][channel] * key[other][channel]).sum();
                (score / (head_width as f64).sqrt()).exp()
            };
            let weights: Vec<f64> = (0..x.len()).map(weight).collect();
            let sum: f64 = weights.iter().zip(&value).map(|(weight, value)| weight * value[channel]).sum();
            sum / weights.iter().sum::<f64>()
        };
        let mixed: Tokens =
            (0..x.len()).map(|token| (0..WIDTH).map(|channel| mixed(token, channel)).collect()).collect();
        self.dense(&format!("{path}.output.dense"), &mixed)
    }

    /// Adds a branch, scaled by the layer scale of this name.
    fn add_scaled(&self, x: &mut [Vec<f64>], scale: &str, branch: &[Vec<f64>]) {
        let scales = self.values(scale);
        for (token, branch) in x.iter_mut().zip(branch) {
            for ((value, branch), scale) in token.iter_mut().zip(branch).zip(&scales) {
                *value += scale * branch;
            }
        }
    }
}

/// By its Taylor series.
fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..150 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    FRAC_2_SQRT_PI * sum
}

/// What the spatial encoder of a Model 2 that is begun from `image` makes of a clip that shows `picture` throughout: all
/// tokens of each temporal index, then what becomes of each temporal index.
fn of_still_clip(image: &Trained, rules: Initialisation, picture: &[f32]) -> [Vec<f32>; 2] {
    let target = image
        .config
        .clone()
        .model(FactorisedEncoder::default().temporal(Temporal::Mean).into())
        .frames(6)
        .frame_sampling(None)
        .tubelet(Tubelet { frames: 2, ..image.config.tubelet })
        .classes(5);
    let start = from_scratch(&target, 0).unwrap();
    let made = rules.apply(&image.config, image.parameters.clone(), &target, start).unwrap();
    let clip = [1, target.frames, target.planes, target.rows, target.columns];
    let clip = Tensor::f32(clip, picture.repeat(target.frames)).unwrap();
    let begun = checkpoint::untrained(target, 0).unwrap().parameters(Arc::new(made));
    let model = Vivit::from_checkpoint(&Device::references(), begun, LoadOptions::new()).unwrap();
    let names = ["spatial.sequence_output", "frame_representation"];
    let pass = names.iter().fold(Pass::new().layout(ClipLayout::Btchw), |pass, name| pass.tap(*name));
    let found = model.forward(pass.over(&clip)).unwrap();
    names.map(|name| found[name].as_f32().unwrap().to_vec())
}

/// How far values at any temporal index are from those of the picture.
fn furthest(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), 3 * expected.len());
    assert!(found.iter().all(|value| value.is_finite()));
    let distance = |(found, expected): (&f32, &f64)| (f64::from(*found) - expected).abs();
    found.iter().zip(expected.iter().cycle()).map(distance).fold(0.0, f64::max)
}

#[track_caller]
fn assert_seen_as_by(expected: &[f64], image: &Trained, picture: &[f32]) {
    for inflation in [Inflation::Central, Inflation::Average] {
        let rules = Initialisation::new().inflation(inflation).copy_cls_to_spatial(true);
        let [tokens, frames] = of_still_clip(image, rules, picture);
        let of_tokens = furthest(&tokens, expected);
        let of_frames = furthest(&frames, &expected[..image.config.width]);
        assert!(of_tokens < 1e-5 && of_frames < 1e-5, "{inflation}: {of_tokens:e} and {of_frames:e}");
    }
    // The comparison tells: late frames count for and early ones against, or another class token.
    let pooled = Initialisation::new().inflation(Inflation::ApproximateRankPooling).copy_cls_to_spatial(true);
    for rules in [pooled, Initialisation::new()] {
        let [tokens, _] = of_still_clip(image, rules, picture);
        assert!(furthest(&tokens, expected) > 1e-3, "{rules:?}");
    }
}

#[test]
fn model_2_sees_a_still_picture_as_dinov2_does() {
    let pixels = 3 * GRID[0] * GRID[1] * PATCH * PATCH;
    let picture: Vec<f32> = (0..pixels).map(|pixel| (0.11 * pixel as f64).cos() as f32).collect();
    let folder = folder(|_, _| ());
    let expected = Naive(&tensors()).tokens(&picture).concat();
    assert_seen_as_by(&expected, &load_image(folder.path()), &picture);
}

/// The image model as the transformers library computed it, with its erf and an eps of 1e-12.
#[test]
fn model_2_sees_a_still_picture_as_an_image_model_does() {
    let image = load_image(&fixture("hf-vit-tiny"));
    let [pictures, expected] = [
        npy(&fixture("hf-vit-tiny/image.npy")),
        expected("hf-vit-tiny", "image.sequence_output").as_f32().unwrap().to_vec(),
    ];
    let [pixels, values] = [&pictures, &expected].map(|both| both.len() / 2);
    for (picture, expected) in pictures.chunks(pixels).zip(expected.chunks(values)) {
        let expected: Vec<_> = expected.iter().copied().map(f64::from).collect();
        assert_seen_as_by(&expected, &image, picture);
    }
}
