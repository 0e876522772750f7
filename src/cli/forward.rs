//! `tubelet forward`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use clap::ValueEnum;
use serde::Serialize;
use tubelet::engine;
use tubelet::graph::Taps;
use tubelet::kernels::ClipLayout;
use tubelet::tensor::{Result, Tensor};

use super::arguments::{DeviceArguments, ModelArguments, load, showing_upload};
use super::{files, output, progress};

/// Run a model on a raw tensor and write the raw results as .safetensors.
///
/// The output holds `logits` and every tapped value under its name.
#[derive(clap::Args)]
#[command(after_help = "\
Examples:
  tubelet forward --model DIR --clip clip.npy --output out.safetensors
  tubelet forward --model DIR --clip clip.npy --output out.safetensors --tap hidden_state.1 --tap sequence_output
  tubelet forward --model DIR --clip clip.npy --output out.safetensors --tap all --executor reference
  tubelet forward --untrained vit-ti --clip clip.npy --output out.safetensors --variant plain

Values: patch_embeddings, embeddings, attention_probs.I, attention_output.I (I from 0), hidden_state.I (I from 1),
sequence_output, and others that `--tap all` shows. attention_probs.I holds every head's N×N probabilities.")]
pub(super) struct Forward {
    #[command(flatten)]
    model: ModelArguments,
    /// The clips: f32, [B,T,C,H,W] or [B,T,H,W,C], or one clip without B.
    #[arg(short, long, value_name = "CLIP.npy")]
    clip: PathBuf,
    /// The file to write.
    #[arg(short, long, value_name = "OUT.safetensors")]
    output: PathBuf,
    /// Also write this value of the model; `all` for every one.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    tap: Vec<String>,
    /// What computes it: gpu, or reference (plain loops with f64 sums on the host; slow).
    #[arg(long, default_value = "gpu")]
    executor: ExecutorChoice,
    /// The order of the clip's axes; without it that of the checkpoint's family.
    #[arg(long)]
    layout: Option<Layout>,
    #[command(flatten)]
    device: DeviceArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// What runs the graph.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ExecutorChoice {
    /// The kernels, on a device.
    Gpu,
    /// The naive references, on the host.
    Reference,
}

/// The order of a clip's axes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Layout {
    /// [B,T,C,H,W], as Hugging Face.
    Btchw,
    /// [B,T,H,W,C], as scenic.
    Bthwc,
}

#[derive(Serialize)]
struct Report<'a> {
    output: String,
    model: &'a str,
    tensors: BTreeMap<&'a str, &'a [usize]>,
}

impl super::Run for Forward {
    fn run(self) -> Result<()> {
        files::check_extension(&self.output, "safetensors")?;
        let checkpoint = self.model.checkpoint()?;
        let source = checkpoint.source.clone();
        let clips = with_batch(files::read_npy(&self.clip)?)?;
        let layout = match self.layout {
            Some(Layout::Btchw) => ClipLayout::Btchw,
            Some(Layout::Bthwc) => ClipLayout::Bthwc,
            None => engine::layout(checkpoint.family),
        };
        let taps = self.taps();
        let tensors = match self.executor {
            ExecutorChoice::Reference => {
                let _spinner = progress::spinner("computing by reference");
                engine::forward_reference(&checkpoint.config, checkpoint.parameters, &clips, layout, &taps)
            }
            ExecutorChoice::Gpu => {
                let device = self.device.open(true)?;
                let model = load(checkpoint, &device, None, self.device.variant.clone())?;
                showing_upload(&model, || model.forward(&clips, layout, &taps))
            }
        };
        let tensors = tensors.map_err(|error| error.within(self.clip.display()))?;
        files::write_safetensors(&self.output, &tensors)?;
        let report = Report {
            output: self.output.display().to_string(),
            model: &source,
            tensors: tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shape().axes())).collect(),
        };
        if self.json {
            return output::print_json(&report);
        }
        let mut table = output::table(&["value", "shape"]);
        for (name, tensor) in &tensors {
            table.add_row([name.clone(), tensor.shape().to_string()]);
        }
        output::print(&format!("{}\n{table}", report.output))
    }
}

impl Forward {
    fn taps(&self) -> Taps {
        match self.tap.iter().any(|name| name == "all") {
            true => Taps::All,
            false if self.tap.is_empty() => Taps::None,
            false => Taps::Names(self.tap.iter().cloned().collect::<BTreeSet<_>>()),
        }
    }
}

/// A clip without a batch axis as a batch of one.
fn with_batch(clips: Tensor) -> Result<Tensor> {
    match clips.shape().axes().to_vec().as_slice() {
        axes @ [_, _, _, _] => clips.reshaped([&[1], axes].concat()),
        _ => Ok(clips),
    }
}
