//! Models as other programs save them, through the program.

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use libtest_mimic::Failed;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use tempfile::TempDir;

use super::common::data;
use super::{Outcome, Ran, copied_model, ensure, model, read_npy, tubelet};

fn case(name: &str) -> PathBuf {
    data("cases").join(name)
}

/// A copy of the model with its configuration changed.
fn configured(change: impl FnOnce(&mut Value)) -> Result<TempDir, Failed> {
    let model = copied_model()?;
    let path = model.path().join("config.json");
    let mut config = serde_json::from_str(&fs::read_to_string(&path)?)?;
    change(&mut config);
    fs::write(path, config.to_string())?;
    Ok(model)
}

/// The best three of a clip of the synthetic video: index, name, logit and probability.
fn best_three(model: &Path, more: &str) -> Result<Vec<(u64, String, f64, Value)>, Failed> {
    let arguments = format!("classify {{}} --model {{}} --json --top 3 {more}");
    let report = Ran::with(&arguments, &[&case("hf-multi-label").join("base.mp4"), model])?.success()?.json()?;
    let classes = report["classes"].as_array().ok_or("no classes")?.iter();
    let class = |class: &Value| {
        let (index, logit) = (class["index"].as_u64()?, class["logit"].as_f64()?);
        Some((index, class["name"].as_str()?.to_owned(), logit, class["probability"].clone()))
    };
    Ok(classes.map(class).collect::<Option<_>>().ok_or("a class is not whole")?)
}

/// The right values are those of the library's own pipeline.
pub(super) fn problem_types() -> Outcome {
    let model = configured(|_| {})?;
    fs::copy(case("hf-multi-label").join("config.json"), model.path().join("config.json"))?;
    let right = [(0, 1.7108, 0.8469), (8, 1.469, 0.8129), (1, 1.4197, 0.8053)];
    for average in ["", "--views 1x1 --average probabilities"] {
        for ((index, _, logit, probability), right) in best_three(model.path(), average)?.into_iter().zip(right) {
            let probability = probability.as_f64().ok_or("no probability")?;
            let close = (logit - right.1).abs() < 1e-3 && (probability - right.2).abs() < 1e-3;
            ensure(index == right.0 && close, format!("class {index}: {logit}, {probability}, not {right:?}"))?;
        }
    }

    let model = configured(|config| config["problem_type"] = "regression".into())?;
    for ((index, _, logit, probability), right) in best_three(model.path(), "")?.into_iter().zip(right) {
        ensure(
            index == right.0 && (logit - right.1).abs() < 1e-3 && probability.is_null(),
            format!("value {index}: {logit}, {probability}, not {right:?}"),
        )?;
    }
    let video = case("hf-multi-label").join("base.mp4");
    let ran = Ran::with("classify {} --model {} --top 1", &[&video, model.path()])?.success()?;
    let plain = ran.stdout.contains("  LABEL_0") && !ran.stdout.contains("%  ") && !ran.stdout.contains("NaN");
    ran.expect(plain, "values are not printed as they are")?;
    let list = model.path().join("list.csv");
    fs::write(&list, format!("path,label\n{},0\n", video.display()))?;
    let output = model.path().join("rows.csv");
    Ran::with("eval {} --model {} --output {}", &[&list, model.path(), &output])?
        .refusal(&["values (regression), not classes"])
}

pub(super) fn names_that_are_numbers() -> Outcome {
    let model = configured(|config| {
        config["id2label"] = (0..10).map(|class| (class.to_string(), Value::from(class))).collect();
    })?;
    let names: Vec<_> = best_three(model.path(), "")?.into_iter().map(|(_, name, ..)| name).collect();
    ensure(names == ["0", "8", "1"], format!("names are {names:?}"))
}

/// The right means are those of `AutoVideoProcessor`, whose resize is torchvision's.
pub(super) fn video_processor() -> Outcome {
    const MEANS: [[f32; 3]; 8] = [
        [-1.7429, -1.838, -1.8256],
        [-1.7331, -1.8697, -1.7939],
        [-1.7462, -1.9074, -1.7527],
        [-1.7741, -1.9168, -1.7317],
        [-1.832, -1.9295, -1.694],
        [-1.8703, -1.9502, -1.649],
        [-1.866, -1.9325, -1.6445],
        [-1.8717, -1.9191, -1.6264],
    ];
    let model = configured(|_| {})?;
    let file = "video_preprocessor_config.json";
    fs::copy(case("video-preprocessor-config").join(file), model.path().join(file))?;
    let output = model.path().join("clip.npy");
    let arguments = "clip {} -o {} --model {} --frames-from 0 --stride 1 --device references";
    let ran = Ran::with(arguments, &[&case("hf-multi-label").join("base.mp4"), &output, model.path()])?.success()?;
    let said = ran.stderr.contains(file) && ran.stderr.contains("[-3, 1]");
    ran.expect(said, "does not say which file decided")?;
    let clip = read_npy(&output)?;
    let planes = clip.as_f32()?.chunks(32 * 32).map(|plane| plane.iter().sum::<f32>() / (32.0 * 32.0));
    for (mean, right) in planes.zip(MEANS.into_iter().flatten()) {
        ensure((mean - right).abs() < 0.01, format!("a mean is {mean}, not {right}"))?;
    }
    Ok(())
}

pub(super) fn strays() -> Outcome {
    let folder = tempfile::tempdir()?;
    let [plain, more] = ["plain.safetensors", "more"].map(|name| folder.path().join(name));
    let bytes = fs::read(data("hf-ragged").join("model.safetensors"))?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    let (weights, index) = ([0u8; 28], [1u8; 16]);
    let strays = [
        ("class_weights", safetensors::tensor::TensorView::new(Dtype::F32, vec![7], &weights)?),
        ("sampler.index", safetensors::tensor::TensorView::new(Dtype::I64, vec![2], &index)?),
    ];
    fs::create_dir(&more)?;
    fs::copy(data("hf-ragged").join("config.json"), more.join("config.json"))?;
    fs::write(more.join("model.safetensors"), safetensors::serialize(tensors.iter().chain(strays), None)?)?;
    let clip = data("hf-ragged").join("clip.npy");
    let arguments = "forward --model {} --clip {} --output {} --device references";
    Ran::with(arguments, &[&data("hf-ragged"), &clip, &plain])?.success()?;
    let ran = Ran::with(arguments, &[&more, &clip, &folder.path().join("other.safetensors")])?.success()?;
    let noted = ran.stderr.contains("class_weights") && ran.stderr.contains("sampler.index");
    ran.expect(noted, "does not name what is left out")?;
    ensure(fs::read(&plain)? == fs::read(folder.path().join("other.safetensors"))?, "strays change the outputs")
}

/// The image model with every array in Fortran's order.
pub(super) fn fortran_order() -> Outcome {
    let folder = tempfile::tempdir()?;
    let turned = folder.path().join("fortran.npz");
    let mut from = zip::ZipArchive::new(fs::File::open(data("vitnpz-tiny/vit.npz"))?)?;
    let mut to = zip::ZipWriter::new(fs::File::create(&turned)?);
    for index in 0..from.len() {
        let mut bytes = Vec::new();
        let name = {
            let mut member = from.by_index(index)?;
            member.read_to_end(&mut bytes)?;
            member.name()?.into_owned()
        };
        let start = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        let header = String::from_utf8(bytes[10..start].to_vec())?;
        let axes = header.split_once('(').and_then(|(_, rest)| rest.split_once(')')).ok_or("no shape")?.0;
        let axes: Vec<usize> = axes.split(',').filter_map(|axis| axis.trim().parse().ok()).collect();
        let elements: Vec<[u8; 4]> = bytemuck::pod_collect_to_vec(&bytes[start..]);
        to.start_file(name, zip::write::SimpleFileOptions::default())?;
        to.write_all(&bytes[..10])?;
        to.write_all(header.replace("False", "True ").as_bytes())?;
        to.write_all(&turned_elements(&elements, &axes).concat())?;
    }
    to.finish()?;
    let written = |from: &Path, name: &str| -> Result<Vec<u8>, Failed> {
        let output = folder.path().join(name);
        let arguments = "init --from {} --model 2 --tubelet 4x2 --frames 8 --option temporal.layers=2 --output {}";
        Ran::with(arguments, &[from, &output])?.success()?;
        Ok(fs::read(output.join("model.safetensors"))?)
    };
    let same = written(&data("vitnpz-tiny/vit.npz"), "a")? == written(&turned, "b")?;
    ensure(same, "the order of the axes changes the model")
}

fn turned_elements(elements: &[[u8; 4]], axes: &[usize]) -> Vec<[u8; 4]> {
    let [rest @ .., last] = axes else { return elements.to_vec() };
    let columns = (0..*last).map(|column| elements.iter().skip(column).step_by(*last).copied().collect::<Vec<_>>());
    columns.flat_map(|column| turned_elements(&column, rest)).collect()
}

pub(super) fn hub_variables() -> Outcome {
    let home = tempfile::tempdir()?;
    for cache in ["hub", "hf/hub"] {
        let repository = home.path().join(cache).join("models--acme--tiny");
        fs::create_dir_all(repository.join("refs"))?;
        fs::write(repository.join("refs/main"), "aaa111")?;
        fs::create_dir_all(repository.join("snapshots/aaa111"))?;
        for name in ["config.json", "model.safetensors"] {
            fs::copy(model().join(name), repository.join("snapshots/aaa111").join(name))?;
        }
    }
    let root = home.path().display().to_string();
    let inspect = |name: &str, variables: &[(&str, &str)]| {
        let mut command = tubelet(&["inspect", name]);
        for name in ["HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"] {
            command.env_remove(name);
        }
        command.envs(variables.iter().copied());
        Ran::of(command)
    };
    inspect("acme/tiny", &[("HUGGINGFACE_HUB_CACHE", &format!("{root}/hub"))])?.success()?;
    inspect("acme/tiny", &[("HOME", &root), ("HF_HOME", "~/hf")])?.success()?;
    inspect("acme/tiny", &[("PLACE", &root), ("HF_HOME", "$PLACE/hf")])?.success()?;
    inspect("acme/tiny", &[("PLACE", &root), ("HF_HUB_CACHE", "${PLACE}/hub")])?.success()?;
    inspect("~/hub/models--acme--tiny/snapshots/aaa111", &[("HOME", &root)])?.success()?;
    inspect("acme/tiny", &[("HOME", &root)])?.failure(&["acme/tiny", ".cache/huggingface/hub"])
}
