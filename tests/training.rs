//! Trainings: curves of other people's code, the same bits every time, and going on after every kind of end.

mod common;

use std::collections::BTreeMap;
use std::fs;
use std::io::BufReader;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use common::{DeviceTests, Shown, data, small};
use libtest_mimic::Failed;
use serde_json::Value;
use tubelet::checkpoint::{self, Checkpoint, Provenance};
use tubelet::eval::Task;
use tubelet::graph::{Device, Weights};
use tubelet::tensor::{Error, ErrorKind, Shape, Tensor};
use tubelet::train::{
    AdamW, Batch, CheckpointFolder, ClipNorm, ClipSource, Clipping, HeldClips, Loader, LoaderOptions, Onlooker,
    RateSchedule, Recipe, Resumed, Sgd, TrainedStep, Trainer, TrainerOptions, TrainingRun, ValidationOutcome,
};
use tubelet::video::Clip;
use tubelet::vivit::{Gelu, Joint, Labelling, Objective, Parameters};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    for model in ["scenic-model1", "scenic-model3"] {
        for rule in [Rule::Sgd, Rule::AdamW] {
            tests.add_everywhere(format!("curve of {model} by {}", rule.name()), move |device| {
                follows(device, model, rule, STEPS)
            });
            tests.add_without_device(format!("first steps of {model} by {}: references", rule.name()), move || {
                follows(&Device::references(), model, rule, 3).map(drop)
            });
        }
    }
    #[cfg(feature = "cpu")]
    for rule in [Rule::Sgd, Rule::AdamW] {
        tests.add_without_device(format!("wrong choices show in the curve by {}", rule.name()), move || {
            wrong_choices_show(&Device::host(None)?, rule)
        });
    }
    tests.add_everywhere("parts of a batch make the same steps", parts);
    tests.add_everywhere("each device clips its own gradient", devices);
    tests.add_everywhere("the same bits twice", same_bits);
    tests.add_everywhere("what is frozen stays", frozen);
    tests.add_everywhere("several labels and soft targets", soft_targets);
    tests.add_everywhere("a training goes on after every step", goes_on);
    tests.add_everywhere("a loss that is no number ends it", diverges);
    tests.add_everywhere("the layer is named in which values cease to be numbers", layers_are_named);
    tests.run("training")
}

/// Steps of a curve, and clips of each.
const STEPS: u64 = 30;
const BATCH: usize = 4;
const CLASSES: usize = 10;

/// By which rule weights follow their gradients.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Rule {
    Sgd,
    AdamW,
}

impl Rule {
    fn name(self) -> &'static str {
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

    fn options(self) -> TrainerOptions {
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
fn batches(model: &str) -> Result<[Batch; 2], Failed> {
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

fn begun(model: &str) -> Result<Checkpoint, Failed> {
    Ok(checkpoint::load(&data(model).to_string_lossy())?)
}

fn follows(device: &Device, model: &'static str, rule: Rule, steps: u64) -> Result<Shown, Failed> {
    let (known, batches) = (known(model, rule)?, batches(model)?);
    assert_eq!(known.losses.len() as u64, STEPS);
    let found = trained(device, begun(model)?, rule.options(), |step| rule.rate(step), &batches, steps)?;
    let distance = apart(&found, &known);
    assert!(distance <= 1.0, "{distance} times what is allowed: {:?}, {:?}", found.losses, found.norms);
    assert!(steps < STEPS || found.tensors.len() == known.tensors.len());
    Ok(Shown::Passed)
}

/// Each is far from the known curve.
fn wrong_choices_show(device: &Device, rule: Rule) -> Result<(), Failed> {
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
fn parts(device: &Device) -> Result<Shown, Failed> {
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

fn devices(device: &Device) -> Result<Shown, Failed> {
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

fn same_bits(device: &Device) -> Result<Shown, Failed> {
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

fn frozen(device: &Device) -> Result<Shown, Failed> {
    let (model, batches) = ("scenic-model1", batches("scenic-model1")?);
    let begun = begun(model)?;
    let (parameters, whole) = (begun.parameters.clone(), begun.clone());
    let parts = ["embeddings", "encoder"].map(str::to_owned).to_vec();
    let mut trainer = Trainer::new(device, begun, Rule::AdamW.options().frozen(parts))?;
    assert!(trainer.learning().all(|name| name.starts_with("output_projection.")));
    let first = trainer.step(&batches[0], 0, 1e-2).wait()?;
    let second = trainer.step(&batches[0], 1, 1e-2).wait()?;
    assert!(second.loss < first.loss);
    for name in parameters.names() {
        let same = parameters.tensor(name)? == trainer.read(name).wait()?;
        assert_eq!(same, !name.starts_with("output_projection."), "{name}");
    }
    // No call computes the gradients of what stays.
    let mut all = Trainer::new(device, whole.clone(), Rule::AdamW.options())?;
    all.step(&batches[0], 0, 0.0).wait()?;
    assert!(trainer.value_bytes() < all.value_bytes(), "{} of {}", trainer.value_bytes(), all.value_bytes());
    let one_of_three = vec!["Transformer.encoderblock_0.MultiHeadDotProductAttention_0.query.*".to_owned()];
    let error = Trainer::new(device, whole, Rule::Sgd.options().frozen(one_of_three)).unwrap_err().to_string();
    assert!(error.contains("learn together"), "{error}");
    Ok(Shown::Passed)
}

/// The loss falls for mixtures of labels, for several heads' and for classes that each apply or not.
fn soft_targets(device: &Device) -> Result<Shown, Failed> {
    use tubelet::vivit::LabelHead;
    let head = |name: &str, classes| LabelHead { name: name.to_owned(), classes };
    for labelling in [Labelling::Single, Labelling::Multiple, Labelling::Heads(vec![head("noun", 2), head("verb", 3)])]
    {
        let config = small::config(Joint.into()).labelling(labelling.clone());
        let parameters = small::parameters(&config)?;
        let begun = Checkpoint::new(config.clone(), parameters).provenance(Provenance::Scenic);
        let clips = small::clips(&config, 2, Provenance::Scenic.layout())?;
        let targets = Tensor::f32([2, 5], vec![0.7, 0.3, 0.0, 1.0, 0.0, 0.0, 1.0, 0.5, 0.0, 0.5])?;
        let batch = Batch::new(clips, targets);
        let mut trainer = Trainer::new(device, begun, TrainerOptions::new(AdamW::default()))?;
        let mut losses = Vec::new();
        for step in 0..12 {
            losses.push(trainer.step(&batch, step, 3e-3).wait()?.loss);
        }
        assert!(losses[11] < losses[0], "{labelling:?}: {losses:?}");
    }
    Ok(Shown::Passed)
}

/// Bright and dark clips, which a small model tells apart.
fn source(clips: usize) -> Result<Arc<dyn ClipSource>, Failed> {
    let clip = |index: usize| {
        let byte = |place: usize| (((place * 7 + index * 13) % 60) + 90 * (index % 2)) as u8;
        let bytes: Vec<u8> = (0..12 * 24 * 32 * 3).map(byte).collect();
        Ok((Clip::from_rgb(&bytes, [24, 32])?, vec![index % 2]))
    };
    Ok(Arc::new(HeldClips::new((0..clips).map(clip).collect::<Result<Vec<_>, Error>>()?)))
}

/// Shuffled, cropped, mirrored and mixed; a checkpoint after every second step.
const RECIPE: &str = "
    epochs = 3
    batch = 4
    micro_batch = 2
    seed = 5
    mlp_dropout = 0.1
    [stochastic_depth]
    rate = 0.3
    [optimiser.adamw]
    weight_decay = 0.01
    [schedule]
    rate = 1e-3
    warm_up_steps = 2
    [augmentation]
    frames = 9
    stride = 1
    short_edge = 20
    crop = [9, 17]
    flip = 0.5
    mixup = 0.3
    [evaluation]
    every_epochs = 1
    test_every_epochs = 0
    [checkpoints]
    every_steps = 2
    keep = 1
";

/// Who looks on until a step after which the training is cut off.
#[derive(Default)]
struct Until {
    cut_after: Option<u64>,
    interrupted_after: Option<u64>,
    steps: Vec<u64>,
    scores: Vec<Option<f64>>,
}

impl Onlooker for Until {
    fn step(&mut self, step: &TrainedStep) -> tubelet::Result<()> {
        self.steps.push(step.step);
        match self.cut_after {
            Some(last) if step.step >= last => Err(Error::new(ErrorKind::Io, "cut off")),
            _ => Ok(()),
        }
    }

    fn evaluated(&mut self, _: u64, _: u64, outcome: &ValidationOutcome) -> tubelet::Result<()> {
        self.scores.push(outcome.score());
        Ok(())
    }

    fn saved(&mut self, _: u64, _: &Path) -> tubelet::Result<()> {
        Ok(())
    }

    fn interrupted(&self) -> bool {
        self.interrupted_after.is_some_and(|after| self.steps.last().is_some_and(|step| *step >= after))
    }
}

/// A training in a folder, from its last checkpoint on where it has one.
fn run(device: &Device, folder: &Path, recipe: &Recipe, until: &mut Until) -> Result<tubelet::Result<()>, Failed> {
    let task = Task::new(Labelling::Single, 5)?;
    let checkpoints = CheckpointFolder::open(folder.join("checkpoints"), recipe.checkpoints.keep)?;
    let (resumed, options) = (checkpoints.last()?, TrainerOptions::of(recipe));
    let trainer = match &resumed {
        Some(Resumed { checkpoint, state, .. }) => Trainer::resume(device, checkpoint.clone(), state.clone(), options)?,
        None => {
            let config = small::config(Joint.into());
            let parameters = small::parameters(&config)?;
            Trainer::new(device, Checkpoint::new(config, parameters).provenance(Provenance::Scenic), options)?
        }
    };
    let loading = LoaderOptions::of(recipe).layout(trainer.model().layout()).workers(2);
    let loader = Loader::new(source(11)?, &task, loading)?;
    let training = TrainingRun::new(recipe, &task, trainer, loader, folder)?.validation(source(4)?, None);
    let mut training = match &resumed {
        Some(Resumed { path, progress, .. }) => training.resume(progress, path)?,
        None => training,
    };
    Ok(training.finish(until))
}

/// Cut off after each of its steps in turn, or interrupted, it ends with the same bits.
fn goes_on(device: &Device) -> Result<Shown, Failed> {
    let recipe = Recipe::parse(RECIPE)?;
    let whole = tempfile::tempdir()?;
    let mut until = Until::default();
    run(device, whole.path(), &recipe, &mut until)??;
    assert_eq!((until.steps.len(), until.scores.len()), (6, 3));
    let model = |folder: &Path| fs::read(folder.join("model.safetensors"));
    let expected = model(whole.path())?;
    // On a software device every training compiles its shaders for seconds.
    let cuts: &[u64] = if device.gpu().is_some() { &[1, 4] } else { &[1, 2, 3, 4, 5, 6] };
    for &cut in cuts {
        let folder = tempfile::tempdir()?;
        let mut until = Until { cut_after: Some(cut), ..Until::default() };
        assert!(run(device, folder.path(), &recipe, &mut until)?.is_err());
        run(device, folder.path(), &recipe, &mut Until::default())??;
        assert_eq!(model(folder.path())?, expected, "cut off after step {cut}");
    }
    let folder = tempfile::tempdir()?;
    let mut until = Until { interrupted_after: Some(3), ..Until::default() };
    let error = run(device, folder.path(), &recipe, &mut until)?.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    let mut until = Until::default();
    run(device, folder.path(), &recipe, &mut until)??;
    assert_eq!((until.steps, model(folder.path())?), (vec![4, 5, 6], expected));
    // By another recipe it does not go on.
    let other = Recipe::parse(&RECIPE.replace("seed = 5", "seed = 6"))?;
    let mut until = Until { interrupted_after: Some(2), ..Until::default() };
    let folder = tempfile::tempdir()?;
    assert!(run(device, folder.path(), &recipe, &mut until)?.is_err());
    let error =
        run(device, folder.path(), &other, &mut Until::default()).err().map(|error| error.message().map(str::to_owned));
    assert!(error.flatten().is_some_and(|error| error.contains("another recipe")));
    Ok(Shown::Passed)
}

/// The step and the last good checkpoint are named; where gradients are looked at, so is a weight.
fn diverges(device: &Device) -> Result<Shown, Failed> {
    let text = RECIPE.replace("rate = 1e-3", "rate = 1e30").replace("every_steps = 2", "every_steps = 1");
    let text = text.replace("    every_epochs = 1", "    every_epochs = 0");
    let recipe = Recipe::parse(&text)?;
    let folder = tempfile::tempdir()?;
    let error = run(device, folder.path(), &recipe, &mut Until::default())?.unwrap_err();
    let message = error.to_string();
    assert_eq!(error.kind(), ErrorKind::Device, "{message}");
    assert!(message.contains("step 3") && message.contains("the last good checkpoint is"), "{message}");
    assert!(device.gpu().is_some() || message.contains("pass gives no numbers from"), "{message}");
    // What is named is whole.
    let checkpoints = CheckpointFolder::open(folder.path().join("checkpoints"), 1)?;
    assert_eq!(checkpoints.last()?.map(|resumed| resumed.progress.step), Some(2));
    Ok(Shown::Passed)
}

/// A model's parameters, of which some are other numbers.
#[derive(Debug)]
struct Planted {
    parameters: Arc<dyn Parameters>,
    /// Parts of names, and what all values are multiplied by.
    factors: Vec<(&'static str, f32)>,
}

impl Weights for Planted {
    fn tensor(&self, name: &str) -> tubelet::Result<Tensor> {
        let tensor = self.parameters.tensor(name)?;
        let factor = self.factors.iter().filter(|(part, _)| name.contains(part)).map(|(_, factor)| factor).product();
        if factor == 1.0f32 {
            return Ok(tensor);
        }
        Tensor::f32(tensor.shape().clone(), tensor.as_f32()?.iter().map(|value| value * factor).collect())
    }
}

impl Parameters for Planted {
    fn names(&self) -> Vec<&str> {
        self.parameters.names()
    }

    fn shape(&self, name: &str) -> tubelet::Result<Shape> {
        self.parameters.shape(name)
    }
}

/// What is said of the first step of a model in which weights are multiplied by `factors`.
fn said(device: &Device, model: &str, factors: &[(&'static str, f32)], part: Option<usize>) -> Result<String, Failed> {
    let begun = begun(model)?;
    let parameters = Planted { parameters: begun.parameters.clone(), factors: factors.to_vec() };
    let clips = small::clips(&begun.config, 2, begun.provenance.layout())?;
    let classes = begun.config.classes;
    let targets = (0..2 * classes).map(|index| if index % classes == 1 { 1.0 } else { 0.0 }).collect();
    let batch = Batch::new(clips, Tensor::f32([2, classes], targets)?);
    let options = Rule::Sgd.options().watched(true).micro_batch(part);
    let mut trainer = Trainer::new(device, begun.parameters(Arc::new(parameters)), options)?;
    let outcome = trainer.step(&batch, 0, 0.0).wait()?;
    Ok(outcome.check(0).map_or_else(|error| error.to_string(), |()| String::new()))
}

/// A weight in a middle block that is no number loses all that follows, and then all gradients: that block is named, and not
/// the first weights whose gradient is lost. So is the block in which gradients alone become too large.
fn layers_are_named(device: &Device) -> Result<Shown, Failed> {
    let model = "scenic-model1";
    assert_eq!(said(device, model, &[], None)?, "");
    for (weight, part, expected) in [
        ("encoderblock_1.MlpBlock_0.Dense_0.kernel", None, "from Transformer.encoderblock_1 on"),
        ("encoderblock_2.LayerNorm_0.bias", Some(1), "from Transformer.encoderblock_2 on"),
        ("embedding.bias", None, "from what enters Transformer.encoderblock_0 on"),
        ("output_projection.bias", None, "from behind the last block on"),
    ] {
        let said = said(device, model, &[(weight, f32::NAN)], part)?;
        assert!(
            said.contains("step 1") && said.contains("forward pass") && said.contains(expected),
            "{weight}: {said}"
        );
    }
    let temporal = ("TemporalTransformer.encoderblock_0.LayerNorm_1.scale", f32::NAN);
    let of_second = said(device, "scenic-model2", &[temporal], None)?;
    assert!(of_second.contains("from TemporalTransformer.encoderblock_0 on"), "{of_second}");
    // The forward pass is the same; gradients of what is so small are beyond all floats.
    let large = 1e30;
    let factors = [
        ("encoderblock_1.LayerNorm_0.", 1.0 / large),
        ("encoderblock_1.MultiHeadDotProductAttention_0.query.kernel", large),
        ("encoderblock_1.MultiHeadDotProductAttention_0.key.kernel", large),
        ("encoderblock_1.MultiHeadDotProductAttention_0.value.kernel", large),
    ];
    let of_gradients = said(device, model, &factors, None)?;
    let expected = ["norm of the gradient", "backward pass", "from Transformer.encoderblock_1.LayerNorm_0."];
    assert!(expected.into_iter().all(|part| of_gradients.contains(part)), "{of_gradients}");
    Ok(Shown::Passed)
}
