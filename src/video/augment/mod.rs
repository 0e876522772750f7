//! What is changed at random about clips while a model learns from them, exactly as scenic does it (spec §6.1, §6.2, §8.5,
//! §8.6).
//!
//! | part | what it holds |
//! |---|---|
//! | [`Augmentation`] | what is done: plain data, as it stands in a recipe; [`ReleasedAugmentation`] has those of the paper |
//! | [`Draws`] | where randomness comes from: one seed, and what a number is for |
//! | [`DrawnAugmentation`] | the numbers that were drawn for one clip; with them, it becomes the same values again |
//! | [`mixup`], [`one_hot`], [`smoothed`] | what is done to a batch and to its labels |
//!
//! ```
//! use tubelet::kernels::ClipLayout;
//! use tubelet::video::Clip;
//! use tubelet::video::augment::{Draws, ReleasedAugmentation};
//!
//! let augmentation = ReleasedAugmentation::Ek100.augmentation().short_edge(64).crop([56, 56]);
//! let (draws, number) = (Draws::new(7, 0), 41);
//! let clip = Clip::from_rgb(&[128; 2 * 90 * 160 * 3], [90, 160])?;
//! let drawn = augmentation.draw([90, 160], &draws, number)?;
//! let values = augmentation.apply(&drawn, &clip, ClipLayout::Bthwc)?;
//! assert_eq!(values.shape().axes(), [1, 2, 56, 56, 3]);
//! # Ok::<(), tubelet::Error>(())
//! ```

mod colour_jitter;
mod distortion;
mod drawn;
mod draws;
mod frames;
mod mixup;
mod place;
mod recipe;
mod released;
mod targets;

#[cfg(test)]
mod tests;

pub use colour_jitter::{ColourJitter, DrawnColour};
pub use distortion::{Distortion, Oddities, RandAugment};
pub use drawn::DrawnAugmentation;
pub use draws::{Draws, Purpose, RandomStream};
pub use mixup::mixup;
pub use place::ScaleJitter;
pub use recipe::Augmentation;
pub use released::ReleasedAugmentation;
pub use targets::{one_hot, smoothed};
