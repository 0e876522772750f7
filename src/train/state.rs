//! Checkpoints of a training: the model as every command takes it, and what it takes to go on.
//!
//! | file of a checkpoint | what it holds |
//! |---|---|
//! | `config.json`, `model.safetensors` | the model |
//! | `optimiser.safetensors` | what the optimiser keeps beside each weight |
//! | `training.json` | how far the training is, and what it was evaluated to |

mod folder;

use std::fmt;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Position, Recipe, Trainer};
use crate::checkpoint::{self, Checkpoint, load_folder, open_tensors, write_tensors};
use crate::eval::Hash;
use crate::files::{UnfinishedFolder, write_whole};
use crate::graph::{DeviceWeights, Weights};
use crate::tensor::{Error, Result, Shape, Tensor};
use crate::vivit::{ParameterSpec, Parameters};

pub use folder::CheckpointFolder;

/// The names of what a checkpoint has beside the model.
const STATE: &str = "optimiser.safetensors";
const PROGRESS: &str = "training.json";

/// How far a training is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Progress {
    /// The form of this file.
    version: u32,
    /// Steps that were taken.
    pub step: u64,
    /// Where the next batch is.
    pub position: Position,
    /// What all random numbers come from.
    pub seed: u64,
    /// A hash of all in the recipe that decides what is learnt.
    pub recipe: String,
    /// What the last evaluation found, where this checkpoint was evaluated: the higher, the better.
    pub score: Option<f64>,
}

/// The form of [`Progress`] that is written.
const VERSION: u32 = 1;

impl Progress {
    /// After `step` steps of a training by `recipe`.
    ///
    /// An error for a recipe that cannot be written.
    pub fn new(step: u64, position: Position, recipe: &Recipe) -> Result<Self> {
        Ok(Self { version: VERSION, step, position, seed: recipe.seed, recipe: identity(recipe)?, score: None })
    }

    /// What the checkpoint was evaluated to.
    #[must_use]
    pub fn score(self, score: impl Into<Option<f64>>) -> Self {
        Self { score: score.into(), ..self }
    }

    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) where `recipe` learns otherwise than the training did.
    pub fn check(&self, recipe: &Recipe) -> Result<()> {
        match identity(recipe)? == self.recipe {
            true => Ok(()),
            false => Err(Error::usage(
                "the training was begun by another recipe, which stands beside it in recipe.toml: go on with that one, or \
                 begin a new training in another folder",
            )),
        }
    }

    fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, &error))?;
        let damaged = |what: String| Error::file(format!("{} says nothing about a training: {what}", path.display()));
        let progress: Self = serde_json::from_str(&text).map_err(|error| damaged(error.to_string()))?;
        match progress.version {
            VERSION => Ok(progress),
            other => Err(damaged(format!("it is of version {other}, and this program reads {VERSION}"))),
        }
    }
}

/// A hash of all in a recipe that decides what is learnt: not of how clips are read, when the model is looked at, and what
/// is kept.
fn identity(recipe: &Recipe) -> Result<String> {
    let (loading, checkpoints, evaluation) = Default::default();
    let deciding = Recipe { loading, checkpoints, evaluation, ..recipe.clone() };
    let mut hash = Hash::new();
    hash.add(deciding.to_text()?.as_bytes());
    Ok(hash.to_string())
}

/// A training that stopped, as it goes on.
#[non_exhaustive]
pub struct Resumed {
    /// Where it was read from.
    pub path: PathBuf,
    /// The model.
    pub checkpoint: Checkpoint,
    /// What the optimiser kept.
    pub state: Arc<dyn Weights>,
    /// How far it was.
    pub progress: Progress,
}

impl fmt::Debug for Resumed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumed").field("path", &self.path).field("progress", &self.progress).finish_non_exhaustive()
    }
}

impl Resumed {
    /// Reads the checkpoint of a training in a folder.
    ///
    /// # Errors
    ///
    /// A folder that holds none, or whose files are damaged.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref().to_owned();
        let progress = Progress::read(&path.join(PROGRESS))?;
        let (checkpoint, state) = (load_folder(&path)?, open_tensors(&path.join(STATE))?);
        Ok(Self { path, checkpoint, state, progress })
    }
}

/// Writes a checkpoint into `path`, where nothing is: it appears whole or not at all.
///
/// # Errors
///
/// A disk that is full; what the device has to say.
pub fn write_checkpoint(path: impl AsRef<Path>, trainer: &Trainer, progress: &Progress) -> Result<()> {
    let folder = UnfinishedFolder::create(path)?;
    write_model(folder.path(), trainer, false)?;
    write_tensors(&folder.path().join(STATE), &OnDevice::state(trainer)?)?;
    let text = serde_json::to_string_pretty(progress)
        .map_err(|error| Error::usage(format!("a checkpoint cannot be written as JSON: {error}")))?;
    write_whole(folder.path().join(PROGRESS), |file| writeln!(file, "{text}"))?;
    folder.put()
}

/// Writes the model as it is now into `folder`, as every command takes it.
///
/// # Errors
///
/// A folder that holds a model already, unless `overwrite`; a disk that is full; what the device has to say.
pub fn write_model(folder: impl AsRef<Path>, trainer: &Trainer, overwrite: bool) -> Result<()> {
    let parameters = Arc::new(OnDevice::model(trainer)?);
    let trained = trainer.model().checkpoint().clone().parameters(parameters);
    checkpoint::save(folder, &trained, overwrite)
}

/// Tensors as they are on the device, read one at a time.
#[derive(Debug)]
struct OnDevice {
    weights: DeviceWeights,
    specs: Vec<ParameterSpec>,
}

impl OnDevice {
    /// The model's parameters.
    fn model(trainer: &Trainer) -> Result<Self> {
        let parameters = &*trainer.model().checkpoint().parameters;
        let spec = |name: &str| Ok(ParameterSpec { name: name.to_owned(), shape: parameters.shape(name)? });
        let specs = parameters.names().into_iter().map(spec).collect::<Result<_>>()?;
        Ok(Self { weights: trainer.model().weights().clone(), specs })
    }

    /// What the optimiser keeps.
    fn state(trainer: &Trainer) -> Result<Self> {
        let (parameters, optimiser) = (&*trainer.model().checkpoint().parameters, &trainer.options().optimiser);
        let mut specs = Vec::new();
        for name in trainer.learning() {
            let shape = parameters.shape(name)?;
            let spec = |name| ParameterSpec { name, shape: shape.clone() };
            specs.extend(optimiser.state(name).into_iter().map(spec));
        }
        Ok(Self { weights: trainer.model().weights().clone(), specs })
    }
}

impl Weights for OnDevice {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        self.weights.read(name).wait()
    }
}

impl Parameters for OnDevice {
    fn names(&self) -> Vec<&str> {
        self.specs.iter().map(|spec| spec.name.as_str()).collect()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        let spec = self.specs.iter().find(|spec| spec.name == name);
        spec.map(|spec| spec.shape.clone()).ok_or_else(|| Error::usage(format!("nothing is called {name}")))
    }
}
