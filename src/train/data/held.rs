//! Clips in memory.

use std::sync::Arc;

use super::ClipSource;
use crate::tensor::{Error, Result};
use crate::video::{Clip, Frame, FrameSource, Information, PixelFormat, Sink, Wanted};

/// Frames in memory as a video. Copies share them.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldFrames {
    frames: Arc<[Arc<Frame>]>,
    information: Information,
}

impl HeldFrames {
    /// The frames of a clip, in its order.
    pub fn of(clip: &Clip) -> Self {
        let frames: Arc<[Arc<Frame>]> = clip.frames().into();
        let (height, width, format) = match frames.first() {
            Some(frame) => (frame.height(), frame.width(), frame.format()),
            None => (0, 0, PixelFormat::Rgb24),
        };
        let information = Information::new(height, width, format).frames(frames.len()).description("frames in memory");
        Self { frames, information }
    }

    /// Bytes of all frames.
    pub(super) fn bytes(&self) -> u64 {
        self.frames.iter().map(|frame| frame.as_bytes().len() as u64).sum()
    }
}

impl FrameSource for HeldFrames {
    fn information(&self) -> &Information {
        &self.information
    }

    fn frame_count(&mut self) -> Result<usize> {
        Ok(self.frames.len())
    }

    fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        let wanted = Wanted::new(indices);
        wanted.check(self.frames.len(), "a clip in memory")?;
        wanted.indices().try_for_each(|index| wanted.deliver(index, &self.frames[index], sink))
    }
}

/// Labelled clips in memory, such as a program draws them. They are called by their numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct HeldClips {
    clips: Vec<(HeldFrames, Vec<usize>)>,
}

impl HeldClips {
    /// Clips and their labels, one class a head or any number of them where a model gives each class by itself.
    pub fn new(clips: impl IntoIterator<Item = (Clip, Vec<usize>)>) -> Self {
        Self { clips: clips.into_iter().map(|(clip, labels)| (HeldFrames::of(&clip), labels)).collect() }
    }
}

impl ClipSource for HeldClips {
    fn count(&self) -> usize {
        self.clips.len()
    }

    fn name(&self, index: usize) -> String {
        format!("clip {index}")
    }

    fn labels(&self, index: usize) -> Vec<usize> {
        self.clips[index].1.clone()
    }

    fn open(&self, index: usize) -> Result<Box<dyn FrameSource>> {
        match self.clips.get(index) {
            Some((frames, _)) => Ok(Box::new(frames.clone())),
            None => Err(Error::usage(format!("there is no clip {index} among {}", self.clips.len()))),
        }
    }
}
