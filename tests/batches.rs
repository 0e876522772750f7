//! Several clips in one call: what is found of each is what is found of it alone, to the last bit, however many there are
//! and however little memory; and what is kept for the next call stays within its budget.

mod common;

use std::process::ExitCode;
use std::sync::Arc;

use common::small::{config, models, parameters};
use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::checkpoint;
use tubelet::engine::Inference;
use tubelet::graph::{Device, Taps};
use tubelet::tensor::{ErrorKind, Tensor};
use tubelet::video::{Clip, Crops, Frame, PixelFormat};
use tubelet::vivit::{Config, FrameMask, Model};
use tubelet::{Classes, LoadOptions, Pass, Vivit};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    for (title, model) in models() {
        tests.add_everywhere(format!("as each alone: {title}"), move |device| as_each_alone(device, model));
    }
    for shape in ["vit-ti/16x4", "vit-b/16x4"] {
        tests.add_everywhere(format!("as each alone: widths of {shape}"), move |device| wide_batch(device, shape));
    }
    tests.add("as each alone in little memory", little_memory);
    tests.add_everywhere("videos of several views", several_views);
    tests.add_everywhere("clips with masks of their own", own_masks);
    tests.add_everywhere("what a batch cannot be is refused", refused);
    tests.add_everywhere("what is kept stays within its budget", within_budget);
    tests.add_everywhere("an attention map is compiled once", maps_are_kept);
    tests.add_everywhere("first calls can be paid beforehand", paid_beforehand);
    tests.run("batches")
}

/// A clip of noise, of a size of its own.
fn clip(frames: usize, number: usize) -> Result<Clip, Failed> {
    let [height, width] = [[9, 17], [24, 31], [40, 30], [11, 64], [33, 33]][number % 5];
    let frame = |index: usize| {
        let byte = |at: usize| ((at * 37 + index * 101 + number * 59) % 251) as u8;
        let bytes = (0..height * width * 3).map(byte).collect();
        Frame::new(height, width, PixelFormat::Rgb24, bytes).map(Arc::new)
    };
    Ok(Clip::new((0..frames).map(frame).collect::<Result<_, _>>()?, (0..frames).collect())?)
}

fn clips(config: &Config, count: usize) -> Result<Vec<Clip>, Failed> {
    (0..count).map(|number| clip(config.frames, number)).collect()
}

fn load(device: &Device, config: &Config, options: LoadOptions) -> Result<Vivit, Failed> {
    let checkpoint = checkpoint::untrained(config.clone(), 1)?;
    Ok(Vivit::from_checkpoint(device, checkpoint.parameters(parameters(config)?), options)?)
}

/// All bits of a tensor.
fn bits(tensor: &Tensor) -> Result<Vec<u32>, Failed> {
    Ok(tensor.as_f32()?.iter().map(|value| value.to_bits()).collect())
}

fn logits(classes: &Classes) -> Vec<u32> {
    classes.all().iter().map(|class| class.logit.to_bits()).collect()
}

fn expect_same(what: &str, found: &Inference, expected: &Inference) -> Result<(), Failed> {
    assert_eq!(found.classes.as_ref().map(logits), expected.classes.as_ref().map(logits), "{what}: classes");
    assert_eq!(found.features.shape(), expected.features.shape(), "{what}");
    assert_eq!(bits(&found.features)?, bits(&expected.features)?, "{what}: features");
    assert_eq!(found.taps.keys().collect::<Vec<_>>(), expected.taps.keys().collect::<Vec<_>>(), "{what}");
    for (name, value) in &expected.taps {
        assert_eq!(found.taps[name].shape(), value.shape(), "{what}: {name}");
        assert_eq!(bits(&found.taps[name])?, bits(value)?, "{what}: {name}");
    }
    Ok(())
}

/// A batch of `count` clips, everything in it tapped and nothing, against each clip alone.
fn each_alone(model: &Vivit, count: usize) -> Result<(), Failed> {
    let clips = clips(model.config(), count)?;
    for pass in [Pass::new(), Pass::new().taps(Taps::All)] {
        let found = model.infer_batch(pass.over(&clips))?;
        assert_eq!(found.len(), count);
        for (index, (clip, found)) in clips.iter().zip(&found).enumerate() {
            expect_same(&format!("clip {index} of {count}"), found, &model.infer(pass.over(clip))?)?;
        }
    }
    let classes = model.classify_batch(&clips)?;
    let features = model.features(&clips)?;
    assert_eq!(features.shape().axes(), [count, model.config().width]);
    let taps = model.taps(Pass::new().tap("pooled").over(&clips))?;
    let prepared = clips.iter().map(|clip| model.prepare(clip)).collect::<Result<Vec<_>, _>>()?;
    assert_eq!(bits(&model.features(&prepared)?)?, bits(&features)?);
    for (index, clip) in clips.iter().enumerate() {
        assert_eq!(logits(&classes[index]), logits(&model.classify(clip)?), "clip {index} of {count}");
        let alone = bits(&model.features(clip)?)?;
        assert_eq!(bits(&features)?.chunks(model.config().width).nth(index), Some(&alone[..]), "clip {index}");
        let alone = bits(&model.taps(Pass::new().tap("pooled").over(clip))?["pooled"])?;
        let together = bits(&taps["pooled"])?;
        assert_eq!(together.chunks(alone.len()).nth(index), Some(&alone[..]), "pooled of clip {index}");
    }
    // The clips differ, or nothing would have been shown.
    assert!(count == 1 || logits(&classes[0]) != logits(&classes[1]));
    Ok(())
}

fn as_each_alone(device: &Device, model: Model) -> Result<Shown, Failed> {
    let model = load(device, &config(model), LoadOptions::new())?;
    [1, 2, 5].into_iter().try_for_each(|count| each_alone(&model, count))?;
    Ok(Shown::Passed)
}

/// Real widths, and more rows in a batch than one clip has.
fn wide_batch(device: &Device, shape: &str) -> Result<Shown, Failed> {
    let mut config = Config::named(shape)?;
    (config.frames, config.rows, config.columns, config.layers) = (8, 64, 64, 1);
    let model = load(device, &config, LoadOptions::new())?;
    let clips = clips(&config, 7)?;
    let pass = Pass::new().taps(Taps::All);
    for (index, (clip, found)) in clips.iter().zip(model.infer_batch(pass.over(&clips))?).enumerate() {
        expect_same(&format!("clip {index}"), &found, &model.infer(pass.over(clip))?)?;
    }
    Ok(Shown::Passed)
}

/// Buffers that hold three clips at most.
fn little_memory(device: &Device) -> Result<Shown, Failed> {
    let gpu = device.gpu().ok_or("the device runs no WGSL")?;
    let config = config(models()[0].1);
    let restricted: Device = gpu.restricted(|device| device.limits.buffer_bytes = 60_000).into();
    let model = load(&restricted, &config, LoadOptions::new())?;
    let clips = clips(&config, 8)?;
    // Passes over three clips, and one over the rest.
    model.warm_up(&Pass::new(), clips.len())?;
    clips.iter().try_for_each(|clip| model.warm_up_preparation(clip, Crops::Central))?;
    let kept = model.kept_bytes();
    let found = model.infer_batch(&clips)?;
    assert_eq!(model.kept_bytes(), kept);
    let whole = load(device, &config, LoadOptions::new())?.infer_batch(&clips)?;
    for (index, (found, whole)) in found.iter().zip(&whole).enumerate() {
        expect_same(&format!("clip {index}"), found, whole)?;
    }
    let on_device = model.forward_on_device(&clips)?;
    assert_eq!(restricted.read(&on_device["logits"]).wait()?, model.forward(&clips)?["logits"]);
    // A value of all clips that no buffer holds is refused before anything is computed.
    let refused = model.taps_on_device(Pass::new().taps(Taps::All).over(&clips)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(refused.to_string().contains("fewer clips") && refused.to_string().contains("60000"), "{refused}");
    Ok(Shown::Passed)
}

/// Two videos, each of two clips with three crops.
fn several_views(device: &Device) -> Result<Shown, Failed> {
    let config = config(models()[0].1);
    let model = load(device, &config, LoadOptions::new())?;
    let clips = (0..4).map(|number| clip(config.frames, 2 * (number / 2) + 1)).collect::<Result<Vec<_>, _>>()?;
    let pass = Pass::new().views("2x3".parse()?);
    let found = model.classify_batch(pass.over(&clips))?;
    let alone = [model.classify(pass.over(&clips[..2]))?, model.classify(pass.over(&clips[2..]))?];
    assert_eq!(found.iter().map(logits).collect::<Vec<_>>(), alone.iter().map(logits).collect::<Vec<_>>());
    assert_ne!(logits(&found[0]), logits(&found[1]));
    Ok(Shown::Passed)
}

fn own_masks(device: &Device) -> Result<Shown, Failed> {
    let config = config(models()[0].1);
    let model = load(device, &config, LoadOptions::new())?;
    let clips = clips(&config, 3)?;
    let valid = |clip: usize| (0..config.frames).map(|frame| frame / 2 != clip).collect::<Vec<_>>();
    let masked = |valid: Vec<bool>| Pass::new().mask(FrameMask::new().valid(valid));
    let found = model.classify_batch(masked((0..3).flat_map(valid).collect()).over(&clips))?;
    for (index, clip) in clips.iter().enumerate() {
        assert_eq!(logits(&found[index]), logits(&model.classify(masked(valid(index)).over(clip))?), "clip {index}");
    }
    // One mask is that of each.
    let found = model.classify_batch(masked(valid(1)).over(&clips))?;
    assert_eq!(logits(&found[2]), logits(&model.classify(masked(valid(1)).over(&clips[2]))?));
    Ok(Shown::Passed)
}

fn refused(device: &Device) -> Result<Shown, Failed> {
    let config = config(models()[0].1);
    let model = load(device, &config, LoadOptions::new())?;
    let clips = clips(&config, 3)?;
    let refuses = |outcome: tubelet::Result<()>, words: &str| {
        let error = outcome.expect_err(words);
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(error.to_string().contains(words), "{error}");
    };
    refuses(model.classify_batch(&Vec::<Clip>::new()).map(drop), "no clip is given");
    refuses(model.infer(&clips).map(drop), "infer_batch");
    refuses(model.infer(&[clips[0].clone(), clips[1].clone()]).map(drop), "2 clips");
    refuses(model.classify(&clips).map(drop), "3 clips are given where one video's views 1x1 are 1");
    refuses(model.classify_batch(Pass::new().views("2x1".parse()?).over(&clips)).map(drop), "2 clips a video");
    refuses(model.classify_batch(Pass::new().tap("logits").over(&clips)).map(drop), "forward");
    refuses(model.features(Pass::new().views("3x1".parse()?).over(&clips)).map(drop), "one view");
    let masked = Pass::new().mask(FrameMask::new().valid(vec![true; 2 * config.frames]));
    refuses(model.classify_batch(masked.over(&clips)).map(drop), "the mask");
    let wrong = [clip(config.frames, 0)?, clip(config.frames + 1, 0)?];
    refuses(model.classify_batch(&wrong[..]).map(drop), "shape");
    Ok(Shown::Passed)
}

/// Calls of every kind, in a budget that holds two of their executors.
fn within_budget(device: &Device) -> Result<Shown, Failed> {
    let calls: usize = std::env::var("TUBELET_CALLS").ok().map_or(Ok(60), |calls| calls.parse())?;
    let config = config(models()[0].1);
    let one = load(device, &config, LoadOptions::new())?;
    let clips = clips(&config, 5)?;
    let expected = clips.iter().map(|clip| one.classify(clip)).collect::<Result<Vec<_>, _>>()?;
    let alone = kept_for_a_pass(device, &config)?;
    let budget = 4 * alone;
    let model = load(device, &config, LoadOptions::new().kept_bytes(budget))?;
    let mut most = 0;
    for call in 0..calls {
        let (number, batch) = (call % 5, 1 + call % 3);
        match call % 4 {
            0 => assert_eq!(logits(&model.classify(&clips[number])?), logits(&expected[number])),
            1 => {
                let found = model.classify_batch(&clips[..batch])?;
                assert_eq!(
                    found.iter().map(logits).collect::<Vec<_>>(),
                    expected[..batch].iter().map(logits).collect::<Vec<_>>()
                );
            }
            2 => drop(model.attention(&clips[number])?),
            _ => drop(model.taps(Pass::new().tap("pooled").over(&clips[number]))?),
        }
        most = most.max(model.kept_bytes());
    }
    assert!(most > alone && most <= budget, "{most} bytes of {budget}");
    // The one used last is kept, whatever it takes.
    let model = load(device, &config, LoadOptions::new().kept_bytes(0))?;
    model.classify(&clips[0])?;
    assert_eq!(model.kept_bytes(), alone);
    Ok(Shown::Passed)
}

/// Bytes that a pass over one clip keeps.
fn kept_for_a_pass(device: &Device, config: &Config) -> Result<u64, Failed> {
    let model = load(device, config, LoadOptions::new())?;
    model.warm_up(&Pass::new(), 1)?;
    assert!(model.kept_bytes() > 0);
    Ok(model.kept_bytes())
}

/// Everything that calls keep is there before they are made.
fn paid_beforehand(device: &Device) -> Result<Shown, Failed> {
    let config = config(models()[0].1);
    let model = load(device, &config, LoadOptions::new())?;
    let (clips, pass) = (clips(&config, 3)?, Pass::new().tap("pooled"));
    model.warm_up(&pass, 3)?;
    let after_pass = model.kept_bytes();
    model.warm_up_attention(&Pass::new())?;
    let after_maps = model.kept_bytes();
    for clip in &clips {
        model.warm_up_preparation(clip, Crops::Central)?;
    }
    let kept = model.kept_bytes();
    assert!(after_pass > 0 && after_maps > after_pass && kept > after_maps, "{after_pass}, {after_maps}, {kept} bytes");
    model.infer_batch(pass.over(&clips))?;
    model.attention(&clips[0])?;
    assert_eq!(model.kept_bytes(), kept);
    // Another number of clips was not paid for.
    model.classify(&clips[0])?;
    assert!(model.kept_bytes() > kept);
    let refused = model.warm_up(&Pass::new().tap("nothing"), 1).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Usage);
    Ok(Shown::Passed)
}

fn maps_are_kept(device: &Device) -> Result<Shown, Failed> {
    let config = config(models()[0].1);
    let model = load(device, &config, LoadOptions::new())?;
    // Of one size.
    let clips = [clip(config.frames, 0)?, clip(config.frames, 5)?];
    let first = model.attention(&clips[0])?;
    let kept = model.kept_bytes();
    assert!(kept > 0);
    let second = model.attention(&clips[1])?;
    assert_ne!(bits(&first.map)?, bits(&second.map)?);
    assert_eq!((bits(&model.attention(&clips[0])?.map)?, model.kept_bytes()), (bits(&first.map)?, kept));
    // Another layer is another map.
    let layer = tubelet::vivit::AttentionLayer::Block { encoder: tubelet::vivit::Encoder::Clip, layer: 0, head: None };
    let block = model.attention(Pass::new().layer(layer).over(&clips[0]))?;
    assert!(bits(&block.map)? != bits(&first.map)? && model.kept_bytes() > kept);
    Ok(Shown::Passed)
}
