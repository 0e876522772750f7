//! Every case of every kernel, on every variant, against the naive reference.
//!
//! A harness of its own so that four outcomes are told apart: passed, failed, skipped (no device here) and unsupported
//! (this device lacks what the variant needs). With `TUBELET_REQUIRE_GPU=1` a missing device is a failure.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};
use tubelet::gpu::Device;
use tubelet::kernels::suite::{Outcome, check};
use tubelet::kernels::{ALL, Case, Family, Variant};

static UNSUPPORTED: AtomicUsize = AtomicUsize::new(0);

fn main() -> std::process::ExitCode {
    let arguments = Arguments::from_args();
    let device = match common::device() {
        Ok(device) => device,
        Err(error) => return common::without_device(&error),
    };
    let mut trials = Vec::new();
    for family in ALL {
        for case in (family.cases)() {
            for variant in family.variants {
                trials.push(trial(device.as_ref(), family, case.clone(), variant));
            }
        }
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    let unsupported = UNSUPPORTED.load(Ordering::Relaxed);
    println!(
        "kernels: {} passed, {} failed, {} skipped, {unsupported} unsupported",
        conclusion.num_passed as usize - unsupported,
        conclusion.num_failed,
        conclusion.num_ignored,
    );
    conclusion.exit_code()
}

fn trial(device: Option<&Device>, family: &'static Family, case: Case, variant: &'static Variant) -> Trial {
    let name = format!("{}::{}::{}", family.name, variant.name, case.name.replace(' ', "_"));
    let Some(device) = device.cloned() else {
        return Trial::test(name, || Ok(())).with_ignored_flag(true).with_kind("skipped, no device");
    };
    Trial::test(name, move || match check(&device, &case, variant) {
        Outcome::Passed(_) => Ok(()),
        Outcome::Failed(reason) => Err(Failed::from(reason)),
        Outcome::Unsupported(_) => {
            UNSUPPORTED.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    })
}
