//! Devices of an application, which handles the errors of wgpu itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::Failed;
use tubelet::gpu::wgpu::{self, BufferUsages, TextureFormat};
use tubelet::gpu::{BufferLayout, DeviceFrames, Gpu, GpuOptions};
use tubelet::tensor::ErrorKind;
use tubelet::vivit::Joint;
use tubelet::{Result, Vivit};

use super::common::Shown;
use super::common::executor::block_on;
use super::pictures::{Pictures, texture};
use super::{refused, small};

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

pub(super) fn what_wgpu_alone_knows_is_an_error(_: &Gpu) -> Result<Shown, Failed> {
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

pub(super) fn frames_of_another_device_are_an_error(_: &Gpu) -> Result<Shown, Failed> {
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

pub(super) fn a_lost_device_is_told_from_another(_: &Gpu) -> Result<Shown, Failed> {
    let application = Application::open()?;
    let frames = application.good()?;
    application.model.classify(&frames)?;
    application.gpu.wgpu().device.destroy();
    let error = application.model.classify(&frames).map(drop).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::DeviceLost, "{error}");
    assert_eq!(application.complaints.load(Ordering::Relaxed), 0);
    Ok(Shown::Passed)
}
