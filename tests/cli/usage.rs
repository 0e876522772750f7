//! What the program says of itself, and of arguments that make no sense.

use super::common::data;
use super::{Kept, Outcome, Ran, model, pictures, tubelet};

pub(super) fn help() -> Outcome {
    let commands = [
        "",
        "devices",
        "classify",
        "clip",
        "eval",
        "attention",
        "embed",
        "forward",
        "gradient",
        "train",
        "init",
        "inspect",
        "convert",
        "make-motions",
        "bench",
        "check",
        "shader",
        "completions",
    ];
    for command in commands {
        let short = Ran::with(&format!("{command} -h"), &[])?.silent_success()?;
        let ran = Ran::with(&format!("{command} --help"), &[])?.silent_success()?;
        let examples = ran.stdout.contains("\nExample");
        let ran = ran.expect(examples, "has no examples")?;
        let wide = [&ran, &short].into_iter().flat_map(|ran| ran.stdout.lines());
        let wide = wide.filter(|line| line.chars().count() > 80).map(str::to_owned).next();
        let ran = ran.expect(wide.is_none(), &format!("is wider than 80 columns: {wide:?}"))?;
        let (brief, whole) = (short.stdout.lines().count(), ran.stdout.lines().count());
        let short = short.expect(brief < whole && brief <= 80, &format!("{brief} lines of {whole} are not short"))?;
        short
            .expect(!ran.stdout.contains("tubelet clip") || ran.stdout.contains("--help"), "does not tell of --help")?;
    }
    let classify = Ran::with("classify -h", &[])?.silent_success()?;
    let headings = ["Video:", "Model:", "Device:", "Masks:", "Sliding window:"];
    let missing = headings.iter().find(|heading| !classify.stdout.contains(&format!("\n{heading}\n")));
    classify.expect(missing.is_none(), &format!("has no heading {missing:?}")).map(drop)
}

pub(super) fn wrong() -> Outcome {
    let pictures = pictures(8)?;
    let kept = Kept::new("clip.npy")?;
    let (video, model, output) = (pictures.path(), &*model(), &*kept.output);
    for (arguments, paths, parts) in [
        ("devices --nonsense", &[][..], &["--nonsense"][..]),
        ("classify {} --model {} --top 0", &[video, model], &["--top", "at least 1"]),
        ("classify {} --model {} --stride 0", &[video, model], &["--stride", "at least 1"]),
        ("classify {} --model {} --stride two", &[video, model], &["--stride", "two"]),
        ("classify {} --model {} --uniform --frames-from 3", &[video, model], &["--uniform", "--frames-from"]),
        ("classify {} --model {} --preset half", &[video, model], &["half", "hf_corrected", "hf_default", "scenic"]),
        ("classify {} --model {} --variant fastest", &[video, model], &["fastest", "plain"]),
        ("classify {} --model {} --variant linear=fastest", &[video, model], &["linear", "fastest", "plain"]),
        ("classify {} --model {} --variant lineal=plain", &[video, model], &["lineal"]),
        ("classify {} --model {} --untrained vit-b", &[video, model], &["--model", "--untrained"]),
        ("classify {} --untrained vit-xxl", &[video], &["vit-xxl", "vit-ti"]),
        ("classify {}", &[video], &["--model", "motions"]),
        ("clip {} --output {} --frames 0", &[video, output], &["--frames", "at least 1"]),
        ("clip {} --output {} --size 0", &[video, output], &["--size", "at least 1"]),
        ("clip {} --output clip.txt", &[video], &["clip.txt", ".npy"]),
        (
            "clip {} --output {} --model {} --frames 4",
            &[video, output, model],
            &["--frames 4", "clips of 8", "--clip-frames"],
        ),
        ("clip {} --output {} --model {} --size 8", &[video, output, model], &["--size 8x8", "--clip-size"]),
        ("clip {} --output {} --rotate 45", &[video, output], &["--rotate", "auto", "270"]),
        ("clip {} --output {} --timeout 0", &[video, output], &["--timeout", "more than 0"]),
        ("clip {} --output {} --timeout soon", &[video, output], &["--timeout", "number of seconds"]),
        ("clip {} --output {} --matrix bt2020", &[video, output], &["bt2020", "bt709"]),
        ("clip {} --output {} --frames-from 8 --device references", &[video, output], &["frame 8", "8 frames"]),
        ("forward --model {} --clip clip.npy --output out.npy", &[model], &["out.npy", ".safetensors"]),
        ("forward --model {} --clip a.npy --output b.safetensors --layout cthw", &[model], &["cthw", "btchw"]),
        ("forward --clip {} --output b.safetensors", &[&data("hf-tiny/clip.npy")], &["--model", "--untrained"]),
        ("bench --kernel nonsense", &[], &["nonsense", "layer_norm"]),
        ("bench --batch 0", &[], &["--batch", "at least 1"]),
        ("bench --kernel linear --model {}", &[model], &["--kernel", "--model"]),
        ("bench --kinds 1 --model {}", &[model], &["--kinds", "--model"]),
        ("bench --kinds 5", &[], &["5", "joint (1)"]),
        ("bench --frames 8,0", &[], &["--frames", "at least 1"]),
        ("bench --frames 8,16 --model {}", &[model], &["--frames 8,16", "one number"]),
        ("bench --frames 1 --size 32 --backbone ti", &[], &["1×32×32", "no token"]),
        ("bench --tubelet 0x2", &[], &["tubelet"]),
        ("bench --backbone xxl", &[], &["xxl", "vit-ti"]),
        ("bench --precision f64", &[], &["f64", "f32", "f16"]),
        ("bench --row-seconds 0", &[], &["--row-seconds", "more than 0"]),
        ("completions klingon", &[], &["klingon", "bash"]),
    ] {
        Ran::with(arguments, paths)?.refusal(parts)?;
    }
    let mut command = tubelet(&["classify", "clip.mp4", "--untrained", "vit-b", "--device"]);
    command.arg("");
    Ran::of(command)?.refusal(&["--device", "empty"])?;
    kept.check()
}

pub(super) fn completions() -> Outcome {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = Ran::with(&format!("completions {shell}"), &[])?.silent_success()?;
        let complete = ["classify", "frames-from", "untrained"].iter().all(|word| ran.stdout.contains(word));
        let ran = ran.expect(complete, "lacks a word")?;
        // Values, by the shells whose scripts have any.
        let values = ["factorised-encoder", "hf_corrected", "vit-ti", "discrete", "workgroup", "bt709", "270"];
        let missing = values.iter().find(|value| !ran.stdout.contains(**value));
        let valued = ["bash", "fish", "zsh"].contains(&shell);
        ran.expect(!valued || missing.is_none(), &format!("does not know the value {missing:?}"))?;
    }
    Ok(())
}
