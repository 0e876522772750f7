//! Decoded frames that are kept.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{ClipSource, HeldFrames};
use crate::tensor::Result;
use crate::video::{Clip, FrameSource};

/// Videos whose decoded frames are kept in memory, within a bound: of small sets decoding takes most of the time.
///
/// Videos are kept whole, as they come, until the next one does not fit. None makes room for another: epochs come in ever
/// new orders, so that no video is wanted sooner than another.
#[derive(Debug)]
pub struct CachedClips {
    source: Arc<dyn ClipSource>,
    most_bytes: u64,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    videos: HashMap<usize, HeldFrames>,
    /// Bytes of all kept frames, and of those that are being decoded to be kept.
    bytes: u64,
}

impl CachedClips {
    /// Keeps frames of `source` in at most `mebibytes` MiB.
    pub fn new(source: Arc<dyn ClipSource>, mebibytes: u64) -> Self {
        Self { source, most_bytes: mebibytes.saturating_mul(1 << 20), kept: Mutex::default() }
    }

    /// How many videos are kept, and in how many bytes.
    pub fn kept(&self) -> (usize, u64) {
        let kept = self.lock();
        (kept.videos.len(), kept.bytes)
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Books `bytes`, where they fit.
    fn book(&self, bytes: u64) -> bool {
        let mut kept = self.lock();
        let fits = kept.bytes.saturating_add(bytes) <= self.most_bytes;
        kept.bytes += if fits { bytes } else { 0 };
        fits
    }

    /// Keeps `frames`, for which `booked` bytes were booked, unless they turned out too large or are kept already.
    fn keep(&self, index: usize, frames: &HeldFrames, booked: u64) {
        let mut kept = self.lock();
        kept.bytes -= booked;
        let bytes = kept.bytes.saturating_add(frames.bytes());
        if bytes <= self.most_bytes && !kept.videos.contains_key(&index) {
            kept.bytes = bytes;
            kept.videos.insert(index, frames.clone());
        }
    }
}

impl ClipSource for CachedClips {
    fn count(&self) -> usize {
        self.source.count()
    }

    fn name(&self, index: usize) -> String {
        self.source.name(index)
    }

    fn labels(&self, index: usize) -> Vec<usize> {
        self.source.labels(index)
    }

    fn open(&self, index: usize) -> Result<Box<dyn FrameSource>> {
        if let Some(frames) = self.lock().videos.get(&index) {
            return Ok(Box::new(frames.clone()));
        }
        let mut source = self.source.open(index)?;
        let count = source.frame_count()?;
        let information = source.information();
        let frame = information.format.bytes(information.height, information.width);
        let booked = (frame as u64).saturating_mul(count as u64);
        if !self.book(booked) {
            return Ok(source);
        }
        match all_frames(&mut *source, count) {
            Ok(frames) => {
                self.keep(index, &frames, booked);
                Ok(Box::new(frames))
            }
            // Perhaps those that are wanted can be read all the same.
            Err(_) => {
                self.lock().bytes -= booked;
                self.source.open(index)
            }
        }
    }
}

fn all_frames(source: &mut dyn FrameSource, count: usize) -> Result<HeldFrames> {
    let indices: Vec<usize> = (0..count).collect();
    let frames = source.read(&indices)?.into_iter().map(Arc::new).collect();
    Ok(HeldFrames::of(&Clip::new(frames, indices)?))
}
