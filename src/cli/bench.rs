//! `tubelet bench`.

mod publishing;
mod table;

use std::path::PathBuf;
use std::str::FromStr;

use tubelet::bench::{
    self, BenchDevice, Benchmark, BenchmarkRow, ComparedSizes, ForwardWork, Method, RowOutcome, Schedule, Sizing,
    SizingWish, Stage, WorkRate,
};
use tubelet::kernels::{ALL, Family, Precision};
use tubelet::tensor::{Error, ErrorKind, Result};
use tubelet::vivit::{Config, Model, Tubelet};

use super::arguments::{
    ChoiceArguments, ClipArguments, ModelArguments, OriginArguments, SwitchArguments, at_least_one, sides,
};
use super::init::pair;
use super::known::known;
use super::{output, progress};
use publishing::Publishing;

/// Compare the four models on a device, and on the processor beside it
#[derive(clap::Args)]
#[command(after_help = "\
Without options the four models stand side by side on the chosen device, with attention alone at the same sizes, over a \
sweep of frames, and attention at the size that llama.cpp times unless --frames and --size are both given; a short probe \
chooses backbone, size and frames by what is to fit two minutes. --backward puts a training step beside each forward \
pass. --kernel measures kernels at the sizes of a real model instead, --forward or a model that is named one forward pass \
and where its time goes.

Every output that is timed is checked in the same run: at a reduced size against references in f64, and at its own size \
against the processor. A row whose output is wrong is struck out. Ceilings are measured before and after. A multiply-add \
counts as two operations and as one multiply-accumulate. Where the processor computes, rates and shares are of CPU \
seconds, which depend on what else the machine does. Run-time checks of shaders are off unless --checks is given.

Examples:
  tubelet bench
  tubelet bench --kinds 1,2 --frames 8,16 --size 112 --backbone ti
  tubelet bench --kernel attention,linear
  tubelet bench --backward --alone
  tubelet bench --forward --untrained vit-ti
  tubelet bench --forward --device cpu
  tubelet bench --full --report report
  tubelet bench --json > bench.json
  tubelet bench --compare before.json after.json")]
pub(super) struct Bench {
    /// The models to compare, by number or name, instead of all four.
    #[arg(long, value_name = "MODELS", value_delimiter = ',', hide_possible_values = true,
        value_parser = known::<Model>(Model::all().iter().map(Model::name)), conflicts_with_all = ONE_MODEL)]
    kinds: Vec<Model>,
    /// Frames of the clips to compare on, such as 8,16,32,64,128; of a single model one number.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = at_least_one)]
    frames: Vec<usize>,
    /// Sides of a frame in pixels: 224, or 224x320 (rows x columns).
    #[arg(long, value_name = "SIZE", value_parser = sides)]
    size: Option<[usize; 2]>,
    /// Sides and frames of a tubelet: 16x2 is 16×16 pixels of 2 frames.
    #[arg(long, value_name = "SIDExFRAMES", value_parser = pair, conflicts_with_all = ONE_MODEL)]
    tubelet: Option<[usize; 2]>,
    /// The backbone of the models to compare: ti, s, b, l or h.
    #[arg(long, value_name = "SHAPE", value_parser = known::<Backbone>(Config::SHAPES.iter().copied()),
        hide_possible_values = true, conflicts_with_all = ONE_MODEL)]
    backbone: Option<Backbone>,
    /// Clips in a forward pass, and in a training step.
    #[arg(long, default_value = "1", value_name = "N", value_parser = at_least_one)]
    batch: usize,
    /// Only these kernels, at the sizes of a real model, or all.
    #[arg(long, value_delimiter = ',', hide_possible_values = true,
        value_parser = known::<KernelChoice>(["all"].into_iter().chain(ALL.iter().map(|family| family.name))),
        conflicts_with_all = ONE_MODEL, conflicts_with_all = ["batch", "kinds", "frames", "size", "tubelet", "backbone"])]
    kernel: Vec<KernelChoice>,
    /// A step of training beside each forward pass: forward, backward and an update by gradient descent with momentum, in
    /// f32.
    #[arg(long, conflicts_with = "kernel")]
    backward: bool,
    /// Only the forward pass of one model, of an untrained vit-b unless told otherwise, and where its time goes.
    #[arg(long)]
    forward: bool,
    /// Floats of products: f32, f16_weights (stored, not computed in), f16, or several: f32,f16. Only devices that run
    /// WGSL have f16.
    #[arg(long, value_name = "FLOATS", value_delimiter = ',', hide_possible_values = true,
        value_parser = known::<Precision>(Precision::ALL.iter().map(|one| one.name())))]
    precision: Vec<Precision>,
    /// Only on the device, not on the processor beside it, which then only checks.
    #[arg(long)]
    alone: bool,
    /// All frames, three times as many samples and ten times the time, for figures to publish.
    #[arg(long)]
    full: bool,
    /// Begin anew for every sample: open the device, compile, load the weights; what it takes to open it does not count.
    #[arg(long)]
    cold: bool,
    /// Keep the run-time checks of shaders on.
    #[arg(long)]
    checks: bool,
    /// Seconds that a row may take, warm-up and samples together, instead of 1, with --full 10.
    #[arg(long, value_name = "S", value_parser = some_seconds)]
    row_seconds: Option<f64>,
    /// Measure nothing, and say what changed between two results of --json, the earlier and the later.
    #[arg(long, num_args = 2, value_names = ["BEFORE", "AFTER"], conflicts_with_all = MEASURING,
        conflicts_with_all = ONE_MODEL)]
    compare: Vec<PathBuf>,
    #[command(flatten)]
    publishing: Publishing,
    #[command(flatten)]
    origin: OriginArguments,
    #[command(flatten)]
    switches: SwitchArguments,
    #[command(flatten)]
    clips: ClipArguments,
    #[command(flatten)]
    device: ChoiceArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What asks for one model.
const ONE_MODEL: [&str; 8] =
    ["forward", "model", "untrained", "kind", "options", "classifier", "clip_frames", "clip_size"];

/// What says how something is measured, or where the result goes.
const MEASURING: [&str; 18] = [
    "kinds",
    "frames",
    "size",
    "tubelet",
    "backbone",
    "batch",
    "kernel",
    "backward",
    "precision",
    "alone",
    "full",
    "cold",
    "checks",
    "row_seconds",
    "report",
    "csv",
    "trace",
    "markdown",
];

/// The name of a known kernel.
#[derive(Clone)]
pub(super) struct KernelName(pub(super) String);

impl FromStr for KernelName {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let known: Vec<_> = ALL.iter().map(|family| family.name).collect();
        match known.contains(&name) {
            true => Ok(Self(name.to_owned())),
            false => Err(Error::usage(format!("there is no kernel \"{name}\"; there are {}", known.join(", ")))),
        }
    }
}

/// A known kernel, or all of them.
#[derive(Clone)]
enum KernelChoice {
    All,
    One(KernelName),
}

impl FromStr for KernelChoice {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        if name == "all" { Ok(Self::All) } else { name.parse().map(Self::One) }
    }
}

impl KernelChoice {
    fn is(&self, family: &Family) -> bool {
        match self {
            Self::All => true,
            Self::One(name) => name.0 == family.name,
        }
    }
}

/// The name of a known backbone: `vit-b`, or `b`.
#[derive(Clone)]
struct Backbone(String);

impl FromStr for Backbone {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let whole = format!("vit-{}", name.trim_start_matches("vit-"));
        match Config::SHAPES.contains(&&*whole) {
            true => Ok(Self(whole)),
            false => {
                Err(Error::usage(format!("there is no backbone {name:?}; there are {}", Config::SHAPES.join(", "))))
            }
        }
    }
}

/// A number of seconds.
fn some_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds.is_finite() && seconds > 0.0 => Ok(seconds),
        Ok(_) => Err("it must be more than 0".to_owned()),
        Err(_) => Err(format!("{text:?} is no number of seconds")),
    }
}

impl super::Run for Bench {
    fn run(self) -> Result<()> {
        if !self.compare.is_empty() {
            return output::report(self.json, &publishing::compared(&self.compare)?, ToString::to_string);
        }
        self.publishing.check()?;
        let benchmark = self.measure()?;
        self.publishing.write(&benchmark)?;
        let describe = if self.publishing.prints_markdown() { bench::publish::markdown } else { table::describe };
        output::report(self.json, &benchmark, describe)?;
        verdict(&benchmark)
    }
}

impl Bench {
    fn measure(&self) -> Result<Benchmark> {
        self.check_backward()?;
        // What can be wrong with the options is found before a device is opened, and a model before minutes of measuring.
        let one = if self.is_of_one_model() { Some(self.one_model()?) } else { None };
        let mut stage = self.stage()?;
        let mut method = self.method();
        let schedule = match one {
            Some(work) => {
                method = method.of(work.backbone.clone(), "one model, as asked for".to_owned());
                Schedule::new().forward(&work, &self.precisions())
            }
            None if !self.kernel.is_empty() => self.kernels(),
            None => {
                let mut sizes = self.sizes();
                let sizing = self.sizing(&sizes, &mut stage, method.row_seconds)?;
                sizes.size = sizing.size;
                method = method.of(sizing.backbone.clone(), sizing.sentence);
                Schedule::comparison(&sizing.backbone, &sizing.frames, &sizes)?
            }
        };
        let bar = progress::measuring();
        bench::measure(&stage, &schedule, &method, &mut |done, what| progress::measured(&bar, done, what))
    }

    fn is_of_one_model(&self) -> bool {
        self.forward || self.origin.is_given() || self.switches.is_given() || self.clips.is_given()
    }

    /// The device, the processor beside it, and what checks them where they cannot check each other.
    fn stage(&self) -> Result<Stage> {
        let wgsl = self.precision.iter().any(|precision| *precision != Precision::F32);
        let device = self.device.open_to_measure(self.checks, wgsl)?;
        let runs_wgsl = device.device().gpu().is_some();
        let has_processor = cfg!(feature = "cpu");
        let beside = if has_processor && !self.alone && runs_wgsl { Some(self.device.processor()?) } else { None };
        let witness = match (runs_wgsl, &beside) {
            (true, Some(_)) => None,
            (true, None) if has_processor => Some(bench::Witness::device(self.device.processor()?.device())),
            (true, None) => Some(bench::Witness::variants(device.device(), "plain".parse()?)),
            // Where no device runs WGSL, nothing else can check the processor at the size that is timed.
            (false, _) => self.device.other_than_processor().map(|other| bench::Witness::device(&other)),
        };
        let mut stage = Stage::new([device].into_iter().chain(beside).collect());
        stage.witness = witness;
        Ok(stage)
    }

    fn method(&self) -> Method {
        let seconds = self.row_seconds.unwrap_or(if self.full { 10.0 } else { 1.0 });
        let arguments = std::env::args_os().skip_while(|argument| argument != "bench").skip(1);
        let mut method = Method::new(seconds);
        (method.full, method.cold, method.checks) = (self.full, self.cold, self.checks);
        method.options = arguments.map(|argument| argument.to_string_lossy().into_owned()).collect();
        method.variants = self.device.variant.clone();
        method
    }

    fn precisions(&self) -> Vec<Precision> {
        match self.precision.is_empty() {
            true => vec![Precision::default()],
            false => self.precision.clone(),
        }
    }

    /// An error where steps of training are to be measured and f32, in which they are computed, is not.
    fn check_backward(&self) -> Result<()> {
        match self.backward && !self.precisions().contains(&Precision::F32) {
            true => Err(Error::usage("--backward: training is computed in f32; name f32 in --precision, too")),
            false => Ok(()),
        }
    }

    fn kernels(&self) -> Schedule {
        let wanted = |family: &&&'static Family| self.kernel.iter().any(|choice| choice.is(family));
        let families: Vec<_> = ALL.iter().filter(wanted).copied().collect();
        let precisions = if self.precision.is_empty() { Precision::ALL } else { &self.precision };
        Schedule::new().kernels(&families, precisions, &self.device.variant)
    }

    fn one_model(&self) -> Result<ForwardWork> {
        let frames = match self.frames.as_slice() {
            [] => None,
            [frames] => Some(*frames),
            several => {
                let list: Vec<_> = several.iter().map(usize::to_string).collect();
                return Err(Error::usage(format!("--frames {}: a single model takes one number", list.join(","))));
            }
        };
        let (origin, switches, clips) = (self.origin.clone(), self.switches.clone(), self.clips.clone());
        let model = ModelArguments::new(origin, switches, clips, frames, self.size);
        let checkpoint = model.load_or_untrained("vit-b")?;
        let work = ForwardWork::new(checkpoint.config, checkpoint.parameters, checkpoint.source);
        Ok(work.batch(self.batch).backward(self.backward))
    }

    fn sizes(&self) -> ComparedSizes {
        let mut sizes = ComparedSizes::default();
        if !self.kinds.is_empty() {
            sizes.kinds.clone_from(&self.kinds);
        }
        sizes.tubelet = self.tubelet.map(|[side, frames]| Tubelet { frames, rows: side, columns: side });
        (sizes.size, sizes.batch, sizes.precisions) = (self.size, self.batch, self.precisions());
        sizes.backward = self.backward;
        // Who names all sizes wants no other.
        sizes.of_llama_cpp = self.frames.is_empty() || self.size.is_none();
        sizes
    }

    /// The sizes that fit the time; the devices are probed where something is left to choose.
    fn sizing(&self, sizes: &ComparedSizes, stage: &mut Stage, row_seconds: f64) -> Result<Sizing> {
        let mut wish = SizingWish::default();
        wish.backbone = self.backbone.as_ref().map(|backbone| backbone.0.clone());
        wish.frames = (!self.frames.is_empty()).then(|| self.frames.clone());
        wish.full = self.full;
        if !wish.is_complete() {
            stage.rates = self.probed(&stage.devices)?;
        }
        Sizing::of(&wish, sizes, &stage.rates, row_seconds)
    }

    fn probed(&self, devices: &[BenchDevice]) -> Result<Vec<WorkRate>> {
        let spinner = progress::spinner("probing");
        let probe = |device: &BenchDevice| {
            spinner.set_message(format!("probing {}", device.device().name()));
            bench::probe(device.device())
        };
        devices.iter().map(probe).collect()
    }
}

/// An error where rows are struck out or have failed.
fn verdict(benchmark: &Benchmark) -> Result<()> {
    let count = |is: fn(&BenchmarkRow) -> bool| benchmark.rows.iter().filter(|row| is(row)).count();
    let wrong = count(|row| matches!(row.outcome, RowOutcome::Wrong { .. }));
    let failed = count(|row| matches!(row.outcome, RowOutcome::Failed { .. }));
    match (wrong, failed) {
        (0, 0) => Ok(()),
        _ => Err(Error::new(
            ErrorKind::Device,
            format!(
                "of {} rows {wrong} are struck out, since their output is wrong, and {failed} have failed",
                benchmark.rows.len()
            ),
        )),
    }
}
