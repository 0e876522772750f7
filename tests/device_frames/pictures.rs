//! Pictures as an application has them: in textures, buffers and tiles.

use tubelet::Result;
use tubelet::gpu::wgpu::{self, BufferUsages, TextureDimension, TextureFormat, TextureUsages};
use tubelet::gpu::{BufferLayout, DeviceFrames, Gpu, PixelOrder};
use tubelet::video::Clip;

/// Pictures as an application has them: `[F, Y, X, 3]`, with edges, slopes and noise.
pub(super) struct Pictures {
    pub(super) rgb: Vec<u8>,
    pub(super) frames: usize,
    pub(super) size: [usize; 2],
}

impl Pictures {
    pub(super) fn new(frames: usize, size: [usize; 2]) -> Self {
        let [height, width] = size;
        let byte = |place: usize| {
            let [plane, x, y, frame] =
                [place % 3, place / 3 % width, place / 3 / width % height, place / 3 / width / height];
            match (x / 5 + y / 7 + frame) % 3 {
                0 => (x * 9 + y * 4 + 60 * plane) as u8,
                1 => (place.wrapping_mul(2_654_435_761) >> 11) as u8,
                _ => (255 - 80 * plane + frame) as u8,
            }
        };
        Self { rgb: (0..frames * height * width * 3).map(byte).collect(), frames, size }
    }

    pub(super) fn clip(&self) -> Result<Clip> {
        Clip::from_rgb(&self.rgb, self.size)
    }

    /// Four bytes a pixel, alpha anything.
    fn pixels(&self, order: PixelOrder) -> Vec<u8> {
        let pixel = |(index, rgb): (usize, &[u8])| match order {
            PixelOrder::Bgra => [rgb[2], rgb[1], rgb[0], (index * 37) as u8],
            _ => [rgb[0], rgb[1], rgb[2], (index * 37) as u8],
        };
        self.rgb.chunks_exact(3).enumerate().flat_map(pixel).collect()
    }

    /// In a buffer, with other bytes in every gap.
    pub(super) fn in_buffer(&self, gpu: &Gpu, order: PixelOrder, gaps: [u64; 3]) -> Result<DeviceFrames> {
        let [start, row_gap, frame_gap] = gaps;
        let row_bytes = 4 * self.size[1] as u64 + row_gap;
        let frame_bytes = row_bytes * self.size[0] as u64 + frame_gap;
        let mut content = vec![0xa5; (start + frame_bytes * self.frames as u64) as usize];
        for (row, pixels) in self.pixels(order).chunks_exact(4 * self.size[1]).enumerate() {
            let (frame, y) = ((row / self.size[0]) as u64, (row % self.size[0]) as u64);
            content[(start + frame * frame_bytes + y * row_bytes) as usize..][..pixels.len()].copy_from_slice(pixels);
        }
        // What lies behind the last row need not be there.
        content.truncate(content.len() - (row_gap + frame_gap) as usize);
        let buffer = buffer(gpu, content.len() as u64, BufferUsages::COPY_SRC | BufferUsages::COPY_DST);
        gpu.wgpu().queue.write_buffer(&buffer, 0, &content);
        let layout = BufferLayout::new(self.frames, self.size).order(order).start(start);
        let layout = if row_gap > 0 { layout.row_bytes(row_bytes) } else { layout };
        let layout = if frame_gap > 0 { layout.frame_bytes(frame_bytes) } else { layout };
        DeviceFrames::from_buffer(&gpu.wgpu().device, &buffer, layout)
    }

    /// Beside one another in one picture.
    fn in_tiles(&self, gpu: &Gpu) -> Result<DeviceFrames> {
        let [height, width] = self.size;
        let pixels = self.pixels(PixelOrder::Rgba);
        let row = |row: usize| &pixels[row * 4 * width..][..4 * width];
        let rows = (0..height).flat_map(|y| (0..self.frames).map(move |frame| frame * height + y));
        let content = rows.map(row).collect::<Vec<_>>().concat();
        let buffer = buffer(gpu, content.len() as u64, BufferUsages::COPY_SRC | BufferUsages::COPY_DST);
        gpu.wgpu().queue.write_buffer(&buffer, 0, &content);
        let (tile, row) = (4 * width as u64, 4 * (width * self.frames) as u64);
        let layout = BufferLayout::new(self.frames, self.size).row_bytes(row).frame_bytes(tile);
        DeviceFrames::from_buffer(&gpu.wgpu().device, &buffer, layout)
    }

    /// A texture a frame, or as the layers of one.
    pub(super) fn in_textures(&self, gpu: &Gpu, format: TextureFormat, as_layers: bool) -> Result<DeviceFrames> {
        let textures: Vec<_> = match as_layers {
            true => vec![texture(gpu, self.size, self.frames, format)],
            false => (0..self.frames).map(|_| texture(gpu, self.size, 1, format)).collect(),
        };
        self.write(gpu, &textures);
        DeviceFrames::from_textures(&gpu.wgpu().device, &textures)
    }

    pub(super) fn write(&self, gpu: &Gpu, textures: &[wgpu::Texture]) {
        let order = match textures[0].format() {
            TextureFormat::Bgra8Unorm | TextureFormat::Bgra8UnormSrgb => PixelOrder::Bgra,
            _ => PixelOrder::Rgba,
        };
        let pixels = self.pixels(order);
        for (texture, pixels) in textures.iter().zip(pixels.chunks_exact(pixels.len() / textures.len())) {
            let layout = wgpu::TexelCopyBufferLayout {
                offset: 0,
                bytes_per_row: Some(4 * texture.width()),
                rows_per_image: Some(texture.height()),
            };
            gpu.wgpu().queue.write_texture(texture.as_image_copy(), pixels, layout, texture.size());
        }
    }

    /// In every kind of place.
    pub(super) fn everywhere(&self, gpu: &Gpu) -> Result<Vec<(&'static str, DeviceFrames)>> {
        use TextureFormat::{Bgra8Unorm, Bgra8UnormSrgb, Rgba8Unorm, Rgba8UnormSrgb};
        Ok(vec![
            ("textures", self.in_textures(gpu, Rgba8Unorm, false)?),
            ("sRGB textures of BGRA", self.in_textures(gpu, Bgra8UnormSrgb, false)?),
            ("an array texture", self.in_textures(gpu, Rgba8UnormSrgb, true)?),
            ("an array texture of BGRA", self.in_textures(gpu, Bgra8Unorm, true)?),
            ("a buffer", self.in_buffer(gpu, PixelOrder::Rgba, [0; 3])?),
            ("a buffer of BGRA with gaps", self.in_buffer(gpu, PixelOrder::Bgra, [52, 12, 100])?),
            ("a buffer with longer rows", self.in_buffer(gpu, PixelOrder::Rgba, [0, 4, 0])?),
            ("tiles of a picture", self.in_tiles(gpu)?),
        ])
    }
}

pub(super) fn buffer(gpu: &Gpu, size: u64, usage: BufferUsages) -> wgpu::Buffer {
    let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
    gpu.wgpu().device.create_buffer(&descriptor)
}

pub(super) fn texture(gpu: &Gpu, size: [usize; 2], layers: usize, format: TextureFormat) -> wgpu::Texture {
    texture_on(&gpu.wgpu().device, size, layers, |descriptor| descriptor.format = format)
}

pub(super) fn texture_on(
    device: &wgpu::Device,
    [height, width]: [usize; 2],
    layers: usize,
    change: impl FnOnce(&mut wgpu::TextureDescriptor<'_>),
) -> wgpu::Texture {
    let mut descriptor = wgpu::TextureDescriptor {
        label: None,
        size: wgpu::Extent3d { width: width as u32, height: height as u32, depth_or_array_layers: layers as u32 },
        mip_level_count: 1,
        sample_count: 1,
        dimension: TextureDimension::D2,
        format: TextureFormat::Rgba8Unorm,
        usage: TextureUsages::COPY_SRC | TextureUsages::COPY_DST,
        view_formats: &[],
    };
    change(&mut descriptor);
    device.create_texture(&descriptor)
}
