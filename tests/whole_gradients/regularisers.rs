//! What is left out at random: logits, loss and gradients of the original implementation where given branches are left out
//! (`tests/data/stochastic-depth.json`, which `tests/data/README.md` describes), and the same choice wherever and however
//! often a pass is computed.

use std::collections::BTreeMap;
use std::sync::Arc;

use libtest_mimic::Failed;
use serde::Deserialize;
use tubelet::checkpoint;
use tubelet::graph::{Device, DeviceWeights, ExecutorOptions, Feed};
use tubelet::tensor::{ErrorKind, Tensor};
use tubelet::train::{GradientOptions, Gradients, Labels, gradients, norm};
use tubelet::vivit::{Objective, Request, StochasticDepth, TrainingRecording, record_gradients};

use super::common::{DeviceTests, Shown, data, small};
use super::{Subject, read_clip, same};

/// What logits and the loss may differ by, as a share of theirs, and the norm of a gradient.
const CLOSE: f64 = 1e-5;
const CLOSE_NORM: f64 = 1e-4;

const LABELS: [usize; 2] = [3, 0];
const RATE: f64 = 0.3;

const FOLDERS: [&str; 4] = ["scenic-model1", "scenic-model2", "scenic-model3", "scenic-model4"];

pub(super) fn add(tests: &mut DeviceTests) {
    for folder in FOLDERS {
        tests.add_without_device(format!("{folder}::branches left out::reference"), move || {
            agrees(folder, &Device::references())
        });
        tests.add_everywhere(format!("{folder}::branches left out::device"), move |device| {
            agrees(folder, device)?;
            Ok(Shown::Passed)
        });
        tests.add_everywhere(format!("{folder}::left out again"), move |device| left_out_again(folder, device));
        tests.add_everywhere(format!("{folder}::left out alike"), move |device| left_out_alike(folder, device));
    }
    tests.add_without_device("other gates show", other_gates_show);
    tests.add_without_device("gates are where the switches say", gates_are_where_the_switches_say);
    tests.add_without_device("values are dropped twice in each MLP", values_are_dropped_twice);
    tests.add_without_device("rates that make no sense are refused", refusals);
}

#[derive(Deserialize)]
struct Expected {
    /// Their names, in the order of `norms`.
    tensors: Vec<String>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    /// By input, a row a branch: 0 for each clip of which it is left out.
    gates: BTreeMap<String, Vec<Vec<f32>>>,
    loss: f64,
    logits: Vec<Vec<f64>>,
    norms: Vec<f64>,
}

/// What a pass with given gates finds.
struct Found {
    loss: f64,
    logits: Vec<f32>,
    norms: BTreeMap<String, f64>,
}

impl Expected {
    fn of(folder: &str) -> Result<Self, Failed> {
        let text = std::fs::read_to_string(data("stochastic-depth.json"))?;
        let mut all: BTreeMap<String, Self> = serde_json::from_str(&text)?;
        Ok(all.remove(folder).ok_or_else(|| format!("nothing is known of {folder}"))?)
    }

    /// What differs.
    fn faults(&self, case: &Case, found: &Found) -> Vec<String> {
        let mut faults = Vec::new();
        let logits = case.logits.concat();
        let squares = |values: &mut dyn Iterator<Item = f64>| values.map(|value| value * value).sum::<f64>().sqrt();
        let differences = &mut found.logits.iter().zip(&logits).map(|(found, logit)| f64::from(*found) - logit);
        let error = squares(differences) / squares(&mut logits.iter().copied());
        if found.logits.len() != logits.len() || !within(error, CLOSE) {
            faults.push(format!("the logits are off by {error:e}"));
        }
        if !within(found.loss - case.loss, CLOSE * case.loss) {
            faults.push(format!("the loss is {} instead of {}", found.loss, case.loss));
        }
        for (name, expected) in self.tensors.iter().zip(&case.norms) {
            // A softmax does not see key biases: theirs are 0 but for roundings.
            if name.ends_with("key/bias") {
                continue;
            }
            match found.norms.get(name) {
                Some(norm) if within(norm - expected, CLOSE_NORM * expected) => {}
                norm => faults.push(format!("the gradient of {name} has norm {norm:?} instead of {expected}")),
            }
        }
        faults
    }
}

/// Written so that a NaN is refused.
fn within(difference: f64, most: f64) -> bool {
    difference.abs() <= most
}

impl Case {
    /// Opens a gate that is closed, and closes one that is open.
    fn flip(&mut self, row: usize, clip: usize) -> Result<(), Failed> {
        let gate = self.gates.get_mut("branch_gates").and_then(|rows| rows.get_mut(row)?.get_mut(clip));
        let gate = gate.ok_or("there is no such gate")?;
        *gate = 1.0 - *gate;
        Ok(())
    }

    /// The pass with these gates, each of which temporal indices have as often as they have their own.
    fn replay(&self, folder: &str, device: &Device, objective: Objective) -> Result<Found, Failed> {
        let path = data(folder);
        let checkpoint = checkpoint::load(&path.display().to_string())?;
        let request = Request::new(LABELS.len(), checkpoint.provenance.layout());
        let recorded = record_gradients(&checkpoint.config, &request, &objective)?;
        let labels = LABELS.iter().map(|label| *label as u32).collect();
        let mut inputs = vec![
            ("clip".to_owned(), read_clip(&path.join("clip.npy"))?),
            ("labels".to_owned(), Tensor::u32([LABELS.len(), 1], labels)?),
        ];
        for gates in recorded.branch_gates() {
            let rows = self.gates.get(&gates.name).ok_or_else(|| format!("no {} are known", gates.name))?;
            let repeated = |gate: &f32| std::iter::repeat_n(*gate, gates.each);
            let values: Vec<f32> = rows.iter().flatten().flat_map(repeated).collect();
            let shape = [gates.rates.len(), LABELS.len() * gates.each];
            inputs.push((gates.name.clone(), Tensor::f32(shape, values)?));
        }
        if recorded.branch_gates().len() != self.gates.len() {
            return Err(format!("{} inputs of gates instead of {}", inputs.len() - 2, self.gates.len()).into());
        }
        let weights = DeviceWeights::new(device, checkpoint.parameters.clone());
        let graph = Arc::new(recorded.recording.graph.clone());
        let executor = device.prepare(graph, &weights, &ExecutorOptions::default()).wait()?;
        let logits = recorded.recording.logits.ok_or("the model has no head")?;
        let gradients = recorded.gradients.iter().map(|stack| stack.gradient);
        let wanted: Vec<_> = [recorded.loss, logits].into_iter().chain(gradients).collect();
        let feeds: Vec<_> = inputs.iter().map(|(name, tensor)| (name.as_str(), Feed::Host(tensor))).collect();
        let found = executor.run(&feeds, &wanted).wait()?;
        Ok(Found {
            loss: found[0].as_f32()?.iter().map(|loss| f64::from(*loss)).sum(),
            logits: found[1].as_f32()?.to_vec(),
            norms: norms(&recorded, &checkpoint, &found[2..])?,
        })
    }
}

/// The norm of each parameter's gradient, by its stored name.
fn norms(
    recorded: &TrainingRecording,
    checkpoint: &checkpoint::Checkpoint,
    gradients: &[Tensor],
) -> Result<BTreeMap<String, f64>, Failed> {
    let mut norms = BTreeMap::new();
    for (stack, gradient) in recorded.gradients.iter().zip(gradients) {
        let mut rest = gradient.as_f32()?;
        for part in &stack.parts {
            let spec = recorded.recording.parameters.iter().find(|spec| spec.name == *part);
            let shape = spec.map(|spec| spec.shape.clone()).ok_or_else(|| format!("{part} is no parameter"))?;
            let (own, next) = rest.split_at_checked(shape.elements()).ok_or("too few elements")?;
            rest = next;
            let (name, tensor) = checkpoint.parameters.as_stored(part, Tensor::f32(shape, own.to_vec())?)?;
            norms.insert(name, norm(&tensor)?);
        }
    }
    Ok(norms)
}

/// Each case, with blocks computed again too, and with gates of their own for temporal indices.
fn agrees(folder: &str, device: &Device) -> Result<(), Failed> {
    let expected = Expected::of(folder)?;
    let depth = StochasticDepth::new(RATE);
    let mut objectives = vec![
        ("as it is", Objective::new().stochastic_depth(depth)),
        ("computed again", Objective::new().stochastic_depth(depth).recompute(true)),
    ];
    if folder == "scenic-model2" {
        let apart = Objective::new().stochastic_depth(depth.shared_over_time(false));
        objectives.push(("each time by itself", apart));
    }
    let mut faults = Vec::new();
    for (number, case) in expected.cases.iter().enumerate() {
        for (what, objective) in &objectives {
            let found = expected.faults(case, &case.replay(folder, device, *objective)?);
            faults.extend(found.into_iter().map(|fault| format!("case {number}, {what}: {fault}")));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n").into()) }
}

/// The comparison finds a single gate that is another.
fn other_gates_show() -> Result<(), Failed> {
    let folder = "scenic-model4";
    let mut expected = Expected::of(folder)?;
    let mut case = expected.cases.swap_remove(0);
    let objective = Objective::new().stochastic_depth(StochasticDepth::new(RATE));
    for (row, clip) in [0, 1, 2, 3].into_iter().flat_map(|row| [(row, 0), (row, 1)]) {
        case.flip(row, clip)?;
        let found = case.replay(folder, &Device::references(), objective)?;
        if expected.faults(&case, &found).is_empty() {
            return Err(format!("gate {row} of clip {clip} is another, and nothing is found").into());
        }
        case.flip(row, clip)?;
    }
    Ok(())
}

/// An objective that leaves out much, of Model 3 too.
fn leaving_out() -> Objective {
    let depth = StochasticDepth::new(0.5).rescale(true).factorised_self_attention(true).shared_over_time(false);
    Objective::new().smoothing(0.1).stochastic_depth(depth).mlp_dropout(0.3)
}

fn found(subject: &Subject, objective: Objective, seed: u64) -> Result<Gradients, Failed> {
    let options = GradientOptions::new().objective(objective).seed(seed);
    Ok(gradients(&subject.model, &subject.clips, &Labels::new(LABELS.to_vec()), &options).wait()?)
}

/// The same bits for the same seed, when blocks are computed again too; others for another.
fn left_out_again(folder: &str, device: &Device) -> Result<Shown, Failed> {
    let subject = Subject::of(folder, device)?;
    let first = found(&subject, leaving_out(), 5)?;
    same("a second time", &first, &found(&subject, leaving_out(), 5)?)?;
    same("computed again", &first, &found(&subject, leaving_out().recompute(true), 5)?)?;
    for (what, other) in [
        ("another seed", found(&subject, leaving_out(), 6)?),
        ("no dropout", found(&subject, leaving_out().mlp_dropout(0.0), 5)?),
        ("every branch", found(&subject, leaving_out().stochastic_depth(None), 5)?),
    ] {
        if other.loss.to_bits() == first.loss.to_bits() {
            return Err(format!("{what} changes nothing").into());
        }
    }
    Ok(Shown::Passed)
}

/// Every device leaves out what the references leave out.
fn left_out_alike(folder: &str, device: &Device) -> Result<Shown, Failed> {
    let expected = found(&Subject::of(folder, &Device::references())?, leaving_out(), 5)?;
    let found = found(&Subject::of(folder, device)?, leaving_out(), 5)?;
    if !within(found.loss - expected.loss, CLOSE * expected.loss) {
        return Err(format!("the loss is {} instead of {}", found.loss, expected.loss).into());
    }
    for (name, tensor) in &expected.tensors {
        let pairs = tensor.as_f32()?.iter().zip(found.tensors[name].as_f32()?);
        let squares: f64 = pairs.map(|(one, other)| f64::from(one - other).powi(2)).sum();
        if !within(squares.sqrt(), CLOSE * expected.global_norm()) {
            return Err(format!("the gradient of {name} is off by {:e}", squares.sqrt()).into());
        }
    }
    Ok(Shown::Passed)
}

/// Inputs of gates with their shapes, of the small models of 2 layers with 4 temporal indices.
fn gates_are_where_the_switches_say() -> Result<(), Failed> {
    let depth = StochasticDepth::new(RATE);
    let shapes = |number: usize, depth: StochasticDepth| -> Result<Vec<(String, [usize; 2])>, Failed> {
        let model = small::models().into_iter().map(|(_, model)| model).find(|model| model.number() == number);
        let config = small::config(model.ok_or("no such model")?);
        let request = Request::new(3, tubelet::kernels::ClipLayout::Bthwc);
        let recorded = record_gradients(&config, &request, &Objective::new().stochastic_depth(depth))?;
        let gates = recorded.branch_gates().iter();
        Ok(gates.map(|gates| (gates.name.clone(), [gates.rates.len(), 3 * gates.each])).collect())
    };
    let named = |name: &str, shape| vec![(name.to_owned(), shape)];
    assert_eq!(shapes(1, depth)?, named("branch_gates", [2, 3]));
    // The temporal encoder has a single layer, and so the rate 0.
    assert_eq!(shapes(2, depth)?, named("spatial.branch_gates", [2, 3]));
    assert_eq!(shapes(2, depth.shared_over_time(false))?, named("spatial.branch_gates", [2, 12]));
    assert!(shapes(3, depth)?.is_empty());
    assert_eq!(shapes(3, depth.factorised_self_attention(true))?, named("branch_gates", [3, 3]));
    assert_eq!(shapes(4, depth)?, named("branch_gates", [2, 3]));
    assert!(shapes(4, StochasticDepth::new(0.0))?.is_empty());
    Ok(())
}

/// After the activation and after the second dense layer, and nowhere without a rate.
fn values_are_dropped_twice() -> Result<(), Failed> {
    let request = Request::new(2, tubelet::kernels::ClipLayout::Bthwc);
    for (name, model) in small::models() {
        let config = small::config(model);
        let dropouts = |objective: Objective| -> Result<usize, Failed> {
            let graph = record_gradients(&config, &request, &objective)?.recording.graph;
            // Each is there once more, for the gradient.
            Ok(graph.nodes().iter().filter(|node| node.call.family().name == "dropout").count())
        };
        let layers: usize = config.encoders().iter().map(|(_, size)| size.layers).sum();
        assert_eq!(dropouts(Objective::new().mlp_dropout(0.1))?, 4 * layers, "{name}");
        assert_eq!(dropouts(Objective::new())?, 0, "{name}");
    }
    Ok(())
}

fn refusals() -> Result<(), Failed> {
    let subject = Subject::of("scenic-model1", &Device::references())?;
    for (objective, part) in [
        (Objective::new().mlp_dropout(1.0), "dropped at a rate of 1;"),
        (Objective::new().mlp_dropout(f64::NAN), "dropped at a rate of NaN"),
        (Objective::new().stochastic_depth(StochasticDepth::new(1.5)), "left out at a rate of 1.5"),
    ] {
        let options = GradientOptions::new().objective(objective);
        let refused = gradients(&subject.model, &subject.clips, &Labels::new(LABELS.to_vec()), &options).wait();
        match refused {
            Err(error) if error.kind() == ErrorKind::Usage && error.to_string().contains(part) => {}
            other => return Err(format!("{other:?} instead of {part}").into()),
        }
    }
    Ok(())
}
