//! `tubelet attention`.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;
use tubelet::engine::{AttentionMaps, AttentionQuery};
use tubelet::report::{Colours, Enlargement, Line, Look, Overlay, Profile, Scale};
use tubelet::tensor::{Error, Result, Tensor};
use tubelet::vivit::{AttentionLayer, Config, Encoder};
use tubelet::{Class, Vivit};

use super::known::known;
use super::preamble::Preamble;
use super::start::{StartArguments, Started};
use super::video::{Decoded, frames, name};
use super::{files, output, progress};

/// Show where a model looks in a video
#[derive(clap::Args)]
#[command(
    override_usage = "tubelet attention [OPTIONS] --model <DIR_OR_NAME>
                         --output <PICTURE> <VIDEO>",
    after_help = "\
Rollout follows the attention of all layers and their residual paths down to the tokens of the clip. A single layer \
shows its own probabilities. In Model 2 a layer is one of an encoder, spatial.11 or temporal.3. Where a model attends \
over space and over time apart, a layer's map is its attention over space.

The profile is the attention over time where the model attends over time apart (the temporal encoder of Model 2, the \
layers of Models 3 and 4), and otherwise the map summed over each temporal index. A layer of Model 2's spatial encoder \
has none: it sees each temporal index by itself. What the class token gets is in neither, so that shares need not sum \
to 1.

Pictures: .gif repeats the clip, .png and .webp are a sheet with a frame of each temporal index, .html is a page with a \
slider over time. No N×N matrix is stored, whatever the model's size.

Examples:
  tubelet attention clip.mp4 --model DIR --output looks.gif
  tubelet attention clip.mp4 --model DIR -o looks.html --layer 11 --head 3
  tubelet attention clip.mp4 --model DIR -o looks.png --query 7,6,9
  tubelet attention clip.mp4 --model DIR -o looks.png --profile time.svg
  tubelet attention clip.mp4 --model DIR --maps maps.safetensors --json"
)]
pub(super) struct Attention {
    /// A video file, a folder of images, a GIF, an image, or a .npy of [T,H,W,3] bytes.
    video: PathBuf,
    #[command(flatten)]
    start: StartArguments,
    /// The picture to draw: .gif, .png, .webp or .html.
    #[arg(short, long, value_name = "PICTURE", required_unless_present_any = ["maps", "profile"])]
    output: Option<PathBuf>,
    /// Draw the profile, which is the attention over time, as lines: .svg or .png.
    #[arg(long, value_name = "PLOT")]
    profile: Option<PathBuf>,
    /// Write the numbers: `map` [T,H,W], the share of each token, and `profile` [T] where there is one.
    #[arg(long, value_name = "OUT.safetensors")]
    maps: Option<PathBuf>,
    /// rollout, or one layer, counted from 0; in Model 2 with its encoder: spatial.11, temporal.3.
    #[arg(long, value_name = "LAYER", default_value = "rollout")]
    layer: AttentionLayer,
    /// One head of a layer, counted from 0, or the mean of all.
    #[arg(long, value_name = "HEAD", default_value = "mean")]
    head: Head,
    /// Whose attention: cls, what the head sees (the class token, or the mean of all tokens), or the token of temporal
    /// index, row and column, counted from 0; in a temporal layer of Model 2, row and column are 0.
    #[arg(long, value_name = "cls|T,Y,X", default_value = "cls")]
    query: AttentionQuery,
    #[command(flatten)]
    look: LookArguments,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

const LOOK: &str = "Look";

/// How numbers become colours.
#[derive(clap::Args)]
struct LookArguments {
    /// The colours from the lowest to the highest value.
    #[arg(long, default_value_t, value_parser = known::<Colours>(Colours::ALL.iter().map(|one| one.name())),
        help_heading = LOOK)]
    colours: Colours,
    /// A square of one colour for each token, instead of soft edges.
    #[arg(long, help_heading = LOOK)]
    squares: bool,
    /// Scale the colours frame by frame, so that those of different frames cannot be compared.
    #[arg(long, help_heading = LOOK)]
    frame_scale: bool,
}

impl LookArguments {
    fn look(&self) -> Look {
        Look::default()
            .colours(self.colours)
            .enlargement(if self.squares { Enlargement::Squares } else { Enlargement::Smooth })
            .scale(if self.frame_scale { Scale::Frame } else { Scale::Clip })
    }
}

/// `mean` or `3`.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Head(Option<usize>);

impl FromStr for Head {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "mean" => Ok(Self(None)),
            _ => text.parse().map(|head| Self(Some(head))).map_err(|_| "it must be mean, or a number".to_owned()),
        }
    }
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    indices: Vec<usize>,
    range: String,
    layer: String,
    query: String,
    /// Temporal indices, rows and columns of the map.
    grid: [usize; 3],
    /// The share of each temporal index, where there is attention over time.
    #[serde(skip_serializing_if = "Option::is_none")]
    profile: Option<Vec<f32>>,
    /// The temporal index whose tokens get most of the map, where those of different indices can be compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    brightest: Option<usize>,
    classes: Vec<Class>,
    written: Vec<String>,
}

impl super::Run for Attention {
    fn run(self) -> Result<()> {
        self.check_outputs()?;
        let (started, decoded) = self.start.start_with(&self.video, None)?;
        let preamble = started.preamble("attention").video(decoded.report());
        let Started { model, pass, .. } = started;
        let pass = pass.layer(self.layer_of(model.config())?).query(self.query);
        let prepared = model.prepare(&decoded.clips[0])?;
        let maps = progress::showing_upload(&model, || model.attention(pass.over(&prepared)))?;
        let grid = model.config().grid();
        let report = Report {
            preamble,
            indices: decoded.indices(),
            range: model.preprocessing().range(),
            layer: self.layer_name(),
            query: self.query_name(model.config()),
            grid: [grid.temporal, grid.rows, grid.columns],
            profile: maps.profile.clone(),
            brightest: maps.profile.as_ref().and(brightest(&maps.map)?),
            classes: maps.classes.as_ref().map_or(Vec::new(), |classes| classes.top(1)),
            written: self.outputs().map(|path| path.display().to_string()).collect(),
        };
        self.write(&model, &prepared, &decoded, maps, &report)?;
        output::report(self.json, &report, describe)
    }
}

impl Attention {
    fn outputs(&self) -> impl Iterator<Item = &PathBuf> {
        [&self.output, &self.profile, &self.maps].into_iter().flatten()
    }

    /// Errors about outputs, before the work.
    fn check_outputs(&self) -> Result<()> {
        let outputs: [(_, &[&str]); 3] = [
            (&self.output, &["gif", "png", "webp", "html"]),
            (&self.profile, &["svg", "png"]),
            (&self.maps, &["safetensors"]),
        ];
        outputs.into_iter().try_for_each(|(path, extensions)| match path {
            Some(path) => files::check_output(path, extensions, &[&self.video]),
            None => Ok(()),
        })
    }

    fn layer_of(&self, config: &Config) -> Result<AttentionLayer> {
        match (&self.layer, self.head.0) {
            (AttentionLayer::Rollout, Some(_)) => {
                Err(Error::usage("rollout takes the mean over all heads; choose a --layer to see one --head of it"))
            }
            (AttentionLayer::Block { encoder: Encoder::Clip, layer, .. }, _)
                if config.encoders().iter().all(|(encoder, _)| *encoder != Encoder::Clip) =>
            {
                Err(Error::usage(format!(
                    "this model has two encoders: choose --layer spatial.{layer} or temporal.{layer}"
                )))
            }
            (AttentionLayer::Block { encoder: Encoder::Spatial, layer, .. }, _) if self.profile.is_some() => {
                Err(Error::usage(format!(
                    "there is no --profile of layer spatial.{layer}, which sees each temporal index by itself: choose a \
                     temporal layer, or rollout"
                )))
            }
            (AttentionLayer::Block { encoder, layer, head: None }, head) => {
                Ok(AttentionLayer::Block { encoder: *encoder, layer: *layer, head })
            }
            (layer, None) => Ok(*layer),
            (layer, Some(_)) => Err(Error::usage(format!("--layer {layer} names a head already: leave --head out"))),
        }
    }

    /// Whether the tokens of the layer are temporal indices, not squares of frames.
    fn is_temporal(&self) -> bool {
        matches!(self.layer, AttentionLayer::Block { encoder: Encoder::Temporal, .. })
    }

    fn layer_name(&self) -> String {
        match (&self.layer, &self.head.0) {
            (AttentionLayer::Block { encoder, layer, head: Some(head) }, _)
            | (AttentionLayer::Block { encoder, layer, head: None }, Some(head)) => {
                format!("layer {}{layer}, head {head}", encoder.prefix())
            }
            (AttentionLayer::Block { encoder, layer, .. }, None) => {
                format!("layer {}{layer}, mean over its heads", encoder.prefix())
            }
            (layer, _) => format!("{layer} over all layers"),
        }
    }

    fn query_name(&self, config: &Config) -> String {
        match self.query {
            AttentionQuery::Token([time, ..]) if self.is_temporal() => format!("temporal index {time}"),
            AttentionQuery::Token([time, row, column]) => {
                format!("the token at temporal index {time}, row {row}, column {column}")
            }
            AttentionQuery::Clip if config.class_token() => "the class token".to_owned(),
            _ => "what the head sees".to_owned(),
        }
    }

    fn write(
        &self,
        model: &Vivit,
        prepared: &tubelet::video::PreparedClip,
        decoded: &Decoded,
        maps: AttentionMaps,
        report: &Report,
    ) -> Result<()> {
        let seen = model.seen_frames(prepared)?;
        let seconds: Option<Vec<f64>> = seen.indices.iter().map(|index| decoded.second(*index)).collect();
        let profile = maps.profile.as_ref().map(|values| {
            let each = seen.frames.len() / values.len();
            let middle = |of_index: &[f64]| of_index.iter().sum::<f64>() / of_index.len() as f64;
            let title = format!(
                "{}: attention over time of {}, {}",
                name(&self.video),
                report.query,
                model.checkpoint().source
            );
            let lines = vec![Line::new(report.layer.clone(), values.clone())];
            let seconds = seconds.as_ref().map(|seconds| seconds.chunks(each).map(middle).collect::<Vec<_>>());
            Profile::new(title, "share of the attention", lines).seconds(seconds)
        });
        if let (Some(path), Some(profile)) = (&self.profile, &profile) {
            profile.write(path)?;
        }
        if let Some(path) = &self.maps {
            let mut tensors = BTreeMap::from([("map".to_owned(), maps.map.clone())]);
            if let Some(values) = maps.profile {
                tensors.insert("profile".to_owned(), Tensor::f32([values.len()], values)?);
            }
            files::write_safetensors(path, &tensors)?;
        }
        let Some(path) = &self.output else { return Ok(()) };
        let _spinner = progress::spinner("drawing");
        let query = match self.query {
            AttentionQuery::Token(token) if !self.is_temporal() => Some(token),
            _ => None,
        };
        let says = report.classes.first().map(|class| format!("{} ({})", class.name, class.score()));
        let facts = [("model", report.preamble.model.clone()), ("attention", Some(report.layer.clone()))];
        let more = [("of", Some(report.query.clone())), ("says", says)];
        let facts = facts.into_iter().chain(more).filter_map(|(name, fact)| Some((name.to_owned(), fact?)));
        let name = self.video.file_name().map_or(String::new(), |name| name.to_string_lossy().into_owned());
        let overlay = Overlay::new(format!("{name}: where the model looks"), seen.frames, maps.map)
            .facts(facts.collect())
            .seconds(seconds)
            .query(query)
            .profile(profile)
            .look(self.look.look());
        overlay.write(path)
    }
}

/// The temporal index whose tokens get most of a map [T, rows, columns], the first of equal ones.
fn brightest(map: &Tensor) -> Result<Option<usize>> {
    let times = map.shape().axes()[0];
    let values = map.as_f32()?;
    let sums = values.chunks(values.len() / times).map(|index| index.iter().sum::<f32>());
    Ok(sums.enumerate().rev().max_by(|a, b| a.1.total_cmp(&b.1)).map(|(time, _)| time))
}

fn describe(report: &Report) -> String {
    let Report { preamble, indices, range, layer, query, grid: [times, rows, columns], .. } = report;
    let says = report
        .classes
        .first()
        .map_or("nothing: it has no head".to_owned(), |class| format!("{} {}", class.score(), class.name));
    let most = match report.brightest {
        Some(index) => format!("most at index {index}"),
        None => "each seen by itself".to_owned(),
    };
    let mut facts = preamble.facts(Some(frames(indices)), Some(range));
    facts.extend([
        ("says", says),
        ("attention", format!("{layer}, of {query}")),
        ("map", format!("{times} temporal indices of {rows}×{columns} tokens, {most}")),
        ("written", report.written.join(", ")),
    ]);
    output::facts(&facts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_written_shortly() {
        assert_eq!(("mean".parse(), "3".parse()), (Ok(Head(None)), Ok(Head(Some(3)))));
    }
}
