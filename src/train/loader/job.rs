//! What a thread does for one clip.

use std::sync::Arc;

use super::order::Slot;
use crate::kernels::ClipLayout;
use crate::tensor::{Result, Tensor};
use crate::train::{ClipSource, ClipStart};
use crate::video::augment::{Augmentation, Draws};
use crate::video::{Clip, FrameSource, Sampling};

/// A clip to be prepared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    /// In the source.
    index: usize,
    draws: Draws,
    /// In the epoch.
    number: u64,
}

impl Job {
    pub(super) fn new(seed: u64, Slot { epoch, number }: Slot, index: usize) -> Self {
        Self { index, draws: Draws::new(seed, epoch), number: number as u64 }
    }
}

/// How clips are prepared.
#[derive(Debug)]
pub(super) struct Preparation {
    pub(super) source: Arc<dyn ClipSource>,
    pub(super) augmentation: Augmentation,
    pub(super) clip_start: ClipStart,
    pub(super) layout: ClipLayout,
}

impl Preparation {
    /// A batch of one.
    pub(super) fn clip(&self, job: &Job) -> Result<Tensor> {
        let clip = self.read(&mut *self.source.open(job.index)?, job)?;
        let size = clip.frames().first().map_or([0, 0], |frame| [frame.height(), frame.width()]);
        let drawn = self.augmentation.draw(size, &job.draws, job.number)?;
        self.augmentation.apply(&drawn, &clip, self.layout)
    }

    /// A source that learns how many frames it has only while it decodes is asked again.
    fn read(&self, video: &mut dyn FrameSource, job: &Job) -> Result<Clip> {
        let total = video.frame_count()?;
        let clip = video.clip(&self.sampling(total, job)?);
        match video.frame_count()? {
            found if found != total => video.clip(&self.sampling(found, job)?),
            _ => clip,
        }
    }

    fn sampling(&self, total: usize, job: &Job) -> Result<Sampling> {
        let Augmentation { frames, stride, .. } = self.augmentation;
        match self.clip_start {
            ClipStart::Random => self.augmentation.sampling(total, &job.draws, job.number),
            ClipStart::Central => Ok(Sampling::Central { frames, stride }),
            ClipStart::Spread => Ok(Sampling::Uniform { frames }),
        }
    }
}
