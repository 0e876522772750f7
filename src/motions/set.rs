//! Labelled clips by their numbers.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::camera::CameraScene;
use super::dots::DotScene;
use super::drawing::{Drawing, FrameSize, mirrored};
use super::motion::{Axis, Motion, MotionSet};
use super::random::{Random, scattered};
use super::raster::Edges;
use super::shapes::ShapeScene;
use super::{photographs, texture};
use crate::tensor::{Error, Result};
use crate::video::{Clip, Frame, PixelFormat};

/// What clips are for. Those of two splits have no texture, no photograph and no path in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Split {
    /// To learn from.
    Training,
    /// To see what was learnt.
    Validation,
}

impl Split {
    /// As files and folders are called: `train`, `validation`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Training => "train",
            Self::Validation => "validation",
        }
    }
}

/// Which clips.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MotionOptions {
    /// Which kind.
    pub set: MotionSet,
    /// What they are for.
    pub split: Split,
    /// How many of each class.
    pub clips: usize,
    /// Frames of a clip, F.
    pub frames: usize,
    /// Rows and columns of a frame, [Y, X].
    pub size: [usize; 2],
    /// Decides everything that is random.
    pub seed: u64,
    /// A folder of photographs, for a camera to move over instead of textures.
    pub photographs: Option<PathBuf>,
}

impl MotionOptions {
    /// 100 clips of each class to learn from, of 32 frames of 64×64 pixels.
    pub fn new(set: MotionSet) -> Self {
        Self { set, split: Split::Training, clips: 100, frames: 32, size: [64, 64], seed: 0, photographs: None }
    }

    /// What they are for.
    #[must_use]
    pub fn split(self, split: Split) -> Self {
        Self { split, ..self }
    }

    /// How many of each class.
    #[must_use]
    pub fn clips(self, clips: usize) -> Self {
        Self { clips, ..self }
    }

    /// Frames of a clip.
    #[must_use]
    pub fn frames(self, frames: usize) -> Self {
        Self { frames, ..self }
    }

    /// Rows and columns of a frame.
    #[must_use]
    pub fn size(self, size: [usize; 2]) -> Self {
        Self { size, ..self }
    }

    /// Decides everything that is random.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }

    /// A folder of photographs.
    #[must_use]
    pub fn photographs(self, photographs: Option<PathBuf>) -> Self {
        Self { photographs, ..self }
    }
}

/// Sides of a frame, and frames of a clip.
const SIDES: std::ops::RangeInclusive<usize> = 16..=2048;
const FRAMES: std::ops::RangeInclusive<usize> = 2..=4096;

/// A clip, and what it shows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MotionClip {
    /// Frames of RGB bytes.
    pub clip: Clip,
    /// What it shows.
    pub motion: Motion,
    /// The index of the motion among the classes of its set.
    pub label: usize,
    /// Clips of one scene have textures, colours and the middle of their ways in common, and each shows another class.
    pub scene: usize,
}

/// Labelled clips, computed as they are asked for: the same for the same options on every machine, in any order and from
/// any number of threads.
///
/// Nothing but the motion tells the class:
///
/// - Each scene is shown once in each class, with the same textures and colours; in the middle of the clip things are where
///   they are in all classes.
/// - A motion and its reversal have the same frames, in the opposite order.
/// - Scenes come in pairs: the second is the mirror image of the first, so left and right have the same frames, too.
///
/// ```
/// use tubelet::motions::{MotionOptions, MotionSet, Motions};
///
/// let motions = Motions::new(MotionOptions::new(MotionSet::Camera).clips(2).frames(8).size([32, 32]))?;
/// assert_eq!(motions.len(), 20);
/// for labelled in motions.iter() {
///     let labelled = labelled?;
///     println!("{} ({} frames)", labelled.motion, labelled.clip.frames().len());
/// }
/// # Ok::<(), tubelet::Error>(())
/// ```
#[derive(Debug)]
pub struct Motions {
    options: MotionOptions,
    size: FrameSize,
    photographs: Vec<PathBuf>,
    /// Scenes that were used last.
    recent: Mutex<Vec<(usize, Arc<Scene>)>>,
}

/// Scenes that are kept: as many as threads may be at work on at once.
const KEPT: usize = 8;

impl Motions {
    /// Reads the list of photographs, where there are any, and computes nothing yet.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) for sizes that make no clip, and for photographs with another set than
    /// [`MotionSet::Camera`].
    pub fn new(options: MotionOptions) -> Result<Self> {
        let [rows, columns] = options.size;
        if !SIDES.contains(&rows) || !SIDES.contains(&columns) {
            return Err(Error::usage(format!(
                "frames of {rows}x{columns} pixels (rows x columns) cannot be drawn; a side has {} to {}",
                SIDES.start(),
                SIDES.end()
            )));
        }
        if !FRAMES.contains(&options.frames) {
            let (frames, least, most) = (options.frames, FRAMES.start(), FRAMES.end());
            return Err(Error::usage(format!("a motion cannot have {frames} frames; it has {least} to {most}")));
        }
        let photographs = match &options.photographs {
            None => Vec::new(),
            Some(folder) if options.set == MotionSet::Camera => {
                photographs::of_split(folder, options.split, options.seed)?
            }
            Some(_) => return Err(Error::usage("photographs are for the set camera; the other sets draw everything")),
        };
        Ok(Self { size: FrameSize { rows, columns }, options, photographs, recent: Mutex::default() })
    }

    /// Which clips these are.
    pub fn options(&self) -> &MotionOptions {
        &self.options
    }

    /// The classes, in the order of their labels.
    pub fn classes(&self) -> &'static [Motion] {
        self.options.set.motions()
    }

    /// How many clips there are.
    pub fn len(&self) -> usize {
        self.options.clips * self.classes().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All clips, one after the other.
    pub fn iter(&self) -> impl Iterator<Item = Result<MotionClip>> + '_ {
        (0..self.len()).map(|index| self.clip(index))
    }

    /// The motion, label and scene of clip `index`.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) where there are not so many.
    pub fn motion(&self, index: usize) -> Result<(Motion, usize, usize)> {
        let classes = self.classes();
        let (scene, label) = (index / classes.len(), index % classes.len());
        match classes.get(label).filter(|_| index < self.len()) {
            Some(&motion) => Ok((motion, label, scene)),
            None => Err(Error::usage(format!("there is no clip {index} among {}", self.len()))),
        }
    }

    /// Computes clip `index`.
    ///
    /// An error where there is none, or where its photograph cannot be read.
    pub fn clip(&self, index: usize) -> Result<MotionClip> {
        let (motion, label, scene) = self.motion(index)?;
        let is_mirrored = scene % 2 == 1;
        let drawn = if is_mirrored { motion.mirrored() } else { motion };
        let mut frames = self.scene(scene / 2)?.frames(drawn.axis(), self.options.frames);
        if drawn.is_backward() {
            frames.reverse();
        }
        if is_mirrored {
            frames.iter_mut().for_each(|bytes| *bytes = mirrored(bytes, self.size.columns));
        }
        let FrameSize { rows, columns } = self.size;
        let frame = |bytes| Frame::new(rows, columns, PixelFormat::Rgb24, bytes).map(Arc::new);
        let frames: Vec<_> = frames.into_iter().map(frame).collect::<Result<_>>()?;
        let indices = (0..frames.len()).collect();
        Ok(MotionClip { clip: Clip::new(frames, indices)?, motion, label, scene })
    }

    /// Scene `number` before any mirror.
    fn scene(&self, number: usize) -> Result<Arc<Scene>> {
        let recent = || self.recent.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, scene)) = recent().iter().find(|(kept, _)| *kept == number) {
            return Ok(scene.clone());
        }
        let scene = Arc::new(self.draw(number)?);
        let mut recent = recent();
        if recent.len() >= KEPT {
            recent.remove(0);
        }
        recent.push((number, scene.clone()));
        Ok(scene)
    }

    fn draw(&self, number: usize) -> Result<Scene> {
        let MotionOptions { set, split, frames, seed, .. } = self.options;
        let key = [set as u64, split as u64, number as u64];
        let mut random = Random::new(seed, &key);
        let (noise_seed, noise) = (random.word(), random.between([0.0, MOST_NOISE]));
        // Twice as fine as what a camera shows of it, and more.
        let texture_side = (3 * self.size.rows.max(self.size.columns)).next_power_of_two();
        let content = match (set, self.photographs.as_slice()) {
            (MotionSet::Shapes, _) => {
                Content::Shapes(Box::new(ShapeScene::draw(&mut random, texture_side, self.size, frames)))
            }
            (MotionSet::Dots, _) => Content::Dots(Box::new(DotScene::draw(&mut random, seed, &key, self.size, frames))),
            (MotionSet::Camera, files) => {
                let (picture, edges) = match files {
                    [] => (texture::draw(&mut random, texture_side), Edges::Repeat),
                    files => (photographs::read(&files[number % files.len()], self.size)?, Edges::Mirror),
                };
                let picture = Arc::new(picture);
                Content::Camera(Box::new(CameraScene::draw(&mut random, picture, edges, self.size, frames)))
            }
        };
        Ok(Scene { content, noise_seed, noise })
    }
}

/// Noise of a sensor in steps of 255, at most.
const MOST_NOISE: f32 = 4.0;

/// Everything that clips of a scene have in common.
struct Scene {
    content: Content,
    noise_seed: u32,
    noise: f32,
}

enum Content {
    Shapes(Box<ShapeScene>),
    Dots(Box<DotScene>),
    Camera(Box<CameraScene>),
}

impl std::fmt::Debug for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scene {{ noise: {} }}", self.noise)
    }
}

impl Scene {
    /// RGB bytes of all frames while something moves along `axis`.
    fn frames(&self, axis: Axis, count: usize) -> Vec<Vec<u8>> {
        let time = |frame: usize| frame as f32 / (count - 1) as f32;
        let bytes = |frame: usize, drawing: &Drawing| {
            drawing.bytes(scattered(self.noise_seed, [axis as u32, frame as u32]), self.noise)
        };
        match &self.content {
            Content::Shapes(scene) => (0..count).map(|frame| bytes(frame, &scene.frame(axis, time(frame)))).collect(),
            Content::Camera(scene) => (0..count).map(|frame| bytes(frame, &scene.frame(axis, time(frame)))).collect(),
            Content::Dots(scene) => {
                scene.frames(axis, count).iter().enumerate().map(|(frame, drawing)| bytes(frame, drawing)).collect()
            }
        }
    }
}

#[cfg(test)]
impl Motions {
    /// The shapes of scene `number`, before any mirror, in the middle of the clip: [x, y] and radius in shorter sides.
    pub(super) fn shapes(&self, number: usize) -> Result<Vec<([f32; 2], f32)>> {
        let scene = self.scene(number)?;
        Ok(match &scene.content {
            Content::Shapes(scene) => scene.shapes().iter().map(|shape| (shape.centre, shape.radius)).collect(),
            _ => Vec::new(),
        })
    }
}
