//! The program as its users meet it: what it prints, what it writes, and how it fails.

mod bench;
mod check;
#[path = "../common/mod.rs"]
mod common;
mod devices;
mod evaluation;
mod examples;
mod gradient;
mod interruption;
mod json;
mod many;
mod models;
mod motions;
mod saved;
mod training;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use common::{DeviceTests, Shown, data};
use libtest_mimic::Failed;
use npyz::WriterBuilder;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tubelet::tensor::{Closeness, Tensor, Tolerance};

type Outcome = Result<(), Failed>;
type ProgramTest = (&'static str, fn() -> Outcome);

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    let without_device: &[ProgramTest] = &[
        ("help fits 80 columns and has examples", help),
        ("wrong use exits with 2", wrong_use),
        ("bad videos are named", bad_videos),
        ("ffmpeg missing or killed", ffmpeg_fails),
        ("bad checkpoints are named", bad_checkpoints),
        ("bad clips and taps are named", bad_clips_and_taps),
        ("absurd sizes are refused", absurd_sizes),
        ("unwritable outputs are found before the work", bad_outputs),
        ("a machine without devices is told what to install", devices::none),
        ("a machine without devices has a processor", devices::processor),
        ("a machine without devices has nothing to check", check::no_adapters),
        ("closed and full stdout", closed_and_full_stdout),
        ("completions", completions),
        ("outputs are readable by others", output_permissions),
        ("clip by reference is the published tensor", || published_clip(&["--device", "references"])),
        ("leftovers of killed runs are removed", interruption::leftovers_go),
        #[cfg(target_os = "linux")]
        ("decoders end with the program", interruption::decoders_end),
        ("clip without a model", clip_without_model),
        ("clip for a model", clip_for_model),
        ("who decides about preprocessing", preprocessing),
        ("videos of one frame", one_frame),
        ("forward by reference is golden", || golden_forward(&["--device", "references"])),
        ("layouts and single clips", layouts),
        ("wrong use of gradient", gradient::refused),
        ("train leaves a model that others take", training::whole),
        ("train takes motions from memory", training::motions_from_memory),
        ("train takes class folders and freezes parts", training::class_folders),
        ("train takes videos with a label of each head", training::several_heads),
        ("train takes videos with any number of labels", training::several_labels),
        ("convert takes what train leaves", training::converted),
        ("train goes on after it was killed", training::goes_on),
        ("wrong use of train", training::wrong_use),
        ("inspect tells what a checkpoint is", models::inspects),
        ("inspect tells why it is none", models::inspects_what_is_no_model),
        ("init begins from image models", models::begins_from_images),
        ("convert keeps every bit", models::converts),
        ("convert writes as transformers does", models::converts_to_hugging_face),
        ("the video processor's file decides", saved::video_processor),
        ("motions are made whole or not at all", motions::made),
        ("motions without ffmpeg", motions::without_ffmpeg),
        ("wrong use of make-motions", motions::wrong_use),
        ("strays among the weights are noted", saved::strays),
        ("arrays in Fortran's order", saved::fortran_order),
        ("variables and tildes of the hub", saved::hub_variables),
    ];
    for &(name, test) in without_device {
        tests.add_without_device(name, test);
    }
    let with_device: &[ProgramTest] = &[
        ("devices", devices::listed),
        ("unknown devices are told the known", devices::unknown),
        ("tiles that were timed are taken where asked for", devices::tuned),
        ("clip is the published tensor", || published_clip(&[])),
        ("forward is golden", || golden_forward(&[])),
        ("forward by plain variants is golden", || golden_forward(&["--variant", "plain"])),
        ("gradient writes the gradient of every weight", gradient::written),
        ("classify is clip and forward", classify),
        ("classify for people", classify_for_people),
        ("classify obeys the problem type", saved::problem_types),
        ("names of classes may be numbers", saved::names_that_are_numbers),
        ("classify by several views", evaluation::views),
        ("eval killed twice and resumed", evaluation::killed_and_resumed),
        ("eval in shards", evaluation::shards_merged),
        ("wrong use of eval", evaluation::wrong_use),
        ("eval over hostile files", evaluation::hostile_files),
        ("eval counts what it computed", evaluation::failures_are_no_speed),
        ("eval ends where too many fail", evaluation::most_failed),
        ("eval of a list without a header", evaluation::list_without_header),
        ("eval of models by their problem type", evaluation::problem_types),
        ("eval stays below its root", evaluation::confined),
        ("eval interrupted goes on", interruption::eval_goes_on),
        ("an endless plot is drawn at Ctrl-C", interruption::endless_plots_are_drawn),
        ("untrained models say so", untrained),
        ("untrained models of every kind", models::untrained_kinds),
        ("embed writes features", models::embeds),
        ("attention draws pictures", models::pictures_of_attention),
        ("wrong use of attention", models::wrong_attention),
        ("a sliding window", models::sliding_window),
        ("a sliding window over a pipe", models::window_over_a_pipe),
        ("masks", models::masks),
        ("verbose runs tell what happens", verbose),
        ("bench compares the models", bench::compared),
        ("bench of training steps", bench::training_steps),
        ("bench of kernels", bench::kernels),
        ("bench of one model", bench::one_model),
        ("check of a kernel", check::of_a_kernel),
        ("check of models and devices", check::of_models_and_devices),
        ("check writes a page", check::writes_a_page),
        ("check runs a failure again", check::runs_again),
        ("wrong use of check", check::wrong_use),
        ("check interrupted says what it found", check::interrupted),
        ("classify many videos", many::classified),
        ("rows of many videos", many::rows),
        ("features of many videos", many::embedded),
        ("wrong use of many videos", many::wrong_use),
        ("examples of the help run", examples::of_help),
        ("commands of the README run", examples::of_readme),
        ("output of examples is compared", examples::comparing),
        ("every key of JSON is documented", json::every_key_is_documented),
    ];
    for &(name, test) in with_device {
        tests.add(name, move |_| test().map(|()| Shown::Passed));
    }
    tests.run("cli")
}

/// What a run of the program left behind.
struct Ran {
    command: String,
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

/// The program, away from whatever the environment holds.
fn tubelet<A: AsRef<std::ffi::OsStr>>(arguments: &[A]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tubelet"));
    command.args(arguments).env_remove("RUST_LOG").env("HF_HUB_OFFLINE", "1").env("COLUMNS", "80");
    command.env("TUBELET_CACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("caches"));
    // Where no device is named, these are tests of what runs WGSL.
    if std::env::var_os("TUBELET_DEVICE").is_none() {
        command.env("TUBELET_DEVICE", "gpu");
    }
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Some drivers complain on stderr without it.
        command.env("XDG_RUNTIME_DIR", std::env::temp_dir());
    }
    command
}

impl Ran {
    fn of(mut command: Command) -> Result<Self, Failed> {
        let output = command.output()?;
        let arguments: Vec<_> = command.get_args().map(|argument| argument.to_string_lossy()).collect();
        Ok(Self {
            command: format!("tubelet {}", arguments.join(" ")),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }

    /// Of arguments parted by spaces, then `paths` in the places of `{}`.
    fn with(arguments: &str, paths: &[&Path]) -> Result<Self, Failed> {
        let mut paths = paths.iter();
        let fill = |argument: &str| match (argument, paths.len()) {
            ("{}", 1..) => paths.next().map_or(PathBuf::new(), PathBuf::from),
            _ => PathBuf::from(argument),
        };
        Self::of(tubelet(&arguments.split_whitespace().map(fill).collect::<Vec<_>>()))
    }

    fn expect(self, holds: bool, what: &str) -> Result<Self, Failed> {
        match holds {
            true => Ok(self),
            false => Err(Failed::from(format!(
                "{}\n{what}\nexit code {:?}\nstdout:\n{}\nstderr:\n{}",
                self.command, self.code, self.stdout, self.stderr
            ))),
        }
    }

    /// Success with nothing on stderr.
    fn silent_success(self) -> Result<Self, Failed> {
        let silent = self.stderr.is_empty();
        self.success()?.expect(silent, "stderr is not empty")
    }

    fn success(self) -> Result<Self, Failed> {
        let holds = self.code == Some(0);
        self.expect(holds, "is not successful")
    }

    /// Failure with exit code 1 and one sentence that has all of `parts`.
    fn failure(self, parts: &[&str]) -> Outcome {
        self.complaint(1, parts)
    }

    /// Wrong use: exit code 2 and a sentence that has all of `parts`.
    fn refusal(self, parts: &[&str]) -> Outcome {
        self.complaint(2, parts)
    }

    /// Failure that has all of `parts` on stderr, among other things.
    fn complains(self, parts: &[&str]) -> Outcome {
        let holds = self.code == Some(1) && parts.iter().all(|part| self.stderr.contains(part));
        self.expect(holds, &format!("does not say {parts:?}")).map(drop)
    }

    fn complaint(self, code: i32, parts: &[&str]) -> Outcome {
        let (sentence, rest) = self.stderr.split_once('\n').unwrap_or((&self.stderr, ""));
        // The parser of arguments adds how to use the program; a checkpoint that does not fit, what does not.
        let explained = rest.is_empty() || rest.contains("--help") || rest.starts_with("  wrong shape");
        let one = sentence.starts_with("error: ") && !sentence.contains("panicked") && explained;
        let missing = parts.iter().find(|part| !self.stderr.contains(**part));
        let what = format!("is not exit code {code} with a sentence; missing in it: {missing:?}");
        let holds = self.code == Some(code) && self.stdout.is_empty() && one && missing.is_none();
        self.expect(holds, &what).map(drop)
    }

    fn json(&self) -> Result<Value, Failed> {
        Ok(serde_json::from_str(&self.stdout)?)
    }
}

fn ensure(holds: bool, what: impl Into<String>) -> Outcome {
    if holds { Ok(()) } else { Err(Failed::from(what.into())) }
}

/// A folder with an output that failing commands must leave as it is.
struct Kept {
    folder: TempDir,
    output: PathBuf,
}

impl Kept {
    fn new(name: &str) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let output = folder.path().join(name);
        fs::write(&output, "precious")?;
        Ok(Self { folder, output })
    }

    fn check(&self) -> Outcome {
        let files = fs::read_dir(self.folder.path())?.count();
        let untouched = fs::read(&self.output)? == b"precious";
        ensure(untouched && files == 1, format!("the output was touched, or there are now {files} files"))
    }
}

fn video() -> PathBuf {
    data("video/bigbuckbunny.mp4")
}

fn model() -> PathBuf {
    data("hf-tiny")
}

/// A folder of `count` images of 48×40 pixels, each of another colour.
fn pictures(count: u8) -> Result<TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    for index in 0..count {
        let picture =
            image::RgbImage::from_fn(48, 40, |x, y| image::Rgb([5 * x as u8, 6 * y as u8, index.wrapping_mul(16)]));
        picture.save(folder.path().join(format!("{index}.png")))?;
    }
    Ok(folder)
}

/// A copy of the model's folder, to be changed.
fn copied_model() -> Result<TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    for name in ["config.json", "model.safetensors"] {
        fs::copy(model().join(name), folder.path().join(name))?;
    }
    Ok(folder)
}

fn help() -> Outcome {
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

fn wrong_use() -> Outcome {
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
        ("classify {}", &[video], &["--model", "--untrained"]),
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

fn bad_videos() -> Outcome {
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

fn ffmpeg_fails() -> Outcome {
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

fn bad_checkpoints() -> Outcome {
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

fn bad_clips_and_taps() -> Outcome {
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

fn absurd_sizes() -> Outcome {
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

fn bad_outputs() -> Outcome {
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

fn closed_and_full_stdout() -> Outcome {
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

fn completions() -> Outcome {
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

fn output_permissions() -> Outcome {
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

/// The published clip through the published preprocessing, by its sha256.
fn published_clip(more: &[&str]) -> Outcome {
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

fn clip_without_model() -> Outcome {
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
fn clip_for_model() -> Outcome {
    let (pictures, folder) = (pictures(16)?, tempfile::tempdir()?);
    let (output, forward) = (folder.path().join("clip.npy"), folder.path().join("out.safetensors"));
    let arguments = "clip {} --output {} --model {} --preset scenic --device references";
    Ran::with(arguments, &[pictures.path(), &output, &model()])?.silent_success()?;
    ensure(read_npy(&output)?.shape().axes() == [1, 8, 3, 32, 32], "the clip does not fit the model")?;
    let arguments = "forward --model {} --clip {} --output {} --device references";
    Ran::with(arguments, &[&model(), &output, &forward])?.silent_success().map(drop)
}

/// A preset wins over the model's file, which wins over the family's default.
fn preprocessing() -> Outcome {
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

fn one_frame() -> Outcome {
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

/// Every value of the tiny model that others have computed.
fn golden_forward(more: &[&str]) -> Outcome {
    let folder = tempfile::tempdir()?;
    let output = folder.path().join("out.safetensors");
    let mut command = tubelet(&["forward", "--tap", "all", "--json", "--model"]);
    command.arg(model()).arg("--clip").arg(model().join("clip.npy")).arg("--output").arg(&output).args(more);
    let report = Ran::of(command)?.silent_success()?.json()?;
    let found = read_safetensors(&output)?;
    for (name, expected) in read_safetensors(&model().join("expected.safetensors"))? {
        let found = found.get(&name).ok_or_else(|| Failed::from(format!("{name} is missing")))?;
        close(&name, found, &expected)?;
        ensure(
            report["tensors"][&name] == serde_json::json!(expected.shape().axes()),
            format!("{name} in the report"),
        )?;
    }
    // Without taps there is the model's answer alone.
    let mut command = tubelet(&["forward", "--model"]);
    command.arg(model()).arg("--clip").arg(model().join("clip.npy")).arg("--output").arg(&output).args(more);
    Ran::of(command)?.silent_success()?;
    let alone = read_safetensors(&output)?;
    ensure(alone.keys().eq(["logits"]), format!("{:?}", alone.keys()))?;
    close("logits", &alone["logits"], &found["logits"])
}

fn close(name: &str, found: &Tensor, expected: &Tensor) -> Outcome {
    match Closeness::between(found, expected) {
        None => Err(Failed::from(format!("{name} is {}, not {}", found.shape(), expected.shape()))),
        Some(closeness) => ensure(closeness.within(Tolerance::MODEL), format!("{name}: {closeness}")),
    }
}

/// One clip alone, and one with its axes in scenic's order.
fn layouts() -> Outcome {
    let folder = tempfile::tempdir()?;
    let path = |name: &str| folder.path().join(name);
    let clips = read_npy(&model().join("clip.npy"))?;
    let [frames, planes, side] = [8, 3, 32];
    let first = &clips.as_f32()?[..frames * planes * side * side];
    write_npy(&path("one.npy"), &[8, 3, 32, 32], first)?;
    let place = |f: usize, y: usize, x: usize, p: usize| ((f * planes + p) * side + y) * side + x;
    let mut scenic = Vec::new();
    for (f, y, x) in (0..frames).flat_map(|f| (0..side).flat_map(move |y| (0..side).map(move |x| (f, y, x)))) {
        scenic.extend((0..planes).map(|p| first[place(f, y, x, p)]));
    }
    write_npy(&path("scenic.npy"), &[1, 8, 32, 32, 3], &scenic)?;
    let expected = &read_safetensors(&model().join("expected.safetensors"))?["logits"];
    let expected = Tensor::f32([1, 10], expected.as_f32()?[..10].to_vec())?;
    for (clip, more) in [("one.npy", ""), ("scenic.npy", "--layout bthwc")] {
        let output = path("out.safetensors");
        let arguments = format!("forward --model {{}} --clip {{}} --output {{}} --device references {more}");
        Ran::with(&arguments, &[&model(), &path(clip), &output])?.silent_success()?;
        close(clip, &read_safetensors(&output)?["logits"], &expected)?;
    }
    Ok(())
}

/// What `classify` says is what `clip` and `forward` give.
fn classify() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (clip, output) = (folder.path().join("clip.npy"), folder.path().join("out.safetensors"));
    let (video, model) = (video(), model());
    let ran = Ran::with("classify {} --model {} --top 99 --json --frames-from 20 --stride 3", &[&video, &model])?;
    let report = ran.silent_success()?.json()?;
    Ran::with("clip {} --model {} --output {} --frames-from 20 --stride 3", &[&video, &model, &clip])?
        .silent_success()?;
    Ran::with("forward --model {} --clip {} --output {}", &[&model, &clip, &output])?.silent_success()?;
    let logits = read_safetensors(&output)?.remove("logits").ok_or("no logits")?;
    let logits: Vec<_> = logits.as_f32()?.iter().map(|logit| f64::from(*logit)).collect();
    let sum: f64 = logits.iter().map(|logit| logit.exp()).sum();

    let classes = report["classes"].as_array().ok_or("no classes")?;
    ensure(classes.len() == 10, format!("{} classes", classes.len()))?;
    let mut total = 0.0;
    for class in classes {
        let index = class["index"].as_u64().ok_or("no index")? as usize;
        let probability = class["probability"].as_f64().ok_or("no probability")?;
        let expected = logits[index].exp() / sum;
        ensure((probability - expected).abs() < 1e-5, format!("class {index}: {probability}, not {expected}"))?;
        ensure(class["name"] == format!("LABEL_{index}"), class.to_string())?;
        total += probability;
    }
    ensure((total - 1.0).abs() < 1e-5, format!("probabilities sum to {total}"))?;
    let probabilities = classes.iter().filter_map(|class| class["probability"].as_f64());
    ensure(probabilities.is_sorted_by(|a, b| a >= b), "the classes are not in order")?;

    let facts = report["indices"] == serde_json::json!([20, 23, 26, 29, 32, 35, 38, 41])
        && report["video"]["frames"] == 132
        && report["range"] == "[-1, 1]"
        && report["preprocessing"] == "preset hf_corrected, the default"
        && report["shape"] == serde_json::json!([1, 8, 3, 32, 32])
        && report["untrained"] == false;
    ensure(facts, report.to_string())?;
    let timed = |step: &str| report["seconds"][step].as_f64().is_some_and(|seconds| seconds > 0.0);
    ensure(["decoding", "preparing", "loading", "computing"].into_iter().all(timed), report["seconds"].to_string())?;
    Ran::with("classify {} --model {} --frames-from 132", &[&video, &model])?.refusal(&["frame 132", "132 frames"])
}

fn classify_for_people() -> Outcome {
    let pictures = pictures(16)?;
    let arguments = "classify {} --model {} --top 3 --preset hf_default";
    let ran = Ran::with(arguments, &[pictures.path(), &model()])?.silent_success()?;
    let bars = ran.stdout.lines().filter(|line| line.contains(" %  █") || line.contains("LABEL_")).count();
    let told = ["16 frames of 48×40 pixels", "[-3, 1], by preset hf_default", "hf-tiny", "decoding", "computing"]
        .iter()
        .all(|fact| ran.stdout.contains(fact));
    ran.expect(bars == 3 && told, "is not three bars and all facts").map(drop)
}

fn untrained() -> Outcome {
    let pictures = pictures(4)?;
    // The tubelets are large for the forward pass to be short.
    let ran = Ran::with("classify {} --untrained vit-ti/56x16 --uniform", &[pictures.path()])?.success()?;
    let loud = ran.stderr.matches("UNTRAINED").count() == 1;
    let ran = ran.expect(loud, "does not say once that the model is untrained")?;
    let labelled = ran.stdout.contains("vit-ti/56x16, untrained") && ran.stdout.contains("MEAN NOTHING");
    ran.expect(labelled, "shows classes without saying that they mean nothing")?;
    let ran = Ran::with("classify {} --untrained vit-ti/56x16 --json", &[pictures.path()])?.success()?;
    let labelled = ran.json()?["untrained"] == true;
    ran.expect(labelled, "has JSON that does not say it").map(drop)
}

fn verbose() -> Outcome {
    let pictures = pictures(16)?;
    let ran = Ran::with("classify {} --model {} --json --verbose", &[pictures.path(), &model()])?.success()?;
    ran.json()?;
    let said = ["3 layers of width 64", "16 frames: folder of images", "run-time checks on"];
    let told = said.iter().all(|fact| ran.stderr.contains(fact)) && !ran.stderr.contains('\x1b');
    ran.expect(told, "does not tell what happens, or not in plain text").map(drop)
}

fn read_npy(path: &Path) -> Result<Tensor, Failed> {
    let array = npyz::NpyFile::new(std::io::BufReader::new(fs::File::open(path)?))?;
    let shape: Vec<_> = array.shape().iter().map(|size| *size as usize).collect();
    Ok(Tensor::f32(shape, array.into_vec::<f32>()?)?)
}

fn write_npy<T: npyz::AutoSerialize + Copy>(path: &Path, shape: &[u64], values: &[T]) -> Outcome {
    let file = fs::File::create(path)?;
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file).begin_nd()?;
    writer.extend(values.iter().copied())?;
    Ok(writer.finish()?)
}

fn read_safetensors(path: &Path) -> Result<BTreeMap<String, Tensor>, Failed> {
    let file = fs::read(path)?;
    let floats = SafeTensors::deserialize(&file)?.tensors().into_iter().filter(|(_, view)| view.dtype() == Dtype::F32);
    let tensor = |view: safetensors::tensor::TensorView<'_>| {
        Tensor::f32(view.shape(), bytemuck::pod_collect_to_vec(view.data()))
    };
    floats.map(|(name, view)| Ok((name, tensor(view)?))).collect()
}
