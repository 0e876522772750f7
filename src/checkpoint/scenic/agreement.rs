//! Where a configuration disagrees with the parameters.

use super::reconciliation::Reconciliation;
use crate::checkpoint::disagreements::{Disagreement, counted, differ, half_sentence};
use crate::checkpoint::hints::classifier_flag;
use crate::tensor::{Error, Result};
use crate::vivit::{Classifier, Model};

impl Reconciliation<'_> {
    /// An error where the configuration disagrees with the parameters.
    pub(super) fn agreement(&self) -> Result<()> {
        let Some(config) = self.config else { return Ok(()) };
        let all = self.of_kind().into_iter().chain(self.of_encoders()).chain(self.of_ends());
        match half_sentence(all) {
            None => Ok(()),
            Some(disagreement) => Err(Error::file(format!(
                "{} does not fit {}, which {disagreement}. Correct config.json, or take config.json and the weights from \
                 the same model.",
                self.weights.display(),
                config.display()
            ))),
        }
    }

    fn of_kind(&self) -> Vec<Disagreement> {
        let Self { found, said, .. } = self;
        let kinds = self.kinds();
        let other_kind = said.kind.filter(|said| kinds.iter().all(|kind| kind.number() != said.number()));
        let kind = other_kind.map(|kind| Disagreement {
            said: format!("Model {} (model.attention_config.type)", kind.number()),
            stored: kinds.iter().map(|kind| format!("Model {}", kind.number())).collect::<Vec<_>>().join(" or "),
        });
        let without_temporal = (said.baseline && found.temporal.is_some()).then(|| Disagreement {
            said: "no temporal encoder (model.attention_config.spatial_only_baseline)".into(),
            stored: "one".into(),
        });
        let with_temporal = match said.kind {
            Some(Model::FactorisedEncoder(_)) if !said.baseline && found.factorised_encoder => {
                found.temporal.is_none().then(|| Disagreement {
                    said: "a temporal encoder (model.attention_config.spatial_only_baseline)".into(),
                    stored: "none".into(),
                })
            }
            _ => None,
        };
        let token = said.classifier.filter(|&said| (said == Classifier::Token) != found.class_token);
        let class_token = token.map(|classifier| match classifier {
            Classifier::Token => {
                Disagreement { said: "a class token (model.classifier)".into(), stored: "none".into() }
            }
            _ => Disagreement { said: "no class token (model.classifier)".into(), stored: "one".into() },
        });
        [kind, without_temporal, with_temporal, class_token].into_iter().flatten().collect()
    }

    /// The depth of the temporal encoder is no disagreement: the weights decide.
    fn of_encoders(&self) -> Vec<Disagreement> {
        let Self { found, said, .. } = self;
        let spatial = if found.factorised_encoder { "model.spatial_transformer" } else { "model" };
        let whole = |said: Option<usize>, stored: Option<usize>, text: &dyn Fn(usize) -> String| {
            said.zip(stored).and_then(|(said, stored)| differ(said, stored, text))
        };
        let size = found.encoder.size;
        let temporal = found.temporal.map(|encoder| encoder.size);
        [
            whole(said.width, Some(found.width), &|width| format!("width {width} (model.hidden_size)")),
            whole(said.encoder.layers, Some(size.layers), &|layers| {
                format!("{} ({spatial}.num_layers)", counted(layers, "layer", "s"))
            }),
            whole(said.encoder.heads, Some(size.heads), &|heads| {
                format!("{} ({spatial}.num_heads)", counted(heads, "head", "s"))
            }),
            whole(said.encoder.hidden, Some(size.hidden), &|hidden| format!("MLP width {hidden} ({spatial}.mlp_dim)")),
            whole(said.temporal.heads, temporal.map(|size| size.heads), &|heads| {
                format!("{} (model.temporal_transformer.num_heads)", counted(heads, "head", "s"))
            }),
            whole(said.temporal.hidden, temporal.map(|size| size.hidden), &|hidden| {
                format!("MLP width {hidden} (model.temporal_transformer.mlp_dim)")
            }),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// How clips become tokens, and what stands behind the encoder.
    fn of_ends(&self) -> Vec<Disagreement> {
        let Self { found, said, .. } = self;
        let tubelets = said.patch.as_ref().and_then(|said| {
            let stored: Vec<_> = found.patch.into_iter().chain(found.tubelet_frames).collect();
            // A patch of single frames may be given frames, which do not count.
            let said = if found.tubelet_frames.is_none() { &said[..said.len().min(2)] } else { said };
            let text = |sizes: &[usize]| sizes.iter().map(usize::to_string).collect::<Vec<_>>().join("×");
            differ(text(said), text(&stored), |sizes| format!("tubelets of {sizes} (model.patches.size)"))
        });
        let sampling = (said.sampled_frames.is_some() && found.tubelet_frames.is_some()).then(|| Disagreement {
            said: "patches of sampled frames (model.temporal_encoding_config)".into(),
            stored: "tubelets".into(),
        });
        let classes = said.classes.filter(|_| found.classes > 0).and_then(|said| {
            differ(said, found.classes, |classes| {
                format!("{} (dataset_configs.num_classes or class_splits)", counted(classes, "class", "es"))
            })
        });
        let width = |size: Option<usize>| size.map_or("none".to_owned(), |size| size.to_string());
        let representation = said.representation.and_then(|said| {
            differ(width(said), width(found.representation), |size| {
                format!("a representation layer of width {size} (model.representation_size)")
            })
        });
        [tubelets, sampling, classes, representation].into_iter().flatten().collect()
    }

    /// What differs from the expectations of someone who knows the configuration.
    pub(super) fn remarks(&self) -> Vec<String> {
        let Self { found, said, hints, .. } = self;
        let mut remarks = Vec::new();
        let stored = found.temporal.map(|encoder| encoder.size.layers);
        if let Some((said, stored)) = said.temporal.layers.zip(stored).filter(|(said, stored)| said != stored) {
            remarks.push(format!(
                "config.json says {}, but the weights have {stored}: the weights are right",
                counted(said, "temporal layer", "s")
            ));
        }
        if !found.class_token && said.classifier.or(hints.classifier).is_none() {
            remarks.push(format!(
                "which pooling stands for the missing class token is stored nowhere: {} is assumed",
                classifier_flag(Classifier::Mean)
            ));
        }
        if found.classes == 0 {
            remarks.push("the checkpoint has no classifier: it gives features, but no classes".into());
        }
        if said.not_centred {
            remarks.push(
                "the model was trained on values in [0, 1] (dataset_configs.zero_centering is false): unless a preset is \
                 asked for, clips are prepared so"
                    .into(),
            );
        }
        remarks
    }
}
