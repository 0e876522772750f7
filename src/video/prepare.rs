//! From decoded bytes to a model's input, on the device: colour, resize, crop, values.

use std::ops::Range;
use std::sync::Arc;

use super::{
    Antialiased, Clip, CropWindow, Crops, Filter, Frame, Lerp, PixelFormat, Preprocessing, Resampling, coefficients,
};
use crate::gpu::Pending;
use crate::graph::{Device, DeviceWeights, Executor, Feed, Graph, Memory, Value, Weights};
use crate::kernels::pixels::colour::{self, Colour};
use crate::kernels::pixels::normalise::Normalise;
use crate::kernels::pixels::resample::{self, Axis};
use crate::kernels::pixels::resize_bilinear::{self, ResizeBilinear};
use crate::kernels::{ClipLayout, Selection};
use crate::tensor::{Element, Error, Result, Shape, Tensor};

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

/// Elements that a prepared clip may have: 8 GiB.
const MOST_ELEMENTS: usize = 1 << 31;

/// Prepares clips that are alike in the sizes and formats of their frames on a device. Everything is compiled and allocated
/// once.
pub struct Preparer {
    device: Device,
    crops: Crops,
    /// One for each part of the clip whose frames have one size and format.
    parts: Vec<(Box<dyn Executor>, Recipe)>,
    /// Of a crop of the whole clip.
    shape: Shape,
}

/// Frames are prepared a few at a time, with about this many bytes of pixels, so that a clip of large frames does not
/// need them all in device memory.
const GROUP_BYTES: usize = 32 << 20;

impl Preparer {
    /// A preparer for clips like `clip`, of which the model sees the middle.
    pub fn new<'a>(
        device: &'a Device,
        clip: &'a Clip,
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
        clip: &'a Clip,
        preprocessing: &'a Preprocessing,
        crops: Crops,
        layout: ClipLayout,
        variants: &'a Selection,
    ) -> Pending<'a, Self> {
        Pending::new(async move {
            let weights = DeviceWeights::new(device, Arc::new(NoWeights));
            let options = variants.clone().into();
            let mut parts = Vec::new();
            for part in clip.uniform_parts() {
                let recipe = Recipe::of_part(&part, preprocessing, crops, layout)?;
                parts.push((device.prepare(recipe.graph.clone(), &weights, &options).await?, recipe));
            }
            let shape = joined_shape(parts.iter().map(|(_, recipe)| recipe))?;
            Ok(Self { device: device.clone(), crops, parts, shape })
        })
    }

    /// Whether `clip` is like the one that this was made for.
    pub fn fits(&self, clip: &Clip) -> bool {
        let mut parts = clip.uniform_parts();
        self.parts.iter().all(|(_, recipe)| parts.next().is_some_and(|part| recipe.fits(&part)))
            && parts.next().is_none()
    }

    /// The parts of the picture that the model sees.
    pub fn crops(&self) -> Crops {
        self.crops
    }

    /// Prepares a clip: its first crop.
    pub fn prepare<'a>(&'a self, clip: &'a Clip) -> Pending<'a, PreparedClip> {
        Pending::new(async move {
            let first = self.prepare_crops(clip).await?.into_iter().next();
            first.ok_or_else(|| Error::usage("a clip without crops"))
        })
    }

    /// Prepares a clip: each of its crops.
    pub fn prepare_crops<'a>(&'a self, clip: &'a Clip) -> Pending<'a, Vec<PreparedClip>> {
        Pending::new(async move {
            if !self.fits(clip) {
                return Err(Error::usage("this clip has another size, length or format than the first"));
            }
            let mut crops = vec![Vec::new(); self.crops.count()];
            for ((executor, recipe), part) in self.parts.iter().zip(clip.uniform_parts()) {
                for frames in part.frames().chunks(recipe.group) {
                    let words = recipe.words(frames)?;
                    let prepared = executor.compute(&[("frames", Feed::Host(&words))], &recipe.values).await?;
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
                first.size[1], first.size[0], part.size[1], part.size[0]
            )));
        }
        axes[1] += found[1];
    }
    let shape: Shape = axes.into();
    match shape.elements() > MOST_ELEMENTS {
        true => Err(too_large(&shape)),
        false => Ok(shape),
    }
}

fn too_large(shape: &Shape) -> Error {
    let gibibytes = shape.elements() >> 28;
    Error::usage(format!("a clip of shape {shape} takes {gibibytes} GiB; use fewer or smaller frames"))
}

/// Preparing frames has tables, but no weights.
struct NoWeights;

impl Weights for NoWeights {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        Err(Error::usage(format!("preparing frames needs no weights, yet {name} was asked for")))
    }
}

/// The graph that prepares one group of frames.
struct Recipe {
    graph: Arc<Graph>,
    /// Of each crop, the group's values, laid out as the clip's.
    values: Vec<Value>,
    /// Of a crop of all frames.
    shape: Shape,
    frames: usize,
    group: usize,
    size: [usize; 2],
    format: PixelFormat,
}

impl Recipe {
    /// For clips like `part`, in groups as large as is good for them.
    fn of_part(part: &Clip, preprocessing: &Preprocessing, crops: Crops, layout: ClipLayout) -> Result<Self> {
        let (first, frames) = (&part.frames()[0], part.frames().len());
        let most = (GROUP_BYTES / (Element::U32.bytes() * first.height() * first.width())).clamp(1, frames);
        let group = (1..=most).rev().find(|group| frames.is_multiple_of(*group)).unwrap_or(1);
        Self::new(first, [frames, group], preprocessing, crops, layout)
    }

    /// For clips of `frames` like `first`, prepared `group` at a time.
    fn new(
        first: &Frame,
        [frames, group]: [usize; 2],
        preprocessing: &Preprocessing,
        crops: Crops,
        layout: ClipLayout,
    ) -> Result<Self> {
        let size = [first.height(), first.width()];
        let resized = preprocessing.resized_size(size)?;
        let windows = preprocessing.crop_windows(resized, crops)?;
        let cropped = [windows[0].rows.size, windows[0].columns.size];
        let shape = layout.shape(1, frames, cropped, 3);
        if shape.elements() > MOST_ELEMENTS {
            return Err(too_large(&shape));
        }
        let mut graph = Graph::new();
        let format = colour_format(first.format());
        let bytes = graph.input("frames", [group, format.frame_words(size)], Element::U32)?;
        let call = Colour { frames: group, size, format };
        let pixels = graph.call(call, &[Some(bytes)], "pixels", [group, size[0], size[1]])?;
        let table = preprocessing.value_table().concat();
        let table = graph.constant("values of bytes", Tensor::f32([3, 256], table)?)?;
        let mut values = Vec::new();
        for (place, crop) in windows.into_iter().enumerate() {
            let mut pass = Pass { graph: &mut graph, pixels, frames: group, size, resized, crop, place };
            let (picture, seen) = match (resized == size, preprocessing.resample()) {
                (true, _) => (pixels, Seen::Whole),
                (false, Resampling::Pillow(filter)) => (pass.antialiased(filter)?, Seen::Crop),
                (false, Resampling::TensorFlowBilinear) => (pass.bilinear()?, Seen::Crop),
            };
            let call = normalise(&pass, seen, layout);
            let shape = layout.shape(1, group, cropped, 3);
            let value = pass.graph.call(call, &[Some(picture), Some(table)], &pass.name("values"), shape)?;
            graph.output(value)?;
            values.push(value);
        }
        Ok(Self { graph: Arc::new(graph), values, shape, frames, group, size, format: first.format() })
    }

    /// Whether all frames of `part` are as many and like the first one of that which this was made for.
    fn fits(&self, part: &Clip) -> bool {
        let first = &part.frames()[0];
        part.frames().len() == self.frames
            && [first.height(), first.width()] == self.size
            && first.format() == self.format
    }

    /// The bytes of a group of frames, each beginning with a word of its own.
    fn words(&self, frames: &[Arc<Frame>]) -> Result<Tensor> {
        let words = colour_format(self.format).frame_words(self.size);
        let padded = words * Element::U32.bytes();
        let mut bytes = Vec::with_capacity(padded * frames.len());
        for (place, frame) in frames.iter().enumerate() {
            bytes.extend_from_slice(frame.bytes());
            bytes.resize(padded * (place + 1), 0);
        }
        Tensor::from_bytes([frames.len(), words], Element::U32, &bytes)
    }
}

/// How much of the resized picture has been computed.
enum Seen {
    Whole,
    Crop,
}

fn colour_format(format: PixelFormat) -> colour::ColourFormat {
    match format {
        PixelFormat::Rgb24 => colour::ColourFormat::Rgb24,
        PixelFormat::Yuv420p { matrix, range } => colour::ColourFormat::Yuv420p(coefficients(matrix, range)),
    }
}

/// One crop of a group of frames in the making.
struct Pass<'a> {
    graph: &'a mut Graph,
    pixels: Value,
    frames: usize,
    size: [usize; 2],
    resized: [usize; 2],
    crop: CropWindow,
    /// Among all crops.
    place: usize,
}

impl Pass<'_> {
    /// Values of a graph have names of their own.
    fn name(&self, name: &str) -> String {
        format!("{name}, crop {}", self.place)
    }

    /// Pillow's resize of the cropped part: one axis after the other, the first for the lines only that the second needs.
    fn antialiased(&mut self, filter: Filter) -> Result<Value> {
        let Self { frames, size, resized, crop, .. } = *self;
        let mut tables = [
            Antialiased::new(filter, size[0], resized[0], crop.rows.range())?,
            Antialiased::new(filter, size[1], resized[1], crop.columns.range())?,
        ];
        let passes = match Antialiased::columns_first(size, resized) {
            true => [(Axis::X, 1, 0), (Axis::Y, 0, 1)],
            false => [(Axis::Y, 0, 1), (Axis::X, 1, 0)],
        };
        let (mut picture, mut value) = (size, self.pixels);
        for (pass, (axis, along, across)) in passes.into_iter().enumerate() {
            let lines = if pass == 0 { source_lines(&mut tables[across]) } else { 0..picture[across] };
            let Antialiased { first, count, weights, taps } = &tables[along];
            let table = resample::table(first, count, weights, *taps)?;
            let table = self.graph.constant(&self.name(&format!("weights along {axis:?}")), table)?;
            let (length, crossed) = (first.len(), lines.len());
            let call = resample::Resample { axis, frames, size: picture, lines, length, taps: *taps };
            picture[along] = length;
            picture[across] = crossed;
            let name = self.name(&format!("resampled along {axis:?}"));
            value = self.graph.call(call, &[Some(value), Some(table)], &name, [frames, picture[0], picture[1]])?;
        }
        Ok(value)
    }

    /// TensorFlow's resize of the cropped part.
    fn bilinear(&mut self) -> Result<Value> {
        let Self { frames, size, resized, crop, .. } = *self;
        let mut table = |name: &str, lerp: Lerp| {
            let table = resize_bilinear::table(&lerp.lower, &lerp.upper, &lerp.fraction)?;
            self.graph.constant(&format!("{name}, crop {}", self.place), table)
        };
        let rows = table("rows", Lerp::new(size[0], resized[0], crop.rows.range())?)?;
        let columns = table("columns", Lerp::new(size[1], resized[1], crop.columns.range())?)?;
        let output = [crop.rows.len, crop.columns.len];
        let call = ResizeBilinear { frames, input: size, output };
        let operands = [Some(self.pixels), Some(rows), Some(columns)];
        let name = self.name("resized");
        self.graph.call(call, &operands, &name, [frames, output[0], output[1]])
    }
}

/// From bytes to values, with black around the picture where it is smaller than the crop.
fn normalise(pass: &Pass<'_>, seen: Seen, layout: ClipLayout) -> Normalise {
    let crop = pass.crop;
    Normalise {
        clips: 1,
        frames: pass.frames,
        picture: match seen {
            Seen::Whole => pass.size,
            Seen::Crop => [crop.rows.len, crop.columns.len],
        },
        crop: [crop.rows.size, crop.columns.size],
        offset: [crop.rows, crop.columns].map(|axis| match seen {
            Seen::Whole => axis.from as i32 - axis.before as i32,
            Seen::Crop => -(axis.before as i32),
        }),
        layout,
    }
}

/// The source lines that a table needs; the table then counts from the first of them.
fn source_lines(table: &mut Antialiased) -> Range<usize> {
    let ends = table.first.iter().zip(&table.count).map(|(first, count)| first + count);
    let (start, end) = (table.first.iter().copied().min().unwrap_or(0), ends.max().unwrap_or(0));
    table.first.iter_mut().for_each(|first| *first -= start);
    start as usize..end as usize
}
