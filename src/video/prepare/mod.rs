//! From the bytes of frames to a model's input, on the device: colour, resize, crop, values.

mod crop;
mod frames;
mod recipe;

use std::sync::Arc;

use super::{Crops, Preprocessing};
use crate::gpu::Pending;
use crate::graph::{Device, DeviceWeights, Executor, Memory, Weights};
use crate::kernels::{ClipLayout, Selection};
use crate::tensor::{Error, Result, Shape, Tensor};

pub use frames::ClipFrames;
pub(crate) use frames::ClipKind;
use recipe::{Recipe, check_elements};

/// Clips on a device, ready for a model: `[B, F, P, Y, X]` or `[B, F, Y, X, P]`.
#[derive(Clone, Debug)]
pub struct PreparedClip {
    memory: Memory,
}

impl PreparedClip {
    /// A clip that is on a device already: `[B, F, P, Y, X]` or `[B, F, Y, X, P]`, as the model wants it.
    pub fn new(memory: Memory) -> Self {
        Self { memory }
    }

    /// The device's memory that holds the clip.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The clip's shape, batch axis included.
    pub fn shape(&self) -> &Shape {
        self.memory.shape()
    }

    /// Clips of the same shape as one batch, on the device.
    pub(crate) async fn batch(device: &Device, clips: &[&Self]) -> Result<Self> {
        let [first, ..] = clips else { return Err(Error::usage("a batch of no clips")) };
        if let [only] = clips {
            return Ok((*only).clone());
        }
        if let Some(other) = clips.iter().find(|clip| clip.shape() != first.shape()) {
            return Err(Error::usage(format!("clips of {} and {} in one batch", first.shape(), other.shape())));
        }
        let mut axes = first.shape().axes().to_vec();
        axes[0] *= clips.len();
        let parts: Vec<_> = clips.iter().map(|clip| clip.memory.clone()).collect();
        Ok(Self { memory: device.join(&parts, &axes.into()).await? })
    }

    /// The clip in host memory.
    pub fn read<'a>(&'a self, device: &'a Device) -> Pending<'a, Tensor> {
        device.read(&self.memory)
    }
}

/// Prepares clips that are alike in the sizes and formats of their frames on a device. Everything is compiled and allocated
/// once.
pub struct Preparer {
    device: Device,
    kind: ClipKind,
    crops: Crops,
    /// One for each part of the clip whose frames have one size and format.
    parts: Vec<(Box<dyn Executor>, Recipe)>,
    /// Of a crop of the whole clip.
    shape: Shape,
}

impl std::fmt::Debug for Preparer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Preparer")
            .field("device", &self.device)
            .field("crops", &self.crops)
            .field("shape", &self.shape)
            .finish_non_exhaustive()
    }
}

impl Preparer {
    /// A preparer for clips like `clip`, of which the model sees the middle.
    pub fn new<'a>(
        device: &'a Device,
        clip: impl Into<ClipFrames<'a>>,
        preprocessing: &'a Preprocessing,
        layout: ClipLayout,
        variants: &'a Selection,
    ) -> Pending<'a, Self> {
        Self::with_crops(device, clip, preprocessing, Crops::Central, layout, variants)
    }

    /// A preparer for clips like `clip`, of which the model sees `crops`. Frames are uploaded and brought to RGB once for
    /// all of them.
    pub fn with_crops<'a>(
        device: &'a Device,
        clip: impl Into<ClipFrames<'a>>,
        preprocessing: &'a Preprocessing,
        crops: Crops,
        layout: ClipLayout,
        variants: &'a Selection,
    ) -> Pending<'a, Self> {
        let clip = clip.into();
        Pending::new(async move {
            clip.check(device)?;
            let weights = DeviceWeights::new(device, Arc::new(NoWeights));
            let options = variants.clone().into();
            let mut parts = Vec::new();
            for part in clip.uniform_parts() {
                let recipe = Recipe::of_part(&part, preprocessing, crops, layout)?;
                parts.push((device.prepare(recipe.graph.clone(), &weights, &options).await?, recipe));
            }
            let shape = joined_shape(parts.iter().map(|(_, recipe)| recipe))?;
            Ok(Self { device: device.clone(), kind: clip.kind(), crops, parts, shape })
        })
    }

    /// Whether `clip` is like the one that this was made for.
    pub fn fits<'a>(&self, clip: impl Into<ClipFrames<'a>>) -> bool {
        clip.into().kind() == self.kind
    }

    /// The parts of the picture that the model sees.
    pub fn crops(&self) -> Crops {
        self.crops
    }

    /// Bytes of the device's memory that it takes.
    pub fn value_bytes(&self) -> u64 {
        self.parts.iter().map(|(executor, _)| executor.value_bytes()).sum()
    }

    /// Prepares a clip: its first crop. Frames on a device are copied group by group, and have to stay as they
    /// are until it is prepared.
    pub fn prepare<'a>(&'a self, clip: impl Into<ClipFrames<'a>>) -> Pending<'a, PreparedClip> {
        let clip = clip.into();
        Pending::new(async move {
            let first = self.prepare_crops(clip).await?.into_iter().next();
            first.ok_or_else(|| Error::usage("a clip without crops"))
        })
    }

    /// Prepares a clip: each of its crops. Frames on a device have to stay as they are meanwhile, as in
    /// [`prepare`](Self::prepare).
    pub fn prepare_crops<'a>(&'a self, clip: impl Into<ClipFrames<'a>>) -> Pending<'a, Vec<PreparedClip>> {
        let clip = clip.into();
        Pending::new(async move {
            if !self.fits(clip) {
                return Err(Error::usage("this clip has another size, length or format than the first"));
            }
            let mut crops = vec![Vec::new(); self.crops.count()];
            for ((executor, recipe), part) in self.parts.iter().zip(clip.uniform_parts()) {
                for first in (0..part.count).step_by(recipe.group) {
                    let words = part.words(first..first + recipe.group, &self.device).await?;
                    let prepared = executor.compute(&[("frames", words.feed())], &recipe.values).await?;
                    crops.iter_mut().zip(prepared).for_each(|(pieces, piece)| pieces.push(piece));
                }
            }
            let mut prepared = Vec::with_capacity(crops.len());
            for pieces in crops {
                prepared.push(self.join(pieces).await?);
            }
            Ok(prepared)
        })
    }

    /// The clip whose groups of frames these are.
    async fn join(&self, mut pieces: Vec<Memory>) -> Result<PreparedClip> {
        let memory = match pieces.pop() {
            Some(whole) if pieces.is_empty() => whole,
            last => {
                pieces.extend(last);
                self.device.join(&pieces, &self.shape).await?
            }
        };
        Ok(PreparedClip { memory })
    }
}

/// The shape of a clip whose parts follow one another along its axis of frames.
fn joined_shape<'a>(mut parts: impl Iterator<Item = &'a Recipe>) -> Result<Shape> {
    let Some(first) = parts.next() else { return Err(Error::usage("a clip without frames")) };
    let mut axes = first.shape.axes().to_vec();
    for part in parts {
        let found = part.shape.axes();
        if (axes[0], &axes[2..]) != (found[0], &found[2..]) {
            return Err(Error::usage(format!(
                "the video changes its size within the clip, and its frames of {}x{} and {}x{} pixels (width x height) do \
                 not become equal without a crop to a fixed size",
                first.kind.size[1], first.kind.size[0], part.kind.size[1], part.kind.size[0]
            )));
        }
        axes[1] += found[1];
    }
    let shape: Shape = axes.into();
    check_elements(&shape)?;
    Ok(shape)
}

/// Preparing frames has tables, but no weights.
struct NoWeights;

impl Weights for NoWeights {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        Err(Error::usage(format!("preparing frames needs no weights, yet {name} was asked for")))
    }
}
