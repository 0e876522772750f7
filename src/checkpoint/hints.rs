//! What its user may tell of a checkpoint.

use super::Checkpoint;
use crate::tensor::{Error, Result};
use crate::vivit::{Classifier, HeadOrder, Model, Order};

/// What a checkpoint's files may leave open, told by someone who knows it. Errors call each hint by its flag on the
/// command line.
///
/// scenic's files leave open what does not show in the shapes of the parameters: whether pooling without a class token
/// means Model 1 or 4, Model 3's order, how the tokens divide into time, rows and columns. A hint for what the files do
/// say must agree with them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hints {
    /// Which of the models (`--kind`); of its own options the other hints tell.
    pub kind: Option<Model>,
    /// F, frames of a clip (`--frames`).
    pub frames: Option<usize>,
    /// Rows and columns of pixels of a frame (`--size`).
    pub size: Option<[usize; 2]>,
    /// Which attention comes first in Model 3 (`--order`).
    pub order: Option<Order>,
    /// How the encoder's output becomes one vector (`--classifier`).
    pub classifier: Option<Classifier>,
    /// Which half of Model 4's heads attends over time (`--heads`). scenic's weights have it first, and so has a model
    /// without this hint.
    pub heads: Option<HeadOrder>,
}

impl Hints {
    /// An error for the first hint that contradicts the checkpoint.
    pub(super) fn check(&self, checkpoint: &Checkpoint) -> Result<()> {
        let config = &checkpoint.config;
        let (order, heads) = match config.model {
            Model::FactorisedSelfAttention(model) => (Some(model.order), None),
            Model::FactorisedDotProduct(model) => (None, Some(model.heads)),
            _ => (None, None),
        };
        let contradictions = [
            self.kind.filter(|kind| kind.number() != config.model.number()).map(kind_flag),
            self.frames.filter(|&frames| frames != config.frames).map(|frames| format!("--frames {frames}")),
            self.size.filter(|&size| size != [config.rows, config.columns]).map(size_flag),
            self.order.filter(|&hint| Some(hint) != order).map(order_flag),
            self.classifier.filter(|&hint| hint != config.classifier).map(classifier_flag),
            self.heads.filter(|&hint| Some(hint) != heads).map(heads_flag),
        ];
        match contradictions.into_iter().flatten().next() {
            None => Ok(()),
            Some(flag) => Err(Error::usage(format!(
                "{flag} contradicts {}, which holds {config}{}",
                checkpoint.source,
                [order.map(order_flag), heads.map(heads_flag), Some(classifier_flag(config.classifier))]
                    .into_iter()
                    .flatten()
                    .map(|flag| format!(", {flag}"))
                    .collect::<String>()
            ))),
        }
    }
}

pub(super) fn kind_flag(model: Model) -> String {
    format!("--kind {}", model.name())
}

pub(super) fn size_flag([rows, columns]: [usize; 2]) -> String {
    format!("--size {rows}x{columns}")
}

pub(super) fn order_flag(order: Order) -> String {
    let name = match order {
        Order::SpaceTime => "space-time",
        Order::TimeSpace => "time-space",
    };
    format!("--order {name}")
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

fn heads_flag(heads: HeadOrder) -> String {
    let name = match heads {
        HeadOrder::TemporalFirst => "temporal-first",
        HeadOrder::SpatialFirst => "spatial-first",
    };
    format!("--heads {name}")
}
