//! Every checked case of every kernel, on every variant, against the naive reference; and what they err by.

mod common;
#[path = "common/errors.rs"]
mod errors;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

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
    let lacking: Arc<Mutex<BTreeSet<String>>> = Arc::default();
    for family in ALL {
        for case in (family.cases)().into_iter().filter(|case| case.checked) {
            for variant in case.variants() {
                let (case, errors, lacking) = (case.clone(), errors.clone(), lacking.clone());
                let name = format!("{}::{}::{}", family.name, variant.name, case.name);
                tests.add_on_gpu(name, move |device| match check(device, &case, variant) {
                    Outcome::Passed(closeness) => {
                        errors.record(&case, variant.name, &closeness);
                        Ok(Shown::Passed)
                    }
                    Outcome::Unsupported(reason) => {
                        lacking.lock().map_err(|poisoned| poisoned.to_string())?.insert(reason);
                        Ok(Shown::Unsupported)
                    }
                    outcome => Err(Failed::from(outcome.to_string())),
                });
            }
        }
    }
    tests.add_without_device("docs/errors.md lists every kernel with its bound", errors::are_listed);
    let device = tests.gpu().map(|gpu| gpu.capabilities().clone());
    let code = tests.run("kernels");
    if let Ok(lacking) = lacking.lock() {
        lacking.iter().for_each(|reason| println!("unsupported: {reason}"));
    }
    if let Some(device) = device {
        errors.write(&format!("{}, {}", device.name, device.driver));
    }
    code
}
