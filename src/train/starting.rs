//! What a training begins from: random weights, an image model, or a video model with a new head.

use std::sync::Arc;

use super::{ClipStart, Recipe, Start};
use crate::checkpoint::{self, Checkpoint, Hints, Hub, LearntClips, Provenance, Trained};
use crate::eval::Task;
use crate::graph::Weights;
use crate::tensor::{Error, Result, Shape, Tensor};
use crate::video::augment::Augmentation;
use crate::vivit::initialise::from_scratch;
use crate::vivit::{Config, ParameterSpec, Parameters};

/// What a training begins from, as far as files say it.
#[derive(Clone, Debug)]
pub struct StartingPoint(Known);

#[derive(Clone, Debug)]
enum Known {
    Nothing,
    Image(Trained),
    Video { checkpoint: Checkpoint, keep_head: bool },
}

impl StartingPoint {
    /// Reads what `recipe` begins from: the model at `path`, else at the recipe's own. `hints` tell what the files of a video
    /// model may not say.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) where a model is needed and nobody says where it is, or is named and not
    /// needed; as [`checkpoint::load_hinted`] and [`checkpoint::load_trained`].
    pub fn load(recipe: &Recipe, path: Option<&str>, hub: &Hub, hints: &Hints) -> Result<Self> {
        let path = path.or(recipe.start.path());
        let needed = |what: &str| {
            Error::usage(format!(
                "the training begins from {what}: say where it is, with --model or `path` of the recipe"
            ))
        };
        Ok(Self(match (&recipe.start, path) {
            (Start::Scratch(_), None) => Known::Nothing,
            (Start::Scratch(_), Some(path)) => {
                return Err(Error::usage(format!(
                    "the training begins from random weights, and {path} is named to begin from: leave out one of the two"
                )));
            }
            (Start::ImageModel(_), None) => return Err(needed("an image model")),
            (Start::Checkpoint(_), None) => return Err(needed("a video model")),
            (Start::ImageModel(_), Some(path)) => Known::Image(checkpoint::load_trained(path, hub, hints, None)?),
            (Start::Checkpoint(start), Some(path)) => {
                Known::Video { checkpoint: checkpoint::load_hinted(path, hub, hints)?, keep_head: start.keep_head }
            }
        }))
    }

    /// Where it came from.
    pub fn source(&self) -> &str {
        match &self.0 {
            Known::Nothing => "random weights",
            Known::Image(Trained { source, .. }) | Known::Video { checkpoint: Checkpoint { source, .. }, .. } => source,
        }
    }

    /// What its user should know, a sentence each.
    pub fn notes(&self) -> &[String] {
        match &self.0 {
            Known::Nothing => &[],
            Known::Image(Trained { notes, .. }) | Known::Video { checkpoint: Checkpoint { notes, .. }, .. } => notes,
        }
    }

    /// The video model.
    pub fn video_model(&self) -> Option<&Config> {
        match &self.0 {
            Known::Video { checkpoint, .. } => Some(&checkpoint.config),
            _ => None,
        }
    }

    /// How the clips were taken that the video model has learnt from, where its files say it.
    pub fn learnt_clips(&self) -> Option<LearntClips> {
        match &self.0 {
            Known::Video { checkpoint, .. } => checkpoint.learnt_clips,
            _ => None,
        }
    }

    /// What the labels mean and the names of the classes, where the head stays.
    pub fn kept_task(&self) -> Result<Option<(Task, Option<Vec<String>>)>> {
        match &self.0 {
            Known::Video { checkpoint, keep_head: true } => {
                Ok(Some((Task::of(&checkpoint.config)?, checkpoint.labels.clone())))
            }
            _ => Ok(None),
        }
    }

    /// The model that is to learn `task`, with the `labels` of its classes where they have names. Its clips are those of the
    /// recipe, and are prepared as scenic does: so they are shown to it while it learns, and later wherever it is used.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) for a model that the recipe cannot make, and for values that are not in
    /// [-1, 1].
    pub fn checkpoint(&self, recipe: &Recipe, task: &Task, labels: Option<Vec<String>>) -> Result<Checkpoint> {
        if !recipe.augmentation.zero_centred {
            return Err(Error::usage(
                "values of clips must be in [-1, 1], as they are wherever a model is used: set `zero_centred` of the \
                 augmentation to true",
            ));
        }
        let (config, parameters) = match &self.0 {
            Known::Nothing => {
                let config = made(recipe, task)?;
                let parameters = from_scratch(&config, recipe.seed)?;
                (config, parameters)
            }
            Known::Image(trained) => begun_from(trained, recipe, task)?,
            Known::Video { checkpoint, keep_head } => continued(checkpoint, *keep_head, recipe, task)?,
        };
        let source = format!("begun from {}", self.source());
        let made =
            Checkpoint::new(config, parameters).provenance(Provenance::Scenic).learnt_clips(learnt_clips(recipe));
        let earlier = match &self.0 {
            Known::Video { checkpoint, .. } => checkpoint.trained_on.clone(),
            _ => None,
        };
        Ok(made.labels(labels).source(source).trained_on(earlier))
    }
}

/// How the clips of a recipe are taken.
fn learnt_clips(recipe: &Recipe) -> LearntClips {
    let Augmentation { short_edge, stride, .. } = recipe.augmentation;
    LearntClips::new(short_edge, stride).spread(recipe.clip_start == ClipStart::Spread)
}

/// The configuration of a model that is made.
fn made(recipe: &Recipe, task: &Task) -> Result<Config> {
    let config = recipe.config(task.classes(), task.labelling().clone())?;
    config.ok_or_else(|| Error::usage("the recipe says of no model what it is"))
}

fn begun_from(trained: &Trained, recipe: &Recipe, task: &Task) -> Result<(Config, Arc<dyn Parameters>)> {
    let config = made(recipe, task)?;
    let Start::ImageModel(start) = &recipe.start else {
        return Err(Error::usage("the recipe does not begin from an image model"));
    };
    let sides = |config: &Config| [config.grid().rows, config.grid().columns];
    let initialisation = start.initialisation(sides(&trained.config) == sides(&config));
    let scratch = from_scratch(&config, recipe.seed)?;
    let parameters = initialisation.apply(&trained.config, trained.parameters.clone(), &config, scratch)?;
    Ok((config, Arc::new(parameters)))
}

fn continued(
    checkpoint: &Checkpoint,
    keep_head: bool,
    recipe: &Recipe,
    task: &Task,
) -> Result<(Config, Arc<dyn Parameters>)> {
    let (frames, size) = (recipe.augmentation.frames, recipe.augmentation.crop);
    let Checkpoint { config, parameters, .. } = checkpoint.clone().on_clips(Some(frames), Some(size))?;
    if keep_head {
        return Ok((config, parameters));
    }
    let config = config.classes(task.classes()).labelling(task.labelling().clone());
    config.validate()?;
    let head = from_scratch(&config, recipe.seed)?;
    let specs = config.parameters()?;
    Ok((config, Arc::new(NewHead { parameters, head, specs })))
}

/// A model's parameters with a head for other classes.
#[derive(Debug)]
struct NewHead {
    parameters: Arc<dyn Parameters>,
    head: Arc<dyn Parameters>,
    specs: Vec<ParameterSpec>,
}

impl Weights for NewHead {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        match name.starts_with("output_projection.") {
            true => self.head.tensor(name),
            false => self.parameters.tensor(name),
        }
    }
}

impl Parameters for NewHead {
    fn names(&self) -> Vec<&str> {
        self.specs.iter().map(|spec| spec.name.as_str()).collect()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        let spec = self.specs.iter().find(|spec| spec.name == name);
        spec.map(|spec| spec.shape.clone()).ok_or_else(|| Error::usage(format!("the model has no parameter {name}")))
    }
}
