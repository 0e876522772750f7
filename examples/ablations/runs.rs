//! All runs in their folders.

use std::fs;
use std::io::ErrorKind::NotFound;
use std::path::{Path, PathBuf};

use tubelet::checkpoint::{Checkpoint, Hints, Hub, Provenance};
use tubelet::tensor::Error;
use tubelet::train::{Recipe, StartingPoint};
use tubelet::vivit::FrameSampling;
use tubelet::vivit::initialise::from_scratch;
use tubelet::{Device, Result};

use crate::clips::Clips;
use crate::grid::{self, Row};
use crate::table;
use crate::training::{Outcome, train};

/// The file of a finished run.
const RESULT: &str = "result.json";

/// The folder of the image models.
const IMAGE_MODEL: &str = "image-model";

/// Runs of so many steps on the same clips.
pub(crate) struct Runs {
    device: Device,
    folder: PathBuf,
    steps: u64,
    dots: Clips,
    pictures: Clips,
}

impl Runs {
    /// Runs below `folder`, of `steps` steps, on `clips` clips of each class.
    pub(crate) fn new(device: Device, folder: &Path, steps: u64, clips: usize) -> Result<Self> {
        let (base, image) = (grid::base(steps, 0)?, grid::image_recipe(steps, 0)?);
        let dots = Clips::dots(&base, clips)?;
        let pictures = Clips::pictures(&image, base.augmentation.frames)?;
        Ok(Self { device, folder: folder.to_owned(), steps, dots, pictures })
    }

    /// What comes of a row with a seed, trained unless it was before.
    pub(crate) fn outcome(&self, row: &Row, seed: u64) -> Result<Outcome> {
        let recipe = row.recipe(self.steps, seed)?;
        self.once(row.name, seed, &recipe, &self.dots, || {
            let image = match row.begins_from_image_model() {
                true => Some(self.image_model(seed).map(|_| self.run_folder(IMAGE_MODEL, seed))?),
                false => None,
            };
            let image = image.as_ref().map(|folder| folder.to_string_lossy());
            let start = StartingPoint::load(&recipe, image.as_deref(), &Hub::from_env(), &Hints::default())?;
            start.checkpoint(&recipe, &self.dots.task, self.dots.labels.clone())
        })
    }

    /// What comes of the image model with a seed, trained unless it was before. The model is left in its folder.
    pub(crate) fn image_model(&self, seed: u64) -> Result<Outcome> {
        let recipe = grid::image_recipe(self.steps, seed)?;
        let task = &self.pictures.task;
        self.once(IMAGE_MODEL, seed, &recipe, &self.pictures, || {
            let config = recipe.config(task.classes(), task.labelling().clone())?;
            let config = config.ok_or_else(|| Error::usage("the recipe says of no model what it is"))?;
            // A kernel over rows and columns alone, as image models have it.
            let config = config.frame_sampling(FrameSampling::new(1));
            let parameters = from_scratch(&config, seed)?;
            Ok(Checkpoint::new(config, parameters).provenance(Provenance::Scenic).source("random weights"))
        })
    }

    fn run_folder(&self, name: &str, seed: u64) -> PathBuf {
        self.folder.join(name).join(format!("seed-{seed}"))
    }

    /// The result in the run's folder, or that of a training from what `begin` begins with.
    fn once(
        &self,
        name: &str,
        seed: u64,
        recipe: &Recipe,
        clips: &Clips,
        begin: impl FnOnce() -> Result<Checkpoint>,
    ) -> Result<Outcome> {
        let folder = self.run_folder(name, seed);
        if let Some(found) = read(&folder.join(RESULT))? {
            let same = found.recipe == recipe.to_text()? && found.clips[0] == clips.training.count();
            return same.then_some(found).ok_or_else(|| {
                Error::usage(format!(
                    "{} was trained by another recipe or on other clips: name another --output",
                    folder.display()
                ))
            });
        }
        let checkpoint = begin()?;
        eprintln!("{name}, seed {seed}: {} on {}", checkpoint.config, self.device.name());
        // What a run that was cut short has left.
        remove(&folder)?;
        let outcome = train(&self.device, recipe, checkpoint, clips, &folder)?;
        // The model stands beside them.
        remove(&folder.join("checkpoints"))?;
        eprintln!("  top-1 {:.1} %, loss {:.3}", 100.0 * outcome.top_1, outcome.loss);
        let text = serde_json::to_string_pretty(&outcome)
            .map_err(|error| Error::usage(format!("the result cannot be written as JSON: {error}")))?;
        table::write(&folder.join(RESULT), &format!("{text}\n"))?;
        Ok(outcome)
    }
}

/// The result at `path`; `None` where there is none.
fn read(path: &Path) -> Result<Option<Outcome>> {
    match fs::read_to_string(path) {
        Ok(text) => serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| Error::file(format!("{} is no result: {error}; remove it", path.display()))),
        Err(error) if error.kind() == NotFound => Ok(None),
        Err(error) => Err(Error::io("read", path, &error)),
    }
}

/// Removes a folder, where it is there.
fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != NotFound => Err(Error::io("remove", folder, &error)),
        _ => Ok(()),
    }
}
