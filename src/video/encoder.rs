//! Clips into files.

use std::{fmt, path::Path, str::FromStr};

use super::clip::Clip;
use super::ffmpeg::Encoding;
use super::npy;
use super::source::{Frame, PixelFormat};
use crate::tensor::{Error, Result};

/// What a clip is written as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum VideoFormat {
    /// H.264 where the ffmpeg program has it, else MPEG-4 Part 2, at the highest quality of use. Both sides are even.
    #[default]
    Mp4,
    /// FFV1, every byte as it was.
    Mkv,
    /// A NumPy array `[F, Y, X, 3]`, every byte as it was; needs no program.
    Npy,
}

impl VideoFormat {
    /// Every format.
    pub const ALL: &'static [Self] = &[Self::Mp4, Self::Mkv, Self::Npy];

    /// The extension of its files, and its name on a command line.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Mp4 => "mp4",
            Self::Mkv => "mkv",
            Self::Npy => "npy",
        }
    }
}

impl fmt::Display for VideoFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.extension())
    }
}

impl FromStr for VideoFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|format| format.extension() == name).ok_or_else(|| {
            let names = Self::ALL.iter().map(|one| one.extension()).collect::<Vec<_>>().join(", ");
            Error::usage(format!("videos are not written as \"{name}\"; there are {names}"))
        })
    }
}

/// Writes clips of one size as video files.
#[derive(Clone, Debug)]
pub struct VideoEncoder {
    format: VideoFormat,
    /// [Y, X] of the frames.
    size: [usize; 2],
    /// `None` where no program is needed.
    encoding: Option<Encoding>,
}

impl VideoEncoder {
    /// For frames of `size` [Y, X] that follow each other `rate` times a second.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) for odd sides of an [`VideoFormat::Mp4`] and for a rate that is none;
    /// [`Unsupported`](crate::tensor::ErrorKind::Unsupported) where the ffmpeg program, or an encoder in it, is missing.
    pub fn new(format: VideoFormat, size: [usize; 2], rate: f64) -> Result<Self> {
        if !(rate.is_finite() && rate > 0.0) {
            return Err(Error::usage(format!("frames cannot follow each other {rate} times a second")));
        }
        let [height, width] = size;
        if format == VideoFormat::Mp4 && (height % 2 == 1 || width % 2 == 1) {
            return Err(Error::usage(format!(
                "an mp4 file has frames of even sides, not {height}x{width} (height x width); choose another size, or mkv"
            )));
        }
        let encoding = match format {
            VideoFormat::Npy => None,
            VideoFormat::Mp4 => Some(Encoding::lossy(size, rate)?),
            VideoFormat::Mkv => Some(Encoding::lossless(size, rate)?),
        };
        Ok(Self { format, size, encoding })
    }

    /// What files are written as.
    pub fn format(&self) -> VideoFormat {
        self.format
    }

    /// The encoder, by FFmpeg's name; `None` for arrays.
    pub fn codec(&self) -> Option<&str> {
        self.encoding.as_ref().map(Encoding::codec)
    }

    /// Writes the frames of `clip`, RGB bytes of the encoder's size, as the file at `path`, over what is there.
    ///
    /// An error where frames are others, where the file cannot be written, or where the program fails.
    pub fn write(&self, clip: &Clip, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let fits = |frame: &Frame| [frame.height(), frame.width()] == self.size && frame.format() == PixelFormat::Rgb24;
        if !clip.frames().iter().all(|frame| fits(frame)) {
            let [height, width] = self.size;
            return Err(Error::usage(format!(
                "{} is to have RGB frames of {height}x{width} (height x width), and the clip has others",
                path.display()
            )));
        }
        let frames: Vec<&[u8]> = clip.frames().iter().map(|frame| frame.as_bytes()).collect();
        match &self.encoding {
            Some(encoding) => encoding.write(path, &frames),
            None => npy::write(path, &frames, self.size),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video;

    fn clip(size: [usize; 2]) -> Clip {
        let [height, width] = size;
        let byte = |index: usize| {
            let (pixel, plane, frame) = (index / 3 % (height * width), index % 3, index / (3 * height * width));
            let (x, y) = (pixel % width, pixel / width);
            (128.0 + 90.0 * (0.3 * x as f64 + 0.2 * y as f64 + plane as f64 + 0.5 * frame as f64).sin()) as u8
        };
        Clip::from_rgb(&(0..6 * 3 * height * width).map(byte).collect::<Vec<_>>(), size).unwrap()
    }

    #[test]
    fn lossless_files_hold_every_byte() {
        let folder = tempfile::tempdir().unwrap();
        for (format, size) in [(VideoFormat::Npy, [33, 47]), (VideoFormat::Mkv, [33, 47]), (VideoFormat::Mkv, [32, 48])]
        {
            let (clip, path) = (clip(size), folder.path().join(format!("clip.{format}")));
            VideoEncoder::new(format, size, 25.0).unwrap().write(&clip, &path).unwrap();
            let frames = video::open(&path).unwrap().read(&[0, 1, 2, 3, 4, 5]).unwrap();
            for (read, written) in frames.iter().zip(clip.frames()) {
                assert!(read.as_bytes() == written.as_bytes(), "{format} {size:?}");
            }
        }
    }

    #[test]
    fn an_mp4_looks_as_it_should() {
        let folder = tempfile::tempdir().unwrap();
        let (clip, path) = (clip([64, 48]), folder.path().join("clip.mp4"));
        VideoEncoder::new(VideoFormat::Mp4, [64, 48], 12.5).unwrap().write(&clip, &path).unwrap();
        let mut source = video::open(&path).unwrap();
        assert_eq!(source.frame_count().unwrap(), 6);
        assert_eq!(source.information().frames_per_second, Some(12.5));
        let luma = |rgb: &[u8]| 0.299 * f64::from(rgb[0]) + 0.587 * f64::from(rgb[1]) + 0.114 * f64::from(rgb[2]);
        let read = source.read(&[3]).unwrap();
        let pixels = clip.frames()[3].as_bytes().chunks_exact(3);
        let error: f64 = pixels
            .zip(read[0].as_bytes())
            .map(|(rgb, stored)| (16.0 + luma(rgb) * 219.0 / 255.0 - f64::from(*stored)).abs())
            .sum();
        assert!(error / (64.0 * 48.0) < 2.0, "{}", error / (64.0 * 48.0));
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let says = |format, size, rate: f64| VideoEncoder::new(format, size, rate).unwrap_err().to_string();
        assert!(says(VideoFormat::Mp4, [33, 48], 25.0).contains("even sides"));
        assert!(says(VideoFormat::Npy, [33, 48], 0.0).contains("0 times"));
        let encoder = VideoEncoder::new(VideoFormat::Npy, [32, 48], 25.0).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let error = encoder.write(&clip([32, 46]), folder.path().join("a.npy")).unwrap_err().to_string();
        assert!(error.contains("has others"), "{error}");
        let missing = folder.path().join("missing/clip.mkv");
        let encoder = VideoEncoder::new(VideoFormat::Mkv, [32, 48], 25.0).unwrap();
        let error = encoder.write(&clip([32, 48]), &missing).unwrap_err().to_string();
        assert!(error.contains("clip.mkv"), "{error}");
        assert!("gif".parse::<VideoFormat>().unwrap_err().to_string().contains("mp4, mkv, npy"));
    }
}
