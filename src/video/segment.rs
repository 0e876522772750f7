//! A part of a video.

use std::ops::Range;

use super::{FrameSource, Information, Sink};
use crate::tensor::{Error, Result};

/// Some frames of a video in a row, as a video of their own.
#[derive(Debug)]
pub struct Segment {
    source: Box<dyn FrameSource>,
    start: usize,
    information: Information,
}

impl Segment {
    /// The `frames` of `source`. Where the source knows its length without decoding, the segment ends with it; else it is
    /// believed to be as long as asked for, and reading beyond the end is an error.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) for a segment without frames.
    pub fn new(source: Box<dyn FrameSource>, frames: Range<usize>) -> Result<Self> {
        let known = source.information().frames;
        let end = known.map_or(frames.end, |known| known.min(frames.end));
        if frames.start >= end {
            let total = known.map_or(String::new(), |known| format!(" of {known}"));
            return Err(Error::usage(format!("frames {}..{}{total} are none", frames.start, frames.end)));
        }
        let information = source.information();
        let description = format!("frames {}..{end} of {}", frames.start, information.description);
        let information = Information { frames: Some(end - frames.start), description, ..information.clone() };
        Ok(Self { source, start: frames.start, information })
    }
}

impl FrameSource for Segment {
    fn information(&self) -> &Information {
        &self.information
    }

    fn frame_count(&mut self) -> Result<usize> {
        Ok(self.information.frames.unwrap_or(0))
    }

    fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        let shifted: Vec<usize> = indices.iter().map(|index| self.start.saturating_add(*index)).collect();
        self.source.visit(&shifted, sink)
    }
}
