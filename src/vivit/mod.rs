//! ViViT, the video vision transformer (Arnab et al., ICCV 2021, arXiv 2103.15691): its configurations and parameters.
//!
//! A [`Config`] says everything that decides a model's arithmetic; [`Config::parameters`] lists the tensors that it
//! learns, by name and shape, and [`Config::multiply_accumulates`] what one clip costs. Anything that can hand out
//! those tensors, one at a time, is [`Parameters`]: files of several families, or a random generator.
//!
//! ```
//! use tubelet::vivit::Config;
//!
//! let config = Config::named("vit-b/16x2")?;
//! assert_eq!(config.sequence(), 3137);
//! assert_eq!(config.parameters()?.iter().map(|parameter| parameter.shape.elements()).sum::<usize>(), 88_954_000);
//! # Ok::<(), tubelet::tensor::Error>(())
//! ```

mod attention_map;
mod config;
mod counterpart;
mod counting;
mod definition;
mod encoder;
mod factorised_dot_product;
mod factorised_encoder;
mod factorised_self_attention;
pub mod initialise;
mod joint;
mod mask;
mod model;
pub mod naive;
mod named;
mod options;
mod parameters;
pub(crate) mod random;
mod random_inputs;
mod recorder;
mod recording;
mod request;
mod stochastic_depth;
mod switches;
mod training;
mod validation;

pub use attention_map::AttentionLayer;
pub(crate) use attention_map::{MapRecording, RecordedMap, record_attention_maps};
pub use config::{Config, Grid};
pub use definition::Halves;
pub(crate) use encoder::AttentionAxis;
pub use encoder::Encoder;
pub use factorised_dot_product::{FactorisedDotProduct, HeadOrder};
pub use factorised_encoder::{FactorisedEncoder, Temporal};
pub use factorised_self_attention::{FactorisedSelfAttention, Order};
pub use joint::Joint;
pub use mask::{FrameMask, GraphMask, TubeletRule};
pub use model::Model;
pub use options::ModelOption;
pub use parameters::{ParameterSpec, Parameters};
pub use random_inputs::BranchGates;
pub use recording::Recording;
pub(crate) use request::ModelInput;
pub use request::{Request, clip_shape};
pub use stochastic_depth::{RateGrowth, StochasticDepth};
pub use switches::{Classifier, EncoderSize, FrameSampling, Gelu, LabelHead, Labelling, Tubelet};
pub(crate) use training::LABELS;
pub use training::{Objective, StackGradient, TrainingRecording, record_gradients};
#[cfg(any(feature = "video", feature = "cli"))]
pub(crate) use training::{TARGETS, record_training};
pub(crate) use validation::MOST_LAYERS;

use crate::tensor::Result;
use recorder::Recorder;

/// Records a model's forward pass; which values it computes apart follows `request`.
pub fn record(config: &Config, request: &Request) -> Result<Recording> {
    record_by(Recorder::new(config, request)?)
}

/// Records a model's forward pass on what has been recorded.
fn record_by(mut recorder: Recorder<'_>) -> Result<Recording> {
    let config = recorder.config;
    let patches = recorder.patch_embeddings()?;
    let pooled = config.model.definition().encode(&mut recorder, patches)?;
    recorder.head(pooled)
}
