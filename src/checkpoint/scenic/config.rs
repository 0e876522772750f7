//! scenic's `config.json`: the experiment's configuration, as `ConfigDict.to_json` writes it.

use serde::Deserialize;

use crate::checkpoint::stored::StoredFile;
use crate::tensor::{Error, LONGEST_TEXT, Result, printable};
use crate::video::Fields;
use crate::vivit::{
    Classifier, FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention, Joint, LabelHead, Labelling, Model,
    ModelOption, Order,
};

/// What `config.json` says; `None` where it says nothing.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Said {
    /// Which of the models, its own options at their defaults.
    pub(super) kind: Option<Model>,
    pub(super) order: Option<Order>,
    /// Whether Model 2 has no temporal encoder.
    pub(super) baseline: bool,
    pub(super) width: Option<usize>,
    /// Of Model 2 the spatial one.
    pub(super) encoder: SaidEncoder,
    pub(super) temporal: SaidEncoder,
    /// Height, width and, of tubelets, frames.
    pub(super) patch: Option<Vec<usize>>,
    /// Frames that are looked at, where tokens are patches of single frames.
    pub(super) sampled_frames: Option<usize>,
    pub(super) classifier: Option<Classifier>,
    /// Width of the representation layer, `Some(None)` where there is none.
    pub(super) representation: Option<Option<usize>>,
    pub(super) frames: Option<usize>,
    /// Rows and columns.
    pub(super) size: Option<[usize; 2]>,
    pub(super) classes: Option<usize>,
    pub(super) labelling: Labelling,
    /// Whether clips were trained on with values in [0, 1] instead of [-1, 1].
    pub(super) not_centred: bool,
}

impl Said {
    /// The model's own options that show in no parameter.
    pub(super) fn options(&self) -> Vec<ModelOption> {
        let order = self.order.map(|order| match order {
            Order::SpaceTime => "space_time",
            Order::TimeSpace => "time_space",
        });
        order.map(|order| ModelOption::new("order", order)).into_iter().collect()
    }
}

/// The sizes of one encoder, as far as they are said.
#[derive(Debug, Default, PartialEq)]
pub(super) struct SaidEncoder {
    pub(super) layers: Option<usize>,
    pub(super) heads: Option<usize>,
    pub(super) hidden: Option<usize>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Sides {
    Square(usize),
    /// Height, width.
    Both([usize; 2]),
}

/// The fields below one field of the configuration, which are called by both names in errors.
struct Section {
    name: &'static str,
    fields: Fields,
}

impl Section {
    fn of(fields: &Fields, name: &'static str) -> Result<Self, String> {
        Ok(Self { name, fields: fields.nested(name)? })
    }

    fn get<V: serde::de::DeserializeOwned>(&self, name: &str, must_be: &str) -> Result<Option<V>, String> {
        self.fields.get(name, must_be, None).map_err(|error| format!("{}.{error}", self.name))
    }

    fn whole(&self, name: &str) -> Result<Option<usize>, String> {
        self.get(name, "a whole number")
    }

    fn word(&self, name: &str) -> Result<Option<String>, String> {
        self.get(name, "a name in quotes")
    }

    fn encoder(&self) -> Result<SaidEncoder, String> {
        Ok(SaidEncoder {
            layers: self.whole("num_layers")?,
            heads: self.whole("num_heads")?,
            hidden: self.whole("mlp_dim")?,
        })
    }
}

/// Reads a `config.json`.
pub(super) fn read(file: &StoredFile) -> Result<Said> {
    let fields =
        Fields::parse(&file.text()?).map_err(|instead| Error::file(format!("{} is {instead}", file.display())))?;
    said(&fields).map_err(|reason| Error::file(format!("{}: {reason}", file.display())))
}

fn said(fields: &Fields) -> Result<Said, String> {
    let model = Section::of(fields, "model")?;
    let attention = Section::of(&model.fields, "attention_config")?;
    let kind = attention.word("type")?.as_deref().map(kind).transpose()?;
    let (encoder, temporal) = match kind {
        Some(Model::FactorisedEncoder(_)) => (
            Section::of(&model.fields, "spatial_transformer")?.encoder()?,
            Section::of(&model.fields, "temporal_transformer")?.encoder()?,
        ),
        _ => (model.encoder()?, SaidEncoder::default()),
    };
    let data = Section::of(fields, "dataset_configs")?;
    let labelling = labelling(fields, &data)?;
    let together = match &labelling {
        Labelling::Heads(heads) => heads.iter().try_fold(0usize, |sum, head| sum.checked_add(head.classes)),
        _ => None,
    };
    let in_braces: bool = fields.get("model", "", serde_json::Value::Null)?.is_object();
    Ok(Said {
        kind,
        order: attention.word("attention_order")?.as_deref().map(order).transpose()?,
        baseline: attention.get("spatial_only_baseline", "true or false")?.unwrap_or(false),
        width: model.whole("hidden_size")?,
        encoder,
        temporal,
        patch: Section::of(&model.fields, "patches")?.get("size", "[height, width, frames]")?,
        sampled_frames: sampled_frames(&model)?,
        classifier: model.word("classifier")?.as_deref().map(classifier).transpose()?,
        representation: in_braces.then(|| model.whole("representation_size")).transpose()?,
        frames: data.whole("num_frames")?,
        size: size(&data)?,
        classes: data.whole("num_classes")?.or(together),
        labelling,
        not_centred: data.get("zero_centering", "true or false")? == Some(false),
    })
}

fn kind(name: &str) -> Result<Model, String> {
    match name {
        "spacetime" => Ok(Joint.into()),
        "factorized_encoder" => Ok(FactorisedEncoder::default().into()),
        "factorized_self_attention_block" => Ok(FactorisedSelfAttention::default().into()),
        "factorized_dot_product_attention" => Ok(FactorisedDotProduct::default().into()),
        other => Err(format!(
            "model.attention_config.type is `{other}`, but must be spacetime, factorized_encoder, \
             factorized_self_attention_block or factorized_dot_product_attention"
        )),
    }
}

fn order(name: &str) -> Result<Order, String> {
    match name {
        "space_time" => Ok(Order::SpaceTime),
        "time_space" => Ok(Order::TimeSpace),
        other => {
            Err(format!("model.attention_config.attention_order is `{other}`, but must be space_time or time_space"))
        }
    }
}

fn classifier(name: &str) -> Result<Classifier, String> {
    match name {
        "token" => Ok(Classifier::Token),
        "0" => Ok(Classifier::FirstToken),
        "gap" => Ok(Classifier::Mean),
        "gmp" => Ok(Classifier::Max),
        "gsp" => Ok(Classifier::Sum),
        other => Err(format!("model.classifier is `{other}`, but must be token, 0, gap, gmp or gsp")),
    }
}

/// How many frames are sampled; none with tubelets.
fn sampled_frames(model: &Section) -> Result<Option<usize>, String> {
    let encoding = Section::of(&model.fields, "temporal_encoding_config")?;
    match encoding.word("method")?.as_deref() {
        None | Some("3d_conv") => Ok(None),
        Some("temporal_sampling") => match encoding.whole("n_sampled_frames")? {
            Some(frames) => Ok(Some(frames)),
            None => Err("temporal_encoding_config has the method temporal_sampling, but no n_sampled_frames".into()),
        },
        Some(other) => {
            Err(format!("temporal_encoding_config.method is `{other}`, but must be 3d_conv or temporal_sampling"))
        }
    }
}

/// The size of a frame: that of the crops of the published configurations, or its two sides.
fn size(data: &Section) -> Result<Option<[usize; 2]>, String> {
    let crop = data.get("crop_size", "a whole number or [height, width]")?.map(|sides| match sides {
        Sides::Square(side) => [side, side],
        Sides::Both(sides) => sides,
    });
    let sides = data.whole("height")?.zip(data.whole("width")?).map(|(rows, columns)| [rows, columns]);
    match (crop, sides) {
        (Some(crop), Some(sides)) if crop != sides => {
            let [crop, sides] = [crop, sides].map(|[rows, columns]| format!("{rows}×{columns}"));
            Err(format!("dataset_configs.crop_size is {crop}, but its height and width are {sides}"))
        }
        _ => Ok(crop.or(sides)),
    }
}

fn labelling(fields: &Fields, data: &Section) -> Result<Labelling, String> {
    let name = fields.get("model_name", "a name in quotes", None::<String>)?;
    match name.as_deref() {
        None | Some("vivit_classification") => Ok(Labelling::Single),
        Some("vivit_multilabel_classification") => Ok(Labelling::Multiple),
        Some("vivit_multihead_classification") => heads(data),
        Some(other) => Err(format!(
            "model_name is `{other}`, but only vivit_classification, vivit_multihead_classification and \
             vivit_multilabel_classification are ViViT models"
        )),
    }
}

fn heads(data: &Section) -> Result<Labelling, String> {
    let splits: Option<Vec<usize>> = data.get("class_splits", "a list of numbers of classes")?;
    let names: Option<Vec<String>> = data.get("split_names", "a list of names")?;
    let splits = splits.ok_or("dataset_configs has no class_splits, which a model of several heads needs")?;
    let names = names.unwrap_or_else(|| (1..=splits.len()).map(|head| format!("head {head}")).collect());
    if names.len() != splits.len() {
        return Err(format!(
            "dataset_configs.split_names names {} heads, but class_splits {}",
            names.len(),
            splits.len()
        ));
    }
    let head = |(classes, name): (usize, String)| LabelHead { name: printable(&name, LONGEST_TEXT), classes };
    Ok(Labelling::Heads(splits.into_iter().zip(names).map(head).collect()))
}
