//! What is learnt from and evaluated on.

use std::sync::Arc;

use tubelet::Result;
use tubelet::eval::Task;
use tubelet::motions::{Motion, MotionOptions, MotionSet, Motions, Split};
use tubelet::train::{CachedClips, ClipSource, HeldFrames, MotionClips, Recipe};
use tubelet::video::FrameSource;
use tubelet::vivit::Labelling;

/// What the clips that are learnt from are drawn by, and those that are held out.
const SEED: u64 = 1;
const HELD_OUT_SEED: u64 = 1_000_003;

/// Held-out clips of each class.
const HELD_OUT: usize = 100;

/// Scenes of each set that the image model's pictures are of, without their mirror images.
const SCENES: usize = 32;

/// The sets that those scenes are of. Dots are none of them: an image model has not seen the task either.
const PICTURED: [MotionSet; 2] = [MotionSet::Shapes, MotionSet::Camera];

/// Clips to learn from and clips that are held out.
pub(crate) struct Clips {
    pub(crate) training: Arc<dyn ClipSource>,
    pub(crate) held_out: Arc<dyn ClipSource>,
    pub(crate) task: Task,
    /// The names of the classes.
    pub(crate) labels: Option<Vec<String>>,
}

impl Clips {
    /// Motions in dots, `clips` of each class to learn from, as large as those of `recipe`.
    pub(crate) fn dots(recipe: &Recipe, clips: usize) -> Result<Self> {
        let options = || MotionOptions::new(MotionSet::Dots);
        let options = || options().frames(recipe.augmentation.frames).size(recipe.augmentation.crop);
        let classes = options().classes();
        let source = |options| -> Result<_> { Ok(kept(MotionClips::new(Motions::new(options)?), recipe)) };
        Ok(Self {
            training: source(options().seed(SEED).clips(clips))?,
            held_out: source(options().seed(HELD_OUT_SEED).split(Split::Validation).clips(HELD_OUT))?,
            task: Task::new(Labelling::Single, classes.len())?,
            labels: Some(classes.iter().map(|motion| motion.name().to_owned()).collect()),
        })
    }

    /// Pictures of textures and shapes, for which the image model learns to say of which scene each is. `frames` is how many
    /// pictures a clip holds.
    pub(crate) fn pictures(recipe: &Recipe, frames: usize) -> Result<Self> {
        let options = MotionOptions::new(PICTURED).seed(SEED).clips(2 * SCENES).frames(frames);
        let motions = Arc::new(Motions::new(options.size(recipe.augmentation.crop))?);
        let source = |held_out| -> Result<_> { Ok(kept(Pictures::new(motions.clone(), held_out)?, recipe)) };
        Ok(Self {
            training: source(false)?,
            held_out: source(true)?,
            task: Task::new(Labelling::Single, SCENES * PICTURED.len())?,
            labels: None,
        })
    }
}

/// Clips that are drawn once, since every run is shown them again.
fn kept(clips: impl ClipSource + 'static, recipe: &Recipe) -> Arc<dyn ClipSource> {
    Arc::new(CachedClips::new(Arc::new(clips), recipe.loading.cache_mib))
}

/// Clips of moving shapes and cameras, labelled by the scene that they show. A scene and its mirror image are one class.
#[derive(Debug)]
struct Pictures {
    motions: Arc<Motions>,
    /// Of the clips among the motions.
    indices: Vec<usize>,
}

/// Motions whose pictures the image model does not learn from. They are each other's reversals and mirror images, which would
/// have the same frames.
const HELD_OUT_MOTIONS: [Motion; 4] = [Motion::Approach, Motion::Part, Motion::Still, Motion::Shake];

impl Pictures {
    /// The clips that are held out, or all others.
    fn new(motions: Arc<Motions>, held_out: bool) -> Result<Self> {
        let mut indices = Vec::new();
        for index in 0..motions.len() {
            let (motion, ..) = motions.motion(index)?;
            if HELD_OUT_MOTIONS.contains(&motion) == held_out {
                indices.push(index);
            }
        }
        Ok(Self { motions, indices })
    }

    fn class(scene: usize) -> usize {
        let (number, set) = (scene / PICTURED.len(), scene % PICTURED.len());
        number / 2 * PICTURED.len() + set
    }
}

impl ClipSource for Pictures {
    fn count(&self) -> usize {
        self.indices.len()
    }

    fn name(&self, index: usize) -> String {
        self.motions.name(self.indices[index]).unwrap_or_default()
    }

    fn labels(&self, index: usize) -> Vec<usize> {
        let motion = self.motions.motion(self.indices[index]);
        motion.ok().map(|(_, _, scene)| Self::class(scene)).into_iter().collect()
    }

    fn open(&self, index: usize) -> Result<Box<dyn FrameSource>> {
        Ok(Box::new(HeldFrames::of(&self.motions.clip(self.indices[index])?.clip)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid;

    #[test]
    fn pictures_of_every_scene_are_learnt_from_and_held_out() {
        let clips = Clips::pictures(&grid::image_recipe(1, 1).unwrap(), 4).unwrap();
        for (source, each) in [(&clips.training, 2 * 8), (&clips.held_out, 2 * 2)] {
            let mut counts = vec![0; clips.task.classes()];
            (0..source.count()).for_each(|index| counts[source.labels(index)[0]] += 1);
            assert!(counts.iter().all(|count| *count == each), "{counts:?}");
        }
    }
}
