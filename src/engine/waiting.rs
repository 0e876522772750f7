//! The blocking form of every call that waits for the device: each waits for its future, in which the code is.

use std::collections::BTreeMap;

use super::{
    AttentionMaps, Classes, ClipPass, Inference, Pass, SeenFrames, Sliding, SlidingOptions, Vivit, WindowClasses,
};
use crate::graph::Memory;
use crate::tensor::{Result, Tensor};
use crate::video::{ClipFrames, Crops, Frame, PreparedClip};

impl Vivit {
    /// Pays now what the first pass over so many clips costs: [`warm_up_async`](Self::warm_up_async), waited for.
    pub fn warm_up(&self, pass: &Pass, clips: usize) -> Result<()> {
        self.warm_up_async(pass, clips).wait()
    }

    /// Pays now what the first map of attention costs: [`warm_up_attention_async`](Self::warm_up_attention_async), waited for.
    pub fn warm_up_attention(&self, pass: &Pass) -> Result<()> {
        self.warm_up_attention_async(pass).wait()
    }

    /// Pays now what preparing the first clip like this one costs:
    /// [`warm_up_preparation_async`](Self::warm_up_preparation_async), waited for.
    pub fn warm_up_preparation<'a>(&'a self, clip: impl Into<ClipFrames<'a>>, crops: Crops) -> Result<()> {
        self.warm_up_preparation_async(clip, crops).wait()
    }

    /// Resizes, crops and scales a clip on the device: [`prepare_async`](Self::prepare_async), waited for.
    pub fn prepare<'a>(&'a self, clip: impl Into<ClipFrames<'a>>) -> Result<PreparedClip> {
        self.prepare_async(clip).wait()
    }

    /// Each of `crops` of a clip on the device: [`prepare_crops_async`](Self::prepare_crops_async), waited for.
    pub fn prepare_crops<'a>(&'a self, clip: impl Into<ClipFrames<'a>>, crops: Crops) -> Result<Vec<PreparedClip>> {
        self.prepare_crops_async(clip, crops).wait()
    }

    /// The classes of a clip, or of a video by all its views: [`classify_async`](Self::classify_async), waited for.
    pub fn classify<'a>(&'a self, clips: impl Into<ClipPass<'a>>) -> Result<Classes> {
        self.classify_async(clips).wait()
    }

    /// The classes of several videos: [`classify_batch_async`](Self::classify_batch_async), waited for.
    pub fn classify_batch<'a>(&'a self, clips: impl Into<ClipPass<'a>>) -> Result<Vec<Classes>> {
        self.classify_batch_async(clips).wait()
    }

    /// Classes, features and what is tapped: [`infer_async`](Self::infer_async), waited for.
    pub fn infer<'a>(&'a self, clip: impl Into<ClipPass<'a>>) -> Result<Inference> {
        self.infer_async(clip).wait()
    }

    /// Classes, features and what is tapped of each clip: [`infer_batch_async`](Self::infer_batch_async), waited for.
    pub fn infer_batch<'a>(&'a self, clips: impl Into<ClipPass<'a>>) -> Result<Vec<Inference>> {
        self.infer_batch_async(clips).wait()
    }

    /// The logits of each view: [`view_logits_async`](Self::view_logits_async), waited for.
    pub fn view_logits<'a>(&'a self, clips: impl Into<ClipPass<'a>>) -> Result<Vec<Vec<f32>>> {
        self.view_logits_async(clips).wait()
    }

    /// What the head sees of each clip, `[B, C]`: [`features_async`](Self::features_async), waited for.
    pub fn features<'a>(&'a self, clip: impl Into<ClipPass<'a>>) -> Result<Tensor> {
        self.features_async(clip).wait()
    }

    /// What the head sees, `features` `[B, C]`, and what is tapped: [`taps_async`](Self::taps_async), waited for.
    pub fn taps<'a>(&'a self, clip: impl Into<ClipPass<'a>>) -> Result<BTreeMap<String, Tensor>> {
        self.taps_async(clip).wait()
    }

    /// The output of the head, `logits` `[B, K]`, and what is tapped: [`forward_async`](Self::forward_async), waited for.
    pub fn forward<'a>(&'a self, clips: impl Into<ClipPass<'a>>) -> Result<BTreeMap<String, Tensor>> {
        self.forward_async(clips).wait()
    }

    /// [`forward`](Self::forward), left on the device: [`forward_on_device_async`](Self::forward_on_device_async), waited for.
    pub fn forward_on_device<'a>(&'a self, clips: impl Into<ClipPass<'a>>) -> Result<BTreeMap<String, Memory>> {
        self.forward_on_device_async(clips).wait()
    }

    /// [`taps`](Self::taps), left on the device: [`taps_on_device_async`](Self::taps_on_device_async), waited for.
    pub fn taps_on_device<'a>(&'a self, clip: impl Into<ClipPass<'a>>) -> Result<BTreeMap<String, Memory>> {
        self.taps_on_device_async(clip).wait()
    }

    /// Where the model looks in a clip: [`attention_async`](Self::attention_async), waited for.
    pub fn attention<'a>(&'a self, clip: impl Into<ClipPass<'a>>) -> Result<AttentionMaps> {
        self.attention_async(clip).wait()
    }

    /// The frames of a prepared clip that the model looks at: [`seen_frames_async`](Self::seen_frames_async), waited for.
    pub fn seen_frames(&self, clip: &PreparedClip) -> Result<SeenFrames> {
        self.seen_frames_async(clip).wait()
    }

    /// A window to slide over a source: [`sliding_async`](Self::sliding_async), waited for.
    pub fn sliding(&self, options: SlidingOptions, pass: &Pass) -> Result<Sliding> {
        self.sliding_async(options, pass).wait()
    }
}

impl Sliding {
    /// Takes the next frame, and returns the window that it completes: [`push_async`](Self::push_async), waited for.
    pub fn push(&mut self, frame: &Frame) -> Result<Option<WindowClasses>> {
        self.push_async(frame).wait()
    }
}
