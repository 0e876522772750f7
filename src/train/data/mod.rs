//! Labelled clips.

mod cache;
mod held;
mod manifest;
mod motions;
mod split;

#[cfg(test)]
mod tests;

use std::fmt;

use crate::tensor::Result;
use crate::video::FrameSource;

pub use cache::CachedClips;
pub use held::{HeldClips, HeldFrames};
pub use manifest::ManifestClips;
pub use motions::MotionClips;
pub use split::ValidationSplit;

/// Labelled videos by their numbers. A model is shown a clip of each.
///
/// Asked twice, a source answers alike: a training that goes on where it was interrupted reads the same frames again.
///
/// ```
/// use tubelet::train::{ClipSource, HeldFrames};
/// use tubelet::video::{Clip, FrameSource};
///
/// /// Clips of a bright or of a dark room.
/// #[derive(Debug)]
/// struct Rooms;
///
/// impl ClipSource for Rooms {
///     fn count(&self) -> usize {
///         100
///     }
///
///     fn name(&self, index: usize) -> String {
///         format!("room {index}")
///     }
///
///     fn labels(&self, index: usize) -> Vec<usize> {
///         vec![index % 2]
///     }
///
///     fn open(&self, index: usize) -> tubelet::Result<Box<dyn FrameSource>> {
///         let byte = if index % 2 == 0 { 200 } else { 20 };
///         let clip = Clip::from_rgb(&vec![byte; 16 * 32 * 32 * 3], [32, 32])?;
///         Ok(Box::new(HeldFrames::of(&clip)))
///     }
/// }
/// ```
pub trait ClipSource: fmt::Debug + Send + Sync {
    /// How many there are.
    fn count(&self) -> usize;

    /// What number `index` is called, for people and to know it again.
    fn name(&self, index: usize) -> String;

    /// One class a head, or any number of them where a model gives each class by itself.
    fn labels(&self, index: usize) -> Vec<usize>;

    /// The frames of number `index`. Called from several threads.
    ///
    /// An error of kind [`File`](crate::tensor::ErrorKind::File), [`Io`](crate::tensor::ErrorKind::Io),
    /// [`Usage`](crate::tensor::ErrorKind::Usage) or [`OutOfMemory`](crate::tensor::ErrorKind::OutOfMemory) concerns this
    /// video alone; others end a training.
    fn open(&self, index: usize) -> Result<Box<dyn FrameSource>>;
}
