//! This project's own folders: what is saved is loaded again bit by bit, whole or not at all.

use std::sync::Arc;

use tubelet::checkpoint::{
    LearntClips, PreprocessorFile, SaveOptions, contents, load_parameters, read_config, save, save_hugging_face,
    save_with,
};
use tubelet::graph::Weights;
use tubelet::tensor::{Element, Result, Shape};
use tubelet::video::{Preset, Resize, Sampling};
use tubelet::vivit::Parameters;

use super::*;

const SAVED: [&str; 8] = [
    "hf-odd",
    "hf-ragged",
    "scenic-model1-prelogits",
    "scenic-model1-sampling",
    "scenic-model2-gap",
    "scenic-model2-multihead",
    "scenic-model3",
    "scenic-model4",
];

fn saved(name: &str) -> (Checkpoint, TempDir) {
    let checkpoint = load(&fixture(name)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), &checkpoint, false).unwrap();
    (checkpoint, folder)
}

#[test]
fn a_saved_model_is_the_same() {
    for name in SAVED {
        let (expected, folder) = saved(name);
        let found = load(folder.path()).unwrap();
        assert_eq!((found.provenance, &found.labels), (expected.provenance, &expected.labels), "{name}");
        assert_eq!((&found.config, &found.notes), (&expected.config, &expected.notes), "{name}");
        assert_eq!(found.parameters.names(), expected.parameters.names());
        for tensor in expected.parameters.names() {
            let [found, expected] = [&found, &expected].map(|model| model.parameters.tensor(tensor).unwrap());
            assert_eq!(found.as_bytes(), expected.as_bytes(), "{name}: {tensor}");
        }
        let described = read_config(folder.path()).unwrap();
        assert_eq!((described.config, described.provenance), (expected.config, expected.provenance), "{name}");
    }
}

#[test]
fn the_preprocessor_comes_along_and_goes_with_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let file = PreprocessorFile::new("preprocessor_config.json", "{}");
    let checkpoint = load(&fixture("hf-odd")).unwrap().preprocessor(Some(file));
    save(folder.path(), &checkpoint, false).unwrap();
    assert_eq!(load(folder.path()).unwrap().preprocessor.as_ref().map(|file| file.text.as_str()), Some("{}"));
    save(folder.path(), &checkpoint.preprocessor(None), true).unwrap();
    assert_eq!(load(folder.path()).unwrap().preprocessor, None);
}

#[test]
fn clips_are_taken_as_they_were_learnt() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = load(&fixture("hf-odd")).unwrap().preprocessor(None).learnt_clips(LearntClips::new(48, 3));
    save(folder.path(), &checkpoint, false).unwrap();
    let found = load(folder.path()).unwrap();
    assert_eq!(found.learnt_clips, checkpoint.learnt_clips);
    let edge = |model: &Checkpoint, preset| tubelet::engine::preprocessing(model, preset).unwrap().resize();
    assert_eq!(edge(&found, None), Some(Resize::ShortEdge(48)));
    assert_ne!(edge(&found, Some(Preset::Scenic)), Some(Resize::ShortEdge(48)));
    let twice = [2 * found.config.rows, 2 * found.config.columns];
    assert_eq!(found.on_clips(None, Some(twice)).unwrap().learnt_clips, Some(LearntClips::new(96, 3)));
    save(folder.path(), &checkpoint.learnt_clips(LearntClips::new(48, 3).spread(true)), true).unwrap();
    assert_eq!(load(folder.path()).unwrap().learnt_clips, Some(LearntClips::new(48, 3).spread(true)));
    let config = folder.path().join("config.json");
    let text = std::fs::read_to_string(&config).unwrap();
    for (bad, what) in [("\"short_edge\": 0", "short_edge is 0"), ("\"short_edge\": 99999", "short_edge is 99999")] {
        std::fs::write(&config, text.replace("\"short_edge\": 48", bad)).unwrap();
        let error = load(folder.path()).unwrap_err().to_string();
        assert!(error.contains(what) && error.contains("config.json"), "{error}");
    }
}

#[test]
fn single_clips_are_spread_where_they_were_learnt_so() {
    let sampling = |views: &str, spread| views.parse::<tubelet::Views>().unwrap().sampling_spread(4, 3, spread);
    assert_eq!(sampling("1x3", true), Sampling::Uniform { frames: 4 });
    assert_eq!(sampling("2x1", true), Sampling::Clips { frames: 4, stride: 3, clips: 2 });
    assert_eq!(sampling("1x1", false), Sampling::Clips { frames: 4, stride: 3, clips: 1 });
}

#[test]
fn transformers_is_told_the_short_edge_that_was_learnt() {
    let folder = tempfile::tempdir().unwrap();
    let checkpoint = load(&fixture("hf-odd")).unwrap().preprocessor(None).learnt_clips(LearntClips::new(48, 3));
    save_hugging_face(folder.path(), &checkpoint, false).unwrap();
    let file = load(folder.path()).unwrap().preprocessor.unwrap();
    assert_eq!(file.preprocessing().unwrap().resize(), Some(Resize::ShortEdge(48)));
}

#[test]
fn nothing_is_overwritten_unasked() {
    let (_, folder) = saved("hf-odd");
    let other = load(&fixture("scenic-model4")).unwrap();
    let error = save(folder.path(), &other, false).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage);
    assert!(error.to_string().contains("--force"), "{error}");
    assert_eq!(load(folder.path()).unwrap().config, load(&fixture("hf-odd")).unwrap().config);
    save(folder.path(), &other, true).unwrap();
    assert_eq!(load(folder.path()).unwrap().config, other.config);
}

/// Parameters of which one cannot be read.
#[derive(Debug)]
struct Unreadable(Arc<dyn Parameters>);

impl Parameters for Unreadable {
    fn names(&self) -> Vec<&str> {
        self.0.names()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        self.0.shape(name)
    }
}

impl Weights for Unreadable {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        if name.ends_with("encoder_norm.bias") { Err(Error::file("the disk is gone")) } else { self.0.tensor(name) }
    }
}

#[test]
fn what_fails_leaves_no_trace() {
    let (good, folder) = saved("scenic-model4");
    let unreadable = Arc::new(Unreadable(good.parameters.clone()));
    let bad = good.parameters(unreadable);
    assert!(save(folder.path(), &bad, true).unwrap_err().to_string().contains("the disk is gone"));
    assert_eq!(load(folder.path()).unwrap().config, bad.config);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    let missing = folder.path().join("new");
    assert!(save(&missing, &bad, false).is_err());
    assert!(!missing.exists());
    let far = folder.path().join("a/b");
    assert!(save(&far, &bad, false).unwrap_err().to_string().contains("a/b"));
}

fn halves() -> SaveOptions {
    SaveOptions::new().element(Element::F16)
}

#[test]
fn halves_are_the_nearest_to_the_weights() {
    // Tensors of an odd number of elements among them.
    for name in ["hf-ragged", "scenic-model2-multihead", "scenic-model4"] {
        let (expected, whole) = saved(name);
        let folder = tempfile::tempdir().unwrap();
        save_with(folder.path(), &expected, halves()).unwrap();
        let arrays = contents(folder.path().to_str().unwrap(), &Hub::default()).unwrap();
        assert!(arrays.iter().all(|array| array.dtype == "F16"), "{name}: {arrays:?}");
        let [whole, half] = [&whole, &folder].map(|folder| stored(&folder.path().join("model.safetensors")));
        let bytes = |stored: &Stored| stored.values().map(|(.., bytes)| bytes.len()).sum::<usize>();
        assert_eq!(bytes(&whole), 2 * bytes(&half), "{name}");
        let found = load(folder.path()).unwrap();
        assert_eq!((&found.config, &found.labels), (&expected.config, &expected.labels), "{name}");
        for tensor in expected.parameters.names() {
            let [found, expected] = [&found, &expected].map(|model| model.parameters.tensor(tensor).unwrap());
            assert_eq!(found, expected.rounded_to(Element::F16).unwrap(), "{name}: {tensor}");
        }
        // What is rounded once stays as it is.
        let again = tempfile::tempdir().unwrap();
        save_with(again.path(), &found, halves()).unwrap();
        assert_eq!(stored(&again.path().join("model.safetensors")), half, "{name}");
    }
}

/// Parameters of which one holds the same value everywhere.
#[derive(Debug)]
struct Filled(Arc<dyn Parameters>, f32);

const FILLED: &str = "Transformer.encoder_norm.bias";

impl Parameters for Filled {
    fn names(&self) -> Vec<&str> {
        self.0.names()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        self.0.shape(name)
    }
}

impl Weights for Filled {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        match name == FILLED {
            true => Tensor::f32(self.shape(name)?, vec![self.1; self.shape(name)?.elements()]),
            false => self.0.tensor(name),
        }
    }
}

#[test]
fn ties_go_to_the_even_half_and_what_is_beyond_is_refused() {
    let checkpoint = load(&fixture("scenic-model4")).unwrap();
    let filled = |value: f32| checkpoint.clone().parameters(Arc::new(Filled(checkpoint.parameters.clone(), value)));
    let folder = tempfile::tempdir().unwrap();
    // Halves from 2048 on are 2 apart, the largest is 65504, and the smallest above zero 2⁻²⁴.
    for (value, half) in [
        (2049.0, 2048.0),
        (2051.0, 2052.0),
        (2049.001, 2050.0),
        (65519.0, 65504.0),
        (2f32.powi(-25), 0.0),
        (-1.5 * 2f32.powi(-24), -(2f32.powi(-23))),
        (f32::NEG_INFINITY, f32::NEG_INFINITY),
    ] {
        save_with(folder.path(), &filled(value), halves().overwrite(true)).unwrap();
        let found = load(folder.path()).unwrap().parameters.tensor(FILLED).unwrap();
        assert!(found.as_f32().unwrap().iter().all(|found| *found == half), "{value} became {found:?}");
    }
    let before = stored(&folder.path().join("model.safetensors"));
    for value in [65520.0, -1e30] {
        let error = save_with(folder.path(), &filled(value), halves().overwrite(true)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_names(&error.to_string(), &[FILLED, "more than f16 holds"]);
    }
    assert_eq!(stored(&folder.path().join("model.safetensors")), before);
    let error = save_with(folder.path(), &filled(0.0), SaveOptions::new().overwrite(true).element(Element::U32));
    assert_names(&error.unwrap_err().to_string(), &["f32 or f16"]);
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn a_damaged_configuration_is_named() {
    let (_, folder) = saved("scenic-model2-gap");
    let path = folder.path().join("config.json");
    let text = fs::read_to_string(&path).unwrap();
    for (old, new, culprit) in [
        (r#""format": "tubelet""#, r#""format": "other""#, r#"format is "other", but must be "tubelet""#),
        (r#""width""#, r#""girth""#, "unknown field `girth`"),
        (r#""frames": 12,"#, "", "missing field `frames`"),
        (r#""heads": 4"#, r#""heads": 7"#, "7 heads do not divide"),
        (r#""classes": 7"#, r#""classes": 6"#, "2 tensors of wrong shape"),
        (r#""family": "scenic""#, r#""family": "scenic", "labels": ["a"]"#, "there are 1 labels for 7 classes"),
    ] {
        assert!(text.contains(old), "{old} is not in {text}");
        fs::write(&path, text.replacen(old, new, 1)).unwrap();
        let error = refusal(folder.path());
        assert!(error.contains("config.json") && error.contains(culprit), "{error}");
    }
    fs::remove_file(&path).unwrap();
    assert!(refusal(folder.path()).contains("config.json"));
}

#[test]
fn parameters_of_a_known_model_need_no_configuration() {
    for name in ["hf-tiny", "scenic-model3"] {
        let (expected, folder) = saved(name);
        for file in [fixture(name).join("model.safetensors"), folder.path().join("model.safetensors")] {
            let found = load_parameters(file.to_str().unwrap(), &Hub::default(), &expected.config).unwrap();
            for tensor in expected.parameters.names() {
                assert_eq!(found.tensor(tensor).unwrap(), expected.parameters.tensor(tensor).unwrap(), "{tensor}");
            }
            let larger = expected.config.clone().layers(9);
            let error = load_parameters(file.to_str().unwrap(), &Hub::default(), &larger).unwrap_err().to_string();
            assert!(error.contains("missing"), "{error}");
        }
    }
}

#[test]
fn control_characters_are_not_printed() {
    let checkpoint = load(&fixture("hf-odd")).unwrap();
    let labels = (0..checkpoint.config.classes).map(|class| format!("\u{1b}[31m{class}")).collect();
    let checkpoint = checkpoint.labels(Some(labels)).notes(vec!["two\nlines".into()]);
    let folder = tempfile::tempdir().unwrap();
    save(folder.path(), &checkpoint, false).unwrap();
    let found = load(folder.path()).unwrap();
    assert_eq!((found.labels.unwrap()[0].as_str(), found.notes), ("0", vec!["two lines".to_owned()]));
    assert_eq!(read_config(folder.path()).unwrap().labels.unwrap()[1], "1");
    let folder = altered("hf-tiny", |tensors| {
        let bias = tensors["vivit.layernorm.bias"].clone();
        tensors.insert("\u{1b}[2Jbias".into(), bias);
    });
    let arrays = contents(folder.path().to_str().unwrap(), &Hub::default()).unwrap();
    assert!(arrays.iter().any(|array| array.name == "bias"), "{arrays:?}");
}
