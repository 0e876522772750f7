//! Commands about models: what files hold, other formats, features, pictures of attention, sliding windows.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::Stdio;

use libtest_mimic::Failed;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;
use tubelet::checkpoint;

use super::common::data;
use super::{Kept, Outcome, Ran, ensure, tubelet, video};

/// A model of scenic, by the file of its weights alone: its folder holds them twice, of which a note tells.
fn scenic(name: &str) -> PathBuf {
    data(name).join("model.safetensors")
}

pub(crate) fn inspects() -> Outcome {
    let file = data("scenic-model2/checkpoint");
    let ran = Ran::with("inspect {}", &[&file])?.silent_success()?;
    let parts = [
        "SpatialTransformer/encoderblock_{0..2}/MlpBlock_0/Dense_0/kernel",
        "Model 2 (factorised encoder)",
        "multiply-accumulates a clip",
    ];
    let missing = parts.iter().find(|part| !ran.stdout.contains(**part));
    let ran = ran.expect(missing.is_none(), &format!("{missing:?} is not there"))?;
    let all = Ran::with("inspect {} --all", &[&file])?.silent_success()?;
    ensure(all.stdout.lines().count() > ran.stdout.lines().count(), "--all shows no more")?;

    let json = Ran::with("inspect {} --json", &[&data("hf-tiny")])?.silent_success()?.json()?;
    let checkpoint = checkpoint::load(&data("hf-tiny").display().to_string())?;
    let counted: usize = checkpoint.config.parameters()?.iter().map(|spec| spec.shape.elements()).sum();
    ensure(json["summary"]["parameters"] == counted && json["elements"] == counted, "the parameters are miscounted")?;
    ensure(json["summary"]["config"]["model"]["kind"] == "joint", "the configuration is not there")?;

    let image = Ran::with("inspect {}", &[&data("vitnpz-tiny/vit.npz")])?.success()?;
    let said = image.stdout.contains("image model") && image.stdout.contains("tubelet init");
    let plain = image.stdout.contains("multiply-accumulates an image") && !image.stdout.contains("none");
    image.expect(said && plain, "an image model is not told")?;
    let alone = tempfile::tempdir()?;
    let text = alone.path().join("text");
    fs::write(&text, "not a model")?;
    Ran::with("inspect {}", &[&text])?.failure(&["neither a .safetensors nor an .npz file nor a Flax checkpoint"])?;
    Ran::with("inspect nope.npz", &[])?.failure(&["neither a file nor a folder nope.npz, and no model on the hub"])
}

/// An image model is no video model, but a beginning.
pub(crate) fn begins_from_images() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (image, out) = (data("vitnpz-tiny/vit.npz"), folder.path().join("video"));
    for source in [&image, &data("hf-vit-tiny")] {
        Ran::with("convert {} {}", &[source, &out])?.failure(&["holds an image model", "tubelet init"])?;
    }
    let begin = |more: &str| Ran::with(&format!("init --from {{}} --output {{}} --kind 1 {more}"), &[&image, &out]);
    begin("--keep-head --classes 400")?.refusal(&["classes, not 400: leave out --classes or --keep-head"])?;
    ensure(!out.exists(), "a refused beginning left something behind")?;
    let begun = begin("")?.success()?;
    let parameters = begun.stdout.lines().find(|line| line.starts_with("parameters"));
    let told = parameters.is_some_and(|line| line.contains(',')) && begun.stdout.contains("output_projection.kernel");
    begun.expect(told, "a grouped number of parameters, and what is left out").map(drop)
}

/// Files that are no model are shown with what is wrong with them.
pub(crate) fn inspects_what_is_no_model() -> Outcome {
    let alone = tempfile::tempdir()?;
    let file = alone.path().join("checkpoint");
    fs::copy(data("scenic-model4/checkpoint"), &file)?;
    let ambiguous = Ran::with("inspect {}", &[&file])?;
    let told = ambiguous.code == Some(2)
        && ambiguous.stdout.contains("Transformer/encoderblock_{0..")
        && ambiguous.stderr.contains("--kind");
    ambiguous.expect(told, "arrays, then what is left open")?;

    let folder = tempfile::tempdir()?;
    fs::copy(data("hf-tiny/config.json"), folder.path().join("config.json"))?;
    fs::copy(data("hf-odd/model.safetensors"), folder.path().join("model.safetensors"))?;
    let misfit = Ran::with("inspect {}", &[folder.path()])?;
    let told = misfit.code == Some(1) && misfit.stdout.contains("embeddings") && misfit.stderr.contains("wrong shape");
    misfit.expect(told, "arrays, then what does not fit").map(drop)
}

/// Every format as a folder of this program, bit by bit, and Model 1 as the transformers library writes it.
pub(crate) fn converts() -> Outcome {
    let folder = tempfile::tempdir()?;
    for (source, more) in [
        ("hf-odd", ""),
        ("scenic-model1", ""),
        ("scenic-model2-multihead", ""),
        ("scenic-model3", ""),
        ("scenic-model4", ""),
        ("scenic-model1-sampling", ""),
        ("scenic-model1-prelogits", ""),
    ] {
        let (from, to) = (data(source), folder.path().join(source));
        Ran::with(&format!("convert {{}} {{}} {more}"), &[&from, &to])?.success()?;
        let [before, after] = [from, to].map(|path| checkpoint::load(&path.display().to_string()));
        let (before, after) = (before?, after?);
        assert_eq!(
            (&before.config, &before.labels, before.provenance),
            (&after.config, &after.labels, after.provenance)
        );
        for name in before.parameters.names() {
            let same = before.parameters.tensor(name)? == after.parameters.tensor(name)?;
            ensure(same, format!("{name} of {source} has changed"))?;
        }
    }
    let out = folder.path().join("hf-odd");
    Ran::with("convert {} {}", &[&data("hf-tiny"), &out])?.refusal(&["is there already", "--force"])?;
    let file = folder.path().join("file");
    fs::write(&file, "precious")?;
    Ran::with("convert {} {} --force", &[&data("hf-tiny"), &file])?.failure(&["it is a file"])?;
    ensure(fs::read(&file)? == b"precious", "the file was touched")?;
    Ran::with("convert {} {} --force", &[&data("hf-tiny"), &out])?.success().map(drop)
}

pub(crate) fn converts_to_hugging_face() -> Outcome {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("again");
    Ran::with("convert {} {} --to hugging-face", &[&data("hf-odd"), &out])?.success()?;
    // The same names, shapes and bytes as the library wrote itself.
    let [original, again] = [data("hf-odd"), out].map(|folder| fs::read(folder.join("model.safetensors")));
    let (original, again) = (original?, again?);
    let [original, again] = [SafeTensors::deserialize(&original)?, SafeTensors::deserialize(&again)?];
    let sorted = |tensors: &SafeTensors<'_>| {
        let mut names: Vec<_> = tensors.names().into_iter().map(str::to_owned).collect();
        names.sort();
        names
    };
    assert_eq!(sorted(&original), sorted(&again));
    for name in original.names() {
        let (a, b) = (original.tensor(name)?, again.tensor(name)?);
        ensure((a.shape(), a.data()) == (b.shape(), b.data()), format!("{name} has changed"))?;
    }
    let config = |folder: &std::path::Path| -> Result<Value, Failed> {
        Ok(serde_json::from_str(&fs::read_to_string(folder.join("config.json"))?)?)
    };
    let (theirs, ours) = (config(&data("hf-odd"))?, config(&folder.path().join("again"))?);
    for field in ["tubelet_size", "num_frames", "hidden_size", "layer_norm_eps", "hidden_act", "id2label", "model_type"]
    {
        ensure(theirs[field] == ours[field], format!("{field}: {} and {}", theirs[field], ours[field]))?;
    }
    let other = folder.path().join("scenic");
    Ran::with("convert {} {} --to hugging-face", &[&data("scenic-model1"), &other])?.success()?;
    let [before, after] = [data("scenic-model1"), other].map(|path| checkpoint::load(&path.display().to_string()));
    ensure(before?.config == after?.config, "another model")?;
    let halves = folder.path().join("halves");
    Ran::with("convert {} {} --to hugging-face --precision f16", &[&data("hf-odd"), &halves])?.success()?;
    let bytes = fs::read(halves.join("model.safetensors"))?;
    let tensors = SafeTensors::deserialize(&bytes)?;
    ensure(tensors.tensors().iter().all(|(_, tensor)| tensor.dtype() == Dtype::F16), "not all are halves")?;
    ensure(config(&halves)?["torch_dtype"] == "float16", "the configuration tells of other floats")?;
    let refused = folder.path().join("refused");
    Ran::with("convert {} {} --to hugging-face", &[&scenic("scenic-model2"), &refused])?
        .refusal(&["not Model 1", "this program's own format"])?;
    ensure(!refused.exists(), "a refused conversion left something behind")
}

pub(crate) fn embeds() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (model, video) = (scenic("scenic-model2"), video());
    let out = folder.path().join("out.safetensors");
    let command = "embed {} --model {} --output {} --tap features,frame_representation --views 2x3 --json";
    let json = Ran::with(command, &[&video, &model, &out])?.silent_success()?.json()?;
    assert_eq!(json["tensors"]["features"], serde_json::json!([6, 48]));
    assert_eq!(json["tensors"]["frame_representation"], serde_json::json!([6, 5, 48]));
    ensure(json["views"] == "2x3" && json["indices"].as_array().is_some_and(|all| all.len() == 20), "other views")?;
    ensure(json["range"] == "[-1, 1]" && json["preprocessing"].is_string(), "other preprocessing")?;
    ensure(json["seconds"]["computing"].as_f64() > Some(0.0), "nothing was computed")?;
    let npy = folder.path().join("out.npy");
    let ran = Ran::with("embed {} --model {} --output {}", &[&video, &model, &npy])?.silent_success()?;
    let parts = ["clip ", "10 frames: ", "values ", "[-1, 1], by preset", "time ", "decoding "];
    let missing = parts.iter().find(|part| !ran.stdout.contains(**part));
    ran.expect(missing.is_none(), &format!("{missing:?} is not told"))?;
    let array = npyz::NpyFile::new(fs::File::open(&npy)?)?;
    assert_eq!(array.shape(), [1, 48]);

    let kept = Kept::new("kept.npy")?;
    Ran::with("embed {} --model {} --output {} --tap nothing", &[&video, &model, &kept.output])?.refusal(&[
        "\"nothing\"",
        "spatial.hidden_state.1 to .3",
        "frame_representation",
    ])?;
    Ran::with("embed {} --model {} --output {} --tap features,pooled", &[&video, &model, &kept.output])?
        .refusal(&[".npy file holds one value"])?;
    Ran::with("embed {} --model {} --output {}", &[&video, &model, &folder.path().join("out.txt")])?
        .refusal(&["must end in .npy or .safetensors"])?;
    kept.check()
}

pub(crate) fn pictures_of_attention() -> Outcome {
    let folder = tempfile::tempdir()?;
    for (model, more) in [
        ("scenic-model1", ""),
        ("scenic-model2", "--layer spatial.1 --head 2"),
        ("scenic-model3", "--layer 0 --query 1,2,3"),
        ("scenic-model4", "--layer 2 --head 0 --squares"),
        ("scenic-model1-sampling", "--causal --frame-scale"),
    ] {
        for (name, start) in [("a.gif", &b"GIF8"[..]), ("a.png", b"\x89PNG"), ("a.webp", b"RIFF"), ("a.html", b"<!do")]
        {
            let out = folder.path().join(name);
            let command = format!("attention {{}} --model {{}} --output {{}} {more}");
            Ran::with(&command, &[&video(), &scenic(model), &out])?.silent_success()?;
            ensure(fs::read(&out)?.starts_with(start), format!("{name} of {model} is something else"))?;
        }
    }
    let (maps, plot) = (folder.path().join("maps.safetensors"), folder.path().join("time.svg"));
    let command = "attention {} --model {} --maps {} --profile {} --json";
    let json = Ran::with(command, &[&video(), &scenic("scenic-model2"), &maps, &plot])?.silent_success()?.json()?;
    let shares: f64 = json["profile"].as_array().into_iter().flatten().filter_map(Value::as_f64).sum();
    ensure(shares > 0.2 && shares < 1.0, format!("the class token keeps a part, and not all: {shares}"))?;
    let bytes = fs::read(&maps)?;
    assert_eq!(SafeTensors::deserialize(&bytes)?.tensor("map")?.shape(), [5, 3, 5]);
    ensure(fs::read_to_string(&plot)?.contains("<svg"), "no plot")?;

    // Attention over time goes elsewhere than that over space, which the map shows.
    let command = "attention {} --model {} --layer 1 --query 2,1,1 --maps {}";
    let ran = Ran::with(command, &[&video(), &scenic("scenic-model3"), &maps])?.silent_success()?;
    let told = ran.stdout.contains("most at index 2");
    ran.expect(told, "the line speaks of something else than the map")?;

    // One token for each temporal index.
    let page = folder.path().join("a.html");
    let command = "attention {} --model {} --layer temporal.1 --query 2,0,0 --output {}";
    let ran = Ran::with(command, &[&video(), &scenic("scenic-model2"), &page])?.silent_success()?;
    let told = ran.stdout.contains("of temporal index 2");
    ran.expect(told, "a place in the frame is told")?;
    ensure(fs::read_to_string(&page)?.contains("\"query\":null"), "a place in the frame is outlined")?;

    // No attention over time, no profile.
    let command = "attention {} --model {} --layer spatial.2 --maps {} --json";
    let json = Ran::with(command, &[&video(), &scenic("scenic-model2"), &maps])?.silent_success()?.json()?;
    ensure(json.get("profile").is_none(), "frames that are seen by themselves are compared")?;
    ensure(SafeTensors::deserialize(&fs::read(&maps)?)?.tensor("profile").is_err(), "a profile is written")
}

pub(crate) fn wrong_attention() -> Outcome {
    let kept = Kept::new("kept.png")?;
    let run = |more: &str| {
        let command = format!("attention {{}} --model {{}} --output {{}} {more}");
        Ran::with(&command, &[&video(), &scenic("scenic-model2"), &kept.output])
    };
    run("--layer 1")?.refusal(&["spatial.1 or temporal.1"])?;
    run("--layer spatial.7")?.refusal(&["spatial.0 to spatial.2"])?;
    run("--head 1")?.refusal(&["choose a --layer"])?;
    run("--query 0,3,0")?.refusal(&["5 temporal indices of 3×5 tokens"])?;
    run("--query 0,3")?.refusal(&["temporal index, row, column"])?;
    run("--layer temporal.1 --query 0,1,1")?.refusal(&["one token for each temporal index"])?;
    run("--valid-frames 0-3 --query 3,0,0")?.refusal(&["3,0,0 is masked", "0, 1 "])?;
    run("--layer spatial.1 --profile time.svg")?.refusal(&["no --profile", "spatial.1"])?;
    Ran::with(
        "attention {} --model {} --output {}",
        &[&video(), &scenic("scenic-model2"), &kept.folder.path().join("a.mp4")],
    )?
    .refusal(&[".gif or .png or .webp or .html"])?;
    kept.check()
}

pub(crate) fn sliding_window() -> Outcome {
    let folder = tempfile::tempdir()?;
    let plot = folder.path().join("time.svg");
    let command = "classify {} --model {} --sliding 10 --step 4 --stride 2 --json --plot {}";
    let ran = Ran::with(command, &[&video(), &scenic("scenic-model2"), &plot])?.silent_success()?;
    let windows: Vec<Value> = ran.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    // 132 frames, every second: windows of 10 of 66, by 4.
    assert_eq!(windows.len(), 15);
    assert_eq!(windows[1]["frames"], serde_json::json!([8, 26]));
    ensure(fs::read_to_string(&plot)?.contains("<svg"), "no plot")?;

    // The window of the same frames as a clip.
    let clip = "classify {} --model {} --frames-from 8 --stride 2 --json";
    let clip = Ran::with(clip, &[&video(), &scenic("scenic-model2")])?.silent_success()?.json()?;
    for (window, clip) in
        windows[1]["classes"].as_array().into_iter().flatten().zip(clip["classes"].as_array().unwrap())
    {
        let difference = window["logit"].as_f64().unwrap() - clip["logit"].as_f64().unwrap();
        ensure(window["index"] == clip["index"] && difference.abs() < 1e-5, format!("{window} and {clip}"))?;
    }

    // Windows of another length than in training, for people.
    let ran =
        Ran::with("classify {} --model {} --sliding 16 --step 60", &[&video(), &scenic("scenic-model2")])?.success()?;
    let told = ran.stderr.contains("positions are interpolated") && ran.stdout.contains(" s  ");
    ran.expect(told, "windows of 16 frames")?;
    Ran::with("classify {} --model {} --sliding 10 --stride 20", &[&video(), &scenic("scenic-model2")])?
        .refusal(&["132 frames", "needs 181"])?;

    // What says something of clips that a window is not.
    for more in ["--clip-frames 10", "--average logits", "--tubelet-mask any", "--empty-row uniform"] {
        let command = format!("classify {{}} --model {{}} --sliding 10 {more}");
        Ran::with(&command, &[&video(), &scenic("scenic-model2")])?.refusal(&["cannot be used with", "--sliding"])?;
    }
    Ok(())
}

/// Frames of another program, which end when it pleases.
pub(crate) fn window_over_a_pipe() -> Outcome {
    let model = scenic("scenic-model2").display().to_string();
    let run = |input: Vec<u8>, more: &[&str]| -> Result<Ran, Failed> {
        let arguments = [&["classify", "-", "--model", &model][..], more].concat();
        let mut child =
            tubelet(&arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A program that refuses its arguments does not read.
            let _ = stdin.write_all(&input);
        }
        let output = child.wait_with_output()?;
        Ok(Ran {
            command: arguments.join(" "),
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    };
    let mut stream = b"YUV4MPEG2 W64 H48 F10:1 C420jpeg\n".to_vec();
    for frame in 0..25u8 {
        stream.extend(b"FRAME\n");
        stream.extend((0..64 * 48 / 2 * 3).map(|at: u32| (at * u32::from(frame + 3)) as u8));
    }
    let sliding = ["--sliding", "10", "--stride", "1", "--json", "--matrix", "bt601"];
    let ran = run(stream.clone(), &sliding)?.silent_success()?;
    let untold = run(stream.clone(), &sliding[..5])?;
    ensure(untold.stdout == ran.stdout && untold.stderr.contains("bt601 is assumed"), "no word of the matrix")?;
    let windows: Vec<Value> = ran.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    assert_eq!(windows.len(), 8);
    assert_eq!(windows[7]["seconds"], serde_json::json!([1.4, 2.4]));
    run(stream, &sliding[5..])?.refusal(&["--sliding"])?;
    run(b"nonsense".to_vec(), &["--sliding", "10"])?.failure(&["YUV4MPEG2", "ffmpeg"])?;
    ends_with_its_reader(&model)
}

/// A stream without end is read as long as somebody reads of it.
fn ends_with_its_reader(model: &str) -> Outcome {
    let mut child = tubelet(&["classify", "-", "--model", model, "--sliding", "10", "--stride", "1"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    let (input, output) = (child.stdin.take(), child.stdout.take());
    let writing = std::thread::spawn(move || {
        let Some(mut input) = input else { return 0 };
        let frame = [&b"FRAME\n"[..], &[128; 64 * 48 / 2 * 3]].concat();
        let mut frames = 0;
        let _ = input.write_all(b"YUV4MPEG2 W64 H48 F10:1 C420jpeg\n");
        while frames < MANY_FRAMES && input.write_all(&frame).is_ok() {
            frames += 1;
        }
        frames
    });
    let mut reader = BufReader::new(output.ok_or("no stdout")?);
    reader.read_line(&mut String::new())?;
    drop(reader);
    ensure(child.wait()?.success(), "a reader that has heard enough is an error")?;
    ensure(writing.join().is_ok_and(|frames| frames < MANY_FRAMES), "frames are read for nobody")
}

/// More frames than pipes hold on the way.
const MANY_FRAMES: usize = 300;

pub(crate) fn masks() -> Outcome {
    let logits = |more: &str| -> Result<Value, Failed> {
        let command = format!("classify {{}} --model {{}} --json {more}");
        let json = Ran::with(&command, &[&video(), &scenic("scenic-model3")])?.silent_success()?.json()?;
        Ok(json["classes"].clone())
    };
    let whole = logits("")?;
    assert_eq!(logits("--valid-frames 0-9")?, whole);
    ensure(logits("--valid-frames 0-5")? != whole && logits("--causal")? != whole, "a mask changes nothing")?;
    let run =
        |more: &str| Ran::with(&format!("classify {{}} --model {{}} {more}"), &[&video(), &scenic("scenic-model3")]);
    run("--valid-frames 0-10")?.refusal(&["frame 10", "0 to 9"])?;
    run("--valid-frames 5,8")?.refusal(&["no valid tubelet"])?;
    ensure(run("--valid-frames 5,8 --tubelet-mask any")?.code == Some(0), "any frame makes a tubelet valid")
}

pub(crate) fn untrained_kinds() -> Outcome {
    let small = "--frames 4 --size 32 --stride 1 --json";
    for kind in ["vit-ti --kind joint", "vit-ti --kind factorised_encoder", "vit-ti --kind 3", "vit-s --kind 4"] {
        let ran = Ran::with(&format!("classify {{}} --untrained {kind} {small}"), &[&video()])?.success()?;
        ensure(ran.json()?["shape"][1] == 4, kind)?;
    }
    Ran::with("classify {} --untrained vit-ti --kind 4", &[&video()])?.refusal(&[
        "vit-ti",
        "3 heads cannot be halved",
        "vit-s, vit-b, vit-l, vit-h",
    ])?;
    let option = |text: &str| format!("classify {{}} --untrained vit-ti/56x16 --kind 2 --json --option {text}");
    let ran = Ran::with(&option("temporal.layers=1"), &[&video()])?.success()?;
    let architecture = ran.json()?["architecture"].to_string();
    ensure(architecture.contains("12 spatial and 1 temporal layers"), &architecture)?;
    Ran::with(&option("order=time_space"), &[&video()])?.refusal(&["no option order", "temporal.layers=4"])?;
    Ran::with("classify {} --untrained vit-ti --kind video", &[&video()])?.refusal(&["factorised-encoder (2)"])?;
    Ran::with("classify {} --untrained vit-ti --kind 3 --classifier token", &[&video()])?.refusal(&["no class token"])
}
