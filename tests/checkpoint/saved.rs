//! Configurations as the `transformers` library saves them.

use tubelet::checkpoint::{save, save_hugging_face};
use tubelet::engine::{Classes, preprocessing};
use tubelet::vivit::Labelling;

use super::*;

/// A copy of hf-tiny with another configuration, changed.
fn configured(config: &Path, change: impl FnOnce(&mut serde_json::Value)) -> TempDir {
    let folder = altered("hf-tiny", |_| {});
    let mut config: serde_json::Value = serde_json::from_str(&fs::read_to_string(config).unwrap()).unwrap();
    change(&mut config);
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    folder
}

/// The logits of hf-tiny on the frames of its case.
const LOGITS: [f32; 3] = [1.7108, 1.4197, 1.469];

#[test]
fn labels_that_do_not_exclude_one_another_have_a_sigmoid() {
    let folder = configured(&fixture("cases/hf-multi-label").join("config.json"), |_| {});
    let checkpoint = load(folder.path()).unwrap();
    assert_eq!(checkpoint.config.labelling, Labelling::Multiple);
    let classes = Classes::new(&LOGITS, &checkpoint.config.labelling, None).unwrap();
    for (class, expected) in classes.all().iter().zip([0.8469, 0.8053, 0.8129]) {
        assert!((class.probability - expected).abs() < 1e-3, "{class:?}");
    }
}

#[test]
fn the_problem_type_is_kept_whichever_way_a_model_is_saved() {
    for (problem_type, labelling) in [
        (None, Labelling::Single),
        (Some("single_label_classification"), Labelling::Single),
        (Some("multi_label_classification"), Labelling::Multiple),
        (Some("regression"), Labelling::Regression),
    ] {
        let folder = configured(&fixture("hf-tiny/config.json"), |config| {
            if let Some(problem_type) = problem_type {
                config["problem_type"] = problem_type.into();
            }
        });
        let checkpoint = load(folder.path()).unwrap();
        assert_eq!(checkpoint.config.labelling, labelling);
        let [own, foreign, back] = [(); 3].map(|()| tempfile::tempdir().unwrap());
        save(own.path(), &checkpoint, false).unwrap();
        assert_eq!(load(own.path()).unwrap().config.labelling, labelling);
        save_hugging_face(foreign.path(), &load(own.path()).unwrap(), false).unwrap();
        save(back.path(), &load(foreign.path()).unwrap(), false).unwrap();
        assert_eq!(load(back.path()).unwrap().config, checkpoint.config);
        let text = fs::read_to_string(foreign.path().join("config.json")).unwrap();
        let written = serde_json::from_str::<serde_json::Value>(&text).unwrap();
        let expected = problem_type.filter(|problem_type| *problem_type != "single_label_classification");
        assert_eq!(written["problem_type"].as_str(), expected);
    }
}

#[test]
fn an_encoder_alone_has_no_problem_type() {
    let folder = altered("hf-tiny", |tensors| {
        rename(tensors, |name| name.trim_start_matches("vivit.").to_owned());
        tensors.retain(|name, _| !name.starts_with("classifier."));
    });
    fs::copy(fixture("cases/hf-multi-label/config.json"), folder.path().join("config.json")).unwrap();
    assert_eq!(load(folder.path()).unwrap().config.labelling, Labelling::Single);
}

#[test]
fn names_of_classes_that_are_numbers_are_texts() {
    let folder = configured(&fixture("hf-tiny/config.json"), |config| {
        config["id2label"] = (0..10).map(|class| (class.to_string(), serde_json::Value::from(class))).collect();
    });
    let labels = load(folder.path()).unwrap().labels.unwrap();
    assert_eq!(labels, (0..10).map(|class| class.to_string()).collect::<Vec<_>>());
}

/// What `VivitVideoProcessor` saved.
const VIDEO: &str = "video_preprocessor_config.json";

fn video_processor() -> String {
    fs::read_to_string(fixture("cases/video-preprocessor-config").join(VIDEO)).unwrap()
}

#[test]
fn the_video_processor_decides_where_it_is() {
    let folder = altered("hf-tiny", |_| {});
    fs::write(folder.path().join(VIDEO), video_processor()).unwrap();
    let checkpoint = load(folder.path()).unwrap();
    assert_eq!(checkpoint.preprocessor.as_ref().unwrap().name, VIDEO);
    assert_eq!(preprocessing(&checkpoint, None).unwrap().range(), "[-3, 1]");
    assert!(checkpoint.notes.is_empty(), "{:?}", checkpoint.notes);

    // The other file says the same in other words, then something else.
    let image = folder.path().join("preprocessor_config.json");
    fs::write(&image, video_processor().replace("VivitVideoProcessor", "VivitVideoProcessor\", \"unknown\": \""))
        .unwrap();
    assert!(load(folder.path()).unwrap().notes.is_empty());
    fs::write(&image, r#"{"do_normalize": false, "crop_size": 32}"#).unwrap();
    let checkpoint = load(folder.path()).unwrap();
    assert_eq!(preprocessing(&checkpoint, None).unwrap().range(), "[-3, 1]");
    assert_names(&checkpoint.notes.join("\n"), &[VIDEO, "decides", "preprocessor_config.json says something else"]);

    // It is saved under its own name, and nothing that was there before outvotes it.
    let saved = tempfile::tempdir().unwrap();
    save(saved.path(), &checkpoint, false).unwrap();
    assert!(saved.path().join(VIDEO).is_file() && !saved.path().join("preprocessor_config.json").exists());
    let image_only = checkpoint.preprocessor(load(&fixture("hf-tiny")).unwrap().preprocessor);
    save_hugging_face(saved.path(), &image_only, true).unwrap();
    assert!(!saved.path().join(VIDEO).exists());

    // Of all, the part of the file of several parts.
    let part = video_processor().replace("\"do_normalize\": true", "\"do_normalize\": false");
    let parts = format!(r#"{{"processor_class": "VivitProcessor", "video_processor": {part}}}"#);
    fs::write(folder.path().join("processor_config.json"), parts).unwrap();
    let checkpoint = load(folder.path()).unwrap();
    assert_eq!(checkpoint.preprocessor.as_ref().unwrap().name, "processor_config.json");
    assert_eq!(preprocessing(&checkpoint, None).unwrap().range(), "[-1, 1]");
}

#[test]
fn a_processor_that_cannot_be_used_is_named_with_its_file() {
    let folder = altered("hf-tiny", |_| {});
    for (text, culprits) in [
        (
            video_processor().replace("\"height\": 32", "\"height\": 31"),
            ["video_preprocessor_config.json crops to", "32x31"],
        ),
        (video_processor().replace("VivitVideoProcessor", "VJEPA2VideoProcessor"), [VIDEO, "VJEPA2VideoProcessor"]),
        ("{".into(), [VIDEO, "not JSON"]),
    ] {
        fs::write(folder.path().join(VIDEO), text).unwrap();
        let error = preprocessing(&load(folder.path()).unwrap(), None).unwrap_err().to_string();
        assert_names(&error, &culprits);
    }
}
