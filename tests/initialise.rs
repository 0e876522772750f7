//! Video models from trained ones: equal to what the original implementation made of the same image model, tensor by
//! tensor; copies bit for bit, interpolations to 1e-6.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, in its helpers too")]

mod common;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use common::data;
use safetensors::SafeTensors;
use serde_json::Value;
use tubelet::checkpoint::{self, Hints, Hub, Trained, load_trained};
use tubelet::graph::Weights;
use tubelet::tensor::{Error, Result, Shape, Tensor};
use tubelet::vivit::initialise::{
    Inflation, Initialisation, Initialised, ParameterOrigin, PositionTable, Positions, TemporalAttention, from_scratch,
    inflate,
};
use tubelet::vivit::{
    Classifier, Config, EncoderSize, FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention, FrameSampling,
    Gelu, Grid, Joint, Model, Order, Parameters, Temporal, Tubelet,
};

/// Tensors in memory.
#[derive(Debug)]
struct Held(BTreeMap<String, Tensor>);

impl Parameters for Held {
    fn names(&self) -> Vec<&str> {
        self.0.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        self.tensor(name).map(|tensor| tensor.shape().clone())
    }
}

impl Weights for Held {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        self.0.get(name).cloned().ok_or_else(|| Error::usage(format!("no {name}")))
    }
}

/// The f32 tensors of a file, by name.
fn stored(path: &Path) -> BTreeMap<String, Tensor> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let tensor = |view: &safetensors::tensor::TensorView<'_>| {
        Tensor::f32(view.shape(), bytemuck::pod_collect_to_vec(view.data())).unwrap()
    };
    let floats = file.iter().filter(|(_, view)| view.dtype() == safetensors::Dtype::F32);
    floats.map(|(name, view)| (name.to_owned(), tensor(&view))).collect()
}

/// A file of Flax parameters, as PyTorch would have them: by dotted names, each kernel's outputs first.
fn flax(path: &Path) -> Held {
    let turned = |(name, tensor): (String, Tensor)| {
        let axes = tensor.shape().axes().to_vec();
        let tensor = match (name.rsplit('/').nth(1).unwrap(), name.ends_with("/kernel"), axes.as_slice()) {
            ("embedding", true, [tubelet @ .., planes, outputs]) => {
                let whole: usize = tubelet.iter().product();
                let shape = [&[*outputs, *planes], tubelet].concat();
                gathered(
                    &tensor,
                    shape,
                    |[output, plane, place]| (place * planes + plane) * outputs + output,
                    [*outputs, *planes, whole],
                )
            }
            ("out", true, &[heads, width, outputs]) => transposed(&tensor, heads * width, outputs),
            (_, true, [inputs, outputs @ ..]) => transposed(&tensor, *inputs, outputs.iter().product()),
            ("query" | "key" | "value", false, &[heads, width]) => tensor.reshaped([heads * width]).unwrap(),
            _ => tensor,
        };
        (name.replace('/', "."), tensor)
    };
    let named = |(name, tensor): (String, Tensor)| match name.contains('/') {
        true => turned((name, tensor)),
        false => (name, tensor),
    };
    Held(stored(path).into_iter().map(named).collect())
}

fn transposed(tensor: &Tensor, inputs: usize, outputs: usize) -> Tensor {
    gathered(tensor, vec![outputs, inputs], |[output, input, _]| input * outputs + output, [outputs, inputs, 1])
}

fn gathered(tensor: &Tensor, shape: Vec<usize>, from: impl Fn([usize; 3]) -> usize, axes: [usize; 3]) -> Tensor {
    let values = tensor.as_f32().unwrap();
    let indices = (0..axes.iter().product())
        .map(|index: usize| [index / (axes[1] * axes[2]), index / axes[2] % axes[1], index % axes[2]]);
    Tensor::f32(shape, indices.map(|index| values[from(index)]).collect()).unwrap()
}

fn whole(value: &Value) -> usize {
    value.as_u64().unwrap_or_else(|| panic!("{value} is no whole number")) as usize
}

/// The shape that a variant's description asks for.
fn target(variant: &Value) -> Config {
    let (model, clip) = (&variant["config"]["model"], &variant["config"]["dataset_configs"]);
    let encoder = |of: &Value| EncoderSize {
        layers: whole(&of["num_layers"]),
        heads: whole(&of["num_heads"]),
        hidden: whole(&of["mlp_dim"]),
    };
    let (kind, size) = match model["attention_config"]["type"].as_str().unwrap() {
        "spacetime" => (Model::from(Joint), encoder(model)),
        "factorized_encoder" => {
            let temporal = Temporal::Encoder(encoder(&model["temporal_transformer"]));
            (FactorisedEncoder::default().temporal(temporal).into(), encoder(&model["spatial_transformer"]))
        }
        "factorized_self_attention_block" => {
            assert_eq!(model["attention_config"]["attention_order"], "time_space");
            (FactorisedSelfAttention::default().order(Order::TimeSpace).into(), encoder(model))
        }
        "factorized_dot_product_attention" => (FactorisedDotProduct::default().into(), encoder(model)),
        other => panic!("{other}"),
    };
    let sampled = &model["temporal_encoding_config"]["n_sampled_frames"];
    let patch = &model["patches"]["size"];
    Config::named("vit-b")
        .unwrap()
        .model(kind)
        .frames(whole(&clip["num_frames"]))
        .rows(whole(&clip["height"]))
        .columns(whole(&clip["width"]))
        .tubelet(Tubelet {
            frames: if sampled.is_null() { whole(&patch[2]) } else { 1 },
            rows: whole(&patch[0]),
            columns: whole(&patch[1]),
        })
        .frame_sampling(sampled.as_u64().map(|frames| FrameSampling::new(frames as usize)))
        .width(whole(&model["hidden_size"]))
        .layers(size.layers)
        .heads(size.heads)
        .hidden(size.hidden)
        .classes(whole(&clip["num_classes"]))
        .classifier(if model["classifier"] == "token" { Classifier::Token } else { Classifier::Mean })
}

/// What a variant's description says is to be taken over.
fn rules(variant: &Value) -> Initialisation {
    let (model, from) = (&variant["config"]["model"], &variant["config"]["init_from"]);
    let inflation = match model["temporal_encoding_config"]["kernel_init_method"].as_str() {
        Some("average_frame_initializer") => Inflation::Average,
        Some("average_arp_frame_initializer") => Inflation::ApproximateRankPooling,
        Some("central_frame_initializer") | None => Inflation::Central,
        Some(other) => panic!("{other}"),
    };
    let positions = match from["positional_embed_size_change"].as_str().unwrap() {
        "tile" => Positions::Tile,
        "resize" => Positions::Resize,
        "resize_tile" => Positions::ResizeTile,
        other => panic!("{other}"),
    };
    let temporal =
        match (&from["init_temporal_transformer"], &model["attention_config"]["attention_kernel_init_method"]) {
            (Value::Bool(false), init) if init == "zero" => TemporalAttention::ZeroAll,
            (Value::Bool(false), _) => TemporalAttention::Xavier,
            _ => TemporalAttention::Copy,
        };
    Initialisation::new()
        .inflation(from["restore_input_embedding"].as_bool().unwrap().then_some(inflation))
        .positions(from["restore_positional_embedding"].as_bool().unwrap().then_some(positions))
        .temporal(temporal)
        .keep_head(variant["restore_output_proj"].as_bool().unwrap())
}

fn variants() -> BTreeMap<String, Value> {
    serde_json::from_str(&std::fs::read_to_string(data("vitnpz-tiny/variants.json")).unwrap()).unwrap()
}

fn check(made: &Initialised, expected: &Held, what: &str) {
    let sorted = |mut names: Vec<&str>| {
        names.sort_unstable();
        names.join(" ")
    };
    assert_eq!(sorted(made.names()), sorted(expected.names()), "{what}");
    for (spec, origin) in made.origins() {
        let [found, expected] = [made.tensor(&spec.name).unwrap(), expected.tensor(&spec.name).unwrap()];
        assert_eq!(found.shape(), &spec.shape);
        assert_eq!(found.shape(), expected.shape(), "{what}: {}", spec.name);
        let computed = matches!(origin, ParameterOrigin::Positions(_) | ParameterOrigin::Inflated(_, _));
        close(&found, &expected, if computed { 1e-6 } else { 0.0 }, &format!("{what}: {} ({origin})", spec.name));
    }
}

fn close(found: &Tensor, expected: &Tensor, within: f32, what: &str) {
    for (index, (found, expected)) in found.as_f32().unwrap().iter().zip(expected.as_f32().unwrap()).enumerate() {
        let same = found.to_bits() == expected.to_bits();
        assert!(same || (found - expected).abs() < within, "{what}: element {index} is {found}, not {expected}");
    }
}

/// A trained model, from a file.
fn trained(file: &str) -> Trained {
    let hints = Hints::new().frames(6).size([12, 12]);
    load_trained(data(file).to_str().unwrap(), &Hub::default(), &hints, None).unwrap_or_else(|error| panic!("{error}"))
}

/// What the variant called `name` should become, from what is in `file`.
fn check_variant(name: &str, variant: &Value, file: &str) {
    let folder = data("vitnpz-tiny");
    let target = target(variant);
    let [start, expected] = ["init", "expected"].map(|state| flax(&folder.join(format!("{name}.{state}.safetensors"))));
    let Trained { config, parameters, .. } = trained(file);
    let made = rules(variant).apply(&config, parameters, &target, Arc::new(start)).unwrap();
    check(&made, &expected, &format!("{name} from {file}"));

    let start = flax(&folder.join(format!("{name}.init.safetensors")));
    let kept = made.origins().filter(|(spec, origin)| match origin {
        ParameterOrigin::Start => true,
        ParameterOrigin::Zero => start.tensor(&spec.name).unwrap().as_f32().unwrap().iter().all(|&value| value == 0.0),
        _ => false,
    });
    let mut kept: Vec<_> = kept.map(|(spec, _)| spec.name.replace('.', "/")).collect();
    kept.sort_unstable();
    let unchanged: Vec<_> = variant["unchanged_from_init"].as_array().unwrap().iter().collect();
    assert_eq!(kept, unchanged.iter().map(|name| name.as_str().unwrap()).collect::<Vec<_>>(), "{name}");
}

#[test]
fn every_variant_of_the_original() {
    let variants = variants();
    assert_eq!(variants.len(), 14);
    for (name, variant) in &variants {
        let files: &[_] = match name.as_str() {
            "model2-longer" => &["model2-source.safetensors"],
            _ => &["vit.npz", "vit_opt_target.npz", "vit_linen_names.safetensors"],
        };
        for file in files {
            check_variant(name, variant, &format!("vitnpz-tiny/{file}"));
        }
    }
}

/// The flags that say what `rules` says.
fn flags(rules: &Initialisation) -> Vec<&'static str> {
    let inflate = match rules.inflation {
        Some(Inflation::Central) => "central",
        Some(Inflation::Average) => "average",
        Some(Inflation::ApproximateRankPooling) => "arp",
        _ => "keep",
    };
    let positions = match rules.positions {
        Some(Positions::Tile) => "tile",
        Some(Positions::Resize) => "resize",
        Some(Positions::ResizeTile) => "resize_tile",
        _ => "keep",
    };
    let temporal = match rules.temporal {
        TemporalAttention::ZeroOut => "zero_out",
        TemporalAttention::ZeroAll => "zero_all",
        TemporalAttention::Copy => "copy",
        _ => "xavier",
    };
    let mut flags = vec!["--inflate", inflate, "--positions", positions, "--temporal", temporal];
    flags.extend(rules.keep_head.then_some("--keep-head"));
    flags
}

/// `tubelet init` with a variant's configuration, starting values and flags.
#[test]
fn the_program_makes_every_variant() {
    let folder = tempfile::tempdir().unwrap();
    for (name, variant) in &variants() {
        let [config, output] = ["json", "model"].map(|extension| folder.path().join(format!("{name}.{extension}")));
        std::fs::write(&config, variant["config"].to_string()).unwrap();
        let source = if name == "model2-longer" { "model2-source.safetensors" } else { "vit.npz" };
        let [from, start, expected] =
            [source, &format!("{name}.init.safetensors"), &format!("{name}.expected.safetensors")]
                .map(|file| data("vitnpz-tiny").join(file));
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_tubelet"));
        program.arg("init").arg("--from").arg(&from).arg("--config").arg(&config).arg("--start").arg(&start);
        let result = program.args(flags(&rules(variant))).arg("--output").arg(&output).output().unwrap();
        assert!(result.status.success(), "{name}: {}", String::from_utf8_lossy(&result.stderr));
        let made = checkpoint::load(output.to_str().unwrap()).unwrap();
        assert_eq!(made.config, target(variant), "{name}");
        let expected = flax(&expected);
        for tensor in made.parameters.names() {
            let [found, expected] = [made.parameters.tensor(tensor).unwrap(), expected.tensor(tensor).unwrap()];
            close(&found, &expected, 1e-6, &format!("{name}: {tensor}"));
        }
    }
}

/// Without flags the positions are resized where the sizes differ, and Model 3 begins without attention over time.
#[test]
fn the_program_has_sensible_defaults() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("model");
    let init = |more: &[&str]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_tubelet"));
        program.args(["init", "--model", "3", "--frames", "6", "--json", "--from"]).arg(data("vitnpz-tiny/vit.npz"));
        let result = program.arg("--output").arg(&output).args(more).output().unwrap();
        let [out, err] = [result.stdout, result.stderr].map(|text| String::from_utf8(text).unwrap());
        (result.status.code().unwrap(), out, err)
    };
    let (code, out, err) = init(&["--size", "20", "--classes", "7"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let report: Value = serde_json::from_str(&out).unwrap();
    let origins = report["origins"].as_array().unwrap();
    let from = |parameters: &str| {
        let group = origins.iter().find(|group| group["parameters"] == parameters);
        group.unwrap_or_else(|| panic!("{parameters} is not in {out}"))["from"].as_str().unwrap()
    };
    assert!(
        from("Transformer.posembed_input.pos_embedding")
            .ends_with("3×3, resized to 5×5, repeated over 3 temporal indices")
    );
    assert_eq!(from("Transformer.encoderblock_*.MultiHeadDotProductAttention_time.out"), "zero");
    assert_eq!(from("output_projection"), "starting values");
    let made = checkpoint::load(output.to_str().unwrap()).unwrap();
    assert_eq!((made.config.frames, made.config.rows, made.config.classes), (6, 20, 7));
    assert!(made.notes[0].contains("not trained on videos since"), "{:?}", made.notes);

    let (code, _, err) = init(&[]);
    assert_eq!(code, 2);
    assert!(err.contains("is there already") && err.contains("--force"), "{err}");
    assert_eq!(init(&["--force", "--keep-head"]).0, 0);
    assert_eq!(checkpoint::load(output.to_str().unwrap()).unwrap().config.classes, 8);
    for (more, culprit) in [
        (&["--force", "--tubelet", "8x2"][..], "cannot become one of"),
        (&["--force", "--size", "20", "--positions", "tile"], "resize_tile also resizes them over space"),
        (&["--force", "--positions", "resize"], "resize_tile also repeats them over time"),
        (&["--force", "--keep-head", "--classes", "3"], "8 classes, not 3"),
        (&["--force", "--classifier", "token"], "factorised self-attention"),
        (&["--config", "config.json"], "cannot be used with"),
    ] {
        let (code, _, err) = init(more);
        assert!(code == 2 && err.contains(culprit), "{more:?}: {code} {err}");
    }
}

/// The image model's form of GELU and its eps are kept; where they are not, a note says so.
#[test]
fn the_program_keeps_what_the_image_model_computes() {
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join("model");
    let init = |more: &[&str]| {
        let mut program = std::process::Command::new(env!("CARGO_BIN_EXE_tubelet"));
        program.args(["init", "--force", "--from"]).arg(data("hf-vit-tiny")).arg("--output").arg(&output).args(more);
        let result = program.output().unwrap();
        let notes = String::from_utf8(result.stderr).unwrap();
        assert!(result.status.success(), "{more:?}: {notes}");
        let made = checkpoint::load(output.to_str().unwrap()).unwrap().config;
        (made.gelu, made.layer_norm_eps, notes)
    };
    for form in [&[][..], &["--gelu", "exact"], &["--gelu", "as-image"]] {
        let (gelu, eps, notes) = init(&[&["--model", "2"], form].concat());
        assert_eq!((gelu, eps, notes.as_str()), (Gelu::Erf, 1e-12, ""), "{form:?}");
    }
    let (gelu, eps, notes) = init(&["--model", "2", "--gelu", "tanh"]);
    assert_eq!((gelu, eps), (Gelu::Tanh, 1e-12));
    assert!(notes.contains("GELU by tanh where it was by erf") && !notes.contains("eps"), "{notes}");

    // A configuration decides.
    let variants = variants();
    let config = folder.path().join("config.json");
    std::fs::write(&config, variants["model2-central"]["config"].to_string()).unwrap();
    let (gelu, eps, notes) = init(&["--config", config.to_str().unwrap()]);
    assert_eq!((gelu, eps), (Gelu::Tanh, 1e-6));
    assert!(notes.contains("GELU by tanh where it was by erf and LayerNorm with an eps of 1e-6"), "{notes}");
}

/// The folders of `hf-vit-tiny` hold Model 1 with all weights of the image model, its head too.
#[test]
fn hugging_face_models_from_an_image_model() {
    for (folder, inflation, positions) in [
        ("video-average-t2-grid4", Inflation::Average, Positions::ResizeTile),
        ("video-average-t3-grid3", Inflation::Average, Positions::Tile),
        ("video-central-t2-grid3", Inflation::Central, Positions::Tile),
    ] {
        let expected = checkpoint::load(data(&format!("hf-vit-tiny/{folder}")).to_str().unwrap()).unwrap();
        let Trained { config, parameters, .. } = trained("hf-vit-tiny");
        let rules = Initialisation::new().inflation(inflation).positions(positions).keep_head(true);
        let start = from_scratch(&expected.config, 0).unwrap();
        let made = rules.apply(&config, parameters, &expected.config, start).unwrap();
        assert!(made.origins().all(|(_, origin)| *origin != ParameterOrigin::Start), "{folder}");
        assert_eq!(made.unused(), Vec::<&str>::new());
        let names = expected.parameters.names().into_iter();
        let held = names.map(|name| (name.to_owned(), expected.parameters.tensor(name).unwrap())).collect();
        check(&made, &Held(held), folder);
    }
}

#[test]
fn position_functions_of_the_original() {
    let cases = stored(&data("vitnpz-tiny/functions.safetensors"));
    let sides = |text: &str| -> Vec<usize> { text.split('x').map(|side| side.parse().unwrap()).collect() };
    let mut compared = 0;
    for (name, input) in cases.iter().filter(|(name, _)| name.ends_with(".input")) {
        let [function, sizes, _] = name.split('.').collect::<Vec<_>>()[..] else { panic!("{name}") };
        let (from, to) = sizes.split_once("_to_").unwrap();
        let grid = |sides: Vec<usize>| match (function, sides.as_slice()) {
            ("interpolate_2d", &[rows, columns]) => Grid { temporal: 1, rows, columns },
            (_, &[temporal]) => Grid { temporal, rows: 1, columns: 1 },
            _ => panic!("{name}"),
        };
        let (from, to) = (grid(sides(from)), grid(sides(to)));
        let table = PositionTable::new(input.clone().reshaped([1, from.tokens(), 6]).unwrap(), from).unwrap();
        let (table, within) = match function {
            "tile" => (table.tiled(to.temporal).unwrap(), 0.0),
            _ => (table.resized(to).unwrap(), 1e-6),
        };
        close(&table.into_table().unwrap(), &cases[&name.replace("input", "output")], within, name);
        compared += 1;
    }
    assert_eq!(compared, 11);
}

#[test]
fn kernels_and_positions_of_a_hugging_face_image_model() {
    let image = stored(&data("hf-vit-tiny/model.safetensors"));
    let expected = stored(&data("hf-vit-tiny/expected.safetensors"));
    let kernel = &image["vit.embeddings.patch_embeddings.projection.weight"];
    let grid = |temporal, side| Grid { temporal, rows: side, columns: side };
    let mut compared = 0;
    for (name, expected) in &expected {
        let parts: Vec<_> = name.split('.').collect();
        let found = match parts[..] {
            ["inflated", method, frames] => {
                let (inflation, frames) = match method {
                    "central" => (Inflation::Central, &frames[1..]),
                    "average" => (Inflation::Average, &frames[1..]),
                    _ => (Inflation::ApproximateRankPooling, &frames[1..]),
                };
                inflate(kernel, frames.parse().unwrap(), inflation).unwrap()
            }
            ["position_embeddings", tiling, to] => {
                let temporal: usize = tiling.strip_prefix("tile_t").unwrap().parse().unwrap();
                let side = to.rsplit_once('x').unwrap().1.parse().unwrap();
                let table = image["vit.embeddings.position_embeddings"].clone();
                let table = PositionTable::new(table, grid(1, 3)).unwrap();
                table.resized(grid(1, side)).unwrap().tiled(temporal).unwrap().into_table().unwrap()
            }
            _ => continue,
        };
        assert_eq!(found.shape(), expected.shape(), "{name}");
        close(&found, expected, if name.contains("central") { 1e-30 } else { 1e-6 }, name);
        compared += 1;
    }
    assert_eq!(compared, 19);
}
