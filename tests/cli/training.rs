//! `tubelet train`: what it writes, how it goes on, and how it fails.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};

use libtest_mimic::Failed;
use serde_json::Value;
use tempfile::TempDir;

use super::interruption::{signalled, unfinished, wait_until};
use super::{Outcome, Ran, ensure, read_safetensors, tubelet};

/// Small videos that the program makes.
fn motions() -> Result<TempDir, Failed> {
    let room = tempfile::tempdir()?;
    let options = "--set camera --clips 2 --validation 1 --frames 4 --size 32 --format npy";
    Ran::with(&format!("make-motions {options} --output {{}}"), &[&room.path().join("videos")])?.success()?;
    Ok(room)
}

/// A small model on them, from random weights.
pub(super) const SMALL: &str = "--from scratch --shape vit-ti/16x2 --kind 2 --option temporal.layers=2 --frames 4 --size 32 \
    --batch 4 --device cpu --warm-up 0.2";

fn trained(room: &Path, output: &Path, more: &str) -> Result<Ran, Failed> {
    let videos = room.join("videos");
    let command = format!("train {{}} --labels {{}} --validation {{}} --output {{}} {SMALL} {more}");
    let paths = [videos.join("train.csv"), videos.join("classes.txt"), videos.join("validation.csv")];
    Ran::with(&command, &[&paths[0], &paths[1], &paths[2], output])
}

/// A folder that other commands take, with all that a training leaves.
pub(super) fn whole() -> Outcome {
    let room = motions()?;
    let output = room.path().join("model");
    let ran = trained(room.path(), &output, "--steps 3 --stride 1 --json")?.success()?;
    let lines: Vec<Value> = ran.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let kinds: Vec<_> = lines.iter().filter_map(|line| line["kind"].as_str()).collect();
    ensure(kinds.len() == lines.len(), "a line says not what it is of")?;
    ensure(kinds.iter().filter(|kind| **kind == "step").count() == 3, format!("{kinds:?}"))?;
    ensure(kinds.contains(&"evaluation") && kinds.contains(&"checkpoint"), format!("{kinds:?}"))?;
    let end = lines.last().ok_or("nothing is said")?;
    ensure(end["kind"] == "end" && end["steps"] == 3 && end["videos"][0] == 20, format!("{end}"))?;
    for name in ["config.json", "model.safetensors", "recipe.toml", "steps.jsonl", "training.html"] {
        ensure(output.join(name).is_file(), format!("there is no {name}"))?;
    }
    let labels = fs::read_to_string(output.join("config.json"))?;
    ensure(labels.contains("pan left"), "the classes have no names")?;
    inspected(&output, "videos/train.csv: 20 videos of 10 classes")?;
    let best = PathBuf::from(end["best"]["path"].as_str().ok_or("no checkpoint is the best")?);
    let video = fs::read_dir(room.path().join("videos/train"))?.next().ok_or("no videos")??.path();
    for model in [&output, &best] {
        let said = Ran::with("classify {} --model {} --device cpu --json", &[&video, model])?.success()?.json()?;
        ensure(said["untrained"] == false, "the model counts as untrained")?;
        let taken = [("", [0, 1, 2, 3]), ("--stride 2", [0, 2, 0, 2])];
        for (told, indices) in taken {
            let clip = room.path().join("clip.npy");
            let said = Ran::with(
                &format!("clip {{}} --model {{}} --output {{}} --device cpu --json {told}"),
                &[&video, model, &clip],
            );
            let said = said?.success()?.json()?;
            ensure(said["indices"] == serde_json::json!(indices), format!("{told}: {}", said["indices"]))?;
            ensure(said["preprocessing"].as_str().is_some(), "nothing says how the clip was prepared")?;
        }
    }
    trained(room.path(), &output, "--steps 3")?.refusal(&["is there already", "--resume"])
}

/// A model says what it was trained on, and so does its conversion; no command repeats it unasked.
fn inspected(model: &Path, data: &str) -> Outcome {
    let ran = Ran::with("inspect {} --json", &[model])?.silent_success()?;
    let report = ran.json()?;
    let told = report["summary"]["trained_on"].as_str().is_some_and(|told| told.ends_with(data));
    let ran = ran.expect(told, &format!("does not say that it was trained on {data}"))?;
    let room = tempfile::tempdir()?;
    let converted = room.path().join("converted");
    Ran::with("convert {} {}", &[model, &converted])?.success()?;
    let config: Value = serde_json::from_str(&fs::read_to_string(converted.join("config.json"))?)?;
    let kept = config["trained_on"] == report["summary"]["trained_on"];
    let ran = ran.expect(kept, "is converted to a model that does not say it")?;
    let people = Ran::with("inspect {}", &[model])?.silent_success()?;
    ran.expect(people.stdout.contains("trained on"), "tells it only as JSON").map(drop)
}

/// Clips that are computed as they are asked for are those of files, and what learns from them is the same to the bit.
pub(super) fn motions_from_memory() -> Outcome {
    let room = motions()?;
    let [files, memory] = ["files", "memory"].map(|name| room.path().join(name));
    trained(room.path(), &files, "--steps 3")?.success()?;
    let train = |more: &str| {
        let clips = "--motions camera --motion-clips 2 --motion-frames 4 --motion-size 32";
        Ran::with(&format!("train {clips} --output {{}} {SMALL} --steps 3 --json {more}"), &[&memory])
    };
    let ran = train("")?.success()?;
    let end: Value = serde_json::from_str(ran.stdout.lines().last().ok_or("nothing is said")?)?;
    ensure(end["videos"][0] == 20 && end["videos"][1] == 10, format!("{end}"))?;
    let read = |folder: &Path, name: &str| fs::read(folder.join(name));
    ensure(read(&memory, "model.safetensors")? == read(&files, "model.safetensors")?, "the weights are others")?;
    let config = String::from_utf8(read(&memory, "config.json")?)?;
    ensure(config.contains("pan left"), "the classes have no names")?;
    let clips = "2 clips of each class of each set, 4 frames of 32x32 pixels: 20 videos of 10 classes";
    inspected(&memory, &format!("motions camera of seed 0, {clips}"))?;
    let refused = |ran: Ran, part: &str| {
        let holds = ran.code == Some(2) && ran.stderr.contains(part);
        ran.expect(holds, &format!("is not refused since {part}")).map(drop)
    };
    refused(train("--resume --motion-seed 1")?, "among other clips")?;

    let rows = room.path().join("rows.csv");
    let eval = |set: &str, more: &str| {
        let options = format!("--motions {set} --motion-clips 1 --device cpu --json {more}");
        Ran::with(&format!("eval {options} --model {{}} --output {{}}"), &[&memory, &rows])
    };
    let ran = eval("camera", "--motion-order single")?.success()?;
    let report = ran.json()?;
    ran.expect(report["videos"] == 10 && report["views"] == "1x1", "does not evaluate each class once")?;
    let text = fs::read_to_string(&rows)?;
    ensure(text.contains("camera/validation/8x32x32/seed-0/single/000003-pan-down,"), text)?;
    let others = "the motions camera/validation/8x32x32/seed-0/single, not camera/validation/8x32x32/seed-0/shuffled";
    refused(eval("camera", "--motion-order shuffled --resume")?, others)?;
    fs::remove_file(&rows)?;
    eval("shapes", "")?.refusal(&["move left", "pan right"])
}

/// A model that was trained gets a new head for folders of classes, and only the head learns.
pub(super) fn class_folders() -> Outcome {
    let room = motions()?;
    let begun = room.path().join("begun");
    trained(room.path(), &begun, "--steps 2")?.success()?;
    let classes = room.path().join("classes");
    let mut videos: Vec<_> = fs::read_dir(room.path().join("videos/train"))?.collect::<Result<_, _>>()?;
    videos.sort_by_key(|video| video.file_name());
    for (index, video) in videos.iter().take(12).enumerate() {
        let folder = classes.join(["one", "two", "three"][index % 3]);
        fs::create_dir_all(&folder)?;
        fs::copy(video.path(), folder.join(video.file_name()))?;
    }
    let output = room.path().join("mine");
    let options = "--epochs 2 --batch 3 --freeze embeddings,encoder --validation none --device cpu";
    Ran::with(&format!("train {{}} --model {{}} --output {{}} {options}"), &[&classes, &begun, &output])?.success()?;
    let config = fs::read_to_string(output.join("config.json"))?;
    ensure(config.contains("\"three\"") && !config.contains("pan left"), "the classes are not those of the folders")?;
    let recipe = fs::read_to_string(output.join("recipe.toml"))?;
    ensure(recipe.contains("frames = 4") && recipe.contains("adamw"), recipe)?;
    let [before, after] = [&begun, &output].map(|folder| read_safetensors(&folder.join("model.safetensors")));
    let (before, after) = (before?, after?);
    let moved = |name: &String| before.get(name) != after.get(name);
    let moved: Vec<_> = after.keys().filter(|name| moved(name)).collect();
    let of_head = |name: &&String| name.starts_with("output_projection.");
    ensure(moved.len() == 2 && moved.iter().all(of_head), format!("not the head alone has moved: {moved:?}"))
}

/// A table of the first videos, with what each shows.
fn table(room: &Path, header: &str, shown: impl Fn(usize) -> String) -> Result<PathBuf, Failed> {
    let mut videos: Vec<_> = fs::read_dir(room.join("videos/train"))?.collect::<Result<_, _>>()?;
    videos.sort_by_key(|video| video.file_name());
    let rows = videos.iter().take(8).enumerate();
    let rows = rows.map(|(index, video)| format!("train/{},{}\n", video.file_name().to_string_lossy(), shown(index)));
    let path = room.join("videos/table.csv");
    fs::write(&path, format!("{header}\n{}", rows.collect::<String>()))?;
    Ok(path)
}

/// The evaluations of a training.
fn evaluations(output: &Path) -> Result<Vec<Value>, Failed> {
    let text = fs::read_to_string(output.join("steps.jsonl"))?;
    let lines: Vec<Value> = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    Ok(lines.into_iter().filter(|line| line["kind"] == "evaluation").collect())
}

/// A video has a label of each of several heads.
pub(super) fn several_heads() -> Outcome {
    let room = motions()?;
    let table = table(room.path(), "path,noun,verb", |index| format!("{},{}", index % 2, index % 3))?;
    let output = room.path().join("heads");
    let options = "--head noun=2 --head verb=3 --steps 2 --json";
    let command = format!("train {{}} --validation {{}} --output {{}} {SMALL} {options}");
    let ran = Ran::with(&command, &[&table, &table, &output])?.success()?;
    let end: Value = serde_json::from_str(ran.stdout.lines().last().ok_or("nothing is said")?)?;
    ensure(end["classes"] == 5 && end["measure"] == "action top-1" && end["score"].is_number(), format!("{end}"))?;
    let found = evaluations(&output)?;
    let heads = found.last().and_then(|found| found["heads"].as_array()).ok_or("no heads are evaluated")?;
    ensure(heads.len() == 2 && heads.iter().all(|head| head["top_1"].is_number()), format!("{heads:?}"))?;
    let page = fs::read_to_string(output.join("training.html"))?;
    ensure(page.contains("noun top-1") && page.contains("Confusion matrix of verb"), "a head is not on the page")?;
    let video = room.path().join("videos").join(first_of(&table)?);
    let said = Ran::with("classify {} --model {} --device cpu --json", &[&video, &output])?.success()?.json()?;
    ensure(said["heads"][1]["name"] == "verb", format!("{said}"))
}

/// A video has any number of labels: the mean average precision is recorded, shown and told.
pub(super) fn several_labels() -> Outcome {
    let room = motions()?;
    let labels = ["0|2", "1", "0|1|2", "2"];
    let table = table(room.path(), "path,labels", |index| labels[index % 4].to_owned())?;
    let output = room.path().join("labels");
    let command = format!("train {{}} --validation {{}} --output {{}} {SMALL} --multi-label --classes 3 --steps 2");
    let ran = Ran::with(&command, &[&table, &table, &output])?.success()?;
    let told = ran.stdout.contains("mAP") && !ran.stdout.contains("right");
    ran.expect(told, "does not tell the mean average precision")?;
    let found = evaluations(&output)?;
    let mean = found.last().and_then(|found| found["mean_average_precision"].as_f64());
    ensure(mean.is_some_and(|mean| (0.0..=1.0).contains(&mean)), format!("{found:?}"))?;
    let page = fs::read_to_string(output.join("training.html"))?;
    ensure(page.contains("best mAP") && page.contains("Mean average precision"), "it is not on the page")?;
    let events = fs::read_dir(&output)?.flatten().find(|file| file.file_name().to_string_lossy().contains("tfevents"));
    let events = fs::read(events.ok_or("no events")?.path())?;
    ensure(events.windows(14).any(|window| window == b"evaluation/mAP"), "it is in no event")
}

/// The video of the first row of a table.
fn first_of(table: &Path) -> Result<String, Failed> {
    let text = fs::read_to_string(table)?;
    let path = text.lines().nth(1).and_then(|row| row.split(',').next()).ok_or("an empty table")?;
    Ok(path.to_owned())
}

/// `convert` takes what a training leaves; whatever it writes says the same of a video.
pub(super) fn converted() -> Outcome {
    let room = motions()?;
    let videos = room.path().join("videos");
    let (table, names) = (videos.join("train.csv"), videos.join("classes.txt"));
    let video = fs::read_dir(videos.join("train"))?.next().ok_or("no videos")??.path();
    let said = |model: &Path| -> Result<Value, Failed> {
        let command = "classify {} --model {} --preset scenic --device cpu --top 10 --json";
        Ok(Ran::with(command, &[&video, model])?.success()?.json()?["classes"].take())
    };
    for (kind, takes) in [("--kind 1", true), ("--kind 2 --option temporal.layers=2", false)] {
        let trained = room.path().join(format!("trained {takes}"));
        let small = SMALL.replace("--kind 2 --option temporal.layers=2", kind);
        let command = format!("train {{}} --labels {{}} --output {{}} {small} --validation none --steps 3 --rate 1e-3");
        Ran::with(&command, &[&table, &names, &trained])?.success()?;
        let expected = said(&trained)?;
        let [most, least] = [&expected[0], &expected[9]].map(|class| class["logit"].as_f64().unwrap_or(f64::NAN));
        ensure(most - least > 1e-3, format!("the classes are all alike: {expected}"))?;
        let again = room.path().join(format!("again {takes}"));
        Ran::with("convert {} {} --to tubelet", &[&trained, &again])?.success()?;
        ensure(said(&again)? == expected, "a copy says something else")?;
        let scenic = room.path().join(format!("scenic {takes}"));
        Ran::with("convert {} {} --to scenic", &[&trained, &scenic])?.success()?;
        let found = said(&scenic)?;
        ensure(alike(&found, &expected), format!("in scenic's form {found} instead of {expected}"))?;
        let other = room.path().join(format!("transformers {takes}"));
        let ran = Ran::with("convert {} {} --to hugging-face", &[&trained, &other])?;
        if !takes {
            ran.refusal(&["not Model 1", "this program's own format"])?;
            continue;
        }
        ran.success()?;
        // There the axes of a clip have another order, and so have sums.
        let found = said(&other)?;
        ensure(alike(&found, &expected), format!("{found} instead of {expected}"))?;
    }
    Ok(())
}

/// Whether the same classes have the same logits, but for rounding.
fn alike(one: &Value, other: &Value) -> bool {
    let logits = |classes: &Value| -> Option<BTreeMap<u64, f64>> {
        let class = |class: &Value| Some((class["index"].as_u64()?, class["logit"].as_f64()?));
        classes.as_array()?.iter().map(class).collect()
    };
    let (Some(one), Some(other)) = (logits(one), logits(other)) else { return false };
    one.len() == other.len()
        && one.iter().all(|(index, logit)| other.get(index).is_some_and(|other| (logit - other).abs() < 1e-5))
}

/// A training that goes on beside the test.
fn started(room: &Path, output: &Path, model: &str, more: &[&str]) -> Result<Child, Failed> {
    let videos = room.join("videos");
    let mut command = tubelet(&["train"]);
    command.arg(videos.join("train.csv")).arg("--labels").arg(videos.join("classes.txt"));
    command.arg("--validation").arg(videos.join("validation.csv")).arg("--output").arg(output);
    command.args(model.split_whitespace()).args(more);
    Ok(command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?)
}

/// The steps that are written down so far.
fn steps(output: &Path) -> usize {
    fs::read_to_string(output.join("steps.jsonl")).map_or(0, |text| text.matches("\"kind\":\"step\"").count())
}

/// Ctrl-C in a long step is answered at once, before the step is done.
pub(super) fn says_when_it_ends() -> Outcome {
    let room = motions()?;
    let output = room.path().join("slow");
    // Steps that take far longer than it takes to look for signals.
    let slow = SMALL.replace("--batch 4", "--batch 20 --micro-batch 20").replace("--size 32", "--size 64");
    let child = started(room.path(), &output, &slow, &["--steps", "500"])?;
    wait_until(|| steps(&output) >= 1)?;
    let (ended, said) = signalled(child, "-INT")?;
    let told = ["ends within this step", "Ctrl-C once more", "--resume"].iter().all(|part| said.contains(part));
    ensure(ended == Some(130) && told, format!("an interruption gave {ended:?}: {said}"))
}

/// Killed at any moment, or interrupted, it goes on to the same bits.
pub(super) fn goes_on() -> Outcome {
    let room = motions()?;
    let whole = room.path().join("whole");
    // Five steps an epoch.
    trained(room.path(), &whole, "--epochs 6")?.success()?;
    let output = room.path().join("cut");
    for (signal, code, least) in [("-KILL", None, 1), ("-INT", Some(130), 8), ("-KILL", None, 14)] {
        let child = started(room.path(), &output, SMALL, &["--epochs", "6", "--resume"])?;
        wait_until(|| steps(&output) >= least)?;
        let (ended, said) = signalled(child, signal)?;
        ensure(ended == code, format!("{signal} gave {ended:?}: {said}"))?;
        ensure(code.is_none() || said.contains("--resume"), said)?;
    }
    trained(room.path(), &output, "--epochs 6 --resume")?.success()?;
    ensure(unfinished(&output.join("checkpoints"))?.is_empty(), "something half-written is left")?;
    let model = |folder: &Path| fs::read(folder.join("model.safetensors"));
    ensure(model(&output)? == model(&whole)?, "the weights are others")
}

pub(super) fn wrong_use() -> Outcome {
    let room = motions()?;
    let (train, output) = (room.path().join("videos/train.csv"), room.path().join("model"));
    for (options, parts) in [
        ("", &["begins from a video model", "--model"][..]),
        ("--from scratch --model x", &["random weights", "leave out"]),
        ("--recipe k900", &["k900", "ssv2", "fine-tune"]),
        ("--from scratch --epochs 0", &["--epochs"]),
        ("--from scratch --epochs 1 --steps 1", &["--epochs", "--steps"]),
        ("--from scratch --batch 4 --micro-batch 3 --size 32 --frames 4", &["micro_batch", "divide"]),
        ("--from scratch --shape vit-xxl", &["vit-xxl"]),
        ("--from scratch --keep-head", &["--keep-head"]),
        ("--model x --shape vit-b", &["leave out --shape"]),
        ("--from scratch --multi-label", &["--classes"]),
        ("--from scratch --motions camera", &["--motions", "cannot be used with"]),
        ("--from scratch --motion-clips 3", &["--motions"]),
        (
            "--from scratch --freeze nothing --size 32 --frames 4 --shape vit-ti/16x2 --device cpu",
            &["nothing", "embeddings"],
        ),
    ] {
        let command = format!("train {{}} --output {{}} {options} --validation none");
        Ran::with(&command, &[&train, &output])?.refusal(parts)?;
    }
    ensure(!output.join("config.json").exists(), "something is written all the same")
}
