//! What a training begins from.

use serde::{Deserialize, Serialize, Serializer};

use super::Recipe;
use crate::tensor::Result;
use crate::vivit::initialise::{Inflation, Initialisation, Positions, TemporalAttention};
use crate::vivit::{Classifier, Config, Joint, Labelling, Model, ModelOption};

/// What a training begins from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Start {
    /// Random weights.
    Scratch(ModelRecipe),
    /// A trained image model (paper, section 3.4).
    ImageModel(ImageStart),
    /// A video model, with a new head for other classes.
    Checkpoint(CheckpointStart),
}

impl Default for Start {
    fn default() -> Self {
        Self::Scratch(ModelRecipe::default())
    }
}

/// Which model is trained. The size of its clips is that of the augmentation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ModelRecipe {
    /// The backbone and the sides and frames of its tubelets, as [`Config::named`] takes them: `vit-b/16x2`.
    pub shape: String,
    /// Another width than the backbone's, D.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<usize>,
    /// Another number of blocks, L.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<usize>,
    /// Another number of heads.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heads: Option<usize>,
    /// Another width of the MLP's hidden layer; without it four times the width.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hidden: Option<usize>,
    /// The paper's model, by name or number: `joint`, `factorised-encoder`; its own options are apart.
    #[serde(serialize_with = "kind_by_name", deserialize_with = "super::by_name::deserialize")]
    pub kind: Model,
    /// The model's own options: `temporal.layers=4`.
    pub options: Vec<String>,
    /// How the output becomes one vector; without it as is usual for the model.
    #[serde(with = "super::by_name::optional", skip_serializing_if = "Option::is_none")]
    pub classifier: Option<Classifier>,
}

fn kind_by_name<S: Serializer>(kind: &Model, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.name())
}

impl Default for ModelRecipe {
    /// Model 1, ViViT-B/16x2.
    fn default() -> Self {
        let (shape, kind) = ("vit-b/16x2".to_owned(), Joint.into());
        let (width, layers, heads, hidden) = (None, None, None, None);
        Self { shape, width, layers, heads, hidden, kind, options: Vec::new(), classifier: None }
    }
}

/// How an image model becomes a video model.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct ImageStart {
    /// Where it is: a folder, a file, or a name on the Hugging Face hub. What is given beside the recipe goes before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// How its kernel becomes one over the frames of a tubelet.
    #[serde(with = "super::by_name")]
    pub inflation: Inflation,
    /// How its positions become those of clips; without it `tile`, or `resize_tile` where the sizes of frames differ.
    #[serde(with = "super::by_name::optional", skip_serializing_if = "Option::is_none")]
    pub positions: Option<Positions>,
    /// How Model 3's attention over time begins.
    #[serde(with = "super::by_name")]
    pub temporal: TemporalAttention,
    /// Whether Model 2's spatial class token begins as the image model's.
    pub copy_cls_to_spatial: bool,
    /// The video model.
    pub model: ModelRecipe,
}

/// A video model to go on from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[non_exhaustive]
pub struct CheckpointStart {
    /// Where it is: a folder, a file, or a name on the Hugging Face hub. What is given beside the recipe goes before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Whether its head stays: the classes are the same.
    pub keep_head: bool,
}

impl Start {
    /// Where the model is that the training begins from, where there is one and the recipe says so.
    pub fn path(&self) -> Option<&str> {
        match self {
            Self::Scratch(_) => None,
            Self::ImageModel(ImageStart { path, .. }) | Self::Checkpoint(CheckpointStart { path, .. }) => {
                path.as_deref()
            }
        }
    }

    /// The model that is trained; `None` where a checkpoint says which.
    pub fn model(&self) -> Option<&ModelRecipe> {
        match self {
            Self::Scratch(model) | Self::ImageModel(ImageStart { model, .. }) => Some(model),
            Self::Checkpoint(_) => None,
        }
    }
}

impl ModelRecipe {
    /// The model at its backbone's sizes, or those told instead.
    fn sized(&self) -> Result<Config> {
        let named = Config::named(&self.shape)?;
        let width = self.width.unwrap_or(named.width);
        let hidden = self.hidden.unwrap_or(4 * width);
        let (layers, heads) = (self.layers.unwrap_or(named.layers), self.heads.unwrap_or(named.heads));
        Ok(named.width(width).hidden(hidden).layers(layers).heads(heads).as_model(self.kind))
    }

    /// `model`, of this kind, with the options.
    pub(super) fn with_options(&self, model: Model) -> Result<Model> {
        self.options.iter().try_fold(model, |model, option| model.with_option(&option.parse::<ModelOption>()?))
    }
}

impl ImageStart {
    /// What is taken over from an image model, whose frames are of the same size as the clips' where `same_size`.
    pub fn initialisation(&self, same_size: bool) -> Initialisation {
        let usual = if same_size { Positions::Tile } else { Positions::ResizeTile };
        Initialisation::new()
            .inflation(self.inflation)
            .positions(self.positions.unwrap_or(usual))
            .temporal(self.temporal)
            .copy_cls_to_spatial(self.copy_cls_to_spatial)
    }
}

impl Recipe {
    /// The configuration of the model that is trained, for so many classes of this meaning; `None` where a checkpoint has it.
    ///
    /// # Errors
    ///
    /// A shape or an option that there is not; clips that are not whole tubelets.
    pub fn config(&self, classes: usize, labelling: Labelling) -> Result<Option<Config>> {
        let Some(recipe) = self.start.model() else { return Ok(None) };
        let usual = recipe.sized()?;
        let model = recipe.with_options(usual.model)?;
        let [rows, columns] = self.augmentation.crop;
        let classifier = recipe.classifier.unwrap_or(usual.classifier);
        let config = usual.model(model).frames(self.augmentation.frames).rows(rows).columns(columns);
        let config = config.classes(classes).labelling(labelling).classifier(classifier);
        config.validate()?;
        Ok(Some(config))
    }
}
