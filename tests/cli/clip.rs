//! `tubelet clip`: which frames, and how they are prepared.

use std::fs;
use std::process::Command;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::common::data;
use super::{Outcome, Ran, copied_model, ensure, model, pictures, read_npy, tubelet, video};

/// The published clip through the published preprocessing, by its sha256.
pub(super) fn published(more: &[&str]) -> Outcome {
    let frames: Value = serde_json::from_str(&fs::read_to_string(data("video/frames.json"))?)?;
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("clip.npy");
    for (preset, range, expected) in
        [("hf_default", "[-3, 1]", "pixel_values_sha256_f32"), ("hf_corrected", "[-1, 1]", "zero_centred_sha256_f32")]
    {
        let mut command = tubelet(&["clip", "--uniform", "--json", "--preset", preset, "--output"]);
        command.arg(&output).arg(video()).args(more);
        let ran = Ran::of(command)?.silent_success()?;
        let report = ran.json()?;
        ensure(report["indices"] == frames["uniform_indices"], "the frames are others")?;
        ensure(report["range"] == range && report["preprocessing"] == format!("preset {preset}"), report.to_string())?;
        let file = fs::read(&output)?;
        let data = &file[file.len() - 4 * 32 * 3 * 224 * 224..];
        let sha256: String = Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect();
        ensure(frames[expected] == sha256, format!("{preset}: sha256 is {sha256}"))?;
        ensure(read_npy(&output)?.shape().axes() == [1, 32, 3, 224, 224], "the shape is another")?;
    }
    Ok(())
}

pub(super) fn without_model() -> Outcome {
    let (pictures, folder) = (pictures(5)?, tempfile::tempdir()?);
    let output = folder.path().join("clip.npy");
    for (more, shape, range, indices) in [
        ("", &[1, 4, 3, 14, 14][..], "[-1, 1]", &[0, 2, 4, 1][..]),
        ("--preset scenic --stride 1", &[1, 4, 14, 14, 3], "[-1, 1]", &[0, 1, 2, 3]),
        ("--preset hf-default --frames-from 3 --stride 1", &[1, 4, 3, 14, 14], "[-3, 1]", &[3, 4, 0, 1]),
        ("--uniform", &[1, 4, 3, 14, 14], "[-1, 1]", &[0, 1, 3, 4]),
    ] {
        let arguments = format!("clip {{}} --output {{}} --frames 4 --size 14 --device references --json {more}");
        let ran = Ran::with(&arguments, &[pictures.path(), &output])?.success()?;
        let report = ran.json()?;
        let as_expected = report["shape"] == serde_json::json!(shape)
            && report["range"] == range
            && report["indices"] == serde_json::json!(indices);
        let repeated = indices.windows(2).any(|pair| pair[1] <= pair[0]);
        let noted = ran.stderr.contains("note: the video of 5 frames ");
        ran.expect(as_expected && noted == repeated, "is not as expected")?;
        let written = read_npy(&output)?;
        ensure(written.shape().axes() == shape, format!("{}", written.shape()))?;
    }
    Ok(())
}

/// A model decides about frames, size and layout.
pub(super) fn for_model() -> Outcome {
    let (pictures, folder) = (pictures(16)?, tempfile::tempdir()?);
    let (output, forward) = (folder.path().join("clip.npy"), folder.path().join("out.safetensors"));
    let arguments = "clip {} --output {} --model {} --preset scenic --device references";
    Ran::with(arguments, &[pictures.path(), &output, &model()])?.silent_success()?;
    ensure(read_npy(&output)?.shape().axes() == [1, 8, 3, 32, 32], "the clip does not fit the model")?;
    let arguments = "forward --model {} --clip {} --output {} --device references";
    Ran::with(arguments, &[&model(), &output, &forward])?.silent_success().map(drop)
}

/// A preset wins over the model's file, which wins over the family's default.
pub(super) fn preprocessing() -> Outcome {
    let (pictures, folder, model) = (pictures(16)?, tempfile::tempdir()?, copied_model()?);
    let output = folder.path().join("clip.npy");
    let clip = |more: &str| {
        let arguments = format!("clip {{}} --output {{}} --model {{}} --device references --json {more}");
        Ran::with(&arguments, &[pictures.path(), &output, model.path()])
    };
    let expect = |ran: Ran, range: &str, origin: &str, noted: bool| -> Outcome {
        let report = ran.json()?;
        let said = report["preprocessing"].as_str().is_some_and(|text| text.contains(origin));
        let holds = report["range"] == range && said && ran.stderr.contains("--preset hf_corrected") == noted;
        ran.success()?.expect(holds, &format!("is not {range} by {origin}")).map(drop)
    };
    let file = |text: &str| fs::write(model.path().join("preprocessor_config.json"), text);
    expect(clip("")?, "[-1, 1]", "the default", false)?;
    file(r#"{"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}}"#)?;
    expect(clip("")?, "[-3, 1]", "preprocessor_config.json", true)?;
    expect(clip("--preset hf_corrected")?, "[-1, 1]", "preset hf_corrected", false)?;
    file(r#"{"size": {"shortest_edge": 36}, "crop_size": {"height": 32, "width": 32}, "do_normalize": false}"#)?;
    expect(clip("")?, "[-1, 1]", "preprocessor_config.json", false)?;
    file(r#"{"crop_size": {"height": 28, "width": 32}}"#)?;
    clip("")?.failure(&["preprocessor_config.json", "32x28", "32x32", "preset"])?;
    file("{")?;
    clip("")?.failure(&["preprocessor_config.json"])?;
    expect(clip("--preset hf_default")?, "[-3, 1]", "preset hf_default", false)?;
    let scenic = data("scenic-model2").join("model.safetensors");
    let arguments = "clip {} --output {} --model {} --device references --json";
    let ran = Ran::with(arguments, &[pictures.path(), &output, &scenic])?;
    expect(ran, "[-1, 1]", "preset scenic, the default", false)
}

pub(super) fn one_frame() -> Outcome {
    let (pictures, folder) = (pictures(1)?, tempfile::tempdir()?);
    let (picture, film) = (pictures.path().join("0.png"), folder.path().join("one.mp4"));
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-v", "error", "-i"]).arg(&picture).args(["-pix_fmt", "yuv420p"]).arg(&film);
    ensure(ffmpeg.status()?.success(), "ffmpeg writes no video")?;
    for video in [&picture, &film] {
        let output = folder.path().join("clip.npy");
        let arguments = "clip {} --output {} --frames 3 --size 32 --device references --json";
        let ran = Ran::with(arguments, &[video, &output])?.success()?;
        let report = ran.json()?;
        let same = report["indices"] == serde_json::json!([0, 0, 0]) && report["video"]["frames"] == 1;
        let noted = ran.stderr.lines().count() == 1 && ran.stderr.contains("1 frame is too short");
        ran.expect(same && noted, "is not one frame, three times")?;
        let clip = read_npy(&output)?;
        let frames: Vec<_> = clip.as_f32()?.chunks(3 * 32 * 32).collect();
        ensure(frames[0] == frames[1] && frames[0] == frames[2], "the frames differ")?;
    }
    Ok(())
}
