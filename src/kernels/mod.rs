//! The kernels, in wings: each kernel has a folder with what it computes, how it is dispatched, its naive reference and
//! its cases.
//!
//! A [`Family`] is the static declaration (bindings, uniform, WGSL variants, cases); a [`Kernel`] is one call of it
//! with its sizes. Kernels written outside the crate use the same contract.
//!
//! To add one: a WGSL file in `shaders/`, a folder in its wing here, and a line in [`ALL`].

use std::str::FromStr;

use crate::tensor::{Error, Result};

mod activation;
pub mod attention;
mod clip_layout;
mod contract;
#[doc(hidden)]
pub mod fields;
#[cfg(feature = "cpu")]
#[doc(hidden)]
pub mod host;
pub(crate) mod peaks;
pub mod pixels;
pub mod products;
pub mod rows;
mod shader;
pub mod weights;

pub use activation::Activation;
pub use clip_layout::{ClipLayout, Strides};
#[cfg(feature = "cpu")]
pub use contract::Host;
pub use contract::{
    Access, Backward, Binding, Bound, Call, Case, Cost, Draw, Family, Field, Fill, Gradient, Kernel, Operation,
    Reference, Tape, TapeValue, Uncertainties, Uncertainty, input, of_rounding, of_sum, rounded_reference, variants_of,
};
pub use shader::{
    DeviceClass, Dispatches, FrameRun, Launch, ListedDispatch, Listing, Literal, Literals, Needs, Plan, Planned,
    Planner, Precision, ProductClass, Program, ProgramBuilder, Seen, Selection, Shader, TilePicks, Unfit, Variant,
    WorkgroupTile, render, suite, word,
};

/// Every kernel family.
pub static ALL: &[&Family] = &[
    weights::Accumulate::FAMILY,
    rows::ActivationGradient::FAMILY,
    weights::AdamwStep::FAMILY,
    attention::Attention::FAMILY,
    attention::AttentionGradient::FAMILY,
    attention::AttentionNormaliser::FAMILY,
    attention::AttentionProbabilities::FAMILY,
    attention::AttentionRollout::FAMILY,
    pixels::Colour::FAMILY,
    rows::ColumnSum::FAMILY,
    rows::CrossEntropy::FAMILY,
    rows::Dropout::FAMILY,
    rows::GatedSum::FAMILY,
    weights::GradientNorm::FAMILY,
    rows::HeadDot::FAMILY,
    rows::LayerNorm::FAMILY,
    rows::LayerNormGradient::FAMILY,
    products::Linear::FAMILY,
    products::LinearWeightGradient::FAMILY,
    pixels::Normalise::FAMILY,
    peaks::PeakArithmetic::FAMILY,
    peaks::PeakCopy::FAMILY,
    rows::Pointwise::FAMILY,
    rows::Pool::FAMILY,
    rows::PoolGradient::FAMILY,
    weights::Repack::FAMILY,
    pixels::Resample::FAMILY,
    pixels::ResizeBilinear::FAMILY,
    pixels::SelectFrames::FAMILY,
    weights::SgdStep::FAMILY,
    rows::SigmoidCrossEntropy::FAMILY,
    rows::Softmax::FAMILY,
    weights::SquareSum::FAMILY,
    rows::TokenAssembly::FAMILY,
    rows::TokenRows::FAMILY,
    rows::Transpose::FAMILY,
    products::TubeletEmbed::FAMILY,
    products::TubeletEmbedWeightGradient::FAMILY,
    weights::Widen::FAMILY,
];

impl FromStr for Selection {
    type Err = Error;

    /// Comma-separated: `plain` (for every kernel that has it) or `linear=workgroup` (for one kernel).
    fn from_str(text: &str) -> Result<Self> {
        Self::parse(text, ALL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{Capabilities, DeviceKind, MatrixShape};

    #[test]
    fn selections_are_parsed_and_checked() {
        let software = Capabilities::of_kind(DeviceKind::Software);
        let chosen = |text: &str, case: &Case| {
            let plan = text.parse::<Selection>().unwrap().plan(&*case.call, &software, Precision::F32).unwrap();
            plan.variant.name
        };
        let (norm, product) = (rows::LayerNorm::FAMILY, products::Linear::FAMILY);
        let [norm, product] = [norm, product].map(|family| (family.cases)().swap_remove(0));
        assert_eq!((chosen("", &norm), chosen("", &product)), ("plain", "subgroup"));
        assert_eq!((chosen("plain", &norm), chosen("plain", &product)), ("plain", "plain"));
        let mixed = "layer_norm=workgroup, plain";
        assert_eq!((chosen(mixed, &norm), chosen(mixed, &product)), ("workgroup", "plain"));
        for text in ["", "plain", "layer_norm=workgroup", "plain,layer_norm=workgroup"] {
            assert_eq!(text.parse::<Selection>().unwrap().to_string(), text);
        }
        assert!("".parse::<Selection>().unwrap().is_automatic() && !mixed.parse::<Selection>().unwrap().is_automatic());
        let message = |text: &str| text.parse::<Selection>().unwrap_err().to_string();
        assert!(message("fastest").contains("plain"));
        assert!(message("layer_norm=fastest").contains("layer_norm"));
        assert!(message("layernorm=plain").contains("layernorm"));
    }

    /// Matrix units multiply where a GPU has them and f16 is asked for, and nowhere else.
    #[test]
    fn matrix_units_multiply_halves() {
        let mut gpu = Capabilities::of_kind(DeviceKind::Discrete);
        gpu.f16 = true;
        gpu.subgroup = Some(crate::gpu::Subgroup { smallest: 32, largest: 32 });
        let without = gpu.clone();
        gpu.matrix_shapes = vec![MatrixShape::square(16)];
        let software = Capabilities { kind: DeviceKind::Software, ..gpu.clone() };
        for call in [products::Linear::FAMILY, products::TubeletEmbed::FAMILY, attention::Attention::FAMILY]
            .map(|family| (family.cases)().swap_remove(0).call)
        {
            let chosen = |device: &Capabilities, precision| {
                Selection::automatic().plan(&*call, device, precision).unwrap().variant.name
            };
            assert_eq!(chosen(&gpu, Precision::F16), "matrix");
            assert_eq!(chosen(&without, Precision::F16), "workgroup");
            assert_eq!(chosen(&gpu, Precision::F16Weights), "workgroup");
            assert_eq!(chosen(&software, Precision::F16), "subgroup");
            let forced = "matrix".parse::<Selection>().unwrap();
            assert_eq!(forced.plan(&*call, &software, Precision::F16).unwrap().variant.name, "matrix");
            let message = forced.plan(&*call, &without, Precision::F16).unwrap_err().to_string();
            assert!(message.contains("matrix units"), "{message}");
        }
    }

    /// `workgroup` is any of its tiles, as they were timed where the device can run that; a tile by its name is that one.
    #[test]
    fn tiles_are_named_timed_or_usual() {
        let [software, gpu] = [DeviceKind::Software, DeviceKind::Discrete].map(Capabilities::of_kind);
        let mut small = gpu.clone();
        small.limits.workgroup_invocations = 128;
        let tile = WorkgroupTile::ALL[4];
        let picks = TilePicks::new().with("linear", ProductClass::ManyWide, tile);
        let call = products::Linear::new(3137, 768, 3072);
        let chosen = |selection: &Selection, device: &Capabilities| {
            selection.plan(&call, device, Precision::F32).unwrap().variant.name
        };
        let usual = Selection::automatic();
        let timed = usual.clone().tiles(picks.clone());
        assert!(timed.is_automatic() && timed.is_tuned() && !usual.is_tuned());
        assert_eq!((chosen(&usual, &gpu), chosen(&timed, &gpu)), ("workgroup", tile.name));
        assert_eq!((chosen(&timed, &small), chosen(&timed, &software)), ("workgroup", "subgroup"));
        let forced: Selection = "workgroup".parse().unwrap();
        assert_eq!(chosen(&forced, &software), "workgroup");
        assert_eq!(chosen(&forced.clone().tiles(picks.clone()), &software), tile.name);
        let named: Selection = "linear=workgroup.32x64x16".parse().unwrap();
        assert_eq!(chosen(&named.clone().tiles(picks), &gpu), "workgroup.32x64x16");
        let refused = tile.name.parse::<Selection>().unwrap().plan(&call, &small, Precision::F32).unwrap_err();
        assert!(refused.to_string().contains("256 invocations"), "{refused}");
        let family = products::Linear::FAMILY;
        assert!(forced.names(family, "workgroup") && forced.names(family, tile.name));
        assert!(!named.names(family, "workgroup") && !named.names(family, tile.name));
    }

    #[test]
    fn names_are_told_apart() {
        for family in ALL {
            let name = |variant: &&'static Variant| (variant.name, variant.needs.f16);
            let mut names: Vec<_> = family.variants().iter().map(name).collect();
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), family.variants().len(), "{}", family.name);
        }
    }
}
