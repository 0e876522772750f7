//! `tubelet init`.

mod origins;

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use clap::{ValueEnum, ValueHint};
use serde::Serialize;
use tubelet::checkpoint::{self, Checkpoint, Described, Hints, Hub, Provenance, Trained};
use tubelet::tensor::{Error, ErrorKind, Result};
use tubelet::vivit::initialise::{Inflation, Initialisation, Positions, TemporalAttention, from_scratch};
use tubelet::vivit::{Classifier, Config, Gelu, Labelling, Model, ModelOption, Parameters, Tubelet};

use super::arguments::{at_least_one, sides};
use super::known::known;
use super::preamble::Preamble;
use super::{output, progress};
use origins::{Group, groups};

/// Make a video model from a trained image model, to train it further
#[derive(clap::Args)]
#[command(
    override_usage = "tubelet init [OPTIONS] --from <IMAGE_MODEL> --output <DIR>
                    --model <MODEL>|--config <CONFIG.json>",
    after_help = "\
The image model is a .npz file of Google's vision transformers (as they are or of big_vision), a checkpoint of scenic, \
or a folder or hub name of the transformers library (ViT, DINOv2) or of timm. A video model of the same kind also \
serves, for instance for longer clips. What DINOv2 scales in each block is folded into the projections before it.

What the video model has and the image model has not keeps its starting values: those with which a training from \
scratch begins (--seed), or those of another file (--start). So does the preamble, unless --keep-head.

Of a clip that shows one still picture, Model 2 with --copy-cls-to-spatial makes at every temporal index what the image \
model makes of the picture, for --inflate central and average alike.

Examples:
  tubelet init --from vit.npz --model 2 --tubelet 16x2 --frames 32 --output DIR
  tubelet init --from google/vit-base-patch16-224-in21k --model 3 --output DIR
  tubelet init --from vit.npz --model 1 --size 288 --inflate average -o DIR
  tubelet init --from facebook/dinov2-small --model 2 --size 224 \\
      --copy-cls-to-spatial --output DIR
  tubelet init --from vit.npz --model 3 --gelu exact --output DIR
  tubelet init --from vit.npz --config config.json --start FILE --output DIR"
)]
pub(super) struct Init {
    /// The trained model: a folder, a file of weights, or a name on the Hugging Face hub.
    #[arg(long, value_name = "IMAGE_MODEL", value_hint = ValueHint::AnyPath)]
    from: String,
    /// The folder to write.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Starting values of everything that is not taken over: parameters of the target's shape, in any format.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with = "seed")]
    start: Option<String>,
    /// The seed of the starting values: the same numbers everywhere.
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
    /// Replace the model in the folder, where there is one.
    #[arg(long)]
    force: bool,
    /// Print JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    target: TargetArguments,
    #[command(flatten)]
    rules: RuleArguments,
    #[command(flatten)]
    source: SourceArguments,
}

/// What to make.
#[derive(clap::Args)]
#[command(next_help_heading = "The video model")]
struct TargetArguments {
    /// 1 (joint), 2 (factorised-encoder), 3 (factorised-self-attention) or 4 (factorised-dot-product).
    #[arg(short, long, visible_alias = "kind", value_name = "MODEL", required_unless_present = "config",
        value_parser = known::<Model>(Model::all().iter().map(Model::name)), hide_possible_values = true)]
    model: Option<Model>,
    /// Sides and frames of a tubelet: 16x2 is 16×16 pixels of 2 frames. Without it the image model's patches of 2 frames.
    #[arg(long, value_name = "SIDExFRAMES", value_parser = pair)]
    tubelet: Option<[usize; 2]>,
    /// Frames of a clip.
    #[arg(long, value_name = "N", default_value = "32", value_parser = at_least_one)]
    frames: usize,
    /// Sides of a frame in pixels, 224 or 224x320 (rows, columns). Without it those of the image model.
    #[arg(long, value_name = "SIZE", value_parser = sides)]
    size: Option<[usize; 2]>,
    /// Classes. Without it 400, with --keep-head those of the image model.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    classes: Option<usize>,
    /// An option of the model's own, as in its config.json: temporal.layers=4 or temporal=mean of Model 2, order=time_space
    /// of Model 3, heads=spatial_first of Model 4. May be repeated.
    #[arg(long = "option", value_name = "NAME=VALUE")]
    options: Vec<ModelOption>,
    /// How the output becomes one vector. Without it a class token in Models 1 and 2, the mean in Models 3 and 4.
    #[arg(long, value_parser = known::<Classifier>(Classifier::ALL.iter().map(|one| one.name())))]
    classifier: Option<Classifier>,
    /// The GELU of the MLPs: by erf (exact), by tanh, as ViViT was trained, or that of the image model. A note says so
    /// where it is another one.
    #[arg(long, value_name = "FORM", value_enum, default_value_t)]
    gelu: GeluForm,
    /// All of this in a file: the config.json of scenic, of the transformers library, or of this program.
    #[arg(long, value_name = "CONFIG.json",
        conflicts_with_all = ["model", "tubelet", "frames", "size", "classes", "options", "classifier", "gelu"])]
    config: Option<PathBuf>,
}

/// Which form of GELU a model is made with.
#[derive(Clone, Copy, Default, ValueEnum)]
enum GeluForm {
    Exact,
    Tanh,
    #[default]
    AsImage,
}

impl GeluForm {
    /// The form, where the image model has the form `image`.
    fn of(self, image: Gelu) -> Gelu {
        match self {
            Self::Exact => Gelu::Erf,
            Self::Tanh => Gelu::Tanh,
            Self::AsImage => image,
        }
    }
}

/// How to make it.
#[derive(clap::Args)]
#[command(next_help_heading = "What is taken over, and how")]
struct RuleArguments {
    /// The kernel over a tubelet's frames: the image's at the central frame, its average or approximate rank pooling
    /// (arp) over all, or the starting values.
    #[arg(long, default_value = "central",
        value_parser = known::<Taken<Inflation>>(or_keep(Inflation::ALL, |one| one.name())))]
    inflate: Taken<Inflation>,
    /// Positions: the image's at every temporal index (tile), resized to another size of frames (resize), both, or the
    /// starting values. Without it tile, or resize_tile where the sizes differ.
    #[arg(long, value_parser = known::<Taken<Positions>>(or_keep(Positions::ALL, |one| one.name())))]
    positions: Option<Taken<Positions>>,
    /// The attention over time in Model 3: a copy of that over space whose output begins at zero (zero_out), all zero,
    /// of which most never learns (zero_all), a whole copy, or the starting values (xavier).
    #[arg(long, default_value_t,
        value_parser = known::<TemporalAttention>(TemporalAttention::ALL.iter().map(|one| one.name())))]
    temporal: TemporalAttention,
    /// Keep the head too: its classes must be the target's.
    #[arg(long)]
    keep_head: bool,
    /// Begin Model 2's spatial class token as the image model's; the original begins it at zero.
    #[arg(long)]
    copy_cls_to_spatial: bool,
}

/// What the trained model's files may leave open.
#[derive(clap::Args)]
#[command(next_help_heading = "What the files may not say")]
struct SourceArguments {
    /// Attention heads of an image model of timm; without it heads are 64 wide.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    image_heads: Option<usize>,
    /// Frames of a clip of a video model to begin from.
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    from_frames: Option<usize>,
    /// Sides of a frame of a video model to begin from; without it those of the model to make.
    #[arg(long, value_name = "SIZE", value_parser = sides)]
    from_size: Option<[usize; 2]>,
}

/// A way in which something is taken over; `keep` for the starting values.
#[derive(Clone, Copy)]
struct Taken<T>(Option<T>);

impl<T: FromStr<Err = Error>> FromStr for Taken<T> {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "keep" => Ok(Self(None)),
            _ => text.parse().map(|way| Self(Some(way))).map_err(|error| Error::usage(format!("{error}; or keep"))),
        }
    }
}

/// The names of ways, and `keep`.
fn or_keep<T>(ways: &'static [T], name: fn(&'static T) -> &'static str) -> impl Iterator<Item = &'static str> {
    ways.iter().map(name).chain(["keep"])
}

/// `16x2`.
pub(super) fn pair(text: &str) -> Result<[usize; 2], String> {
    let parsed = text.split_once('x').and_then(|(a, b)| Some([a.parse().ok()?, b.parse().ok()?]));
    parsed.ok_or_else(|| "it must be two numbers with an x between them".to_owned())
}

#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    preamble: Preamble,
    output: String,
    /// Which of the models it has become, and its sizes.
    architecture: String,
    parameters: usize,
    origins: Vec<Group>,
    unused: Vec<String>,
}

impl super::Run for Init {
    fn run(self) -> Result<()> {
        let described = self.target.config.as_deref().map(checkpoint::read_config).transpose()?;
        let trained = self.trained(described.as_ref())?;
        trained.notes.iter().for_each(|note| output::note(note));
        let target = match described {
            Some(described) => described,
            None => self.target.described(&trained.config, self.rules.keep_head)?,
        };
        computed_otherwise(&trained.config, &target.config).iter().for_each(|note| output::note(note));
        let start = match &self.start {
            Some(file) => checkpoint::load_parameters(file, &Hub::from_env(), &target.config)?,
            None => from_scratch(&target.config, self.seed)?,
        };
        let rules = self.rules.initialisation(&trained.config, &target.config);
        let made = Arc::new(rules.apply(&trained.config, trained.parameters.clone(), &target.config, start)?);
        let report = Report {
            preamble: Preamble::new("init").source(&trained.source),
            output: self.output.display().to_string(),
            architecture: target.config.to_string(),
            parameters: made.origins().map(|(spec, _)| spec.shape.elements()).sum(),
            origins: groups(&made),
            unused: made.unused().into_iter().map(str::to_owned).collect(),
        };
        self.save(target, made, &trained.source)?;
        output::report(self.json, &report, describe)
    }
}

impl Init {
    /// The model to begin from. What a video model's files leave open is first tried as in the target.
    fn trained(&self, target: Option<&Described>) -> Result<Trained> {
        let SourceArguments { image_heads, from_frames, from_size } = self.source;
        let hub = Hub::from_env().progress(true);
        let told = Hints::new().frames(from_frames).size(from_size);
        let loaded = checkpoint::load_trained(&self.from, &hub, &told, image_heads);
        let as_target = match target {
            Some(Described { config, .. }) => told
                .clone()
                .kind(config.model)
                .options(config.model.untold_options()?)
                .size(from_size.or(Some([config.rows, config.columns]))),
            None => told.clone().kind(self.target.model).size(from_size.or(self.target.size)),
        };
        match loaded {
            Err(error) if error.kind() == ErrorKind::Usage => {
                checkpoint::load_trained(&self.from, &hub, &as_target, image_heads).map_err(|_| error)
            }
            loaded => loaded,
        }
    }

    fn save(&self, target: Described, parameters: Arc<dyn Parameters>, source: &str) -> Result<()> {
        let _spinner = progress::spinner("writing");
        let Described { config, provenance, labels, preprocessor, .. } = target;
        let labels = labels.filter(|labels| labels.len() == config.classes);
        let made = Checkpoint::new(config, parameters)
            .provenance(provenance)
            .labels(labels)
            .preprocessor(preprocessor)
            .source(self.output.display().to_string())
            .notes(vec![format!("begun from {source} and not trained on videos since")]);
        checkpoint::save(&self.output, &made, self.force)
    }
}

impl TargetArguments {
    /// The model that the flags describe, with the sizes of `source` where they say nothing.
    fn described(&self, source: &Config, keep_head: bool) -> Result<Described> {
        let model = self.model.ok_or_else(|| Error::usage("which model is to be made? Give --model or --config"))?;
        if let Some(classes) = self.classes.filter(|&classes| keep_head && ![0, classes].contains(&source.classes)) {
            return Err(Error::usage(format!(
                "the head has {} classes, not {classes}: leave out --classes or --keep-head",
                source.classes
            )));
        }
        let [rows, columns] = self.size.unwrap_or([source.rows, source.columns]);
        let tubelet = match self.tubelet {
            Some([side, frames]) => Tubelet { frames, rows: side, columns: side },
            None => Tubelet { frames: 2, ..source.tubelet },
        };
        let usual = source.clone().as_model(model);
        let model = self.options.iter().try_fold(usual.model, |model, option| model.with_option(option))?;
        let config = source
            .clone()
            .model(model)
            .frames(self.frames)
            .rows(rows)
            .columns(columns)
            .tubelet(tubelet)
            .frame_sampling(None)
            .classes(self.classes.unwrap_or(if keep_head { source.classes } else { 400 }))
            .labelling(Labelling::Single)
            .classifier(self.classifier.unwrap_or(usual.classifier))
            .gelu(self.gelu.of(source.gelu))
            .representation_size(None);
        config.validate()?;
        Ok(Described::new(config, Provenance::Scenic))
    }
}

impl RuleArguments {
    fn initialisation(&self, source: &Config, target: &Config) -> Initialisation {
        let sides = |config: &Config| [config.grid().rows, config.grid().columns];
        let usual = if sides(source) == sides(target) { Positions::Tile } else { Positions::ResizeTile };
        let Taken(positions) = self.positions.unwrap_or(Taken(Some(usual)));
        Initialisation::new()
            .inflation(self.inflate.0)
            .positions(positions)
            .temporal(self.temporal)
            .copy_cls_to_spatial(self.copy_cls_to_spatial)
            .keep_head(self.keep_head)
    }
}

/// What a `target` computes otherwise than the model that it is begun from, in a sentence; `None` where that is nothing.
fn computed_otherwise(source: &Config, target: &Config) -> Option<String> {
    let form = |gelu: Gelu| if gelu == Gelu::Tanh { "tanh" } else { "erf" };
    let gelu = (source.gelu != target.gelu)
        .then(|| format!("GELU by {} where it was by {}", form(target.gelu), form(source.gelu)));
    let [before, after] = [source, target].map(|config| config.layer_norm_eps);
    let eps = (before.to_bits() != after.to_bits())
        .then(|| format!("LayerNorm with an eps of {after:e} where it was {before:e}"));
    let changes: Vec<_> = gelu.into_iter().chain(eps).collect();
    (!changes.is_empty()).then(|| {
        format!("the new model computes {}: it begins close to the trained one, not equal", changes.join(" and "))
    })
}

fn describe(report: &Report) -> String {
    let mut table = output::table(&["parameters", " tensors", "from"]);
    for Group { parameters, tensors, from } in &report.origins {
        table.add_row([parameters.clone(), tensors.to_string(), from.clone()]);
    }
    let unused = match report.unused.as_slice() {
        [] => "nothing".to_owned(),
        names => names.join(", "),
    };
    let facts = output::fields([
        ("model", report.architecture.clone()),
        ("parameters", output::grouped(report.parameters as u64)),
        ("begun from", report.preamble.model.clone().unwrap_or_default()),
        ("left out", unused),
        ("written", report.output.clone()),
    ]);
    format!("{facts}\n\n{}", table.trim_fmt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_computed_otherwise_is_said_in_one_sentence() {
        let trained = Config::named("vit-b").unwrap().gelu(Gelu::Erf).layer_norm_eps(1e-12);
        assert_eq!(computed_otherwise(&trained, &trained.clone().frames(4)), None);
        let note = computed_otherwise(&trained, &Config::named("vit-b").unwrap()).unwrap();
        assert!(note.contains("GELU by tanh where it was by erf and LayerNorm with an eps of 1e-6"), "{note}");
        let forms = [GeluForm::Exact, GeluForm::Tanh, GeluForm::AsImage].map(|form| form.of(Gelu::Tanh));
        assert_eq!(forms, [Gelu::Erf, Gelu::Tanh, Gelu::Tanh]);
    }

    #[test]
    fn a_tubelet_is_two_numbers() {
        assert_eq!(pair("16x2"), Ok([16, 2]));
        for text in ["", "x", "16", "16x", "16x2x2", "-1x2"] {
            assert!(pair(text).is_err(), "{text}");
        }
    }
}
