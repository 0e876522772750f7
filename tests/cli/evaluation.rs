//! `tubelet eval`, and `classify` by several views.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Failed;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Outcome, Ran, common::data, ensure, model, pictures, tubelet, video, write_npy};

/// A folder of tiny videos with a manifest, the fourth of them damaged.
pub(super) fn data_set(videos: usize) -> Result<TempDir, Failed> {
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
pub(super) fn arguments(folder: &Path, output: &Path, more: &str) -> Vec<PathBuf> {
    let fixed =
        ["eval".into(), folder.join("manifest.csv"), "--model".into(), model(), "--output".into(), output.into()];
    fixed.into_iter().chain(more.split_whitespace().map(PathBuf::from)).collect()
}

pub(super) fn evaluated(folder: &Path, output: &Path, more: &str) -> Result<Ran, Failed> {
    Ran::of(tubelet(&arguments(folder, output, more)))?.success()
}

/// The rows of a file of results, without their times.
pub(super) fn rows(path: &Path) -> Result<Vec<Vec<String>>, Failed> {
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

/// Whole lines of a file that may not be there yet.
pub(super) fn lines(path: &Path) -> usize {
    fs::read(path).map_or(0, |bytes| bytes.iter().filter(|byte| **byte == b'\n').count())
}

/// Kills a run as soon as its results have so many lines; the lines that they have then.
fn killed_at(mut child: Child, results: &Path, least: usize) -> Result<usize, Failed> {
    let count = || lines(results);
    let start = Instant::now();
    while count() < least && child.try_wait()?.is_none() && start.elapsed() < Duration::from_secs(120) {
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
    run("new.csv", "--motions camera")?.refusal(&["--motions", "cannot be used with"])?;
    run("new.csv", "--motion-order single")?.refusal(&["--motions"])?;
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

/// One video among twenty that are missing: neither videos nor clips of those count.
pub(super) fn failures_are_no_speed() -> Outcome {
    let folder = data_set(1)?;
    let missing: String = (0..20).map(|number| format!("missing{number}.npy,1\n")).collect();
    fs::write(folder.path().join("manifest.csv"), format!("path,label\n0.npy,1\n{missing}"))?;
    let report = evaluated(folder.path(), &folder.path().join("out.csv"), "--json")?.json()?;
    let speed = &report["speed"];
    ensure(report["failed"] == 20 && speed["videos"] == 1, report.to_string())?;
    let clips = speed["clips_per_second"].as_f64().zip(speed["seconds"].as_f64()).map(|(rate, time)| rate * time);
    ensure(clips.is_some_and(|clips| (clips - 12.0).abs() < 1e-6), speed.to_string())
}

pub(super) fn most_failed() -> Outcome {
    let folder = data_set(2)?;
    let path = |name: &str| folder.path().join(name);
    let manifest = |missing: &[usize]| {
        let row = |number| {
            if missing.contains(&number) { format!("missing{number}.npy,1\n") } else { "0.npy,1\n".to_owned() }
        };
        fs::write(path("manifest.csv"), format!("path,label\n{}", (0..20).map(row).collect::<String>()))
    };
    let run = |output: &str, more: &str| Ran::of(tubelet(&arguments(folder.path(), &path(output), more)));
    manifest(&[3, 5, 9])?;
    for (most, left) in [("2", 10), ("10%", 10), ("0", 4)] {
        let output = format!("{left}-{}.csv", most.trim_end_matches('%'));
        let ran = run(&output, &format!("--views 1x1 --max-failed {most}"))?;
        let holds =
            ran.code == Some(1) && ran.stderr.contains("--max-failed allows") && ran.stderr.contains("--resume");
        ran.expect(holds, "too many failures did not end it")?;
        ensure(rows(&path(&output))?.len() == left, format!("{} rows", rows(&path(&output))?.len()))?;
        run(&output, "--views 1x1 --resume --max-failed 15%")?.success()?;
        ensure(rows(&path(&output))?.len() == 20, "it did not go on")?;
    }
    run("new.csv", "--max-failed 200%")?.refusal(&["--max-failed", "5%"])
}

/// As mmaction2, SlowFast and VideoMAE write them; names stand beside the classes.
pub(super) fn list_without_header() -> Outcome {
    let folder = data_set(3)?;
    fs::copy(folder.path().join("1.npy"), folder.path().join("my own.npy"))?;
    for text in ["0.npy 1\nmy own.npy 2\n", "0.npy,1\r\nmy own.npy,LABEL_2\r\n", "\u{feff}0.npy\t1\nmy own.npy\t2\n"] {
        fs::write(folder.path().join("manifest.csv"), text)?;
        let output = folder.path().join("out.csv");
        evaluated(folder.path(), &output, "--views 1x1")?;
        let rows = rows(&output)?;
        let labelled: Vec<_> = rows.iter().map(|row| (row[1].as_str(), row[4].as_str())).collect();
        ensure(labelled == [("0.npy", "1"), ("my own.npy", "2")], format!("{rows:?}"))?;
        let named =
            |row: &Vec<String>| row[5].split(';').map(|class| format!("LABEL_{class}")).collect::<Vec<_>>().join(";");
        ensure(rows.iter().all(|row| row[6] == named(row)), format!("{rows:?}"))?;
        fs::remove_file(&output)?;
    }
    Ok(())
}

/// Several labels a video where the model says so; no figures of values that are no classes.
pub(super) fn problem_types() -> Outcome {
    let (folder, model) = (data_set(3)?, tempfile::tempdir()?);
    let cases = data("cases/hf-multi-label/config.json");
    fs::copy(super::model().join("model.safetensors"), model.path().join("model.safetensors"))?;
    fs::copy(&cases, model.path().join("config.json"))?;
    let run = |text: &str, output: &str| {
        fs::write(folder.path().join("manifest.csv"), text)?;
        let paths = [folder.path().join("manifest.csv"), model.path().to_owned(), folder.path().join(output)];
        let [manifest, model, output] = paths.each_ref().map(PathBuf::as_path);
        Ran::with("eval {} --model {} --output {} --views 1x1 --json", &[manifest, model, output])
    };
    for (output, text) in [
        ("table.csv", "path,labels\n0.npy,0;LABEL_8\n1.npy,\n2.npy,8|0|8\n"),
        ("list.csv", "0.npy 0 8\n1.npy 1\n2.npy 8;0\n"),
    ] {
        let report = run(text, output)?.success()?.json()?;
        let named = |name: &str| {
            report["figures"].as_array().is_some_and(|figures| figures.iter().any(|figure| figure["name"] == name))
        };
        ensure(named("mAP") && !named("top-1"), report["figures"].to_string())?;
        let rows = rows(&folder.path().join(output))?;
        let labels: Vec<_> = rows.iter().map(|row| row[4].as_str()).collect();
        ensure(labels == ["0;8", if output == "list.csv" { "1" } else { "" }, "0;8"], format!("{labels:?}"))?;
        // By a sigmoid each: they do not sum to one.
        let scores: f64 = rows[0][7].split(';').filter_map(|score| score.parse::<f64>().ok()).sum();
        ensure(scores > 1.0, format!("{scores}: {:?}", rows[0]))?;
    }
    let text = fs::read_to_string(&cases)?.replace("multi_label_classification", "regression");
    fs::write(model.path().join("config.json"), text)?;
    run("path,label\n0.npy,1\n", "regression.csv")?.refusal(&["regression", "not classes"])?;
    ensure(!folder.path().join("regression.csv").exists(), "something was written")
}

pub(super) fn confined() -> Outcome {
    let (folder, outside) = (data_set(2)?, data_set(1)?);
    let absolute = outside.path().join("0.npy");
    let name = outside.path().file_name().unwrap_or_default().to_string_lossy();
    let text = format!("path,label\n0.npy,1\n../{name}/0.npy,1\n{},1\n1.npy,0\n", absolute.display());
    fs::write(folder.path().join("manifest.csv"), text)?;
    let (confined, free) = (folder.path().join("confined.csv"), folder.path().join("free.csv"));
    let more = format!("--views 1x1 --json --root {}", folder.path().display());
    let ran = evaluated(folder.path(), &confined, &more)?;
    ensure(ran.json()?["videos"] == 2 && ran.stderr.matches("lies outside").count() == 2, ran.stderr)?;
    ensure(rows(&confined)?.iter().filter(|row| row[3].contains("lies outside")).count() == 2, "no rows of them")?;
    ensure(evaluated(folder.path(), &free, "--views 1x1 --json")?.json()?["videos"] == 4, "their own manifests may")
}

/// Whatever stands in a manifest gets its row, and the run goes on.
#[cfg(unix)]
pub(super) fn hostile_files() -> Outcome {
    let folder = data_set(2)?;
    let path = |name: &str| folder.path().join(name);
    let mut names =
        vec!["missing.mp4", "empty.mp4", "text.mp4", "cut.npy", "folder", "pipe.mp4", "zero.mp4", "circle.mp4"];
    for (name, bytes) in
        [("empty.mp4", &b""[..]), ("text.mp4", b"\x1b[2Jno video at all"), ("cut.npy", b"\x93NUMPY\x01\0")]
    {
        fs::write(path(name), bytes)?;
    }
    fs::create_dir(path("folder"))?;
    ensure(std::process::Command::new("mkfifo").arg(path("pipe.mp4")).status()?.success(), "no pipe")?;
    std::os::unix::fs::symlink("/dev/zero", path("zero.mp4"))?;
    std::os::unix::fs::symlink("circle.mp4", path("circle.mp4"))?;
    let long = format!("{}.mp4", "x".repeat(3000));
    names.extend([long.as_str(), "=1+1.mp4", "\u{202e}4pm.mp4", "0.npy/inside.mp4"]);
    // The first and the last are none of them.
    names.insert(0, "0.npy");
    names.push("1.npy");
    let text: String = names.iter().map(|name| format!("{name},1\n")).collect();
    fs::write(path("manifest.csv"), format!("path,label\n{text}"))?;
    let output = path("out.csv");
    let ran = evaluated(folder.path(), &output, "--views 1x1 --json")?;
    ensure(ran.json()?["videos"] == 2 && ran.json()?["failed"] == names.len() - 2, &*ran.stdout)?;
    ensure(!ran.stderr.contains(['\u{1b}', '\u{202e}']), &*ran.stderr)?;
    let rows = rows(&output)?;
    ensure(rows.len() == names.len(), format!("{} rows", rows.len()))?;
    for (row, name) in rows.iter().zip(&names) {
        ensure((row[2] == "ok") == ["0.npy", "1.npy"].contains(name), format!("{name}: {row:?}"))?;
        ensure(
            row.iter().all(|cell| !cell.contains(['\u{1b}', '\u{202e}', '\n']) && !cell.starts_with('=')),
            format!("{row:?}"),
        )?;
    }
    Ok(())
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
