//! Scenes that are kept from the first of their clips to the last.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::motion::MotionSet;
use super::scene::Scene;
use crate::tensor::Result;

/// Which scene: its set, and its number there before any mirror.
pub(super) type SceneKey = (MotionSet, usize);

/// Scenes that are kept whatever they take: as many as threads may be at work on at once.
const LEAST_KEPT: usize = 8;

/// Bytes that the pictures of kept scenes take at most, where they are more than [`LEAST_KEPT`].
const MOST_BYTES: usize = 512 << 20;

/// Scenes of which some clips are made and others are not.
///
/// To draw a texture takes several times as long as to make a clip of it, and a training asks for clips in random order, those of
/// a scene far apart. So a scene is kept until each of its clips was asked for, within a bound: an epoch draws it once.
/// What is kept decides how long a clip takes, and never what it shows.
#[derive(Debug, Default)]
pub(super) struct Scenes {
    /// From the oldest on.
    kept: Mutex<Vec<Kept>>,
    #[cfg(test)]
    drawn: std::sync::atomic::AtomicUsize,
}

#[derive(Debug)]
struct Kept {
    key: SceneKey,
    /// Clips that have not been asked for yet.
    left: usize,
    /// 0 until it is drawn.
    bytes: usize,
    slot: Arc<Slot>,
}

/// A scene once it is drawn. Who draws it holds the lock, so that others who want the same scene wait for it.
type Slot = Mutex<Option<Arc<Scene>>>;

impl Scenes {
    /// The scene for one of its `clips` clips, which `draw` draws unless it is kept.
    ///
    /// An error as of `draw`; the next clip tries again.
    pub(super) fn of(&self, key: SceneKey, clips: usize, draw: impl FnOnce() -> Result<Scene>) -> Result<Arc<Scene>> {
        let slot = self.ask(key, clips);
        let mut drawn = lock(&slot);
        if let Some(scene) = &*drawn {
            return Ok(scene.clone());
        }
        let scene = Arc::new(draw()?);
        #[cfg(test)]
        self.drawn.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        *drawn = Some(scene.clone());
        self.bound(key, scene.bytes());
        Ok(scene)
    }

    /// The scene, drawn or not, for one more of its clips. After the last it is no longer kept.
    fn ask(&self, key: SceneKey, clips: usize) -> Arc<Slot> {
        let mut kept = lock(&self.kept);
        let found = kept.iter().position(|scene| scene.key == key);
        let index = found.unwrap_or_else(|| {
            kept.push(Kept { key, left: clips, bytes: 0, slot: Arc::default() });
            kept.len() - 1
        });
        kept[index].left = kept[index].left.saturating_sub(1);
        match kept[index].left {
            0 => kept.remove(index).slot,
            _ => kept[index].slot.clone(),
        }
    }

    /// Notes what a scene takes, and lets the oldest go where all take too much.
    fn bound(&self, key: SceneKey, bytes: usize) {
        let mut kept = lock(&self.kept);
        if let Some(scene) = kept.iter_mut().find(|scene| scene.key == key) {
            scene.bytes = bytes;
        }
        let sizes: Vec<usize> = kept.iter().map(|scene| scene.bytes).collect();
        kept.drain(..surplus(&sizes));
    }
}

/// How many scenes of these bytes go, from the first on.
fn surplus(sizes: &[usize]) -> usize {
    let mut total: usize = sizes.iter().sum();
    let most = sizes.len().saturating_sub(LEAST_KEPT);
    let mut gone = 0;
    while gone < most && total > MOST_BYTES {
        total -= sizes[gone];
        gone += 1;
    }
    gone
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
impl Scenes {
    /// How often a scene was drawn, and how many scenes are kept.
    pub(super) fn counted(&self) -> [usize; 2] {
        [self.drawn.load(std::sync::atomic::Ordering::Relaxed), lock(&self.kept).len()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::motions::MotionOptions;
    use crate::tensor::Error;

    #[test]
    fn the_oldest_go_where_all_take_too_much_and_a_few_stay_whatever_they_take() {
        let half = MOST_BYTES / 2;
        assert_eq!(surplus(&[1; 5000]), 0);
        assert_eq!(surplus(&[MOST_BYTES; LEAST_KEPT]), 0);
        assert_eq!(surplus(&[MOST_BYTES; LEAST_KEPT + 3]), 3);
        let sizes = [[half; 3].as_slice(), &[1; 20]].concat();
        assert_eq!(surplus(&sizes), 2);
    }

    #[test]
    fn a_scene_that_could_not_be_drawn_is_drawn_for_the_next_clip() {
        let options = MotionOptions::new(MotionSet::Dots).clips(1).frames(2).size([16, 16]);
        let draw = || Scene::draw(MotionSet::Dots, 0, &options, &[]);
        let (scenes, key) = (Scenes::default(), (MotionSet::Dots, 0));
        assert!(scenes.of(key, 3, || Err(Error::file("it is broken"))).is_err());
        assert_eq!(scenes.counted(), [0, 1]);
        let first = scenes.of(key, 3, draw).unwrap();
        let last = scenes.of(key, 3, || Err(Error::file("it is drawn already"))).unwrap();
        assert!(Arc::ptr_eq(&first, &last));
        assert_eq!(scenes.counted(), [1, 0]);
    }
}
