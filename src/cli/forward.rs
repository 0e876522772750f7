//! `tubelet forward`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use tubelet::checkpoint::Checkpoint;
use tubelet::graph::Taps;
use tubelet::kernels::ClipLayout;
use tubelet::tensor::{Result, Tensor};
use tubelet::{Pass, engine};

use super::arguments::{DeviceArguments, ModelArguments};
use super::known::known;
use super::mask::MaskArguments;
use super::preamble::Preamble;
use super::{files, output, progress};

/// Run a model on a raw tensor and write raw results as .safetensors
#[derive(clap::Args)]
#[command(
    override_usage = "tubelet forward [OPTIONS] --model <DIR_OR_NAME>
                       --clip <CLIP.npy> --output <OUT.safetensors>",
    after_help = "\
The output holds `logits` (`features` for a model without a head) and each tapped value under its name: \
patch_embeddings, embeddings, attention_probs.I and attention_output.I (I from 0), hidden_state.I (I from 1), \
sequence_output, and others that `--tap all` shows. attention_probs.I is large: every head's N×N.

Examples:
  tubelet forward --model DIR --clip clip.npy --output out.safetensors
  tubelet forward -m DIR -c clip.npy -o out.safetensors --tap hidden_state.1
  tubelet forward -m DIR -c clip.npy -o out.safetensors --tap all --json
  tubelet forward -m DIR -c clip.npy -o out.safetensors --device references
  tubelet forward -m DIR -c clip.npy -o out.safetensors --variant plain"
)]
pub(super) struct Forward {
    #[command(flatten)]
    model: ModelArguments,
    /// The clips: floats [B,T,C,H,W] or [B,T,H,W,C], or one clip without B.
    #[arg(short, long, value_name = "CLIP.npy")]
    clip: PathBuf,
    /// The file to write.
    #[arg(short, long, value_name = "OUT.safetensors")]
    output: PathBuf,
    /// Also write this value of the model, or all; can be given more than once.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    tap: Vec<String>,
    /// The order of the clip's axes: btchw is Hugging Face's, bthwc scenic's. Without it that of the model's family.
    #[arg(long, value_parser = known::<ClipLayout>(ClipLayout::ALL.iter().map(|one| one.name())))]
    layout: Option<ClipLayout>,
    #[command(flatten)]
    mask: MaskArguments,
    #[command(flatten)]
    device: DeviceArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    output: String,
    /// Name → shape.
    tensors: BTreeMap<String, Vec<usize>>,
}

impl super::Run for Forward {
    fn run(self) -> Result<()> {
        let model = self.model.folder();
        let weights: Vec<_> = model.iter().flat_map(|folder| files::in_folder(folder)).collect();
        let inputs: Vec<&Path> = weights.iter().map(PathBuf::as_path).chain([self.clip.as_path()]).collect();
        files::check_output(&self.output, &["safetensors"], &inputs)?;
        let clips = with_batch(files::read_npy(&self.clip)?)?;
        let checkpoint = self.model.load()?;
        let (preamble, tensors) = self.forward(checkpoint, &clips)?;
        tensors.iter().filter_map(not_finite).for_each(|note| output::note(&note));
        files::write_safetensors(&self.output, &tensors)?;
        let shape = |(name, tensor): (&String, &Tensor)| (name.clone(), tensor.shape().axes().to_vec());
        let output = self.output.display().to_string();
        output::report(self.json, &Report { preamble, output, tensors: tensors.iter().map(shape).collect() }, describe)
    }
}

impl Forward {
    fn forward(&self, checkpoint: Checkpoint, clips: &Tensor) -> Result<(Preamble, BTreeMap<String, Tensor>)> {
        let layout = self.layout.unwrap_or(checkpoint.provenance.layout());
        let config = &checkpoint.config;
        engine::check_clips(config, clips, layout).map_err(|error| error.within(self.clip.display()))?;
        let mask = self.mask.mask(clips.shape().axes()[0], config.frames)?;
        let pass = Pass::new().layout(layout).taps(self.taps()).mask(mask);
        let model = self.device.load(checkpoint, None)?;
        let tensors = progress::showing_upload(&model, || model.forward(pass.over(clips)))?;
        Ok((Preamble::new("forward").model(&model), tensors))
    }

    fn taps(&self) -> Taps {
        match self.tap.as_slice() {
            names if names.iter().any(|name| name == "all") => Taps::All,
            names => names.iter().cloned().collect(),
        }
    }
}

/// What is odd about a value that is not all finite.
fn not_finite((name, tensor): (&String, &Tensor)) -> Option<String> {
    let values = tensor.as_f32().ok()?;
    let index = values.iter().position(|value| !value.is_finite())?;
    Some(format!("{name} is not finite everywhere: element {index} is {}", values[index]))
}

fn describe(report: &Report) -> String {
    let mut table = output::table(&["value", "shape"]);
    for (name, shape) in &report.tensors {
        table.add_row([name.clone(), format!("{shape:?}")]);
    }
    let mut facts = report.preamble.facts(None, None);
    facts.push(("written", report.output.clone()));
    let facts = output::facts(&facts);
    format!("{facts}\n\n{}", table.trim_fmt())
}

/// A clip without a batch axis as a batch of one.
fn with_batch(clips: Tensor) -> Result<Tensor> {
    match clips.shape().axes().to_vec().as_slice() {
        axes @ [_, _, _, _] => clips.reshaped([&[1], axes].concat()),
        _ => Ok(clips),
    }
}
