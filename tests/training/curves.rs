//! Known curves of other people's code, and what must not change one.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;

use libtest_mimic::Failed;
use serde_json::Value;
use tubelet::checkpoint::{self, Checkpoint};
use tubelet::graph::Device;
use tubelet::tensor::Tensor;
use tubelet::train::{AdamW, Batch, ClipNorm, Clipping, RateSchedule, Sgd, Trainer, TrainerOptions};
use tubelet::vivit::{Gelu, Objective};

use super::common::{Shown, data};

/// Steps of a curve, and clips of each.
pub(super) const STEPS: u64 = 30;
const BATCH: usize = 4;
const CLASSES: usize = 10;

/// By which rule weights follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Rule {
    Sgd,
    AdamW,
}

impl Rule {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sgd => "SGD",
            Self::AdamW => "AdamW",
        }
    }

    fn file(self) -> &'static str {
        match self {
            Self::Sgd => "curve.json",
            Self::AdamW => "curve-adamw.json",
        }
    }

    pub(super) fn options(self) -> TrainerOptions {
        let options = match self {
            Self::Sgd => TrainerOptions::new(Sgd::default()),
            Self::AdamW => TrainerOptions::new(AdamW::default().decay(0.05)),
        };
        options.clipping(Clipping::Global(ClipNorm::default())).objective(Objective::new().smoothing(0.1))
    }

    fn peak(self) -> f64 {
        match self {
            Self::Sgd => 0.05,
            Self::AdamW => 1e-3,
        }
    }

    fn rate(self, step: u64) -> f64 {
        RateSchedule::new(self.peak(), 5.0, STEPS).and_then(|schedule| schedule.rate(step)).unwrap()
    }
}

/// The clips of a curve in two batches, which take turns.
pub(super) fn batches(model: &str) -> Result<[Batch; 2], Failed> {
    let file = BufReader::new(fs::File::open(data(&format!("training/{model}/clips.npy")))?);
    let array = npyz::NpyFile::new(file)?;
    let shape: Vec<usize> = array.shape().iter().map(|axis| *axis as usize).collect();
    let levels: Vec<u8> = array.into_vec()?;
    let values: Vec<f32> = levels.iter().map(|level| (f64::from(*level) / 127.5) as f32 - 1.0).collect();
    let labels: Vec<usize> =
        serde_json::from_str(&fs::read_to_string(data(&format!("training/{model}/labels.json")))?)?;
    let mut halves =
        values.chunks(values.len() / 2).zip(labels.chunks(BATCH)).map(|(values, labels)| -> Result<Batch, Failed> {
            let mut axes = shape.clone();
            axes[0] = BATCH;
            let mut targets = vec![0.0; BATCH * CLASSES];
            labels.iter().enumerate().for_each(|(row, label)| targets[row * CLASSES + label] = 1.0);
            Ok(Batch::new(Tensor::f32(axes, values.to_vec())?, Tensor::f32([BATCH, CLASSES], targets)?))
        });
    let mut half = || halves.next().unwrap_or_else(|| Err("too few clips".into()));
    Ok([half()?, half()?])
}

/// What a training has shown.
#[derive(Clone, Debug, Default, PartialEq)]
struct Curve {
    losses: Vec<f64>,
    norms: Vec<f64>,
    /// The norm of each tensor at the end, and of how far it moved.
    tensors: BTreeMap<String, [f64; 2]>,
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|value| value * value).sum::<f64>().sqrt()
}

/// Trains a model for some steps, at rates of its own.
fn trained(
    device: &Device,
    begun: Checkpoint,
    options: TrainerOptions,
    rate: impl Fn(u64) -> f64,
    batches: &[Batch; 2],
    steps: u64,
) -> Result<Curve, Failed> {
    let parameters = begun.parameters.clone();
    let mut trainer = Trainer::new(device, begun, options)?;
    let mut curve = Curve::default();
    for step in 0..steps {
        let outcome = trainer.step(&batches[step as usize % 2], step, rate(step)).wait()?;
        outcome.check(step)?;
        curve.losses.push(outcome.loss);
        curve.norms.push(outcome.norm);
    }
    for name in parameters.names() {
        let (before, after) = (parameters.tensor(name)?, trainer.read(name).wait()?);
        let pairs = || before.as_f32().into_iter().flatten().zip(after.as_f32().into_iter().flatten());
        let whole = norm(pairs().map(|(_, after)| f64::from(*after)));
        let moved = norm(pairs().map(|(before, after)| f64::from(*after) - f64::from(*before)));
        curve.tensors.insert(name.to_owned(), [whole, moved]);
    }
    Ok(curve)
}

/// The known curve of the model.
fn known(model: &str, rule: Rule) -> Result<Curve, Failed> {
    let text = fs::read_to_string(data(&format!("training/{model}/{}", rule.file())))?;
    let known: Value = serde_json::from_str(&text)?;
    let steps = known["curve"].as_array().ok_or("no curve")?;
    let number = |value: &Value| value.as_f64().ok_or("no number");
    let mut tensors = BTreeMap::new();
    for (name, norm) in known["final_norms"].as_object().ok_or("no norms")? {
        let norms = [number(norm)?, number(&known["moved_norms"][name])?];
        tensors.insert(name.replace('/', "."), norms);
    }
    Ok(Curve {
        losses: steps.iter().map(|step| number(&step["loss"])).collect::<Result<_, _>>()?,
        norms: steps.iter().map(|step| number(&step["grad_norm"])).collect::<Result<_, _>>()?,
        tensors,
    })
}

/// How far a curve is from the known one, as a multiple of what is allowed: 2e-5 of a loss; of the gradient's norm 1e-4, of a
/// tensor's 1e-5 and of how far it moved 1e-4, each of itself. Key biases have no gradient in theory, and no place here.
fn apart(found: &Curve, known: &Curve) -> f64 {
    let relative = |found: f64, known: f64| (found - known).abs() / known.abs();
    let losses = found.losses.iter().zip(&known.losses).map(|(found, known)| (found - known).abs() / 2e-5);
    let norms = found.norms.iter().zip(&known.norms).map(|(found, known)| relative(*found, *known) / 1e-4);
    let whole = found.losses.len() == known.losses.len();
    let tensors = known.tensors.iter().filter(|(name, _)| whole && !name.ends_with("key.bias"));
    let tensors = tensors.map(|(name, [norm, moved])| {
        let [own, own_moved] = found.tensors.get(name).copied().unwrap_or([f64::NAN; 2]);
        (relative(own, *norm) / 1e-5).max(relative(own_moved, *moved) / 1e-4)
    });
    // What is no number is infinitely far.
    let far = |distance: f64| if distance.is_nan() { f64::INFINITY } else { distance };
    losses.chain(norms).chain(tensors).map(far).fold(0.0, f64::max)
}

pub(super) fn begun(model: &str) -> Result<Checkpoint, Failed> {
    Ok(checkpoint::load(&data(model).to_string_lossy())?)
}

pub(super) fn follows(device: &Device, model: &'static str, rule: Rule, steps: u64) -> Result<Shown, Failed> {
    let (known, batches) = (known(model, rule)?, batches(model)?);
    assert_eq!(known.losses.len() as u64, STEPS);
    let found = trained(device, begun(model)?, rule.options(), |step| rule.rate(step), &batches, steps)?;
    let distance = apart(&found, &known);
    assert!(distance <= 1.0, "{distance} times what is allowed: {:?}, {:?}", found.losses, found.norms);
    assert!(steps < STEPS || found.tensors.len() == known.tensors.len());
    Ok(Shown::Passed)
}

/// Each is far from the known curve.
pub(super) fn wrong_choices_show(device: &Device, rule: Rule) -> Result<(), Failed> {
    let model = "scenic-model1";
    let (known, batches) = (known(model, rule)?, batches(model)?);
    let right = rule.options();
    let smoothed = |smoothing: f32| right.clone().objective(Objective::new().smoothing(smoothing));
    let mut choices = vec![
        ("no clipping", right.clone().clipping(Clipping::None)),
        ("no smoothing", smoothed(0.0)),
        ("smoothing applied twice", smoothed(0.19)),
    ];
    match rule {
        Rule::Sgd => choices.push(("no momentum", right.clone().optimiser(Sgd::default().momentum(0.0)))),
        Rule::AdamW => {
            let of = |adamw: AdamW| right.clone().optimiser(adamw);
            choices.push(("no decay", of(AdamW::default())));
            choices.push(("a larger epsilon", of(AdamW::default().decay(0.05).epsilon(1e-6))));
            choices.push(("another second beta", of(AdamW::default().decay(0.05).betas([0.9, 0.95]))));
        }
    }
    for (what, options) in choices {
        let found = trained(device, begun(model)?, options, |step| rule.rate(step), &batches, STEPS)?;
        let distance = apart(&found, &known);
        assert!(distance > 5.0, "{what} is only {distance} times what is allowed away");
    }
    let early = |step: u64| rule.rate((step + 1).min(STEPS - 1));
    let over_all = |step: u64| {
        let risen = (step as f64 / 5.0).min(1.0);
        rule.peak() * risen * 0.5 * (1.0 + (std::f64::consts::PI * step as f64 / STEPS as f64).cos())
    };
    let rates: [(&str, &dyn Fn(u64) -> f64); 2] =
        [("a schedule one step early", &early), ("a cosine over all steps", &over_all)];
    for (what, rate) in rates {
        let found = trained(device, begun(model)?, rule.options(), rate, &batches, STEPS)?;
        let distance = apart(&found, &known);
        assert!(distance > 5.0, "{what} is only {distance} times what is allowed away");
    }
    let begun = begun(model)?;
    let config = begun.config.clone().gelu(Gelu::Erf);
    let found = trained(device, begun.config(config), rule.options(), |step| rule.rate(step), &batches, STEPS)?;
    let distance = apart(&found, &known);
    assert!(distance > 5.0, "another GELU is only {distance} times what is allowed away");
    Ok(())
}

/// The curve, too, where fewer clips are computed at a time; with a last part that is smaller than the others.
pub(super) fn parts(device: &Device) -> Result<Shown, Failed> {
    let (model, rule) = ("scenic-model3", Rule::Sgd);
    let (known, batches) = (known(model, rule)?, batches(model)?);
    for part in [1, 3] {
        let options = rule.options().micro_batch(part);
        let found = trained(device, begun(model)?, options, |step| rule.rate(step), &batches, STEPS)?;
        let distance = apart(&found, &known);
        assert!(distance <= 1.0, "in parts of {part}: {distance} times what is allowed");
    }
    Ok(Shown::Passed)
}

pub(super) fn devices(device: &Device) -> Result<Shown, Failed> {
    let (model, rule) = ("scenic-model1", Rule::Sgd);
    let batches = batches(model)?;
    let curve = |options: TrainerOptions| trained(device, begun(model)?, options, |step| rule.rate(step), &batches, 8);
    let each = rule.options().clipping(Clipping::PerDevice(ClipNorm::default()));
    let whole = curve(rule.options())?;
    // One device alone clips the gradient of the whole batch, in parts too.
    assert!(apart(&curve(each.clone())?, &whole) <= 1.0);
    assert!(apart(&curve(each.clone().micro_batch(2))?, &whole) <= 1.0);
    let two = curve(each.clone().device_batch(2))?;
    let in_parts = curve(each.device_batch(2).micro_batch(1))?;
    assert!(apart(&in_parts, &two) <= 1.0, "{}", apart(&in_parts, &two));
    assert!(apart(&two, &whole) > 5.0, "two devices are as one");
    Ok(Shown::Passed)
}

pub(super) fn same_bits(device: &Device) -> Result<Shown, Failed> {
    let (model, batches) = ("scenic-model3", batches("scenic-model3")?);
    for rule in [Rule::Sgd, Rule::AdamW] {
        let weights = || -> Result<Vec<Tensor>, Failed> {
            let begun = begun(model)?;
            let names: Vec<String> = begun.parameters.names().into_iter().map(str::to_owned).collect();
            let mut trainer = Trainer::new(device, begun, rule.options().micro_batch(2))?;
            for step in 0..4 {
                trainer.step(&batches[step as usize % 2], step, rule.rate(step)).wait()?;
            }
            Ok(names.iter().map(|name| trainer.read(name).wait()).collect::<Result<_, _>>()?)
        };
        assert_eq!(weights()?, weights()?, "{rule:?}");
    }
    Ok(Shown::Passed)
}

/// Blocks that are computed again in the backward pass give the same bits: in one piece, and in parts.
pub(super) fn recomputed(device: &Device) -> Result<Shown, Failed> {
    for (model, rule, part) in [("scenic-model1", Rule::Sgd, None), ("scenic-model3", Rule::AdamW, Some(3))] {
        let batches = batches(model)?;
        let curve = |options: TrainerOptions| {
            trained(device, begun(model)?, options.micro_batch(part), |step| rule.rate(step), &batches, 8)
        };
        let again = rule.options().objective(Objective::new().smoothing(0.1).recompute(true));
        let (kept, again) = (curve(rule.options())?, curve(again)?);
        assert!(kept.tensors.values().any(|[_, moved]| *moved > 0.0));
        assert_eq!(kept, again, "{model}");
    }
    Ok(Shown::Passed)
}
