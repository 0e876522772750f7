//! Runs a case on the host's processor and compares it with the reference.

use crate::kernels::contract::{Access, Case};
use crate::kernels::host::{Arguments, Operand, OperandMut, Threads};
use crate::kernels::shader::suite::{Expectation, Outcome};
use crate::tensor::{Data, Element, Error, Result, Shape, Tensor};

/// A NaN with a payload that no computation makes: what outputs hold beforehand.
const POISON: u32 = 0x7fa5_5a5a;

/// What a case has become on the host.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HostRun {
    /// Whether it agrees with the reference, with the same bits for any number of threads.
    pub outcome: Outcome,
    /// The outputs of the number of threads that decided.
    pub actual: Vec<Tensor>,
}

/// Runs `case` with each of `threads` in turn and compares every output with the reference, and its bits with those of the
/// first.
///
/// An error where the kernel has no implementation on the host, or it fails.
pub fn check(case: &Case, expected: &Expectation, threads: &[Threads]) -> Result<HostRun> {
    let mut first: Option<HostRun> = None;
    for threads in threads {
        let within = |error: Error| error.within(format!("{} threads", threads.count()));
        let actual = run(case, &expected.inputs, threads).map_err(within)?;
        let outcome = expected.judge(case, &actual);
        if let Outcome::Failed(reason) = outcome {
            return Ok(HostRun { outcome: Outcome::Failed(format!("{} threads: {reason}", threads.count())), actual });
        }
        match &first {
            None => first = Some(HostRun { outcome, actual }),
            Some(first) if bits(&first.actual) != bits(&actual) => {
                let reason = format!("{} threads give other bits than fewer", threads.count());
                return Ok(HostRun { outcome: Outcome::Failed(reason), actual });
            }
            Some(_) => {}
        }
    }
    first.ok_or_else(|| Error::usage("no threads to run a case"))
}

fn bits(tensors: &[Tensor]) -> Vec<&[u8]> {
    tensors.iter().map(Tensor::as_bytes).collect()
}

/// The outputs of a case for `inputs`, one for each binding that reads; poisoned before it runs.
pub fn run(case: &Case, inputs: &[Option<Tensor>], threads: &Threads) -> Result<Vec<Tensor>> {
    let mut given = inputs.iter();
    let (mut operands, mut outputs, mut shapes) = (Vec::new(), Vec::new(), Vec::new());
    for (binding, shape) in case.call.family().bindings.iter().zip(case.call.operands()) {
        let tensor = if binding.access.reads() { given.next().and_then(Option::as_ref) } else { None };
        match (binding.access, shape) {
            (Access::Read, _) => operands.push(tensor.map(operand).transpose()?),
            (Access::Write | Access::Update, Some(shape)) => {
                outputs.push(tensor.map_or_else(|| poisoned(binding.element, &shape), |tensor| tensor.data().clone()));
                shapes.push(shape);
            }
            _ => {}
        }
    }
    let memory: Vec<_> = outputs.iter_mut().map(operand_to_write).collect::<Result<_>>()?;
    case.call.host(&mut Arguments::new(operands, memory), threads)?;
    shapes.into_iter().zip(outputs).map(|(shape, data)| Tensor::new(shape, data)).collect()
}

fn operand(tensor: &Tensor) -> Result<Operand<'_>> {
    match tensor.element() {
        Element::U32 => tensor.as_u32().map(Operand::U32),
        _ => tensor.as_f32().map(Operand::F32),
    }
}

fn operand_to_write(data: &mut Data) -> Result<OperandMut<'_>> {
    match data {
        Data::F32(values) => Ok(OperandMut::F32(values)),
        Data::U32(values) => Ok(OperandMut::U32(values)),
        Data::F16(_) => Err(Error::unsupported("outputs are floats of 32 bits or words")),
    }
}

fn poisoned(element: Element, shape: &Shape) -> Data {
    match element {
        Element::U32 => Data::U32(vec![POISON; shape.elements()]),
        _ => Data::F32(vec![f32::from_bits(POISON); shape.elements()]),
    }
}
