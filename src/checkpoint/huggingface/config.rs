//! `config.json`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::checkpoint::stored::StoredFile;
use crate::tensor::{Error, Result, printable};
use crate::video::{Fields, shortened};
use crate::vivit::{Classifier, Config, Gelu, Joint, Labelling, Tubelet};

/// What `config.json` says.
pub(super) struct Description {
    pub(super) config: Config,
    /// The names of the classes, where they are given.
    pub(super) labels: Option<Vec<String>>,
    /// Whether the file says neither how many classes there are nor what they are called.
    pub(super) classes_assumed: bool,
    /// Whether the file is of a model with a classifier, by the name of its class in Python.
    pub(super) classifies: bool,
}

/// The sides of an image in pixels.
#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
pub(in crate::checkpoint) enum ImageSize {
    /// Both the same.
    Square(usize),
    /// Height, width.
    Sides([usize; 2]),
}

impl ImageSize {
    pub(in crate::checkpoint) const MUST_BE: &str = "a whole number or [height, width]";

    /// Height, width.
    pub(in crate::checkpoint) fn sides(self) -> [usize; 2] {
        match self {
            Self::Square(side) => [side, side],
            Self::Sides(sides) => sides,
        }
    }
}

/// The classes of a model whose `config.json` says nothing of them; the library leaves its default out.
pub(super) const DEFAULT_CLASSES: usize = 2;

/// Reads a `config.json`.
pub(super) fn read(file: &StoredFile) -> Result<Description> {
    let fields =
        Fields::parse(&file.text()?).map_err(|instead| Error::file(format!("{} is {instead}", file.display())))?;
    describe(&fields).map_err(|reason| Error::file(format!("{}: {reason}", file.display())))
}

/// What the fields say that decide a model's arithmetic; others are not looked at. A missing one has its published
/// default.
fn describe(fields: &Fields) -> Result<Description, String> {
    match fields.get("model_type", "`vivit`", None::<String>)?.as_deref() {
        Some("vivit") => {}
        Some(other) => return Err(format!("model_type is `{other}`, but only `vivit` is a ViViT model")),
        None => return Err("there is no model_type; a ViViT model's is `vivit`".into()),
    }
    let labels = fields.get("id2label", LABELS, None::<Map<String, Value>>)?.map(labels).transpose()?;
    let number = fields.get("num_labels", WHOLE_NUMBER, None)?;
    let architectures = fields.get("architectures", "a list of names", None::<Vec<String>>)?.unwrap_or_default();
    let labelling = labelling(fields)?;
    let config = Config { labelling, ..config(fields, classes(number, labels.as_deref())?)? };
    config.validate().map_err(|error| error.to_string())?;
    Ok(Description {
        config,
        classes_assumed: number.is_none() && labels.is_none(),
        classifies: architectures.iter().any(|name| name.ends_with("Classification")),
        labels,
    })
}

const WHOLE_NUMBER: &str = "a whole number";
const LABELS: &str = r#"a name for each class, such as {"0": "abseiling", "1": "air drumming"}"#;

fn config(fields: &Fields, classes: usize) -> Result<Config, String> {
    let whole = |name, default| fields.get(name, WHOLE_NUMBER, default);
    let [rows, columns] = fields.get("image_size", ImageSize::MUST_BE, ImageSize::Square(224))?.sides();
    let tubelet = "three whole numbers, [frames, rows, columns]";
    let [tubelet_frames, tubelet_rows, tubelet_columns] = fields.get("tubelet_size", tubelet, [2, 16, 16])?;
    let hidden_act =
        fields.get("hidden_act", "the name of an activation, such as \"gelu_fast\"", "gelu_fast".to_owned())?;
    Ok(Config {
        model: Joint.into(),
        frames: whole("num_frames", 32)?,
        rows,
        columns,
        planes: whole("num_channels", 3)?,
        tubelet: Tubelet { frames: tubelet_frames, rows: tubelet_rows, columns: tubelet_columns },
        frame_sampling: None,
        width: whole("hidden_size", 768)?,
        layers: whole("num_hidden_layers", 12)?,
        heads: whole("num_attention_heads", 12)?,
        hidden: whole("intermediate_size", 3072)?,
        classes,
        labelling: Labelling::Single,
        classifier: Classifier::Token,
        layer_norm_eps: fields.get("layer_norm_eps", "a number", 1e-6)?,
        gelu: gelu(&hidden_act)?,
        qkv_bias: fields.get("qkv_bias", "true or false", true)?,
        representation_size: None,
    })
}

/// The names in order of their index, fit to be printed; each index up to the last must have one.
fn labels(id2label: Map<String, Value>) -> Result<Vec<String>, String> {
    let mut names = BTreeMap::new();
    for (key, name) in id2label {
        let index: usize = key.trim().parse().map_err(|_| {
            format!("id2label has the key `{}`, but its keys must be numbers of classes", shortened(&key))
        })?;
        if names.insert(index, printable(&label(index, name)?, LONGEST_LABEL)).is_some() {
            return Err(format!("id2label names class {index} twice"));
        }
    }
    match names.keys().zip(0..).find(|&(&index, expected)| index != expected) {
        Some((_, missing)) => Err(format!("id2label names {} classes, but not class {missing}", names.len())),
        None => Ok(names.into_values().collect()),
    }
}

/// Characters of the longest name of a class that is kept whole.
const LONGEST_LABEL: usize = 200;

/// The name of a class as the library prints it: a data set of numbered classes has numbers for names.
fn label(index: usize, name: Value) -> Result<String, String> {
    match name {
        Value::String(name) => Ok(name),
        Value::Number(number) => Ok(number.to_string()),
        Value::Bool(true) => Ok("True".into()),
        Value::Bool(false) => Ok("False".into()),
        Value::Null => Ok(format!("class {index}")),
        Value::Array(_) | Value::Object(_) => Err(format!(
            "id2label calls class {index} {}, but its name must be a text, a number, true or false",
            shortened(&name.to_string())
        )),
    }
}

/// What the logits mean. Where the file does not say it, the library takes a softmax of them.
fn labelling(fields: &Fields) -> Result<Labelling, String> {
    const MUST_BE: &str = "single_label_classification, multi_label_classification or regression";
    match fields.get("problem_type", MUST_BE, None::<String>)?.as_deref() {
        None | Some(SINGLE_LABEL) => Ok(Labelling::Single),
        Some(MULTI_LABEL) => Ok(Labelling::Multiple),
        Some(REGRESSION) => Ok(Labelling::Regression),
        Some(other) => Err(format!("problem_type is `{}`, but must be {MUST_BE}", shortened(other))),
    }
}

/// The library's words for what logits mean.
const SINGLE_LABEL: &str = "single_label_classification";
pub(super) const MULTI_LABEL: &str = "multi_label_classification";
pub(super) const REGRESSION: &str = "regression";

fn classes(num_labels: Option<usize>, labels: Option<&[String]>) -> Result<usize, String> {
    let classes = match (num_labels, labels) {
        (Some(number), Some(labels)) if number != labels.len() => {
            return Err(format!("num_labels is {number}, but id2label names {} classes", labels.len()));
        }
        (_, Some(labels)) => labels.len(),
        (number, None) => number.unwrap_or(DEFAULT_CLASSES),
    };
    match classes {
        0 => Err("id2label or num_labels says that there are no classes, but a classifier has at least 1".into()),
        classes => Ok(classes),
    }
}

/// The library's names of activations that are one of the two GELUs exactly.
pub(in crate::checkpoint) fn gelu(hidden_act: &str) -> Result<Gelu, String> {
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

    fn parse(text: &str) -> Result<Description, String> {
        describe(&Fields::parse(text).unwrap_or_else(|error| panic!("{error}")))
    }

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
            model: Joint.into(),
            frames: 10,
            rows: 23,
            columns: 45,
            planes: 4,
            tubelet: Tubelet { frames: 3, rows: 5, columns: 7 },
            frame_sampling: None,
            width: 36,
            layers: 2,
            heads: 3,
            hidden: 50,
            classes: 5,
            labelling: Labelling::Single,
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
    fn control_characters_of_labels_are_not_printed() {
        let Ok(description) =
            parse(r#"{"model_type": "vivit", "id2label": {"0": "evil\u001b[31m\nred", "1": "naïve"}}"#)
        else {
            panic!("labels were refused")
        };
        assert_eq!(description.labels.unwrap(), ["evil red", "naïve"]);
    }

    #[test]
    fn an_assumed_number_of_classes_is_known_as_such() {
        for (fields, assumed) in [("", true), (r#", "num_labels": 2"#, false), (r#", "id2label": {"0": "a"}"#, false)] {
            let Ok(description) = parse(&format!(r#"{{"model_type": "vivit" {fields}}}"#)) else { panic!("{fields}") };
            assert_eq!(description.classes_assumed, assumed, "{fields}");
        }
    }

    #[test]
    fn names_of_classes_may_be_anything_that_json_has_in_one_word() {
        let names =
            r#", "id2label": {"0": 0, "1": -12, "2": 1.5, "3": 1.0, "4": true, "5": false, "6": null, " 7 ": "a"}"#;
        let Ok(description) = parse(&format!(r#"{{"model_type": "vivit" {names}}}"#)) else { panic!("refused") };
        assert_eq!(description.labels.unwrap(), ["0", "-12", "1.5", "1.0", "True", "False", "class 6", "a"]);
        assert_eq!(config(r#", "id2label": null"#).classes, 2);
    }

    #[test]
    fn the_problem_type_says_what_the_logits_mean() {
        let labelling = |value: &str| config(&format!(r#", "problem_type": {value}"#)).labelling;
        assert_eq!(config("").labelling, Labelling::Single);
        assert_eq!(labelling("null"), Labelling::Single);
        assert_eq!(labelling(r#""single_label_classification""#), Labelling::Single);
        assert_eq!(labelling(r#""multi_label_classification""#), Labelling::Multiple);
        assert_eq!(labelling(r#""regression""#), Labelling::Regression);
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
            (r#", "id2label": {"cat": "b"}"#, "id2label has the key `cat`"),
            (r#", "id2label": {"0": "a", "00": "b"}"#, "names class 0 twice"),
            (r#", "id2label": {"0": [7]}"#, "id2label calls class 0 [7], but its name must be a text"),
            (r#", "id2label": {"0": {"a": 1}}"#, r#"id2label calls class 0 {"a":1}, but its name must be a text"#),
            (r#", "problem_type": "ranking""#, "problem_type is `ranking`, but must be single_label_classification"),
            (r#", "problem_type": 1"#, "problem_type is 1, but must be single_label_classification"),
            (r#", "id2label": ["a", "b"]"#, r#"id2label is ["a","b"], but must be a name for each class"#),
            (r#", "id2label": {"0": "a"}, "num_labels": 3"#, "num_labels is 3, but id2label names 1"),
            (r#", "id2label": {}"#, "no classes"),
            (r#", "num_labels": "ten""#, r#"num_labels is "ten", but must be a whole number"#),
            (r#", "image_size": "large""#, r#"image_size is "large", but must be a whole number or [height, width]"#),
            (r#", "image_size": [1, 2, 3]"#, "image_size is [1,2,3]"),
            (r#", "tubelet_size": [2, 16]"#, "tubelet_size is [2,16], but must be three whole numbers"),
            (r#", "hidden_size": -768"#, "hidden_size is -768, but must be a whole number"),
            (r#", "hidden_size": "64""#, r#"hidden_size is "64", but must be a whole number"#),
            (r#", "hidden_size": 64.0"#, "hidden_size is 64.0, but must be a whole number"),
            (r#", "hidden_act": null"#, "hidden_act is null, but must be the name of an activation"),
            (r#", "qkv_bias": 1"#, "qkv_bias is 1, but must be true or false"),
            (r#", "layer_norm_eps": "1e-6""#, r#"layer_norm_eps is "1e-6", but must be a number"#),
            (r#", "architectures": "VivitModel""#, "architectures is"),
            (r#", "num_hidden_layers": 10000000"#, "number of layers is 10000000"),
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
