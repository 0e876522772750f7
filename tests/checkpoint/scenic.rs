//! Checkpoints of the original implementation, in both containers, with and without a configuration.

use tubelet::checkpoint::{FlaxLayout, Hints, load_hinted};
use tubelet::vivit::{
    Classifier, EncoderSize, FactorisedDotProduct, FactorisedSelfAttention, FrameSampling, HeadOrder, Joint, LabelHead,
    Labelling, Model, ModelOption, Order, Temporal, Tubelet,
};

use super::flax_file::{Leaf, flax_file};
use super::*;

const SCENIC: [&str; 10] = [
    "scenic-model1",
    "scenic-model1-prelogits",
    "scenic-model1-sampling",
    "scenic-model2",
    "scenic-model2-gap",
    "scenic-model2-multihead",
    "scenic-model2-sensitive",
    "scenic-model3",
    "scenic-model3-spacetime-order",
    "scenic-model4",
];

/// Those of which the msgpack file is there too.
const IN_BOTH_CONTAINERS: [&str; 6] = [
    "scenic-model1",
    "scenic-model1-sampling",
    "scenic-model2",
    "scenic-model2-multihead",
    "scenic-model3",
    "scenic-model4",
];

fn hinted(path: &Path, hints: Hints) -> Result<Checkpoint, Error> {
    load_hinted(path.to_str().unwrap(), &Hub::default(), &hints)
}

#[track_caller]
fn hinted_refusal(path: &Path, hints: Hints) -> Error {
    match hinted(path, hints) {
        Ok(_) => panic!("{} was loaded", path.display()),
        Err(error) => error,
    }
}

/// A folder with these files of a fixture, by the names that they have and get.
fn folder_of(fixture_name: &str, files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (from, to) in files {
        fs::copy(fixture(fixture_name).join(from), folder.path().join(to)).unwrap();
    }
    folder
}

/// The sizes of a fixture's clips, as a user would tell them.
fn option(text: &str) -> ModelOption {
    text.parse().unwrap()
}

fn extent(name: &str) -> Hints {
    let config = load(&fixture(name)).unwrap().config;
    Hints::new().frames(config.frames).size([config.rows, config.columns])
}

#[test]
fn every_tree_loads_complete() {
    for name in SCENIC {
        let checkpoint = load(&fixture(name)).unwrap();
        assert_eq!((checkpoint.provenance, checkpoint.labels), (Provenance::Scenic, None));
        let specs = checkpoint.config.parameters().unwrap();
        assert_eq!(checkpoint.parameters.names(), specs.iter().map(|spec| spec.name.as_str()).collect::<Vec<_>>());
        for spec in &specs {
            assert_eq!(checkpoint.parameters.shape(&spec.name).unwrap(), spec.shape, "{name} {}", spec.name);
            assert_eq!(*checkpoint.parameters.tensor(&spec.name).unwrap().shape(), spec.shape, "{name} {}", spec.name);
        }
    }
}

#[test]
fn both_containers_hold_the_same_tensors() {
    for name in IN_BOTH_CONTAINERS {
        let safetensors = load(&fixture(name)).unwrap();
        assert!(safetensors.notes[0].contains("checkpoint is not looked at"), "{:?}", safetensors.notes);
        let msgpack = load(&fixture(name).join("checkpoint")).unwrap();
        assert!(msgpack.notes.is_empty(), "{:?}", msgpack.notes);
        assert_same_weights(&msgpack, &safetensors, Tolerance::EXACT);
    }
}

#[test]
fn the_newer_training_state_holds_the_same_tensors() {
    let name = "scenic-model3";
    let folder = folder_of(name, &[("config.json", "config.json"), ("new_format/checkpoint_77", "checkpoint_77")]);
    let checkpoint = load(folder.path()).unwrap();
    assert!(checkpoint.notes.is_empty(), "{:?}", checkpoint.notes);
    assert_same_weights(&checkpoint, &load(&fixture(name)).unwrap(), Tolerance::EXACT);
}

/// What the fixtures' descriptions say of them, not their configurations.
#[test]
fn configurations_are_read_right() {
    let config = |name| load(&fixture(name)).unwrap().config;
    let expected = Config::named("vit-b")
        .unwrap()
        .model(Joint.into())
        .frames(10)
        .rows(24)
        .columns(40)
        .planes(3)
        .tubelet(Tubelet { frames: 2, rows: 8, columns: 8 })
        .frame_sampling(None)
        .width(48)
        .layers(3)
        .heads(4)
        .hidden(96)
        .classes(10)
        .labelling(Labelling::Single)
        .classifier(Classifier::Token)
        .layer_norm_eps(1e-6)
        .gelu(Gelu::Tanh)
        .qkv_bias(true)
        .representation_size(None);
    assert_eq!(config("scenic-model1"), expected);
    let mean = expected.clone().classifier(Classifier::Mean);
    assert_eq!(config("scenic-model4"), mean.clone().model(FactorisedDotProduct::default().into()));
    let time_first = FactorisedSelfAttention::default().order(Order::TimeSpace);
    assert_eq!(config("scenic-model3"), mean.model(time_first.into()));
    let space_first = config("scenic-model3-spacetime-order").model;
    assert_eq!(space_first, FactorisedSelfAttention::default().order(Order::SpaceTime).into());

    let represented = config("scenic-model1-prelogits");
    assert_eq!((represented.representation_size, represented.classifier), (Some(28), Classifier::Mean));
    assert_eq!(represented.tubelet, Tubelet { frames: 3, rows: 6, columns: 4 });
    let sampling = config("scenic-model1-sampling");
    assert_eq!(sampling.frame_sampling, Some(FrameSampling::new(5)));
    assert_eq!((sampling.frames, sampling.grid().temporal, sampling.tubelet.frames), (9, 5, 1));

    let temporal = |name| match config(name).model {
        Model::FactorisedEncoder(model) => model.temporal,
        other => panic!("{other}"),
    };
    assert_eq!(temporal("scenic-model2"), Temporal::Encoder(EncoderSize { layers: 2, heads: 4, hidden: 96 }));
    assert_eq!(temporal("scenic-model2-gap"), Temporal::Encoder(EncoderSize { layers: 3, heads: 4, hidden: 56 }));
    let unequal = config("scenic-model2-gap");
    assert_eq!((unequal.layers, unequal.heads, unequal.hidden), (2, 5, 72));
    let head = |name: &str, classes| LabelHead { name: name.into(), classes };
    assert_eq!(config("scenic-model2-multihead").labelling, Labelling::Heads(vec![head("verb", 5), head("noun", 6)]));
}

/// Each element against the stored one, by the index formulas of the layouts.
#[test]
fn kernels_are_laid_out_anew() {
    let name = "scenic-model2-gap";
    let checkpoint = load(&fixture(name)).unwrap();
    let arrays = stored(&fixture(name).join("model.safetensors"));
    let flax = |name: &str| -> Vec<f32> { bytemuck::pod_collect_to_vec(&arrays[name].2) };
    let (width, heads, head_width) = (40, 4, 10);
    let attention = "TemporalTransformer/encoderblock_2/MultiHeadDotProductAttention_0";
    let canonical = |name: &str| tensor(&checkpoint, &name.replace('/', "."));
    let (query, stored_query) =
        (canonical(&format!("{attention}/query/kernel")), flax(&format!("{attention}/query/kernel")));
    let (out, stored_out) = (canonical(&format!("{attention}/out/kernel")), flax(&format!("{attention}/out/kernel")));
    for channel in 0..width {
        for head in 0..heads {
            for j in 0..head_width {
                let row = head * head_width + j;
                assert_eq!(query[row * width + channel], stored_query[(channel * heads + head) * head_width + j]);
                assert_eq!(out[channel * width + row], stored_out[(head * head_width + j) * width + channel]);
            }
        }
    }
    let (kernel, stored_kernel) = (canonical("embedding/kernel"), flax("embedding/kernel"));
    let (t, h, w, planes) = (3, 6, 4, 3);
    for (index, value) in kernel.iter().enumerate() {
        let (x, y, frame) = (index % w, index / w % h, index / (w * h) % t);
        let (plane, channel) = (index / (w * h * t) % planes, index / (w * h * t * planes));
        assert_eq!(*value, stored_kernel[(((frame * h + y) * w + x) * planes + plane) * width + channel]);
    }
    let (head, stored_head) = (canonical("output_projection/kernel"), flax("output_projection/kernel"));
    for (class, channel) in (0..7).flat_map(|class| (0..width).map(move |channel| (class, channel))) {
        assert_eq!(head[class * width + channel], stored_head[channel * 7 + class]);
    }
}

#[test]
fn layouts_lead_back_to_what_is_stored() {
    for name in ["scenic-model1-sampling", "scenic-model3"] {
        let checkpoint = load(&fixture(name)).unwrap();
        for (stored_name, (_, shape, data)) in stored(&fixture(name).join("model.safetensors")) {
            let name = stored_name.replace('/', ".");
            let layout = FlaxLayout::of(&name);
            let array = layout.stored(checkpoint.parameters.tensor(&name).unwrap(), 4).unwrap();
            assert_eq!(array.shape().axes(), shape, "{name}");
            assert_eq!(array.as_bytes(), data, "{name}");
        }
    }
}

#[test]
fn the_newest_checkpoint_of_a_folder_is_taken() {
    let config = ("config.json", "config.json");
    let folder =
        folder_of("scenic-model1", &[config, ("checkpoint", "checkpoint_9"), ("checkpoint", "checkpoint_100")]);
    fs::write(folder.path().join("checkpoint_9"), "not read").unwrap();
    fs::write(folder.path().join("checkpoint_tmp"), "not read").unwrap();
    let checkpoint = load(folder.path()).unwrap();
    assert!(checkpoint.notes[0].contains("checkpoint_100 is the newest of 2 checkpoints"), "{:?}", checkpoint.notes);
    assert_same_weights(&checkpoint, &load(&fixture("scenic-model1")).unwrap(), Tolerance::EXACT);
}

#[test]
fn a_single_file_brings_what_lies_beside_it() {
    let checkpoint = load(&fixture("scenic-model4/model.safetensors")).unwrap();
    assert_eq!(checkpoint.config, load(&fixture("scenic-model4")).unwrap().config);
    let checkpoint = load(&fixture("hf-tiny/model.safetensors")).unwrap();
    assert_same_weights(&checkpoint, &load(&fixture("hf-tiny")).unwrap(), Tolerance::EXACT);
}

#[test]
fn without_a_configuration_hints_tell_the_rest() {
    for (name, hints) in [
        ("scenic-model1", Hints::default()),
        ("scenic-model1-sampling", Hints::default()),
        ("scenic-model2", Hints::default()),
        ("scenic-model3", Hints::new().options(vec![option("order=time_space")])),
        ("scenic-model4", Hints::new().kind(Model::from(FactorisedDotProduct::default()))),
    ] {
        let Hints { frames, size, .. } = extent(name);
        let folder = folder_of(name, &[("checkpoint", "checkpoint")]);
        let checkpoint = hinted(folder.path(), hints.frames(frames).size(size)).unwrap();
        let expected = load(&fixture(name)).unwrap();
        let assumed = checkpoint.notes.iter().any(|note| note.contains("--classifier mean is assumed"));
        assert_eq!(assumed, expected.config.classifier == Classifier::Mean, "{:?}", checkpoint.notes);
        assert_same_weights(&checkpoint, &expected, Tolerance::EXACT);
    }
}

#[test]
fn what_is_open_is_asked_for() {
    let bare = |name| folder_of(name, &[("checkpoint", "checkpoint_3")]);
    for (name, questions) in [
        ("scenic-model1", &["--frames N --size HxW: how 75 tokens divide", "--frames 6 --size 40x40"][..]),
        ("scenic-model1-sampling", &["--frames N --size HxW: how 60 tokens divide", "sampled)"]),
        ("scenic-model2", &["--size HxW: how 15 tokens of a temporal index", "--size 24x40, --size 40x24"]),
        ("scenic-model3", &["--option order=space_time or --option order=time_space", "--frames N --size HxW"]),
        ("scenic-model4", &["--kind joint or --kind factorised-dot-product", "--frames N --size HxW"]),
    ] {
        let folder = bare(name);
        let error = hinted_refusal(folder.path(), Hints::default());
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_names(&error.to_string(), &["checkpoint_3 does not say everything about its model"]);
        assert_names(&error.to_string(), questions);
    }
    let frames = Hints::new().frames(10);
    let error = hinted_refusal(bare("scenic-model1").path(), frames).to_string();
    assert_names(&error, &["--size HxW: how 15 tokens of a temporal index", "--size 24x40"]);
    assert!(!error.contains("--frames"), "{error}");
    let error = hinted_refusal(bare("scenic-model1-sampling").path(), Hints::new().size([24, 32]));
    assert_names(&error.to_string(), &["--frames N: of how many frames some are sampled"]);
}

#[test]
fn the_length_of_clips_follows_from_their_size() {
    let size = Hints::new().size([24, 40]);
    for name in ["scenic-model1", "scenic-model2"] {
        let folder = folder_of(name, &[("checkpoint", "checkpoint")]);
        assert_eq!(hinted(folder.path(), size.clone()).unwrap().config, load(&fixture(name)).unwrap().config);
    }
}

#[test]
fn hints_choose_among_what_the_parameters_allow() {
    let folder = folder_of("scenic-model4", &[("checkpoint", "checkpoint")]);
    let hints = Hints::new().size([24, 40]).kind(Model::from(Joint));
    let joint = hinted(folder.path(), hints.clone().classifier(Classifier::Max)).unwrap();
    assert_eq!((joint.config.model, joint.config.classifier), (Joint.into(), Classifier::Max));
    assert!(joint.notes.is_empty(), "{:?}", joint.notes);
    let kind = Model::from(FactorisedDotProduct::default());
    let paper = hints.kind(kind).options(vec![option("heads=spatial_first")]);
    let paper = hinted(folder.path(), paper).unwrap().config.model;
    assert_eq!(paper, FactorisedDotProduct::default().heads(HeadOrder::SpatialFirst).into());
}

#[test]
fn hints_must_not_contradict_the_files() {
    for (name, hints, culprits) in [
        ("scenic-model2", Hints::new().kind(Model::from(Joint)), ["--kind joint contradicts", "Model 2"]),
        ("scenic-model2", Hints::new().frames(12), ["--frames 12 contradicts", "clips of 10×24×40×3"]),
        ("scenic-model2", Hints::new().size([40, 24]), ["--size 40x24 contradicts", "clips of 10×24×40×3"]),
        (
            "scenic-model3",
            Hints::new().options(vec![option("order=space_time")]),
            ["--option order=space_time", "--option order=time_space"],
        ),
        (
            "scenic-model1",
            Hints::new().options(vec![option("order=space_time")]),
            ["--option order=space_time", "Model 1"],
        ),
        ("scenic-model3", Hints::new().classifier(Classifier::Max), ["--classifier max", "--classifier mean"]),
        (
            "scenic-model1",
            Hints::new().options(vec![option("heads=spatial_first")]),
            ["--option heads=spatial_first", "Model 1"],
        ),
        ("hf-tiny", Hints::new().frames(7), ["--frames 7 contradicts", "clips of 8×32×32×3"]),
        ("hf-tiny", Hints::new().kind(Model::from(FactorisedDotProduct::default())), ["--kind", "Model 1"]),
    ] {
        let error = hinted_refusal(&fixture(name), hints);
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert_names(&error.to_string(), &culprits);
    }
    let folder = folder_of("scenic-model2", &[("checkpoint", "checkpoint")]);
    let wrong = Hints::new().frames(12).size([24, 40]);
    let error = hinted_refusal(folder.path(), wrong);
    assert_names(&error.to_string(), &["clips of 12 frames of 24×40 make 6×3×5 tokens", "positions for 5×15"]);
    assert_eq!(error.kind(), ErrorKind::Usage);
    let agreeing = Hints::new().kind(Model::from(Joint)).frames(8).size([32, 32]);
    hinted(&fixture("hf-tiny"), agreeing).unwrap();
}

/// A fixture's configuration and safetensors, the value at a JSON pointer replaced.
fn reconfigured(name: &str, changes: &[(&str, serde_json::Value)]) -> TempDir {
    let folder = folder_of(name, &[("model.safetensors", "model.safetensors")]);
    let mut config: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(fixture(name).join("config.json")).unwrap()).unwrap();
    for (pointer, value) in changes {
        let (parent, field) = pointer.rsplit_once('/').unwrap();
        config.pointer_mut(parent).unwrap()[field] = value.clone();
    }
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder
}

#[test]
fn a_configuration_that_disagrees_is_named_with_both_values() {
    for (name, pointer, value, culprit) in [
        ("scenic-model1", "/model/hidden_size", 64.into(), "width 64 (model.hidden_size) where the weights have 48"),
        ("scenic-model1", "/model/num_layers", 12.into(), "12 layers (model.num_layers) where the weights have 3"),
        ("scenic-model1", "/model/num_heads", 8.into(), "8 heads (model.num_heads) where the weights have 4"),
        (
            "scenic-model2",
            "/model/spatial_transformer/num_layers",
            1.into(),
            "1 layer (model.spatial_transformer.num_layers)",
        ),
        (
            "scenic-model2",
            "/model/temporal_transformer/mlp_dim",
            1.into(),
            "MLP width 1 (model.temporal_transformer.mlp_dim)",
        ),
        (
            "scenic-model1",
            "/model/patches/size",
            serde_json::json!([16, 16, 2]),
            "tubelets of 16×16×2 (model.patches.size) where the weights have 8×8×2",
        ),
        (
            "scenic-model1",
            "/model/classifier",
            "gap".into(),
            "no class token (model.classifier) where the weights have one",
        ),
        (
            "scenic-model4",
            "/model/classifier",
            "token".into(),
            "a class token (model.classifier) where the weights have none",
        ),
        (
            "scenic-model1",
            "/model/attention_config/type",
            "factorized_encoder".into(),
            "Model 2 (model.attention_config.type) where the weights have Model 1",
        ),
        ("scenic-model2", "/model/attention_config/spatial_only_baseline", true.into(), "no temporal encoder"),
        (
            "scenic-model1-prelogits",
            "/model/representation_size",
            serde_json::Value::Null,
            "width none (model.representation_size) where the weights have 28",
        ),
        (
            "scenic-model1",
            "/dataset_configs/num_classes",
            400.into(),
            "400 classes (dataset_configs.num_classes or class_splits) where the weights have 10",
        ),
        (
            "scenic-model1",
            "/dataset_configs/num_frames",
            32.into(),
            "clips of 32 frames of 24×40 make 16×3×5 tokens where the weights have positions for 75",
        ),
        (
            "scenic-model1-sampling",
            "/model/temporal_encoding_config/n_sampled_frames",
            4.into(),
            "make 4×3×4 tokens where the weights have positions for 60",
        ),
        (
            "scenic-model1",
            "/model/classifier",
            "mean".into(),
            "model.classifier is `mean`, but must be token, 0, gap, gmp or gsp",
        ),
        ("scenic-model1", "/model_name", "vit_classification".into(), "model_name is `vit_classification`"),
        (
            "scenic-model1",
            "/model/hidden_size",
            "48".into(),
            r#"model.hidden_size is "48", but must be a whole number"#,
        ),
        ("scenic-model2-multihead", "/dataset_configs/class_splits", serde_json::Value::Null, "no class_splits"),
        (
            "scenic-model2-multihead",
            "/dataset_configs/class_splits",
            serde_json::json!([5, 5]),
            "do not make up the model's 11",
        ),
    ] {
        let message = refusal(reconfigured(name, &[(pointer, value)]).path());
        assert_names(&message, &[culprit]);
        assert!(message.contains(".safetensors") || message.contains("config.json"), "{message}");
    }
    let several = reconfigured("scenic-model1", &[("/model/num_layers", 2.into()), ("/model/mlp_dim", 90.into())]);
    assert_names(
        &refusal(several.path()),
        &["says 2 layers (model.num_layers) and MLP width 90 (model.mlp_dim) where the weights have 3 and 96"],
    );
}

#[test]
fn the_weights_decide_about_the_depth_of_the_temporal_encoder() {
    let folder = reconfigured("scenic-model2", &[("/model/temporal_transformer/num_layers", 4.into())]);
    let checkpoint = load(folder.path()).unwrap();
    assert_eq!(checkpoint.config, load(&fixture("scenic-model2")).unwrap().config);
    assert_eq!(checkpoint.notes, ["config.json says 4 temporal layers, but the weights have 2: the weights are right"]);
}

#[test]
fn published_configurations_spell_some_fields_otherwise() {
    use serde_json::{Value, json};
    // A square of tokens as large as this one's rectangle does not exist: the height and width go, a crop size comes.
    let crop = [("/dataset_configs/height", Value::Null), ("/dataset_configs/width", Value::Null)];
    let folder = reconfigured("scenic-model1", &crop);
    assert_names(&refusal(folder.path()), &["does not say everything", "--size HxW", "24x40"]);
    let with_crop = [&crop[..], &[("/dataset_configs/crop_size", json!([24, 40]))]].concat();
    let expected = load(&fixture("scenic-model1")).unwrap().config;
    assert_eq!(load(reconfigured("scenic-model1", &with_crop).path()).unwrap().config, expected);
    let without_classes = [("/dataset_configs/num_classes", Value::Null), ("/model_name", Value::Null)];
    assert_eq!(load(reconfigured("scenic-model1", &without_classes).path()).unwrap().config, expected);
    let multilabel = [("/model_name", json!("vivit_multilabel_classification"))];
    let labelling = load(reconfigured("scenic-model1", &multilabel).path()).unwrap().config.labelling;
    assert_eq!(labelling, Labelling::Multiple);
    let unnamed = [("/dataset_configs/split_names", Value::Null), ("/dataset_configs/num_classes", Value::Null)];
    let heads = load(reconfigured("scenic-model2-multihead", &unnamed).path()).unwrap().config.labelling;
    let Labelling::Heads(heads) = heads else { panic!("{heads:?}") };
    assert_eq!(heads.iter().map(|head| head.name.as_str()).collect::<Vec<_>>(), ["head 1", "head 2"]);
}

#[test]
fn a_baseline_without_temporal_encoder_is_model_2() {
    let folder = reconfigured("scenic-model2", &[("/model/attention_config/spatial_only_baseline", true.into())]);
    let weights = folder.path().join("model.safetensors");
    let mut tensors = stored(&weights);
    tensors.retain(|name, _| !name.contains("TemporalTransformer"));
    write(&weights, &tensors);
    let config = load(folder.path()).unwrap().config;
    assert!(matches!(config.model, Model::FactorisedEncoder(model) if model.temporal == Temporal::Mean), "{config}");
    fs::remove_file(folder.path().join("config.json")).unwrap();
    let error = hinted_refusal(folder.path(), Hints::new().size([24, 40]));
    assert_names(&error.to_string(), &["--frames N: how many frames a clip has shows in no parameter"]);
    assert_eq!(hinted(folder.path(), extent("scenic-model2")).unwrap().config, config);
}

/// A frame too many slips in where the original's spacing is rounded: 8 frames, of which 2 are asked for, give 3.
#[test]
fn the_sampling_quirk_is_recognised_by_the_positions() {
    let changes =
        [("/model/temporal_encoding_config/n_sampled_frames", 2.into()), ("/dataset_configs/num_frames", 8.into())];
    let folder = reconfigured("scenic-model1-sampling", &changes);
    let weights = folder.path().join("model.safetensors");
    let mut tensors = stored(&weights);
    let (_, shape, data) = tensors.get_mut("Transformer/posembed_input/pos_embedding").unwrap();
    shape[1] = 1 + 3 * 12;
    data.truncate(shape[1] * shape[2] * 4);
    write(&weights, &tensors);
    let sampling = load(folder.path()).unwrap().config.frame_sampling;
    assert_eq!(sampling, Some(FrameSampling::new(2).arange_quirk(true)));
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
fn names_from_before_linen_are_the_same_model() {
    let folder = folder_of("scenic-model2", &[("config.json", "config.json")]);
    let mut tensors = stored(&fixture("scenic-model2/model.safetensors"));
    rename(&mut tensors, |name| {
        let renamed = name.replace("MlpBlock_0", "MlpBlock_3").replace("LayerNorm_1", "LayerNorm_2");
        format!("params/params/{}", renamed.replace("Attention_0", "Attention_1"))
    });
    write(&folder.path().join("model.safetensors"), &tensors);
    assert_same_weights(&load(folder.path()).unwrap(), &load(&fixture("scenic-model2")).unwrap(), Tolerance::EXACT);
}

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

/// No preset gives the values of a training that did not centre them, and what was saved must go on giving them.
#[test]
fn values_that_were_not_centred_in_training_are_not_centred() {
    let range = |checkpoint: &Checkpoint| {
        let preprocessing = tubelet::engine::preprocessing(checkpoint, None).unwrap();
        (preprocessing.range().to_string(), preprocessing.resize(), preprocessing.crop())
    };
    let centred = load(reconfigured("scenic-model1", &[]).path()).unwrap();
    assert_eq!((range(&centred).0.as_str(), &centred.preprocessor), ("[-1, 1]", &None));
    let folder = reconfigured("scenic-model1", &[("/dataset_configs/zero_centering", false.into())]);
    let checkpoint = load(folder.path()).unwrap();
    let (_, resize, crop) = range(&centred);
    assert_eq!(range(&checkpoint), ("[0, 1]".into(), resize, crop));
    assert_names(&checkpoint.notes.join("\n"), &["zero_centering is false", "clips are prepared so"]);
    let saved = tempfile::tempdir().unwrap();
    tubelet::checkpoint::save(saved.path(), &checkpoint, false).unwrap();
    assert_eq!(range(&load(saved.path()).unwrap()).0, "[0, 1]");
}
