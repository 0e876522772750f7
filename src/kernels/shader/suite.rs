//! Runs a case on a device and compares it with the reference.

use std::fmt;

use crate::gpu::{Buffer, Gpu, Pending};
use crate::kernels::contract::{Access, Binding, Case, rounded_reference};
use crate::kernels::shader::{Precision, ProgramBuilder, Variant};
use crate::tensor::{Allowance, Closeness, Element, Error, ErrorKind, Format, Result, Shape, Tensor, Tolerance};

/// The outcome of a case on a device.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Outcome {
    /// The device agrees with the reference.
    Passed(Closeness),
    /// The device disagrees, or could not compute the case.
    Failed(String),
    /// This device lacks what the variant needs.
    Unsupported(String),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed(closeness) => write!(f, "passed: {closeness}"),
            Self::Failed(reason) => write!(f, "FAILED: {reason}"),
            Self::Unsupported(missing) => write!(f, "unsupported: {missing}"),
        }
    }
}

/// Words behind every operand. A kernel that reads them reads NaN, one that writes them is found out.
const GUARD_WORDS: usize = 256;
/// A NaN with a payload that no computation makes: what outputs hold beforehand, and what follows every operand.
const POISON: u32 = 0x7fa5_5a5a;

/// Runs `case` on `device` with `variant` and compares every output with the reference.
///
/// Outputs are poisoned beforehand; behind every operand lies a guard of NaN that must neither be read with effect nor
/// be written.
///
/// ```no_run
/// use tubelet::gpu::Gpu;
/// use tubelet::kernels::{ALL, suite};
///
/// let gpu = Gpu::open(&Default::default())?;
/// for family in ALL {
///     for case in (family.cases)().into_iter().filter(|case| case.checked) {
///         for variant in family.variants() {
///             let outcome = suite::check(&gpu, &case, variant);
///             println!("{}, {}, {}: {outcome}", family.name, variant.name, case.name);
///         }
///     }
/// }
/// # Ok::<(), tubelet::Error>(())
/// ```
#[cfg(not(target_arch = "wasm32"))]
pub fn check(device: &Gpu, case: &Case, variant: &'static Variant) -> Outcome {
    check_async(device, case, variant).wait().unwrap_or_else(|error| Outcome::Failed(error.to_string()))
}

/// [`check`], as a future.
pub fn check_async<'a>(device: &'a Gpu, case: &'a Case, variant: &'static Variant) -> Pending<'a, Outcome> {
    Pending::new(async move {
        if let Some(missing) = variant.missing(device.capabilities()) {
            return Ok(Outcome::Unsupported(format!("{} lacks {missing}", device.capabilities().name)));
        }
        let family = case.call.family();
        if !family.variants_at(case.precision).iter().any(|at| std::ptr::eq(*at, variant)) {
            let (kernel, name, precision) = (family.name, variant.name, case.precision);
            return Ok(Outcome::Unsupported(format!(
                "{kernel}, variant {name}, is for another precision than {precision}"
            )));
        }
        let outcome = compare(device, case, variant).await;
        Ok(outcome.unwrap_or_else(|error| Outcome::Failed(error.to_string())))
    })
}

async fn compare(device: &Gpu, case: &Case, variant: &'static Variant) -> Result<Outcome> {
    let expected = Expectation::of(case)?;
    let actual = run(device, case, variant, &expected.present()).await?;
    Ok(expected.judge(case, &actual))
}

/// What a case is given, and what the reference makes of it: the same for all variants and devices.
#[doc(hidden)]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Expectation {
    /// One for each binding that reads; `None` where absent.
    pub inputs: Vec<Option<Tensor>>,
    /// The outputs for the operands as they are stored.
    pub outputs: Vec<Tensor>,
    /// The outputs for the exact operands, where storing rounds them.
    exact: Option<Vec<Tensor>>,
}

impl Expectation {
    /// Of the reference of `case`.
    pub fn of(case: &Case) -> Result<Self> {
        let inputs = case.tensors()?;
        let of = |tensors: &[Option<Tensor>]| {
            rounded_reference(&*case.call, &tensors.iter().map(Option::as_ref).collect::<Vec<_>>())
        };
        let outputs = of(&case.stored(&inputs)?)?;
        let exact = (case.precision != Precision::F32).then(|| of(&inputs)).transpose()?;
        Ok(Self { inputs, outputs, exact })
    }

    /// The inputs, as [`run`] takes them.
    pub fn present(&self) -> Vec<Option<&Tensor>> {
        self.inputs.iter().map(Option::as_ref).collect()
    }

    /// Compares with the reference for the operands as they are stored and, where storing rounds them, also with the
    /// reference for the exact operands.
    ///
    /// Outputs that are left as halves are compared with the latter alone, and their plain computation rounds, too: a sum
    /// that lies between two halves may become either.
    pub fn judge(&self, case: &Case, actual: &[Tensor]) -> Outcome {
        if actual.iter().any(|output| output.element() == Element::F16) {
            return self.judge_halves(case, actual).unwrap_or_else(|error| Outcome::Failed(error.to_string()));
        }
        match (judge(case, actual, &self.outputs), &self.exact) {
            (outcome, None) | (outcome @ Outcome::Failed(_), _) => outcome,
            (_, Some(exact)) => judge_stored(case, actual, &self.outputs, exact),
        }
    }

    fn judge_halves(&self, case: &Case, actual: &[Tensor]) -> Result<Outcome> {
        let as_left = |(plain, actual): (&Tensor, &Tensor)| match actual.element() {
            Element::F16 => plain.rounded_to(Element::F16),
            _ => Ok(plain.clone()),
        };
        let plain: Vec<_> = self.outputs.iter().zip(actual).map(as_left).collect::<Result<_>>()?;
        let actual: Vec<_> = actual.iter().map(Tensor::widened).collect::<Result<_>>()?;
        Ok(judge_stored(case, &actual, &plain, self.exact.as_ref().unwrap_or(&self.outputs)))
    }
}

/// Whether every output is as close as the case demands; the report is of the output that is farthest.
#[doc(hidden)]
pub fn judge(case: &Case, actual: &[Tensor], expected: &[Tensor]) -> Outcome {
    match case.allowances(expected) {
        Ok(allowances) => judge_within(&allowances, actual, expected),
        Err(error) => Outcome::Failed(error.to_string()),
    }
}

/// Whether what was computed from operands of fewer bits is at most twice as far from `exact` as the `plain` computation
/// with the same bits is.
fn judge_stored(case: &Case, actual: &[Tensor], plain: &[Tensor], exact: &[Tensor]) -> Outcome {
    let twice = |(plain, exact): (&Tensor, &Tensor)| match Closeness::between(plain, exact) {
        Some(Closeness { relative_l2, share_of_peak, .. }) => Tolerance {
            relative_l2: case.tolerance.relative_l2.max(2.0 * relative_l2),
            share_of_peak: case.tolerance.share_of_peak.max(2.0 * share_of_peak),
        },
        None => case.tolerance,
    };
    let allowances: Vec<_> = plain.iter().zip(exact).map(twice).map(Allowance::from).collect();
    judge_within(&allowances, actual, exact)
}

fn judge_within(allowances: &[Allowance], actual: &[Tensor], expected: &[Tensor]) -> Outcome {
    let mut farthest: Option<Closeness> = None;
    for (output, ((actual, expected), allowance)) in actual.iter().zip(expected).zip(allowances).enumerate() {
        let Some(closeness) = allowance.closeness(actual, expected) else {
            return Outcome::Failed(format!(
                "output {output} has shape {} instead of {}",
                actual.shape(),
                expected.shape()
            ));
        };
        if closeness.share_of_bound.is_none_or(|share| share > 1.0) {
            return Outcome::Failed(format!("output {output}: {closeness}"));
        }
        if farthest.as_ref().is_none_or(|farthest| closeness.share_of_bound > farthest.share_of_bound) {
            farthest = Some(closeness);
        }
    }
    match farthest {
        Some(closeness) if actual.len() == expected.len() => Outcome::Passed(closeness),
        _ => Outcome::Failed(format!("{} outputs instead of {}", actual.len(), expected.len())),
    }
}

/// Runs `case` alone on `device` with guards behind its `inputs` (`None` where absent), and reads the outputs back, in the
/// elements in which they were left.
///
/// An error where the kernel wrote behind an output, or the device failed.
#[doc(hidden)]
pub fn run<'a>(
    device: &'a Gpu,
    case: &'a Case,
    variant: &'static Variant,
    inputs: &'a [Option<&'a Tensor>],
) -> Pending<'a, Vec<Tensor>> {
    Pending::new(outputs(device, case, variant, inputs))
}

async fn outputs(
    device: &Gpu,
    case: &Case,
    variant: &'static Variant,
    inputs: &[Option<&Tensor>],
) -> Result<Vec<Tensor>> {
    let call = &*case.call;
    let family = call.family();
    call.validate().map_err(|error| error.within(family.name))?;
    let plan = case.plan(variant, device.capabilities());
    let device = &device.restricted(|capabilities| *capabilities = case.device(capabilities));
    let plan =
        plan.map_err(|unfit| Error::unsupported(format!("{}, variant {}: {unfit}", family.name, variant.name)))?;
    let mut given = inputs.iter();
    let mut buffers = Vec::new();
    for (index, (binding, shape)) in family.bindings.iter().zip(call.operands()).enumerate() {
        buffers.push(match (binding.access, shape) {
            (Access::Read | Access::Update, None) => {
                given.next();
                None
            }
            (Access::Read | Access::Update, Some(_)) => {
                let tensor = given.next().copied().flatten().ok_or_else(|| {
                    Error::usage(format!("kernel {}: input {} is missing", family.name, binding.name))
                })?;
                Some(guarded(device, binding, &plan.formats[index].bytes_of(tensor)?).await?)
            }
            (Access::Write, None) => None,
            (Access::Write, Some(shape)) => Some(poisoned(device, binding, plan.formats[index].bytes(&shape)).await?),
            (Access::Scratch, _) => match plan.scratch[index] {
                0 => None,
                bytes => Some(poisoned(device, binding, bytes).await?),
            },
        });
    }
    let (scratch, formats) = (plan.scratch.clone(), plan.formats.clone());
    let mut builder = ProgramBuilder::new(device).await?;
    builder.call(family, plan, buffers.clone());
    let program = builder.finish().await?;
    let mut commands = device.commands();
    commands.dispatch(program.dispatches());
    commands.run().await?;
    let mut outputs = Vec::new();
    let operands = family.bindings.iter().zip(call.operands()).zip(scratch).zip(formats);
    for ((((binding, shape), scratch), format), buffer) in operands.zip(&buffers) {
        match (binding.access, shape, buffer) {
            (Access::Write | Access::Update, Some(shape), Some(buffer)) => {
                outputs.push(collect(device, binding, format, shape, buffer).await?);
            }
            (Access::Scratch, _, Some(buffer)) => {
                within_guard(device, binding, scratch, buffer).await?;
            }
            _ => {}
        }
    }
    Ok(outputs)
}

async fn poisoned(device: &Gpu, binding: &Binding, bytes: u64) -> Result<Buffer> {
    let words = vec![POISON; (bytes as usize).div_ceil(size_of_val(&POISON))];
    guarded(device, binding, bytemuck::cast_slice(&words)).await
}

async fn guarded(device: &Gpu, binding: &Binding, bytes: &[u8]) -> Result<Buffer> {
    let mut content = bytes.to_vec();
    content.extend_from_slice(bytemuck::cast_slice(&[POISON; GUARD_WORDS]));
    device.buffer_with(binding.name, &content).await
}

/// The `bytes` of an operand before its guard; an error where that was written.
async fn within_guard(device: &Gpu, binding: &Binding, bytes: u64, buffer: &Buffer) -> Result<Vec<u8>> {
    let mut content = device.read(buffer, 0..bytes + size_of_val(&[POISON; GUARD_WORDS]) as u64).await?;
    let guard = content.split_off(bytes as usize);
    let words: Vec<u32> = bytemuck::pod_collect_to_vec(&guard);
    if let Some(index) = words.iter().position(|word| *word != POISON) {
        return Err(Error::new(
            ErrorKind::Device,
            format!("wrote behind {}: {} elements after its end", binding.name, index + 1),
        ));
    }
    Ok(content)
}

async fn collect(device: &Gpu, binding: &Binding, format: Format, shape: Shape, buffer: &Buffer) -> Result<Tensor> {
    let mut values = within_guard(device, binding, format.bytes(&shape), buffer).await?;
    let unwritten = |word: &u32| *word == POISON;
    if let Some(index) = bytemuck::pod_collect_to_vec::<u8, u32>(&values).iter().position(unwritten)
        && binding.element == Element::F32
    {
        return Err(Error::new(ErrorKind::Device, format!("left element {index} of {} unwritten", binding.name)));
    }
    // An odd number of halves ends within a word.
    values.truncate(format.element.bytes_of(shape.elements()) as usize);
    Tensor::from_bytes(shape, format.element, &values)
}
