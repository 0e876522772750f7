//! The kernels: one folder each, with what it computes, how it is dispatched, its naive reference and its cases.
//!
//! A [`Family`] is the static declaration (bindings, parameters, WGSL variants, cases); a [`Kernel`] is one call of it
//! with its sizes. Kernels written outside the crate use the same contract.
//!
//! To add one: a WGSL file in `shaders/`, a folder here, and a line in [`ALL`].

mod activation;
pub mod attention;
pub mod attention_normaliser;
pub mod attention_probabilities;
pub mod attention_rollout;
mod cases;
mod clip_layout;
pub mod colour;
mod contract;
mod frames;
pub mod layer_norm;
pub mod linear;
pub mod normalise;
mod packing;
pub mod peak_arithmetic;
pub mod peak_copy;
pub mod pieces;
pub mod pointwise;
pub mod pool;
mod product;
mod program;
pub mod resample;
pub mod resize_bilinear;
pub mod select_frames;
mod selection;
pub mod softmax;
pub mod suite;
pub mod token_assembly;
pub mod tubelet_embed;

use crate::tensor::{Error, Result, Tensor};

pub use activation::Activation;
pub use cases::{Case, Fill};
pub use clip_layout::{ClipLayout, Strides};
pub use contract::{Access, Binding, Call, Class, Cost, Family, Field, Kernel, Launch, Needs, Variant, cost};
pub use packing::Packing;
pub use program::{Program, ProgramBuilder, render};
pub use selection::Selection;

/// Every kernel family.
pub static ALL: &[&Family] = &[
    &attention::FAMILY,
    &attention_normaliser::FAMILY,
    &attention_probabilities::FAMILY,
    &attention_rollout::FAMILY,
    &colour::FAMILY,
    &layer_norm::FAMILY,
    &linear::FAMILY,
    &normalise::FAMILY,
    &peak_arithmetic::FAMILY,
    &peak_copy::FAMILY,
    &pointwise::FAMILY,
    &pool::FAMILY,
    &resample::FAMILY,
    &resize_bilinear::FAMILY,
    &select_frames::FAMILY,
    &softmax::FAMILY,
    &token_assembly::FAMILY,
    &tubelet_embed::FAMILY,
];

/// The WGSL pieces that kernels include, by file name below `shaders/`.
pub(crate) const COMMON_SHADERS: &[(&str, &str)] = &[
    ("common/activation.wgsl", include_str!("../../shaders/common/activation.wgsl")),
    ("common/attention.wgsl", include_str!("../../shaders/common/attention.wgsl")),
    ("common/attention_chunk.subgroup.wgsl", include_str!("../../shaders/common/attention_chunk.subgroup.wgsl")),
    ("common/attention_normaliser.wgsl", include_str!("../../shaders/common/attention_normaliser.wgsl")),
    ("common/attention_own.subgroup.wgsl", include_str!("../../shaders/common/attention_own.subgroup.wgsl")),
    ("common/attention_rollout.wgsl", include_str!("../../shaders/common/attention_rollout.wgsl")),
    ("common/attention_rows.subgroup.wgsl", include_str!("../../shaders/common/attention_rows.subgroup.wgsl")),
    ("common/attention_scores.subgroup.wgsl", include_str!("../../shaders/common/attention_scores.subgroup.wgsl")),
    ("common/attention_scores.workgroup.wgsl", include_str!("../../shaders/common/attention_scores.workgroup.wgsl")),
    ("common/bias.wgsl", include_str!("../../shaders/common/bias.wgsl")),
    ("common/pixel.wgsl", include_str!("../../shaders/common/pixel.wgsl")),
    ("common/linear_operands.wgsl", include_str!("../../shaders/common/linear_operands.wgsl")),
    ("common/pool_step.wgsl", include_str!("../../shaders/common/pool_step.wgsl")),
    ("common/product.wgsl", include_str!("../../shaders/common/product.wgsl")),
    ("common/product.subgroup.wgsl", include_str!("../../shaders/common/product.subgroup.wgsl")),
    ("common/product.workgroup.wgsl", include_str!("../../shaders/common/product.workgroup.wgsl")),
    ("common/quads.wgsl", include_str!("../../shaders/common/quads.wgsl")),
    ("common/softmax_maximum.wgsl", include_str!("../../shaders/common/softmax_maximum.wgsl")),
    ("common/tubelet_embed_operands.wgsl", include_str!("../../shaders/common/tubelet_embed_operands.wgsl")),
    ("common/workgroup_sum.wgsl", include_str!("../../shaders/common/workgroup_sum.wgsl")),
];

/// The tensor at place `binding` of a family's bindings, counted from 0, among the `inputs` that
/// [`Kernel::reference`] is given.
///
/// # Errors
///
/// Where the call was given none: a reference asks for those that its switches say are present.
pub fn input<'a>(inputs: &[Option<&'a Tensor>], binding: usize) -> Result<&'a Tensor> {
    inputs
        .get(binding)
        .copied()
        .flatten()
        .ok_or_else(|| Error::usage(format!("the input at binding {binding} is missing")))
}
