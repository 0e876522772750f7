//! What several test programs share.
#![allow(dead_code, reason = "each test program uses its own part")]

use tubelet::gpu::{Choice, Device, DeviceOptions};
use tubelet::tensor::{Error, ErrorKind};

/// The device that tests run on: `TUBELET_DEVICE`, else the fastest; `None` where there is none and none is required.
pub(crate) fn device() -> Result<Option<Device>, Error> {
    let choice = match std::env::var("TUBELET_DEVICE") {
        Ok(name) => name.parse()?,
        Err(_) => Choice::Fastest,
    };
    match Device::open(&DeviceOptions { choice, checks: true }) {
        Ok(device) => Ok(Some(device)),
        Err(error) if error.kind() == ErrorKind::NoDevice && !required() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The device of a test that cannot do without; says `skipped` where there is none and none is required.
pub(crate) fn device_or_skip(test: &str) -> Option<Device> {
    let device = device().unwrap_or_else(|error| panic!("{test}: {error}"));
    if device.is_none() {
        eprintln!("{test}: skipped, no device");
    }
    device
}

/// Whether a missing device is a failure.
pub(crate) fn required() -> bool {
    std::env::var("TUBELET_REQUIRE_GPU").is_ok_and(|value| value == "1")
}

/// Reports that a required device is missing.
pub(crate) fn without_device(error: &Error) -> std::process::ExitCode {
    eprintln!("{error}");
    println!("0 passed, 1 failed");
    std::process::ExitCode::FAILURE
}
