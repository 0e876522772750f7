//! `tubelet gradient`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tubelet::checkpoint::Checkpoint;
use tubelet::kernels::ClipLayout;
use tubelet::tensor::{Error, Result, Tensor};
use tubelet::train::{self, GradientOptions, Gradients, Labels};
use tubelet::vivit::Objective;
use tubelet::{Device, LoadOptions, Vivit, engine};

use super::arguments::{ChoiceArguments, ModelArguments};
use super::known::known;
use super::preamble::Preamble;
use super::{files, output, progress};

/// Compute a loss and its gradient for every weight, as .safetensors
#[derive(clap::Args)]
#[command(
    override_usage = "tubelet gradient [OPTIONS] --model <DIR_OR_NAME> --clip <BATCH.npy>
                        --labels <LABELS> --output <GRADIENTS.safetensors>",
    after_help = "\
The loss is the cross entropy of the labels: its mean over the clips and, of a model with several heads, over the heads. \
The output holds a tensor for each weight, under the name and in the shape that the model's own file has. Gradients are \
before any clipping, in f32, and the same to the last bit in every run on the same device. Key biases have no gradient in \
theory: theirs is rounding.

Examples:
  tubelet gradient --model DIR --clip batch.npy --labels 3,1 \\
      --output gradients.safetensors
  tubelet gradient -m DIR -c batch.npy -l 3,1 -o g.safetensors --smoothing 0.1
  tubelet gradient -m DIR -c batch.npy -l 3,1 -o g.safetensors --recompute
  tubelet gradient -m DIR -c batch.npy -l 3,1 -o g.safetensors --device cpu"
)]
pub(super) struct Gradient {
    #[command(flatten)]
    model: ModelArguments,
    /// The clips: a batch of floats [B,T,C,H,W] or [B,T,H,W,C].
    #[arg(short, long, value_name = "BATCH.npy")]
    clip: PathBuf,
    /// The class of each clip, counted from 0: 3,1. For a model with several heads a list for each head: '3,1;0,2'.
    #[arg(short, long, value_name = "LABELS")]
    labels: Labels,
    /// The file to write.
    #[arg(short, long, value_name = "GRADIENTS.safetensors")]
    output: PathBuf,
    /// The share of each label that is spread over all classes, from 0 to 1.
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    smoothing: f32,
    /// Compute each block of the encoder again in the backward pass instead of keeping what is in it: less memory, more time,
    /// the same bits.
    #[arg(long)]
    recompute: bool,
    /// The order of the clips' axes: btchw is Hugging Face's, bthwc scenic's. Without it that of the model's family.
    #[arg(long, value_parser = known::<ClipLayout>(ClipLayout::ALL.iter().map(|one| one.name())))]
    layout: Option<ClipLayout>,
    #[command(flatten)]
    device: ChoiceArguments,
    /// reference is the same as --device references.
    #[arg(long, value_name = "EXECUTOR", value_parser = ["reference"], hide_possible_values = true, hide_short_help = true)]
    executor: Option<String>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    output: String,
    labels: String,
    smoothing: f32,
    recompute: bool,
    loss: f64,
    global_norm: f64,
    /// Of the device's memory, for inputs, intermediate values and gradients.
    value_bytes: u64,
    /// By name.
    tensors: BTreeMap<String, Summary>,
}

/// What is said of a gradient.
#[derive(Serialize)]
struct Summary {
    shape: Vec<usize>,
    /// L2.
    norm: f64,
    /// The largest magnitude of an element.
    largest: f32,
}

impl super::Run for Gradient {
    fn run(self) -> Result<()> {
        if !(0.0..=1.0).contains(&self.smoothing) {
            return Err(Error::usage(format!("--smoothing must be between 0 and 1, not {}", self.smoothing)));
        }
        let model = self.model.folder();
        let weights: Vec<_> = model.iter().flat_map(|folder| files::in_folder(folder)).collect();
        let inputs: Vec<&Path> = weights.iter().map(PathBuf::as_path).chain([self.clip.as_path()]).collect();
        files::check_output(&self.output, &["safetensors"], &inputs)?;
        let clips = files::read_npy(&self.clip)?;
        let checkpoint = self.model.load()?;
        let mut preamble = Preamble::new("gradient").checkpoint(&checkpoint);
        let options = self.options();
        let layout = options.layout.unwrap_or(checkpoint.provenance.layout());
        engine::check_clips(&checkpoint.config, &clips, layout).map_err(|error| error.within(self.clip.display()))?;
        self.labels.check(&checkpoint.config, clips.shape().axes()[0])?;
        let model = self.load(checkpoint)?;
        preamble.device = Some(model.device().name().to_owned());
        let compute = || train::gradients(&model, &clips, &self.labels, &options).wait();
        let found = progress::showing_upload(&model, compute)?;
        found.tensors.iter().filter_map(not_finite).for_each(|note| output::note(&note));
        files::write_safetensors(&self.output, &found.tensors)?;
        output::report(self.json, &self.report(preamble, &found)?, describe)
    }
}

impl Gradient {
    fn options(&self) -> GradientOptions {
        let objective = Objective::new().smoothing(self.smoothing).recompute(self.recompute);
        GradientOptions::new().objective(objective).layout(self.layout)
    }

    fn load(&self, checkpoint: Checkpoint) -> Result<Vivit> {
        match self.executor {
            None => self.device.load(checkpoint),
            Some(_) => Vivit::from_checkpoint(&Device::references(), checkpoint, LoadOptions::new()),
        }
    }

    fn report(&self, preamble: Preamble, found: &Gradients) -> Result<Report> {
        let summary = |(name, tensor): (&String, &Tensor)| Ok((name.clone(), Summary::of(tensor)?));
        Ok(Report {
            preamble,
            output: self.output.display().to_string(),
            labels: self.labels.to_string(),
            smoothing: self.smoothing,
            recompute: self.recompute,
            loss: found.loss,
            global_norm: found.global_norm(),
            value_bytes: found.value_bytes,
            tensors: found.tensors.iter().map(summary).collect::<Result<_>>()?,
        })
    }
}

impl Summary {
    fn of(tensor: &Tensor) -> Result<Self> {
        let values = tensor.as_f32()?;
        Ok(Self {
            shape: tensor.shape().axes().to_vec(),
            norm: train::norm(tensor)?,
            largest: values.iter().fold(0.0, |largest: f32, value| largest.max(value.abs())),
        })
    }
}

/// What is odd about a gradient that is not all finite.
fn not_finite((name, tensor): (&String, &Tensor)) -> Option<String> {
    let values = tensor.as_f32().ok()?;
    let index = values.iter().position(|value| !value.is_finite())?;
    Some(format!("the gradient of {name} is not finite everywhere: element {index} is {}", values[index]))
}

fn describe(report: &Report) -> String {
    let mut table = output::table(&["gradient of", "shape", " norm", " largest"]);
    for (name, Summary { shape, norm, largest }) in &report.tensors {
        table.add_row([name.clone(), format!("{shape:?}"), format!("{norm:.3e}"), format!("{largest:.3e}")]);
    }
    let mut facts = report.preamble.facts(None, None);
    facts.push(("labels", report.labels.clone()));
    facts.push(("loss", report.loss.to_string()));
    facts.push(("global norm", report.global_norm.to_string()));
    facts.push(("written", report.output.clone()));
    let facts = output::facts(&facts);
    format!("{facts}\n\n{}", table.trim_fmt())
}
