//! A model as scenic has it: a training state and the configuration of an experiment.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::Flax;
use crate::checkpoint::fit::Convention;
use crate::checkpoint::flax::write_state;
use crate::checkpoint::weights::FLAX;
use crate::checkpoint::writing::{self, WeightsForm};
use crate::checkpoint::{Checkpoint, PreprocessorFile, SaveOptions};
use crate::graph::Weights;
use crate::tensor::{Error, Result, Shape, Tensor};
use crate::vivit::{
    Classifier, Config, EncoderSize, Gelu, HeadOrder, Labelling, Model, Order, ParameterSpec, Parameters, Temporal,
};

/// A training state in the file that scenic looks for.
const STATE: WeightsForm = WeightsForm { file: FLAX, write: write_state };

/// Writes `checkpoint` into `folder` as scenic, the original implementation, has it: `checkpoint`, a training state after no
/// step with Flax's names and layouts, and `config.json`, the experiment's configuration. Names of classes have no place there.
///
/// The folder is made where it is missing. All files are written beside their places and put there at the end.
///
/// ```no_run
/// let checkpoint = tubelet::checkpoint::load("mine")?;
/// tubelet::checkpoint::save_scenic("mine-scenic", &checkpoint, tubelet::checkpoint::SaveOptions::new())?;
/// # Ok::<(), tubelet::Error>(())
/// ```
///
/// # Errors
///
/// A model that scenic cannot compute: without a head, or with another GELU, another ε of LayerNorm, projections without biases,
/// or heads of Model 4 in another order; other floats than of 32 bits, in which scenic trains; a folder that holds a model
/// already, unless it is to be overwritten; a disk that is full.
pub fn save_scenic(folder: impl AsRef<Path>, checkpoint: &Checkpoint, options: SaveOptions) -> Result<()> {
    let config = &checkpoint.config;
    check(config)?;
    let text = serde_json::to_string_pretty(&described(config))
        .map_err(|error| Error::usage(format!("the configuration cannot be written as JSON: {error}")))?;
    let arrays = FlaxArrays::of(&*checkpoint.parameters, config);
    let preprocessor: Option<&PreprocessorFile> = checkpoint.preprocessor.as_ref();
    writing::folder(folder.as_ref(), STATE, &arrays, &text, preprocessor, options)
}

/// An error for a model that scenic cannot compute.
fn check(config: &Config) -> Result<()> {
    let reason = match config {
        Config { classes: 0, .. } => "it has no head",
        Config { labelling: Labelling::Regression, .. } => "it gives numbers instead of classes",
        Config { gelu: Gelu::Erf, .. } => "its GELU is by the error function",
        Config { qkv_bias: false, .. } => "its projections have no biases",
        Config { planes, .. } if *planes != 3 => "its frames are not in three colours",
        Config { layer_norm_eps, .. } if *layer_norm_eps != 1e-6 => "ε of its LayerNorm is not 1e-6",
        Config { model: Model::FactorisedDotProduct(model), .. } if model.heads != HeadOrder::TemporalFirst => {
            "its first heads attend over space"
        }
        _ => return Ok(()),
    };
    Err(Error::usage(format!(
        "scenic cannot compute this model: {reason}; write it in this program's own format (--to tubelet)"
    )))
}

/// The `config.json` of an experiment with this model.
fn described(config: &Config) -> Value {
    let Config { tubelet, frames, rows, columns, classes, .. } = *config;
    let patch = match config.frame_sampling {
        Some(_) => vec![tubelet.rows, tubelet.columns],
        None => vec![tubelet.rows, tubelet.columns, tubelet.frames],
    };
    let encoding = match config.frame_sampling {
        Some(sampling) => json!({"method": "temporal_sampling", "n_sampled_frames": sampling.frames}),
        None => json!({"method": "3d_conv", "kernel_init_method": "central_frame_initializer"}),
    };
    let mut model = json!({
        "hidden_size": config.width,
        "attention_config": attention(&config.model),
        "patches": {"size": patch},
        "representation_size": config.representation_size,
        "classifier": classifier(config.classifier),
        "attention_dropout_rate": 0.0,
        "dropout_rate": 0.0,
        "temporal_encoding_config": encoding,
    });
    if let Some(fields) = model.as_object_mut() {
        let own = EncoderSize { layers: config.layers, heads: config.heads, hidden: config.hidden };
        fields.extend(encoders(&config.model, own));
    }
    let mut data = json!({
        "num_frames": frames,
        "height": rows,
        "width": columns,
        "num_classes": classes,
        "zero_centering": true,
    });
    let name = match &config.labelling {
        Labelling::Heads(heads) => {
            data["class_splits"] = heads.iter().map(|head| head.classes).collect();
            data["split_names"] = heads.iter().map(|head| head.name.as_str()).collect();
            "vivit_multihead_classification"
        }
        Labelling::Multiple => "vivit_multilabel_classification",
        Labelling::Single | Labelling::Regression => "vivit_classification",
    };
    json!({"model_name": name, "model": model, "dataset_configs": data})
}

fn attention(model: &Model) -> Value {
    match model {
        Model::Joint(_) => json!({"type": "spacetime"}),
        Model::FactorisedEncoder(encoder) if encoder.temporal == Temporal::Mean => {
            json!({"type": "factorized_encoder", "spatial_only_baseline": true})
        }
        Model::FactorisedEncoder(_) => json!({"type": "factorized_encoder"}),
        Model::FactorisedSelfAttention(attention) => {
            let order = match attention.order {
                Order::SpaceTime => "space_time",
                Order::TimeSpace => "time_space",
            };
            json!({"type": "factorized_self_attention_block", "attention_order": order})
        }
        Model::FactorisedDotProduct(_) => json!({"type": "factorized_dot_product_attention"}),
    }
}

/// The sizes of the encoders.
fn encoders(model: &Model, own: EncoderSize) -> Map<String, Value> {
    let size = |size: EncoderSize| {
        let sizes = [("num_heads", size.heads), ("mlp_dim", size.hidden), ("num_layers", size.layers)];
        sizes.into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect::<Map<_, _>>()
    };
    let Model::FactorisedEncoder(encoder) = model else { return size(own) };
    let mut encoders = Map::from_iter([("spatial_transformer".to_owned(), size(own).into())]);
    if let Temporal::Encoder(temporal) = encoder.temporal {
        encoders.insert("temporal_transformer".to_owned(), size(temporal).into());
    }
    encoders
}

fn classifier(classifier: Classifier) -> &'static str {
    match classifier {
        Classifier::Token => "token",
        Classifier::FirstToken => "0",
        Classifier::Mean => "gap",
        Classifier::Max => "gmp",
        Classifier::Sum => "gsp",
    }
}

/// A model's parameters by Flax's names, in its layouts.
#[derive(Debug)]
struct FlaxArrays<'a> {
    /// Flax's name of each, and its own.
    names: Vec<(String, &'a str)>,
    flax: Flax,
    parameters: &'a dyn Parameters,
}

impl<'a> FlaxArrays<'a> {
    fn of(parameters: &'a dyn Parameters, config: &Config) -> Self {
        let flax = Flax::of(config);
        let names = parameters.names().into_iter().map(|name| (flax.stored(name), name)).collect();
        Self { names, flax, parameters }
    }

    fn own(&self, stored: &str) -> Result<&'a str> {
        let found = self.names.iter().find(|(name, _)| name == stored);
        found.map(|(_, own)| *own).ok_or_else(|| Error::usage(format!("the model has no parameter `{stored}`")))
    }
}

impl Parameters for FlaxArrays<'_> {
    fn names(&self) -> Vec<&str> {
        self.names.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        let own = self.own(name)?;
        Ok(self.flax.shape(&ParameterSpec { name: own.to_owned(), shape: self.parameters.shape(own)? }))
    }
}

impl Weights for FlaxArrays<'_> {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        let own = self.own(name)?;
        self.flax.array(own, self.parameters.tensor(own)?)
    }
}
