//! Steps of optimisers on a small problem, step by step against the same rules in plain f64; and the schedules of rates
//! against scenic's own.

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::graph::{Device, DeviceWeights, Executor, ExecutorOptions, Feed, Graph, Value, Weights};
use tubelet::kernels::products::{Linear, LinearWeightGradient};
use tubelet::kernels::rows::{ColumnSum, CrossEntropy, Target};
use tubelet::tensor::{Element, Error, Result, Tensor};
use tubelet::train::{AdamW, Optimiser, RateSchedule, Sgd, WithState, accumulate, accumulated, check_step, keep};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    for (title, rule) in rules() {
        tests.add_everywhere(format!("{title} steps as in f64"), move |device| steps(device, rule));
        tests.add_without_device(format!("{title} steps as in f64: references"), move || {
            steps(&Device::references(), rule).map(drop)
        });
        tests.add_without_device(format!("a wrong rule shows: {title}"), move || {
            wrong_rules_show(rule);
            Ok(())
        });
    }
    tests.add_everywhere("the same bits twice", same_bits);
    tests.add_everywhere("parts are clipped each by itself", parts_clipped);
    tests.add_without_device("parts are clipped each by itself: references", || {
        parts_clipped(&Device::references()).map(drop)
    });
    tests.add_everywhere("a mean over parts is clipped as the whole", mean_clipped);
    tests.add_everywhere("a norm beyond the largest float is reported", overflow);
    tests.add_without_device("rates are scenic's", rates_are_scenics);
    tests.run("optimisers")
}

/// Examples, their numbers, and classes.
const ROWS: usize = 6;
const INNER: usize = 7;
const CLASSES: usize = 4;
const STEPS: u64 = 30;
const WEIGHT: &str = "head.weight";
const BIAS: &str = "head.bias";
const SMOOTHING: f64 = 0.1;

/// What decides the curve of a training.
#[derive(Clone, Copy, Debug)]
struct Rule {
    optimiser: Optimiser,
    limit: Option<f32>,
    schedule: RateSchedule,
}

fn rules() -> [(&'static str, Rule); 4] {
    let rule = |optimiser: Optimiser, peak| Rule {
        optimiser,
        limit: Some(1.0),
        schedule: RateSchedule::new(peak, 5.0, STEPS).unwrap(),
    };
    let plain = rule(Sgd::default().momentum(0.0).into(), 0.1);
    [
        ("plain SGD", Rule { limit: None, ..plain }),
        ("SGD with momentum", rule(Sgd::default().into(), 0.5)),
        ("SGD with momentum and decay", rule(Sgd::default().decay(0.02).into(), 0.5)),
        ("AdamW", rule(AdamW::default().decay(0.05).into(), 0.2)),
    ]
}

/// Weights to begin with.
struct Start;

impl Weights for Start {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        match name {
            WEIGHT => Tensor::f32([CLASSES, INNER], waves(CLASSES * INNER, 0.7, 1.0)),
            BIAS => Tensor::f32([CLASSES], waves(CLASSES, 0.9, 0.1)),
            _ => Err(Error::usage(format!("there is no weight {name}"))),
        }
    }
}

fn waves(count: usize, factor: f32, height: f32) -> Vec<f32> {
    (0..count).map(|place| height * (place as f32 * factor + 0.3).sin()).collect()
}

/// The examples and their labels.
struct Batch {
    x: Tensor,
    labels: Tensor,
}

impl Batch {
    /// All of them, `height` large.
    fn of(height: f32) -> Result<Self> {
        let labels = (0..ROWS as u32).map(|row| (3 * row + 1) % CLASSES as u32).collect();
        Ok(Self {
            x: Tensor::f32([ROWS, INNER], waves(ROWS * INNER, 1.3, height))?,
            labels: Tensor::u32([ROWS, 1], labels)?,
        })
    }

    /// Equal parts of them.
    fn parts(&self, parts: usize) -> Result<Vec<Self>> {
        let rows = ROWS / parts;
        let (x, labels) = (self.x.as_f32()?.chunks(rows * INNER), self.labels.as_u32()?.chunks(rows));
        let part = |(x, labels): (&[f32], &[u32])| {
            Ok(Self { x: Tensor::f32([rows, INNER], x.to_vec())?, labels: Tensor::u32([rows, 1], labels.to_vec())? })
        };
        x.zip(labels).map(part).collect()
    }

    fn feeds(&self) -> [(&'static str, Feed<'_>); 2] {
        [("x", Feed::Host(&self.x)), ("labels", Feed::Host(&self.labels))]
    }
}

/// A layer with cross entropy on it, its gradient recorded by hand.
struct Problem {
    graph: Graph,
    losses: Value,
    gradients: Vec<(Value, Value)>,
}

impl Problem {
    fn of(rows: usize) -> Result<Self> {
        let mut graph = Graph::new();
        let x = graph.input("x", [rows, INNER], Element::F32)?;
        let labels = graph.input("labels", [rows, 1], Element::U32)?;
        let weight = graph.weights(&[WEIGHT], [CLASSES, INNER])?;
        let bias = graph.weights(&[BIAS], [CLASSES])?;
        let layer = Linear::new(rows, INNER, CLASSES).bias(true);
        let logits = graph.call(layer, &[Some(x), Some(weight), Some(bias), None], "logits", [rows, CLASSES])?;
        let entropy = CrossEntropy::new(rows, CLASSES, Target::Label).smoothing(SMOOTHING as f32);
        let outputs = [("losses", [rows].into()), ("slopes", [rows, CLASSES].into())];
        let found = graph.call_many(entropy, &[Some(logits), None, Some(labels)], &outputs)?;
        let (losses, slopes) = (found[0], found[1]);
        let call = LinearWeightGradient::new(rows, INNER, CLASSES);
        let of_weight = graph.call(call, &[Some(slopes), Some(x)], "of weight", [CLASSES, INNER])?;
        let call = ColumnSum { rows, width: CLASSES };
        let of_bias = graph.call(call, &[Some(slopes)], "of bias", [CLASSES])?;
        graph.output(losses)?;
        Ok(Self { graph, losses, gradients: vec![(weight, of_weight), (bias, of_bias)] })
    }
}

fn prepared(device: &Device, graph: Graph, weights: &DeviceWeights) -> Result<Box<dyn Executor>> {
    device.prepare(Arc::new(graph), weights, &ExecutorOptions::default()).wait()
}

fn begun(device: &Device) -> DeviceWeights {
    DeviceWeights::new(device, Arc::new(WithState::zeros(Arc::new(Start))))
}

fn with<'a>(feeds: &[(&'a str, Feed<'a>)], more: &'a [(&'static str, Tensor)]) -> Vec<(&'a str, Feed<'a>)> {
    feeds.iter().copied().chain(more.iter().map(|(name, tensor)| (*name, Feed::Host(tensor)))).collect()
}

/// What a training leaves: loss and norm of each step, and at the end the weights and what is kept beside them.
#[derive(Clone, Debug, PartialEq)]
struct Curve {
    losses: Vec<f64>,
    norms: Vec<f64>,
    weights: Vec<f64>,
    state: Vec<f64>,
}

/// The largest relative distance between two curves.
fn apart(one: &Curve, other: &Curve) -> f64 {
    let of = |one: &[f64], other: &[f64]| {
        assert_eq!(one.len(), other.len());
        let squares = one.iter().zip(other).map(|(one, other)| (one - other).powi(2)).sum::<f64>();
        let whole = other.iter().map(|other| other * other).sum::<f64>();
        if whole == 0.0 { squares } else { (squares / whole).sqrt() }
    };
    let pairs = [
        of(&one.losses, &other.losses),
        of(&one.norms, &other.norms),
        of(&one.weights, &other.weights),
        of(&one.state, &other.state),
    ];
    pairs.into_iter().fold(0.0, f64::max)
}

/// How far a training in f32 may be from the same in f64.
const CLOSE: f64 = 5e-6;

/// The weights, and what is kept beside them, as they are on the device.
fn read(weights: &DeviceWeights, optimiser: &Optimiser) -> Result<(Vec<f64>, Vec<f64>)> {
    let values = |names: &[String]| -> Result<Vec<f64>> {
        let mut values = Vec::new();
        for name in names {
            values.extend(weights.read(name).wait()?.as_f32()?.iter().map(|value| f64::from(*value)));
        }
        Ok(values)
    };
    let of = |kind: usize| [WEIGHT, BIAS].iter().filter_map(move |name| optimiser.state(name).into_iter().nth(kind));
    Ok((values(&[WEIGHT, BIAS].map(str::to_owned))?, values(&of(0).chain(of(1)).collect::<Vec<_>>())?))
}

/// The training on a device. Nothing but losses and norm is read from a step.
fn trained(device: &Device, rule: Rule) -> Result<Curve> {
    let mut problem = Problem::of(ROWS)?;
    let norm = rule.optimiser.record(&mut problem.graph, &problem.gradients, rule.limit)?;
    let weights = begun(device);
    let executor = prepared(device, problem.graph, &weights)?;
    let batch = Batch::of(3.0)?;
    let (mut losses, mut norms) = (Vec::new(), Vec::new());
    for step in 0..STEPS {
        let operands = rule.optimiser.operands(rule.schedule.rate(step)?, step)?;
        let found = executor.run(&with(&batch.feeds(), &operands), &[problem.losses, norm]).wait()?;
        let (loss, norm) = (found[0].as_f32()?.iter().sum::<f32>(), found[1].as_f32()?[0]);
        check_step(step, loss, norm)?;
        losses.push(f64::from(loss));
        norms.push(f64::from(norm));
    }
    let (weights, state) = read(&weights, &rule.optimiser)?;
    Ok(Curve { losses, norms, weights, state })
}

/// What can be wrong with a rule.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    StepEarly,
    NoClipping,
    EachTensorClipped,
    Nesterov,
    RateInVelocity,
    NoCorrections,
    CoupledDecay,
    NoDecay,
}

/// The training in plain f64.
struct Plain {
    rule: Rule,
    fault: Fault,
    values: Vec<f64>,
    first: Vec<f64>,
    second: Vec<f64>,
}

impl Plain {
    fn new(rule: Rule, fault: Fault) -> Result<Self> {
        let start = [Start.tensor(WEIGHT)?, Start.tensor(BIAS)?];
        let mut values = Vec::new();
        for tensor in &start {
            values.extend(tensor.as_f32()?.iter().map(|value| f64::from(*value)));
        }
        let zeros = vec![0.0; values.len()];
        Ok(Self { rule, fault, values, first: zeros.clone(), second: zeros })
    }

    /// The mean loss over a batch, and its gradient.
    fn gradient(&self, batch: &Batch) -> Result<(f64, Vec<f64>)> {
        let (weight, bias) = self.values.split_at(CLASSES * INNER);
        let (labels, mut loss, mut gradient) = (batch.labels.as_u32()?, 0.0, vec![0.0; self.values.len()]);
        for (x, label) in batch.x.as_f32()?.chunks(INNER).zip(labels) {
            let product = |class: usize| (0..INNER).map(|k| weight[class * INNER + k] * f64::from(x[k])).sum::<f64>();
            let logits: Vec<f64> = (0..CLASSES).map(|class| product(class) + bias[class]).collect();
            let highest = logits.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = logits.iter().map(|logit| (logit - highest).exp()).sum();
            for (class, logit) in logits.iter().enumerate() {
                let on = if class == *label as usize { 1.0 - SMOOTHING } else { 0.0 };
                let target = on + SMOOTHING / CLASSES as f64;
                loss -= target * (logit - highest - total.ln());
                let slope = ((logit - highest).exp() / total - target) / labels.len() as f64;
                for k in 0..INNER {
                    gradient[class * INNER + k] += slope * f64::from(x[k]);
                }
                gradient[CLASSES * INNER + class] += slope;
            }
        }
        Ok((loss / labels.len() as f64, gradient))
    }

    /// Clips a gradient, and returns its norm before.
    fn clip(&self, gradient: &mut [f64]) -> f64 {
        let norm = |part: &[f64]| part.iter().map(|value| value * value).sum::<f64>().sqrt();
        let whole = norm(gradient);
        let Some(limit) = self.rule.limit.map(f64::from).filter(|_| self.fault != Fault::NoClipping) else {
            return whole;
        };
        let parts = match self.fault {
            Fault::EachTensorClipped => {
                let (weight, bias) = gradient.split_at_mut(CLASSES * INNER);
                vec![weight, bias]
            }
            _ => vec![gradient],
        };
        for part in parts {
            let norm = norm(part);
            if norm >= limit {
                part.iter_mut().for_each(|value| *value *= limit / norm);
            }
        }
        whole
    }

    fn step(&mut self, gradient: &[f64], step: u64) -> Result<()> {
        let early = u64::from(self.fault == Fault::StepEarly);
        let rate = self.rule.schedule.rate((step + early).min(STEPS - 1))?;
        for (index, gradient) in gradient.iter().enumerate() {
            let (value, first) = (&mut self.values[index], &mut self.first[index]);
            match self.rule.optimiser {
                Optimiser::Sgd(Sgd { momentum, decay, .. }) => {
                    let (momentum, decay) = (f64::from(momentum), f64::from(decay));
                    let decay = if self.fault == Fault::NoDecay { 0.0 } else { decay };
                    let slope = gradient + decay * *value;
                    *first = momentum * *first + if self.fault == Fault::RateInVelocity { rate * slope } else { slope };
                    match self.fault {
                        Fault::Nesterov => *value -= rate * (slope + momentum * *first),
                        Fault::RateInVelocity => *value -= *first,
                        _ => *value -= rate * *first,
                    }
                }
                Optimiser::AdamW(AdamW { betas: [beta1, beta2], epsilon, decay, .. }) => {
                    let decay = if self.fault == Fault::NoDecay { 0.0 } else { f64::from(decay) };
                    let (apart, coupled) = if self.fault == Fault::CoupledDecay { (0.0, decay) } else { (decay, 0.0) };
                    let slope = gradient + coupled * *value;
                    let second = &mut self.second[index];
                    *first = beta1 * *first + (1.0 - beta1) * slope;
                    *second = beta2 * *second + (1.0 - beta2) * slope * slope;
                    let power = step as i32 + 1;
                    let correction =
                        |beta: f64| if self.fault == Fault::NoCorrections { 1.0 } else { 1.0 - beta.powi(power) };
                    *value *= 1.0 - rate * apart;
                    let root = (*second / correction(beta2)).sqrt();
                    *value -= rate * *first / correction(beta1) / (root + f64::from(epsilon));
                }
                _ => return Err(Error::usage("an optimiser that this test does not know")),
            }
        }
        Ok(())
    }

    /// Takes all steps, each by the mean of the gradients of so many parts, clipped each by itself.
    fn trained(mut self, parts: usize) -> Result<Curve> {
        let batches = Batch::of(3.0)?.parts(parts)?;
        let (mut losses, mut norms) = (Vec::new(), Vec::new());
        for step in 0..STEPS {
            let mut mean = vec![0.0; self.values.len()];
            for batch in &batches {
                let (loss, mut gradient) = self.gradient(batch)?;
                losses.push(loss);
                norms.push(self.clip(&mut gradient));
                mean.iter_mut().zip(&gradient).for_each(|(mean, part)| *mean += part / parts as f64);
            }
            self.step(&mean, step)?;
        }
        let state = match self.rule.optimiser {
            Optimiser::Sgd(Sgd { momentum: 0.0, .. }) => Vec::new(),
            Optimiser::Sgd(_) => self.first,
            _ => [self.first, self.second].concat(),
        };
        Ok(Curve { losses, norms, weights: self.values, state })
    }
}

fn plain(rule: Rule) -> Result<Curve> {
    Plain::new(rule, Fault::None)?.trained(1)
}

/// A curve is that of the rule in f64, and no trivial one: it clips at first and not at the end, and the loss falls.
fn steps(device: &Device, rule: Rule) -> Result<Shown, Failed> {
    let (found, expected) = (trained(device, rule)?, plain(rule)?);
    let distance = apart(&found, &expected);
    assert!(distance < CLOSE, "{distance:e}: {found:?}\n{expected:?}");
    assert!(found.norms[0] > 1.0 && found.norms.iter().any(|norm| *norm < 1.0), "{:?}", found.norms);
    assert!(found.losses[STEPS as usize - 1] < 0.7 * found.losses[0], "{:?}", found.losses);
    Ok(Shown::Passed)
}

/// Curves of wrong rules are far from the right one.
fn wrong_rules_show(rule: Rule) {
    let expected = plain(rule).unwrap();
    let mut faults = vec![Fault::StepEarly];
    if rule.limit.is_some() {
        faults.extend([Fault::NoClipping, Fault::EachTensorClipped]);
    }
    match rule.optimiser {
        Optimiser::Sgd(sgd) => {
            if sgd.momentum > 0.0 {
                faults.extend([Fault::Nesterov, Fault::RateInVelocity]);
            }
            if sgd.decay > 0.0 {
                faults.push(Fault::NoDecay);
            }
        }
        _ => faults.extend([Fault::NoCorrections, Fault::CoupledDecay, Fault::NoDecay]),
    }
    for fault in faults {
        let wrong = Plain::new(rule, fault).unwrap().trained(1).unwrap();
        let distance = apart(&wrong, &expected);
        assert!(distance > 100.0 * CLOSE, "{fault:?} is only {distance:e} away");
    }
}

fn same_bits(device: &Device) -> Result<Shown, Failed> {
    for (title, rule) in rules() {
        assert_eq!(trained(device, rule)?, trained(device, rule)?, "{title}");
    }
    Ok(Shown::Passed)
}

/// A training on a device where each step goes over parts of its batch, with a limit for each and one for their mean.
fn trained_in_parts(device: &Device, rule: Rule, parts: usize, limits: [Option<f32>; 2]) -> Result<Curve> {
    let Problem { mut graph, losses, gradients } = Problem::of(ROWS / parts)?;
    let norm = accumulate(&mut graph, &gradients, limits[0], parts)?;
    let mut stepping = Graph::new();
    let trained: Vec<_> = gradients.iter().map(|(weight, _)| *weight).collect();
    let mean = accumulated(&mut stepping, &graph, &trained)?;
    let norm_of_mean = rule.optimiser.record(&mut stepping, &mean, limits[1])?;
    let weights = begun(device);
    let (part, step) = (prepared(device, graph, &weights)?, prepared(device, stepping, &weights)?);
    let batches = Batch::of(3.0)?.parts(parts)?;
    let mut curve = Curve { losses: Vec::new(), norms: Vec::new(), weights: Vec::new(), state: Vec::new() };
    for number in 0..STEPS {
        for (index, batch) in batches.iter().enumerate() {
            let keep = [keep(index == 0)?];
            let found = part.run(&with(&batch.feeds(), &keep), &[losses, norm]).wait()?;
            curve.losses.push(f64::from(found[0].as_f32()?.iter().sum::<f32>()));
            if limits[0].is_some() {
                curve.norms.push(f64::from(found[1].as_f32()?[0]));
            }
        }
        let operands = rule.optimiser.operands(rule.schedule.rate(number)?, number)?;
        let found = step.run(&with(&[], &operands), &[norm_of_mean]).wait()?;
        if limits[0].is_none() {
            curve.norms.push(f64::from(found[0].as_f32()?[0]));
        }
    }
    (curve.weights, curve.state) = read(&weights, &rule.optimiser)?;
    Ok(curve)
}

/// As on devices that clip their own gradients before the mean over devices.
fn parts_clipped(device: &Device) -> Result<Shown, Failed> {
    for (title, rule) in rules().into_iter().filter(|(_, rule)| rule.limit.is_some()) {
        let expected = Plain::new(rule, Fault::None)?.trained(3)?;
        let found = trained_in_parts(device, rule, 3, [rule.limit, None])?;
        let distance = apart(&found, &expected);
        assert!(distance < CLOSE, "{title}: {distance:e}");
        // That is not the same as to clip the mean.
        let whole = plain(rule)?;
        let squares = whole.weights.iter().zip(&found.weights).map(|(one, other)| (one - other).powi(2));
        assert!(squares.sum::<f64>().sqrt() > 1e-3, "{title}");
    }
    Ok(Shown::Passed)
}

fn mean_clipped(device: &Device) -> Result<Shown, Failed> {
    for (title, rule) in rules() {
        let mut expected = plain(rule)?;
        let mut found = trained_in_parts(device, rule, 3, [None, rule.limit])?;
        // The loss of the whole is the mean over the parts.
        found.losses = found.losses.chunks(3).map(|parts| parts.iter().sum::<f64>() / 3.0).collect();
        let distance = apart(&found, &expected);
        assert!(distance < CLOSE, "{title}: {distance:e}");
        expected.norms[3] *= 1.001;
        assert!(apart(&found, &expected) > CLOSE);
    }
    Ok(Shown::Passed)
}

/// Squares that no float holds are not a gradient of nothing, nor one to step by.
fn overflow(device: &Device) -> Result<Shown, Failed> {
    let [_, (_, rule), ..] = rules();
    let mut problem = Problem::of(ROWS)?;
    let norm = rule.optimiser.record(&mut problem.graph, &problem.gradients, rule.limit)?;
    let weights = begun(device);
    let executor = prepared(device, problem.graph, &weights)?;
    let batch = Batch::of(1e22)?;
    let operands = rule.optimiser.operands(0.1, 0)?;
    let found = executor.run(&with(&batch.feeds(), &operands), &[problem.losses, norm]).wait()?;
    let (loss, norm) = (found[0].as_f32()?.iter().sum::<f32>(), found[1].as_f32()?[0]);
    assert!(loss.is_finite() && norm == f32::INFINITY, "{loss} and {norm}");
    let message = check_step(7, loss, norm).unwrap_err().to_string();
    assert!(message.contains("step 7") && message.contains("norm of the gradient"), "{message}");
    assert!(weights.read(WEIGHT).wait()?.as_f32()?.iter().all(|value| value.is_nan()));
    Ok(Shown::Passed)
}

/// At every step of which scenic's rate is known, for its six configurations.
fn rates_are_scenics() -> Result<(), Failed> {
    let text = std::fs::read_to_string(common::data("training/schedule.json"))?;
    let known: serde_json::Value = serde_json::from_str(&text)?;
    let schedules = known["schedules"].as_object().ok_or("no schedules")?;
    assert_eq!(schedules.len(), 6);
    let mut compared = 0;
    for (name, known) in schedules {
        let number = |field: &str| known[field].as_f64().ok_or(format!("{name} has no {field}"));
        let (base, steps) = (number("base")?, number("total_steps")? as u64);
        let schedule = RateSchedule::new(base, number("warmup_steps")?, steps)?;
        for value in known["values"].as_array().ok_or("no values")? {
            let field = |field: &str| value[field].as_f64().ok_or(format!("a value of {name} has no {field}"));
            let step = field("step")? as u64;
            let Ok(rate) = schedule.rate(step) else {
                // Theirs begins anew, and no training comes so far.
                assert_eq!(step, steps);
                continue;
            };
            assert!((rate - field("lr_f32")?).abs() < 2e-7 * base, "{name}, step {step}: {rate}");
            assert!((rate - field("lr_f64_formula")?).abs() < 1e-12 * base, "{name}, step {step}: {rate}");
            compared += 1;
        }
    }
    assert!(compared > 120, "{compared}");
    Ok(())
}
