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
//! assert_eq!(config.parameters().iter().map(|parameter| parameter.shape.elements()).sum::<usize>(), 88_954_000);
//! # Ok::<(), tubelet::tensor::Error>(())
//! ```

mod config;
pub mod initialise;
mod joint;
mod named;
mod parameters;
pub(crate) mod random;
mod recording;

pub use config::{Classifier, Config, Gelu, Grid, Model, Tubelet};
pub use parameters::{ParameterSpec, Parameters};
pub use recording::{Recording, Request, clip_shape};

use crate::tensor::Result;

/// Records a model's forward pass; which values it computes apart follows `request`.
pub fn record(config: &Config, request: &Request) -> Result<Recording> {
    match config.model {
        Model::Joint => joint::record(config, request),
    }
}
