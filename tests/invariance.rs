//! What must not change a model's output on the device: masks that hide nothing, what masks hide, and the model where
//! two of them come to the same (spec §4.2 and §2.7).

mod common;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use common::small::{clips, config, expect_close, forward_by_references, load, models, parameters};
use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::graph::Device;
use tubelet::graph::{Taps, Weights};
use tubelet::kernels::ClipLayout;
use tubelet::tensor::{Element, Error, ErrorKind, Shape, Tensor, Tolerance};
use tubelet::vivit::{
    Classifier, Config, FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention, FrameMask, HeadOrder, Joint,
    Model, Order, ParameterSpec, Parameters, Temporal, Tubelet,
};
use tubelet::{Pass, Vivit};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    for (name, config) in configurations() {
        for (what, test) in MASKED {
            let config = config.clone();
            tests.add_everywhere(format!("{name}::{what}"), move |device| test(device, &config));
        }
    }
    for (order, name) in [(Order::SpaceTime, "space first"), (Order::TimeSpace, "time first")] {
        tests
            .add_everywhere(format!("Model 3 without attention over time is Model 2 without: {name}"), move |device| {
                without_time(device, order)
            });
    }
    tests.add_everywhere(
        "Model 2 without attention over time is Model 1 for each tubelet",
        model_2_is_model_1_for_each_tubelet,
    );
    tests.add_everywhere("a single temporal index needs no attention over time", one_temporal_index);
    for (order, name) in [(HeadOrder::TemporalFirst, "temporal"), (HeadOrder::SpatialFirst, "spatial")] {
        tests.add_everywhere(format!("Model 4 attends over one axis as Model 1: {name} heads first"), move |device| {
            halves_of_model_4(device, order)
        });
    }
    tests.run("invariance")
}

type ModelTest = fn(&Device, &Config) -> Result<Shown, Failed>;

const MASKED: [(&str, ModelTest); 4] = [
    ("with all valid not a bit changes", with_all_valid_not_a_bit_changes),
    ("what is invalid has no influence", what_is_invalid_has_no_influence),
    ("the future has no influence", the_future_has_no_influence),
    ("a clip of which nothing is valid is refused", nothing_valid),
];

/// Every model with every classifier that counts valid tokens only.
fn configurations() -> Vec<(String, Config)> {
    let mut configurations = Vec::new();
    for (title, model) in models() {
        for classifier in [Classifier::Token, Classifier::Mean, Classifier::Max, Classifier::Sum] {
            let config = config(model).classifier(classifier);
            if config.validate().is_ok() {
                configurations.push((format!("{title}::{classifier:?}"), config));
            }
        }
    }
    configurations
}

const BATCH: usize = 2;
const TIMES: usize = 4;
/// Which tubelets are valid: the first clip has a hole, the other begins with one.
const HOLES: [bool; BATCH * TIMES] = [true, false, true, false, false, true, true, true];

fn base_clips(config: &Config) -> Result<Tensor, Failed> {
    clips(config, BATCH, ClipLayout::Btchw)
}

/// The clips with the frames that `picked` picks, by clip and frame, filled with `value`.
fn with_frames(clips: &Tensor, value: f32, picked: impl Fn(usize, usize) -> bool) -> Result<Tensor, Failed> {
    let (axes, mut values) = (clips.shape().axes(), clips.as_f32()?.to_vec());
    for (place, frame) in values.chunks_mut(axes[2..].iter().product()).enumerate() {
        if picked(place / axes[1], place % axes[1]) {
            frame.fill(value);
        }
    }
    Ok(Tensor::f32(clips.shape().clone(), values)?)
}

/// One valid frame in tubelets that are not, all in those that are, and none behind the last tubelet.
fn mask_of_holes(config: &Config, causal: bool) -> FrameMask {
    let deep = config.tubelet.frames;
    let valid = |clip: usize, frame: usize| {
        frame / deep < TIMES && (frame.is_multiple_of(deep) || HOLES[clip * TIMES + frame / deep])
    };
    let frames = config.frames;
    let valid: Vec<_> = (0..BATCH * frames).map(|place| valid(place / frames, place % frames)).collect();
    FrameMask::new().valid(valid).causal(causal)
}

fn with_all_valid_not_a_bit_changes(device: &Device, config: &Config) -> Result<Shown, Failed> {
    let (model, clips) = (load(device, config, parameters(config)?)?, base_clips(config)?);
    let mask = FrameMask::new().valid(vec![true; BATCH * config.frames]);
    for taps in [Taps::None, Taps::All] {
        let pass = Pass::new().taps(taps);
        let masked = model.forward(pass.clone().mask(mask.clone()).over(&clips))?;
        assert_eq!(masked, model.forward(pass.over(&clips))?);
    }
    Ok(Shown::Passed)
}

fn what_is_invalid_has_no_influence(device: &Device, config: &Config) -> Result<Shown, Failed> {
    let (model, clips) = (load(device, config, parameters(config)?)?, base_clips(config)?);
    let deep = config.tubelet.frames;
    let valid = |clip: usize, frame: usize| frame / deep < TIMES && HOLES[clip * TIMES + frame / deep];
    for causal in [false, true] {
        let pass = Pass::new().mask(mask_of_holes(config, causal));
        let before = model.forward(pass.over(&clips))?;
        for value in [1e3, f32::NAN] {
            let hidden = with_frames(&clips, value, |clip, frame| !valid(clip, frame))?;
            assert_eq!(before, model.forward(pass.over(&hidden))?, "filled with {value}, causal: {causal}");
        }
        let seen = with_frames(&clips, 1e3, |clip, frame| clip == 1 && frame == 2 * deep)?;
        assert_ne!(before, model.forward(pass.over(&seen))?, "what is valid must count");
    }
    Ok(Shown::Passed)
}

/// The output of the last encoder through which time runs, and its tokens of class and of a temporal index.
fn output_in_time(config: &Config) -> (&'static str, [usize; 2]) {
    let class_tokens = usize::from(config.classifier == Classifier::Token);
    match config.model {
        Model::FactorisedEncoder(FactorisedEncoder { temporal: Temporal::Mean, .. }) => {
            ("frame_representation", [0, 1])
        }
        Model::FactorisedEncoder(_) => ("temporal.sequence_output", [class_tokens, 1]),
        _ => ("sequence_output", [class_tokens, config.grid().spatial()]),
    }
}

fn the_future_has_no_influence(device: &Device, config: &Config) -> Result<Shown, Failed> {
    let (model, clips) = (load(device, config, parameters(config)?)?, base_clips(config)?);
    let (name, [class_tokens, tokens_per_time]) = output_in_time(config);
    let taps = Taps::Names([name.to_owned()].into());
    let holes = mask_of_holes(config, true);
    for mask in [holes.clone().valid(None), holes] {
        let pass = Pass::new().taps(taps.clone()).mask(mask);
        let output = |clips: &Tensor| -> Result<Vec<f32>, Failed> {
            Ok(model.forward(pass.over(clips))?[name].as_f32()?.to_vec())
        };
        let before = output(&clips)?;
        for time in 1..TIMES {
            let first = time * config.tubelet.frames;
            let after = output(&with_frames(&clips, f32::NAN, |_, frame| frame >= first)?)?;
            for clip in 0..BATCH {
                let start = clip * (class_tokens + TIMES * tokens_per_time) + class_tokens;
                let [start, now, end] = [start, start + time * tokens_per_time, start + (time + 1) * tokens_per_time]
                    .map(|token| token * config.width);
                assert_eq!(before[start..now], after[start..now], "clip {clip}, before {time}");
                assert!(after[now..end].iter().any(|value| value.is_nan()), "clip {clip}, {time} must change");
            }
        }
    }
    Ok(Shown::Passed)
}

fn nothing_valid(device: &Device, config: &Config) -> Result<Shown, Failed> {
    let clips = base_clips(config)?;
    // Of the second clip every tubelet has an invalid frame.
    let valid: Vec<_> = (0..BATCH * config.frames).map(|place| place < config.frames || place % 2 == 0).collect();
    let pass = Pass::new().mask(FrameMask::new().valid(valid));
    let on_device = load(device, config, parameters(config)?)?.forward(pass.over(&clips));
    for found in [on_device, forward_by_references(config, parameters(config)?, &clips, &pass)] {
        let error = found.err().ok_or("a clip without valid tubelets was computed")?;
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains("clip 1 has no valid tubelet"), "{error}");
    }
    Ok(Shown::Passed)
}

/// A model's parameters, each from those of another model.
#[derive(Debug)]
struct Derived {
    specs: Vec<ParameterSpec>,
    source: Arc<dyn Parameters>,
    /// The tensor for a name, from the source.
    derive: fn(&ParameterSpec, &dyn Parameters) -> Result<Tensor, Error>,
}

impl Weights for Derived {
    fn tensor(&self, name: &str) -> Result<Tensor, Error> {
        let spec = self.specs.iter().find(|spec| spec.name == name);
        let spec = spec.ok_or_else(|| Error::usage(format!("no parameter {name}")))?;
        (self.derive)(spec, &*self.source)?.reshaped(spec.shape.clone())
    }
}

impl Parameters for Derived {
    fn names(&self) -> Vec<&str> {
        self.specs.iter().map(|spec| spec.name.as_str()).collect()
    }

    fn shape(&self, name: &str) -> Result<Shape, Error> {
        self.tensor(name).map(|tensor| tensor.shape().clone())
    }
}

/// The model `config` with parameters derived from those of `source`, and that one.
fn both(
    device: &Device,
    [config, source]: [&Config; 2],
    derive: fn(&ParameterSpec, &dyn Parameters) -> Result<Tensor, Error>,
) -> Result<[Vivit; 2], Failed> {
    let parameters = parameters(source)?;
    let derived = Derived { specs: config.parameters()?, source: parameters.clone(), derive };
    Ok([load(device, config, Arc::new(derived))?, load(device, source, parameters)?])
}

/// Model 2 with the mean over time.
fn baseline(classifier: Classifier) -> Config {
    let model = FactorisedEncoder::default().temporal(Temporal::Mean);
    config(model.into()).classifier(classifier).frames(8)
}

fn forward(model: &Vivit, clips: &Tensor, taps: &[&str]) -> Result<BTreeMap<String, Tensor>, Failed> {
    let taps = Taps::Names(taps.iter().map(|tap| (*tap).to_owned()).collect());
    Ok(model.forward(Pass::new().taps(taps).over(clips))?)
}

/// With all parameters of attention over time zero, and positions that are the same at each time.
fn without_time(device: &Device, order: Order) -> Result<Shown, Failed> {
    let spatial = baseline(Classifier::Mean);
    let factorised = spatial.clone().model(FactorisedSelfAttention::default().order(order).into());
    let [factorised, spatial] = both(device, [&factorised, &spatial], |spec, source| {
        if spec.name.contains("MultiHeadDotProductAttention_time") {
            return Ok(Tensor::zeros(spec.shape.clone(), Element::F32));
        }
        let name = spec.name.replace("Transformer", "SpatialTransformer");
        let name = name.replace("_space", "_0").replace("_time", "_0").replace("LayerNorm_mlp", "LayerNorm_1");
        let tensor = source.tensor(&name.replace("MlpBlock.", "MlpBlock_0."))?;
        let repeats = spec.shape.elements() / tensor.shape().elements();
        Tensor::f32(spec.shape.clone(), tensor.as_f32()?.repeat(repeats))
    })?;
    let clips = base_clips(spatial.config())?;
    let found = forward(&factorised, &clips, &["sequence_output"])?;
    let expected = forward(&spatial, &clips, &["spatial.sequence_output"])?;
    let frames = found["sequence_output"].clone().reshaped(expected["spatial.sequence_output"].shape().clone())?;
    expect_close("sequence_output", &frames, &expected["spatial.sequence_output"], Tolerance::MODEL)?;
    expect_close("logits", &found["logits"], &expected["logits"], Tolerance::MODEL)?;
    Ok(Shown::Passed)
}

/// The parameters of Model 1 for the spatial encoder of Model 2.
fn of_model_1(spec: &ParameterSpec, source: &dyn Parameters) -> Result<Tensor, Error> {
    source.tensor(&spec.name.replace("SpatialTransformer", "Transformer").replace("cls_Transformer", "cls"))
}

fn model_2_is_model_1_for_each_tubelet(device: &Device) -> Result<Shown, Failed> {
    for classifier in [Classifier::Token, Classifier::Max] {
        let factorised = baseline(classifier);
        let joint = factorised.clone().model(Joint.into()).frames(factorised.tubelet.frames);
        let [factorised, joint] = both(device, [&factorised, &joint], of_model_1)?;
        let whole = base_clips(factorised.config())?;
        let tubelets =
            whole.clone().reshaped(clips(joint.config(), BATCH * TIMES, ClipLayout::Btchw)?.shape().clone())?;
        let found = forward(&factorised, &whole, &["frame_representation", "pooled"])?;
        let expected = forward(&joint, &tubelets, &["pooled"])?;
        let frames = expected["pooled"].clone().reshaped(found["frame_representation"].shape().clone())?;
        expect_close("frame_representation", &found["frame_representation"], &frames, Tolerance::MODEL)?;
        for name in ["pooled", "logits"] {
            expect_close(name, &found[name], &mean_over_time(&expected[name])?, Tolerance::MODEL)?;
        }
    }
    Ok(Shown::Passed)
}

/// `[B·T, C]` to `[B, C]`.
fn mean_over_time(tensor: &Tensor) -> Result<Tensor, Failed> {
    let width = tensor.shape().last();
    let of_clip = |clip: &[f32]| -> Vec<f32> {
        (0..width).map(|place| clip.iter().skip(place).step_by(width).sum::<f32>() / TIMES as f32).collect()
    };
    let values = tensor.as_f32()?.chunks(TIMES * width).flat_map(of_clip).collect();
    Ok(Tensor::f32([BATCH, width], values)?)
}

/// Model 1 without a class token equals the spatial encoder of Model 2 and, there, the mean over one frame.
fn one_temporal_index(device: &Device) -> Result<Shown, Failed> {
    let factorised = baseline(Classifier::Mean).frames(2);
    let joint = factorised.clone().model(Joint.into());
    let [factorised, joint] = both(device, [&factorised, &joint], of_model_1)?;
    let clips = base_clips(joint.config())?;
    let found = forward(&factorised, &clips, &["spatial.sequence_output"])?;
    let expected = forward(&joint, &clips, &["sequence_output"])?;
    expect_close("sequence", &found["spatial.sequence_output"], &expected["sequence_output"], Tolerance::MODEL)?;
    expect_close("logits", &found["logits"], &expected["logits"], Tolerance::MODEL)?;
    Ok(Shown::Passed)
}

/// Of one temporal index, spatial heads attend as those of Model 1 and temporal ones return their values; of one
/// position it is the other way round.
fn halves_of_model_4(device: &Device, order: HeadOrder) -> Result<Shown, Failed> {
    let factorised = |config: Config| config.model(FactorisedDotProduct::default().heads(order).into());
    let one_time = factorised(baseline(Classifier::Mean)).frames(2);
    let tubelet = Tubelet { frames: 2, rows: 9, columns: 17 };
    let one_position = factorised(baseline(Classifier::Mean)).tubelet(tubelet);
    let temporal_first = order == HeadOrder::TemporalFirst;
    for (config, attending_first) in [(one_time, !temporal_first), (one_position, temporal_first)] {
        let Config { width, heads, .. } = config;
        let joint = config.clone().model(Joint.into());
        // Both have the same parameters.
        let [factorised, joint] = both(device, [&config, &joint], |spec, source| source.tensor(&spec.name))?;
        let clips = base_clips(&config)?;
        let found = forward(&factorised, &clips, &["qkv.0", "attention_context.0"])?;
        let expected = forward(&joint, &clips, &["attention_context.0"])?;
        let (context, joint) = (found["attention_context.0"].as_f32()?, expected["attention_context.0"].as_f32()?);
        let (qkv, rows, head_width) = (found["qkv.0"].as_f32()?, context.len() / width, width / heads);
        let expected = (0..context.len()).map(|place| {
            let (row, column) = (place / width, place % width);
            let value = ((2 * heads + column / head_width) * rows + row) * head_width + column % head_width;
            if (column < width / 2) == attending_first { joint[place] } else { qkv[value] }
        });
        let shape = found["attention_context.0"].shape().clone();
        let expected = Tensor::f32(shape, expected.collect())?;
        expect_close("attention_context.0", &found["attention_context.0"], &expected, Tolerance::KERNEL)?;
    }
    Ok(Shown::Passed)
}
