//! Every checked case of every kernel on the host's processor, against the naive reference, with the same bits for any
//! number of threads.

#[path = "common/errors.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod errors;

use std::process::ExitCode;
use std::sync::Arc;

use errors::{Errors, HOST};
use libtest_mimic::{Arguments as Options, Failed, Trial};
use tubelet::ErrorKind;
use tubelet::graph::Device;
use tubelet::kernels::host::{Arguments, Operand, OperandMut, Threads};
use tubelet::kernels::rows::LayerNorm;
use tubelet::kernels::suite::{Outcome, judge};
use tubelet::kernels::{ALL, Access, Case, Family, Kernel, Planned, Reference, rounded_reference};
use tubelet::tensor::{Data, Element, Result, Shape, Tensor};

/// A NaN with a payload that no computation makes.
const POISON: u32 = 0x7fa5_5a5a;

fn main() -> ExitCode {
    let threads: Vec<_> = [1, 2, 3].into_iter().map(|count| Threads::new(Some(count)).unwrap()).collect();
    let threads = Arc::new(threads);
    let mut trials = vec![Trial::test("a kernel without an implementation says so", says_so)];
    let errors = Errors::default();
    for family in ALL {
        for case in (family.cases)().into_iter().filter(|case| case.checked) {
            let (threads, errors) = (threads.clone(), errors.clone());
            trials
                .push(Trial::test(format!("{}::{}", family.name, case.name), move || check(&case, &threads, &errors)));
        }
    }
    let code = libtest_mimic::run(&Options::from_args(), trials).exit_code();
    if let Ok(device) = Device::host(Some(1)) {
        errors.write(device.name());
    }
    code
}

/// A kernel that leaves [`Kernel::HOST`] out.
#[derive(Debug)]
struct Elsewhere(LayerNorm);

impl Kernel for Elsewhere {
    const FAMILY: &'static Family = LayerNorm::FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &[];
    const REFERENCE: Reference<Self> = |call, inputs| LayerNorm::REFERENCE(&call.0, inputs);

    fn operands(&self) -> Vec<Option<Shape>> {
        Kernel::operands(&self.0)
    }

    fn validate(&self) -> Result<()> {
        Kernel::validate(&self.0)
    }

    fn operations(&self) -> u64 {
        self.0.operations()
    }
}

fn says_so() -> Result<(), Failed> {
    let case = Case::new("elsewhere", Elsewhere(LayerNorm { rows: 1, width: 4, epsilon: 1e-6 }));
    match run(&case, &Threads::new(Some(1))?) {
        Err(error) if error.kind() == ErrorKind::Unsupported && error.to_string().contains("layer_norm") => Ok(()),
        outcome => Err(format!("{outcome:?}").into()),
    }
}

fn check(case: &Case, threads: &[Threads], errors: &Errors) -> Result<(), Failed> {
    let inputs = case.tensors()?;
    let present: Vec<_> = inputs.iter().map(Option::as_ref).collect();
    let expected = rounded_reference(&*case.call, &present)?;
    let mut first: Option<Vec<Tensor>> = None;
    for threads in threads {
        let actual = run(case, threads)?;
        match judge(case, &actual, &expected) {
            Outcome::Passed(closeness) => errors.record(case, HOST, &closeness),
            outcome => return Err(format!("{} threads: {outcome}", threads.count()).into()),
        }
        let bits = |tensors: &[Tensor]| tensors.iter().map(|tensor| tensor.as_bytes().to_vec()).collect::<Vec<_>>();
        match &first {
            None => first = Some(actual),
            Some(first) if bits(first) != bits(&actual) => {
                return Err(format!("{} threads give other bits than one", threads.count()).into());
            }
            Some(_) => {}
        }
    }
    Ok(())
}

/// The outputs of a case, poisoned before it runs.
fn run(case: &Case, threads: &Threads) -> Result<Vec<Tensor>> {
    let inputs = case.tensors()?;
    let operand = |tensor| match Tensor::element(tensor) {
        Element::U32 => Tensor::as_u32(tensor).map(Operand::U32),
        _ => Tensor::as_f32(tensor).map(Operand::F32),
    };
    let poisoned = |element, shape: &Shape| match element {
        Element::U32 => Data::U32(vec![POISON; shape.elements()]),
        _ => Data::F32(vec![f32::from_bits(POISON); shape.elements()]),
    };
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
    let memory = outputs.iter_mut().map(|data| match data {
        Data::F32(values) => OperandMut::F32(values),
        Data::U32(values) => OperandMut::U32(values),
        _ => unreachable!("outputs are floats or words"),
    });
    case.call.host(&mut Arguments::new(operands, memory.collect()), threads)?;
    shapes.into_iter().zip(outputs).map(|(shape, data)| Tensor::new(shape, data)).collect()
}
