//! The checkpoints of a training, of which the last and the best are kept.

use std::path::{Path, PathBuf};

use super::{PROGRESS, Progress, Resumed, write_checkpoint};
use crate::tensor::{Error, Result};
use crate::train::Trainer;

/// The folder of a training's checkpoints, `step-120` after step 120.
///
/// Each appears whole, so that a training that is killed at any moment finds the last one again. One that is to go loses the
/// file that makes it one first.
#[derive(Clone, Debug)]
pub struct CheckpointFolder {
    path: PathBuf,
    keep: usize,
}

/// What the names of checkpoints begin with.
const PREFIX: &str = "step-";

impl CheckpointFolder {
    /// The folder at `path`, made where it is missing, in which the last `keep` checkpoints are kept, and the best.
    pub fn open(path: impl AsRef<Path>, keep: usize) -> Result<Self> {
        let path = path.as_ref().to_owned();
        std::fs::create_dir_all(&path).map_err(|error| Error::io("make the folder", &path, &error))?;
        Ok(Self { path, keep: keep.max(1) })
    }

    /// Where the checkpoint after `step` steps is.
    pub fn at(&self, step: u64) -> PathBuf {
        // In the order of their names, too.
        self.path.join(format!("{PREFIX}{step:08}"))
    }

    /// Writes a checkpoint, then removes those that are no longer to be kept. Returns where it is.
    ///
    /// # Errors
    ///
    /// As [`write_checkpoint`].
    pub fn write(&self, trainer: &Trainer, progress: &Progress) -> Result<PathBuf> {
        let path = self.at(progress.step);
        if Progress::read(&path.join(PROGRESS)).is_ok() {
            // The same steps have led there before.
            return Ok(path);
        }
        // What is left of one that was cut short while it was removed.
        remove(&path);
        write_checkpoint(&path, trainer, progress)?;
        self.prune();
        Ok(path)
    }

    /// How far each checkpoint is, with where it is, in their order.
    pub fn all(&self) -> Vec<(PathBuf, Progress)> {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        let named = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(PREFIX));
        let checkpoint = |path: PathBuf| Some((path.clone(), Progress::read(&path.join(PROGRESS)).ok()?));
        let mut found: Vec<_> = named.filter_map(|entry| checkpoint(entry.path())).collect();
        found.sort_by_key(|(_, progress)| progress.step);
        found
    }

    /// The last checkpoint; `None` where there is none.
    pub fn last(&self) -> Result<Option<Resumed>> {
        self.all().pop().map(|(path, _)| Resumed::read(path)).transpose()
    }

    /// The checkpoint of the highest score, of equal ones the first.
    pub fn best(&self) -> Option<(PathBuf, Progress)> {
        best(self.all())
    }

    /// Removes what is neither among the last nor the best.
    fn prune(&self) {
        let all = self.all();
        let kept = best(all.clone()).map(|(path, _)| path);
        let old = all.len().saturating_sub(self.keep);
        all.into_iter().take(old).filter(|(path, _)| Some(path) != kept.as_ref()).for_each(|(path, _)| remove(&path));
    }
}

fn best(all: Vec<(PathBuf, Progress)>) -> Option<(PathBuf, Progress)> {
    let score = |(_, progress): &(PathBuf, Progress)| progress.score.unwrap_or(f64::NEG_INFINITY);
    let scored = all.into_iter().filter(|(_, progress)| progress.score.is_some());
    scored.reduce(|best, next| if score(&next) > score(&best) { next } else { best })
}

/// Removes a checkpoint. What cannot be removed takes room and does no other harm.
fn remove(path: &Path) {
    let _ = std::fs::remove_file(path.join(PROGRESS));
    let _ = std::fs::remove_dir_all(path);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::train::{Position, Recipe};

    fn put(folder: &CheckpointFolder, step: u64, score: Option<f64>) {
        let recipe = Recipe { epochs: Some(1), ..Recipe::default() };
        let position: Position = serde_json::from_str(r#"{"epoch": 0, "batch": 0, "clips": ""}"#).unwrap();
        let progress = Progress::new(step, position, &recipe).unwrap().score(score);
        std::fs::create_dir(folder.at(step)).unwrap();
        std::fs::write(folder.at(step).join(PROGRESS), serde_json::to_string(&progress).unwrap()).unwrap();
        folder.prune();
    }

    fn steps(folder: &CheckpointFolder) -> Vec<u64> {
        folder.all().into_iter().map(|(_, progress)| progress.step).collect()
    }

    #[test]
    fn the_last_and_the_best_are_kept() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = CheckpointFolder::open(temporary.path().join("checkpoints"), 2).unwrap();
        assert!(folder.last().unwrap().is_none() && folder.best().is_none());
        for (step, score) in [(2, Some(0.5)), (4, Some(0.9)), (6, Some(0.9)), (8, None), (10, Some(0.1))] {
            put(&folder, step, score);
        }
        assert_eq!(steps(&folder), [4, 8, 10]);
        assert_eq!(folder.best().unwrap().1.step, 4);
        // One whose removal was cut short is none.
        std::fs::remove_file(folder.at(10).join(PROGRESS)).unwrap();
        assert_eq!(steps(&folder), [4, 8]);
    }

    #[test]
    fn another_recipe_is_refused_and_another_reader_is_not() {
        let recipe = Recipe { epochs: Some(1), ..Recipe::default() };
        let position: Position = serde_json::from_str(r#"{"epoch": 0, "batch": 3, "clips": "a"}"#).unwrap();
        let progress = Progress::new(3, position, &recipe).unwrap();
        let mut reading = recipe.clone();
        reading.loading.workers = Some(7);
        reading.checkpoints.keep = 9;
        progress.check(&reading).unwrap();
        let error = progress.check(&Recipe { seed: 1, ..recipe }).unwrap_err().to_string();
        assert!(error.contains("another recipe"), "{error}");
    }
}
