//! Where frames come from.

use std::{collections::BTreeMap, fmt, ops::ControlFlow};

use super::colour::{ColourRange, Matrix};
use crate::tensor::{Error, Result};

/// How the bytes of a [`Frame`] are laid out, Y rows × X columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelFormat {
    /// Three planes: luma `[Y, X]`, then U and V `[Y/2, X/2]` each; both sides are even.
    Yuv420p {
        /// The matrix that leads to RGB.
        matrix: Matrix,
        /// The byte values of black and white.
        range: ColourRange,
    },
    /// Interleaved red, green, blue: `[Y, X, 3]`.
    Rgb24,
}

impl PixelFormat {
    /// Bytes of a frame of `height` × `width` pixels; as many as there can be where that is more.
    pub const fn bytes(self, height: usize, width: usize) -> usize {
        let pixels = height.saturating_mul(width);
        match self {
            Self::Yuv420p { .. } => (pixels / 2).saturating_mul(3),
            Self::Rgb24 => pixels.saturating_mul(3),
        }
    }
}

/// One decoded picture.
#[derive(Clone, PartialEq)]
pub struct Frame {
    height: usize,
    width: usize,
    format: PixelFormat,
    bytes: Vec<u8>,
    shown: Option<[f64; 2]>,
}

impl Frame {
    /// A frame of `height` × `width` pixels from its bytes.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) where a side is 0, where a side of a
    /// [`PixelFormat::Yuv420p`] frame is odd, or where the number of bytes is not the format's.
    pub fn new(height: usize, width: usize, format: PixelFormat, bytes: Vec<u8>) -> Result<Self> {
        let halves = matches!(format, PixelFormat::Yuv420p { .. });
        if height == 0 || width == 0 || halves && (height % 2 == 1 || width % 2 == 1) {
            return Err(Error::usage(format!("a frame of {height}x{width} (height x width) cannot be {format:?}")));
        }
        let expected = format.bytes(height, width);
        if bytes.len() != expected {
            let given = bytes.len();
            return Err(Error::usage(format!(
                "a {format:?} frame of {height}x{width} (height x width) has {expected} bytes, but {given} were given"
            )));
        }
        Ok(Self { height, width, format, bytes, shown: None })
    }

    /// The same frame, shown from `start` until `end`, in seconds after the first frame of its video.
    #[must_use]
    pub fn shown_at(self, start: f64, end: f64) -> Self {
        Self { shown: Some([start, end]), ..self }
    }

    /// From when until when it is shown, in seconds after the first frame of its video; `None` where the source has no
    /// times, such as a folder of images.
    pub fn shown(&self) -> Option<[f64; 2]> {
        self.shown
    }

    /// Rows of pixels, Y.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Columns of pixels, X.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How the bytes are laid out.
    pub fn format(&self) -> PixelFormat {
        self.format
    }

    /// The pixels, without padding between rows or planes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The pixels, by value.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame {{ {}x{} (height x width), {:?} }}", self.height, self.width, self.format)
    }
}

/// What is known of a source before its frames are read.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Information {
    /// Rows of pixels of the first frame, Y. A stream may change its size on the way: each frame knows its own.
    pub height: usize,
    /// Columns of pixels of the first frame, X.
    pub width: usize,
    /// Number of frames, where it is known without decoding or has been counted.
    pub frames: Option<usize>,
    /// Average frame rate, where the source states one.
    pub frames_per_second: Option<f64>,
    /// Layout of the first frame.
    pub format: PixelFormat,
    /// Degrees (0..360) that a player turns the frames clockwise for display. Frames come unturned unless
    /// [`OpenOptions::rotation`](super::OpenOptions::rotation) says otherwise.
    pub rotation: u32,
    /// Degrees (0, 90, 180, 270) by which frames come turned clockwise.
    pub turned: u32,
    /// What is wrong with the source although some of it could be read, as a sentence without a full stop; known once the
    /// frames have been read.
    pub complaint: Option<String>,
    /// What it is, for people: codec, stored pixel format, conversions with their reason.
    pub description: String,
}

impl Information {
    /// A source whose first frame is of `height` × `width` pixels in `format`, of which nothing else is known.
    pub fn new(height: usize, width: usize, format: PixelFormat) -> Self {
        Self {
            height,
            width,
            frames: None,
            frames_per_second: None,
            format,
            rotation: 0,
            turned: 0,
            complaint: None,
            description: String::new(),
        }
    }

    /// Number of frames, where it is known.
    #[must_use]
    pub fn frames(self, frames: impl Into<Option<usize>>) -> Self {
        Self { frames: frames.into(), ..self }
    }

    /// Average frame rate, where the source states one.
    #[must_use]
    pub fn frames_per_second(self, frames_per_second: impl Into<Option<f64>>) -> Self {
        Self { frames_per_second: frames_per_second.into(), ..self }
    }

    /// Degrees (0..360) that a player turns the frames clockwise for display.
    #[must_use]
    pub fn rotation(self, rotation: u32) -> Self {
        Self { rotation, ..self }
    }

    /// Degrees (0, 90, 180, 270) by which frames come turned clockwise.
    #[must_use]
    pub fn turned(self, turned: u32) -> Self {
        Self { turned, ..self }
    }

    /// What is wrong with the source, as a sentence without a full stop.
    #[must_use]
    pub fn complaint(self, complaint: impl Into<Option<String>>) -> Self {
        Self { complaint: complaint.into(), ..self }
    }

    /// What it is, for people.
    #[must_use]
    pub fn description(self, description: impl Into<String>) -> Self {
        Self { description: description.into(), ..self }
    }
}

/// Receives frames as they are decoded: the position in the list of wanted indices, and the frame for it.
pub type Sink<'a> = dyn FnMut(usize, &Frame) -> Result<()> + 'a;

/// Sees the frames of a video go by, and says when it has seen enough.
pub type Watcher<'a> = dyn FnMut(&Frame) -> Result<ControlFlow<()>> + 'a;

/// A video: anything that can say how many frames it has and decode some of them.
///
/// ```
/// use tubelet::video::{Frame, FrameSource, Information, PixelFormat, Sampling, Sink, Wanted};
///
/// /// Frames that an application has drawn.
/// #[derive(Debug)]
/// struct Drawn(Information, Vec<Frame>);
///
/// impl FrameSource for Drawn {
///     fn information(&self) -> &Information {
///         &self.0
///     }
///
///     fn frame_count(&mut self) -> tubelet::Result<usize> {
///         Ok(self.1.len())
///     }
///
///     fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> tubelet::Result<()> {
///         let wanted = Wanted::new(indices);
///         wanted.check(self.1.len(), "the drawing")?;
///         for index in wanted.indices() {
///             wanted.deliver(index, &self.1[index], sink)?;
///         }
///         Ok(())
///     }
/// }
///
/// let frames = vec![Frame::new(2, 2, PixelFormat::Rgb24, vec![0; 12])?; 40];
/// let mut source: Box<dyn FrameSource> = Box::new(Drawn(Information::new(2, 2, PixelFormat::Rgb24), frames));
/// assert_eq!(source.clip(&Sampling::central(16))?.frames().len(), 16);
/// # Ok::<(), tubelet::Error>(())
/// ```
pub trait FrameSource: fmt::Debug + Send {
    /// What is known so far.
    fn information(&self) -> &Information;

    /// The exact number of frames that can be read, at least 1. Decodes the whole video once where it must.
    ///
    /// An error ([`File`](crate::tensor::ErrorKind::File)) for a video that has no frames or is damaged.
    fn frame_count(&mut self) -> Result<usize>;

    /// Decodes the frames at `indices`, in any order and with repetitions, and hands each to `sink`.
    ///
    /// The sink is called once for every position of `indices`, in the order of the video. Each frame is decoded
    /// once however often it is wanted, and only one is held at a time. An error of the sink ends the reading.
    fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()>;

    /// From when until when each frame is shown, in seconds after the first; `None` where the source has no times.
    fn times(&mut self) -> Result<Option<Vec<[f64; 2]>>> {
        Ok(None)
    }

    /// Decodes all frames in the order of the video and hands each to `watcher`, until it breaks off or the video ends.
    ///
    /// One frame is held at a time. A source whose frames need not be counted first, such as a video file or a pipe,
    /// begins at once and may have no end.
    fn watch(&mut self, watcher: &mut Watcher<'_>) -> Result<()> {
        let indices: Vec<_> = (0..self.frame_count()?).collect();
        let mut enough = false;
        let outcome = self.visit(&indices, &mut |_, frame| {
            enough = watcher(frame)?.is_break();
            if enough { Err(Error::usage("the watcher has seen enough")) } else { Ok(()) }
        });
        if enough { Ok(()) } else { outcome }
    }

    /// The frames at `indices`, in their order.
    fn read(&mut self, indices: &[usize]) -> Result<Vec<Frame>> {
        let mut frames = vec![None; indices.len()];
        self.visit(indices, &mut |position, frame| {
            frames[position] = Some(frame.clone());
            Ok(())
        })?;
        let read: Vec<Frame> = frames.into_iter().flatten().collect();
        if read.len() != indices.len() {
            let missing = indices.len() - read.len();
            return Err(Error::file(format!("{missing} of {} wanted frames were not delivered", indices.len())));
        }
        Ok(read)
    }
}

/// Wanted frames in the order of the video, each with the positions that want it.
#[derive(Debug)]
pub struct Wanted(BTreeMap<usize, Vec<usize>>);

impl Wanted {
    /// The distinct frames among `indices`.
    pub fn new(indices: &[usize]) -> Self {
        let mut positions = BTreeMap::<usize, Vec<usize>>::new();
        for (position, &index) in indices.iter().enumerate() {
            positions.entry(index).or_default().push(position);
        }
        Self(positions)
    }

    /// The highest wanted index; `None` where nothing is wanted.
    pub fn last(&self) -> Option<usize> {
        self.0.keys().next_back().copied()
    }

    /// The distinct indices, ascending.
    pub fn indices(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.keys().copied()
    }

    /// Whether frame `index` is wanted.
    pub fn contains(&self, index: usize) -> bool {
        self.0.contains_key(&index)
    }

    /// Hands frame `index` to `sink`, once for each position that wants it.
    pub fn deliver(&self, index: usize, frame: &Frame, sink: &mut Sink<'_>) -> Result<()> {
        self.0.get(&index).into_iter().flatten().try_for_each(|&position| sink(position, frame))
    }

    /// An error where a wanted index is not below `total`, the number of frames of `source`.
    pub fn check(&self, total: usize, source: impl fmt::Display) -> Result<()> {
        match self.last() {
            Some(last) if last >= total => {
                Err(Error::usage(format!("frame {last} was asked for, but {source} has {total} frames, from 0 on")))
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_has_the_bytes_of_its_format() {
        let yuv = PixelFormat::Yuv420p { matrix: Matrix::Bt601, range: ColourRange::Limited };
        assert!(Frame::new(2, 4, yuv, vec![0; 12]).is_ok());
        assert!(Frame::new(2, 3, yuv, vec![0; 9]).is_err());
        assert!(Frame::new(2, 3, PixelFormat::Rgb24, vec![0; 18]).is_ok());
        assert!(Frame::new(2, 3, PixelFormat::Rgb24, vec![0; 17]).is_err());
        assert!(Frame::new(0, 3, PixelFormat::Rgb24, vec![]).is_err());
        assert!(Frame::new(usize::MAX, usize::MAX, PixelFormat::Rgb24, vec![]).is_err());
    }

    #[test]
    fn a_repeated_frame_is_delivered_to_every_position() {
        let wanted = Wanted::new(&[5, 2, 5]);
        let frame = Frame::new(1, 1, PixelFormat::Rgb24, vec![0; 3]).unwrap();
        let mut positions = Vec::new();
        let order: Vec<usize> = wanted.indices().collect();
        for &index in &order {
            let sink: &mut Sink<'_> = &mut |position, _| {
                positions.push(position);
                Ok(())
            };
            wanted.deliver(index, &frame, sink).unwrap();
        }
        assert_eq!((order, positions), (vec![2, 5], vec![1, 0, 2]));
        assert!(wanted.check(5, "x").is_err() && wanted.check(6, "x").is_ok());
    }
}
