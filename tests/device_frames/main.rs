//! Frames in textures and buffers of an application give what the same frames give as a clip in host memory, to the last
//! bit; what cannot be a clip is an error of usage.

mod applications;
#[path = "../common/mod.rs"]
mod common;
mod frames;
mod pictures;
mod refusals;
mod results;

use std::process::ExitCode;

use common::DeviceTests;
use common::small::{config, load, parameters};
use libtest_mimic::Failed;
use tubelet::graph::Device;
use tubelet::tensor::ErrorKind;
use tubelet::vivit;
use tubelet::{Result, Vivit};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    tests.add_on_gpu("textures and buffers are prepared as clips", frames::textures_and_buffers_are_prepared_as_clips);
    tests.add_on_gpu("large frames are prepared in groups", frames::large_frames_are_prepared_in_groups);
    tests.add_on_gpu("frames of long rows are prepared in groups", frames::frames_of_long_rows_are_prepared_in_groups);
    tests.add_on_gpu("every verb takes them", frames::every_verb_takes_them);
    tests.add_on_gpu("what was submitted before is seen", frames::what_was_submitted_before_is_seen);
    tests.add_on_gpu("frames are selected", frames::frames_are_selected);
    tests.add("results left on the device are those in host memory", results::results_left_on_the_device);
    tests.add_everywhere(
        "parts are joined along the axis on which they are smaller",
        results::parts_are_joined_along_an_axis,
    );
    tests.add_everywhere("what are no parts is an error of usage", results::what_are_no_parts_is_an_error);
    tests.add_on_gpu("parts of a batch are joined on the device", results::parts_of_a_batch_are_joined);
    tests.add_on_gpu("what is no frame is an error of usage", refusals::what_is_no_frame_is_an_error);
    tests.add_on_gpu("what wgpu alone knows is an error of usage", applications::what_wgpu_alone_knows_is_an_error);
    tests.add_on_gpu(
        "frames of another device are an error of usage",
        applications::frames_of_another_device_are_an_error,
    );
    tests.add_on_gpu("a lost device is told from another", applications::a_lost_device_is_told_from_another);
    tests.add_on_gpu("a device without a GPU refuses them", refusals::a_device_without_a_gpu_refuses_them);
    tests.run_in_turn("device_frames")
}

/// A small model of every kind.
fn small(device: &Device, model: vivit::Model) -> Result<Vivit, Failed> {
    let config = config(model);
    load(device, &config, parameters(&config)?)
}

/// Checks that `outcome` is an error of usage that has these words.
fn refused<T>(outcome: Result<T>, words: &[&str]) {
    let error = outcome.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert!(words.iter().all(|word| error.to_string().contains(word)), "{error}: {words:?}");
    assert!(!error.to_string().contains('\n'), "{error}");
}
