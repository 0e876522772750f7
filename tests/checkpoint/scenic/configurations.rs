//! The configuration beside the parameters: what is read of it, and where it disagrees with them.

use std::fs;

use tempfile::TempDir;
use tubelet::checkpoint::{Checkpoint, Hints};
use tubelet::vivit::{
    Classifier, Config, EncoderSize, FactorisedDotProduct, FactorisedSelfAttention, FrameSampling, Gelu, Joint,
    LabelHead, Labelling, Model, Order, Temporal, Tubelet,
};

use super::{extent, folder_of, hinted, hinted_refusal};
use crate::{assert_names, fixture, load, refusal, stored, write};

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
