//! Checkpoints whose files are in memory.

use std::fs;
use std::path::Path;

use tubelet::checkpoint::{Checkpoint, Hints, from_bytes};
use tubelet::tensor::{Error, ErrorKind};

use super::{altered, assert_names, fixture, load, sharded};

/// The files of a folder, by name, but for those that are no part of the checkpoint.
fn files(folder: &Path, without: &[&str]) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_file());
    let file = |entry: fs::DirEntry| (entry.file_name().into_string().unwrap(), fs::read(entry.path()).unwrap());
    entries.map(file).filter(|(name, _)| !without.contains(&name.as_str())).collect()
}

fn loaded(files: Vec<(String, Vec<u8>)>) -> Result<Checkpoint, Error> {
    from_bytes("a model", files, &Hints::default())
}

#[track_caller]
fn assert_equals_files(folder: &Path, without: &[&str]) {
    let (bytes, files) = (loaded(files(folder, without)).unwrap(), load(folder).unwrap());
    assert_eq!((bytes.provenance, &bytes.config, &bytes.labels), (files.provenance, &files.config, &files.labels));
    assert_eq!(bytes.preprocessor, files.preprocessor);
    // Of bytes, all are looked at.
    let notes: Vec<_> = files.notes.iter().filter(|note| !note.contains("is not looked at")).collect();
    assert_eq!(bytes.notes.iter().collect::<Vec<_>>(), notes);
    assert_eq!(bytes.source, "a model");
    for name in files.parameters.names() {
        assert_eq!(bytes.parameters.tensor(name).unwrap(), files.parameters.tensor(name).unwrap(), "{name}");
    }
}

const BESIDE: [&str; 2] = ["clip.npy", "expected.safetensors"];

#[test]
fn bytes_are_as_good_as_files() {
    for name in ["hf-tiny", "scenic-model2", "scenic-model3"] {
        assert_equals_files(&fixture(name), &BESIDE);
    }
    let folder = altered("hf-odd", |_| {});
    fs::write(folder.path().join("preprocessor_config.json"), "{\"size\": 1}\n").unwrap();
    assert_equals_files(folder.path(), &[]);
    assert_equals_files(sharded("hf-odd").path(), &[]);
}

#[test]
fn a_flax_checkpoint_is_told_among_bytes() {
    let without = ["clip.npy", "expected.safetensors", "model.safetensors"];
    let bytes = loaded(files(&fixture("scenic-model1"), &without)).unwrap();
    let files = load(&fixture("scenic-model1").join("checkpoint")).unwrap();
    for name in files.parameters.names() {
        assert_eq!(bytes.parameters.tensor(name).unwrap(), files.parameters.tensor(name).unwrap(), "{name}");
    }
}

#[test]
fn errors_name_the_files_in_memory() {
    let refusal = |files| {
        let error = loaded(files).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::File, "{error}");
        error.to_string()
    };
    let whole = || files(&fixture("hf-tiny"), &BESIDE);
    let changed = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut files = whole();
        files.iter_mut().filter(|(found, _)| found == name).for_each(|(_, bytes)| change(bytes));
        refusal(files)
    };
    let cut = changed("model.safetensors", &|bytes| bytes.truncate(bytes.len() - 1));
    assert_names(&cut, &["a model/model.safetensors", "cut short"]);
    assert_names(&changed("config.json", &Vec::clear), &["a model/config.json"]);
    let without = |name: &str| whole().into_iter().filter(|(found, _)| found != name).collect::<Vec<_>>();
    assert_names(&refusal(without("config.json")), &["a model holds no config.json"]);
    assert_names(&refusal(without("model.safetensors")), &["a model", "model.safetensors"]);
    let folder = sharded("hf-odd");
    assert_names(&refusal(files(folder.path(), &["model-00002-of-00002.safetensors"])), &["00002-of-00002", "missing"]);
}
