//! The graph that prepares a group of frames.

use std::sync::Arc;

use super::crop::{CropRecorder, Seen, normalise};
use super::frames::{FrameKind, Part};
use crate::graph::{Graph, Value};
use crate::kernels::ClipLayout;
use crate::kernels::pixels::Colour;
use crate::tensor::{Element, Error, Result, Shape, Tensor};
use crate::video::{Crops, Preprocessing, Resampling};

/// Frames are prepared a few at a time, with about this many bytes of pixels or of what they are read from, so that a clip of
/// large frames does not need them all in device memory.
const GROUP_BYTES: usize = 32 << 20;

/// Elements that a prepared clip may have: 8 GiB.
const MOST_ELEMENTS: usize = 1 << 31;

/// The graph that prepares one group of frames.
pub(super) struct Recipe {
    pub(super) graph: Arc<Graph>,
    /// Of each crop, the group's values, laid out as the clip's.
    pub(super) values: Vec<Value>,
    /// Of a crop of all frames.
    pub(super) shape: Shape,
    pub(super) kind: FrameKind,
    pub(super) group: usize,
}

/// An error for more elements than a clip may have.
pub(super) fn check_elements(shape: &Shape) -> Result<()> {
    if shape.elements() <= MOST_ELEMENTS {
        return Ok(());
    }
    let gibibytes = shape.elements() >> 28;
    Err(Error::usage(format!("a clip of shape {shape} takes {gibibytes} GiB; use fewer or smaller frames")))
}

impl Recipe {
    /// For clips like `part`, in groups as large as is good for them.
    pub(super) fn of_part(
        part: &Part<'_>,
        preprocessing: &Preprocessing,
        crops: Crops,
        layout: ClipLayout,
    ) -> Result<Self> {
        let FrameKind { size, format } = part.kind;
        // Rows may lie far apart.
        let words = format.frame_words(size).max(size[0] * size[1]);
        let most = (GROUP_BYTES / Element::U32.bytes() / words).clamp(1, part.count);
        let group = (1..=most).rev().find(|group| part.count.is_multiple_of(*group)).unwrap_or(1);
        Self::new(part.kind, [part.count, group], preprocessing, crops, layout)
    }

    /// For clips of `frames` of this kind, prepared `group` at a time.
    fn new(
        kind: FrameKind,
        [frames, group]: [usize; 2],
        preprocessing: &Preprocessing,
        crops: Crops,
        layout: ClipLayout,
    ) -> Result<Self> {
        let FrameKind { size, format } = kind;
        let resized = preprocessing.resized_size(size)?;
        let windows = preprocessing.crop_windows(resized, crops)?;
        let cropped = [windows[0].rows.size, windows[0].columns.size];
        let shape = layout.shape(1, frames, cropped, 3);
        check_elements(&shape)?;
        let mut graph = Graph::new();
        let bytes = graph.input("frames", [group, format.frame_words(size)], Element::U32)?;
        let call = Colour { frames: group, size, format };
        let pixels = graph.call(call, &[Some(bytes)], "pixels", [group, size[0], size[1]])?;
        let table = preprocessing.value_table().concat();
        let table = graph.constant("values of bytes", Tensor::f32([3, 256], table)?)?;
        let mut values = Vec::new();
        for (index, crop) in windows.into_iter().enumerate() {
            let mut recorder = CropRecorder { graph: &mut graph, pixels, frames: group, size, resized, crop, index };
            let (picture, seen) = match (resized == size, preprocessing.resample()) {
                (true, _) => (pixels, Seen::Whole),
                (false, Resampling::Pillow(filter)) => (recorder.antialiased(filter)?, Seen::Crop),
                (false, Resampling::TensorFlowBilinear) => (recorder.bilinear()?, Seen::Crop),
            };
            let call = normalise(&recorder, seen, layout);
            let shape = layout.shape(1, group, cropped, 3);
            let value = recorder.graph.call(call, &[Some(picture), Some(table)], &recorder.name("values"), shape)?;
            graph.output(value)?;
            values.push(value);
        }
        Ok(Self { graph: Arc::new(graph), values, shape, kind, group })
    }
}
