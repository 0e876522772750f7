//! Clips: where frames come from, which of them a model sees, and how their bytes become its values.
//!
//! | part | what it decides |
//! |---|---|
//! | [`FrameSource`], [`open`] | decoded [`Frame`]s of a video file, image folder, GIF, still or array |
//! | [`Sampling`] | the frame indices of each clip |
//! | [`Preset`], [`Preprocessing`] | resize, crop and value range |
//! | [`coefficients`], [`Antialiased`], [`Lerp`], [`CropWindow`] | the integers and tables that kernels compute with |
//!
//! Everything is exact: 8-bit 4:2:0 video comes as its decoded planes, and the tables give the bytes of Pillow or
//! the floats of TensorFlow, whichever the model was trained with.

mod clip;
mod colour;
mod crop;
mod hugging_face;
mod opening;
mod prepare;
mod preset;
mod resample;
mod sampling;
mod segment;
mod source;

#[cfg(feature = "video")]
mod ffmpeg;
#[cfg(feature = "video")]
mod images;
#[cfg(feature = "video")]
mod npy;
#[cfg(feature = "video")]
mod pipe;

#[cfg(test)]
mod reference;

#[cfg(feature = "video")]
use std::path::Path;

pub use clip::Clip;
pub use colour::{Matrix, Range, coefficients};
pub use crop::{CropWindow, Extent};
pub(crate) use hugging_face::{Fields, shortened};
pub use opening::{OpenOptions, Rotation};
pub use prepare::{PreparedClip, Preparer, prepare_crops_reference, prepare_reference};
pub use preset::{Crops, Normalise, Preprocessing, Preset, Resize, Values};
pub use resample::{Antialiased, Filter, Lerp, Resample, WEIGHT_BITS};
pub use sampling::{DEFAULT_STRIDE, Sampling};
pub use segment::Segment;
pub use source::{Frame, FrameSource, Information, PixelFormat, Sink, Wanted, Watcher};

#[cfg(feature = "video")]
pub use {
    ffmpeg::{VideoFile, end_programs},
    images::{Gif, Images},
    npy::{NpyArray, check_npy},
    pipe::Pipe,
};

/// Opens whatever `path` is: a folder as [`Images`], a `.gif` as [`Gif`], a `.npy` as [`NpyArray`], a `.png`, `.jpg`
/// or `.webp` as a single frame, `-` as a [`Pipe`] on standard input, anything else as a [`VideoFile`]. [`OpenOptions`]
/// say more.
#[cfg(feature = "video")]
pub fn open(path: impl AsRef<Path>) -> crate::tensor::Result<Box<dyn FrameSource>> {
    OpenOptions::new().open(path)
}

#[cfg(feature = "video")]
fn open_with(path: &Path, options: &OpenOptions) -> crate::tensor::Result<Box<dyn FrameSource>> {
    if path == Path::new("-") {
        return Ok(Box::new(Pipe::stdin()?));
    }
    let (checked, deadline) = (path.to_owned(), opening::Deadline::after(options.timeout));
    opening::within(deadline, path, move || opening::check_regular(&checked))?;
    if path.is_dir() {
        return Ok(Box::new(Images::folder(path)?));
    }
    Ok(match path {
        path if has_extension(path, "gif") => Box::new(Gif::open(path)?),
        path if has_extension(path, "npy") => Box::new(NpyArray::open(path)?),
        path if images::is_still(path) => Box::new(Images::still(path)?),
        path => Box::new(VideoFile::open_with(path, options)?),
    })
}

#[cfg(feature = "video")]
fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}
