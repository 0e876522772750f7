//! The gradients that kernels declare, against central differences of the kernels themselves: both by the references, in
//! f64 from end to end. That the kernels of the gradients agree with their references is told by their own cases.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use tubelet::kernels::{ALL, Backward, Call, Case, Family, Operation, Precision, Tape, TapeValue};
use tubelet::tensor::{Element, Error, Exact, Result, Tolerance};

fn main() -> ExitCode {
    let mut trials = vec![
        Trial::test("a wrong element is found", wrong_elements_are_found),
        Trial::test("a wrong factor is found", wrong_factors_are_found),
    ];
    for family in ALL.iter().filter(|family| has_gradient(family)) {
        // What a call computes knows of no tile.
        for case in (family.cases)().into_iter().filter(|case| case.tile.is_none() && is_small(case)) {
            trials.push(Trial::test(format!("{}::{}", family.name, case.name), move || check(&case)));
        }
    }
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

/// Operations up to which a case is computed some hundred times in a moment.
const SMALL: u64 = 2_000_000;

/// What a directional derivative may differ by, as a share of the gradient's norm.
const CLOSE: f64 = 1e-6;

/// Directions in which each gradient is compared.
const DIRECTIONS: usize = 3;

/// The step of the differences, which are extrapolated from it and its half.
const STEP: f64 = 3e-5;

/// The step where values that nearly tie for a maximum must not change places. Pooling is linear up to there, so that a
/// shorter step loses digits and nothing else.
const STEP_OF_MAXIMA: f64 = 1e-6;

/// Computes operations by their references as it takes them.
#[derive(Default)]
struct References(Vec<Exact>);

impl References {
    fn add(&mut self, value: Exact) -> TapeValue {
        self.0.push(value);
        TapeValue(self.0.len() - 1)
    }
}

impl Tape for References {
    fn call(&mut self, call: Call, inputs: &[Option<TapeValue>]) -> Result<Vec<TapeValue>> {
        call.validate()?;
        let operands = call.family().bindings.iter().zip(call.operands());
        let wanted = operands.filter(|(binding, _)| binding.access.reads()).map(|(_, shape)| shape);
        let given: Vec<_> = inputs.iter().map(|input| input.map(|value| &self.0[value.0])).collect();
        let wanted: Vec<_> = wanted.map(|shape| shape.map(|shape| shape.elements())).collect();
        let found: Vec<_> = given.iter().map(|input| input.map(|input| input.shape().elements())).collect();
        if wanted != found {
            return Err(Error::usage(format!("{call:?} is given {found:?} elements instead of {wanted:?}")));
        }
        let outputs = call.reference(&given)?;
        Ok(outputs.into_iter().map(|output| self.add(output)).collect())
    }
}

/// Whether kernels of this family declare a gradient: without operands it is an error, not nothing.
fn has_gradient(family: &Family) -> bool {
    let Some(case) = (family.cases)().into_iter().next() else { return false };
    let nothing = Backward::new(&[], &[], &[]);
    !matches!(case.call.gradient(&mut References::default(), &nothing), Ok(None))
}

/// Cases with a gradient that is 0 in theory: x̂ is, where every element of a row is its mean.
const NONE: [(&str, &str); 2] = [("layer_norm", "one element"), ("layer_norm", "constant rows")];

/// Inputs that have no gradient: nothing that is trained lies before them.
const UNWANTED: [(&str, &str); 4] = [
    ("tubelet_embed", "clip"),
    ("gated_sum", "gates"),
    ("cross_entropy", "targets"),
    ("sigmoid_cross_entropy", "targets"),
];

/// Whether a case can be compared: attention of some queries alone has no gradient.
fn is_small(case: &Case) -> bool {
    let Ok(tensors) = case.tensors() else { return false };
    let finite = |tensor: &Exact| tensor.reals().map_or(true, |values| values.iter().all(|value| value.is_finite()));
    case.checked
        && !NONE.contains(&(case.call.family().name, case.name.as_str()))
        && !case.name.ends_with("some queries")
        && case.precision == Precision::F32
        && case.call.cost(Precision::F32).operations < SMALL
        && case.call.operands().iter().flatten().all(|shape| shape.elements() < 200_000)
        && tensors.iter().flatten().all(|tensor| finite(&Exact::from(tensor)))
}

/// A call with its inputs and a cotangent for each output: how the loss grows with it.
struct Subject {
    call: Call,
    inputs: Vec<Option<Exact>>,
    cotangents: Vec<Exact>,
    random: ChaCha8Rng,
}

impl Subject {
    fn of(case: &Case) -> Result<Self> {
        let mut inputs: Vec<_> = case.tensors()?.iter().map(|input| input.as_ref().map(Exact::from)).collect();
        if shares_its_inputs(&*case.call) {
            inputs[1] = inputs[0].clone();
            inputs[2] = inputs[0].clone();
        }
        let mut random = ChaCha8Rng::seed_from_u64(11);
        let outputs = case.call.reference(&present(&inputs))?;
        let cotangent = |output: &Exact| Exact::from_reals(output.shape().clone(), uniform(&mut random, output));
        let cotangents = outputs.iter().map(cotangent).collect::<Result<_>>()?;
        Ok(Self { call: case.call.clone(), inputs, cotangents, random })
    }

    /// Σ cotangent · output.
    fn loss(&self, inputs: &[Option<Exact>]) -> Result<f64> {
        let outputs = self.call.reference(&present(inputs))?;
        // What only helps a backward pass is no output of the loss.
        Ok(dot(outputs[0].reals()?, self.cotangents[0].reals()?))
    }

    /// The gradient of each input; of those that are one value, together at the first.
    fn gradients(&self) -> Result<Vec<Option<Exact>>> {
        let mut tape = References::default();
        let shared = shares_its_inputs(&*self.call);
        let mut inputs: Vec<Option<TapeValue>> = Vec::new();
        for (index, input) in self.inputs.iter().enumerate() {
            let value = match shared && (1..3).contains(&index) {
                true => inputs[0],
                false => input.clone().map(|input| tape.add(input)),
            };
            inputs.push(value);
        }
        let outputs = tape.call(self.call.clone(), &inputs)?;
        let mut gradients: Vec<_> = self.cotangents.iter().map(|_| None).collect();
        gradients[0] = Some(tape.add(self.cotangents[0].clone()));
        let of = Backward::new(&inputs, &outputs, &gradients);
        let gradients = self.call.gradient(&mut tape, &of)?.ok_or_else(|| Error::usage("it has no gradient"))?;
        Ok(gradients.into_iter().map(|gradient| gradient.map(|value| tape.0[value.0].clone())).collect())
    }

    /// How the loss grows with input `index` in `direction`, from differences at two distances.
    fn difference(&self, index: usize, direction: &[f64]) -> Result<f64> {
        let at = |step: f64| {
            let mut inputs = self.inputs.clone();
            let together = if shares_its_inputs(&*self.call) && index < 3 { 0..3 } else { index..index + 1 };
            for input in inputs[together].iter_mut().flatten() {
                let moved = input.reals()?.iter().zip(direction).map(|(value, along)| value + step * along).collect();
                *input = Exact::from_reals(input.shape().clone(), moved)?;
            }
            self.loss(&inputs)
        };
        let central = |step: f64| Ok::<_, Error>((at(step)? - at(-step)?) / (2.0 * step));
        let step = if format!("{:?}", self.call).contains("pooling: Max") { STEP_OF_MAXIMA } else { STEP };
        Ok((4.0 * central(step / 2.0)? - central(step)?) / 3.0)
    }

    /// Whether an input must have a gradient: it is of floats, no other input has its gradient too, and it is no target.
    fn is_wanted(&self, index: usize) -> bool {
        let family = self.call.family();
        let binding = family.bindings.iter().filter(|binding| binding.access.reads()).nth(index);
        let together = shares_its_inputs(&*self.call) && (1..3).contains(&index);
        let is_float = binding.is_some_and(|binding| binding.element == Element::F32);
        let unwanted = binding.is_some_and(|binding| UNWANTED.contains(&(family.name, binding.name)));
        self.inputs[index].is_some() && is_float && !together && !unwanted
    }

    /// An error where one of `gradients` is missing or not wanted, is not what the differences say, or is next to nothing,
    /// so that whatever is compared with it agrees.
    fn compare(&mut self, gradients: &[Option<Exact>]) -> std::result::Result<(), Failed> {
        let mut compared = 0;
        for (index, gradient) in gradients.iter().enumerate() {
            if gradient.is_some() != self.is_wanted(index) {
                return Err(format!("input {index} has a gradient: {}", gradient.is_some()).into());
            }
            let Some(gradient) = gradient else { continue };
            let gradient = gradient.reals()?;
            let norm = dot(gradient, gradient).sqrt();
            if norm < 100.0 * Tolerance::KERNEL.relative_l2 {
                return Err(format!("input {index}: the gradient's norm is {norm:e}, next to nothing").into());
            }
            for _ in 0..DIRECTIONS {
                let direction: Vec<f64> = gradient.iter().map(|_| self.random.random_range(-1.0..1.0)).collect();
                let (expected, found) = (self.difference(index, &direction)?, dot(gradient, &direction));
                let error = (found - expected).abs() / norm;
                if error.is_nan() || error > CLOSE {
                    return Err(format!("input {index}: {found} instead of {expected}, {error:e} of {norm}").into());
                }
            }
            compared += 1;
        }
        if compared == 0 { Err("no input has a gradient".into()) } else { Ok(()) }
    }
}

fn check(case: &Case) -> std::result::Result<(), Failed> {
    let mut subject = Subject::of(case)?;
    let gradients = subject.gradients()?;
    for (gradient, input) in gradients.iter().zip(&subject.inputs) {
        if let (Some(gradient), Some(input)) = (gradient, input)
            && gradient.shape().elements() != input.shape().elements()
        {
            return Err(format!("a gradient of shape {} for an input of {}", gradient.shape(), input.shape()).into());
        }
    }
    subject.compare(&gradients)
}

/// Whether queries, keys and values are one tensor, whose gradient is theirs together.
fn shares_its_inputs(call: &dyn Operation) -> bool {
    call.family().bindings.iter().take(3).map(|binding| binding.name).eq(["query", "key", "value"])
}

fn present(inputs: &[Option<Exact>]) -> Vec<Option<&Exact>> {
    inputs.iter().map(Option::as_ref).collect()
}

fn uniform(random: &mut ChaCha8Rng, like: &Exact) -> Vec<f64> {
    (0..like.shape().elements()).map(|_| random.random_range(-1.0..1.0)).collect()
}

fn dot(one: &[f64], other: &[f64]) -> f64 {
    one.iter().zip(other).map(|(one, other)| one * other).sum()
}

/// A small case of the linear layer, whose gradients are right.
fn subject() -> Result<(Subject, Vec<Option<Exact>>)> {
    let linear = ALL.iter().find(|family| family.name == "linear").ok_or_else(|| Error::usage("no linear layer"))?;
    let case = (linear.cases)().into_iter().find(|case| case.name == "golden width");
    let subject = Subject::of(&case.ok_or_else(|| Error::usage("no case of golden width"))?)?;
    let gradients = subject.gradients()?;
    Ok((subject, gradients))
}

/// Each input's gradient, changed by `change` and compared, must be refused.
fn is_found(change: impl Fn(&mut [f64])) -> std::result::Result<(), Failed> {
    let (mut subject, gradients) = subject()?;
    subject.compare(&gradients)?;
    for index in (0..gradients.len()).filter(|index| gradients[*index].is_some()) {
        let mut wrong = gradients.clone();
        if let Some(gradient) = &mut wrong[index] {
            let mut values = gradient.reals()?.to_vec();
            change(&mut values);
            *gradient = Exact::from_reals(gradient.shape().clone(), values)?;
        }
        if subject.compare(&wrong).is_ok() {
            return Err(format!("nothing is found in the gradient of input {index}").into());
        }
    }
    Ok(())
}

fn wrong_elements_are_found() -> std::result::Result<(), Failed> {
    is_found(|gradient| gradient[gradient.len() / 2] += 0.01)
}

fn wrong_factors_are_found() -> std::result::Result<(), Failed> {
    is_found(|gradient| gradient.iter_mut().for_each(|value| *value *= 1.0001))?;
    is_found(|gradient| gradient.fill(0.0))
}
