//! `tubelet forward`: every value of a model, as others have computed it.

use libtest_mimic::Failed;
use tubelet::tensor::{Closeness, Tensor, Tolerance};

use super::{Outcome, Ran, ensure, model, read_npy, read_safetensors, tubelet, write_npy};

/// Every value of the tiny model that others have computed.
pub(super) fn golden(more: &[&str]) -> Outcome {
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
pub(super) fn layouts() -> Outcome {
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
