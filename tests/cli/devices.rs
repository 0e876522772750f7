//! Devices: which there are, which is taken, and what is said where none is.

use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Failed;
use serde_json::{Value, json};
use tubelet::bench::TileFile;
use tubelet::gpu::{Capabilities, GpuChoice};
use tubelet::graph::DeviceChoice;
use tubelet::kernels::{ProductClass, TilePicks, WorkgroupTile};

use crate::{Kept, Outcome, Ran, ensure, pictures, tubelet};

pub(super) fn listed() -> Outcome {
    let ran = Ran::with("devices --json", &[])?.silent_success()?;
    let report = ran.json()?;
    let devices = report["devices"].as_array().ok_or("not an array")?;
    let defaults = devices.iter().chain([&report["cpu"]]).filter(|device| device["default"] == true);
    ensure(defaults.count() == 1, "not one default")?;
    let people = Ran::with("devices", &[])?.silent_success()?;
    for (index, device) in devices.iter().enumerate() {
        ensure(device["index"] == index, "the index is another")?;
        ensure(device["limits"]["binding_bytes"].as_u64() > Some(0), "no limits")?;
        let variants = device["variants"].as_object().ok_or("no variants")?;
        ensure(variants.len() == tubelet::kernels::ALL.len(), "not every kernel")?;
        ensure(variants.values().all(Value::is_string), "a kernel runs nowhere")?;
        let title = format!("{index}: {}", device["name"].as_str().ok_or("no name")?);
        ensure(people.stdout.contains(&title), title)?;
    }
    // A variable that names the device of other commands hides none; an argument is for --tune alone.
    for option in ["-d cpu", "--device gpu --json"] {
        Ran::with(&format!("devices {option}"), &[])?.refusal(&["--device", "add --tune"])?;
    }
    let named = tubelet::kernels::ALL.iter().all(|family| people.stdout.contains(family.name));
    people.expect(named, "does not name every kernel").map(drop)
}

/// The kept tiles of this device are read where --tuned is given; what is no such file is said, and changes nothing.
pub(super) fn tuned() -> Outcome {
    let caches = tempfile::tempdir()?;
    let path = caches.path().join(TileFile::name(&tested()?));
    let shader = |arguments: &[&str]| {
        let arguments = [&["shader", "linear", "--variant", "workgroup", "--json"], arguments].concat();
        let mut command = tubelet(&arguments);
        command.env("TUBELET_CACHE", caches.path());
        Ran::of(command)?.success()
    };
    let unkept = shader(&["--tuned"])?;
    ensure(unkept.stderr.contains("no tiles were timed"), "no note that there are none")?;
    let usual = unkept.json()?;
    ensure(usual["variant"] == "workgroup" && usual["tuned"].is_null(), "another tile than usual")?;
    let tile = WorkgroupTile::ALL[0];
    let picks = TilePicks::new().with("linear", ProductClass::ManyWide, tile);
    TileFile::new(&tested()?, picks).write(&path)?;
    let taken = shader(&["--tuned"])?;
    ensure(taken.stderr.is_empty(), "a note on what is right")?;
    let taken = taken.json()?;
    ensure(taken["variant"] == tile.name && taken["tuned"] == true, format!("not taken: {}", taken["variant"]))?;
    ensure(shader(&[])?.json()?["variant"] == "workgroup", "taken without being asked")?;
    let text = std::fs::read_to_string(&path)?;
    let foreign = text.replace(&format!("\"version\": \"{}", env!("CARGO_PKG_VERSION")), "\"version\": \"0.0.0");
    for (content, said) in [(&text[..40], "is damaged"), (foreign.as_str(), "0.0.0")] {
        std::fs::write(&path, content)?;
        let refused = shader(&["--tuned"])?;
        ensure(refused.stderr.contains(said), format!("does not say {said}: {}", refused.stderr))?;
        ensure(refused.json()?["variant"] == "workgroup", "another tile than usual")?;
    }
    Ok(())
}

/// The device of these tests.
fn tested() -> Result<Capabilities, Failed> {
    let listed = Ran::with("devices --json", &[])?.json()?;
    let mut found = Vec::new();
    for device in listed["devices"].as_array().ok_or("not an array")? {
        found.push(serde_json::from_value::<Capabilities>(device.clone())?);
    }
    let named = std::env::var("TUBELET_DEVICE").ok().map(|name| name.parse::<DeviceChoice>()).transpose()?;
    let choice = match named {
        Some(DeviceChoice::Gpu(choice)) => choice,
        _ => GpuChoice::Fastest,
    };
    let index = choice.index_in(&found).ok_or("no device")?;
    Ok(found.swap_remove(index))
}

pub(super) fn unknown() -> Outcome {
    let (pictures, kept) = (pictures(8)?, Kept::new("clip.npy")?);
    let known = Ran::with("devices --json", &[])?.json()?;
    let known = known["devices"][0]["name"].as_str().ok_or("no name")?;
    for (device, named) in [("voodoo", "\"voodoo\""), ("77", "number 77")] {
        let arguments = format!("clip {{}} --output {{}} --device {device}");
        Ran::with(&arguments, &[pictures.path(), &kept.output])?.failure(&["no device", named, known])?;
    }
    let mut command = tubelet(&["bench", "--kernel", "layer_norm"]);
    command.env("TUBELET_DEVICE", "voodoo");
    Ran::of(command)?.failure(&["no device", "\"voodoo\"", known])?;
    kept.check()
}

pub(super) fn none() -> Outcome {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let (none, pictures, kept) = (tempfile::tempdir()?, pictures(8)?, Kept::new("clip.npy")?);
    for (arguments, paths) in [
        ("classify {} --model {} --device gpu", &[pictures.path(), &crate::model()][..]),
        ("clip {} --output {} --device software", &[pictures.path(), &kept.output]),
        ("bench --kernel layer_norm --device gpu", &[]),
    ] {
        let mut paths = paths.iter();
        let arguments = arguments.split_whitespace().map(|argument| match argument {
            "{}" => paths.next().map_or(PathBuf::new(), PathBuf::from),
            _ => argument.into(),
        });
        let command = without_drivers(&arguments.collect::<Vec<_>>(), none.path());
        Ran::of(command)?.failure(&["device", "apt-get install mesa-vulkan-drivers"])?;
    }
    kept.check()
}

/// A machine without any driver has a processor, which says that it is what computes.
pub(super) fn processor() -> Outcome {
    let (none, pictures) = (tempfile::tempdir()?, pictures(8)?);
    let run = |arguments: &[&str]| {
        let arguments: Vec<_> = arguments.iter().map(PathBuf::from).collect();
        Ran::of(without_drivers(&arguments, none.path()))?.success()
    };
    let (video, model) = (pictures.path().display().to_string(), crate::model().display().to_string());
    let classify = ["classify", &video, "--model", &model, "--top", "99", "--json"];
    let unnamed = run(&classify)?;
    let noted = unnamed.stderr.contains("this machine's processor") || cfg!(not(target_os = "linux"));
    let unnamed = unnamed.expect(noted, "no note")?;
    let named = run(&[&classify[..], &["--device", "cpu", "--threads", "1"]].concat())?;
    ensure(!named.stderr.contains("no GPU answers"), "a note on what was asked for")?;
    let (unnamed, named) = (unnamed.json()?, named.json()?);
    ensure(named["device"].as_str().is_some_and(|name| name.contains("1 thread)")), "another device")?;
    ensure(unnamed["classes"] == named["classes"], "another number of threads, other bits")?;
    let reference =
        Ran::with("classify {} --model {} --top 99 --json --device references", &[pictures.path(), &crate::model()])?;
    let reference = reference.success()?.json()?;
    for (found, expected) in named["classes"]
        .as_array()
        .ok_or("no classes")?
        .iter()
        .zip(reference["classes"].as_array().ok_or("no classes")?)
    {
        ensure(found["name"] == expected["name"] && found["index"] == expected["index"], "other classes")?;
    }
    let devices = run(&["devices", "--json"])?.json()?;
    ensure(devices["cpu"]["default"] == true && devices["devices"] == json!([]), "not the default")?;
    let measured = run(&["bench", "--kernel", "pool", "--row-seconds", "0.02", "--json"])?;
    let noted = measured.stderr.contains("only this machine's processor is measured") || cfg!(not(target_os = "linux"));
    let measured = measured.expect(noted, "no note")?.json()?;
    ensure(measured["devices"].as_array().is_some_and(|devices| devices.len() == 1), "not the processor alone")?;
    let refused =
        Ran::with("classify {} --model {} --device cpu --variant plain", &[pictures.path(), &crate::model()])?;
    refused.complaint(2, &["WGSL"])?;
    let refused =
        Ran::with("classify {} --model {} --device cpu --precision f16", &[pictures.path(), &crate::model()])?;
    refused.complaint(2, &["WGSL"])
}

/// The program where no Vulkan driver answers.
pub(super) fn without_drivers(arguments: &[PathBuf], empty: &Path) -> Command {
    let mut command = tubelet(arguments);
    let driver = empty.join("none.json");
    command.env("VK_DRIVER_FILES", &driver).env("VK_ICD_FILENAMES", &driver).env_remove("TUBELET_DEVICE");
    command
}
