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
use tubelet::kernels::host::{Threads, suite};
use tubelet::kernels::rows::LayerNorm;
use tubelet::kernels::suite::{Expectation, Outcome};
use tubelet::kernels::{ALL, Case, Family, Kernel, Planned, Precision, Reference};
use tubelet::tensor::{Result, Shape};

fn main() -> ExitCode {
    let threads: Vec<_> = [1, 2, 3].into_iter().map(|count| Threads::new(Some(count)).unwrap()).collect();
    let threads = Arc::new(threads);
    let mut trials = vec![Trial::test("a kernel without an implementation says so", says_so)];
    let errors = Errors::default();
    for family in ALL {
        // Tiles of workgroups have no edges here.
        for case in (family.cases)().into_iter().filter(|case| case.checked && case.tile.is_none()) {
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
    match suite::run(&case, &case.tensors()?, &Threads::new(Some(1))?) {
        Err(error) if error.kind() == ErrorKind::Unsupported && error.to_string().contains("layer_norm") => Ok(()),
        outcome => Err(format!("{outcome:?}").into()),
    }
}

/// The whole of f16 weights, for the host keeps weights in f32.
fn check(case: &Case, threads: &[Threads], errors: &Errors) -> Result<(), Failed> {
    let case = case.clone().precision(Precision::F32);
    match suite::check(&case, &Expectation::of(&case)?, threads)?.outcome {
        Outcome::Passed(closeness) => {
            errors.record(&case, HOST, &closeness);
            Ok(())
        }
        outcome => Err(outcome.to_string().into()),
    }
}
