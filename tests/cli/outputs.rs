//! Where the program writes: files that cannot be or must not be written, and standard output.

use std::fs;
use std::path::Path;

use super::common::data;
use super::{Outcome, Ran, ensure, model, pictures, tubelet};

pub(super) fn unwritable() -> Outcome {
    let folder = tempfile::tempdir()?;
    let nowhere = folder.path().join("missing");
    let (clip, out) = (nowhere.join("clip.npy"), nowhere.join("out.safetensors"));
    // The inputs are missing too: the output is looked at first.
    Ran::with("clip missing.mp4 --output {}", &[&clip])?.failure(&["clip.npy", "no folder", "create it"])?;
    Ran::with("forward --model ./missing --clip missing.npy --output {}", &[&out])?.failure(&["out.safetensors"])?;
    // An output that is an input would destroy it.
    let model = folder.path().join("model");
    fs::create_dir(&model)?;
    for name in ["config.json", "model.safetensors", "clip.npy"] {
        fs::copy(data("hf-tiny").join(name), model.join(name))?;
    }
    let (weights, tensor) = (model.join("model.safetensors"), model.join("clip.npy"));
    let forward = "forward --device references --model {} --clip {} --output {}";
    Ran::with(forward, &[&model, &tensor, &weights])?.refusal(&["model.safetensors", "input"])?;
    assert_eq!(fs::read(&weights)?, fs::read(data("hf-tiny/model.safetensors"))?);
    Ran::with("clip {} --output {}", &[&tensor, &tensor])?.refusal(&["clip.npy", "input"])?;
    let occupied = folder.path().join("folder.npy");
    fs::create_dir(&occupied)?;
    Ran::with("clip missing.mp4 --output {}", &[&occupied])?.failure(&["folder.npy", "is a folder"])
}

pub(super) fn closed_and_full_stdout() -> Outcome {
    let (reader, writer) = std::io::pipe()?;
    drop(reader);
    let output = tubelet(&["completions", "bash"]).stdout(writer).spawn()?.wait_with_output()?;
    ensure(output.status.success(), "a closed stdout is an error")?;
    #[cfg(target_os = "linux")]
    {
        let mut command = tubelet(&["completions", "bash"]);
        command.stdout(fs::OpenOptions::new().write(true).open("/dev/full")?).stderr(std::process::Stdio::piped());
        let output = command.spawn()?.wait_with_output()?;
        let said = String::from_utf8(output.stderr)?;
        ensure(output.status.code() == Some(1) && said.contains("stdout"), format!("a full stdout: {said}"))?;
    }
    Ok(())
}

pub(super) fn permissions() -> Outcome {
    let (pictures, folder) = (pictures(2)?, tempfile::tempdir()?);
    let (clip, plain) = (folder.path().join("clip.npy"), folder.path().join("plain"));
    fs::write(&plain, "")?;
    let arguments = "clip {} --output {} --frames 2 --stride 1 --size 8 --device references";
    Ran::with(arguments, &[pictures.path(), &clip])?.silent_success()?;
    let values = folder.path().join("values.safetensors");
    let arguments = "forward --model {} --clip {} --output {} --device references";
    Ran::with(arguments, &[&model(), &model().join("clip.npy"), &values])?.silent_success()?;
    let permissions = |path: &Path| fs::metadata(path).map(|metadata| metadata.permissions());
    for output in [clip, values] {
        let found = permissions(&output)?;
        ensure(found == permissions(&plain)?, format!("{} has {found:?}", output.display()))?;
    }
    Ok(())
}
