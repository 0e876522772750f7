//! `classify` and `embed` over many videos.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use libtest_mimic::Failed;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Outcome, Ran, ensure, model, read_npy, tubelet, write_npy};

/// A folder of four videos, of which `2.npy` is damaged and `3` is a folder of images in a subfolder.
fn videos() -> Result<TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    for number in [0, 1] {
        let byte = |place: usize| (((place % 977 + number * 31) as f32 * 0.13).sin() * 127.0 + 128.0) as u8;
        let bytes: Vec<u8> = (0..20 * 40 * 48 * 3).map(byte).collect();
        write_npy(&folder.path().join(format!("{number}.npy")), &[20, 40, 48, 3], &bytes)?;
    }
    fs::write(folder.path().join("2.npy"), "damaged")?;
    fs::write(folder.path().join("notes.txt"), "no video")?;
    let images = folder.path().join("sub/3");
    fs::create_dir_all(&images)?;
    for index in 0..16u8 {
        image::RgbImage::from_pixel(48, 40, image::Rgb([index * 16, 40, 90]))
            .save(images.join(format!("{index}.png")))?;
    }
    Ok(folder)
}

fn lines(text: &str) -> Result<Vec<Value>, Failed> {
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// What a report says beside how long it took.
fn said(report: &Value) -> Value {
    let mut said = report.clone();
    ["seconds", "speed", "output", "tensors", "row"]
        .iter()
        .for_each(|key| _ = said.as_object_mut().map(|o| o.remove(*key)));
    said
}

/// Success but for one video of `total`, which is named.
fn one_left_out(ran: Ran, total: usize) -> Result<Ran, Failed> {
    let told = ran.stderr.contains("2.npy is left out: ")
        && ran.stderr.contains(&format!("error: 1 of {total} videos could not be read"));
    let failed = ran.code == Some(1);
    ran.expect(told && failed, "does not leave out one video")
}

pub(super) fn classified() -> Outcome {
    let folder = videos()?;
    let path = |name: &str| folder.path().join(name);
    let ran = one_left_out(Ran::with("classify {} --model {} --json", &[folder.path(), &model()])?, 4)?;
    let reports = lines(&ran.stdout)?;
    let names: Vec<_> = reports.iter().map(|report| report["video"]["path"].as_str().unwrap_or_default()).collect();
    let expected: Vec<_> = ["0.npy", "1.npy", "2.npy", "sub/3"].map(|name| path(name).display().to_string()).into();
    assert_eq!(names, expected);
    ensure(reports[2]["error"].is_string() && reports[2].get("classes").is_none(), reports[2].to_string())?;
    // As each by itself.
    for place in [0, 1, 3] {
        let alone = Ran::with("classify {} --model {} --json", &[Path::new(names[place]), &model()])?;
        let alone = alone.silent_success()?.json()?;
        ensure(said(&alone) == said(&reports[place]), format!("{alone} and {}", reports[place]))?;
    }
    // The same by a list, one of them twice, in its order.
    let list = path("list");
    fs::write(&list, format!("{}\r\n\n{}\n", path("1.npy").display(), path("0.npy").display()))?;
    let ran = Ran::with("classify {} --list {} --model {} --json", &[&path("1.npy"), &list, &model()])?;
    let listed: Vec<_> = lines(&ran.silent_success()?.stdout)?.iter().map(said).collect();
    assert_eq!(listed, [said(&reports[1]), said(&reports[1]), said(&reports[0])]);
    // From another program.
    let mut command = tubelet(&["classify", "--list", "-", "--null", "--json", "--model"]);
    command.arg(model()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn()?;
    let text = format!("{}\0{}\0", path("0.npy").display(), path("sub/3").display());
    child.stdin.take().ok_or("no stdin")?.write_all(text.as_bytes())?;
    let output = child.wait_with_output()?;
    ensure(lines(&String::from_utf8(output.stdout)?)?.len() == 2, "a list from another program")?;
    // A block each for people.
    let ran = one_left_out(Ran::with("classify {} --model {} --top 1", &[folder.path(), &model()])?, 4)?;
    let blocks = ran.stdout.matches("\n\nvideo ").count() == 2 && ran.stdout.matches("LABEL_").count() == 3;
    ran.expect(blocks, "is not three blocks").map(drop)
}

pub(super) fn rows() -> Outcome {
    let folder = videos()?;
    let path = |name: &str| folder.path().join(name);
    let run = |output: &Path, more: &str| {
        Ran::with(&format!("classify {{}} --model {{}} --output {{}} {more}"), &[folder.path(), &model(), output])
    };
    let out = tempfile::tempdir()?;
    let (csv, jsonl) = (out.path().join("rows.csv"), out.path().join("rows.jsonl"));
    one_left_out(run(&csv, "")?, 4)?;
    let text = fs::read_to_string(&csv)?;
    let header = "row,path,status,error,seconds,label_top5,label_names,label_scores";
    let whole = text.lines().count() == 5 && text.starts_with(header) && text.contains("2.npy,failed,");
    ensure(whole, text.clone())?;
    run(&csv, "")?.refusal(&["rows.csv is there already", "--resume"])?;
    run(&csv, "--resume --uniform")?.refusal(&["cannot be resumed", "views 1x1, not uniform"])?;
    run(&csv, "--resume --shard 1/2")?.refusal(&["cannot be resumed", "shards"])?;
    // Cut off in the third row, as by a kill.
    let cut = text.match_indices('\n').nth(2).map_or(0, |(end, _)| end + 9);
    fs::write(&csv, &text[..cut])?;
    one_left_out(run(&csv, "--resume")?, 4)?;
    let times = |text: &str| -> Vec<Vec<String>> {
        let row = |line: &str| {
            line.split(',').enumerate().filter(|(place, _)| *place != 4).map(|(_, cell)| cell.to_owned()).collect()
        };
        text.lines().map(row).collect()
    };
    assert_eq!(times(&fs::read_to_string(&csv)?), times(&text));
    // Nothing is left to do, but not all is well.
    run(&csv, "--resume")?.complains(&["1 of 4 videos could not be read"])?;
    one_left_out(run(&csv, "--resume --retry-failed")?, 4)?;
    // The parts of a whole.
    run(&jsonl, "--shard 2/2 --json")?.silent_success()?;
    let rows: Vec<_> = lines(&fs::read_to_string(&jsonl)?)?.iter().map(|row| row["row"].clone()).collect();
    assert_eq!(rows, [json!(1), json!(3)]);
    Ran::with("eval --merge {}", &[&csv])?.refusal(&["no labels"])?;
    // One that does not matter, and one too many.
    run(&out.path().join("most.csv"), "--max-failed 0")?
        .complains(&["more than the 0 that --max-failed allows", "--resume"])?;
    fs::remove_file(path("2.npy"))?;
    run(&out.path().join("all.csv"), "--max-failed 0")?.silent_success().map(drop)
}

pub(super) fn embedded() -> Outcome {
    let folder = videos()?;
    let path = |name: &str| folder.path().join(name);
    let out = tempfile::tempdir()?;
    let features = out.path().join("features");
    let run = |more: &str| {
        Ran::with(&format!("embed {{}} --model {{}} --output {{}} {more}"), &[folder.path(), &model(), &features])
    };
    one_left_out(run("--tap features,sequence_output --json")?, 4)?;
    let index = lines(&fs::read_to_string(features.join("index.jsonl"))?)?;
    ensure(index.len() == 4 && index[2]["error"].is_string(), "not every video is indexed")?;
    for (number, video) in [(0, "0.npy"), (3, "sub/3")] {
        for tap in ["features", "sequence_output"] {
            let alone = out.path().join("alone.npy");
            let command = format!("embed {{}} --model {{}} --output {{}} --tap {tap}");
            Ran::with(&command, &[&path(video), &model(), &alone])?.silent_success()?;
            let place = &index[number]["tensors"][tap];
            let file: PathBuf = features.join(place["file"].as_str().ok_or("no file")?);
            let (all, alone) = (read_npy(&file)?, read_npy(&alone)?);
            ensure(place["shape"] == json!(alone.shape().axes()), place.to_string())?;
            let values = alone.as_f32()?;
            let row = place["row"].as_u64().ok_or("no row")? as usize;
            ensure(
                &all.as_f32()?[row * values.len()..][..values.len()] == values,
                format!("{tap} of {video} differs"),
            )?;
        }
    }
    run("--resume")?.refusal(&["cannot be resumed", "taps"])?;
    run("")?.refusal(&["is there already", "--resume"])?;
    // Killed before the last was indexed.
    let text = fs::read_to_string(features.join("index.jsonl"))?;
    let array = features.join("features-00000.npy");
    let before = fs::read(&array)?;
    fs::write(features.join("index.jsonl"), &text[..text.len() - 20])?;
    run("--tap features,sequence_output --resume")?.complains(&["1 of 4 videos could not be read"])?;
    ensure(fs::read(&array)? == before, "what was resumed is something else")?;
    let again = lines(&fs::read_to_string(features.join("index.jsonl"))?)?;
    ensure(again.iter().map(said).eq(index.iter().map(said)), "the index is another")?;
    // Of many videos there is no file.
    let file = out.path().join("features.npy");
    Ran::with("embed {} --model {} --output {}", &[folder.path(), &model(), &file])?
        .refusal(&["folder", "features.npy"])
}

pub(super) fn wrong_use() -> Outcome {
    let folder = videos()?;
    let empty = folder.path().join("empty");
    fs::write(&empty, "\n")?;
    let model = model();
    Ran::with("classify {} --model {} --sliding 8", &[folder.path(), &model])?.refusal(&["--sliding", "one video"])?;
    Ran::with("classify a.mp4 - --model {}", &[&model])?.refusal(&["pipe", "--sliding"])?;
    Ran::with("classify --list {} --model {}", &[&empty, &model])?.failure(&["empty lists no video"])?;
    Ran::with("classify --list missing --model {}", &[&model])?.failure(&["missing"])?;
    Ran::with("classify --model {}", &[&model])?.refusal(&["VIDEO"])?;
    Ran::with("classify {} --model {} --resume", &[folder.path(), &model])?.refusal(&["--output"])?;
    Ran::with("classify {} --model {} --shard 3/2", &[folder.path(), &model])?.refusal(&["3/2"])
}
