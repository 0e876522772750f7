//! Checkpoints of the original implementation, in both containers, with and without a configuration.

mod configurations;
mod files;
mod hints;
mod layouts;

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use tubelet::checkpoint::{Checkpoint, Hints, Hub, Provenance, load_hinted};
use tubelet::tensor::{Error, Tolerance};
use tubelet::vivit::ModelOption;

use crate::{assert_same_weights, fixture, load, rename, stored, write};

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
