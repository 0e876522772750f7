//! `tubelet eval`, and `classify` by several views.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Outcome, Ran, ensure, model, pictures, tubelet, video, write_npy};

/// A folder of tiny videos with a manifest, the fourth of them damaged.
fn data_set(videos: usize) -> Result<TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    let mut manifest = "path,label\n".to_owned();
    for number in 0..videos {
        let path = folder.path().join(format!("{number}.npy"));
        let byte = |place: usize| (((place % 977 + number * 31) as f32 * 0.13).sin() * 127.0 + 128.0) as u8;
        let bytes: Vec<u8> = (0..20 * 40 * 48 * 3).map(byte).collect();
        write_npy(&path, &[20, 40, 48, 3], &bytes)?;
        if number == 3 {
            fs::write(&path, &fs::read(&path)?[..500])?;
        }
        // Names as the model has them, and numbers.
        let label = number % 10;
        manifest +=
            &if number % 2 == 0 { format!("{number}.npy,{label}\n") } else { format!("{number}.npy,LABEL_{label}\n") };
    }
    fs::write(folder.path().join("manifest.csv"), manifest)?;
    Ok(folder)
}

/// The arguments of an evaluation of the folder's manifest.
fn arguments(folder: &Path, output: &Path, more: &str) -> Vec<PathBuf> {
    let fixed =
        ["eval".into(), folder.join("manifest.csv"), "--model".into(), model(), "--output".into(), output.into()];
    fixed.into_iter().chain(more.split_whitespace().map(PathBuf::from)).collect()
}

fn evaluated(folder: &Path, output: &Path, more: &str) -> Result<Ran, Failed> {
    Ran::of(tubelet(&arguments(folder, output, more)))?.success()
}

/// The rows of a file of results, without their times.
fn rows(path: &Path) -> Result<Vec<Vec<String>>, Failed> {
    let mut reader = csv::Reader::from_path(path)?;
    let place = reader.headers()?.iter().position(|title| title == "seconds").ok_or("no column seconds")?;
    let row = |record: csv::StringRecord| {
        record.iter().enumerate().filter(|(column, _)| *column != place).map(|(_, cell)| cell.to_owned()).collect()
    };
    reader.records().map(|record| Ok(row(record?))).collect()
}

/// The figures of a run, without what differs from run to run.
fn figures(ran: &Ran) -> Result<Value, Failed> {
    let report = ran.json()?;
    Ok(json!([report["videos"], report["failed"], report["figures"]]))
}

pub(super) fn killed_and_resumed() -> Outcome {
    const VIDEOS: usize = 60;
    let folder = data_set(VIDEOS)?;
    let path = |name: &str| folder.path().join(name);
    let whole = evaluated(folder.path(), &path("whole.csv"), "--views 2x3 --json")?;
    ensure(whole.stderr.contains("3.npy is left out: ") && whole.stderr.lines().count() == 1, &*whole.stderr)?;
    let expected = rows(&path("whole.csv"))?;
    ensure(expected.len() == VIDEOS, format!("{} rows", expected.len()))?;

    let interrupted = path("interrupted.csv");
    let resuming = || tubelet(&arguments(folder.path(), &interrupted, "--views 2x3 --json --resume"));
    for lines in [15, 35] {
        let child = resuming().stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
        let left = killed_at(child, &interrupted, lines)?;
        ensure((lines..=VIDEOS).contains(&left), format!("killed at {left} lines, too early or too late"))?;
    }
    let resumed = Ran::of(resuming())?.success()?;
    ensure(rows(&interrupted)? == expected, "the resumed rows are others")?;
    ensure(figures(&resumed)? == figures(&whole)?, "the resumed figures are others")?;
    let again = Ran::of(resuming())?.silent_success()?;
    ensure(again.json()?["speed"]["videos"] == 0, "a finished run began anew")?;
    ensure(figures(&again)? == figures(&whole)?, "the figures of a finished run are others")
}

/// Kills a run as soon as its results have so many lines; the lines that they have then.
fn killed_at(mut child: Child, results: &Path, lines: usize) -> Result<usize, Failed> {
    let count = || fs::read(results).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count());
    let start = Instant::now();
    while count() < lines && child.try_wait()?.is_none() && start.elapsed() < Duration::from_secs(120) {
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill()?;
    child.wait()?;
    Ok(count())
}

pub(super) fn shards_merged() -> Outcome {
    let folder = data_set(12)?;
    let path = |name: &str| folder.path().join(name);
    let whole = evaluated(folder.path(), &path("whole.csv"), "--views 1x1 --json")?;
    for number in 1..=3 {
        let (output, more) = (path(&format!("{number}.csv")), format!("--views 1x1 --shard {number}/3"));
        evaluated(folder.path(), &output, &more)?;
    }
    let [one, two, three, all] = ["1.csv", "2.csv", "3.csv", "all.csv"].map(path);
    Ran::with("eval --merge {} {} --output {}", &[&one, &three, &all])?.failure(&["4 of 12 rows", "shard 2 of 3"])?;
    Ran::with("eval --merge {} {} {}", &[&one, &three, &one])?.refusal(&["row 0, 0.npy", "1.csv"])?;
    ensure(!all.exists(), "a refused merge wrote something")?;
    let merged = Ran::with("eval --json --merge {} {} {} --output {}", &[&three, &one, &two, &all])?;
    let merged = merged.silent_success()?;
    ensure(figures(&merged)? == figures(&whole)?, format!("{}, not {}", merged.stdout, whole.stdout))?;
    ensure(rows(&all)? == rows(&path("whole.csv"))?, "the merged rows are others")?;
    let told = Ran::with("eval --merge {}", &[&all])?.silent_success()?;
    let facts = ["11 videos, 1 could not be read", "1x1", "top-5", "mean class recall"];
    let holds = facts.iter().all(|fact| told.stdout.contains(fact));
    told.expect(holds, "does not tell the figures").map(drop)
}

pub(super) fn wrong_use() -> Outcome {
    let folder = data_set(4)?;
    let path = |name: &str| folder.path().join(name);
    let results = path("results.csv");
    evaluated(folder.path(), &results, "--views 1x1")?;
    let before = fs::read(&results)?;
    let run = |output: &str, more: &str| Ran::of(tubelet(&arguments(folder.path(), &path(output), more)));
    run("results.csv", "--views 1x1")?.refusal(&["results.csv is there already", "--resume"])?;
    run("results.csv", "--views 2x1 --resume")?.refusal(&["cannot be resumed", "views 1x1, not 2x1"])?;
    run("results.csv", "--views 1x1 --resume --shard 1/2")?.refusal(&["cannot be resumed", "shards"])?;
    run("results.csv", "--views 1x1 --resume --preset hf_default")?.refusal(&["cannot be resumed", "[-3, 1]"])?;
    ensure(fs::read(&results)? == before, "the results were touched")?;
    run("results.txt", "")?.refusal(&["results.txt", ".csv or .jsonl"])?;
    run("nowhere/new.csv", "")?.failure(&["cannot write", "there is no folder", "nowhere"])?;
    run("new.csv", "--views 4x2")?.refusal(&["4x2", "4x3"])?;
    run("new.csv", "--shard 4/3")?.refusal(&["4/3"])?;
    run("new.csv", "--format xml")?.refusal(&["xml", "kinetics"])?;
    run("new.csv", "--root /nowhere")?.failure(&["none of the 4 videos", "/nowhere", "--root"])?;
    run("new.csv", "--merge results.csv")?.refusal(&["--merge"])?;
    Ran::with("eval --model {} --output new.csv", &[&model()])?.refusal(&["MANIFEST"])?;
    Ran::with("eval {} --model {}", &[&path("manifest.csv"), &model()])?.refusal(&["--output"])?;
    fs::write(path("manifest.csv"), "path,label\n0.npy,0\n1.npy,running\n")?;
    run("new.csv", "")?.failure(&["manifest.csv", "line 3", "running"])?;
    fs::write(path("names.txt"), "running\nstanding\n")?;
    let names = format!("--labels {}", path("names.txt").display());
    run("new.csv", &names)?.failure(&["names.txt", "2 names", "10 classes"])?;
    fs::write(path("manifest.csv"), "path,label\n3.npy,0\n")?;
    let failed = run("failed.csv", "")?;
    let holds = failed.code == Some(1) && failed.stderr.contains("none of the videos could be read");
    failed.expect(holds, "does not fail where every video does").map(drop)
}

pub(super) fn views() -> Outcome {
    let pictures = pictures(20)?;
    let classify = |more: &str| {
        let ran = Ran::with(&format!("classify {{}} --model {{}} --json {more}"), &[pictures.path(), &model()])?;
        ran.silent_success()?.json()
    };
    let (plain, single) = (classify("")?, classify("--views 1x1")?);
    ensure(single["views"] == "1x1" && plain["views"].is_null(), single.to_string())?;
    for field in ["classes", "indices", "shape"] {
        ensure(plain[field] == single[field], format!("{field} of one view"))?;
    }
    let several = classify("--views 2x3 --top 10")?;
    ensure(several["shape"] == json!([6, 8, 3, 32, 32]), several["shape"].to_string())?;
    let starts = json!([several["indices"][0], several["indices"][8]]);
    ensure(starts == json!([0, 4]), several["indices"].to_string())?;
    ensure(several["classes"] != classify("--views 2x1 --top 10")?["classes"], "crops that show nothing new")?;
    let probabilities = classify("--views 2x3 --top 10 --average probabilities")?;
    ensure(probabilities["classes"] != several["classes"], "averages that are all the same")?;
    for report in [&several, &probabilities] {
        let classes = report["classes"].as_array().ok_or("no classes")?;
        let sum: f64 = classes.iter().filter_map(|class| class["probability"].as_f64()).sum();
        ensure((sum - 1.0).abs() < 1e-5, format!("probabilities sum to {sum}"))?;
    }
    let told = Ran::with("classify {} --model {} --views 2x3", &[pictures.path(), &model()])?.silent_success()?;
    let holds = told.stdout.contains("2 clips of 8 frames, from 0, 4 on, 3 crops each");
    told.expect(holds, "does not tell the views")?;
    let uniform = "classify {} --model {} --views 2x3 --uniform";
    Ran::with(uniform, &[pictures.path(), &model()])?.refusal(&["--views", "--uniform"])?;
    Ran::with(&format!("{uniform} --views 3", uniform = "classify {}"), &[&video()])?.refusal(&["4x3"])
}
