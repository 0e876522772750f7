//! A sliding window says of each window what the model says of the same frames as a clip.

mod common;

use std::future::Future;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::task::{Context, Waker};

use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::engine::{SlidingOptions, WindowClasses};
use tubelet::graph::Device;
use tubelet::kernels::{ClipLayout, Precision};
use tubelet::tensor::{Closeness, ErrorKind, Tensor, Tolerance};
use tubelet::video::{Clip, Frame, PixelFormat, Preset};
use tubelet::vivit::{self, Config, FactorisedEncoder, FrameMask, Model, Request, Temporal, Tubelet};
use tubelet::{Class, LoadOptions, Pass, Vivit, checkpoint};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    for model in Model::all() {
        for [stride, step] in [[1, 1], [1, 2], [2, 4], [1, 6], [3, 8], [1, 11]] {
            tests.add_everywhere(format!("{}, every {stride}, by {step}", model.name()), move |device| {
                slides(device, model, SlidingOptions::new(step).stride(stride), Pass::new())
            });
        }
        tests.add_everywhere(format!("{}, causal", model.name()), move |device| {
            slides(device, model, SlidingOptions::new(2), causal())
        });
    }
    let mean = FactorisedEncoder::default().temporal(Temporal::Mean).into();
    tests.add_everywhere("factorised-encoder without a temporal encoder", move |device| {
        slides(device, mean, SlidingOptions::new(2), Pass::new())
    });
    tests.add_everywhere("a temporal index is encoded once", encoded_once);
    for model in Model::all() {
        tests.add_everywhere(format!("{} is loaded before the first frame", model.name()), move |device| {
            loaded(device, model)
        });
    }
    tests.add_everywhere("wrong use is an error", wrong_use);
    for model in Model::all() {
        tests.add_everywhere(format!("{} after an error", model.name()), move |device| goes_on(device, model));
        tests.add(format!("{} after a future that is dropped", model.name()), move |device| broken_off(device, model));
    }
    tests.run("sliding")
}

/// Windows of 8 frames in tubelets of 2.
fn config(model: Model) -> Config {
    let tubelet = Tubelet { frames: 2, rows: 8, columns: 8 };
    let base = Config::named("vit-ti").unwrap();
    let base = base.frames(8).rows(24).columns(32).tubelet(tubelet).width(24).layers(2).heads(4).hidden(40);
    let config = base.classes(9).as_model(model);
    config.validate().unwrap();
    config
}

fn vivit(device: &Device, config: Config) -> Result<Vivit, Failed> {
    let options = LoadOptions::new().preset(Preset::Scenic);
    Ok(Vivit::from_checkpoint(device, checkpoint::untrained(config, 3)?, options)?)
}

/// A frame that differs from its neighbours everywhere.
fn frame(place: usize) -> Result<Frame, Failed> {
    let (height, width) = (30, 44);
    let byte = |at: usize| ((at * 7 + place * 31) ^ (at / 13 * (place + 3))) as u8;
    Ok(Frame::new(height, width, PixelFormat::Rgb24, (0..height * width * 3).map(byte).collect())?)
}

const FRAMES: usize = 50;

fn causal() -> Pass {
    Pass::new().mask(FrameMask::new().causal(true))
}

fn windows(model: &Vivit, options: SlidingOptions, pass: &Pass) -> Result<Vec<WindowClasses>, Failed> {
    let mut sliding = model.sliding(options, pass)?;
    let mut windows = Vec::new();
    for place in 0..FRAMES {
        windows.extend(sliding.push(&frame(place)?)?);
    }
    Ok(windows)
}

fn slides(device: &Device, model: Model, options: SlidingOptions, pass: Pass) -> Result<Shown, Failed> {
    let model = vivit(device, config(model))?;
    let SlidingOptions { stride, step, .. } = options;
    let found = windows(&model, options, &pass)?;
    let starts: Vec<_> = (0..FRAMES).step_by(stride * step).filter(|start| start + 7 * stride < FRAMES).collect();
    let places: Vec<_> = found.iter().map(|window| window.frames).collect();
    assert_eq!(places, starts.iter().map(|start| [*start, start + 7 * stride]).collect::<Vec<_>>());
    for window in &found {
        let indices: Vec<_> = (0..8).map(|index| window.frames[0] + index * stride).collect();
        let frames = indices.iter().map(|index| frame(*index).map(Arc::new)).collect::<Result<_, _>>()?;
        let clip = model.prepare(&Clip::new(frames, indices)?)?;
        let expected = model.classify(pass.over(&clip))?;
        let logits = |classes: &[Class]| Tensor::f32([9], classes.iter().map(|class| class.logit).collect());
        let [found, expected] = [logits(window.classes.all())?, logits(expected.all())?];
        match Closeness::between(&found, &expected) {
            Some(closeness) if closeness.within(Tolerance { relative_l2: 1e-6, share_of_peak: 1e-6 }) => {}
            closeness => return Err(Failed::from(format!("window {:?}: {closeness:?}", window.frames))),
        }
    }
    // The windows are not all the same, or nothing would have been shown.
    assert!(found.len() == 1 || found[0].classes != found[1].classes);
    Ok(Shown::Passed)
}

/// A step of Model 2 costs the spatial encoder its new temporal indices alone; the other models' costs a clip.
fn encoded_once(device: &Device) -> Result<Shown, Failed> {
    let config = config(FactorisedEncoder::default().into());
    let halves = config.model.halves().ok_or("Model 2 has halves")?;
    let request = Request::new(1, ClipLayout::Btchw);
    let clip = vivit::record(&config, &request)?.graph.cost(Precision::F32).operations;
    let over_time = halves.record_temporal(&config, &request)?.graph.cost(Precision::F32).operations;
    let each = (clip - over_time) / config.grid().temporal as u64;
    let model = vivit(device, config)?;
    let cost = |step| Ok::<_, Failed>(model.sliding(SlidingOptions::new(step), &Pass::new())?.step_cost()?);
    for (step, indices) in [(2, 1), (4, 2), (6, 3), (11, 4)] {
        assert_eq!(cost(step)?.operations, over_time + indices * each, "step {step}");
    }
    // Half a tubelet.
    assert_eq!(cost(1)?.operations, clip);
    Ok(Shown::Passed)
}

fn loaded(device: &Device, model: Model) -> Result<Shown, Failed> {
    let model = vivit(device, config(model))?;
    let mut sliding = model.sliding(SlidingOptions::new(2), &causal())?;
    let bytes = model.weights().bytes();
    assert!(bytes > 0);
    for place in 0..8 {
        sliding.push(&frame(place)?)?;
    }
    assert_eq!(model.weights().bytes(), bytes);
    Ok(Shown::Passed)
}

fn wrong_use(device: &Device) -> Result<Shown, Failed> {
    let model = vivit(device, config(Model::all()[0]))?;
    for [stride, step] in [[0, 1], [1, 0]] {
        let error = model.sliding(SlidingOptions::new(step).stride(stride), &Pass::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
    let masked = FrameMask::new().valid(vec![true; 8]);
    for pass in [Pass::new().mask(masked), Pass::new().views("1x3".parse()?), Pass::new().tap("logits")] {
        assert_eq!(model.sliding(SlidingOptions::new(1), &pass).unwrap_err().kind(), ErrorKind::Usage);
    }
    let headless = vivit(device, config(Model::all()[0]).classes(0))?;
    assert!(headless.sliding(SlidingOptions::new(1), &Pass::new()).is_err());
    Ok(Shown::Passed)
}

/// A frame that cannot be prepared costs the windows that would hold it, and no more.
fn goes_on(device: &Device, model: Model) -> Result<Shown, Failed> {
    let model = vivit(device, config(model))?;
    let options = SlidingOptions::new(2);
    let expected = windows(&model, options, &Pass::new())?;
    let mut sliding = model.sliding(options, &Pass::new())?;
    // Frame 12 is the first of a group, whose error shows with its second.
    for place in 0..12 {
        sliding.push(&frame(place)?)?;
    }
    assert_eq!(sliding.push(&Frame::new(1, 60_000, PixelFormat::Rgb24, vec![0; 180_000])?)?, None);
    assert_eq!(sliding.push(&frame(13)?).unwrap_err().kind(), ErrorKind::Usage);
    let mut found = Vec::new();
    for place in 14..FRAMES {
        found.extend(sliding.push(&frame(place)?)?);
    }
    let later: Vec<_> = expected.into_iter().filter(|window| window.frames[0] >= 14).collect();
    assert_eq!(found, later);
    Ok(Shown::Passed)
}

/// A frame that is not taken to the end is in no window, nor is one before it.
fn broken_off(device: &Device, model: Model) -> Result<Shown, Failed> {
    let model = vivit(device, config(model))?;
    let options = SlidingOptions::new(2);
    let expected = windows(&model, options, &Pass::new())?;
    let mut sliding = model.sliding(options, &Pass::new())?;
    for place in 0..13 {
        sliding.push(&frame(place)?)?;
    }
    // Frame 13 is the second of a group, which the device prepares then.
    let last = frame(13)?;
    let mut pushed = sliding.push_async(&last);
    if Pin::new(&mut pushed).poll(&mut Context::from_waker(Waker::noop())).is_ready() {
        return Ok(Shown::Unsupported);
    }
    drop(pushed);
    let mut found = Vec::new();
    for place in 14..FRAMES {
        found.extend(sliding.push(&frame(place)?)?);
    }
    let later: Vec<_> = expected.into_iter().filter(|window| window.frames[0] >= 14).collect();
    assert_eq!(found, later);
    Ok(Shown::Passed)
}
