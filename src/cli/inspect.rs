//! `tubelet inspect`.

use std::collections::HashMap;

use clap::ValueHint;
use serde::Serialize;
use tubelet::checkpoint::{self, ArrayInfo, Checkpoint, Hub, LearntClips, Trained};
use tubelet::tensor::{Error, Result};
use tubelet::vivit::Config;

use super::arguments::HintArguments;
use super::preamble::Preamble;
use super::{output, progress};

/// Say what a checkpoint holds: its arrays, what model it is, what is missing
#[derive(clap::Args)]
#[command(after_help = "\
Blocks that are alike are shown as one, unless --all is given. Parameters and multiply-accumulates are those of one \
clip's forward pass; the papers' GFLOPs are 0.3 to 1 % more, since they count half of the elementwise work too.

Where the files do not make a model, the arrays are shown all the same, then what is wrong with them; the exit code is \
that of loading them.

Examples:
  tubelet inspect google/vivit-b-16x2-kinetics400
  tubelet inspect vivit_base_16x2_fe/checkpoint --all
  tubelet inspect checkpoint_77 --kind 3 --option order=time-space \\
      --frames 32 --size 224
  tubelet inspect motions
  tubelet inspect vit.npz --json")]
pub(super) struct Inspect {
    /// A folder or file of weights, a name on the Hugging Face hub, or motions, the bundled model.
    #[arg(value_hint = ValueHint::AnyPath)]
    checkpoint: String,
    /// Show every array of every block.
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    hints: HintArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    arrays: Vec<ArrayInfo>,
    elements: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    summary: Option<Summary>,
    /// Why it is no model that can be loaded.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<String>,
}

/// What the arrays are together.
#[derive(Serialize)]
struct Summary {
    what: String,
    config: Config,
    parameters: usize,
    multiply_accumulates: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    labels: Option<usize>,
    /// How the clips were taken that it has learnt from.
    #[serde(skip_serializing_if = "Option::is_none")]
    learnt_clips: Option<LearntClips>,
    /// The data that a model of this project's own has learnt from.
    #[serde(skip_serializing_if = "Option::is_none")]
    trained_on: Option<String>,
    notes: Vec<String>,
    /// What the work is for: a clip or an image.
    #[serde(skip)]
    input: &'static str,
}

impl super::Run for Inspect {
    fn run(self) -> Result<()> {
        let hub = Hub::from_env();
        let (arrays, summary) = {
            let _spinner = progress::spinner("reading headers");
            (checkpoint::contents(&self.checkpoint, &hub)?, self.summary(&hub))
        };
        let elements = arrays.iter().map(ArrayInfo::elements).fold(0, usize::saturating_add);
        let (summary, problem) = match summary {
            Ok(summary) => (Some(summary), None),
            Err(error) => (None, Some(error)),
        };
        let report = Report {
            preamble: Preamble::new("inspect").source(&self.checkpoint),
            arrays,
            elements,
            summary,
            problem: problem.as_ref().map(Error::to_string),
        };
        output::report(self.json, &report, |report| describe(report, self.all))?;
        problem.map_or(Ok(()), Err)
    }
}

impl Inspect {
    /// The model in the files, a video model or an image model.
    fn summary(&self, hub: &Hub) -> Result<Summary> {
        let described = |what: String, config: Config, labels: Option<Vec<String>>, notes, input| -> Result<Summary> {
            Ok(Summary {
                what,
                parameters: config.parameters()?.iter().map(|spec| spec.shape.elements()).sum(),
                multiply_accumulates: config.multiply_accumulates()?,
                labels: labels.map(|labels| labels.len()),
                config,
                learnt_clips: None,
                trained_on: None,
                notes,
                input,
            })
        };
        match checkpoint::load_hinted(&self.checkpoint, hub, &self.hints.hints()) {
            Ok(Checkpoint { provenance, config, labels, learnt_clips, notes, trained_on, .. }) => {
                let what = format!("{config}; {provenance} files");
                Ok(Summary { learnt_clips, trained_on, ..described(what, config, labels, notes, "a clip")? })
            }
            Err(error) => match checkpoint::load_image(&self.checkpoint, hub, None) {
                Ok(Trained { config, notes, .. }) => {
                    let what = format!(
                        "image model with {} layers of width {} and {} heads, patches of {}×{} in images of {}×{}; \
                         `tubelet init` begins a video model from it",
                        config.layers,
                        config.width,
                        config.heads,
                        config.tubelet.rows,
                        config.tubelet.columns,
                        config.rows,
                        config.columns
                    );
                    described(what, config, None, notes, "an image")
                }
                Err(_) => Err(error),
            },
        }
    }
}

fn describe(report: &Report, all: bool) -> String {
    let mut table = output::table(&["array", "shape", "type", " elements"]);
    let (state, arrays): (Vec<_>, Vec<_>) = report.arrays.iter().partition(|array| !all && is_state(&array.name));
    for (array, blocks) in grouped(&arrays, all) {
        let name = blocks.unwrap_or_else(|| array.name.clone());
        let elements = output::grouped(array.elements() as u64);
        table.add_row([name, format!("{:?}", array.shape), array.dtype.clone(), elements]);
    }
    if !state.is_empty() {
        let elements: usize = state.iter().map(|array| array.elements()).fold(0, usize::saturating_add);
        let name = format!("{} arrays of the training's state", state.len());
        table.add_row([name, String::new(), String::new(), output::grouped(elements as u64)]);
    }
    let arrays = format!("{} arrays of {} elements", report.arrays.len(), output::grouped(report.elements as u64));
    let source = report.preamble.model.clone().unwrap_or_default();
    let facts = match &report.summary {
        None => output::fields([("checkpoint", source), ("holds", arrays)]),
        Some(model) => {
            let giga = model.multiply_accumulates as f64 * 1e-9;
            let decimals = if giga < 1.0 { 4 } else { 2 };
            let work = format!("{giga:.decimals$}·10⁹ multiply-accumulates {}", model.input);
            let mut facts = vec![
                ("checkpoint", source),
                ("model", model.what.clone()),
                ("holds", arrays),
                ("parameters", output::grouped(model.parameters as u64)),
                ("work", work),
            ];
            facts.extend(model.labels.map(|labels| ("class names", labels.to_string())));
            facts.extend(model.learnt_clips.map(|clips| ("learnt clips", clips.to_string())));
            facts.extend(model.trained_on.iter().map(|data| ("trained on", data.clone())));
            facts.extend((!model.notes.is_empty()).then(|| ("notes", model.notes.join("\n"))));
            output::facts(&facts)
        }
    };
    format!("{}\n\n{facts}", table.trim_fmt())
}

/// The arrays to show: each, or of blocks that are alike those of the first, with a name for all of them.
fn grouped<'a>(arrays: &[&'a ArrayInfo], all: bool) -> Vec<(&'a ArrayInfo, Option<String>)> {
    let mut shown: Vec<(&ArrayInfo, Vec<u64>)> = Vec::new();
    let mut indices = HashMap::new();
    for &array in arrays {
        let numbered = if all { None } else { numbered(&array.name) };
        let Some((before, number, after)) = numbered else {
            shown.push((array, Vec::new()));
            continue;
        };
        let index = *indices.entry((before, after, &array.shape, &array.dtype)).or_insert(shown.len());
        match shown.get_mut(index) {
            Some((_, numbers)) => numbers.push(number),
            None => shown.push((array, vec![number])),
        }
    }
    let named = |(array, numbers): (&'a ArrayInfo, Vec<u64>)| match (numbered(&array.name), numbers.as_slice()) {
        (Some((before, _, after)), [first, .., last]) => (array, Some(format!("{before}{{{first}..{last}}}{after}"))),
        _ => (array, None),
    };
    shown.into_iter().map(named).collect()
}

/// Whether an array of that name belongs to a training and not to a model.
fn is_state(name: &str) -> bool {
    const PARTS: [&str; 7] =
        ["optimizer/state/", "opt_state/", "opt/state/", "extra/", "model_state/", "metadata/", "rng"];
    PARTS.iter().any(|part| name.starts_with(part))
}

/// A name around the number of its block: `Transformer/encoderblock_`, 3, `/LayerNorm_0/bias`.
fn numbered(name: &str) -> Option<(&str, u64, &str)> {
    const MARKS: [&str; 4] = ["encoderblock_", "layer.", "layers.", "blocks."];
    let start = MARKS.iter().find_map(|mark| name.find(mark).map(|at| at + mark.len()))?;
    let digits = name[start..].bytes().take_while(u8::is_ascii_digit).count();
    let number = name[start..start + digits].parse().ok()?;
    Some((&name[..start], number, &name[start + digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_that_are_alike_are_one_row() {
        let array = |name: &str, size| ArrayInfo::new(name, vec![size], "F32");
        let arrays = [
            array("a/encoderblock_0/LayerNorm_0/bias", 3),
            array("a/encoderblock_0/LayerNorm_1/bias", 3),
            array("a/encoderblock_1/LayerNorm_0/bias", 3),
            array("a/encoderblock_1/LayerNorm_1/bias", 4),
            array("cls", 3),
        ];
        let arrays: Vec<_> = arrays.iter().collect();
        let shown = grouped(&arrays, false);
        let names: Vec<_> = shown.iter().map(|(array, blocks)| blocks.as_ref().unwrap_or(&array.name)).collect();
        assert_eq!(
            names,
            [
                "a/encoderblock_{0..1}/LayerNorm_0/bias",
                "a/encoderblock_0/LayerNorm_1/bias",
                "a/encoderblock_1/LayerNorm_1/bias",
                "cls"
            ]
        );
        assert_eq!(grouped(&arrays, true).len(), 5);
    }
}
