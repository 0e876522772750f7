//! Model 1 as the `transformers` library writes it.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::config::{MULTI_LABEL, REGRESSION};
use super::names::Spelling;
use crate::checkpoint::preprocessor::IMAGE;
use crate::checkpoint::writing::{self, SAFETENSORS};
use crate::checkpoint::{Checkpoint, LearntClips, PreprocessorFile, SaveOptions};
use crate::graph::Weights;
use crate::tensor::{Element, Error, Result, Shape, Tensor};
use crate::video::{Preset, Resize, Values};
use crate::vivit::{Classifier, Config, Gelu, Labelling, Model, Parameters};

/// Writes `checkpoint` into `folder` so that the `transformers` library loads it: as `model.safetensors` with its names,
/// `config.json` and `preprocessor_config.json`. A model without a head is written as the encoder alone.
///
/// The folder is made where it is missing. All files are written beside their places and put there at the end.
///
/// # Errors
///
/// A model that the library has no class for: any but Model 1 with a class token, without a representation layer and
/// without heads of several labels; a folder that holds a model already, unless `overwrite`; a disk that is full.
pub fn save_hugging_face(folder: impl AsRef<Path>, checkpoint: &Checkpoint, overwrite: bool) -> Result<()> {
    save_hugging_face_with(folder, checkpoint, SaveOptions::new().overwrite(overwrite))
}

/// [`save_hugging_face`], with weights of the type that the options name, which `config.json` tells the library.
///
/// # Errors
///
/// As [`save_hugging_face`]; and of kind [`Unsupported`](crate::tensor::ErrorKind::Unsupported), with the tensor's name, where a
/// finite weight is beyond the range of the type.
pub fn save_hugging_face_with(folder: impl AsRef<Path>, checkpoint: &Checkpoint, options: SaveOptions) -> Result<()> {
    check(&checkpoint.config)?;
    let spelling = Spelling { prefixed: checkpoint.config.classes > 0, modern: false };
    let names: Vec<_> = checkpoint.parameters.names().into_iter().map(|name| (spelling.stored(name), name)).collect();
    let renamed = Renamed { names, parameters: &*checkpoint.parameters };
    let config = pretty(&config(checkpoint, options.element))?;
    let preprocessor = match &checkpoint.preprocessor {
        Some(file) => file.clone(),
        None => {
            let Checkpoint { config, learnt_clips, .. } = checkpoint;
            PreprocessorFile { name: IMAGE.into(), text: preprocessor(config, *learnt_clips, Values::ZERO_CENTRED)? }
        }
    };
    writing::folder(folder.as_ref(), SAFETENSORS, &renamed, &config, Some(&preprocessor), options)
}

/// An error for a model that the library has no class for.
fn check(config: &Config) -> Result<()> {
    let reason = match config.model {
        Model::Joint(_) if config.classifier != Classifier::Token => "it has no class token",
        Model::Joint(_) if config.frame_sampling.is_some() => "it samples frames instead of tubelets",
        Model::Joint(_) if config.representation_size.is_some() => "it has a representation layer",
        Model::Joint(_) if matches!(config.labelling, Labelling::Heads(_)) => {
            "a clip has a label of each of several heads"
        }
        Model::Joint(_) => return Ok(()),
        _ => "it is not Model 1",
    };
    Err(Error::usage(format!(
        "the transformers library has no class for this model: {reason}; write it in this program's own format (--to tubelet)"
    )))
}

/// The `config.json` of the library, beside weights of type `element`.
fn config(checkpoint: &Checkpoint, element: Element) -> Value {
    let Config { frames, rows, columns, planes, tubelet, width, layers, heads, hidden, classes, .. } =
        checkpoint.config;
    let class = if classes > 0 { "VivitForVideoClassification" } else { "VivitModel" };
    let dtype = match element {
        Element::F16 => "float16",
        _ => "float32",
    };
    let gelu = match checkpoint.config.gelu {
        Gelu::Tanh => "gelu_fast",
        Gelu::Erf => "gelu",
    };
    let mut config = json!({
        "architectures": [class],
        "model_type": "vivit",
        "image_size": if rows == columns { json!(rows) } else { json!([rows, columns]) },
        "num_frames": frames,
        "tubelet_size": [tubelet.frames, tubelet.rows, tubelet.columns],
        "num_channels": planes,
        "hidden_size": width,
        "num_hidden_layers": layers,
        "num_attention_heads": heads,
        "intermediate_size": hidden,
        "hidden_act": gelu,
        "hidden_dropout_prob": 0.0,
        "attention_probs_dropout_prob": 0.0,
        "initializer_range": 0.02,
        // As a decimal, not as the f64 that the f32 is.
        "layer_norm_eps": checkpoint.config.layer_norm_eps.to_string().parse::<f64>().unwrap_or(1e-6),
        "qkv_bias": checkpoint.config.qkv_bias,
        "torch_dtype": dtype,
    });
    let label = |class: usize| match checkpoint.labels.as_ref().and_then(|labels| labels.get(class)) {
        Some(label) => label.clone(),
        None => format!("LABEL_{class}"),
    };
    let by_id: Map<_, _> = (0..classes).map(|class| (class.to_string(), json!(label(class)))).collect();
    let by_label: Map<_, _> = (0..classes).map(|class| (label(class), json!(class))).collect();
    if classes > 0
        && let Some(fields) = config.as_object_mut()
    {
        fields.insert("id2label".into(), Value::Object(by_id));
        fields.insert("label2id".into(), Value::Object(by_label));
        let problem_type = match checkpoint.config.labelling {
            Labelling::Multiple => Some(MULTI_LABEL),
            Labelling::Regression => Some(REGRESSION),
            Labelling::Single | Labelling::Heads(_) => None,
        };
        fields.extend(problem_type.map(|problem_type| ("problem_type".into(), json!(problem_type))));
    }
    config
}

/// The text of a `preprocessor_config.json` that gives clips of the model's size, taken as those that it has learnt from, these
/// values, which are not normalised.
pub(in crate::checkpoint) fn preprocessor(
    config: &Config,
    clips: Option<LearntClips>,
    values: Values,
) -> Result<String> {
    let (&Config { rows, columns, .. }, preset) = (config, Preset::HfCorrected);
    let preprocessing = match clips {
        Some(clips) => clips.preprocessing(preset, [rows, columns])?,
        None => preset.preprocessing([rows, columns])?,
    };
    let size = match preprocessing.resize() {
        Some(Resize::ShortEdge(pixels)) => json!({"shortest_edge": pixels}),
        _ => json!({"height": rows, "width": columns}),
    };
    pretty(&json!({
        "image_processor_type": "VivitImageProcessor",
        "do_resize": true,
        "size": size,
        "resample": 2,
        "do_center_crop": true,
        "crop_size": {"height": rows, "width": columns},
        "do_rescale": true,
        "rescale_factor": values.scale,
        "offset": values.zero_centred,
        "do_normalize": false,
    }))
}

fn pretty(value: &Value) -> Result<String> {
    serde_json::to_string_pretty(value)
        .map_err(|error| Error::usage(format!("the configuration cannot be written as JSON: {error}")))
}

/// Parameters under other names.
#[derive(Debug)]
struct Renamed<'a> {
    /// The new name and the old one.
    names: Vec<(String, &'a str)>,
    parameters: &'a dyn Parameters,
}

impl Renamed<'_> {
    fn old(&self, name: &str) -> Result<&str> {
        let found = self.names.iter().find(|(new, _)| new == name);
        found.map(|(_, old)| *old).ok_or_else(|| Error::usage(format!("the model has no parameter `{name}`")))
    }
}

impl Parameters for Renamed<'_> {
    fn names(&self) -> Vec<&str> {
        self.names.iter().map(|(new, _)| new.as_str()).collect()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        self.parameters.shape(self.old(name)?)
    }
}

impl Weights for Renamed<'_> {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        self.parameters.tensor(self.old(name)?)
    }
}
