//! The kernels, in wings: each kernel has a folder with what it computes, how it is dispatched, its naive reference and
//! its cases.
//!
//! A [`Family`] is the static declaration (bindings, parameters, WGSL variants, cases); a [`Kernel`] is one call of it
//! with its sizes. Kernels written outside the crate use the same contract.
//!
//! To add one: a WGSL file in `shaders/`, a folder in its wing here, and a line in [`ALL`].

mod activation;
pub mod attention;
mod clip_layout;
pub mod contract;
pub mod peaks;
pub mod pixels;
pub mod products;
pub mod rows;
pub mod shader;

pub use activation::Activation;
pub use clip_layout::{ClipLayout, Strides};
pub use contract::{Access, Binding, Call, Case, Cost, Family, Field, Fill, Kernel, cost, cut, input};
pub use shader::{Class, Launch, Literals, Needs, Packing, Program, ProgramBuilder, Selection, Variant, render, suite};

/// Every kernel family.
pub static ALL: &[&Family] = &[
    &attention::forward::FAMILY,
    &attention::normaliser::FAMILY,
    &attention::probabilities::FAMILY,
    &attention::rollout::FAMILY,
    &pixels::colour::FAMILY,
    &rows::layer_norm::FAMILY,
    &products::linear::FAMILY,
    &pixels::normalise::FAMILY,
    &peaks::arithmetic::FAMILY,
    &peaks::copy::FAMILY,
    &rows::pointwise::FAMILY,
    &rows::pool::FAMILY,
    &pixels::resample::FAMILY,
    &pixels::resize_bilinear::FAMILY,
    &pixels::select_frames::FAMILY,
    &rows::softmax::FAMILY,
    &rows::token_assembly::FAMILY,
    &products::tubelet_embed::FAMILY,
];
