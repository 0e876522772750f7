//! Gradients of the models whose parameters are formulas, by the original implementation in f32 (spec §11.3).

use std::sync::Arc;

use libtest_mimic::Failed;
use tubelet::checkpoint::{self, FlaxLayout};
use tubelet::graph::Device;
use tubelet::kernels::ClipLayout;
use tubelet::train::{GradientOptions, Labels, gradients, norm};
use tubelet::vivit::{
    Classifier, Config, EncoderSize, FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention, Joint, Temporal,
};
use tubelet::{LoadOptions, Vivit};

use super::common::formula::{Formula, clip, config};

/// A model, and what comes of it for label 2.
#[derive(Clone)]
pub(super) struct FormulaCase {
    pub(super) name: &'static str,
    config: Config,
    loss: f64,
    global_norm: f64,
    /// Of some parameters: norm and first three entries in the original's layout.
    parameters: &'static [(&'static str, f64, [f64; 3])],
}

/// What the original's numbers may be off by, which are given with six or seven digits and rounded in f32: as a share of a
/// parameter's norm.
const CLOSE: f64 = 1e-4;
/// The same of the loss and the global norm, which are sums.
const TOGETHER: f64 = 1e-5;

const HEADS: usize = 4;

pub(super) fn cases() -> Vec<FormulaCase> {
    let temporal = Temporal::Encoder(EncoderSize { layers: 2, heads: HEADS, hidden: 24 });
    let factorised = FactorisedEncoder::default().temporal(temporal);
    vec![
        FormulaCase {
            name: "Model 1 by formula",
            config: config(Joint.into(), Classifier::Token),
            loss: 1.708662,
            global_norm: 4.092694,
            parameters: &[
                (
                    "Transformer.encoderblock_0.MlpBlock_0.Dense_0.kernel",
                    0.296202,
                    [6.079220e-3, -5.026689e-2, 1.854382e-2],
                ),
                (
                    "Transformer.encoderblock_0.MultiHeadDotProductAttention_0.out.kernel",
                    0.421300,
                    [-3.065610e-2, -1.425809e-2, 8.273765e-2],
                ),
                (
                    "Transformer.encoderblock_0.MultiHeadDotProductAttention_0.query.kernel",
                    0.040185,
                    [-3.702577e-3, -4.290103e-3, -4.296983e-3],
                ),
                ("Transformer.posembed_input.pos_embedding", 0.597591, [-1.275211e-1, -4.998710e-2, 3.264093e-1]),
                ("cls", 0.597203, [-1.275211e-1, -4.998710e-2, 3.264093e-1]),
                ("embedding.kernel", 0.177263, [-2.783142e-3, -1.142797e-3, 7.293685e-3]),
                ("output_projection.bias", 0.921122, [1.569826e-1, 1.609883e-1, -8.188920e-1]),
            ],
        },
        FormulaCase {
            name: "Model 2 token by formula",
            config: config(factorised.into(), Classifier::Token),
            loss: 1.519900,
            global_norm: 3.219794,
            parameters: &[
                (
                    "SpatialTransformer.encoderblock_0.MultiHeadDotProductAttention_0.query.kernel",
                    0.000663,
                    [-7.043470e-5, -8.194239e-5, -8.235957e-5],
                ),
                (
                    "TemporalTransformer.encoderblock_0.MultiHeadDotProductAttention_0.query.kernel",
                    0.002799,
                    [5.037596e-5, 2.144885e-5, -1.038125e-5],
                ),
                (
                    "SpatialTransformer.posembed_input.pos_embedding",
                    0.012355,
                    [-1.210686e-3, -4.697548e-3, 5.981885e-3],
                ),
                (
                    "TemporalTransformer.posembed_input.pos_embedding",
                    0.289653,
                    [8.961423e-2, -3.131688e-2, -1.344946e-1],
                ),
                ("embedding.kernel", 0.001909, [-6.180663e-5, 5.975824e-5, 7.039335e-5]),
            ],
        },
        FormulaCase {
            name: "Model 2 mean by formula",
            config: config(factorised.into(), Classifier::Mean),
            loss: 1.684395,
            global_norm: 2.843504,
            parameters: &[
                ("embedding.kernel", 0.430390, [-2.276134e-3, 8.627664e-3, -3.793394e-3]),
                (
                    "TemporalTransformer.posembed_input.pos_embedding",
                    0.083104,
                    [-1.135040e-2, -5.668429e-3, 3.323355e-2],
                ),
            ],
        },
        FormulaCase {
            name: "Model 3 by formula",
            config: config(FactorisedSelfAttention::default().into(), Classifier::Mean),
            loss: 1.630400,
            global_norm: 1.577228,
            parameters: &[
                (
                    "Transformer.encoderblock_0.MultiHeadDotProductAttention_space.query.kernel",
                    0.003530,
                    [3.166534e-4, 5.160142e-4, 6.455350e-4],
                ),
                (
                    "Transformer.encoderblock_0.MultiHeadDotProductAttention_time.query.kernel",
                    0.001106,
                    [-2.027849e-4, -1.974383e-4, -1.653695e-4],
                ),
                (
                    "Transformer.encoderblock_0.MultiHeadDotProductAttention_space.out.kernel",
                    0.131585,
                    [7.739304e-3, 1.177242e-2, -2.317732e-2],
                ),
                (
                    "Transformer.encoderblock_0.MultiHeadDotProductAttention_time.out.kernel",
                    0.093874,
                    [-5.809276e-3, -7.157226e-3, 1.722583e-2],
                ),
                ("embedding.kernel", 0.283472, [1.197254e-2, -1.799995e-2, -5.622817e-3]),
            ],
        },
        FormulaCase {
            name: "Model 4 by formula",
            config: config(FactorisedDotProduct::default().into(), Classifier::Mean),
            loss: 1.647353,
            global_norm: 1.667324,
            parameters: &[
                (
                    "Transformer.encoderblock_0.MultiHeadDotProductAttention_0.query.kernel",
                    0.000935,
                    [2.344513e-5, 2.730973e-5, 2.747808e-5],
                ),
                (
                    "Transformer.encoderblock_0.MultiHeadDotProductAttention_0.out.kernel",
                    0.188912,
                    [7.216119e-3, -3.568050e-2, 2.123433e-2],
                ),
                ("embedding.kernel", 1.013990, [-1.702799e-2, 7.365917e-2, -3.717362e-2]),
            ],
        },
    ]
}

impl FormulaCase {
    pub(super) fn check(&self, device: &Device) -> Result<(), Failed> {
        let untrained = checkpoint::untrained(self.config.clone(), 1)?;
        let checkpoint = untrained.parameters(Arc::new(Formula::new(&self.config)?));
        let model = Vivit::from_checkpoint(device, checkpoint, LoadOptions::new())?;
        let options = GradientOptions::new().layout(ClipLayout::Bthwc);
        let found = gradients(&model, &clip()?, &Labels::new(vec![2]), &options).wait()?;
        let mut wrong = Vec::new();
        let mut judge = |what: &str, found: f64, expected: f64, most: f64| {
            let close = (found - expected).abs() <= most;
            wrong.extend((!close).then(|| format!("{what} is {found} instead of {expected}")));
        };
        judge("the loss", found.loss, self.loss, TOGETHER * self.loss);
        judge("the global norm", found.global_norm(), self.global_norm, TOGETHER * self.global_norm);
        for (name, expected, first) in self.parameters {
            let tensor = found.tensors.get(*name).ok_or_else(|| format!("{name} is missing"))?;
            // The smallest norms are given with three digits.
            judge(name, norm(tensor)?, *expected, (CLOSE * expected).max(5.1e-7));
            let stored = FlaxLayout::of(name).stored(tensor.clone(), HEADS)?;
            for (found, entry) in stored.as_f32()?.iter().zip(first) {
                judge(name, f64::from(*found), *entry, CLOSE * expected);
            }
        }
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
    }
}
