//! Several clips at a time: as many in a pass as keep the device busy and fit its memory.

use std::sync::atomic::Ordering;

use super::forward::Wanted;
use super::outcome::{Named, Outcome};
use super::pass::Given;
use super::{Input, Pass, SharedExecutor, Vivit};
use crate::graph::{Feed, MemoryPlan};
use crate::tensor::{Error, ErrorKind, Result, Tensor};
use crate::video::PreparedClip;
use crate::vivit::{self, FrameMask, Recording, Request};

/// Intermediate values of clips that are computed together. A clip of ViT-B alone keeps a GPU busy, so that more at a time
/// would take memory and give nothing.
const MOST_BATCH_BYTES: u64 = 1 << 30;

/// Clips on their way through a model.
pub(super) struct Batch<'a, T> {
    model: &'a Vivit,
    pass: &'a Pass,
    wanted: Wanted,
    /// Of one clip.
    request: Request,
    at_once: usize,
    waiting: Vec<Waiting>,
    computed: Vec<Together<T>>,
}

/// A clip that waits for others.
struct Waiting {
    index: usize,
    clip: PreparedClip,
    /// Which of its frames are valid; `None` where all are.
    valid: Option<Vec<bool>>,
}

/// Values of clips that were computed together.
pub(super) struct Together<T> {
    /// The index of each clip.
    pub(super) indices: Vec<usize>,
    /// The values of all of them, clip after clip.
    pub(super) values: Named<T>,
}

impl<'a, T: Outcome> Batch<'a, T> {
    /// For `count` clips, of which the values are returned that `wanted` picks.
    pub(super) fn new(model: &'a Vivit, pass: &'a Pass, count: usize, wanted: Wanted) -> Result<Self> {
        let request = pass.request(1, model.layout());
        let at_once = model.clips_of_use(&request, count)?;
        Ok(Self { model, pass, wanted, request, at_once, waiting: Vec::new(), computed: Vec::new() })
    }

    /// Takes the clip with this index, and computes those that wait once they are enough.
    pub(super) async fn add(&mut self, index: usize, clip: PreparedClip, valid: Option<Vec<bool>>) -> Result<()> {
        self.model.check_prepared(&clip, &self.request)?;
        self.waiting.push(Waiting { index, clip, valid });
        match self.waiting.len() >= self.at_once() {
            true => self.compute().await,
            false => Ok(()),
        }
    }

    /// Computes the rest.
    pub(super) async fn finish(mut self) -> Result<Vec<Together<T>>> {
        self.compute().await?;
        Ok(self.computed)
    }

    fn at_once(&self) -> usize {
        self.at_once.min(self.model.loaded.most_clips.load(Ordering::Relaxed))
    }

    /// Computes all clips that wait, fewer at a time where the device has too little memory.
    async fn compute(&mut self) -> Result<()> {
        while !self.waiting.is_empty() {
            let count = self.at_once().min(self.waiting.len());
            match self.compute_first(count).await {
                Ok(values) => {
                    let indices = self.waiting.drain(..count).map(|waiting| waiting.index).collect();
                    self.computed.push(Together { indices, values });
                    self.pass.tell(self.computed.iter().map(|together| together.indices.len()).sum());
                }
                Err(error) => self.model.limit_clips(fewer(count, error)?),
            }
        }
        Ok(())
    }

    /// The values of the first `count` clips that wait, by one pass.
    async fn compute_first(&self, count: usize) -> Result<Named<T>> {
        let waiting = &self.waiting[..count];
        let clips: Vec<_> = waiting.iter().map(|waiting| &waiting.clip).collect();
        let clips = PreparedClip::batch(self.model.device(), &clips).await?;
        let valid: Option<Vec<_>> = waiting.iter().map(|waiting| waiting.valid.as_deref()).collect();
        let mask = FrameMask { valid: valid.map(|valid| valid.concat()), ..self.pass.mask.clone() };
        let request = Request { batch: count, ..self.request.clone() };
        self.model.run(&request, Feed::Device(clips.memory()), &mask, self.wanted).await
    }
}

/// Half as many clips as did not go together; the error where it was for another reason than too little memory.
fn fewer(count: usize, error: Error) -> Result<usize> {
    match error.kind() {
        ErrorKind::OutOfMemory if count > 1 => Ok(count.div_ceil(2)),
        _ => Err(error),
    }
}

impl Vivit {
    /// Runs a pass over clips of one view each, and returns the values that `wanted` picks, clip after clip.
    pub(super) async fn values<T: Outcome>(
        &self,
        verb: &str,
        pass: &Pass,
        input: Input<'_>,
        wanted: Wanted,
    ) -> Result<Named<T>> {
        pass.of_one_view(verb)?;
        match input.given() {
            Given::Values(clips) => self.batch_values(pass, clips, wanted).await,
            given => {
                let whole = pass.request(given.count(), self.layout());
                let parts = self.in_parts(pass, given, wanted).await?;
                let parts = parts.into_iter().map(|together| together.values).collect();
                self.joined(&whole, parts, wanted).await
            }
        }
    }

    /// Runs a pass over clips of one view each, and returns for each the values that `wanted` picks.
    pub(super) async fn values_of_each(
        &self,
        verb: &str,
        pass: &Pass,
        input: Input<'_>,
        wanted: Wanted,
    ) -> Result<Vec<Named<Tensor>>> {
        pass.of_one_view(verb)?;
        let (count, layout, parts) = match input.given() {
            Given::Values(clips) => {
                let request = self.batch_request(pass, clips)?;
                let values = self.batch_values(pass, clips, wanted).await?;
                (request.batch, request.layout, vec![Together { indices: (0..request.batch).collect(), values }])
            }
            given => (given.count(), self.layout(), self.in_parts(pass, given, wanted).await?),
        };
        let request = pass.request(1, layout);
        let one = vivit::record(self.config(), &request)?;
        let mut each = vec![Named::new(); count];
        for (name, value) in wanted(self.config(), &one, &request)? {
            for Together { indices, values } in &parts {
                let value = values
                    .get(&name)
                    .map_or(Ok(Vec::new()), |together: &Tensor| together.parted(one.graph.shape(value)));
                indices.iter().zip(value?).for_each(|(index, part)| drop(each[*index].insert(name.clone(), part)));
            }
        }
        Ok(each)
    }

    async fn in_parts<T: Outcome>(&self, pass: &Pass, given: Given<'_>, wanted: Wanted) -> Result<Vec<Together<T>>> {
        let masks = self.masks(pass, given.count())?;
        self.check_joined::<T>(&pass.request(given.count(), self.layout()), wanted)?;
        let mut batch = Batch::new(self, pass, given.count(), wanted)?;
        match given {
            Given::Frames(clips) => {
                for (index, (clip, valid)) in clips.into_iter().zip(masks).enumerate() {
                    batch.add(index, self.prepare_async(clip).await?, valid).await?;
                }
            }
            Given::Prepared(clips) => {
                for (index, (clip, valid)) in clips.iter().zip(masks).enumerate() {
                    batch.add(index, clip.clone(), valid).await?;
                }
            }
            Given::Values(_) => return Err(Error::usage("a batch in one tensor is computed as it is")),
        }
        batch.finish().await
    }

    /// An error where a value of the batch `whole` is too large to be left where it is wanted: found before anything is
    /// computed.
    pub(super) fn check_joined<T: Outcome>(&self, whole: &Request, wanted: Wanted) -> Result<()> {
        let recording = vivit::record(self.config(), whole)?;
        for (name, value) in wanted(self.config(), &recording, whole)? {
            T::check_bytes(self.device(), &name, recording.graph.bytes(value))?;
        }
        Ok(())
    }

    /// Parts of a batch as one, `whole`.
    pub(super) async fn joined<T: Outcome>(
        &self,
        whole: &Request,
        mut parts: Vec<Named<T>>,
        wanted: Wanted,
    ) -> Result<Named<T>> {
        if parts.len() == 1 {
            return Ok(parts.remove(0));
        }
        let recording = vivit::record(self.config(), whole)?;
        let mut joined = Named::new();
        for (name, value) in wanted(self.config(), &recording, whole)? {
            let parts: Vec<T> = parts.iter_mut().filter_map(|part| part.remove(&name)).collect();
            let whole = T::joined(self.device(), &parts, recording.graph.shape(value)).await?;
            joined.insert(name, whole);
        }
        Ok(joined)
    }

    /// Which frames of each of `count` clips are valid: the mask of the pass is for each clip its own, or one for all.
    ///
    /// An error for no clips, and for a mask of another number of frames.
    pub(super) fn masks(&self, pass: &Pass, count: usize) -> Result<Vec<Option<Vec<bool>>>> {
        if count == 0 {
            return Err(Error::usage("no clip is given"));
        }
        let Some(valid) = &pass.mask.valid else { return Ok(vec![None; count]) };
        let frames = self.config().frames;
        if valid.len() == frames {
            pass.mask.validity(self.config(), 1)?;
            return Ok(vec![Some(valid.clone()); count]);
        }
        pass.mask.validity(self.config(), count)?;
        Ok(valid.chunks(frames).map(|valid| Some(valid.to_vec())).collect())
    }

    /// The executor of a pass over `count` clips, as many as are computed together.
    pub(super) async fn executor_of_clips(&self, pass: &Pass, count: usize) -> Result<(Request, SharedExecutor)> {
        loop {
            let layout = pass.layout.unwrap_or(self.layout());
            let at_once = self.clips_of_use(&pass.request(1, layout), count)?;
            let request = pass.request(at_once, layout);
            match self.executor(&request).await {
                Err(error) => self.limit_clips(fewer(at_once, error)?),
                Ok(executor) => return Ok((request, executor)),
            }
        }
    }

    /// Computes no more than `most` clips at a time from now on.
    fn limit_clips(&self, most: usize) {
        tracing::debug!("too little memory for more than {most} clips at a time");
        self.loaded.most_clips.fetch_min(most, Ordering::Relaxed);
        self.loaded.kept.forget_all();
    }

    /// How many of `count` clips are computed at a time: equally many each time, so that one executor serves all.
    fn clips_of_use(&self, request: &Request, count: usize) -> Result<usize> {
        if count < 2 {
            return Ok(1);
        }
        let Recording { graph, .. } = vivit::record(self.config(), &Request { batch: 1, ..request.clone() })?;
        let useful = MOST_BATCH_BYTES / MemoryPlan::new(&graph).bytes().max(1);
        let useful = useful.clamp(1, count as u64) as usize;
        let most = useful.min(self.clips_at_once(request)?).min(self.loaded.most_clips.load(Ordering::Relaxed)).max(1);
        Ok(count.div_ceil(count.div_ceil(most)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_computed_in_halves() {
        let full = || Error::new(ErrorKind::OutOfMemory, "full");
        assert_eq!([5, 4, 3, 2].map(|count| fewer(count, full()).unwrap()), [3, 2, 2, 1]);
        assert_eq!(fewer(1, full()).unwrap_err().kind(), ErrorKind::OutOfMemory);
        assert_eq!(fewer(2, Error::new(ErrorKind::DeviceLost, "gone")).unwrap_err().kind(), ErrorKind::DeviceLost);
    }
}
