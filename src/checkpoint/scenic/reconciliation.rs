//! One model from what the parameters show, what the configuration says and what the user tells.

use std::path::Path;

use super::config::Said;
use super::evidence::Evidence;
use super::extent::Extent;
use super::released::{FRAMES, Released, SIDE};
use crate::checkpoint::hints::{Hints, kind_flag, option_flag};
use crate::tensor::{Error, Result};
use crate::vivit::{
    Classifier, Config, FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention, FrameSampling, Gelu, Joint,
    Labelling, Model, ModelOption, Temporal, Tubelet,
};

/// All that is known of a model.
pub(super) struct Reconciliation<'a> {
    /// The file of the parameters.
    pub(super) weights: &'a Path,
    pub(super) config: Option<&'a Path>,
    pub(super) found: &'a Evidence,
    pub(super) said: &'a Said,
    pub(super) hints: &'a Hints,
}

impl Reconciliation<'_> {
    /// The model, and what its user should know about it. Errors tell all disagreements, or all that is open, at once.
    pub(super) fn model(&self) -> Result<(Config, Vec<String>)> {
        self.agreement()?;
        let mut open = Vec::new();
        let mut notes = self.remarks();
        let model = self.kind(&mut open)?;
        let released = self.released();
        let extent = self.extent(released.is_some(), &mut open);
        if !open.is_empty() {
            return Err(self.ask(&open));
        }
        if let Some(released) = released {
            notes.push(format!(
                "recognised by its shape as {}: clips of {FRAMES} frames of {SIDE}×{SIDE}",
                released.name
            ));
        }
        let labelling = released.map_or_else(|| self.said.labelling.clone(), Released::labelling);
        let config = self.put_together(model, &extent, labelling);
        config.validate().map_err(|error| {
            let error = error.within(self.weights.display());
            // What the user did not tell is the files' fault.
            if *self.hints == Hints::default() { Error::file(error.to_string()) } else { error }
        })?;
        Ok((self.with_all_tokens(config)?, notes))
    }

    /// The error that asks for what is `open`.
    fn ask(&self, open: &[String]) -> Error {
        Error::usage(format!(
            "{} does not say everything about its model. Tell the rest:\n  {}",
            self.weights.display(),
            open.join("\n  ")
        ))
    }

    /// The models that have such parameters.
    pub(super) fn kinds(&self) -> Vec<Model> {
        let found = self.found;
        if found.factorised_encoder {
            let temporal = found.temporal.map_or(Temporal::Mean, |encoder| Temporal::Encoder(encoder.size));
            vec![FactorisedEncoder { temporal }.into()]
        } else if found.two_attentions {
            vec![FactorisedSelfAttention::default().into()]
        } else if found.class_token || !found.encoder.size.heads.is_multiple_of(2) {
            vec![Joint.into()]
        } else {
            vec![Joint.into(), FactorisedDotProduct::default().into()]
        }
    }

    /// Which model it is, with its own options; what cannot be told is `open`.
    fn kind(&self, open: &mut Vec<String>) -> Result<Model> {
        let Self { said, hints, .. } = self;
        let kinds = self.kinds();
        if let Some(hint) = hints.kind
            && kinds.iter().all(|kind| kind.number() != hint.number())
        {
            let possible: Vec<_> = kinds.iter().map(Model::to_string).collect();
            return Err(Error::usage(format!(
                "{} contradicts {}, which holds {}",
                kind_flag(hint),
                self.weights.display(),
                possible.join(" or ")
            )));
        }
        let told = said.kind.or(hints.kind);
        let model = match kinds.as_slice() {
            [only] => Some(only),
            kinds => kinds.iter().find(|kind| told.is_some_and(|told| told.number() == kind.number())),
        };
        Ok(self.with_options(
            model.copied().unwrap_or_else(|| {
                let flags: Vec<_> = kinds.iter().copied().map(kind_flag).collect();
                open.push(format!("{}: without a class token both have the same parameters", flags.join(" or ")));
                kinds[0]
            }),
            open,
        ))
    }

    /// The model with those of its own options that show in no parameter; what cannot be told is `open`. What contradicts
    /// the files is found when they are read.
    fn with_options(&self, model: Model, open: &mut Vec<String>) -> Model {
        let said: Vec<_> = self.said.options().into_iter().chain(self.hints.options.iter().cloned()).rev().collect();
        if let Some(untold) = model.untold()
            && said.iter().all(|option| option.name() != untold.name)
        {
            let flags = untold.values.iter().map(|value| option_flag(&ModelOption::new(untold.name, *value)));
            let flags: Vec<_> = flags.collect();
            open.push(format!("{}: {} shows in no parameter", flags.join(" or "), untold.meaning));
        }
        said.iter().fold(model, |model, option| model.with_option(option).unwrap_or(model))
    }

    /// The released checkpoint of this shape, where nobody says how large its clips are.
    fn released(&self) -> Option<&'static Released> {
        let silent = self.config.is_none() && self.hints.frames.is_none() && self.hints.size.is_none();
        if silent { Released::of(self.found) } else { None }
    }

    fn put_together(&self, model: Model, extent: &Extent, labelling: Labelling) -> Config {
        let Self { found, said, hints, .. } = self;
        let classifier = match found.class_token {
            true => Classifier::Token,
            false => said.classifier.or(hints.classifier).unwrap_or(Classifier::Mean),
        };
        let [rows, columns] = extent.size.unwrap_or_default();
        let frames = extent.frames.unwrap_or_default();
        let sampled = said.sampled_frames.or_else(|| self.temporal_tokens(extent.frames, extent.size));
        let size = found.encoder.size;
        Config {
            model,
            frames,
            rows,
            columns,
            planes: found.planes,
            tubelet: Tubelet {
                frames: found.tubelet_frames.unwrap_or(1),
                rows: found.patch[0],
                columns: found.patch[1],
            },
            frame_sampling: match found.tubelet_frames {
                Some(_) => None,
                None => Some(FrameSampling { frames: sampled.unwrap_or(frames), arange_quirk: false }),
            },
            width: found.width,
            layers: size.layers,
            heads: size.heads,
            hidden: size.hidden,
            classes: found.classes,
            labelling: if found.classes > 0 { labelling } else { Labelling::Single },
            classifier,
            layer_norm_eps: 1e-6,
            gelu: Gelu::Tanh,
            qkv_bias: found.qkv_bias,
            representation_size: found.representation,
        }
    }
}
