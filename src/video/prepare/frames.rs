//! The frames that are prepared, in host memory or on a device.

use std::ops::Range;

use crate::gpu::{DeviceFrames, PixelOrder};
use crate::graph::{Device, Feed, Memory};
use crate::kernels::pixels::ColourFormat;
use crate::tensor::{Element, Error, Result, Tensor};
use crate::video::{Clip, PixelFormat, coefficients};

/// The frames of a clip, wherever they are.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum ClipFrames<'a> {
    /// In host memory, as they were decoded.
    Host(&'a Clip),
    /// On the device that they are prepared on.
    Device(&'a DeviceFrames),
}

impl<'a> From<&'a Clip> for ClipFrames<'a> {
    fn from(clip: &'a Clip) -> Self {
        Self::Host(clip)
    }
}

impl<'a> From<&'a DeviceFrames> for ClipFrames<'a> {
    fn from(frames: &'a DeviceFrames) -> Self {
        Self::Device(frames)
    }
}

impl<'a> ClipFrames<'a> {
    /// What decides how a clip is prepared, beside its crops.
    pub(crate) fn kind(self) -> ClipKind {
        ClipKind(self.uniform_parts().iter().map(|part| (part.kind, part.count)).collect())
    }

    /// The parts in which all frames are alike, one after the other.
    pub(super) fn uniform_parts(self) -> Vec<Part<'a>> {
        match self {
            Self::Host(clip) => clip.uniform_parts().map(Part::on_host).collect(),
            Self::Device(frames) => vec![Part::on_device(frames)],
        }
    }

    /// An error where `device` is no GPU and the frames are on one.
    pub(super) fn check(self, device: &Device) -> Result<()> {
        match (self, device.gpu()) {
            (Self::Device(_), None) => Err(elsewhere(device)),
            _ => Ok(()),
        }
    }
}

fn elsewhere(device: &Device) -> Error {
    Error::usage(format!(
        "the frames are on a GPU, and {} computes in host memory: give it a `Clip`, or load the model on the frames' device",
        device.name()
    ))
}

/// The frames of each uniform part of a clip, and how many they are. Clips of one kind share a [`Preparer`](super::Preparer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClipKind(pub(super) Vec<(FrameKind, usize)>);

/// What frames that are prepared by one graph have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameKind {
    /// Y and X.
    pub(super) size: [usize; 2],
    pub(super) format: ColourFormat,
}

/// Frames of one kind.
pub(super) struct Part<'a> {
    pub(super) kind: FrameKind,
    pub(super) count: usize,
    held: Held<'a>,
}

enum Held<'a> {
    Host(Clip),
    Device(&'a DeviceFrames),
}

/// What goes into the graph of a group of frames: each begins with a word of its own.
pub(super) enum Words {
    Host(Tensor),
    Device(Memory),
}

impl Words {
    pub(super) fn feed(&self) -> Feed<'_> {
        match self {
            Self::Host(words) => Feed::Host(words),
            Self::Device(words) => Feed::Device(words),
        }
    }
}

impl<'a> Part<'a> {
    fn on_host(part: Clip) -> Self {
        let first = &part.frames()[0];
        let format = match first.format() {
            PixelFormat::Rgb24 => ColourFormat::Rgb24,
            PixelFormat::Yuv420p { matrix, range } => ColourFormat::Yuv420p(coefficients(matrix, range)),
        };
        let kind = FrameKind { size: [first.height(), first.width()], format };
        Self { kind, count: part.frames().len(), held: Held::Host(part) }
    }

    fn on_device(frames: &'a DeviceFrames) -> Self {
        let row_words = frames.row_bytes() as usize / Element::U32.bytes();
        let format = match frames.order() {
            PixelOrder::Rgba => ColourFormat::Rgba8 { row_words },
            PixelOrder::Bgra => ColourFormat::Bgra8 { row_words },
        };
        let kind = FrameKind { size: frames.size(), format };
        Self { kind, count: frames.count(), held: Held::Device(frames) }
    }

    /// The bytes of the frames in `range` in words, for a graph on `device`.
    pub(super) async fn words(&self, range: Range<usize>, device: &Device) -> Result<Words> {
        let shape = [range.len(), self.kind.format.frame_words(self.kind.size)];
        match &self.held {
            Held::Host(part) => Ok(Words::Host(packed(part, range, shape)?)),
            Held::Device(frames) => {
                let gpu = device.gpu().ok_or_else(|| elsewhere(device))?;
                let copy = gpu.copy_frames(frames, range).await?;
                Memory::from_buffer(copy, shape, Element::U32).map(Words::Device)
            }
        }
    }
}

/// The bytes of frames in host memory, the last word of each filled up.
fn packed(part: &Clip, range: Range<usize>, shape: [usize; 2]) -> Result<Tensor> {
    let padded = shape[1] * Element::U32.bytes();
    let mut bytes = Vec::with_capacity(padded * range.len());
    for (index, frame) in part.frames()[range].iter().enumerate() {
        bytes.extend_from_slice(frame.as_bytes());
        bytes.resize(padded * (index + 1), 0);
    }
    Tensor::from_bytes(shape, Element::U32, &bytes)
}
