//! Every checked case of every kernel, on every variant, against the naive reference; and what they err by.

mod common;
#[path = "common/errors.rs"]
mod errors;

use std::process::ExitCode;

use common::{DeviceTests, Shown};
use errors::Errors;
use libtest_mimic::Failed;
use tubelet::kernels::ALL;
use tubelet::kernels::suite::{Outcome, check};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    let errors = Errors::default();
    for family in ALL {
        for case in (family.cases)().into_iter().filter(|case| case.checked) {
            for variant in family.variants_at(case.precision) {
                let (case, errors) = (case.clone(), errors.clone());
                let name = format!("{}::{}::{}", family.name, variant.name, case.name);
                tests.add_on_gpu(name, move |device| match check(device, &case, variant) {
                    Outcome::Passed(closeness) => {
                        errors.record(&case, variant.name, &closeness);
                        Ok(Shown::Passed)
                    }
                    Outcome::Unsupported(_) => Ok(Shown::Unsupported),
                    outcome => Err(Failed::from(outcome.to_string())),
                });
            }
        }
    }
    tests.add_without_device("docs/errors.md lists every kernel with its bound", errors::are_listed);
    let device = tests.gpu().map(|gpu| gpu.capabilities().clone());
    let code = tests.run("kernels");
    if let Some(device) = device {
        errors.write(&format!("{}, {}", device.name, device.driver));
    }
    code
}
