//! What passes leave on a device, and parts of it joined.

use libtest_mimic::Failed;
use tubelet::gpu::Gpu;
use tubelet::gpu::wgpu::{self, BufferUsages};
use tubelet::graph::{Device, Memory, Taps};
use tubelet::tensor::{Element, ErrorKind, Format, Tensor};
use tubelet::{Pass, Result, Vivit};

use super::common::Shown;
use super::common::executor::block_on;
use super::common::small::{clips, models};
use super::pictures::{Pictures, buffer};
use super::{refused, small};

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

pub(super) fn results_left_on_the_device(device: &Device) -> Result<Shown, Failed> {
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

pub(super) fn parts_are_joined_along_an_axis(device: &Device) -> Result<Shown, Failed> {
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

pub(super) fn what_are_no_parts_is_an_error(device: &Device) -> Result<Shown, Failed> {
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
pub(super) fn parts_of_a_batch_are_joined(gpu: &Gpu) -> Result<Shown, Failed> {
    const BUFFER_BYTES: u64 = 40_000;
    let device = gpu.restricted(|device| device.limits.buffer_bytes = BUFFER_BYTES).into();
    for (name, model) in models() {
        let model = small(&device, model)?;
        let clips = clips(model.config(), 7, model.layout())?;
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
