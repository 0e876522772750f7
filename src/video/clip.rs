//! The frames that a model sees.

use std::sync::Arc;

use super::{Frame, FrameSource, Information, Sampling};
use crate::tensor::{Error, Result};

/// Bytes of decoded frames that a clip may hold.
const MOST_BYTES: u64 = 8 << 30;

/// The decoded frames of one clip, in order; a frame that occurs several times is held once.
#[derive(Clone, Debug)]
pub struct Clip {
    frames: Vec<Arc<Frame>>,
    indices: Vec<usize>,
}

impl Clip {
    /// Decodes the first clip that `sampling` takes from `source`; `progress` is told of each frame by its place.
    pub fn read(source: &mut dyn FrameSource, sampling: &Sampling, progress: &mut dyn FnMut(usize)) -> Result<Self> {
        let total = source.frame_count()?;
        let indices = sampling.indices(total)?.into_iter().next().unwrap_or_default();
        Self::of_indices(source, indices, progress)
    }

    /// Decodes all clips that `sampling` takes from `source`, each frame once; `progress` is told of each frame by its
    /// place in all clips together.
    pub fn read_all(
        source: &mut dyn FrameSource,
        sampling: &Sampling,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Self>> {
        let total = source.frame_count()?;
        let indices = sampling.indices(total)?.concat();
        let Self { frames, indices } = Self::of_indices(source, indices, progress)?;
        let parts = frames.chunks(sampling.frames()).zip(indices.chunks(sampling.frames()));
        parts.map(|(frames, indices)| Self::new(frames.to_vec(), indices.to_vec())).collect()
    }

    fn of_indices(source: &mut dyn FrameSource, indices: Vec<usize>, progress: &mut dyn FnMut(usize)) -> Result<Self> {
        let distinct: std::collections::BTreeSet<_> = indices.iter().collect();
        let Information { height, width, format, .. } = *source.information();
        let bytes = distinct.len() as u64 * format.bytes(height, width) as u64;
        if bytes > MOST_BYTES {
            return Err(Error::usage(format!(
                "a clip of {} frames of {width}x{height} pixels takes {} GiB to decode; ask for fewer frames",
                indices.len(),
                bytes >> 30
            )));
        }
        let mut frames: Vec<Option<Arc<Frame>>> = vec![None; indices.len()];
        let mut last: Option<(usize, Arc<Frame>)> = None;
        source.visit(&indices, &mut |position, frame| {
            let shared = match &last {
                Some((index, shared)) if *index == indices[position] => shared.clone(),
                _ => Arc::new(frame.clone()),
            };
            frames[position] = Some(shared.clone());
            last = Some((indices[position], shared));
            progress(position);
            Ok(())
        })?;
        let frames: Vec<_> = frames.into_iter().flatten().collect();
        if frames.len() != indices.len() {
            return Err(Error::file(format!(
                "{} of {} frames could not be read",
                indices.len() - frames.len(),
                indices.len()
            )));
        }
        Self::new(frames, indices)
    }

    /// A clip of these frames, which are all of one size and format; `indices` are their places in the video.
    pub fn new(frames: Vec<Arc<Frame>>, indices: Vec<usize>) -> Result<Self> {
        let Some(first) = frames.first() else {
            return Err(Error::usage("a clip without frames"));
        };
        let same = |frame: &Arc<Frame>| {
            (frame.height(), frame.width(), frame.format()) == (first.height(), first.width(), first.format())
        };
        if let Some(place) = frames.iter().position(|frame| !same(frame)) {
            return Err(Error::usage(format!(
                "frame {place} of a clip is {:?}, the first is {first:?}",
                frames[place]
            )));
        }
        if frames.len() != indices.len() {
            return Err(Error::usage(format!("{} frames with {} indices", frames.len(), indices.len())));
        }
        Ok(Self { frames, indices })
    }

    /// The frames, in order.
    pub fn frames(&self) -> &[Arc<Frame>] {
        &self.frames
    }

    /// The place of each frame in the video.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

impl dyn FrameSource + '_ {
    /// Decodes the first clip that `sampling` takes.
    pub fn clip(&mut self, sampling: &Sampling) -> Result<Clip> {
        Clip::read(self, sampling, &mut |_| ())
    }
}
