//! Every checked case of every kernel, on every variant, against the naive reference.

mod common;

use std::process::ExitCode;

use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::kernels::ALL;
use tubelet::kernels::suite::{Outcome, check};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    for family in ALL {
        for case in (family.cases)().into_iter().filter(|case| case.checked) {
            for variant in family.variants_at(case.precision) {
                let case = case.clone();
                let name = format!("{}::{}::{}", family.name, variant.name, case.name);
                tests.add_on_gpu(name, move |device| match check(device, &case, variant) {
                    Outcome::Passed(_) => Ok(Shown::Passed),
                    Outcome::Unsupported(_) => Ok(Shown::Unsupported),
                    outcome => Err(Failed::from(outcome.to_string())),
                });
            }
        }
    }
    tests.run("kernels")
}
