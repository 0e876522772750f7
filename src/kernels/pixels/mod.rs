//! From the frames of a video to the values of a clip.

pub mod colour;
pub mod normalise;
pub mod resample;
pub mod resize_bilinear;
pub mod select_frames;

pub use colour::Colour;
pub use normalise::Normalise;
pub use resample::Resample;
pub use resize_bilinear::ResizeBilinear;
pub use select_frames::SelectFrames;
