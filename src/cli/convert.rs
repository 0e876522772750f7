//! `tubelet convert`.

use std::path::{Path, PathBuf};

use clap::{ValueEnum, ValueHint};
use serde::Serialize;
use tubelet::checkpoint::{self, Hub, LearntClips, SaveOptions};
use tubelet::tensor::{Element, Error, Result};

use super::arguments::{HintArguments, is_bundled};
use super::preamble::Preamble;
use super::{output, progress};

/// Write any checkpoint as a folder that this program, the transformers library or scenic loads
#[derive(clap::Args)]
#[command(after_help = "\
32-bit floats stay as they are, bit by bit; halves become 32-bit floats, and doubles are rounded to them. With \
--precision f16 each weight is rounded to the nearest half, a tie to the even one; where a weight is beyond their range, \
nothing is written. The folder holds model.safetensors (for scenic checkpoint) and config.json, which then says all that \
the original files may have left open.

Examples:
  tubelet convert google/vivit-b-16x2-kinetics400 vivit-b
  tubelet convert vivit_base_16x2_fe/checkpoint vivit-b-fe
  tubelet convert checkpoint_77 model3 --kind 3 --option order=space-time \\
      --frames 32 --size 224
  tubelet convert vivit_base_16x2/checkpoint vivit-b-hf --to hugging-face
  tubelet convert vivit_base_16x2/checkpoint vivit-b-f16 --precision f16")]
pub(super) struct Convert {
    /// A folder or file of weights, of the transformers library, of scenic or of this program, a name on the Hugging Face
    /// hub, or motions, the bundled model.
    #[arg(value_name = "IN", value_hint = ValueHint::AnyPath)]
    input: String,
    /// The folder to write.
    #[arg(value_name = "OUT")]
    folder: PathBuf,
    /// In whose form to write it: this program's, for all models; the transformers library's, which has Model 1; or that of
    /// scenic, a training state and its configuration.
    #[arg(long, value_name = "FORMAT", default_value = "tubelet")]
    to: Target,
    /// Floats of the weights: f32, or f16, which takes half the space and rounds them.
    #[arg(long, value_name = "FLOATS", default_value = "f32")]
    precision: Floats,
    /// Replace the model in the folder, where there is one.
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    hints: HintArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Target {
    Tubelet,
    HuggingFace,
    Scenic,
}

/// What weights are written in.
#[derive(Clone, Copy, ValueEnum)]
enum Floats {
    F32,
    F16,
}

impl Floats {
    fn element(self) -> Element {
        match self {
            Self::F32 => Element::F32,
            Self::F16 => Element::F16,
        }
    }
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    /// Which of the models, and its sizes.
    architecture: String,
    tensors: usize,
    parameters: usize,
    written: String,
}

impl super::Run for Convert {
    fn run(self) -> Result<()> {
        refuse_same_folder(&self.input, &self.folder)?;
        let checkpoint = {
            let _spinner = progress::spinner("loading checkpoint");
            checkpoint::load_hinted(&self.input, &Hub::from_env(), &self.hints.hints())?
        };
        checkpoint.notes.iter().for_each(|note| output::note(note));
        // What had to be assumed is said now, and stands in the configuration from here on.
        let checkpoint = checkpoint.notes(Vec::new());
        {
            let _spinner = progress::spinner("writing");
            let options = SaveOptions::new().overwrite(self.force).element(self.precision.element());
            match self.to {
                Target::Tubelet => checkpoint::save_with(&self.folder, &checkpoint, options)?,
                Target::HuggingFace => checkpoint::save_hugging_face_with(&self.folder, &checkpoint, options)?,
                Target::Scenic => checkpoint::save_scenic(&self.folder, &checkpoint, options)?,
            }
        }
        if !matches!(self.to, Target::Tubelet) {
            checkpoint.learnt_clips.iter().for_each(|learnt| output::note(&left_out(learnt)));
        }
        if matches!(self.to, Target::Scenic) && checkpoint.labels.is_some() {
            output::note("the names of the classes are left out: scenic's files have no place for them");
        }
        let preamble = Preamble::new("convert").checkpoint(&checkpoint);
        let config = checkpoint.config;
        let specs = config.parameters()?;
        let report = Report {
            preamble,
            architecture: config.to_string(),
            tensors: specs.len(),
            parameters: specs.iter().map(|spec| spec.shape.elements()).sum(),
            written: self.folder.display().to_string(),
        };
        output::report(self.json, &report, describe)
    }
}

/// What a format without a place for how clips are taken does not say.
fn left_out(learnt: &LearntClips) -> String {
    let flag = match learnt.spread {
        true => "--uniform".to_owned(),
        false => format!("--stride {}", learnt.stride),
    };
    format!(
        "how frames were taken is left out, for which the format has no place: {flag} takes them as the model has learnt"
    )
}

/// An error where the `folder` to write is the one that `input` is read from: its files would be replaced.
fn refuse_same_folder(input: &str, folder: &Path) -> Result<()> {
    if is_bundled(input) {
        return Ok(());
    }
    let input = Path::new(input);
    let read = if input.is_dir() { Some(input) } else { input.parent().filter(|_| input.is_file()) };
    let real = |path: &Path| if path.as_os_str().is_empty() { Path::new(".") } else { path }.canonicalize().ok();
    match (read.and_then(real), real(folder)) {
        (Some(read), Some(written)) if read == written => Err(Error::usage(format!(
            "{} is the folder that is read, and its files would be replaced: choose another folder to write",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

fn describe(report: &Report) -> String {
    output::fields([
        ("from", report.preamble.model.clone().unwrap_or_default()),
        ("model", report.architecture.clone()),
        ("tensors", format!("{} of {} parameters", report.tensors, output::grouped(report.parameters as u64))),
        ("written", report.written.clone()),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_read_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("model.safetensors");
        std::fs::write(&file, "").unwrap();
        for input in [folder.path(), &folder.path().join("."), &file] {
            let error = refuse_same_folder(input.to_str().unwrap(), folder.path()).unwrap_err().to_string();
            assert!(error.contains("choose another folder"), "{error}");
        }
        refuse_same_folder(file.to_str().unwrap(), &folder.path().join("new")).unwrap();
        refuse_same_folder("google/vivit-b-16x2-kinetics400", folder.path()).unwrap();
    }
}
