//! Labelled clips by their numbers.

use std::path::PathBuf;
use std::sync::Arc;

use super::drawing::mirrored;
use super::motion::{Motion, MotionSet};
use super::options::{FrameOrder, MotionOptions};
use super::photographs;
use super::scene::{Scene, key};
use super::scenes::Scenes;
use crate::eval::Hash;
use crate::tensor::{Error, Result};
use crate::video::{Clip, Frame, PixelFormat};

/// Sides of a frame, and frames of a clip.
const SIDES: std::ops::RangeInclusive<usize> = 16..=2048;
const FRAMES: std::ops::RangeInclusive<usize> = 2..=4096;
/// More clips of a class than anybody makes; up to here all can be counted.
const MOST_CLIPS: usize = 1 << 24;

/// A clip, and what it shows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct MotionClip {
    /// Frames of RGB bytes.
    pub clip: Clip,
    /// What it shows.
    pub motion: Motion,
    /// The index of the motion among [`Motions::classes`].
    pub label: usize,
    /// Clips of one scene have textures, colours and the middle of their ways in common, and each shows another class.
    pub scene: usize,
}

/// Labelled clips, computed as they are asked for: the same for the same options on every machine, in any order and from
/// any number of threads.
///
/// Nothing but the motion tells the class:
///
/// - Each scene is shown once in each class of its set, with the same textures and colours; in the middle of the clip things
///   are where they are in all classes.
/// - A motion and its reversal have the same frames, in the opposite order.
/// - Scenes of a set come in pairs: the second is the mirror image of the first, so left and right have the same frames, too.
///
/// Of several sets, a scene of each is shown in turn; the clips of each are those that the set has alone.
///
/// A scene is kept until each of its clips was asked for, all together in 512 MiB or so, and is drawn once for them in any order.
///
/// ```
/// use tubelet::motions::{MotionOptions, MotionSet, Motions};
///
/// let sets = [MotionSet::Shapes, MotionSet::Camera];
/// let motions = Motions::new(MotionOptions::new(sets).clips(1).frames(8).size([32, 32]))?;
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
    /// What the names of all clips begin with.
    name: String,
    classes: Vec<Motion>,
    /// What is shown in turn: each motion of each set.
    turn: Vec<Shown>,
    photographs: Vec<PathBuf>,
    /// Scenes of which some clips are made and others are not.
    scenes: Scenes,
}

/// A motion of a set.
#[derive(Clone, Copy, Debug)]
struct Shown {
    /// The index of the set among those of the options.
    place: usize,
    set: MotionSet,
    motion: Motion,
    /// The index of the motion among the classes.
    label: usize,
}

impl Motions {
    /// Looks at the beginnings of all photographs, where there are any, and computes nothing yet.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) for sizes that make no clip, for no set and one that is named twice, and
    /// for photographs without [`MotionSet::Camera`]; [`File`](crate::tensor::ErrorKind::File) for one that is no picture.
    pub fn new(options: MotionOptions) -> Result<Self> {
        check(&options)?;
        let photographs = match &options.photographs {
            None => Vec::new(),
            Some(folder) if options.sets.contains(&MotionSet::Camera) => {
                let files = photographs::of_split(folder, options.split, options.seed)?;
                photographs::check(&files)?;
                files
            }
            Some(_) => return Err(Error::usage("photographs are for the set camera; the other sets draw everything")),
        };
        let classes = options.classes();
        let of_set = |(place, &set): (usize, &MotionSet)| {
            let label = |motion: Motion| classes.iter().position(|class| *class == motion).unwrap_or_default();
            let shown = |&motion: &Motion| Shown { place, set, motion, label: label(motion) };
            set.motions().iter().map(shown).collect::<Vec<_>>()
        };
        let turn = options.sets.iter().enumerate().flat_map(of_set).collect();
        let name = name(&options, &photographs);
        Ok(Self { options, name, classes, turn, photographs, scenes: Scenes::default() })
    }

    /// Which clips these are.
    pub fn options(&self) -> &MotionOptions {
        &self.options
    }

    /// The classes, in the order of their labels.
    pub fn classes(&self) -> &[Motion] {
        &self.classes
    }

    /// How many clips there are.
    pub fn len(&self) -> usize {
        self.options.clips * self.turn.len()
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
        let (Shown { place, motion, label, .. }, number) = self.shown(index)?;
        Ok((motion, label, number * self.options.sets.len() + place))
    }

    /// What clip `index` is called: all that decides what it shows, such as
    /// `shapes+camera/train/16x48x48/seed-3/000012-pan-up` for 16 frames of 48×48 pixels.
    ///
    /// An error as of [`Self::motion`].
    pub fn name(&self, index: usize) -> Result<String> {
        Ok(format!("{}/{}", self.name, self.stem(index)?))
    }

    /// `000012-pan-up`
    pub(super) fn stem(&self, index: usize) -> Result<String> {
        let (Shown { motion, .. }, _) = self.shown(index)?;
        Ok(format!("{index:06}-{}", motion.name().replace(' ', "-")))
    }

    /// Computes clip `index`.
    ///
    /// An error where there is none, or where its photograph cannot be read.
    pub fn clip(&self, index: usize) -> Result<MotionClip> {
        let (motion, label, scene) = self.motion(index)?;
        let (shown, number) = self.shown(index)?;
        let size = self.options.frame_size();
        let is_mirrored = number % 2 == 1;
        let drawn = if is_mirrored { motion.mirrored() } else { motion };
        let mut frames = self.scene(shown.set, number / 2)?.frames(drawn.axis(), self.options.frames);
        if drawn.is_backward() {
            frames.reverse();
        }
        if is_mirrored {
            frames.iter_mut().for_each(|bytes| *bytes = mirrored(bytes, size.columns));
        }
        let frame = |bytes| Frame::new(size.rows, size.columns, PixelFormat::Rgb24, bytes).map(Arc::new);
        let frames: Vec<_> = frames.into_iter().map(frame).collect::<Result<_>>()?;
        let ordered: Vec<_> = self.order(shown, number).into_iter().map(|index| Arc::clone(&frames[index])).collect();
        let indices = (0..ordered.len()).collect();
        Ok(MotionClip { clip: Clip::new(ordered, indices)?, motion, label, scene })
    }

    /// What clip `index` shows, and in which scene of its set; an error where there are not so many.
    fn shown(&self, index: usize) -> Result<(Shown, usize)> {
        let shown = self.turn.get(index % self.turn.len().max(1)).filter(|_| index < self.len());
        let shown = shown.ok_or_else(|| Error::usage(format!("there is no clip {index} among {}", self.len())))?;
        Ok((*shown, index / self.turn.len()))
    }

    /// Which frames of a motion in scene `number` of its set are shown, one after the other.
    fn order(&self, Shown { set, motion, .. }: Shown, number: usize) -> Vec<usize> {
        let [set, split, number] = key(set, &self.options, number);
        // A scene of dots has a longer key than other scenes, and an order has a longer one than that.
        let key = [set, split, number, motion as u64, 0];
        self.options.order.indices(self.options.frames, self.options.seed, &key)
    }

    /// Scene `number` of a set before any mirror.
    fn scene(&self, set: MotionSet, number: usize) -> Result<Arc<Scene>> {
        // Of the last pair there may be one half.
        let halves = if 2 * number + 1 < self.options.clips { 2 } else { 1 };
        let draw = || Scene::draw(set, number, &self.options, &self.photographs);
        self.scenes.of((set, number), halves * set.motions().len(), draw)
    }
}

fn check(options: &MotionOptions) -> Result<()> {
    let MotionOptions { sets, clips, frames, size: [rows, columns], .. } = options;
    if sets.is_empty() {
        return Err(Error::usage("no set of motions is named; name one or more of shapes, dots, camera"));
    }
    if let Some((_, twice)) = sets.iter().enumerate().find(|(place, set)| sets[..*place].contains(set)) {
        return Err(Error::usage(format!("the set {twice} is named twice; name each once")));
    }
    if !SIDES.contains(rows) || !SIDES.contains(columns) {
        return Err(Error::usage(format!(
            "frames of {rows}x{columns} pixels (rows x columns) cannot be drawn; a side has {} to {}",
            SIDES.start(),
            SIDES.end()
        )));
    }
    if !FRAMES.contains(frames) {
        let (least, most) = (FRAMES.start(), FRAMES.end());
        return Err(Error::usage(format!("a motion cannot have {frames} frames; it has {least} to {most}")));
    }
    if *clips > MOST_CLIPS {
        return Err(Error::usage(format!("{clips} clips of each class are too many; there can be {MOST_CLIPS}")));
    }
    Ok(())
}

/// All that decides what clips show, in a few words. Photographs are told by the names of their files.
fn name(options: &MotionOptions, photographs: &[PathBuf]) -> String {
    let sets = options.sets.iter().map(|set| set.name()).collect::<Vec<_>>().join("+");
    let MotionOptions { split, frames, size: [rows, columns], seed, order, .. } = options;
    let mut name = format!("{sets}/{}/{frames}x{rows}x{columns}/seed-{seed}", split.name());
    if !photographs.is_empty() {
        let mut hash = Hash::new();
        let files = photographs.iter().filter_map(|path| path.file_name());
        files.for_each(|file| hash.add(file.to_string_lossy().as_bytes()));
        name += &format!("/photographs-{hash}");
    }
    if *order != FrameOrder::Whole {
        name += &format!("/{order}");
    }
    name
}

#[cfg(test)]
impl Motions {
    /// How often a scene was drawn, and how many scenes are kept.
    pub(super) fn scenes(&self) -> [usize; 2] {
        self.scenes.counted()
    }

    /// The shapes of scene `number`, before any mirror, in the middle of the clip: [x, y] and radius in shorter sides.
    pub(super) fn shapes(&self, number: usize) -> Result<Vec<([f32; 2], f32)>> {
        let scene = self.scene(MotionSet::Shapes, number)?;
        Ok(match &scene.content {
            super::scene::Content::Shapes(scene) => {
                scene.shapes().iter().map(|shape| (shape.centre, shape.radius)).collect()
            }
            _ => Vec::new(),
        })
    }
}
