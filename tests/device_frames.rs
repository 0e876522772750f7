//! Frames in textures and buffers of an application give what the same frames give as a clip in host memory, to the last
//! bit; what cannot be a clip is an error of usage.

mod common;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::executor::block_on;
use common::small::{config, load, models, parameters};
use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::gpu::wgpu::{self, BufferUsages, TextureDimension, TextureFormat, TextureUsages};
use tubelet::gpu::{BufferLayout, DeviceFrames, Gpu, GpuOptions, PixelOrder};
use tubelet::graph::{Device, Memory, Taps};
use tubelet::kernels::{ClipLayout, Selection};
use tubelet::tensor::{Element, ErrorKind, Format, Tensor};
use tubelet::video::{Clip, ClipFrames, Crops, Preparer, Preprocessing, Preset, Resize};
use tubelet::vivit::{self, Joint};
use tubelet::{Pass, Result, Vivit};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    tests.add_on_gpu("textures and buffers are prepared as clips", textures_and_buffers_are_prepared_as_clips);
    tests.add_on_gpu("large frames are prepared in groups", large_frames_are_prepared_in_groups);
    tests.add_on_gpu("frames of long rows are prepared in groups", frames_of_long_rows_are_prepared_in_groups);
    tests.add_on_gpu("every verb takes them", every_verb_takes_them);
    tests.add_on_gpu("what was submitted before is seen", what_was_submitted_before_is_seen);
    tests.add_on_gpu("frames are selected", frames_are_selected);
    tests.add("results left on the device are those in host memory", results_left_on_the_device);
    tests.add_everywhere("parts are joined along the axis on which they are smaller", parts_are_joined_along_an_axis);
    tests.add_everywhere("what are no parts is an error of usage", what_are_no_parts_is_an_error);
    tests.add_on_gpu("parts of a batch are joined on the device", parts_of_a_batch_are_joined);
    tests.add_on_gpu("what is no frame is an error of usage", what_is_no_frame_is_an_error);
    tests.add_on_gpu("what wgpu alone knows is an error of usage", what_wgpu_alone_knows_is_an_error);
    tests.add_on_gpu("frames of another device are an error of usage", frames_of_another_device_are_an_error);
    tests.add_on_gpu("a lost device is told from another", a_lost_device_is_told_from_another);
    tests.add_on_gpu("a device without a GPU refuses them", a_device_without_a_gpu_refuses_them);
    tests.run_in_turn("device_frames")
}

/// Pictures as an application has them: `[F, Y, X, 3]`, with edges, slopes and noise.
struct Pictures {
    rgb: Vec<u8>,
    frames: usize,
    size: [usize; 2],
}

impl Pictures {
    fn new(frames: usize, size: [usize; 2]) -> Self {
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

    fn clip(&self) -> Result<Clip> {
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
    fn in_buffer(&self, gpu: &Gpu, order: PixelOrder, gaps: [u64; 3]) -> Result<DeviceFrames> {
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
    fn in_textures(&self, gpu: &Gpu, format: TextureFormat, as_layers: bool) -> Result<DeviceFrames> {
        let textures: Vec<_> = match as_layers {
            true => vec![texture(gpu, self.size, self.frames, format)],
            false => (0..self.frames).map(|_| texture(gpu, self.size, 1, format)).collect(),
        };
        self.write(gpu, &textures);
        DeviceFrames::from_textures(&gpu.wgpu().device, &textures)
    }

    fn write(&self, gpu: &Gpu, textures: &[wgpu::Texture]) {
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
    fn everywhere(&self, gpu: &Gpu) -> Result<Vec<(&'static str, DeviceFrames)>> {
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

fn buffer(gpu: &Gpu, size: u64, usage: BufferUsages) -> wgpu::Buffer {
    let descriptor = wgpu::BufferDescriptor { label: None, size, usage, mapped_at_creation: false };
    gpu.wgpu().device.create_buffer(&descriptor)
}

fn texture(gpu: &Gpu, size: [usize; 2], layers: usize, format: TextureFormat) -> wgpu::Texture {
    texture_on(&gpu.wgpu().device, size, layers, |descriptor| descriptor.format = format)
}

fn texture_on(
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

/// Every preset for pictures of these sides, and as they are without resizing.
fn all_preprocessing(short_edge: usize, crop: [usize; 2]) -> Result<Vec<Preprocessing>> {
    let mut all = Vec::new();
    for &preset in Preset::ALL {
        let preset = preset.preprocessing(crop)?;
        all.push(Preprocessing::new(None, Some(crop), preset.resample(), preset.values())?);
        let resize = Some(Resize::ShortEdge(short_edge));
        all.push(Preprocessing::new(resize, Some(crop), preset.resample(), preset.values())?);
    }
    Ok(all)
}

/// Each crop of frames as bytes.
fn prepared<'a>(
    device: &Device,
    frames: impl Into<ClipFrames<'a>>,
    preprocessing: &Preprocessing,
    crops: Crops,
    layout: ClipLayout,
) -> Result<Vec<Vec<u8>>> {
    let (frames, automatic) = (frames.into(), Selection::automatic());
    let preparer = Preparer::with_crops(device, frames, preprocessing, crops, layout, &automatic).wait()?;
    let crops = preparer.prepare_crops(frames).wait()?;
    crops.iter().map(|crop| Ok(crop.read(device).wait()?.as_bytes().to_vec())).collect()
}

fn textures_and_buffers_are_prepared_as_clips(gpu: &Gpu) -> Result<Shown, Failed> {
    let device = &gpu.clone().into();
    let mut compared = 0;
    for (size, short_edge, crop) in [([37, 53], 24, [21, 19]), ([61, 64], 70, [64, 64]), ([16, 20], 16, [16, 16])] {
        let pictures = Pictures::new(3, size);
        let clip = pictures.clip()?;
        let everywhere = pictures.everywhere(gpu)?;
        for preprocessing in all_preprocessing(short_edge, crop)? {
            for (crops, layout) in [(Crops::Central, ClipLayout::Bthwc), (Crops::Three, ClipLayout::Btchw)] {
                let expected = prepared(device, &clip, &preprocessing, crops, layout);
                for (place, frames) in &everywhere {
                    let found = prepared(device, frames, &preprocessing, crops, layout);
                    match (&expected, found) {
                        (Ok(expected), Ok(found)) => {
                            let same = *expected == found && expected.len() == crops.count();
                            assert!(same, "{place} of {size:?}, {preprocessing:?}, {crops:?}");
                            compared += 1;
                        }
                        (Err(expected), Err(found)) => assert_eq!(expected.to_string(), found.to_string()),
                        (_, found) => return Err(format!("{place} of {size:?}, {crops:?}: {:?}", found.err()).into()),
                    }
                }
            }
        }
    }
    // In 8 places, by each preset: three sizes, resized or not, of one crop or three. Only 61 rows, not resized, have no three
    // crops of 64.
    assert_eq!(compared, 8 * Preset::ALL.len() * (3 * 2 * 2 - 1));
    Ok(Shown::Passed)
}

fn large_frames_are_prepared_in_groups(gpu: &Gpu) -> Result<Shown, Failed> {
    let device = &gpu.clone().into();
    let pictures = Pictures::new(6, [1080, 1921]);
    let preprocessing = Preset::Scenic.preprocessing([64, 64])?;
    let of = |frames: ClipFrames<'_>| prepared(device, frames, &preprocessing, Crops::Three, ClipLayout::Bthwc);
    let expected = of((&pictures.clip()?).into())?;
    assert!(expected[0] != expected[1] && expected[1] != expected[2]);
    for frames in [
        pictures.in_textures(gpu, TextureFormat::Bgra8Unorm, true)?,
        pictures.in_buffer(gpu, PixelOrder::Rgba, [4, 0, 0])?,
    ] {
        assert!(of((&frames).into())? == expected);
    }
    Ok(Shown::Passed)
}

/// A small window of a wide picture: a copy takes whole rows of it.
fn frames_of_long_rows_are_prepared_in_groups(gpu: &Gpu) -> Result<Shown, Failed> {
    const ROW_BYTES: u64 = 4 * 7680;
    let pictures = Pictures::new(64, [20, 30]);
    let preprocessing = Preset::Scenic.preprocessing([16, 16])?;
    let frames = pictures.in_buffer(gpu, PixelOrder::Rgba, [0, ROW_BYTES - 4 * 30, 0])?;
    assert!(frames.row_bytes() == ROW_BYTES);
    // Less than all rows of all frames, 39 MB.
    let device = &gpu.restricted(|device| device.limits.buffer_bytes = 34 << 20).into();
    let of = |frames: ClipFrames<'_>| prepared(device, frames, &preprocessing, Crops::Central, ClipLayout::Bthwc);
    assert!(of((&frames).into())? == of((&pictures.clip()?).into())?);
    Ok(Shown::Passed)
}

/// A small model of every kind.
fn small(device: &Device, model: vivit::Model) -> Result<Vivit, Failed> {
    let config = config(model);
    load(device, &config, parameters(&config)?)
}

fn every_verb_takes_them(gpu: &Gpu) -> Result<Shown, Failed> {
    let device = &gpu.clone().into();
    for (name, model) in models() {
        let model = small(device, model)?;
        let pictures = Pictures::new(model.config().frames, [20, 30]);
        let clip = &pictures.clip()?;
        let three = Pass::new().views("1x3".parse()?);
        let tapped = Pass::new().taps(Taps::All);
        let prepared = model.prepare(clip)?.read(device).wait()?;
        for (place, frames) in &pictures.everywhere(gpu)? {
            let context = format!("{name}, {place}");
            assert_eq!(model.prepare(frames)?.read(device).wait()?, prepared, "{context}");
            assert_eq!(model.classify(frames)?, model.classify(clip)?, "{context}");
            assert_eq!(block_on(model.classify_async(frames))?, model.classify(clip)?, "{context}");
            assert_eq!(model.classify(three.over(frames))?, model.classify(three.over(clip))?, "{context}");
            assert_eq!(model.features(frames)?, model.features(clip)?, "{context}");
            if *place != "textures" {
                continue;
            }
            assert_eq!(model.view_logits(three.over(frames))?, model.view_logits(three.over(clip))?, "{context}");
            assert_eq!(model.taps(tapped.over(frames))?, model.taps(tapped.over(clip))?, "{context}");
            assert_eq!(model.forward(tapped.over(frames))?, model.forward(tapped.over(clip))?, "{context}");
            assert_eq!(model.attention(frames)?, model.attention(clip)?, "{context}");
        }
    }
    Ok(Shown::Passed)
}

/// A texture that is drawn again and again.
fn what_was_submitted_before_is_seen(gpu: &Gpu) -> Result<Shown, Failed> {
    let model = small(&gpu.clone().into(), Joint.into())?;
    let mut pictures = Pictures::new(model.config().frames, [20, 30]);
    let array = texture(gpu, pictures.size, pictures.frames, TextureFormat::Rgba8Unorm);
    let frames = DeviceFrames::from_textures(&gpu.wgpu().device, std::slice::from_ref(&array))?;
    let mut before = None;
    for turn in 0..3 {
        pictures.rgb.rotate_left(7 * turn);
        pictures.write(gpu, std::slice::from_ref(&array));
        let classes = model.classify(&frames)?;
        assert_eq!(classes, model.classify(&pictures.clip()?)?);
        assert!(before.replace(classes.clone()) != Some(classes));
    }
    Ok(Shown::Passed)
}

fn frames_are_selected(gpu: &Gpu) -> Result<Shown, Failed> {
    let device = &gpu.clone().into();
    let pictures = Pictures::new(5, [20, 30]);
    let [one, two] = [pictures.in_textures(gpu, TextureFormat::Rgba8Unorm, true)?, {
        pictures.in_buffer(gpu, PixelOrder::Bgra, [8, 8, 8])?
    }];
    let indices = [3, 4, 0, 0];
    let chosen = indices.map(|index| &pictures.rgb[index * 20 * 30 * 3..][..20 * 30 * 3]).concat();
    let preprocessing = Preset::HfCorrected.preprocessing([16, 16])?;
    let of = |frames: ClipFrames<'_>| prepared(device, frames, &preprocessing, Crops::Central, ClipLayout::Bthwc);
    let expected = of((&Clip::from_rgb(&chosen, [20, 30])?).into())?;
    for frames in [one, two] {
        let selected = frames.select(indices)?;
        assert_eq!((selected.count(), selected.size(), frames.count()), (4, [20, 30], 5));
        assert!(of((&selected).into())? == expected);
        refused(frames.select([0, 5]), &["no frame 5", "5 frames"]);
        refused(frames.select([]), &["no frames"]);
    }
    Ok(Shown::Passed)
}

/// What `buffer` holds, as an application reads it.
fn read_by_wgpu(gpu: &Gpu, from: &wgpu::Buffer, bytes: u64) -> Result<Vec<u8>, Failed> {
    let to = buffer(gpu, bytes, BufferUsages::MAP_READ | BufferUsages::COPY_DST);
    let handles = gpu.wgpu();
    let mut encoder = handles.device.create_command_encoder(&Default::default());
    encoder.copy_buffer_to_buffer(from, 0, &to, 0, bytes);
    handles.queue.submit([encoder.finish()]);
    to.map_async(wgpu::MapMode::Read, .., |outcome| outcome.unwrap());
    handles.device.poll(wgpu::PollType::wait_indefinitely())?;
    Ok(to.get_mapped_range(..)?.to_vec())
}

fn results_left_on_the_device(device: &Device) -> Result<Shown, Failed> {
    let equal = |device: &Device, model: &Vivit, found: &Memory, expected: &Tensor| -> Result<(), Failed> {
        assert_eq!((found.shape(), found.element()), (expected.shape(), expected.element()));
        assert!(model.device().read(found).wait()?.as_bytes() == expected.as_bytes());
        if let Some(gpu) = device.gpu() {
            let bytes = found.format().bytes(found.shape());
            assert_eq!(bytes, expected.as_bytes().len() as u64);
            assert!(read_by_wgpu(gpu, found.buffer()?.wgpu(), bytes)? == expected.as_bytes());
        }
        Ok(())
    };
    let tapped = Pass::new().taps(Taps::All);
    for (_, model) in models().into_iter().take(2) {
        for device in [device.clone(), Device::references()] {
            let model = small(&device, model)?;
            let clip = Pictures::new(model.config().frames, [20, 30]).clip()?;
            let other = Pictures::new(model.config().frames, [30, 20]).clip()?;
            let forward = model.forward_on_device(tapped.over(&clip))?;
            let taps = model.taps_on_device(&clip)?;
            let again = block_on(model.forward_on_device_async(&other))?;
            // Later passes leave alone what earlier ones have left.
            let expected = model.forward(tapped.over(&clip))?;
            assert!(forward.keys().eq(expected.keys()) && taps.keys().eq(["features"]));
            for (name, expected) in &expected {
                equal(&device, &model, &forward[name], expected)?;
            }
            equal(&device, &model, &taps["features"], &model.features(&clip)?)?;
            equal(&device, &model, &again["logits"], &model.forward(&other)?["logits"])?;
        }
    }
    Ok(Shown::Passed)
}

fn parts_are_joined_along_an_axis(device: &Device) -> Result<Shown, Failed> {
    for device in [device.clone(), Device::references()] {
        let upload = |shape: [usize; 3], values: &[f32]| {
            device.upload("a part", Tensor::f32(shape, values.to_vec())?, Format::rows(Element::F32)).wait()
        };
        let parts = [upload([2, 1, 2], &[0., 1., 6., 7.])?, upload([2, 2, 2], &[2., 3., 4., 5., 8., 9., 10., 11.])?];
        let joined = device.join(&parts, &[2, 3, 2].into()).wait()?;
        let expected: Vec<_> = (0..12u8).map(f32::from).collect();
        assert_eq!(device.read(&joined).wait()?.as_f32()?, expected);
    }
    Ok(Shown::Passed)
}

fn what_are_no_parts_is_an_error(device: &Device) -> Result<Shown, Failed> {
    for device in [device.clone(), Device::references()] {
        let zeros = |shape: &[usize; 3]| {
            let zeros = Tensor::f32(*shape, vec![0.; shape.iter().product()])?;
            device.upload("a part", zeros, Format::rows(Element::F32)).wait()
        };
        // Each as many elements as the whole.
        for (parts, words) in [
            (vec![[1, 3, 2], [2, 1, 3]], ["[2, 1, 3]", "axis 0"]),
            (vec![[1, 2, 3], [1, 2, 3]], ["[1, 2, 3]", "axis 0"]),
            (vec![[3, 2, 2]], ["[3, 2, 2]", "axis 0"]),
            (vec![[2, 1, 2], [1, 4, 2]], ["[1, 4, 2]", "axis 1"]),
        ] {
            let parts = parts.iter().map(zeros).collect::<Result<Vec<_>>>()?;
            refused(device.join(&parts, &[2, 3, 2].into()).wait(), &words);
        }
        refused(device.join(&[zeros(&[2, 1, 2])?], &[2, 3, 2].into()).wait(), &["1 of them", "axis 1"]);
        refused(device.join(&[], &[2, 3, 2].into()).wait(), &["0 of them"]);
    }
    Ok(Shown::Passed)
}

/// A batch that buffers do not hold at once.
fn parts_of_a_batch_are_joined(gpu: &Gpu) -> Result<Shown, Failed> {
    const BUFFER_BYTES: u64 = 40_000;
    let device = gpu.restricted(|device| device.limits.buffer_bytes = BUFFER_BYTES).into();
    for (name, model) in models() {
        let model = small(&device, model)?;
        let clips = common::small::clips(model.config(), 7, model.layout())?;
        let all = model.forward(Pass::new().taps(Taps::All).over(&clips))?;
        let fits = |value: &Tensor| value.as_bytes().len() as u64 <= BUFFER_BYTES;
        let all_fit = all.values().all(fits);
        let names = all.into_iter().filter(|(_, value)| fits(value)).map(|(name, _)| name).collect();
        let pass = Pass::new().taps(Taps::Names(names));
        let expected = model.forward(pass.over(&clips))?;
        let found = model.forward_on_device(pass.over(&clips))?;
        assert!(expected.len() > 5 && found.keys().eq(expected.keys()));
        for (value, found) in &found {
            assert_eq!(device.read(found).wait()?, expected[value], "{name}, {value}");
        }
        match model.forward_on_device(Pass::new().taps(Taps::All).over(&clips)) {
            Ok(_) => assert!(all_fit, "{name}"),
            Err(error) => {
                assert!(!all_fit && error.kind() == ErrorKind::Unsupported, "{name}: {error}");
                assert!(error.to_string().contains("give it fewer clips"), "{error}");
            }
        }
    }
    Ok(Shown::Passed)
}

/// Checks that `outcome` is an error of usage that has these words.
fn refused<T>(outcome: Result<T>, words: &[&str]) {
    let error = outcome.map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
    assert!(words.iter().all(|word| error.to_string().contains(word)), "{error}: {words:?}");
    assert!(!error.to_string().contains('\n'), "{error}");
}

fn what_is_no_frame_is_an_error(gpu: &Gpu) -> Result<Shown, Failed> {
    let device = &gpu.wgpu().device;
    let like = |change: fn(&mut wgpu::TextureDescriptor<'_>)| texture_on(device, [8, 12], 1, change);
    let of = |textures: &[wgpu::Texture]| DeviceFrames::from_textures(device, textures);
    let good = like(|_| ());
    of(std::slice::from_ref(&good))?;
    refused(of(&[]), &["no textures"]);
    let wide = like(|wrong| wrong.format = TextureFormat::Rgba16Float);
    refused(of(&[good.clone(), wide]), &["texture 1", "Rgba16Float", "Rgba8Unorm"]);
    let unreadable = like(|wrong| wrong.usage = TextureUsages::TEXTURE_BINDING);
    refused(of(&[unreadable]), &["texture 0", "COPY_SRC"]);
    let sampled = like(|wrong| {
        wrong.sample_count = 4;
        wrong.usage = TextureUsages::COPY_SRC | TextureUsages::RENDER_ATTACHMENT;
    });
    refused(of(&[sampled]), &["multisampled"]);
    refused(of(&[like(|wrong| wrong.dimension = TextureDimension::D3)]), &["two-dimensional"]);
    let small = like(|wrong| wrong.size.height = 7);
    refused(of(&[good.clone(), good.clone(), small]), &["texture 2", "7x12", "8x12"]);
    let swapped = like(|wrong| wrong.format = TextureFormat::Bgra8Unorm);
    refused(of(&[good, swapped]), &["texture 1", "Bgra8Unorm", "Rgba8Unorm"]);

    let large = buffer(gpu, 4096, BufferUsages::COPY_SRC);
    let of = |layout: BufferLayout| DeviceFrames::from_buffer(device, &large, layout);
    let layout = BufferLayout::new(2, [8, 12]);
    of(layout.start(4096 - 768))?;
    refused(of(layout.start(4100 - 768)), &["2 frames of 8x12", "buffer of 4096 bytes"]);
    refused(of(layout.frame_bytes(4096 - 384 + 4)), &["4096 bytes"]);
    refused(of(BufferLayout::new(11, [8, 12])), &["11 frames"]);
    refused(of(BufferLayout::new(usize::MAX, [8, 12])), &["4096 bytes"]);
    refused(of(BufferLayout::new(1, [usize::MAX, 2])), &["fit in no buffer"]);
    refused(of(BufferLayout::new(1, [2, usize::MAX])), &["fit in no buffer"]);
    refused(of(layout.row_bytes(u64::MAX - 3)), &["fit in no buffer"]);
    refused(of(BufferLayout::new(0, [8, 12])), &["no frames"]);
    refused(of(BufferLayout::new(1, [8, 0])), &["8x0", "no pixels"]);
    refused(of(layout.start(2)), &["byte 2", "multiple of 4"]);
    refused(of(layout.row_bytes(50)), &["rows every 50", "multiple of 4"]);
    refused(of(layout.frame_bytes(386)), &["frames every 386", "multiple of 4"]);
    refused(of(layout.row_bytes(44)), &["rows every 44", "too close"]);
    // Frames of one row may have any distance between rows but what no buffer has.
    let row = BufferLayout::new(2, [1, 12]).frame_bytes(48);
    of(row.row_bytes(4096))?;
    refused(of(row.row_bytes(4100)), &["rows every 4100", "4096 bytes"]);
    refused(of(row.row_bytes(u64::MAX - 3)), &["longer than their buffer"]);
    refused(of(BufferLayout::new(1, [1, 12]).row_bytes(u64::MAX - 3)), &["longer than their buffer"]);
    let unreadable = buffer(gpu, 4096, BufferUsages::STORAGE);
    refused(DeviceFrames::from_buffer(device, &unreadable, layout), &["COPY_SRC"]);

    let model = self::small(&gpu.clone().into(), Joint.into())?;
    let short = Pictures::new(model.config().frames - 1, [20, 30]).in_buffer(gpu, PixelOrder::Rgba, [0; 3])?;
    refused(model.classify(&short), &["model takes a clip of shape"]);
    refused(gpu.copy_frames(&short, 0..9).wait(), &["frames 0..9 of 8"]);
    refused(gpu.copy_frames(&short, 3..3).wait(), &["frames 3..3 of 8"]);
    Ok(Shown::Passed)
}

/// A model on a device of an application that counts what wgpu complains of outside any error scope.
struct Application {
    gpu: Gpu,
    model: Vivit,
    complaints: Arc<AtomicUsize>,
}

impl Application {
    fn new(handles: tubelet::gpu::WgpuHandles) -> Result<Self, Failed> {
        let complaints = Arc::new(AtomicUsize::new(0));
        let counter = complaints.clone();
        handles.device.on_uncaptured_error(Arc::new(move |error| {
            eprintln!("uncaptured: {error}");
            counter.fetch_add(1, Ordering::Relaxed);
        }));
        let gpu = Gpu::from_wgpu(handles.device, handles.queue);
        let model = small(&gpu.clone().into(), Joint.into())?;
        Ok(Self { gpu, model, complaints })
    }

    /// A device of a wgpu instance of its own.
    fn open() -> Result<Self, Failed> {
        Self::new(Gpu::open(&GpuOptions::default())?.wgpu())
    }

    fn pictures(&self) -> Pictures {
        Pictures::new(self.model.config().frames, [20, 30])
    }

    /// Frames that it classifies.
    fn good(&self) -> Result<DeviceFrames> {
        self.pictures().in_textures(&self.gpu, TextureFormat::Rgba8Unorm, true)
    }

    /// Checks that it still works, and that nothing was left to its handler.
    fn check(&self) -> Result<(), Failed> {
        assert_eq!(self.model.classify(&self.good()?)?, self.model.classify(&self.pictures().clip()?)?);
        assert_eq!(self.complaints.load(Ordering::Relaxed), 0);
        Ok(())
    }
}

fn what_wgpu_alone_knows_is_an_error(_: &Gpu) -> Result<Shown, Failed> {
    let application = Application::open()?;
    let Application { gpu, model, .. } = &application;
    let pictures = application.pictures();
    let textures: Vec<_> =
        (0..pictures.frames).map(|_| texture(gpu, pictures.size, 1, TextureFormat::Rgba8Unorm)).collect();
    let frames = DeviceFrames::from_textures(&gpu.wgpu().device, &textures)?;
    model.classify(&frames)?;
    textures[3].destroy();
    refused(model.classify(&frames), &["copying the frames", "destroyed"]);
    application.check()?;

    let bytes = 4 * (pictures.rgb.len() / 3) as u64;
    let mapped = gpu.wgpu().device.create_buffer(&wgpu::BufferDescriptor {
        label: None,
        size: bytes,
        usage: BufferUsages::COPY_SRC | BufferUsages::MAP_WRITE,
        mapped_at_creation: true,
    });
    let layout = BufferLayout::new(pictures.frames, pictures.size);
    let frames = DeviceFrames::from_buffer(&gpu.wgpu().device, &mapped, layout)?;
    refused(model.classify(&frames), &["copying the frames", "mapped"]);
    application.check()?;
    mapped.unmap();
    model.classify(&frames)?;
    mapped.destroy();
    refused(model.features(&frames), &["copying the frames", "destroyed"]);
    application.check()?;
    Ok(Shown::Passed)
}

/// Two devices of one wgpu instance.
fn opened_together() -> Result<[Application; 2], Failed> {
    let open = async {
        let instance = wgpu::Instance::new(wgpu::InstanceDescriptor::new_without_display_handle());
        let adapter = instance.request_adapter(&Default::default()).await?;
        let descriptor = wgpu::DeviceDescriptor { required_limits: adapter.limits(), ..Default::default() };
        let one = adapter.request_device(&descriptor).await?;
        let two = adapter.request_device(&descriptor).await?;
        Ok::<_, Failed>([one, two])
    };
    let [one, two] = block_on(open)?.map(|(device, queue)| Application::new(Gpu::from_wgpu(device, queue).wgpu()));
    Ok([one?, two?])
}

fn frames_of_another_device_are_an_error(_: &Gpu) -> Result<Shown, Failed> {
    let of_two_instances = [Application::open()?, Application::open()?];
    for ([own, other], words) in [(of_two_instances, "given with them"), (opened_together()?, "doesn't match")] {
        let pictures = own.pictures();
        for (_, frames) in pictures.everywhere(&other.gpu)? {
            other.model.classify(&frames)?;
            refused(own.model.classify(&frames), &["another wgpu device", "Gpu::from_wgpu"]);
            refused(block_on(own.model.forward_on_device_async(&frames)).map(drop), &["another wgpu device"]);
        }
        own.check()?;
        other.check()?;
        // The device that is given with them is not that of the frames.
        let textures = [texture(&other.gpu, pictures.size, pictures.frames, TextureFormat::Rgba8Unorm)];
        let frames = DeviceFrames::from_textures(&own.gpu.wgpu().device, &textures)?;
        refused(own.model.classify(&frames), &["device", words]);
        own.check()?;
        other.check()?;
    }
    Ok(Shown::Passed)
}

fn a_lost_device_is_told_from_another(_: &Gpu) -> Result<Shown, Failed> {
    let application = Application::open()?;
    let frames = application.good()?;
    application.model.classify(&frames)?;
    application.gpu.wgpu().device.destroy();
    let error = application.model.classify(&frames).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeviceLost, "{error}");
    assert_eq!(application.complaints.load(Ordering::Relaxed), 0);
    Ok(Shown::Passed)
}

fn a_device_without_a_gpu_refuses_them(gpu: &Gpu) -> Result<Shown, Failed> {
    let pictures = Pictures::new(config(Joint.into()).frames, [20, 30]);
    let frames = &pictures.in_textures(gpu, TextureFormat::Rgba8Unorm, true)?;
    let mut devices = vec![Device::references()];
    if cfg!(feature = "cpu") {
        devices.push(Device::host(None)?);
    }
    for device in devices {
        assert!(device.wgpu().is_none());
        let model = small(&device, Joint.into())?;
        for outcome in [
            model.classify(frames).map(drop),
            model.prepare(frames).map(drop),
            model.classify(Pass::new().views("1x3".parse()?).over(frames)).map(drop),
            model.attention(frames).map(drop),
        ] {
            refused(outcome, &["frames are on a GPU", device.name()]);
        }
    }
    let device: Device = gpu.clone().into();
    assert!(device.wgpu().is_some_and(|handles| handles.device == gpu.wgpu().device));
    Ok(Shown::Passed)
}
