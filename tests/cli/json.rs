//! What programs read: the keys of every report are those of `docs/json.md`, and each report begins alike.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use libtest_mimic::Failed;
use serde_json::Value;
use tempfile::TempDir;

use super::common::data;
use super::{Outcome, Ran, ensure, model, pictures, video};

/// What is told as a whole: keys that are names of tensors, kernels or settings, and what not every device has.
const NAMES: [&str; 12] = [
    "formats",
    "dispatches[].uniform",
    "dispatches[].windows",
    "config",
    "summary.config",
    "tensors",
    "devices[].variants",
    "devices[].variants_f16",
    "devices[].subgroup",
    "devices[].matrix_shapes",
    "devices[].capabilities.subgroup",
    "devices[].capabilities.matrix_shapes",
];

/// A report's keys in their order, those inside another after a dot.
fn keys(value: &Value, path: &str, found: &mut Vec<String>) {
    if NAMES.contains(&path) {
        return;
    }
    match value {
        Value::Object(object) => object.iter().for_each(|(key, value)| {
            let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
            found.push(path.clone());
            keys(value, &path, found);
        }),
        Value::Array(values) => {
            let path = format!("{path}[]");
            values.iter().for_each(|value| keys(value, &path, found));
        }
        _ => {}
    }
}

/// The keys that `docs/json.md` lists under each heading; those of every report stand under the first.
fn documented() -> Result<BTreeMap<String, BTreeSet<String>>, Failed> {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/json.md"))?;
    let mut sections: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut section = String::new();
    for line in text.lines() {
        if let Some(title) = line.strip_prefix("## ") {
            title.replace('`', "").clone_into(&mut section);
        } else if let Some(row) = line.strip_prefix("| `") {
            let key = row.split('`').next().unwrap_or_default();
            ensure(
                sections.entry(section.clone()).or_default().insert(key.to_owned()),
                format!("{key} is there twice"),
            )?;
        }
    }
    Ok(sections)
}

/// Runs that together have every key.
fn runs(folder: &TempDir, pictures: &TempDir) -> Result<Vec<(&'static str, Ran)>, Failed> {
    let path = |name: &str| folder.path().join(name);
    let manifest = path("manifest.csv");
    fs::write(&manifest, format!("path,label\n{},1\n", pictures.path().display()))?;
    let (pictures, hf, heads) = (pictures.path(), &*model(), &*data("scenic-model2-multihead"));
    let (npy, plot, results) = (path("features.npy"), path("time.svg"), path("results.csv"));
    let (tensors, folder) = (path("out.safetensors"), path("converted"));
    let (clip, image) = (data("hf-tiny/clip.npy"), data("vitnpz-tiny/vit.npz"));
    let begun = path("begun");
    let (videos, trained) = (path("motions"), path("trained"));
    let alone = path("checkpoint");
    fs::copy(data("scenic-model4/checkpoint"), &alone)?;
    let mut runs = Vec::new();
    let mut run = |command: &'static str, arguments: &str, paths: &[&Path]| -> Outcome {
        let arguments = if command == "Many videos" { arguments.to_owned() } else { format!("{command} {arguments}") };
        runs.push((command, Ran::with(&format!("{arguments} --json"), paths)?));
        Ok(())
    };
    run("devices", "", &[])?;
    run("devices --tune", "", &[])?;
    run("classify", "{} --model {} --causal", &[&video(), hf])?;
    run("classify", "{} --model {} --views 1x1", &[pictures, heads])?;
    run("classify --sliding", "8 {} --model {}", &[&video(), hf])?;
    run("Many videos", "classify {} {} --model {}", &[&alone, pictures, hf])?;
    run("clip", "{} --model {} --output {}", &[pictures, hf, &npy])?;
    run("attention", "{} --model {} --profile {}", &[pictures, hf, &plot])?;
    run("embed", "{} --model {} --output {} --views 1x1", &[pictures, hf, &npy])?;
    run("forward", "--model {} --clip {} --output {} --tuned", &[hf, &clip, &tensors])?;
    run("gradient", "--model {} --clip {} --labels 3,1 --output {}", &[hf, &clip, &tensors])?;
    run(
        "make-motions",
        "--set camera --clips 1 --frames 4 --size 32 --photographs {} --output {}",
        &[pictures, &videos],
    )?;
    let of_videos = ["train.csv", "classes.txt", "validation.csv"].map(|name| videos.join(name));
    let [listed, names, held_out] = of_videos.each_ref().map(|path| path.as_path());
    let training = format!("{{}} --labels {{}} --validation {{}} --output {{}} {} --steps 2", super::training::SMALL);
    run("train", &training, &[listed, names, held_out, &trained])?;
    run("inspect", "{}", &[hf])?;
    run("inspect", "{}", &[&trained])?;
    run("inspect", "{}", &[&alone])?;
    run("convert", "{} {}", &[hf, &folder])?;
    run("init", "--from {} --output {} --kind 1", &[&image, &begun])?;
    run("eval", "{} --model {} --output {}", &[&manifest, hf, &results])?;
    run("shader", "layer_norm", &[])?;
    run("check", "--kernel softmax", &[])?;
    run("check", "--models", &[])?;
    run("bench", "--kernel pool --row-seconds 0.02 --alone", &[])?;
    run("bench", super::bench::TINY, &[])?;
    Ok(runs)
}

pub(super) fn every_key_is_documented() -> Outcome {
    let mut documented = documented()?;
    let everywhere = documented.remove("Every report").unwrap_or_default();
    let (folder, pictures) = (tempfile::tempdir()?, pictures(20)?);
    let mut found: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    let mut always = BTreeSet::new();
    for (command, ran) in runs(&folder, &pictures)? {
        ensure(!ran.stdout.is_empty(), format!("{}: {}", ran.command, ran.stderr))?;
        let mut reports = serde_json::Deserializer::from_str(&ran.stdout).into_iter::<Value>();
        // The last line of a training is its report; those before it are of its steps.
        let report = if command == "train" { reports.last() } else { reports.next() }.ok_or("no report")??;
        let mut keys_of = Vec::new();
        keys(&report, "", &mut keys_of);
        let subcommand = if command == "Many videos" { "classify" } else { command };
        let subcommand = subcommand.split(' ').next().unwrap_or_default();
        let begins = keys_of.starts_with(&["schema", "version", "command"].map(str::to_owned));
        ensure(begins && report["command"] == subcommand, format!("{} begins otherwise: {report}", ran.command))?;
        let (common, own): (Vec<_>, Vec<_>) = keys_of.into_iter().partition(|key| everywhere.contains(key));
        // What all have comes first.
        always.extend(common);
        found.entry(command).or_default().extend(own);
    }
    ensure(always == everywhere, format!("every report: {always:?}"))?;
    for (command, keys) in &found {
        let documented = documented.get(*command).cloned().unwrap_or_default();
        let (new, gone): (Vec<_>, Vec<_>) =
            (keys.difference(&documented).collect(), documented.difference(keys).collect());
        ensure(
            new.is_empty() && gone.is_empty(),
            format!("{command}: docs/json.md does not list {new:#?}; and what it lists is not there: {gone:#?}"),
        )?;
    }
    let unknown: Vec<_> = documented.keys().filter(|title| !found.contains_key(&***title)).collect();
    ensure(unknown.is_empty(), format!("docs/json.md has {unknown:?}, which no run has"))
}
