//! Gradients of whole models: those that automatic differentiation computes in f64, and those of the original
//! implementation (spec §11.3), by the references, on the host and on the device.

#[path = "../common/mod.rs"]
mod common;
mod expected;
mod formulas;
mod regularisers;

use std::path::Path;
use std::process::ExitCode;

use common::{DeviceTests, Shown, data};
use libtest_mimic::Failed;
use tubelet::checkpoint;
use tubelet::graph::Device;
use tubelet::kernels::{ClipLayout, Precision};
use tubelet::tensor::{ErrorKind, Tensor};
use tubelet::train::{GradientOptions, Gradients, Labels, gradients};
use tubelet::vivit::{LabelHead, Labelling, Objective};
use tubelet::{LoadOptions, Vivit};

use expected::Expected;

const FOLDERS: [&str; 5] = ["hf-tiny", "scenic-model1", "scenic-model2", "scenic-model3", "scenic-model4"];

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    tests.add_without_device("wrong gradients are refused", wrong_gradients_are_refused);
    for folder in FOLDERS {
        tests.add_without_device(format!("{folder}::reference"), move || {
            agrees(folder, &Device::references()).map(drop)
        });
        tests.add_everywhere(format!("{folder}::device"), move |device| agrees(folder, device).map(|_| Shown::Passed));
        tests.add_everywhere(format!("{folder}::again"), move |device| same_bits(folder, device));
    }
    for case in formulas::cases() {
        let by_reference = case.clone();
        let name = case.name;
        tests.add_without_device(format!("{name}::reference"), move || by_reference.check(&Device::references()));
        tests.add_everywhere(format!("{name}::device"), move |device| {
            case.check(device)?;
            Ok(Shown::Passed)
        });
    }
    regularisers::add(&mut tests);
    tests.add_everywhere("several heads", heads);
    tests.add_everywhere("what does not fit is refused", refusals);
    tests.run("whole gradients")
}

/// A model of a folder with its clips.
struct Subject {
    model: Vivit,
    clips: Tensor,
}

impl Subject {
    fn of(folder: &str, device: &Device) -> Result<Self, Failed> {
        let path = data(folder);
        let checkpoint = checkpoint::load(&path.display().to_string())?;
        let model = Vivit::from_checkpoint(device, checkpoint, LoadOptions::new())?;
        Ok(Self { model, clips: read_clip(&path.join("clip.npy"))? })
    }

    fn gradients(&self, expected: &Expected, recompute: bool) -> Result<Gradients, Failed> {
        let objective = Objective::new().smoothing(expected.smoothing).recompute(recompute);
        let options = GradientOptions::new().objective(objective);
        let labels = Labels::new(expected.labels.clone());
        Ok(gradients(&self.model, &self.clips, &labels, &options).wait()?)
    }
}

fn agrees(folder: &str, device: &Device) -> Result<Gradients, Failed> {
    let expected = Expected::of(folder)?;
    let found = Subject::of(folder, device)?.gradients(&expected, false)?;
    expected.compare(&found)?;
    Ok(found)
}

/// Twice the same bits, and the same when blocks are computed again, in less memory.
fn same_bits(folder: &str, device: &Device) -> Result<Shown, Failed> {
    let (expected, subject) = (Expected::of(folder)?, Subject::of(folder, device)?);
    let [first, second] = [subject.gradients(&expected, false)?, subject.gradients(&expected, false)?];
    let again = subject.gradients(&expected, true)?;
    same("a second time", &first, &second)?;
    same("computed again", &first, &again)?;
    match again.value_bytes < first.value_bytes {
        true => Ok(Shown::Passed),
        false => {
            Err(format!("recomputation takes {} bytes instead of {}", again.value_bytes, first.value_bytes).into())
        }
    }
}

/// An error where one bit of `other`, found in this way, is not that of `first`.
fn same(what: &str, first: &Gradients, other: &Gradients) -> Result<(), Failed> {
    if other.loss.to_bits() != first.loss.to_bits() {
        return Err(format!("{what}, the loss is {} instead of {}", other.loss, first.loss).into());
    }
    let differs =
        |(name, tensor): &(&String, &Tensor)| other.tensors.get(*name).map(Tensor::as_bytes) != Some(tensor.as_bytes());
    match first.tensors.iter().find(differs) {
        Some((name, _)) => Err(format!("{what}, the gradient of {name} is another").into()),
        None => Ok(()),
    }
}

/// A gradient of a tensor that is off by a little more than what is allowed is refused; so are one that is missing and a
/// key bias that is not next to nothing.
fn wrong_gradients_are_refused() -> Result<(), Failed> {
    let folder = "scenic-model4";
    let expected = Expected::of(folder)?;
    let right = agrees(folder, &Device::references())?;
    let refused = |name: &str, change: &dyn Fn(&mut Vec<f32>)| -> Result<(), Failed> {
        let mut wrong = right.clone();
        let tensor = &wrong.tensors[name];
        let (shape, mut values) = (tensor.shape().clone(), tensor.as_f32()?.to_vec());
        change(&mut values);
        wrong.tensors.insert(name.to_owned(), Tensor::f32(shape, values)?);
        match expected.compare(&wrong) {
            Ok(()) => Err(format!("nothing is found in {name}").into()),
            Err(_) => Ok(()),
        }
    };
    for name in right.tensors.keys().filter(|name| !expected.zero_in_theory.contains(name)) {
        refused(name, &|values| values.iter_mut().for_each(|value| *value *= 1.0 + 3e-5))?;
        refused(name, &|values| values.reverse())?;
        refused(name, &|values| {
            let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
            let last = values.len() - 1;
            values[last] += 3e-5 * norm;
        })?;
    }
    for name in &expected.zero_in_theory {
        refused(name, &|values| values[0] += 1e-4)?;
    }
    let mut missing = right.clone();
    missing.tensors.pop_first();
    match expected.compare(&missing) {
        Ok(()) => Err("a tensor is missing, and nothing is found".into()),
        Err(_) => Ok(()),
    }
}

/// Of two heads the loss is the mean of both.
fn heads(device: &Device) -> Result<Shown, Failed> {
    let expected = Expected::of("scenic-model1")?;
    let Subject { model, clips } = Subject::of("scenic-model1", device)?;
    let heads = [("noun", 6), ("verb", 4)].map(|(name, classes)| LabelHead { name: name.to_owned(), classes });
    let config = model.config().clone().labelling(Labelling::Heads(heads.to_vec()));
    let checkpoint = checkpoint::untrained(config, 1)?.parameters(model.checkpoint().parameters.clone());
    let both = Vivit::from_checkpoint(device, checkpoint, LoadOptions::new())?;
    let (labels, options) = ("3,0;1,2".parse()?, GradientOptions::new().layout(ClipLayout::Bthwc));
    let found = gradients(&both, &clips, &labels, &options).wait()?;
    // By hand from the logits.
    let mut loss = 0.0;
    for (logits, labels) in expected.logits()?.iter().zip([[3, 1], [0, 2]]) {
        for (head, label) in [&logits[..6], &logits[6..]].into_iter().zip(labels) {
            loss += (head.iter().map(|logit| logit.exp()).sum::<f64>().ln() - head[label]) / 4.0;
        }
    }
    match (found.loss - loss).abs() < 1e-5 * loss {
        true => Ok(Shown::Passed),
        false => Err(format!("the loss is {} instead of {loss}", found.loss).into()),
    }
}

/// One clear sentence for what does not fit.
fn refusals(device: &Device) -> Result<Shown, Failed> {
    let Subject { model, clips } = Subject::of("scenic-model4", device)?;
    let refused = |labels: &str, options: GradientOptions, kind: ErrorKind, part: &str| match labels
        .parse()
        .and_then(|labels| gradients(&model, &clips, &labels, &options).wait())
    {
        Err(error) if error.kind() == kind && error.to_string().contains(part) => Ok(()),
        Err(error) => Err(Failed::from(format!("{error} instead of {part}"))),
        Ok(_) => Err(Failed::from(format!("{part} is not said"))),
    };
    let plain = GradientOptions::new();
    refused("3", plain, ErrorKind::Usage, "1 label is given for 2 clips")?;
    refused("3,10", plain, ErrorKind::Usage, "no label 10: the model has 10 classes")?;
    refused("3,1;0,0", plain, ErrorKind::Usage, "one head")?;
    refused("3,x", plain, ErrorKind::Usage, "\"x\" is no label")?;
    refused("3,1", plain.objective(Objective::new().smoothing(1.5)), ErrorKind::Usage, "between 0 and 1")?;
    refused("3,1", plain.layout(ClipLayout::Btchw), ErrorKind::Usage, "the model takes clips of shape")?;
    if device.gpu().is_some() {
        let options = LoadOptions::new().precision(Precision::F16Weights);
        let narrow = Vivit::from_checkpoint(device, model.checkpoint().clone(), options)?;
        let error = gradients(&narrow, &clips, &"3,1".parse()?, &plain).wait().map(drop);
        let error = error.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains("computed in f32"), "{error}");
    }
    Ok(Shown::Passed)
}

fn read_clip(path: &Path) -> Result<Tensor, Failed> {
    let array = npyz::NpyFile::new(std::io::BufReader::new(std::fs::File::open(path)?))?;
    let shape: Vec<_> = array.shape().iter().map(|size| *size as usize).collect();
    Ok(Tensor::f32(shape, array.into_vec::<f32>()?)?)
}
