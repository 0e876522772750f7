//! From the frames of a video to the values of a clip.

mod colour;
mod normalise;
mod resample;
mod resize_bilinear;
mod select_frames;

pub use colour::{Coefficients, Colour, ColourFormat};
pub use normalise::Normalise;
pub use resample::{Axis, Resample};
pub use resize_bilinear::ResizeBilinear;
pub use select_frames::SelectFrames;
