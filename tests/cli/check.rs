//! `tubelet check`: what it prints, what it writes, and its exit codes.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use libtest_mimic::Failed;
use serde_json::{Value, json};

use super::{Outcome, Ran, devices, ensure, tubelet};

/// Runs the program in `folder`.
fn run_in(folder: &Path, arguments: &str) -> Result<Ran, Failed> {
    let mut command = tubelet(&arguments.split_whitespace().collect::<Vec<_>>());
    command.current_dir(folder);
    Ran::of(command)
}

fn is_empty(folder: &Path) -> Outcome {
    ensure(fs::read_dir(folder)?.count() == 0, "something was written")
}

fn device(report: &Value) -> Result<&Value, Failed> {
    Ok(report["devices"].get(0).ok_or("no device")?)
}

pub(super) fn of_a_kernel() -> Outcome {
    let folder = tempfile::tempdir()?;
    let people = run_in(folder.path(), "check --kernel softmax,pool")?.silent_success()?;
    for part in ["softmax", "pool", "plain", "workgroup", "0 failed", "0 skipped", "ULP", "at ["] {
        ensure(people.stdout.contains(part), format!("no {part} in\n{}", people.stdout))?;
    }
    ensure(!people.stdout.contains("layer_norm") && !people.stdout.contains("Model 1"), people.stdout)?;
    let report =
        run_in(folder.path(), "check --kernel softmax --variant workgroup --json")?.silent_success()?.json()?;
    let device = device(&report)?;
    let cases = device["cases"].as_array().ok_or("no cases")?;
    let declared = cases.iter().filter(|case| case["decisions"].is_null()).count();
    ensure(declared > 10 && cases.len() == declared + 4, format!("{declared} of {}", cases.len()))?;
    for case in cases {
        ensure(case["kernel"] == "softmax" && case["variant"] == "workgroup", case.to_string())?;
        ensure(case["verdict"] == "passed" || case["reason"].is_string(), "neither passed nor explained")?;
    }
    ensure(device["counts"]["failed"] == 0 && device["models"] == json!([]), device["counts"].to_string())?;
    let other = run_in(folder.path(), "check --kernel softmax --variant workgroup --seed 9 --json")?.json()?;
    ensure(other["seed"] == 9 && other["devices"][0]["cases"] != report["devices"][0]["cases"], "the seed is unheard")?;
    let soaked = "check --kernel softmax --variant workgroup --soak 0.03 --json";
    let soaked = run_in(folder.path(), soaked)?.silent_success()?.json()?;
    let passed = |report: &Value| report["devices"][0]["counts"]["passed"].as_u64().unwrap_or_default();
    ensure(passed(&soaked) > passed(&report), "a soak is no longer than a run")?;
    is_empty(folder.path())
}

pub(super) fn of_models_and_devices() -> Outcome {
    let folder = tempfile::tempdir()?;
    let report = run_in(folder.path(), "check --models --json")?.silent_success()?.json()?;
    let models = device(&report)?["models"].as_array().ok_or("no models")?;
    ensure(models.len() == 8 && models.iter().all(|model| model["verdict"] == "passed"), report.to_string())?;
    let gradients = |model: &Value| model["gradients"].as_array().map_or(0, Vec::len);
    let checked: Vec<_> = models.iter().map(|model| gradients(model) > 30).collect();
    ensure(checked == [[false; 4], [true; 4]].concat(), "the gradients of the four models are not behind them")?;
    let every = run_in(folder.path(), "check --kernel peak_copy --all-adapters --json")?.silent_success()?.json()?;
    let known = Ran::with("devices --json", &[])?.json()?;
    let names = |report: &Value| {
        report["devices"]
            .as_array()
            .map(|devices| devices.iter().map(|device| device["name"].clone()).collect::<Vec<_>>())
    };
    ensure(names(&every).is_some() && names(&every) == names(&known), "not every adapter")?;
    let processor = run_in(folder.path(), "check --kernel softmax --device cpu --threads 2 --json")?;
    let report = processor.silent_success()?.json()?;
    let device = device(&report)?;
    ensure(device["driver"].is_null() && device["kernels"][0]["variant"] == "host", device["kernels"].to_string())?;
    is_empty(folder.path())
}

pub(super) fn writes_a_page() -> Outcome {
    let folder = tempfile::tempdir()?;
    let ran = run_in(folder.path(), "check --kernel softmax --report check.html")?.silent_success()?;
    let page = fs::read_to_string(folder.path().join("check.html"))?;
    ensure(page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"), "half a page")?;
    ensure(page.contains("softmax") && ran.stdout.contains("softmax"), "no kernel")?;
    run_in(folder.path(), "check --kernel softmax --report check.txt")?.refusal(&["must end in .html"])?;
    ensure(fs::read_dir(folder.path())?.count() == 1, "more than the page was written")
}

/// The record of a declared case, and inputs for it.
fn recorded(folder: &Path, values: impl Fn(usize) -> f32) -> Result<PathBuf, Failed> {
    let case = json!({
        "schema": 1,
        "version": "0.1.0",
        "device": "another device",
        "failed": { "case": { "kernel": "layer_norm", "variant": "plain", "name": "another eps", "decisions": null } },
    });
    let path = folder.join("case.json");
    fs::write(&path, case.to_string())?;
    let floats = |count: usize| (0..count).flat_map(|index| values(index).to_le_bytes()).collect::<Vec<u8>>();
    let (input, scale) = (floats(4 * 33), floats(33));
    let view =
        |shape: &[usize], bytes| safetensors::tensor::TensorView::new(safetensors::Dtype::F32, shape.to_vec(), bytes);
    let views = [("input", view(&[4, 33], &input)?), ("scale", view(&[33], &scale)?), ("bias", view(&[33], &scale)?)];
    fs::write(folder.join("inputs.safetensors"), safetensors::serialize(views, None)?)?;
    Ok(path)
}

pub(super) fn runs_again() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = recorded(folder.path(), |index| (index as f32).sin())?;
    for file in [path.as_path(), folder.path()] {
        let report = Ran::with("check --json --replay {}", &[file])?.silent_success()?.json()?;
        ensure(device(&report)?["counts"]["passed"] == 1 && report.get("seed").is_none(), report.to_string())?;
    }
    // Squares of these are beyond f32, which no kernel in f32 can help.
    recorded(folder.path(), |index| 1e30 * (index as f32).sin())?;
    let failed = Ran::with("check --replay {}", &[&path])?;
    let shown = failed.stdout.contains("FAILED") && failed.stdout.contains("LayerNorm { rows: 4, width: 33");
    let failed = failed.expect(shown, "does not show the failure")?;
    failed.complains(&["error: it fails still"])?;
    let page = folder.path().join("again.html");
    Ran::with("check --json --replay {} --report {}", &[&path, &page])?.complains(&["it fails still"])?;
    ensure(fs::read_to_string(&page)?.contains("LayerNorm { rows: 4"), "the page does not show the failure")?;
    fs::write(folder.path().join("inputs.safetensors"), "damaged")?;
    Ran::with("check --replay {}", &[&path])?.failure(&["inputs.safetensors is not what the case is given"])?;
    Ran::with("check --replay {} --device cpu", &[&path])?.refusal(&["\"plain\"", "--device"])?;
    let text = fs::read_to_string(&path)?;
    fs::write(&path, &text[..text.len() / 2])?;
    Ran::with("check --replay {}", &[&path])?.failure(&["case.json is no case that `tubelet check` has written"])?;
    Ran::with("check --replay {}", &[&folder.path().join("none.json")])?.failure(&["none.json"])
}

pub(super) fn wrong_use() -> Outcome {
    for (arguments, words) in [
        ("--kernel nonsense", "there is no kernel \"nonsense\""),
        ("--kernel softmax --models", "--models"),
        ("--kernel softmax --variant nonsense", "nonsense"),
        ("--kernel softmax --precision f16", "unexpected argument"),
        ("--kernel softmax --soak 0", "more than 0"),
        ("--kernel softmax --soak=-3", "more than 0"),
        ("--kernel softmax --soak NaN", "more than 0"),
        ("--kernel softmax --soak soon", "no number of minutes"),
        ("--kernel softmax --seed=-1", "--seed"),
        ("--replay case.json --kernel softmax", "--kernel"),
        ("--device references", "no kernels in WGSL"),
        ("--device cpu --variant plain", "no kernels in WGSL"),
    ] {
        Ran::with(&format!("check {arguments}"), &[])?.refusal(&[words])?;
    }
    Ok(())
}

pub(super) fn no_adapters() -> Outcome {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let none = tempfile::tempdir()?;
    let arguments = ["check", "--kernel", "softmax", "--all-adapters"].map(PathBuf::from);
    Ran::of(devices::without_drivers(&arguments, none.path()))?.failure(&["apt-get install mesa-vulkan-drivers"])
}

/// At the first signal the run ends, and says what it has found and what is left.
pub(super) fn interrupted() -> Outcome {
    let folder = tempfile::tempdir()?;
    let mut command = tubelet(&["check", "--kernel", "softmax", "--soak", "60", "--json"]);
    let child = command.current_dir(folder.path()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    std::thread::sleep(Duration::from_secs(2));
    ensure(
        std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status()?.success(),
        "no signal",
    )?;
    let ended = child.wait_with_output()?;
    let report: Value = serde_json::from_slice(&ended.stdout)?;
    let said = String::from_utf8_lossy(&ended.stderr);
    ensure(ended.status.code() == Some(130), format!("{:?}: {said}", ended.status))?;
    ensure(said.contains("finishing what there is"), said)?;
    ensure(device(&report)?["counts"]["passed"].as_u64() > Some(0), "nothing was found")?;
    is_empty(folder.path())
}
