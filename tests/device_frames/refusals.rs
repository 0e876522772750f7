//! Frames that cannot be a clip, and devices that cannot take them.

use libtest_mimic::Failed;
use tubelet::gpu::wgpu::{self, BufferUsages, TextureDimension, TextureFormat, TextureUsages};
use tubelet::gpu::{BufferLayout, DeviceFrames, Gpu, PixelOrder};
use tubelet::graph::Device;
use tubelet::vivit::Joint;
use tubelet::{Pass, Result};

use super::common::Shown;
use super::common::small::config;
use super::pictures::{Pictures, buffer, texture_on};
use super::{refused, small};

pub(super) fn what_is_no_frame_is_an_error(gpu: &Gpu) -> Result<Shown, Failed> {
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

pub(super) fn a_device_without_a_gpu_refuses_them(gpu: &Gpu) -> Result<Shown, Failed> {
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
