//! The recipe of a training, and what is told beside it.

use clap::ValueEnum;
use tubelet::checkpoint::LearntClips;
use tubelet::tensor::{Error, Result};
use tubelet::train::{CheckpointStart, ClipStart, ImageStart, ModelRecipe, Recipe, Start};
use tubelet::vivit::{Config, Model};

use crate::cli::arguments::{at_least_one, sides};
use crate::cli::known::known;
use crate::cli::output;

/// Their heading in the help.
const RECIPE: &str = "Recipe";

/// The recipe where none is named.
const USUAL: &str = "fine-tune";

/// A recipe, and what goes before what it says.
#[derive(clap::Args)]
pub(super) struct RecipeArguments {
    /// A file (TOML), or k400, k600, mit, ek100, ssv2 as in the paper, or fine-tune. What is told beside it goes before what
    /// it says.
    #[arg(long, value_name = "FILE|NAME", default_value = USUAL, help_heading = RECIPE)]
    recipe: String,
    /// What is begun from: scratch (random weights), image (a trained image model), or checkpoint (a video model, which gets a
    /// new head).
    #[arg(long, value_enum, value_name = "START", help_heading = RECIPE)]
    from: Option<Origin>,
    /// With --from scratch or image: the backbone and its tubelets, such as vit-ti/16x2.
    #[arg(long, value_name = "SHAPE", help_heading = RECIPE)]
    shape: Option<String>,
    /// With --from scratch or image: 1 (joint), 2 (factorised-encoder), 3 (factorised-self-attention) or 4
    /// (factorised-dot-product).
    #[arg(long, value_name = "MODEL", value_parser = known::<Model>(Model::all().iter().map(Model::name)),
        hide_possible_values = true, help_heading = RECIPE)]
    kind: Option<Model>,
    /// With --from scratch or image: an option of the model's own, such as temporal.layers=2. May be repeated.
    #[arg(long = "option", value_name = "NAME=VALUE", help_heading = RECIPE, hide_short_help = true)]
    options: Vec<String>,
    /// Keep the head of a video model: its classes are those of the videos.
    #[arg(long, help_heading = RECIPE, hide_short_help = true)]
    keep_head: bool,
    /// How often all videos are shown.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), conflicts_with = "steps", help_heading = RECIPE)]
    epochs: Option<u64>,
    /// How often the weights change, instead of --epochs.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..), help_heading = RECIPE)]
    steps: Option<u64>,
    /// Videos of a step.
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = RECIPE)]
    batch: Option<usize>,
    /// Videos that are computed at a time: fewer take less memory.
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = RECIPE, hide_short_help = true)]
    micro_batch: Option<usize>,
    /// The highest learning rate.
    #[arg(long, value_name = "RATE", help_heading = RECIPE)]
    rate: Option<f64>,
    /// Epochs until the highest rate is reached; parts of one too.
    #[arg(long, value_name = "EPOCHS", help_heading = RECIPE, hide_short_help = true)]
    warm_up: Option<f64>,
    /// Decides everything that is random.
    #[arg(long, value_name = "N", help_heading = RECIPE)]
    seed: Option<u64>,
    /// Parameters that stay as they are: embeddings, encoder, head, names, or names with * and ?. Several are parted by commas.
    #[arg(long, value_name = "PARTS", value_delimiter = ',', help_heading = RECIPE)]
    freeze: Vec<String>,
    /// Frames of a clip.
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = RECIPE)]
    frames: Option<usize>,
    /// Sides of a frame in pixels: 224, or 224x320 (rows x columns).
    #[arg(long, value_name = "SIZE", value_parser = sides, help_heading = RECIPE)]
    size: Option<[usize; 2]>,
    /// Take every Nth frame.
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = RECIPE, hide_short_help = true)]
    stride: Option<usize>,
    /// Compute each block of the encoder again in the backward pass: less memory, more time, the same bits.
    #[arg(long, help_heading = RECIPE, hide_short_help = true)]
    recompute: bool,
    /// Checkpoints that are kept, beside the best.
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = RECIPE, hide_short_help = true)]
    keep: Option<usize>,
    /// Threads that decode videos.
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = RECIPE, hide_short_help = true)]
    workers: Option<usize>,
    /// MiB of decoded frames that are kept in memory.
    #[arg(long, value_name = "N", help_heading = RECIPE, hide_short_help = true)]
    cache_mib: Option<u64>,
}

/// What a training begins from.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Origin {
    Scratch,
    Image,
    Checkpoint,
}

impl RecipeArguments {
    /// The recipe, with all that is told.
    pub(super) fn recipe(&self) -> Result<Recipe> {
        let mut recipe = Recipe::find(&self.recipe)?;
        recipe.start = self.start(recipe.start)?;
        if self.epochs.or(self.steps).is_some() {
            (recipe.epochs, recipe.steps) = (self.epochs, self.steps);
        }
        recipe.seed = self.seed.unwrap_or(recipe.seed);
        recipe.schedule.rate = self.rate.unwrap_or(recipe.schedule.rate);
        if let Some(epochs) = self.warm_up {
            (recipe.schedule.warm_up_epochs, recipe.schedule.warm_up_steps) = (epochs, None);
        } else if let Some(epochs) = self.epochs {
            shorten(&mut recipe, epochs);
        }
        recipe.frozen.extend(self.freeze.iter().cloned());
        recipe.recompute |= self.recompute;
        recipe.checkpoints.keep = self.keep.unwrap_or(recipe.checkpoints.keep);
        recipe.loading.workers = self.workers.or(recipe.loading.workers);
        recipe.loading.cache_mib = self.cache_mib.unwrap_or(recipe.loading.cache_mib);
        self.batches(&mut recipe);
        let augmentation = &mut recipe.augmentation;
        augmentation.frames = self.frames.unwrap_or(augmentation.frames);
        augmentation.stride = self.stride.unwrap_or(augmentation.stride);
        self.size.iter().for_each(|size| resize(&mut recipe, *size));
        Ok(recipe)
    }

    /// The recipe for clips as a video model has learnt them, where nobody tells others.
    pub(super) fn for_model(&self, mut recipe: Recipe, config: &Config, learnt: Option<LearntClips>) -> Recipe {
        if self.recipe == USUAL {
            recipe.augmentation.frames = self.frames.unwrap_or(config.frames);
            let size = [config.rows, config.columns];
            resize(&mut recipe, self.size.unwrap_or(size));
            if let Some(learnt) = learnt {
                recipe.augmentation.stride = self.stride.unwrap_or(learnt.stride);
                if self.size.is_none_or(|told| told == size) {
                    recipe.augmentation.short_edge = learnt.short_edge;
                }
                if learnt.spread && self.stride.is_none() {
                    recipe.clip_start = ClipStart::Spread;
                }
            }
        }
        recipe
    }

    /// The batch that is told, and a part of it that divides it.
    fn batches(&self, recipe: &mut Recipe) {
        if let Some(batch) = self.batch {
            (recipe.batch, recipe.device_batch) =
                (batch, recipe.device_batch.filter(|device| batch.is_multiple_of(*device)));
        }
        let device = recipe.clips_of_device();
        let most = recipe.micro_batch.filter(|micro| !device.is_multiple_of(*micro));
        if let Some(most) = most {
            recipe.micro_batch = (1..=most.min(device)).rev().find(|part| device.is_multiple_of(*part));
        }
        recipe.micro_batch = self.micro_batch.or(recipe.micro_batch);
    }

    fn start(&self, start: Start) -> Result<Start> {
        let model = start.model().cloned().unwrap_or_default();
        let start = match (self.from, start) {
            (Some(Origin::Scratch), Start::ImageModel(_) | Start::Checkpoint(_)) => Start::Scratch(model),
            (Some(Origin::Image), Start::Scratch(_) | Start::Checkpoint(_)) => {
                let mut image = ImageStart::default();
                image.model = model;
                Start::ImageModel(image)
            }
            (Some(Origin::Checkpoint), Start::Scratch(_) | Start::ImageModel(_)) => {
                Start::Checkpoint(CheckpointStart::default())
            }
            (_, start) => start,
        };
        self.told(start)
    }

    /// What is begun from, with the model that is told.
    fn told(&self, start: Start) -> Result<Start> {
        let tells = self.shape.is_some() || self.kind.is_some() || !self.options.is_empty();
        let model = |model: ModelRecipe| {
            let mut model = model;
            model.shape = self.shape.clone().unwrap_or(model.shape);
            if let Some(kind) = self.kind {
                (model.kind, model.options) = (kind, Vec::new());
            }
            model.options.extend(self.options.iter().cloned());
            model
        };
        match start {
            Start::Scratch(_) | Start::ImageModel(_) if self.keep_head => {
                Err(Error::usage("--keep-head keeps that of a video model: begin from one, with --from checkpoint"))
            }
            Start::Scratch(scratch) => Ok(Start::Scratch(model(scratch))),
            Start::ImageModel(mut image) => {
                image.model = model(image.model);
                Ok(Start::ImageModel(image))
            }
            Start::Checkpoint(_) if tells => Err(Error::usage(
                "a video model says itself what it is: leave out --shape, --kind and --option, or make one with --from scratch or image",
            )),
            Start::Checkpoint(mut checkpoint) => {
                checkpoint.keep_head |= self.keep_head;
                Ok(Start::Checkpoint(checkpoint))
            }
            start => Ok(start),
        }
    }
}

/// A warm-up that leaves something of a training that was told to be shorter than the recipe's.
fn shorten(recipe: &mut Recipe, epochs: u64) {
    let schedule = &mut recipe.schedule;
    if schedule.warm_up_steps.is_none() && schedule.warm_up_epochs >= epochs as f64 {
        schedule.warm_up_epochs = 0.1 * epochs as f64;
        output::note(&format!(
            "the warm-up is shortened to {} epochs, a tenth of the training; --warm-up says otherwise",
            schedule.warm_up_epochs
        ));
    }
}

/// Clips of this size, cut from frames that are as much larger as wherever models are used.
fn resize(recipe: &mut Recipe, size: [usize; 2]) {
    if recipe.augmentation.crop != size {
        recipe.augmentation.crop = size;
        recipe.augmentation.short_edge = size[0].max(size[1]).saturating_mul(256) / 224;
    }
}
