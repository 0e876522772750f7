//! `config.json`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use crate::checkpoint::location::text;
use crate::tensor::{Error, Result};
use crate::vivit::{Classifier, Config, Gelu, Model, Tubelet};

/// What `config.json` says.
pub(super) struct Description {
    pub(super) config: Config,
    /// The names of the classes, where they are given.
    pub(super) labels: Option<Vec<String>>,
}

/// The fields that decide a model's arithmetic; others are not looked at. A missing one has its published default.
#[derive(Deserialize)]
#[serde(default)]
struct ConfigFile {
    model_type: Option<String>,
    image_size: ImageSize,
    num_frames: usize,
    /// Frames, rows, columns.
    tubelet_size: [usize; 3],
    num_channels: usize,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    intermediate_size: usize,
    hidden_act: String,
    layer_norm_eps: f32,
    qkv_bias: bool,
    num_labels: Option<usize>,
    id2label: Option<BTreeMap<usize, String>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged, expecting = "image_size is neither a number nor [height, width]")]
enum ImageSize {
    Square(usize),
    /// Height, width.
    Sides([usize; 2]),
}

impl Default for ConfigFile {
    fn default() -> Self {
        Self {
            model_type: None,
            image_size: ImageSize::Square(224),
            num_frames: 32,
            tubelet_size: [2, 16, 16],
            num_channels: 3,
            hidden_size: 768,
            num_hidden_layers: 12,
            num_attention_heads: 12,
            intermediate_size: 3072,
            hidden_act: "gelu_fast".into(),
            layer_norm_eps: 1e-6,
            qkv_bias: true,
            num_labels: None,
            id2label: None,
        }
    }
}

/// The classes of a model whose `config.json` says nothing of them; the library leaves its default out.
const DEFAULT_CLASSES: usize = 2;

/// Reads the `config.json` at `path`.
pub(super) fn read(path: &Path) -> Result<Description> {
    let text = text(path)?;
    parse(&text).map_err(|reason| Error::file(format!("{}: {reason}", path.display())))
}

fn parse(text: &str) -> Result<Description, String> {
    let file: ConfigFile = serde_json::from_str(text).map_err(|error| error.to_string())?;
    match file.model_type.as_deref() {
        Some("vivit") => {}
        Some(other) => return Err(format!("model_type is `{other}`, but only `vivit` is a ViViT model")),
        None => return Err("there is no model_type; a ViViT model's is `vivit`".into()),
    }
    let labels = file.id2label.as_ref().map(labels).transpose()?;
    let classes = classes(file.num_labels, labels.as_deref())?;
    let [rows, columns] = match file.image_size {
        ImageSize::Square(side) => [side, side],
        ImageSize::Sides(sides) => sides,
    };
    let [tubelet_frames, tubelet_rows, tubelet_columns] = file.tubelet_size;
    let config = Config {
        model: Model::Joint,
        frames: file.num_frames,
        rows,
        columns,
        planes: file.num_channels,
        tubelet: Tubelet { frames: tubelet_frames, rows: tubelet_rows, columns: tubelet_columns },
        width: file.hidden_size,
        layers: file.num_hidden_layers,
        heads: file.num_attention_heads,
        hidden: file.intermediate_size,
        classes,
        classifier: Classifier::Token,
        layer_norm_eps: file.layer_norm_eps,
        gelu: gelu(&file.hidden_act)?,
        qkv_bias: file.qkv_bias,
        representation_size: None,
    };
    config.validate().map_err(|error| error.to_string())?;
    Ok(Description { config, labels })
}

/// The names in order of their index; each index up to the last must have one.
fn labels(id2label: &BTreeMap<usize, String>) -> Result<Vec<String>, String> {
    match id2label.keys().zip(0..).find(|&(&id, index)| id != index) {
        Some((_, missing)) => Err(format!("id2label names {} classes, but not class {missing}", id2label.len())),
        None => Ok(id2label.values().cloned().collect()),
    }
}

fn classes(num_labels: Option<usize>, labels: Option<&[String]>) -> Result<usize, String> {
    let classes = match (num_labels, labels) {
        (Some(number), Some(labels)) if number != labels.len() => {
            return Err(format!("num_labels is {number}, but id2label names {} classes", labels.len()));
        }
        (_, Some(labels)) => labels.len(),
        (number, None) => number.unwrap_or(DEFAULT_CLASSES),
    };
    match classes {
        0 => Err("there are no classes".into()),
        classes => Ok(classes),
    }
}

/// The library's names of activations that are one of the two GELUs exactly.
fn gelu(hidden_act: &str) -> Result<Gelu, String> {
    match hidden_act {
        "gelu_fast" | "gelu_new" | "gelu_pytorch_tanh" => Ok(Gelu::Tanh),
        "gelu" | "gelu_python" => Ok(Gelu::Erf),
        other => Err(format!(
            "hidden_act is `{other}`, but only gelu_fast, gelu_new and gelu_pytorch_tanh (GELU by tanh) \
             and gelu and gelu_python (GELU by erf) are computed"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(fields: &str) -> Config {
        parse(&format!(r#"{{"model_type": "vivit" {fields}}}"#)).unwrap_or_else(|error| panic!("{error}")).config
    }

    fn refusal(fields: &str) -> String {
        match parse(&format!(r#"{{"model_type": "vivit" {fields}}}"#)) {
            Ok(_) => panic!("{fields} was accepted"),
            Err(error) => error,
        }
    }

    #[test]
    fn defaults_are_those_of_the_published_model() {
        assert_eq!(config(""), Config { classes: 2, ..Config::named("vit-b/16x2").unwrap() });
    }

    #[test]
    fn every_field_counts() {
        let fields = r#", "image_size": [23, 45], "num_frames": 10, "tubelet_size": [3, 5, 7], "num_channels": 4,
            "hidden_size": 36, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 50,
            "hidden_act": "gelu", "layer_norm_eps": 1e-05, "qkv_bias": false, "num_labels": 5,
            "video_size": [1, 2, 3], "pooler_act": "tanh""#;
        let expected = Config {
            model: Model::Joint,
            frames: 10,
            rows: 23,
            columns: 45,
            planes: 4,
            tubelet: Tubelet { frames: 3, rows: 5, columns: 7 },
            width: 36,
            layers: 2,
            heads: 3,
            hidden: 50,
            classes: 5,
            classifier: Classifier::Token,
            layer_norm_eps: 1e-5,
            gelu: Gelu::Erf,
            qkv_bias: false,
            representation_size: None,
        };
        assert_eq!(config(fields), expected);
    }

    #[test]
    fn labels_are_in_order_of_their_number() {
        let names: Vec<_> = (0..12).rev().map(|id| format!(r#""{id}": "class {id}""#)).collect();
        let text = format!(r#"{{"model_type": "vivit", "id2label": {{{}}}}}"#, names.join(","));
        let labels = parse(&text).unwrap_or_else(|error| panic!("{error}")).labels.unwrap();
        assert_eq!(labels, (0..12).map(|id| format!("class {id}")).collect::<Vec<_>>());
    }

    #[test]
    fn activations_are_exact_or_refused() {
        assert_eq!(config(r#", "hidden_act": "gelu_new""#).gelu, Gelu::Tanh);
        assert_eq!(config(r#", "hidden_act": "gelu_pytorch_tanh""#).gelu, Gelu::Tanh);
        for act in ["quick_gelu", "gelu_10", "relu"] {
            let error = refusal(&format!(r#", "hidden_act": "{act}""#));
            assert!(error.contains(act) && error.contains("gelu_fast"), "{error}");
        }
    }

    #[test]
    fn each_refusal_names_the_field() {
        for (fields, culprit) in [
            (r#", "id2label": {"0": "a", "2": "c"}"#, "not class 1"),
            (r#", "id2label": {"1": "b"}"#, "not class 0"),
            (r#", "id2label": {"cat": "b"}"#, "expected key to be a number"),
            (r#", "id2label": {"0": "a"}, "num_labels": 3"#, "num_labels is 3, but id2label names 1"),
            (r#", "id2label": {}"#, "no classes"),
            (r#", "image_size": "large""#, "image_size"),
            (r#", "image_size": [1, 2, 3]"#, "image_size"),
            (r#", "tubelet_size": [2, 16]"#, "length 2"),
            (r#", "hidden_size": -768"#, "-768"),
            (r#", "num_attention_heads": 5"#, "5 heads"),
            (r#", "num_frames": 1"#, "clip of 1"),
            (r#", "layer_norm_eps": 0"#, "eps is 0"),
        ] {
            let error = refusal(fields);
            assert!(error.contains(culprit), "{fields}: {error}");
        }
        let Err(error) = parse(r#"{"model_type": "vit"}"#) else { panic!("a vit was accepted") };
        assert!(error.contains("`vit`"), "{error}");
        let Err(error) = parse("{}") else { panic!("nothing was accepted") };
        assert!(error.contains("model_type"), "{error}");
    }
}
