//! `tubelet gradient`: what it writes, and how it fails.

use std::fs;
use std::path::Path;

use safetensors::SafeTensors;

use super::common::data;
use super::{Outcome, Ran, ensure};

/// A tensor of the model's own name and shape for each of its weights, and the loss.
pub(super) fn written() -> Outcome {
    let folder = tempfile::tempdir()?;
    let (model, clip, out) =
        (data("scenic-model4"), data("scenic-model4/clip.npy"), folder.path().join("g.safetensors"));
    let paths: [&Path; 3] = [&model, &clip, &out];
    for more in ["", "--recompute"] {
        let command =
            format!("gradient --model {{}} --clip {{}} --output {{}} --labels 3,0 --smoothing 0.1 --json {more}");
        let report = Ran::with(&command, &paths)?.json()?;
        let loss = report["loss"].as_f64().ok_or("no loss")?;
        let expected: serde_json::Value = serde_json::from_slice(&fs::read(data("gradients.json"))?)?;
        let expected = &expected["scenic-model4"];
        ensure((loss - expected["loss"].as_f64().unwrap_or_default()).abs() < 1e-5, format!("the loss is {loss}"))?;
        let norm = report["global_norm"].as_f64().ok_or("no norm")?;
        let known = expected["global_norm"].as_f64().unwrap_or_default();
        ensure((norm - known).abs() < 1e-4 * known, format!("the norm is {norm} instead of {known}"))?;
        let (gradients, weights) = (fs::read(&out)?, fs::read(model.join("model.safetensors"))?);
        let (gradients, weights) = (SafeTensors::deserialize(&gradients)?, SafeTensors::deserialize(&weights)?);
        ensure(gradients.len() == weights.len(), "another number of tensors")?;
        for (name, weight) in weights.tensors() {
            ensure(gradients.tensor(&name)?.shape() == weight.shape(), format!("{name} has another shape"))?;
        }
    }
    let by_references = "gradient --model {} --clip {} --output {} --labels 3,0 --executor reference --json";
    let report = Ran::with(by_references, &paths)?.json()?;
    ensure(report["device"] == "the references", format!("it is computed by {}", report["device"]))
}

/// One sentence for what does not fit, and no file.
pub(super) fn refused() -> Outcome {
    let folder = tempfile::tempdir()?;
    let out = folder.path().join("g.safetensors");
    let run = |model: &str, clip: &str, more: &str| {
        let command = format!("gradient --device references --model {{}} --clip {{}} --output {{}} {more}");
        Ran::with(&command, &[&data(model), &data(clip), &out])
    };
    let clip = "hf-tiny/clip.npy";
    run("hf-tiny", clip, "--labels 3")?.refusal(&["1 label is given for 2 clips"])?;
    run("hf-tiny", clip, "--labels 3,10")?.refusal(&["no label 10", "10 classes"])?;
    run("hf-tiny", clip, "--labels 3,x")?.refusal(&["\"x\" is no label"])?;
    run("hf-tiny", clip, "--labels 3,0;1,1")?.refusal(&["one head"])?;
    run("hf-tiny", clip, "--labels 3,0 --smoothing 2")?.refusal(&["--smoothing", "between 0 and 1"])?;
    run("hf-tiny", "hf-odd/clip.npy", "--labels 3,0")?
        .refusal(&["hf-odd/clip.npy", "the model takes clips of shape"])?;
    ensure(!out.exists(), "a file is written all the same")
}
