//! Labelled clips that the program makes: to train on without a data set, and to see what a model understands of motion.
//!
//! | part | what it is |
//! |---|---|
//! | [`MotionSet`] | textured shapes, random dots, or a camera over textures or photographs |
//! | [`Motion`] | the classes, and which of them are each other's reversal or mirror image |
//! | [`MotionOptions`] | which clips: of one set or of several at once, whole or with the order of their frames lost |
//! | [`Motions`] | the clips by their numbers, computed as they are asked for |
//! | [`MotionFiles`] | the same as a folder of videos with manifests and class names |
//!
//! Only motion tells the classes apart: textures, colours, places and sizes are drawn apart from it, so that a model that
//! sees single frames, or frames in another order, cannot know; [`FrameOrder`] makes such clips. A training takes clips from
//! memory by way of [`MotionClips`](crate::train::MotionClips).

mod camera;
mod dots;
mod drawing;
mod files;
mod motion;
mod options;
mod photographs;
mod random;
mod raster;
mod scene;
mod scenes;
mod set;
mod shapes;
mod texture;
mod trajectory;

pub use files::{MotionFiles, MotionSplit};
pub use motion::{Motion, MotionSet};
pub use options::{FrameOrder, MotionOptions, Split};
pub use set::{MotionClip, Motions};

#[cfg(test)]
mod tests;
