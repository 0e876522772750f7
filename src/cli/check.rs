//! `tubelet check`.

mod report;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::ValueHint;
use indicatif::ProgressBar;
use tubelet::check::{
    Checks, Counts, DeviceFindings, ModelCase, Replay, Subject, Watch, html, model_gradients, models,
};
use tubelet::files::write_whole;
use tubelet::gpu::{Gpu, GpuChoice, GpuOptions, devices};
use tubelet::graph::ExecutorOptions;
use tubelet::kernels::{ALL, Family};
use tubelet::tensor::{Error, ErrorKind, Result};

use super::arguments::ChoiceArguments;
use super::bench::KernelName;
use super::interruption::{Finishing, interrupted};
use super::known::known;
use super::preamble::Preamble;
use super::{files, output, progress};
use report::Report;

/// Check that kernels and models are exact on a device
#[derive(clap::Args)]
#[command(after_help = "\
Every case of every variant of every kernel that the device supports is compared with a reference in f64, then random \
shapes, then every value that the four models compute, then the gradient of each of their weights. Each check passes, \
fails, is unsupported (the device lacks what it needs) or is skipped, and each but the first says why. Of what fails, the \
smallest failing shape is looked for, and a folder is written to attach to a report on the driver: inputs, results, the \
WGSL, the device, and a file for --replay. \
Without --device it is the fastest device that runs WGSL. The exit code is 1 where anything failed.

Examples:
  tubelet check
  tubelet check --kernel attention --variant workgroup
  tubelet check --device cpu
  tubelet check --all-adapters --report check.html
  tubelet check --soak 30 --seed 7
  tubelet check --replay tubelet-check/softmax-plain-primes/case.json")]
pub(super) struct Check {
    /// Only this kernel, and no models; can be given more than once.
    #[arg(long, value_delimiter = ',', conflicts_with = "models",
        value_parser = known::<KernelName>(ALL.iter().map(|family| family.name)), hide_possible_values = true)]
    kernel: Vec<KernelName>,
    /// Only the four models and their gradients, and no kernels by themselves.
    #[arg(long)]
    models: bool,
    /// Every device that runs WGSL, one after the other, instead of one.
    #[arg(long)]
    all_adapters: bool,
    /// Decides the random shapes, and the weights and clips of the models.
    #[arg(long, value_name = "N", default_value_t)]
    seed: u64,
    /// Go on with random shapes for so many minutes.
    #[arg(long, value_name = "MINUTES", value_parser = minutes)]
    soak: Option<Duration>,
    /// Write the report as a page.
    #[arg(long, value_name = "OUT.html", value_hint = ValueHint::FilePath)]
    report: Option<PathBuf>,
    /// The folder for what shows failures, which is made when something fails; tubelet-check unless that is there already.
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    evidence: Option<PathBuf>,
    /// Run one failure again that an earlier run has written.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath,
        conflicts_with_all = ["kernel", "models", "all_adapters", "seed", "soak", "evidence"])]
    replay: Option<PathBuf>,
    #[command(flatten)]
    device: ChoiceArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// How long a soak is.
fn minutes(text: &str) -> Result<Duration, String> {
    let minutes: f64 = text.parse().map_err(|_| format!("\"{text}\" is no number of minutes"))?;
    let positive = Duration::try_from_secs_f64(60.0 * minutes).ok().filter(|time| !time.is_zero());
    positive.ok_or_else(|| "it must be more than 0, and a number".to_owned())
}

/// Shows on a terminal how far a run is, and ends it at a signal.
#[derive(Default)]
struct Terminal(Option<ProgressBar>);

impl Watch for Terminal {
    fn begin(&mut self, _: &str, total: u64) {
        self.0 = Some(progress::steps(total));
    }

    fn next(&mut self, what: &str, position: u64) {
        if let Some(bar) = &self.0 {
            bar.set_position(position);
            bar.set_message(what.to_owned());
        }
    }

    fn interrupted(&self) -> bool {
        interrupted()
    }
}

impl super::Run for Check {
    fn run(self) -> Result<()> {
        if let Some(path) = &self.report {
            files::check_output(path, &["html"], &self.replay.iter().map(PathBuf::as_path).collect::<Vec<_>>())?;
        }
        let evidence = self.evidence.clone().unwrap_or_else(|| free(Path::new("tubelet-check")));
        let devices = match &self.replay {
            Some(path) => vec![self.replay(path)?],
            None => self.check(&evidence)?,
        };
        let counts = devices.iter().fold(Counts::default(), |counts, device| counts + device.counts);
        let report = Report::new(Preamble::new("check"), self.replay.is_none().then_some(self.seed), devices);
        if let Some(path) = &self.report {
            let page = html("tubelet check", &report.facts(), &report.devices)?;
            write_whole(path, |file| file.write_all(&page))?;
        }
        output::report(self.json, &report, report::describe)?;
        self.outcome(counts, &evidence)
    }
}

impl Check {
    fn families(&self) -> Vec<&'static Family> {
        let wanted =
            |family: &&Family| self.kernel.is_empty() || self.kernel.iter().any(|kernel| kernel.0 == family.name);
        ALL.iter().copied().filter(|family| !self.models && wanted(family)).collect()
    }

    fn check(&self, evidence: &Path) -> Result<Vec<DeviceFindings>> {
        let models = if self.kernel.is_empty() { with_gradients(self.seed)? } else { Vec::new() };
        let options = ExecutorOptions::new().variants(self.device.variant.clone());
        let checks = Checks::new(&self.families()).models(models).options(options).seed(self.seed).soak(self.soak);
        let checks = checks.evidence(evidence.to_owned());
        let _finishing = Finishing::begin();
        let mut watch = Terminal::default();
        if !self.all_adapters {
            return Ok(vec![checks.run(&self.subject()?, &mut watch)]);
        }
        let found = devices()?;
        if found.is_empty() {
            // Opening one says what to install.
            Gpu::open(&GpuOptions::new())?;
        }
        let check = |(index, name): (usize, String)| match Gpu::open(&GpuOptions::new().choice(GpuChoice::Index(index)))
        {
            Ok(gpu) => checks.run(&Subject::on_gpu(gpu), &mut watch),
            Err(error) => DeviceFindings::unopened(name, error.to_string()),
        };
        Ok(found.into_iter().map(|device| device.name).enumerate().map(check).collect())
    }

    fn replay(&self, path: &Path) -> Result<DeviceFindings> {
        let replay = Replay::read(path)?;
        let models = replay.seed().map(with_gradients).transpose()?.unwrap_or_default();
        replay.run(&self.subject()?, ALL, &models)
    }

    /// The device that is named, else the fastest that runs WGSL.
    fn subject(&self) -> Result<Subject> {
        let opened = self.device.open_to_measure(true, false)?;
        match opened.device().gpu() {
            Some(gpu) => Ok(Subject::on_gpu(gpu.clone())),
            None => Subject::on_host(self.device.threads),
        }
    }

    /// An error where anything failed.
    fn outcome(&self, counts: Counts, evidence: &Path) -> Result<()> {
        let shown = match (&self.replay, evidence.is_dir()) {
            (None, true) => format!("; what shows it is in {}", evidence.display()),
            _ => String::new(),
        };
        match (counts.failed, counts.total()) {
            (0, _) => Ok(()),
            (1, 1) if self.replay.is_some() => Err(Error::new(ErrorKind::Device, "it fails still")),
            (failed, total) => Err(Error::new(ErrorKind::Device, format!("{failed} of {total} checks failed{shown}"))),
        }
    }
}

/// The four models, then the gradients of their weights.
fn with_gradients(seed: u64) -> Result<Vec<ModelCase>> {
    let mut cases = models(seed)?;
    cases.extend(model_gradients(seed)?);
    Ok(cases)
}

/// `path`, or with a number behind it where something is there already.
fn free(path: &Path) -> PathBuf {
    let numbered = (2..10_000).map(|number| PathBuf::from(format!("{}-{number}", path.display())));
    let mut names = std::iter::once(path.to_owned()).chain(numbered);
    names.find(|path| !path.exists()).unwrap_or_else(|| path.to_owned())
}
