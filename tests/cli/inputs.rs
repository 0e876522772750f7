//! Inputs that are no good are named, and nothing is written for them.

use std::fs;
use std::path::Path;

use super::common::data;
use super::{Kept, Outcome, Ran, copied_model, ensure, model, pictures, tubelet, video, write_npy};

pub(super) fn bad_videos() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    fs::write(path("text.mp4"), "Once upon a time\n")?;
    let whole = fs::read(video())?;
    fs::write(path("cut.mp4"), &whole[..whole.len() / 3])?;
    fs::create_dir(path("empty"))?;
    fs::write(path("text.png"), "Once upon a time\n")?;
    let odd = pictures(3)?;
    image::RgbImage::new(44, 40).save(odd.path().join("1.png"))?;
    for (video, parts) in [
        (path("missing.mp4"), &["missing.mp4", "No such file"][..]),
        (path("text.mp4"), &["text.mp4", "as a video"]),
        (path("cut.mp4"), &["cut.mp4"]),
        (path("empty"), &["empty", "no images"]),
        (path("text.png"), &["text.png"]),
        (odd.path().into(), &["1.png", "44x40", "48x40"]),
    ] {
        let kept = Kept::new("clip.npy")?;
        Ran::with("clip {} --output {} --device references", &[&video, &kept.output])?.failure(parts)?;
        kept.check()?;
        // Found before a model is looked for.
        Ran::with("classify {} --model ./missing", &[&video])?.failure(parts)?;
    }
    Ok(())
}

pub(super) fn ffmpeg_fails() -> Outcome {
    let kept = Kept::new("clip.npy")?;
    let clip = || {
        let (video, output) = (video(), kept.output.clone());
        let mut command = tubelet(&["clip", "--device", "references", "--output"]);
        command.arg(output).arg(video);
        command
    };
    let empty = tempfile::tempdir()?;
    let mut missing = clip();
    missing.env("PATH", empty.path());
    Ran::of(missing)?.failure(&["ffmpeg", "not installed", "apt-get install ffmpeg"])?;
    #[cfg(unix)]
    {
        let folder = tempfile::tempdir()?;
        fs::copy(data("video/killed.sh"), folder.path().join("ffmpeg"))?;
        let mut killed = clip();
        let found = std::env::var_os("PATH").unwrap_or_default();
        let path = std::iter::once(folder.path().to_owned()).chain(std::env::split_paths(&found));
        killed.env("PATH", std::env::join_paths(path)?);
        Ran::of(killed)?.failure(&["ffmpeg was killed", "bigbuckbunny.mp4"])?;
    }
    kept.check()
}

pub(super) fn bad_checkpoints() -> Outcome {
    let (cut, unfit, empty) = (copied_model()?, copied_model()?, tempfile::tempdir()?);
    let weights = fs::read(model().join("model.safetensors"))?;
    fs::write(cut.path().join("model.safetensors"), &weights[..weights.len() / 2])?;
    let config = fs::read_to_string(model().join("config.json"))?;
    let wider = config.replace("\"hidden_size\": 64", "\"hidden_size\": 128");
    ensure(wider != config, "the configuration is as before")?;
    fs::write(unfit.path().join("config.json"), wider)?;
    for (model, parts) in [
        (cut.path(), &["model.safetensors", "damaged", "cut short"][..]),
        (unfit.path(), &["model.safetensors", "config.json", "[64, 3, 2, 8, 8]", "[128, 3, 2, 8, 8]"]),
        (empty.path(), &["config.json"]),
        (Path::new("./missing"), &["./missing"]),
    ] {
        let kept = Kept::new("out.safetensors")?;
        let paths = [model, &data("hf-tiny/clip.npy"), &kept.output];
        Ran::with("forward --model {} --clip {} --output {}", &paths)?.failure(parts)?;
        kept.check()?;
    }
    Ok(())
}

pub(super) fn bad_clips_and_taps() -> Outcome {
    let folder = tempfile::tempdir()?;
    let text = folder.path().join("text.npy");
    fs::write(&text, "Once upon a time\n")?;
    let bytes = folder.path().join("bytes.npy");
    write_npy(&bytes, &[1, 8, 3, 32, 32], &[0u8; 8 * 3 * 32 * 32])?;
    let kept = Kept::new("out.safetensors")?;
    let forward = |clip: &Path, more: &str| {
        let arguments = format!("forward --device references --model {{}} --clip {{}} --output {{}} {more}");
        Ran::with(&arguments, &[&model(), clip, &kept.output])
    };
    let clip = data("hf-tiny/clip.npy");
    forward(&data("hf-odd/clip.npy"), "")?.refusal(&["hf-odd/clip.npy", "[1, 8, 3, 32, 32]", "[2, 9, 3, 35, 35]"])?;
    forward(&clip, "--layout bthwc")?.refusal(&["clip.npy", "[1, 8, 32, 32, 3]", "[2, 8, 3, 32, 32]"])?;
    forward(&clip, "--tap logits,hidden_state.4")?.refusal(&[
        "hidden_state.4",
        "hidden_state.1 to .3",
        "attention_probs.0 to .2",
        "sequence_output",
    ])?;
    forward(&folder.path().join("missing.npy"), "")?.failure(&["missing.npy"])?;
    forward(&text, "")?.failure(&["text.npy", ".npy file"])?;
    forward(&bytes, "")?.failure(&["bytes.npy", "floats"])?;
    let huge = folder.path().join("huge.npy");
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 8, 3, 32, 32), }";
    fs::write(&huge, [&b"\x93NUMPY\x01\x00"[..], &(header.len() as u16).to_le_bytes(), header.as_bytes()].concat())?;
    forward(&huge, "")?.failure(&["huge.npy", "no file holds"])?;
    kept.check()
}

pub(super) fn absurd_sizes() -> Outcome {
    let kept = Kept::new("clip.npy")?;
    let video = video();
    for (size, says) in [
        ("--frames 1000000000", "frames"),
        ("--frames 18446744073709551615 --uniform", "frames"),
        ("--frames 132 --stride 1 --size 2400", "GiB"),
        ("--size 100000000", "smaller size"),
    ] {
        let command = format!("clip {{}} --output {{}} --device references {size}");
        Ran::with(&command, &[&video, &kept.output])?.refusal(&[says])?;
    }
    kept.check()
}
