//! The rows of the table, each by what it changes about one recipe.

use tubelet::Result;
use tubelet::train::{ImageStart, Recipe, Start};
use tubelet::video::augment::{ColourJitter, RandAugment, ScaleJitter};
use tubelet::vivit::initialise::Inflation;
use tubelet::vivit::{FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention, Model, StochasticDepth};

/// The recipe of the bundled model, which every row changes in one point.
const BASE: &str = include_str!("../../models/motions/recipe.toml");

/// Steps until the rate is reached: those of the base, and of short trainings an eighth.
const MOST_WARM_UP: u64 = 100;
const WARM_UP_SHARE: u64 = 8;

/// What is compared in one part of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The four models (paper, section 3.3).
    Model,
    /// How the tubelet kernel begins (paper, section 3.4).
    Start,
    /// What is added against overfitting (paper, Table 4).
    Regulariser,
}

impl Part {
    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Start => "start",
            Self::Regulariser => "regulariser",
        }
    }

    /// What the base is called among the rows of this part: there it is the one that changes nothing.
    pub(crate) const fn base(self) -> Option<&'static str> {
        match self {
            Self::Model => None,
            Self::Start => Some("random weights (the same runs)"),
            Self::Regulariser => Some("none (the same runs)"),
        }
    }
}

/// A row of the table.
pub(crate) struct Row {
    /// As it is asked for, and as its folder is called.
    pub(crate) name: &'static str,
    /// As it stands in the table.
    pub(crate) title: &'static str,
    pub(crate) part: Part,
    change: fn(&mut Recipe),
}

/// All rows. The first is the base.
pub(crate) const ROWS: &[Row] = &[
    Row { name: "joint", title: "1, joint space-time attention", part: Part::Model, change: |_| {} },
    Row {
        name: "factorised-encoder",
        title: "2, factorised encoder, 1 temporal layer",
        part: Part::Model,
        // A third of the spatial layers, as near as it gets: the paper has 4 for 12.
        change: |recipe| become_model(recipe, FactorisedEncoder::default().into(), &["temporal.layers=1"]),
    },
    Row {
        name: "factorised-self-attention",
        title: "3, factorised self-attention",
        part: Part::Model,
        change: |recipe| become_model(recipe, FactorisedSelfAttention::default().into(), &[]),
    },
    Row {
        name: "factorised-dot-product",
        title: "4, factorised dot product",
        part: Part::Model,
        change: |recipe| become_model(recipe, FactorisedDotProduct::default().into(), &[]),
    },
    Row {
        name: "filter-inflation",
        title: "image model, filter inflation",
        part: Part::Start,
        change: |recipe| begin_from_image_model(recipe, Inflation::Average),
    },
    Row {
        name: "central-frame",
        title: "image model, central frame",
        part: Part::Start,
        change: |recipe| begin_from_image_model(recipe, Inflation::Central),
    },
    Row {
        name: "crop-and-scale",
        title: "random crop and scale, 0.9 to 1.33",
        part: Part::Regulariser,
        change: |recipe| {
            // As much larger than the crop as 288 pixels are than 256, so that the smallest scale still holds it.
            recipe.augmentation.short_edge = 36;
            recipe.augmentation.scale_jitter = Some(ScaleJitter::new(0.9, 1.33));
        },
    },
    Row {
        name: "colour-jitter",
        title: "colour jitter, 0.8",
        part: Part::Regulariser,
        change: |recipe| recipe.augmentation.colour_jitter = Some(ColourJitter::default()),
    },
    Row {
        name: "rand-augment",
        title: "RandAugment, 2 layers of magnitude 15",
        part: Part::Regulariser,
        change: |recipe| recipe.augmentation.rand_augment = Some(RandAugment::new(2, 15)),
    },
    Row {
        name: "stochastic-depth",
        title: "stochastic depth, 0.2",
        part: Part::Regulariser,
        change: |recipe| recipe.stochastic_depth = Some(StochasticDepth::new(0.2)),
    },
    Row {
        name: "label-smoothing",
        title: "label smoothing, 0.2",
        part: Part::Regulariser,
        change: |recipe| recipe.augmentation.label_smoothing = 0.2,
    },
    Row {
        name: "mixup",
        title: "mixup, 0.1",
        part: Part::Regulariser,
        change: |recipe| recipe.augmentation.mixup = Some(0.1),
    },
    Row {
        name: "mlp-dropout",
        title: "dropout of the MLP, 0.1",
        part: Part::Regulariser,
        change: |recipe| recipe.mlp_dropout = 0.1,
    },
];

impl Row {
    /// The recipe of a run.
    pub(crate) fn recipe(&self, steps: u64, seed: u64) -> Result<Recipe> {
        let mut recipe = base(steps, seed)?;
        (self.change)(&mut recipe);
        recipe.validate()?;
        Ok(recipe)
    }

    pub(crate) fn begins_from_image_model(&self) -> bool {
        matches!(self.name, "filter-inflation" | "central-frame")
    }

    /// Whether it changes nothing.
    pub(crate) fn is_base(&self) -> bool {
        self.name == "joint"
    }
}

/// The recipe of the image model: the same transformer on single frames, which it cuts into squares.
pub(crate) fn image_recipe(steps: u64, seed: u64) -> Result<Recipe> {
    let mut recipe = base(steps, seed)?;
    recipe.augmentation.frames = 1;
    if let Start::Scratch(model) = &mut recipe.start {
        model.shape = "vit-ti/8x1".to_owned();
    }
    recipe.validate()?;
    Ok(recipe)
}

/// The recipe that rows change. Who is measured is evaluated once, at the end, and not while it learns.
pub(crate) fn base(steps: u64, seed: u64) -> Result<Recipe> {
    let mut recipe = Recipe::parse(BASE)?;
    recipe.steps = Some(steps);
    recipe.seed = seed;
    recipe.schedule.warm_up_steps = Some(MOST_WARM_UP.min(steps / WARM_UP_SHARE));
    recipe.evaluation.every_steps = None;
    recipe.evaluation.every_epochs = 0;
    recipe.checkpoints.every_steps = Some(steps);
    recipe.checkpoints.keep = 1;
    Ok(recipe)
}

fn become_model(recipe: &mut Recipe, kind: Model, options: &[&str]) {
    if let Start::Scratch(model) = &mut recipe.start {
        model.kind = kind;
        model.options = options.iter().map(|option| (*option).to_owned()).collect();
    }
}

fn begin_from_image_model(recipe: &mut Recipe, inflation: Inflation) {
    if let Start::Scratch(model) = &recipe.start {
        let mut start = ImageStart::default();
        start.model.clone_from(model);
        start.inflation = inflation;
        recipe.start = Start::ImageModel(start);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_but_the_first_changes_the_base() {
        let base = base(800, 1).unwrap();
        for (index, row) in ROWS.iter().enumerate() {
            let recipe = row.recipe(800, 1).unwrap();
            assert_eq!(recipe == base, index == 0, "{}", row.name);
            assert_eq!(
                (index == 0, matches!(recipe.start, Start::ImageModel(_))),
                (row.is_base(), row.begins_from_image_model())
            );
            assert!(recipe.config(10, tubelet::vivit::Labelling::Single).unwrap().is_some(), "{}", row.name);
        }
        assert_eq!(image_recipe(3, 1).unwrap().schedule.warm_up_steps, Some(0));
    }
}
