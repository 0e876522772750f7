//! What is checked: a device, and how a case runs on it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::finding::Verdict;
use super::measurement::Measurement;
use crate::gpu::Gpu;
use crate::graph::Device;
#[cfg(feature = "cpu")]
use crate::kernels::Precision;
#[cfg(feature = "cpu")]
use crate::kernels::host::{self, Threads};
use crate::kernels::suite::{self, Expectation, Outcome};
use crate::kernels::{Case, Selection, Variant};
use crate::tensor::{Error, ErrorKind, Result, Tensor};

/// A device to be checked.
#[derive(Debug)]
pub struct Subject {
    device: Device,
    /// Of the host's processor: one thread, and as many as it computes with.
    #[cfg(feature = "cpu")]
    threads: Vec<Threads>,
}

/// What computes the calls of a kernel.
#[derive(Clone, Copy, Debug)]
pub(super) enum Implementation {
    /// WGSL.
    Variant(&'static Variant),
    /// Rust.
    #[cfg(feature = "cpu")]
    Host,
}

/// What a case has become.
#[derive(Debug)]
pub(super) struct Examined {
    pub(super) verdict: Verdict,
    pub(super) reason: Option<String>,
    pub(super) measurement: Option<Measurement>,
    /// The outputs, where there are any.
    pub(super) actual: Vec<Tensor>,
    /// Whether the device is gone.
    pub(super) lost: bool,
}

impl Implementation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Variant(variant) => variant.name,
            #[cfg(feature = "cpu")]
            Self::Host => "host",
        }
    }
}

impl Subject {
    /// A device that runs WGSL.
    pub fn on_gpu(gpu: Gpu) -> Self {
        Self {
            device: gpu.into(),
            #[cfg(feature = "cpu")]
            threads: Vec::new(),
        }
    }

    /// The host's processor with this many threads, `None` for as many as it runs at once; and with one, whose bits must be
    /// the same.
    ///
    /// [`Unsupported`](ErrorKind::Unsupported) in builds without it.
    pub fn on_host(threads: Option<usize>) -> Result<Self> {
        let device = Device::host(threads)?;
        #[cfg(feature = "cpu")]
        let threads = {
            let many = Threads::new(threads)?;
            let single = (many.count() > 1).then(|| Threads::new(Some(1))).transpose()?;
            single.into_iter().chain([many]).collect()
        };
        Ok(Self {
            device,
            #[cfg(feature = "cpu")]
            threads,
        })
    }

    /// Its device, on which models run.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The variants that are held to `case`, those that the device lacks something for too; or the host's form. Where
    /// `selection` names variants, those that it names: with a tile of their own they are held to the cases of all, too.
    pub(super) fn implementations(&self, case: &Case, selection: &Selection) -> Vec<Implementation> {
        let family = case.call.family();
        let every = !selection.is_automatic() && case.tile.is_none();
        let is_held = |implementation: &Implementation| match implementation {
            Implementation::Variant(variant) => {
                selection.names(family, variant.name) && (every || variant.tile == case.tile)
            }
            #[cfg(feature = "cpu")]
            Implementation::Host => case.tile.is_none(),
        };
        self.able(case).into_iter().filter(is_held).collect()
    }

    /// All that compute at the precision of `case`.
    pub(super) fn able(&self, case: &Case) -> Vec<Implementation> {
        #[cfg(feature = "cpu")]
        if self.device.gpu().is_none() {
            return vec![Implementation::Host];
        }
        case.call.family().variants_at(case.precision).into_iter().map(Implementation::Variant).collect()
    }

    /// Why `case` cannot run by `implementation`, as far as that is known without running it.
    pub(super) fn missing(&self, case: &Case, implementation: Implementation) -> Option<String> {
        match (implementation, self.device.gpu()) {
            (Implementation::Variant(variant), Some(gpu)) => {
                let missing = variant.missing(gpu.capabilities())?;
                Some(format!("{} lacks {missing}", self.device.name()))
            }
            (Implementation::Variant(_), None) => Some("the device runs no WGSL".to_owned()),
            #[cfg(feature = "cpu")]
            (Implementation::Host, _) => {
                (case.precision != Precision::F32).then(|| "the processor keeps weights in f32".to_owned())
            }
        }
    }

    /// Runs `case` and compares it with what is `expected`. Whatever happens, it returns.
    pub(super) fn examine(&self, case: &Case, implementation: Implementation, expected: &Expectation) -> Examined {
        match caught(|| self.run(case, implementation, expected)) {
            Ok((outcome, actual)) => {
                let measurement = Measurement::of(case.call.family(), &actual, &expected.outputs);
                let (verdict, reason) = match outcome {
                    Outcome::Passed(_) => (Verdict::Passed, None),
                    Outcome::Failed(reason) => (Verdict::Failed, Some(reason)),
                    Outcome::Unsupported(reason) => (Verdict::Unsupported, Some(reason)),
                };
                Examined { verdict, reason, measurement, actual, lost: false }
            }
            Err(error) => Examined::of_error(&error),
        }
    }

    fn run(
        &self,
        case: &Case,
        implementation: Implementation,
        expected: &Expectation,
    ) -> Result<(Outcome, Vec<Tensor>)> {
        match (implementation, self.device.gpu()) {
            (Implementation::Variant(variant), Some(gpu)) => {
                let actual = suite::run(gpu, case, variant, &expected.present()).wait()?;
                Ok((expected.judge(case, &actual), actual))
            }
            (Implementation::Variant(_), None) => Err(Error::unsupported("the device runs no WGSL")),
            #[cfg(feature = "cpu")]
            (Implementation::Host, _) => {
                let run = host::suite::check(case, expected, &self.threads)?;
                Ok((run.outcome, run.actual))
            }
        }
    }
}

impl Examined {
    /// What could not be run, or failed on the way. What a device has too little of is no fault of it.
    pub(super) fn of_error(error: &Error) -> Self {
        let verdict = match error.kind() {
            ErrorKind::Unsupported | ErrorKind::OutOfMemory => Verdict::Unsupported,
            _ => Verdict::Failed,
        };
        let lost = error.kind() == ErrorKind::DeviceLost;
        Self { verdict, reason: Some(error.to_string()), measurement: None, actual: Vec::new(), lost }
    }
}

/// What `work` returns, or, where it panics, its words as an error.
pub(super) fn caught<T>(work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str);
        let words = words.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word");
        Err(Error::new(ErrorKind::Device, format!("it panicked: {words}")))
    })
}
