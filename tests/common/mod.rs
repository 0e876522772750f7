//! What several test programs share.
#![allow(dead_code, reason = "each test program uses its own part")]

pub(crate) mod executor;
pub(crate) mod formula;
pub(crate) mod small;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};
use tubelet::gpu;
use tubelet::graph::{Device, DeviceChoice, DeviceOptions};
use tubelet::tensor::{Error, ErrorKind};

/// Tests that need a device, with four outcomes told apart: passed, failed, skipped (no device here) and unsupported
/// (this device lacks what the test needs).
pub(crate) struct DeviceTests {
    device: Option<Device>,
    trials: Vec<Trial>,
    unsupported: Arc<AtomicUsize>,
}

/// A test on the device that runs WGSL, by name.
pub(crate) type DeviceTest = (&'static str, fn(&gpu::Gpu));

/// A test of models on the device, by name.
pub(crate) type ModelTest = (&'static str, fn(&Device));

/// What a test that did not fail has shown.
pub(crate) enum Shown {
    /// That it passes.
    Passed,
    /// That this device lacks something.
    Unsupported,
}

impl DeviceTests {
    /// Opens the device that `TUBELET_DEVICE` names, else the fastest; with `TUBELET_WEBGPU=1` held to what browsers allow. Where there is none all tests are skipped, unless
    /// `TUBELET_REQUIRE_GPU=1` makes that a failure.
    pub(crate) fn open() -> Result<Self, ExitCode> {
        match device() {
            Ok(device) => Ok(Self { device, trials: Vec::new(), unsupported: Arc::default() }),
            Err(error) => {
                eprintln!("{error}");
                println!("0 passed, 1 failed");
                Err(ExitCode::FAILURE)
            }
        }
    }

    /// The device that runs WGSL, to decide what to test; `None` where there is none.
    pub(crate) fn gpu(&self) -> Option<&gpu::Gpu> {
        self.device.as_ref().and_then(|device| device.gpu())
    }

    /// A test of models on the device, and once more on the host's own processor.
    pub(crate) fn add_everywhere(
        &mut self,
        name: impl Into<String>,
        test: impl Fn(&Device) -> Result<Shown, Failed> + Clone + Send + 'static,
    ) {
        let name = name.into();
        #[cfg(feature = "cpu")]
        {
            let test = test.clone();
            self.add_without_device(format!("{name}::host"), move || match test(&Device::host(None)?)? {
                Shown::Passed => Ok(()),
                Shown::Unsupported => Err("the host lacks something".into()),
            });
        }
        self.add(name, test);
    }

    /// A test of what runs WGSL.
    pub(crate) fn add_on_gpu(
        &mut self,
        name: impl Into<String>,
        test: impl FnOnce(&gpu::Gpu) -> Result<Shown, Failed> + Send + 'static,
    ) {
        self.add(name, move |device| test(device.gpu().ok_or("the device runs no WGSL")?));
    }

    /// A test on the device.
    pub(crate) fn add(
        &mut self,
        name: impl Into<String>,
        test: impl FnOnce(&Device) -> Result<Shown, Failed> + Send + 'static,
    ) {
        let (name, unsupported) = (name.into().replace(' ', "_"), self.unsupported.clone());
        self.trials.push(match self.device.clone() {
            None => Trial::test(name, || Ok(())).with_ignored_flag(true).with_kind("skipped, no device"),
            Some(device) => Trial::test(name, move || {
                if let Shown::Unsupported = test(&device)? {
                    unsupported.fetch_add(1, Ordering::Relaxed);
                }
                Ok(())
            }),
        });
    }

    /// Tests of what runs WGSL that fail by panicking.
    pub(crate) fn add_all(&mut self, tests: &[DeviceTest]) {
        for &(name, test) in tests {
            self.add_on_gpu(name, move |device| {
                test(device);
                Ok(Shown::Passed)
            });
        }
    }

    /// Tests of models on the device that fail by panicking.
    pub(crate) fn add_all_models(&mut self, tests: &[ModelTest]) {
        for &(name, test) in tests {
            self.add(name, move |device| {
                test(device);
                Ok(Shown::Passed)
            });
        }
    }

    /// A test that needs no device.
    pub(crate) fn add_without_device(
        &mut self,
        name: impl Into<String>,
        test: impl FnOnce() -> Result<(), Failed> + Send + 'static,
    ) {
        self.trials.push(Trial::test(name.into().replace(' ', "_"), test));
    }

    /// Runs them all and prints how many there were of each outcome.
    pub(crate) fn run(self, title: &str) -> ExitCode {
        self.run_with(title, Arguments::from_args())
    }

    /// [`run`](Self::run), one after another.
    pub(crate) fn run_in_turn(self, title: &str) -> ExitCode {
        self.run_with(title, Arguments { test_threads: Some(1), ..Arguments::from_args() })
    }

    fn run_with(self, title: &str, arguments: Arguments) -> ExitCode {
        let conclusion = libtest_mimic::run(&arguments, self.trials);
        let unsupported = self.unsupported.load(Ordering::Relaxed);
        println!(
            "{title}: {} passed, {} failed, {} skipped, {unsupported} unsupported",
            conclusion.num_passed as usize - unsupported,
            conclusion.num_failed,
            conclusion.num_ignored,
        );
        conclusion.exit_code()
    }
}

/// The device that tests run on; `None` where there is none and none is required.
fn device() -> Result<Option<Device>, Error> {
    let choice = match std::env::var("TUBELET_DEVICE") {
        Ok(name) => name.parse()?,
        Err(_) => DeviceChoice::Gpu(gpu::GpuChoice::Fastest),
    };
    let webgpu = std::env::var("TUBELET_WEBGPU").is_ok_and(|value| value == "1");
    let required = std::env::var("TUBELET_REQUIRE_GPU").is_ok_and(|value| value == "1");
    match Device::open(&DeviceOptions::new().choice(choice).webgpu(webgpu)) {
        Ok(device) => Ok(Some(device)),
        Err(error) if error.kind() == ErrorKind::NoDevice && !required => Ok(None),
        Err(error) => Err(error),
    }
}

/// A file or folder of `tests/data`, or of `TUBELET_TEST_DATA` where a test runs far from its source.
pub(crate) fn data(path: &str) -> PathBuf {
    let folder = match std::env::var_os("TUBELET_TEST_DATA") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data"),
    };
    folder.join(path)
}
