//! Frames that an application has on its device already.

use std::ops::Range;
use std::panic::AssertUnwindSafe;

use super::fault::translate;
use super::{Buffer, Gpu, Pending};
use crate::tensor::{Error, ErrorKind, Result};

/// Frames in textures or a buffer of an application, Y rows × X columns of four bytes a pixel: `[F, Y, X]`.
///
/// Each computation copies them on the device, never through the host, and sees the work that was submitted to the queue
/// before it. It copies a few frames at a time while it runs, so **nothing may be drawn or written over them until the call
/// that was given them has returned**, or its future is done: else a clip has frames of two moments. An application that goes
/// on drawing draws to other textures meanwhile.
///
/// Bytes are taken as they are stored: an sRGB texture gives its encoded bytes, as a decoded video does. Alpha is ignored.
///
/// ```no_run
/// # use tubelet::gpu::{DeviceFrames, wgpu};
/// # fn shown(model: &tubelet::Vivit, device: &wgpu::Device, rendered: &[wgpu::Texture]) -> tubelet::Result<()> {
/// let frames = DeviceFrames::from_textures(device, rendered)?;
/// let classes = model.classify(&frames)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct DeviceFrames {
    device: wgpu::Device,
    size: [usize; 2],
    order: PixelOrder,
    /// Bytes from one row of a copy to the next.
    row_bytes: u64,
    frames: Vec<Location>,
}

/// The order of the four bytes of a pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum PixelOrder {
    /// Red, green, blue, alpha.
    #[default]
    Rgba,
    /// Blue, green, red, alpha.
    Bgra,
}

/// Where a frame is.
#[derive(Clone, Debug)]
enum Location {
    Layer { texture: wgpu::Texture, layer: u32 },
    Bytes { buffer: wgpu::Buffer, start: u64 },
}

/// How frames lie in a buffer; by default one pixel behind the other, from the first byte on.
///
/// Frames may overlap, for they are only read: the tiles of a picture are frames whose rows are those of the picture and which
/// begin one tile's width after another. Rows of one frame do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BufferLayout {
    /// F.
    pub frames: usize,
    /// Y and X.
    pub size: [usize; 2],
    /// The order of the four bytes of a pixel.
    pub order: PixelOrder,
    /// Where the first frame begins, in bytes: a multiple of 4.
    pub start: u64,
    /// Bytes from one row to the next, a multiple of 4 and at least 4·X; `None` for 4·X.
    pub row_bytes: Option<u64>,
    /// Bytes from one frame to the next, a multiple of 4; `None` for Y rows.
    pub frame_bytes: Option<u64>,
}

impl BufferLayout {
    /// `frames` frames of `size` = [Y, X] pixels of red, green, blue, alpha, without gaps.
    pub fn new(frames: usize, size: [usize; 2]) -> Self {
        Self { frames, size, order: PixelOrder::Rgba, start: 0, row_bytes: None, frame_bytes: None }
    }

    /// The four bytes of a pixel are in this order.
    #[must_use]
    pub fn order(self, order: PixelOrder) -> Self {
        Self { order, ..self }
    }

    /// The first frame begins at this byte.
    #[must_use]
    pub fn start(self, start: u64) -> Self {
        Self { start, ..self }
    }

    /// A row begins so many bytes after the one before.
    #[must_use]
    pub fn row_bytes(self, row_bytes: u64) -> Self {
        Self { row_bytes: Some(row_bytes), ..self }
    }

    /// A frame begins so many bytes after the one before.
    #[must_use]
    pub fn frame_bytes(self, frame_bytes: u64) -> Self {
        Self { frame_bytes: Some(frame_bytes), ..self }
    }

    /// Bytes from one row to the next, from one frame to the next, and from the first byte of a frame to its last.
    fn steps(&self) -> Result<[u64; 3]> {
        let [height, width] = self.size.map(|side| side as u64);
        check_sides(self.size)?;
        let steps = || {
            let pixels = width.checked_mul(4)?;
            let row = self.row_bytes.unwrap_or(pixels);
            let frame = self.frame_bytes.map_or_else(|| row.checked_mul(height), Some)?;
            let held = row.checked_mul(height - 1)?.checked_add(pixels)?;
            Some((pixels, [row, frame, held]))
        };
        let Some((pixels, [row, frame, held])) = steps() else {
            return Err(Error::usage(format!("frames of {height}x{width} pixels (height x width) fit in no buffer")));
        };
        if [self.start, row, frame].iter().any(|bytes| !bytes.is_multiple_of(4)) {
            return Err(Error::usage(format!(
                "frames at byte {} of a buffer with rows every {row} and frames every {frame} bytes: each is to be a \
                 multiple of 4",
                self.start
            )));
        }
        if row < pixels {
            return Err(Error::usage(format!(
                "rows every {row} bytes of a buffer are too close for {width} pixels of 4 bytes each"
            )));
        }
        Ok([row, frame, held])
    }
}

impl DeviceFrames {
    /// The layers of `textures`, in order, at their first mip level: an array texture holds many frames, any other texture one.
    ///
    /// `device` has to be the one that the textures were made on: a model on another device refuses the frames because of it.
    /// What was made by another wgpu instance is not always noticed, and another texture may be read in its place: wgpu tells
    /// resources of two instances apart by their numbers alone.
    ///
    /// # Errors
    ///
    /// [`Usage`](ErrorKind::Usage) for no textures, and for one that is not two-dimensional, is multisampled, cannot be copied
    /// from (usage `COPY_SRC`), is of another format than RGBA or BGRA of 8 bits a channel, sRGB or not, or is of another size
    /// or order of bytes than the first.
    pub fn from_textures(device: &wgpu::Device, textures: &[wgpu::Texture]) -> Result<Self> {
        let Some(first) = textures.first() else { return Err(Error::usage("frames of no textures")) };
        let mut kinds = Vec::with_capacity(textures.len());
        for (index, texture) in textures.iter().enumerate() {
            kinds.push(kind_of(texture).map_err(|error| error.within(format!("texture {index} of the frames")))?);
        }
        let (size, order) = kinds[0];
        if let Some(index) = kinds.iter().position(|kind| *kind != kinds[0]) {
            let [[height, width], [first_height, first_width]] = [kinds[index].0, size];
            return Err(Error::usage(format!(
                "texture {index} of the frames is {height}x{width} pixels (height x width) of {:?}, and the first is \
                 {first_height}x{first_width} of {:?}: frames of one clip are of one size and format",
                textures[index].format(),
                first.format()
            )));
        }
        let layers = |texture: &wgpu::Texture| {
            let texture = texture.clone();
            (0..texture.depth_or_array_layers()).map(move |layer| Location::Layer { texture: texture.clone(), layer })
        };
        let frames = textures.iter().flat_map(layers).collect();
        let row_bytes = (4 * size[1] as u64).next_multiple_of(wgpu::COPY_BYTES_PER_ROW_ALIGNMENT.into());
        Ok(Self { device: device.clone(), size, order, row_bytes, frames })
    }

    /// The frames that lie in `buffer` as `layout` says.
    ///
    /// `device` has to be the one that the buffer was made on: a model on another device refuses the frames because of it.
    /// What was made by another wgpu instance is not always noticed, and another buffer may be read in its place: wgpu tells
    /// resources of two instances apart by their numbers alone.
    ///
    /// ```no_run
    /// # use tubelet::gpu::wgpu;
    /// # fn shown(model: &tubelet::Vivit, device: &wgpu::Device, pixels: &wgpu::Buffer) -> tubelet::Result<()> {
    /// use tubelet::gpu::{BufferLayout, DeviceFrames, PixelOrder};
    ///
    /// let layout = BufferLayout::new(32, [360, 640]).order(PixelOrder::Bgra);
    /// let frames = DeviceFrames::from_buffer(device, pixels, layout)?;
    /// let classes = model.classify(&frames)?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Usage`](ErrorKind::Usage) for no frames, sides of 0, rows that overlap or are longer than the buffer, rows or frames
    /// that begin within four bytes, a buffer that is too small, and one that cannot be copied from (usage `COPY_SRC`).
    pub fn from_buffer(device: &wgpu::Device, buffer: &wgpu::Buffer, layout: BufferLayout) -> Result<Self> {
        let [row_bytes, frame_bytes, held] = layout.steps()?;
        let BufferLayout { frames, size, order, start, .. } = layout;
        let Some(more) = (frames as u64).checked_sub(1) else { return Err(Error::usage("no frames of a buffer")) };
        let end = more.checked_mul(frame_bytes).and_then(|last| last.checked_add(start)?.checked_add(held));
        if end.is_none_or(|end| end > buffer.size()) {
            return Err(Error::usage(format!(
                "{frames} frames of {}x{} pixels (height x width) from byte {start} on, one every {frame_bytes} bytes, do not \
                 fit in a buffer of {} bytes",
                size[0],
                size[1],
                buffer.size()
            )));
        }
        // Only that of a frame of one row can be.
        if row_bytes > buffer.size() {
            return Err(Error::usage(format!(
                "rows every {row_bytes} bytes are longer than their buffer of {} bytes: frames of one row need no distance \
                 between rows",
                buffer.size()
            )));
        }
        if !buffer.usage().contains(wgpu::BufferUsages::COPY_SRC) {
            return Err(Error::usage("the buffer of the frames cannot be copied from: make it with usage COPY_SRC"));
        }
        let location = |frame| Location::Bytes { buffer: buffer.clone(), start: start + frame * frame_bytes };
        let frames = (0..=more).map(location).collect();
        Ok(Self { device: device.clone(), size, order, row_bytes, frames })
    }

    /// The frames at these indices, in this order: an application that keeps the last frames in a ring picks a clip so.
    ///
    /// ```no_run
    /// # fn shown(ring: &tubelet::gpu::DeviceFrames, newest: usize) -> tubelet::Result<()> {
    /// // The last 16 frames of a ring of 64, the oldest first.
    /// let clip = ring.select((0..16).map(|index| (newest + 64 - 15 + index) % 64))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// [`Usage`](ErrorKind::Usage) for no indices, and for one that there is no frame at.
    pub fn select(&self, indices: impl IntoIterator<Item = usize>) -> Result<Self> {
        let count = self.count();
        let frame = |index: usize| {
            let missing = || Error::usage(format!("there is no frame {index} among {count} frames on a device"));
            self.frames.get(index).cloned().ok_or_else(missing)
        };
        let frames = indices.into_iter().map(frame).collect::<Result<Vec<_>>>()?;
        match frames.is_empty() {
            true => Err(Error::usage("a selection of no frames")),
            false => Ok(Self { frames, ..self.clone() }),
        }
    }

    /// Number of frames, F.
    pub fn count(&self) -> usize {
        self.frames.len()
    }

    /// Rows and columns of pixels, [Y, X].
    pub fn size(&self) -> [usize; 2] {
        self.size
    }

    /// The order of the four bytes of a pixel.
    pub fn order(&self) -> PixelOrder {
        self.order
    }

    /// Bytes from one row to the next in a copy that [`Gpu::copy_frames`] makes; a frame is Y rows.
    pub fn row_bytes(&self) -> u64 {
        self.row_bytes
    }
}

fn check_sides([height, width]: [usize; 2]) -> Result<()> {
    match height == 0 || width == 0 {
        true => Err(Error::usage(format!("frames of {height}x{width} (height x width) have no pixels"))),
        false => Ok(()),
    }
}

fn pixel_order(format: wgpu::TextureFormat) -> Result<PixelOrder> {
    use wgpu::TextureFormat::{Bgra8Unorm, Bgra8UnormSrgb, Rgba8Unorm, Rgba8UnormSrgb};
    match format {
        Rgba8Unorm | Rgba8UnormSrgb => Ok(PixelOrder::Rgba),
        Bgra8Unorm | Bgra8UnormSrgb => Ok(PixelOrder::Bgra),
        _ => Err(Error::usage(format!(
            "frames are textures of Rgba8Unorm or Bgra8Unorm, sRGB or not, and not of {format:?}: draw or convert them to one"
        ))),
    }
}

/// The size [Y, X] and order of bytes of a texture's frames; an error where they cannot be copied.
fn kind_of(texture: &wgpu::Texture) -> Result<([usize; 2], PixelOrder)> {
    let kind = ([texture.height() as usize, texture.width() as usize], pixel_order(texture.format())?);
    let wrong = match (texture.dimension(), texture.sample_count()) {
        (wgpu::TextureDimension::D2, 1) if texture.usage().contains(wgpu::TextureUsages::COPY_SRC) => return Ok(kind),
        (wgpu::TextureDimension::D2, 1) => "cannot be copied from: make it with usage COPY_SRC",
        (wgpu::TextureDimension::D2, _) => "is multisampled: resolve it to one sample a pixel",
        _ => "is not two-dimensional: frames are 2D textures, or the layers of an array of them",
    };
    Err(Error::usage(wrong))
}

impl Gpu {
    /// Copies the frames in `range` on the device, in order, each Y rows of [`DeviceFrames::row_bytes`]. The copy sees the
    /// work that was submitted before it.
    ///
    /// # Errors
    ///
    /// [`Usage`](ErrorKind::Usage) where the frames are on another device, where `range` leaves them, and where the driver
    /// refuses to copy: a texture was destroyed, or a buffer is mapped.
    pub fn copy_frames<'a>(&'a self, frames: &'a DeviceFrames, range: Range<usize>) -> Pending<'a, Buffer> {
        Pending::new(async move {
            let wanted = frames.frames.get(range.clone()).filter(|wanted| !wanted.is_empty());
            let wanted = wanted.ok_or_else(|| {
                Error::usage(format!("frames {}..{} of {} on a device", range.start, range.end, frames.count()))
            })?;
            if !self.is(&frames.device).await? {
                return Err(Error::usage(format!(
                    "the frames are on another wgpu device than this {}: open it with `Gpu::from_wgpu`, or make them on the \
                     device that `Device::wgpu` lends",
                    self.capabilities().name
                )));
            }
            let frame_bytes = frames.row_bytes * frames.size[0] as u64;
            let copy = self.buffer("frames", frame_bytes.saturating_mul(wanted.len() as u64)).await?;
            let context = "copying the frames";
            let ((copied, invalid), report) = self.reported(context, || {
                // What is invalid here is the caller's; whatever else goes wrong is the driver's, and goes to the report.
                let invalid = self.raw().push_error_scope(wgpu::ErrorFilter::Validation);
                // wgpu panics for a texture or buffer of another instance where it has none of that number itself.
                let copied = std::panic::catch_unwind(AssertUnwindSafe(|| self.submit_copies(frames, wanted, &copy)));
                (copied.is_ok(), invalid.pop())
            })?;
            report.await?;
            match (invalid.await, copied) {
                (Some(error), _) => Err(of_usage(error).within(context)),
                (None, true) => Ok(copy),
                (None, false) => {
                    Err(Error::usage("the frames were made on another wgpu device than the one given with them"))
                }
            }
        })
    }

    fn submit_copies(&self, frames: &DeviceFrames, wanted: &[Location], copy: &Buffer) {
        let frame_bytes = frames.row_bytes * frames.size[0] as u64;
        let mut encoder = self.raw().create_command_encoder(&wgpu::CommandEncoderDescriptor::default());
        for (location, at) in wanted.iter().zip((0..).step_by(frame_bytes as usize)) {
            frames.copy(location, copy.wgpu(), at, &mut encoder);
        }
        let _submitting = self.submitting();
        self.submit(vec![encoder.finish()], [].into_iter());
    }
}

/// What wgpu finds invalid in the caller's frames, as an error of usage.
fn of_usage(error: wgpu::Error) -> Error {
    let error = translate(error);
    match error.kind() {
        ErrorKind::Device => Error::usage(format!(
            "{error}; give frames that are neither destroyed nor mapped, with the device that they were made on"
        )),
        _ => error,
    }
}

impl DeviceFrames {
    /// Records the copy of a frame to byte `at` of `to`.
    fn copy(&self, location: &Location, to: &wgpu::Buffer, at: u64, encoder: &mut wgpu::CommandEncoder) {
        let [height, width] = self.size.map(|side| side as u32);
        match location {
            Location::Bytes { buffer, start } => {
                let held = self.row_bytes * u64::from(height - 1) + 4 * u64::from(width);
                encoder.copy_buffer_to_buffer(buffer, *start, to, at, held);
            }
            Location::Layer { texture, layer } => {
                let origin = wgpu::Origin3d { x: 0, y: 0, z: *layer };
                let from = wgpu::TexelCopyTextureInfo { origin, ..texture.as_image_copy() };
                let layout = wgpu::TexelCopyBufferLayout {
                    offset: at,
                    bytes_per_row: Some(self.row_bytes as u32),
                    rows_per_image: None,
                };
                let size = wgpu::Extent3d { width, height, depth_or_array_layers: 1 };
                encoder.copy_texture_to_buffer(from, wgpu::TexelCopyBufferInfo { buffer: to, layout }, size);
            }
        }
    }
}
