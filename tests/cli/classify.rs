//! `tubelet classify`: what it says, as JSON and to people.

use super::{Outcome, Ran, ensure, model, pictures, read_safetensors, video};

/// What `classify` says is what `clip` and `forward` give.
pub(super) fn as_clip_and_forward() -> Outcome {
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

pub(super) fn for_people() -> Outcome {
    let pictures = pictures(16)?;
    let arguments = "classify {} --model {} --top 3 --preset hf_default";
    let ran = Ran::with(arguments, &[pictures.path(), &model()])?.silent_success()?;
    let bars = ran.stdout.lines().filter(|line| line.contains(" %  █") || line.contains("LABEL_")).count();
    let told = ["16 frames of 48×40 pixels", "[-3, 1], by preset hf_default", "hf-tiny", "decoding", "computing"]
        .iter()
        .all(|fact| ran.stdout.contains(fact));
    ran.expect(bars == 3 && told, "is not three bars and all facts").map(drop)
}

pub(super) fn untrained() -> Outcome {
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

pub(super) fn verbose() -> Outcome {
    let pictures = pictures(16)?;
    let ran = Ran::with("classify {} --model {} --json --verbose", &[pictures.path(), &model()])?.success()?;
    ran.json()?;
    let said = ["3 layers of width 64", "16 frames: folder of images", "run-time checks on"];
    let told = said.iter().all(|fact| ran.stderr.contains(fact)) && !ran.stderr.contains('\x1b');
    ran.expect(told, "does not tell what happens, or not in plain text").map(drop)
}
