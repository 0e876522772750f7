//! What parameters without a configuration leave open, and who tells it.

use std::fs;

use tubelet::checkpoint::Hints;
use tubelet::tensor::{ErrorKind, Tolerance};
use tubelet::vivit::{Classifier, FactorisedDotProduct, HeadOrder, Joint, Model};

use super::{extent, folder_of, hinted, hinted_refusal, option};
use crate::{assert_names, assert_same_weights, fixture, load};

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
