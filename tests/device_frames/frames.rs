//! Frames on a device give what the same frames give as a clip.

use libtest_mimic::Failed;
use tubelet::gpu::wgpu::TextureFormat;
use tubelet::gpu::{DeviceFrames, Gpu, PixelOrder};
use tubelet::graph::{Device, Taps};
use tubelet::kernels::{ClipLayout, Selection};
use tubelet::video::{Clip, ClipFrames, Crops, Preparer, Preprocessing, Preset, Resize};
use tubelet::vivit::Joint;
use tubelet::{Pass, Result};

use super::common::Shown;
use super::common::executor::block_on;
use super::common::small::models;
use super::pictures::{Pictures, texture};
use super::{refused, small};

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

pub(super) fn textures_and_buffers_are_prepared_as_clips(gpu: &Gpu) -> Result<Shown, Failed> {
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

pub(super) fn large_frames_are_prepared_in_groups(gpu: &Gpu) -> Result<Shown, Failed> {
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
pub(super) fn frames_of_long_rows_are_prepared_in_groups(gpu: &Gpu) -> Result<Shown, Failed> {
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

pub(super) fn every_verb_takes_them(gpu: &Gpu) -> Result<Shown, Failed> {
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
pub(super) fn what_was_submitted_before_is_seen(gpu: &Gpu) -> Result<Shown, Failed> {
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

pub(super) fn frames_are_selected(gpu: &Gpu) -> Result<Shown, Failed> {
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
