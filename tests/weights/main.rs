//! How weights lie on a device must not show in what is computed, but for the rounding that was asked for.

#[path = "../common/mod.rs"]
mod common;
mod graphs;
mod halves;
mod held;
mod updates;
mod written;

use std::process::ExitCode;

use common::DeviceTests;
use common::small::models;
use tubelet::graph::Device;
use tubelet::kernels::Precision;
use updates::Prepared;

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    for (title, model) in models() {
        for variants in ["", "plain", "workgroup"] {
            tests.add(format!("f16 weights: {title}: {variants}"), move |device| {
                halves::f16_weights(device, model, variants)
            });
        }
    }
    for (title, model) in models() {
        for variants in ["", "plain", "workgroup"] {
            tests.add(format!("f16: {title}: {variants}"), move |device| halves::f16(device, model, variants));
        }
    }
    for folder in ["hf-tiny", "scenic-model1", "scenic-model2", "scenic-model3", "scenic-model4"] {
        tests.add(format!("f16: {folder}"), move |device| halves::f16_checkpoint(device, folder));
    }
    tests.add("what kernels of f16 hand on to one another lies as f16", halves::handed_on_as_halves);
    tests.add("a device without f16 says so", halves::without_f16);
    tests.add("f16 weights take half the memory", halves::half_the_memory);
    tests.add("a computed weight is repacked", held::computed_weight);
    tests.add_without_device("only kernels in WGSL have f16", halves::only_in_wgsl);
    for first in [Prepared::Reader, Prepared::Trainer] {
        for precision in [Precision::F32, Precision::F16Weights] {
            let title = format!("a step is seen by every graph: {first:?} first: {precision:?}");
            tests.add(title, move |device| updates::steps(device, precision, first));
        }
        tests.add_without_device(format!("a step is seen by every graph: {first:?} first: references"), move || {
            updates::steps(&Device::references(), F32, first).map(drop)
        });
        #[cfg(feature = "cpu")]
        tests.add_without_device(format!("a step is seen by every graph: {first:?} first: host"), move || {
            updates::steps(&Device::host(Some(2))?, F32, first).map(drop)
        });
    }
    for precision in [Precision::F32, Precision::F16Weights] {
        let title = format!("what is written is seen by every graph: {precision:?}");
        tests.add(title, move |device| written::at_any_time(device, precision));
    }
    tests.add_without_device("what is written is seen by every graph: references", || {
        written::at_any_time(&Device::references(), F32).map(drop)
    });
    #[cfg(feature = "cpu")]
    tests.add_without_device("what is written is seen by every graph: host", || {
        written::at_any_time(&Device::host(Some(2))?, F32).map(drop)
    });
    tests.add_everywhere("a part of a stack is written", written::part_of_a_stack);
    tests.add_without_device("a part of a stack is written: references", || {
        written::part_of_a_stack(&Device::references()).map(drop)
    });
    tests.add_everywhere("what cannot be written is refused", written::refused);
    tests.add_everywhere("a weight is read between two steps", updates::between_two_steps);
    tests.add_everywhere("steps that are taken at the same time are all taken", updates::simultaneous_steps);
    tests.add_everywhere("a pass sees whole steps", updates::whole_steps);
    tests.add_without_device("a pass sees whole steps: references", || {
        updates::whole_steps(&Device::references()).map(drop)
    });
    tests.add_everywhere("a part of a stack is read", held::part_of_a_stack);
    tests.add_everywhere("weights of another device are refused", held::weights_elsewhere);
    tests.add_everywhere("what is fed is updated in memory of its own", updates::fed_values);
    tests.add_everywhere("weights are stacked alike where they are updated", held::stacked_alike);
    tests.run("weights")
}

const F32: Precision = Precision::F32;
