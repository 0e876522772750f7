//! Numbers that the original implementation computes from parameters and a clip that are formulas themselves, for each
//! model; and with masks, which it lacks, those of an independent implementation (spec §11).
//!
//! Each by the naive forward pass, by the reference executor and on the device.

mod common;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

use common::formula::{Formula, clip, config};
use common::small::forward_by_references;
use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::checkpoint;
use tubelet::graph::Taps;
use tubelet::kernels::ClipLayout;
use tubelet::tensor::Tensor;
use tubelet::vivit::{
    Classifier, Config, EncoderSize, FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention, FrameMask,
    Joint, Order, Temporal, naive,
};
use tubelet::{LoadOptions, Pass, Vivit};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    for case in cases() {
        let (config, name) = (case.config.clone(), case.name);
        tests.add_without_device(format!("{name}::parameters"), move || parameters_are_counted(&config, case.count));
        for (mask, frame_mask, logits) in case.runs() {
            let run = Run { config: case.config.clone(), mask: frame_mask, logits, tokens: case.tokens };
            let (name, by_hand, by_graph) = (format!("{name}::{mask}"), run.clone(), run.clone());
            tests.add_without_device(format!("{name}::naive"), move || by_hand.naive());
            tests.add_without_device(format!("{name}::reference"), move || by_graph.reference());
            tests.add_everywhere(format!("{name}::device"), move |device| run.device(device));
        }
    }
    tests.run("golden vectors")
}

/// A model, and what comes of it.
struct GoldenCase {
    name: &'static str,
    config: Config,
    /// Number of parameter tensors.
    count: usize,
    /// The first channels of the tubelet tokens at (0, 0, 0) and (2, 1, 2), before class token and positions.
    tokens: [[f64; 4]; 2],
    /// Unmasked.
    logits: [f64; 5],
    /// With frames 4 and 5 invalid; causal; both causal and frame 0 invalid.
    masked: Option<[[f64; 5]; 3]>,
}

impl GoldenCase {
    fn runs(&self) -> Vec<(&'static str, FrameMask, [f64; 5])> {
        let without = |frames: &[usize], causal| {
            let valid = (0..6).map(|frame| !frames.contains(&frame)).collect::<Vec<_>>();
            FrameMask::new().valid(Some(valid).filter(|_| !frames.is_empty())).causal(causal)
        };
        let mut runs = vec![("unmasked", without(&[], false), self.logits)];
        if let Some([late, causal, early]) = self.masked {
            runs.push(("frames 4 and 5 invalid", without(&[4, 5], false), late));
            runs.push(("causal", without(&[], true), causal));
            // Either frame makes the first tubelet invalid, whose queries then see nothing.
            runs.push(("frame 0 invalid, causal", without(&[0], true), early));
            runs.push(("frame 1 invalid, causal", without(&[1], true), early));
        }
        runs
    }
}

fn cases() -> Vec<GoldenCase> {
    let temporal = Temporal::Encoder(EncoderSize { layers: 2, heads: 4, hidden: 24 });
    let tokens_of_3 = [[-0.357497, -0.327200, -0.252618, -0.143846], [-0.579904, -0.322695, -0.021810, 0.282026]];
    vec![
        GoldenCase {
            name: "Model 1",
            config: config(Joint.into(), Classifier::Token),
            count: 40,
            tokens: [[-0.317464, -0.236226, -0.123015, 0.006845], [-0.273676, 0.030659, 0.330844, 0.586251]],
            logits: [-0.70911589, -0.68391944, -0.56615764, -0.37176911, -0.12706338],
            masked: Some([
                [-0.707101, -0.681722, -0.564075, -0.370083, -0.126002],
                [-0.709242, -0.684057, -0.566288, -0.371874, -0.127130],
                [-0.718023, -0.693634, -0.575365, -0.379222, -0.131754],
            ]),
        },
        GoldenCase {
            name: "Model 2 token",
            config: config(FactorisedEncoder::default().temporal(temporal).into(), Classifier::Token),
            count: 76,
            tokens: [[0.353547, 0.309510, 0.223582, 0.107393], [0.510990, 0.236954, -0.069154, -0.365902]],
            logits: [0.72664174, 0.79561035, 0.75689685, 0.61574091, 0.39124731],
            masked: Some([
                [0.726577, 0.795526, 0.756805, 0.615654, 0.391177],
                [0.726688, 0.795670, 0.756962, 0.615802, 0.391297],
                [0.727876, 0.797204, 0.758634, 0.617387, 0.392579],
            ]),
        },
        GoldenCase {
            name: "Model 2 mean",
            config: config(FactorisedEncoder::default().temporal(temporal).into(), Classifier::Mean),
            count: 74,
            tokens: [[-0.274280, -0.172579, -0.047521, 0.083970], [-0.096504, 0.210470, 0.488958, 0.701267]],
            logits: [-0.58485169, -0.50377200, -0.35450911, -0.15726507, 0.06126403],
            masked: Some([
                [-0.598254, -0.516756, -0.365316, -0.164433, 0.058705],
                [-0.582478, -0.501421, -0.352498, -0.155867, 0.061860],
                [-0.617960, -0.536781, -0.382950, -0.177289, 0.052367],
            ]),
        },
        GoldenCase {
            name: "Model 3 space, time",
            config: config(FactorisedSelfAttention::default().order(Order::SpaceTime).into(), Classifier::Mean),
            count: 59,
            tokens: tokens_of_3,
            logits: [-0.23128177, -0.18692077, -0.11726092, -0.03173036, 0.05809477],
            masked: Some([
                [-0.236747, -0.194246, -0.125455, -0.039684, 0.051458],
                [-0.234243, -0.190889, -0.121699, -0.036038, 0.054501],
                [-0.237379, -0.195085, -0.126387, -0.040583, 0.050713],
            ]),
        },
        GoldenCase {
            name: "Model 3 time, space",
            config: config(FactorisedSelfAttention::default().order(Order::TimeSpace).into(), Classifier::Mean),
            count: 59,
            tokens: tokens_of_3,
            logits: [-0.225350, -0.178970, -0.108367, -0.023097, 0.065299],
            masked: None,
        },
        GoldenCase {
            name: "Model 4",
            config: config(FactorisedDotProduct::default().into(), Classifier::Mean),
            count: 39,
            tokens: [[-0.244143, -0.322253, -0.356748, -0.342959], [-0.834787, -0.797199, -0.651713, -0.418022]],
            logits: [-0.19926661, -0.25921072, -0.28407189, -0.27048525, -0.22028970],
            masked: Some([
                [-0.197986, -0.261278, -0.289207, -0.277993, -0.229155],
                [-0.200337, -0.257470, -0.279755, -0.264177, -0.212843],
                [-0.200139, -0.257717, -0.280415, -0.265160, -0.214017],
            ]),
        },
    ]
}

/// Half of the last digit that most numbers are given with, and the rounding of f32.
const NAIVE: f64 = 6e-7;
/// What is asked of an f32 implementation.
const SINGLE: f64 = 1e-5;

/// A forward pass with what comes of it.
#[derive(Clone)]
struct Run {
    config: Config,
    mask: FrameMask,
    logits: [f64; 5],
    tokens: [[f64; 4]; 2],
}

impl Run {
    fn naive(&self) -> Result<(), Failed> {
        let parameters = Formula::new(&self.config)?;
        self.judge(&naive::forward(&self.config, &parameters, &clip()?, ClipLayout::Bthwc, &self.mask)?, NAIVE)
    }

    fn reference(&self) -> Result<(), Failed> {
        let parameters = Arc::new(Formula::new(&self.config)?);
        self.judge(&forward_by_references(&self.config, parameters, &clip()?, &self.pass())?, SINGLE)
    }

    fn device(&self, device: &tubelet::Device) -> Result<Shown, Failed> {
        let untrained = checkpoint::untrained(self.config.clone(), 1)?;
        let checkpoint = untrained.parameters(Arc::new(Formula::new(&self.config)?));
        let model = Vivit::from_checkpoint(device, checkpoint, LoadOptions::new())?;
        self.judge(&model.forward(self.pass().over(&clip()?))?, SINGLE)?;
        Ok(Shown::Passed)
    }

    fn pass(&self) -> Pass {
        let tokens = Taps::Names(["patch_embeddings".to_owned()].into());
        Pass::new().layout(ClipLayout::Bthwc).mask(self.mask.clone()).taps(tokens)
    }

    fn judge(&self, found: &BTreeMap<String, Tensor>, tolerance: f64) -> Result<(), Failed> {
        let judge = |what: &str, found: &[f32], expected: &[f64]| {
            let far = found.iter().zip(expected).any(|(found, expected)| {
                let distance = (f64::from(*found) - expected).abs();
                distance.is_nan() || distance > tolerance
            });
            match far || found.len() != expected.len() {
                true => Err(Failed::from(format!("{what}: {found:?} instead of {expected:?}"))),
                false => Ok(()),
            }
        };
        let patches = found["patch_embeddings"].as_f32()?;
        for (token, expected) in [0, 17].into_iter().zip(&self.tokens) {
            judge(&format!("token {token}"), &patches[token * 12..][..4], expected)?;
        }
        judge("logits", found["logits"].as_f32()?, &self.logits)
    }
}

fn parameters_are_counted(config: &Config, count: usize) -> Result<(), Failed> {
    let paths = Formula::new(config)?.paths;
    match paths.len() == count {
        true => Ok(()),
        false => Err(Failed::from(format!("{} tensors instead of {count}: {paths:?}", paths.len()))),
    }
}
