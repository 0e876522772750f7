//! Runs without a model: files of results, interruptions, shards.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tempfile::TempDir;

use super::*;
use crate::tensor::{Error, ErrorKind, Result};
use crate::vivit::{Config, FactorisedSelfAttention, Gelu, LabelHead, Labelling, Order};

/// Classes of a run.
const CLASSES: usize = 7;

fn tasks() -> [Task; 3] {
    let head = |name: &str, classes| LabelHead { name: name.to_owned(), classes };
    let heads = Labelling::Heads(vec![head("noun", 4), head("verb", 3)]);
    [Labelling::Single, Labelling::Multiple, heads].map(|labelling| Task::new(labelling, CLASSES).unwrap())
}

fn manifest(folder: &Path, task: &Task, videos: usize) -> Manifest {
    let (header, label): (_, fn(usize) -> String) = match task.labelling() {
        Labelling::Single | Labelling::Regression => ("path,label", |row| (row % CLASSES).to_string()),
        Labelling::Multiple => ("path,labels", |row| format!("{};{}", row % CLASSES, row / 2 % CLASSES)),
        Labelling::Heads(_) => ("path,verb,noun", |row| format!("{},{}", row % 3, row % 4)),
    };
    let rows = (0..videos).map(|row| format!("é \"{row}\".gif,{}\n", label(row)));
    let path = folder.join("manifest.csv");
    std::fs::write(&path, format!("{header}\n{}", rows.collect::<String>().replace('"', ""))).unwrap();
    Manifest::read(&path, None, None, task, &ClassNames::none(task)).unwrap()
}

fn run(task: &Task, manifest: &Manifest, shard: Shard) -> Run {
    Run {
        model: "a model".into(),
        config: Config { model: FactorisedSelfAttention::default().into(), ..Config::named("vit-ti").unwrap() },
        weights: "0123".into(),
        task: task.clone(),
        views: "4x3".into(),
        average: "logits".into(),
        stride: 2,
        mask: "none".into(),
        preprocessing: "none".into(),
        manifest: manifest.fingerprint(),
        motions: None,
        videos: manifest.items().len(),
        shard,
    }
}

/// Logits that differ from video to video; every seventh is damaged.
fn logits(name: &str) -> Result<Vec<f32>> {
    let number: usize = name.trim_matches(|next: char| !next.is_ascii_digit()).parse().unwrap();
    match number % 7 {
        3 => Err(Error::file(format!("{name} is cut off"))),
        _ => Ok((0..CLASSES).map(|class| ((number * 31 + class * 17) as f32).sin() * 3.0).collect()),
    }
}

/// Evaluates until `most` rows are written, with three threads.
fn evaluate(evaluation: &mut Evaluation<'_>, most: usize) -> Result<()> {
    let mut written = 0;
    let decode = Box::new(|item: &Item| logits(&item.name));
    let mut compute = Ok;
    let pipeline = VideoPipeline { workers: 3, decode, timeout: None, compute: &mut compute };
    evaluation.finish(pipeline, &mut |_, _| {
        written += 1;
        if written == most { Err(Error::new(ErrorKind::DeviceLost, "killed")) } else { Ok(()) }
    })
}

/// The rows, without the times.
fn rows(path: &Path) -> Vec<Row> {
    let (_, rows) = read_results(path).unwrap();
    rows.into_iter().map(|row| Row { seconds: 0.0, ..row }).collect()
}

/// A finished run: its folder and file.
fn finished(task: &Task, manifest: &Manifest, name: &str, shard: Shard) -> (TempDir, PathBuf, Summary) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    let mut evaluation = Evaluation::open(manifest, run(task, manifest, shard), &path, false).unwrap();
    evaluate(&mut evaluation, usize::MAX).unwrap();
    assert_eq!(evaluation.remaining(), 0);
    let summary = evaluation.metrics().summary();
    (folder, path, summary)
}

#[test]
fn figures_are_those_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    for task in tasks() {
        let manifest = manifest(folder.path(), &task, 40);
        for name in ["results.csv", "results.jsonl"] {
            let (_kept, path, summary) = finished(&task, &manifest, name, Shard::WHOLE);
            let rows = rows(&path);
            assert!(rows.iter().map(|row| row.row).eq(0..40), "the manifest's order");
            assert_eq!(Metrics::of(&task, &rows).unwrap().summary(), summary);
            assert_eq!((summary.videos, summary.failed), (34, 6));
            let failed = VideoOutcome::Failed(format!("{} is cut off", rows[3].path));
            assert_eq!(rows[3].outcome, failed);
        }
    }
}

#[test]
fn a_run_goes_on_after_every_possible_truncation() {
    let folder = tempfile::tempdir().unwrap();
    for (task, name) in tasks().iter().zip(["results.csv", "results.csv", "results.jsonl"]) {
        let manifest = manifest(folder.path(), task, 6);
        let (_kept, path, summary) = finished(task, &manifest, name, Shard::WHOLE);
        let (whole, complete) = (std::fs::read(&path).unwrap(), rows(&path));
        for length in 0..=whole.len() {
            std::fs::write(&path, &whole[..length]).unwrap();
            let begun = rows_of_bytes(&whole[..length], name);
            let resumed = run(task, &manifest, Shard::WHOLE);
            let mut evaluation = Evaluation::open(&manifest, resumed, &path, true).unwrap();
            assert_eq!(evaluation.remaining(), 6 - begun, "{length} bytes");
            evaluate(&mut evaluation, usize::MAX).unwrap();
            assert_eq!(evaluation.metrics().summary(), summary);
            drop(evaluation);
            assert_eq!(rows(&path), complete, "{length} bytes");
        }
    }
}

/// Whole rows in the beginning of a file.
fn rows_of_bytes(bytes: &[u8], name: &str) -> usize {
    let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
    if name.ends_with(".csv") { lines.saturating_sub(1) } else { lines }
}

#[test]
fn an_interrupted_run_loses_and_repeats_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let [task, ..] = tasks();
    let manifest = manifest(folder.path(), &task, 30);
    let (_kept, complete, summary) = finished(&task, &manifest, "results.csv", Shard::WHOLE);
    let path = folder.path().join("interrupted.csv");
    for (most, left) in [(11, 19), (1, 18), (usize::MAX, 0)] {
        let mut evaluation = Evaluation::open(&manifest, run(&task, &manifest, Shard::WHOLE), &path, true).unwrap();
        assert_eq!(evaluate(&mut evaluation, most).is_ok(), left == 0);
        assert_eq!(evaluation.remaining(), left);
        if left == 0 {
            assert_eq!(evaluation.metrics().summary(), summary);
        }
    }
    assert_eq!(rows(&path), rows(&complete));
}

#[test]
fn shards_merge_into_the_whole() {
    let folder = tempfile::tempdir().unwrap();
    for task in tasks() {
        let manifest = manifest(folder.path(), &task, 20);
        let (_kept, whole, summary) = finished(&task, &manifest, "results.jsonl", Shard::WHOLE);
        // Each shard in another encoding, given in another order.
        let shards = [(3, "c.csv"), (1, "a.jsonl"), (2, "b.csv")];
        let shards = shards.map(|(number, name)| finished(&task, &manifest, name, Shard::new(number, 3).unwrap()));
        let paths: Vec<PathBuf> = shards.iter().map(|(_, path, _)| path.clone()).collect();
        let (merged, rows_merged) = merge(&paths).unwrap();
        assert_eq!(merged, run(&task, &manifest, Shard::WHOLE));
        assert_eq!(Metrics::of(&task, &rows_merged).unwrap().summary(), summary);
        let path = folder.path().join(format!("{}.csv", task.heads().len() + usize::from(task.is_multiple()) * 7));
        write_merged(&path, &merged, &rows_merged).unwrap();
        assert!(write_merged(&path, &merged, &rows_merged).unwrap_err().to_string().contains("is there already"));
        let csv = finished(&task, &manifest, "results.csv", Shard::WHOLE);
        assert_eq!(rows(&path), rows(&csv.1));
        assert_eq!(Metrics::of(&task, &rows(&path)).unwrap().summary(), summary);
        // Alone, the whole is what it is.
        assert_eq!(merge(&[whole]).unwrap().1.len(), 20);

        for (given, part) in
            [(vec![0, 1], "shard 2 of 3"), (vec![0, 1, 2, 1], "row 0, é 0.gif, is in"), (vec![], "no results")]
        {
            let given: Vec<PathBuf> = given.into_iter().map(|place: usize| paths[place].clone()).collect();
            let error = merge(&given).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}

#[test]
fn results_of_different_runs_are_not_mixed() {
    let folder = tempfile::tempdir().unwrap();
    let [task, ..] = tasks();
    let manifest = manifest(folder.path(), &task, 8);
    let half = Shard::new(1, 2).unwrap();
    let (_kept, path, _) = finished(&task, &manifest, "results.csv", half);
    let same = run(&task, &manifest, half);
    let time_first = FactorisedSelfAttention { order: Order::TimeSpace }.into();
    let with_config = |config| Run { config, ..same.clone() };
    let of = |motions: &str| Some(motions.to_owned());
    let others = [
        (Run { weights: "4567".into(), ..same.clone() }, "weights of a model"),
        (Run { views: "1x1".into(), ..same.clone() }, "views 4x3, not 1x1"),
        (Run { average: "probabilities".into(), ..same.clone() }, "logits, not probabilities"),
        (Run { stride: 1, ..same.clone() }, "stride 2, not 1"),
        (Run { mask: "causal".into(), ..same.clone() }, "the mask none, not causal"),
        (Run { preprocessing: "some".into(), ..same.clone() }, "preprocessing none, not some"),
        (with_config(Config::named("vit-b").unwrap()), "width 192"),
        (with_config(Config { gelu: Gelu::Erf, ..same.config.clone() }), r#"gelu "tanh", not "erf""#),
        (with_config(Config { layer_norm_eps: 1e-5, ..same.config.clone() }), "layer_norm_eps 1e-6, not 0.00001"),
        (with_config(Config { model: time_first, ..same.config.clone() }), "space_time"),
        (with_config(Config { qkv_bias: false, ..same.config.clone() }), "qkv_bias true, not false"),
        (Run { videos: 9, ..same.clone() }, "another manifest"),
        (Run { videos: 9, motions: of("dots"), ..same.clone() }, "a manifest of 8 videos, not the motions dots"),
        (Run { manifest: "0".into(), ..same.clone() }, "another manifest"),
        (Run { shard: Shard::new(1, 3).unwrap(), ..same.clone() }, "shards by 2, not 3"),
        (Run { shard: Shard::new(2, 2).unwrap(), ..same.clone() }, "shard 1/2, not 2/2"),
    ];
    // Where the program makes the clips, nobody has given a manifest.
    let motions = Run { motions: of("dots"), ..same.clone() };
    for (other, part) in [
        (Run { videos: 9, ..same.clone() }, "8 clips of the motions dots, not a manifest"),
        (Run { manifest: "0".into(), motions: of("shapes"), ..same.clone() }, "the motions dots, not shapes"),
        (Run { videos: 9, ..motions.clone() }, "8 clips of the motions dots, not 9"),
        (Run { manifest: "0".into(), ..motions.clone() }, "dots with other labels"),
    ] {
        let told = motions.mismatch(&other).unwrap();
        assert!(told.contains(part), "{told}");
    }
    let before = std::fs::read(&path).unwrap();
    for (other, part) in others {
        let error = Results::open(&path, other.clone(), true).unwrap_err();
        assert!(error.kind() == ErrorKind::Usage && error.to_string().contains(part), "{error}");
        if other.shard == half {
            let second = folder.path().join("other.csv");
            drop(Results::open(&second, other, false).unwrap());
            let error = merge(&[second.clone(), path.clone()]).unwrap_err().to_string();
            assert!(error.contains("are not of one run"), "{error}");
            std::fs::remove_file(second).unwrap();
        }
    }
    // The same weights in another place are the same model.
    drop(Results::open(&path, Run { model: "elsewhere".into(), ..same.clone() }, true).unwrap());
    assert!(Results::open(&path, same, false).unwrap_err().to_string().contains("--resume"));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

/// Numbers in the file beside results that no memory holds.
#[test]
fn a_hostile_record_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let [task, ..] = tasks();
    let manifest = manifest(folder.path(), &task, 8);
    let (_kept, path, _) = finished(&task, &manifest, "results.csv", Shard::WHOLE);
    let beside = path.with_file_name("results.csv.run.json");
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(&beside).unwrap()).unwrap();
    let said = |pointer: &str, value: serde_json::Value| {
        let mut record = record.clone();
        *record.pointer_mut(pointer).unwrap() = value;
        std::fs::write(&beside, record.to_string()).unwrap();
        merge(std::slice::from_ref(&path)).unwrap_err().to_string()
    };
    let many = 1_000_000_000_000_000_000usize;
    for classes in [0, many] {
        assert!(said("/task/classes", classes.into()).contains("cannot be evaluated"), "{classes}");
    }
    assert!(said("/task/labelling", serde_json::json!({"heads": []})).contains("do not make up"));
    let error = said("/videos", many.into());
    assert!(error.contains("999999999999999992 of 1000000000000000000 rows are missing: 8, 9,"), "{error}");
    assert!(error.contains("27, …; finish shard 1 of 1"), "{error}");
}

#[test]
fn results_belong_to_one_writer() {
    let folder = tempfile::tempdir().unwrap();
    let [task, ..] = tasks();
    let manifest = manifest(folder.path(), &task, 8);
    let path = folder.path().join("results.csv");
    let same = run(&task, &manifest, Shard::WHOLE);
    let _open = Results::open(&path, same.clone(), false).unwrap();
    for resume in [false, true] {
        let error = Results::open(&path, same.clone(), resume).unwrap_err().to_string();
        assert!(error.contains("another process is writing"), "{error}");
    }
}

#[test]
fn damaged_results_are_errors() {
    let folder = tempfile::tempdir().unwrap();
    let [task, ..] = tasks();
    let manifest = manifest(folder.path(), &task, 8);
    let (_kept, path, _) = finished(&task, &manifest, "results.csv", Shard::new(1, 2).unwrap());
    let text = std::fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let damages = [
        (text.replacen("row,path", "row,video", 1), "line 1", "header"),
        (text.replacen("\n2,", "\n3,", 1), "line 3", "row 3 is not in shard 1/2 of 8"),
        (text.replacen("\n2,", "\n8,", 1), "line 3", "row 8"),
        (format!("{text}{}\n", lines[1]), "line 6", "second time"),
        (text.replacen(",ok,", ",perhaps,", 1), "line 2", "perhaps"),
    ];
    for (damaged, line, what) in damages {
        assert_ne!(damaged, text, "{what}");
        std::fs::write(&path, damaged).unwrap();
        for error in [
            read_results(&path).unwrap_err(),
            Results::open(&path, run(&task, &manifest, Shard::new(1, 2).unwrap()), true).unwrap_err(),
        ] {
            let said = error.to_string();
            assert!(error.kind() == ErrorKind::File && said.contains(line) && said.contains(what), "{said}");
        }
    }
    std::fs::remove_file(folder.path().join("results.csv.run.json")).ok();
    std::fs::write(path.with_file_name("results.csv.run.json"), "{").unwrap();
    assert!(read_results(&path).unwrap_err().to_string().contains("run.json is damaged"));
    std::fs::remove_file(path.with_file_name("results.csv.run.json")).unwrap();
    assert!(read_results(&path).unwrap_err().to_string().contains("run.json is missing"));
}

/// An error of the device ends the run; those of videos do not.
#[test]
fn what_is_not_the_videos_fault_ends_the_run() {
    let folder = tempfile::tempdir().unwrap();
    let [task, ..] = tasks();
    let manifest = manifest(folder.path(), &task, 12);
    for (kind, decoding, ends) in [
        (ErrorKind::DeviceLost, false, true),
        (ErrorKind::OutOfMemory, false, true),
        (ErrorKind::Device, false, true),
        (ErrorKind::Unsupported, false, true),
        (ErrorKind::Unsupported, true, true),
        (ErrorKind::Interrupted, true, true),
        // Of computing, these are of the model's files.
        (ErrorKind::File, false, true),
        (ErrorKind::Io, false, true),
        (ErrorKind::Usage, false, false),
        (ErrorKind::File, true, false),
        (ErrorKind::Io, true, false),
        (ErrorKind::OutOfMemory, true, false),
        (ErrorKind::Usage, true, false),
    ] {
        let path = folder.path().join(format!("{kind:?}-{decoding}.csv"));
        let mut evaluation = Evaluation::open(&manifest, run(&task, &manifest, Shard::WHOLE), &path, false).unwrap();
        let fails = move |name: &str, here: bool| match here && name == "é 5.gif" {
            true => Err(Error::new(kind, "no")),
            false => Ok(()),
        };
        let decode = Box::new(move |item: &Item| fails(&item.name, decoding).map(|()| item.name.clone()));
        let mut compute = |name: String| fails(&name, !decoding).map(|()| vec![0.5; CLASSES]);
        let pipeline = VideoPipeline { workers: 2, decode, timeout: None, compute: &mut compute };
        let outcome = evaluation.finish(pipeline, &mut |_, _| Ok(()));
        assert_eq!(outcome.is_err(), ends, "{kind:?}");
        drop(evaluation);
        assert_eq!(rows(&path).len(), if ends { 5 } else { 12 }, "{kind:?}");
        if let Err(error) = outcome {
            assert!(error.kind() == kind && error.to_string() == "é 5.gif: no", "{error}");
        }
    }
}

#[test]
fn failures_are_tried_again() {
    let folder = tempfile::tempdir().unwrap();
    for (task, name) in tasks().iter().zip(["results.csv", "results.csv", "results.jsonl"]) {
        let manifest = manifest(folder.path(), task, 20);
        let (_kept, path, summary) = finished(task, &manifest, name, Shard::WHOLE);
        assert_eq!(summary.failed, 3);
        let again = || {
            let mut evaluation = Evaluation::open(&manifest, run(task, &manifest, Shard::WHOLE), &path, true).unwrap();
            evaluation.retry_failed();
            evaluation
        };
        // Those that fail once more are as before.
        let mut evaluation = again();
        assert_eq!((evaluation.remaining(), evaluation.metrics().failed()), (3, 0));
        evaluate(&mut evaluation, usize::MAX).unwrap();
        assert_eq!(evaluation.metrics().summary(), summary);
        drop(evaluation);
        let mut evaluation = again();
        let decode = Box::new(|_: &Item| Ok(vec![0.5; CLASSES]));
        let mut compute = Ok;
        let pipeline = VideoPipeline { workers: 2, decode, timeout: None, compute: &mut compute };
        evaluation.finish(pipeline, &mut |_, _| Ok(())).unwrap();
        let found = evaluation.metrics().summary();
        assert_eq!((found.videos, found.failed), (20, 0));
        drop(evaluation);
        let rows = rows(&path);
        assert!(rows.iter().map(|row| row.row).eq(0..20));
        assert_eq!(Metrics::of(task, &rows).unwrap().summary(), found);
        assert_eq!(again().remaining(), 0);
    }
}

/// Decoding runs ahead of the computing, but not far: every thread has one video ready and one in work.
#[test]
fn decoding_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let [task, ..] = tasks();
    let manifest = manifest(folder.path(), &task, 60);
    let path = folder.path().join("results.csv");
    let mut evaluation = Evaluation::open(&manifest, run(&task, &manifest, Shard::WHOLE), &path, false).unwrap();
    let (decoded, mut computed, mut ahead) = (Arc::new(AtomicUsize::new(0)), 0, BTreeSet::new());
    let counted = Arc::clone(&decoded);
    let decode = Box::new(move |item: &Item| {
        counted.fetch_add(1, Ordering::SeqCst);
        Ok(item.name.clone())
    });
    let mut compute = |_: String| {
        std::thread::sleep(std::time::Duration::from_millis(2));
        ahead.insert(decoded.load(Ordering::SeqCst) - computed);
        computed += 1;
        Ok(vec![0.5; CLASSES])
    };
    let pipeline = VideoPipeline { workers: 2, decode, timeout: None, compute: &mut compute };
    evaluation.finish(pipeline, &mut |_, _| Ok(())).unwrap();
    let most = ahead.last().copied().unwrap();
    assert!((2..=5).contains(&most), "{ahead:?}");
}
