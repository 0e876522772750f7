//! Clips: where frames come from, which of them a model sees, and how their bytes become its values.
//!
//! | part | what it decides |
//! |---|---|
//! | [`FrameSource`], [`open`] | decoded [`Frame`]s of a video file, image folder, animation, still or array |
//! | [`Sampling`] | the frame indices of each clip |
//! | [`Preset`], [`Preprocessing`] | resize, crop and value range |
//! | [`augment`] | what is changed at random while a model learns |
//!
//! Everything is exact: 8-bit 4:2:0 video comes as its decoded planes, and the tables give the bytes of Pillow or
//! the floats of TensorFlow, whichever the model was trained with.

pub mod augment;
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
mod animation;
#[cfg(feature = "video")]
mod encoder;
#[cfg(feature = "video")]
mod ffmpeg;
#[cfg(feature = "video")]
mod folders;
#[cfg(feature = "video")]
mod images;
#[cfg(feature = "video")]
mod limits;
#[cfg(feature = "video")]
mod npy;
#[cfg(feature = "video")]
mod picture;
#[cfg(feature = "video")]
mod pipe;
#[cfg(feature = "video")]
mod rotation;
#[cfg(feature = "video")]
mod webp;

#[cfg(test)]
mod reference;

#[cfg(feature = "video")]
use std::path::Path;

#[cfg(feature = "video")]
use crate::tensor::ErrorKind;

pub use clip::Clip;
pub use colour::{ColourRange, Matrix, coefficients};
pub use crop::{CropWindow, Extent};
pub(crate) use hugging_face::{Fields, shortened};
pub use opening::{OpenOptions, Rotation};
pub(crate) use prepare::ClipKind;
pub use prepare::{ClipFrames, PreparedClip, Preparer};
pub(crate) use preset::LARGEST_SIDE;
pub use preset::{Crops, PlaneStatistics, Preprocessing, Preset, Resize, Values};
use resample::Lerp;
pub use resample::{Antialiased, Filter, Resampling};
pub use sampling::{DEFAULT_STRIDE, Sampling};
pub use segment::Segment;
pub use source::{Frame, FrameSource, Information, PixelFormat, Sink, Wanted, Watcher};

#[cfg(feature = "video")]
pub use {
    animation::Animation,
    encoder::{VideoEncoder, VideoFormat},
    ffmpeg::{VideoFile, end_programs},
    folders::videos_in,
    images::Images,
    npy::{NpyArray, check_npy},
    pipe::Pipe,
};

#[cfg(feature = "video")]
pub(crate) use images::pictures_in;

/// Opens whatever `path` is: a folder as [`Images`], `-` as a [`Pipe`] on standard input, and a file by its contents, not
/// its name: a picture as [`Images`] of one frame, an animated GIF, WebP or PNG as [`Animation`], a NumPy array as
/// [`NpyArray`], anything else as a [`VideoFile`]. [`OpenOptions`] say more.
///
/// ```no_run
/// use tubelet::video::{self, Sampling};
///
/// let mut source = video::open("clip.mp4")?;
/// let clip = source.clip(&Sampling::central(32))?;
/// println!("{}: frames {:?}", source.information().description, clip.indices());
/// # Ok::<(), tubelet::Error>(())
/// ```
#[cfg(feature = "video")]
pub fn open(path: impl AsRef<Path>) -> crate::tensor::Result<Box<dyn FrameSource>> {
    OpenOptions::new().open(path)
}

#[cfg(feature = "video")]
fn open_with(path: &Path, options: &OpenOptions) -> crate::tensor::Result<Box<dyn FrameSource>> {
    if path == Path::new("-") {
        return rotation::turned(Box::new(Pipe::stdin_with(options)?), options.rotation);
    }
    let deadline = opening::Deadline::after(options.timeout);
    let looked_at = path.to_owned();
    let source: Box<dyn FrameSource> = match opening::within(deadline, path, move || Kind::of(&looked_at))? {
        Kind::Folder => Box::new(Images::folder_with(path, options, deadline)?),
        Kind::Still => Box::new(Images::still_with(path, options, deadline)?),
        Kind::Animation => Box::new(Animation::open_with(path, options, deadline)?),
        Kind::Array => {
            let array = path.to_owned();
            Box::new(opening::within(deadline, path, move || NpyArray::open(array))?)
        }
        Kind::Video => Box::new(VideoFile::open_with(path, options).map_err(|error| match error.kind() {
            ErrorKind::File if images::is_named_still(path) => error.within(picture::none(path)),
            _ => error,
        })?),
    };
    rotation::turned(source, options.rotation)
}

/// What a path holds.
#[cfg(feature = "video")]
enum Kind {
    Folder,
    Still,
    Animation,
    Array,
    Video,
}

#[cfg(feature = "video")]
impl Kind {
    fn of(path: &Path) -> crate::tensor::Result<Self> {
        opening::check_regular(path)?;
        if path.is_dir() {
            return Ok(Self::Folder);
        }
        Ok(match picture::format_of(path)? {
            // JPEG pictures one after the other begin as a single one does.
            Some(_) if has_extension(path, "mjpeg") || has_extension(path, "mjpg") => Self::Video,
            Some(format) if picture::moves(path, format)? => Self::Animation,
            Some(_) => Self::Still,
            None if has_extension(path, "npy") || npy::is_array(path)? => Self::Array,
            None => Self::Video,
        })
    }
}

#[cfg(feature = "video")]
fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}
