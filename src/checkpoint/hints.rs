//! What the user may tell of a checkpoint.

use super::Checkpoint;
use crate::tensor::{Error, Result};
use crate::vivit::{Classifier, Model, ModelOption};

/// What a checkpoint's files may leave open, told by someone who knows it. Errors call each hint by its flag on the
/// command line.
///
/// scenic's files leave open what does not show in the shapes of the parameters: whether pooling without a class token
/// means Model 1 or 4, Model 3's order, how the tokens divide into time, rows and columns. A hint for what the files do
/// say must agree with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hints {
    /// Which of the models (`--kind`).
    pub kind: Option<Model>,
    /// The model's own options (`--option`), as far as they are known.
    pub options: Vec<ModelOption>,
    /// F, frames of a clip (`--frames`).
    pub frames: Option<usize>,
    /// Rows and columns of pixels of a frame (`--size`).
    pub size: Option<[usize; 2]>,
    /// How the encoder's output becomes one vector (`--classifier`).
    pub classifier: Option<Classifier>,
}

impl Hints {
    /// Nothing told.
    pub fn new() -> Self {
        Self::default()
    }

    /// It is this model; `None` leaves it open.
    #[must_use]
    pub fn kind(self, kind: impl Into<Option<Model>>) -> Self {
        Self { kind: kind.into(), ..self }
    }

    /// The model has these options of its own.
    #[must_use]
    pub fn options(self, options: Vec<ModelOption>) -> Self {
        Self { options, ..self }
    }

    /// Clips have this number of frames; `None` leaves it open.
    #[must_use]
    pub fn frames(self, frames: impl Into<Option<usize>>) -> Self {
        Self { frames: frames.into(), ..self }
    }

    /// Frames have these rows and columns; `None` leaves them open.
    #[must_use]
    pub fn size(self, size: impl Into<Option<[usize; 2]>>) -> Self {
        Self { size: size.into(), ..self }
    }

    /// The output becomes one vector in this way; `None` leaves it open.
    #[must_use]
    pub fn classifier(self, classifier: impl Into<Option<Classifier>>) -> Self {
        Self { classifier: classifier.into(), ..self }
    }

    /// An error for the first hint that contradicts the checkpoint.
    pub(super) fn check(&self, checkpoint: &Checkpoint) -> Result<()> {
        let config = &checkpoint.config;
        let model = config.model;
        let other_option = self.options.iter().find(|option| model.with_option(option).ok() != Some(model));
        let contradictions = [
            self.kind.filter(|kind| kind.number() != model.number()).map(kind_flag),
            self.frames.filter(|&frames| frames != config.frames).map(|frames| format!("--frames {frames}")),
            self.size.filter(|&size| size != [config.rows, config.columns]).map(size_flag),
            other_option.map(option_flag),
            self.classifier.filter(|&hint| hint != config.classifier).map(classifier_flag),
        ];
        let Some(flag) = contradictions.into_iter().flatten().next() else { return Ok(()) };
        let options = model.options()?;
        let held = options.iter().map(option_flag).chain([classifier_flag(config.classifier)]);
        Err(Error::usage(format!(
            "{flag} contradicts {}, which holds {config}, {}",
            checkpoint.source,
            held.collect::<Vec<_>>().join(", ")
        )))
    }
}

pub(super) fn kind_flag(model: Model) -> String {
    format!("--kind {}", model.name())
}

pub(super) fn size_flag([rows, columns]: [usize; 2]) -> String {
    format!("--size {rows}x{columns}")
}

pub(super) fn option_flag(option: &ModelOption) -> String {
    format!("--option {option}")
}

pub(super) fn classifier_flag(classifier: Classifier) -> String {
    let name = match classifier {
        Classifier::Token => "token",
        Classifier::FirstToken => "first-token",
        Classifier::Mean => "mean",
        Classifier::Max => "max",
        Classifier::Sum => "sum",
    };
    format!("--classifier {name}")
}
