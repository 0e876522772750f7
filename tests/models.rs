//! Whole models: the device against the reference executor, and what must not depend on how a model is run.

mod common;

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

use common::small::{forward_by_references, prepared_by_references};
use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::graph::{Device, DeviceWeights, ExecutorOptions, Feed, Taps, Weights, bisect};
use tubelet::kernels::ClipLayout;
use tubelet::tensor::{Closeness, ErrorKind, Tensor, Tolerance};
use tubelet::video::{Clip, Frame, PixelFormat};
use tubelet::vivit::{
    self, Classifier, Config, EncoderSize, FactorisedEncoder, Gelu, Joint, Labelling, Model, Request, Temporal, Tubelet,
};
use tubelet::{LoadOptions, Pass, Views, Vivit, checkpoint};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    for (name, config) in switches() {
        tests.add(format!("device equals reference: {name}"), move |device| device_equals_reference(device, &config));
    }
    for model in Model::all() {
        tests.add(format!("ViT-B's sizes: {}", model.name()), move |device| base_sizes(device, model));
    }
    tests.add("clips of a batch do not mix", clips_do_not_mix);
    tests.add("a batch that buffers do not hold is computed in parts", large_batch);
    tests.add("layouts of a clip agree", layouts_agree);
    tests.add("a value is the same fused and tapped", fused_equals_tapped);
    tests.add("a second pass gives the same bits and uploads nothing", repeats);
    tests.add("bisecting names the first wrong call", bisecting);
    tests.add("a clip is prepared, classified and described", engine_end_to_end);
    tests.add("clips of another device are refused", clips_of_another_device);
    tests.add("wrong input is an error", wrong_input);
    tests.run("models")
}

fn base() -> Config {
    Config::named("vit-b")
        .unwrap()
        .model(Joint.into())
        .frames(5)
        .rows(13)
        .columns(18)
        .planes(3)
        .tubelet(Tubelet { frames: 2, rows: 4, columns: 5 })
        .frame_sampling(None)
        .width(20)
        .layers(2)
        .heads(4)
        .hidden(36)
        .classes(7)
        .labelling(Labelling::Single)
        .classifier(Classifier::Token)
        .layer_norm_eps(1e-6)
        .gelu(Gelu::Tanh)
        .qkv_bias(true)
        .representation_size(None)
}

/// Every switch of a configuration, one at a time, and widths that are multiples of nothing.
fn switches() -> Vec<(&'static str, Config)> {
    vec![
        ("as it is", base()),
        ("first token", base().classifier(Classifier::FirstToken)),
        ("mean", base().classifier(Classifier::Mean)),
        ("maximum", base().classifier(Classifier::Max)),
        ("sum", base().classifier(Classifier::Sum)),
        ("erf", base().gelu(Gelu::Erf)),
        ("no qkv bias", base().qkv_bias(false)),
        ("another eps", base().layer_norm_eps(1e-2)),
        ("representation layer", base().representation_size(Some(9))),
        ("no head", base().classes(0)),
        ("one head, prime widths", base().width(23).heads(1).hidden(29)),
        ("heads of one", base().width(7).heads(7).hidden(5)),
        ("grey, tubelets of one pixel row", base().planes(1).tubelet(Tubelet { frames: 5, rows: 1, columns: 18 })),
        ("one token", base().tubelet(Tubelet { frames: 5, rows: 13, columns: 18 })),
        ("wide heads", base().width(512).heads(2).layers(1)),
    ]
}

fn clips(config: &Config, batch: usize, layout: ClipLayout) -> Result<Tensor, Failed> {
    let request = Request::new(batch, layout);
    let shape = vivit::clip_shape(config, &request);
    let values = (0..shape.elements()).map(|place| (place as f32 * 0.37).sin()).collect();
    Ok(Tensor::f32(shape, values)?)
}

fn model(device: &Device, config: &Config) -> Result<Vivit, Failed> {
    Ok(Vivit::from_checkpoint(device, checkpoint::untrained(config.clone(), 1)?, LoadOptions::new())?)
}

fn expect_close(what: &str, actual: &Tensor, expected: &Tensor, tolerance: Tolerance) -> Result<(), Failed> {
    match Closeness::between(actual, expected) {
        Some(closeness) if closeness.within(tolerance) => Ok(()),
        Some(closeness) => Err(Failed::from(format!("{what}: {closeness}"))),
        None => Err(Failed::from(format!("{what}: shapes {} and {}", actual.shape(), expected.shape()))),
    }
}

fn device_equals_reference(device: &Device, config: &Config) -> Result<Shown, Failed> {
    let clips = clips(config, 2, ClipLayout::Btchw)?;
    let found = model(device, config)?.forward(Pass::new().taps(Taps::All).over(&clips))?;
    let parameters = checkpoint::untrained(config.clone(), 1)?.parameters;
    let expected = forward_by_references(config, parameters, &clips, &Pass::new().taps(Taps::All))?;
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, expected) in &expected {
        expect_close(name, &found[name], expected, Tolerance::MODEL)?;
    }
    Ok(Shown::Passed)
}

/// A block of each encoder at the sizes of ViT-B, on a whole clip: nothing runs out, nothing is cut wrongly. What a device
/// computes in pieces must not show: bindings of 16 MiB give the same.
fn base_sizes(device: &Device, model: Model) -> Result<Shown, Failed> {
    let model = match model {
        Model::FactorisedEncoder(_) => {
            let size = EncoderSize { layers: 1, ..Config::named("vit-b")?.encoder() };
            FactorisedEncoder::default().temporal(Temporal::Encoder(size)).into()
        }
        model => model,
    };
    let config = Config::named("vit-b/16x2")?.layers(1).as_model(model);
    let clips = clips(&config, 1, ClipLayout::Btchw)?;
    let whole = self::model(device, &config)?.forward(&clips)?;
    assert_eq!(whole["logits"].shape().axes(), [1, 400]);
    assert!(whole["logits"].as_f32()?.iter().all(|logit| logit.is_finite()));
    let gpu = device.gpu().ok_or("the device runs no WGSL")?;
    let small = &gpu.restricted(|capabilities| capabilities.limits.binding_bytes = 16 << 20).into();
    let cut = self::model(small, &config)?.forward(&clips)?;
    expect_close("logits", &cut["logits"], &whole["logits"], Tolerance::MODEL)?;
    Ok(Shown::Passed)
}

fn clips_do_not_mix(device: &Device) -> Result<Shown, Failed> {
    let model = model(device, &base())?;
    let both = clips(&base(), 2, ClipLayout::Btchw)?;
    let together = model.forward(&both)?;
    let values = both.as_f32()?;
    for (place, half) in values.chunks(values.len() / 2).enumerate() {
        let one = Tensor::f32([&[1], &both.shape().axes()[1..]].concat(), half.to_vec())?;
        let alone = model.forward(&one)?;
        let expected = alone["logits"].as_f32()?;
        let row = &together["logits"].as_f32()?[place * expected.len()..][..expected.len()];
        expect_close(
            "logits",
            &Tensor::f32([row.len()], row.to_vec())?,
            &Tensor::f32([row.len()], expected.to_vec())?,
            Tolerance::KERNEL,
        )?;
    }
    Ok(Shown::Passed)
}

fn large_batch(device: &Device) -> Result<Shown, Failed> {
    let five = clips(&base(), 5, ClipLayout::Btchw)?;
    let expected = model(device, &base())?.forward(Pass::new().taps(Taps::All).over(&five))?;
    // Two clips of 14 kB fit such a buffer.
    let gpu = device.gpu().ok_or("the device runs no WGSL")?;
    let small = &gpu.restricted(|capabilities| capabilities.limits.buffer_bytes = 40_000).into();
    let found = model(small, &base())?.forward(Pass::new().taps(Taps::All).over(&five))?;
    assert_eq!(found.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>());
    for (name, expected) in &expected {
        expect_close(name, &found[name], expected, Tolerance::KERNEL)?;
    }
    Ok(Shown::Passed)
}

fn layouts_agree(device: &Device) -> Result<Shown, Failed> {
    let config = base();
    let planes_first = clips(&config, 2, ClipLayout::Btchw)?;
    let values = planes_first.as_f32()?;
    let Config { frames, rows, columns, planes, .. } = config;
    let mut planes_last = Vec::new();
    for frame in 0..2 * frames {
        for pixel in 0..rows * columns {
            for plane in 0..planes {
                planes_last.push(values[(frame * planes + plane) * rows * columns + pixel]);
            }
        }
    }
    let planes_last = Tensor::f32([2, frames, rows, columns, planes], planes_last)?;
    let model = model(device, &config)?;
    let first = model.forward(&planes_first)?;
    let last = model.forward(Pass::new().layout(ClipLayout::Bthwc).over(&planes_last))?;
    expect_close("logits", &last["logits"], &first["logits"], Tolerance::KERNEL)?;
    Ok(Shown::Passed)
}

fn fused_equals_tapped(device: &Device) -> Result<Shown, Failed> {
    let model = model(device, &base())?;
    let clips = clips(&base(), 1, ClipLayout::Btchw)?;
    let name = |name: &str| Taps::Names(BTreeSet::from([name.to_owned()]));
    let fused = model.forward(Pass::new().taps(name("hidden_state.2")).over(&clips))?;
    for inside in ["attention_output.0", "mlp_input.1", "mlp_output.1", "attention_probs.0"] {
        let apart = model.forward(Pass::new().taps(name(inside)).over(&clips))?;
        expect_close(inside, &apart["logits"], &fused["logits"], Tolerance::MODEL)?;
    }
    let all = model.forward(Pass::new().taps(Taps::All).over(&clips))?;
    expect_close("hidden_state.2", &all["hidden_state.2"], &fused["hidden_state.2"], Tolerance::MODEL)?;
    Ok(Shown::Passed)
}

fn repeats(device: &Device) -> Result<Shown, Failed> {
    let model = model(device, &base())?;
    let clips = clips(&base(), 1, ClipLayout::Btchw)?;
    let first = model.forward(&clips)?;
    let uploaded = model.weights().bytes();
    let second = model.forward(&clips)?;
    assert_eq!(first, second);
    model.forward(Pass::new().tap("sequence_output").over(&clips))?;
    assert_eq!(model.weights().bytes(), uploaded);
    Ok(Shown::Passed)
}

/// Weights with one tensor scaled.
struct Tampered {
    weights: Arc<dyn Weights>,
    name: &'static str,
}

impl Weights for Tampered {
    fn tensor(&self, name: &str) -> tubelet::Result<Tensor> {
        let tensor = self.weights.tensor(name)?;
        if name != self.name {
            return Ok(tensor);
        }
        let scaled = tensor.as_f32()?.iter().map(|value| 1.5 * value).collect();
        Tensor::f32(tensor.shape().clone(), scaled)
    }
}

fn bisecting(device: &Device) -> Result<Shown, Failed> {
    let config = base();
    let weights: Arc<dyn Weights> = checkpoint::untrained(config.clone(), 1)?.parameters;
    let recording = vivit::record(&config, &Request::new(1, ClipLayout::Btchw))?;
    let graph = Arc::new(recording.graph);
    let clip = clips(&config, 1, ClipLayout::Btchw)?;
    let feeds = [("clip", Feed::Host(&clip))];
    let prepared = |device: &Device, weights| {
        device.prepare(graph.clone(), &DeviceWeights::new(device, weights), &ExecutorOptions::default()).wait()
    };
    let on_device = |weights| prepared(device, weights);
    let trusted = prepared(&Device::references(), weights.clone())?;

    let right = on_device(weights.clone())?;
    assert_eq!(bisect(&*right, &*trusted, &feeds, Tolerance::MODEL).wait()?, None);

    for (name, kernel, value) in [
        ("Transformer.encoderblock_1.LayerNorm_1.scale", "layer_norm", "layernorm_after.1"),
        ("Transformer.encoderblock_0.MultiHeadDotProductAttention_0.key.kernel", "linear", "qkv.0"),
        ("embedding.kernel", "tubelet_embed", "patch_embeddings"),
    ] {
        let wrong = on_device(Arc::new(Tampered { weights: weights.clone(), name }))?;
        let found = bisect(&*wrong, &*trusted, &feeds, Tolerance::MODEL).wait()?;
        let found = found.ok_or_else(|| Failed::from(format!("a wrong {name} went unnoticed")))?;
        assert_eq!((found.kernel, found.value.as_str()), (kernel, value), "{found}");
    }
    Ok(Shown::Passed)
}

/// Frames of an easy pattern, 20×30 pixels.
fn frames(count: usize) -> Result<Clip, Failed> {
    let frame = |place: usize| {
        let bytes = (0..20 * 30 * 3).map(|byte| (byte * 7 + place * 31) as u8).collect();
        Frame::new(20, 30, PixelFormat::Rgb24, bytes).map(Arc::new)
    };
    Ok(Clip::new((0..count).map(frame).collect::<tubelet::Result<_>>()?, (0..count).collect())?)
}

fn engine_end_to_end(device: &Device) -> Result<Shown, Failed> {
    let config = base();
    let model = model(device, &config)?;
    let clip = frames(config.frames)?;
    let prepared = prepared_by_references(&clip, model.preprocessing(), model.layout())?;
    assert_eq!(model.prepare(&clip)?.read(device).wait()?, prepared);

    let expected = model.forward(Pass::new().taps(Taps::All).over(&prepared))?;
    let classes = model.classify(&clip)?;
    let logits: Vec<_> = classes.all().iter().map(|class| class.logit).collect();
    assert_eq!(logits.len(), config.classes);
    expect_close("logits", &Tensor::f32([1, 7], logits)?, &expected["logits"], Tolerance::KERNEL)?;
    let total: f32 = classes.all().iter().map(|class| class.probability).sum();
    assert!((total - 1.0).abs() < 1e-5, "{total}");
    let top = classes.top(3);
    assert!(top.len() == 3 && top.windows(2).all(|pair| pair[0].logit >= pair[1].logit), "{top:?}");
    expect_close("features", &model.features(&clip)?, &expected["pooled"], Tolerance::KERNEL)?;

    // A clip of another length has enough bytes, and yet is none for this model.
    for long in [frames(config.frames + 1)?, frames(config.frames - 1)?] {
        assert_eq!(model.classify(&long).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(model.features(&long).unwrap_err().kind(), ErrorKind::Usage);
    }
    // Two videos have no classes together, and no views have none.
    let shape = vivit::clip_shape(&config, &Request::new(2, model.layout()));
    let two = Tensor::f32(shape, [prepared.as_f32()?, prepared.as_f32()?].concat())?;
    assert!(model.classify(&two).unwrap_err().to_string().contains("classify_batch"));
    assert_eq!(model.view_logits(&two)?.len(), 2);
    let none = Pass::new().views(Views { clips: 0, ..Views::default() });
    assert_eq!(model.classify(none.over(&Vec::<Clip>::new())).unwrap_err().kind(), ErrorKind::Usage);
    let headless = self::model(device, &config.classes(0))?;
    assert!(headless.classify(&clip).unwrap_err().to_string().contains("features"));
    assert_eq!(headless.features(&clip)?.shape().axes(), [1, 20]);
    Ok(Shown::Passed)
}

/// A clip is prepared on one device and given to another: the same adapter opened twice, and the references.
fn clips_of_another_device(device: &Device) -> Result<Shown, Failed> {
    let config = base();
    let clip = frames(config.frames)?;
    let again = Device::open(&tubelet::DeviceOptions::default())?;
    let devices = [device.clone(), again, Device::references()];
    for (own, owner) in devices.iter().enumerate() {
        let prepared = model(owner, &config)?.prepare(&clip)?;
        for (place, other) in devices.iter().enumerate() {
            let found = model(other, &config)?.classify(&prepared);
            match found {
                Ok(_) if place == own => {}
                Err(error) if place != own => {
                    assert_eq!(error.kind(), ErrorKind::Usage);
                    assert!(error.to_string().contains("another open device"), "{error}");
                    assert!(prepared.read(other).wait().is_err());
                }
                Ok(_) => return Err(format!("device {place} took a clip of device {own}").into()),
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(Shown::Passed)
}

fn wrong_input(device: &Device) -> Result<Shown, Failed> {
    let config = base();
    let model = model(device, &config)?;
    let short = Tensor::f32([1, 4, 3, 13, 18], vec![0.0; 4 * 3 * 13 * 18])?;
    let message = model.forward(&short).unwrap_err().to_string();
    assert!(message.contains("[1, 5, 3, 13, 18]") && message.contains("[1, 4, 3, 13, 18]"), "{message}");

    let clip = clips(&config, 1, ClipLayout::Btchw)?;
    let unknown = Taps::Names(BTreeSet::from(["hidden_state.9".to_owned()]));
    let message = model.forward(Pass::new().taps(unknown).over(&clip)).unwrap_err().to_string();
    assert!(message.contains("hidden_state.9") && message.contains("hidden_state.1 to .2"), "{message}");

    let references = Device::references();
    let weights = DeviceWeights::new(&references, checkpoint::untrained(config.clone(), 1)?.parameters);
    let graph = Arc::new(vivit::record(&config, &Request::new(1, ClipLayout::Btchw))?.graph);
    let executor = references.prepare(graph, &weights, &ExecutorOptions::default()).wait()?;
    let message = executor.run(&[], &[]).wait().unwrap_err().to_string();
    assert!(message.contains("clip"), "{message}");
    Ok(Shown::Passed)
}
