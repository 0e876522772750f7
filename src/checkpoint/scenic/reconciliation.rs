//! One model from what the parameters show, what the configuration says and what the user tells.

use std::path::Path;

use super::config::Said;
use super::evidence::Evidence;
use super::released::{FRAMES, Released, SIDE};
use crate::checkpoint::disagreements::{Disagreement, counted, differ, half_sentence, listed};
use crate::checkpoint::hints::{Hints, classifier_flag, kind_flag, order_flag, size_flag};
use crate::tensor::{Error, Result};
use crate::vivit::{
    Classifier, Config, FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention, FrameSampling, Gelu, Joint,
    Labelling, Model, Order, Temporal, Tubelet,
};

/// Possibilities that a sentence lists.
const MOST_EXAMPLES: usize = 8;

pub(super) struct Reconciliation<'a> {
    /// The file of the parameters.
    pub(super) weights: &'a Path,
    pub(super) config: Option<&'a Path>,
    pub(super) found: &'a Evidence,
    pub(super) said: &'a Said,
    pub(super) hints: &'a Hints,
}

/// What is known of the clips.
struct Extent {
    frames: Option<usize>,
    /// Rows and columns of pixels.
    size: Option<[usize; 2]>,
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
            let place = self.weights.display();
            return Err(Error::usage(format!(
                "{place} does not say everything about its model. Tell the rest:\n  {}",
                open.join("\n  ")
            )));
        }
        let labelling = match released {
            Some(released) => {
                notes.push(format!(
                    "recognised by its shape as {}: clips of {FRAMES} frames of {SIDE}×{SIDE}",
                    released.name
                ));
                released.labelling()
            }
            None => self.said.labelling.clone(),
        };
        let config = self.put_together(model, &extent, labelling);
        config.validate().map_err(|error| error.within(self.weights.display()))?;
        Ok((self.with_all_tokens(config)?, notes))
    }

    /// An error where the configuration disagrees with the parameters.
    fn agreement(&self) -> Result<()> {
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
    fn remarks(&self) -> Vec<String> {
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
            remarks.push("the model was trained on values in [0, 1] (dataset_configs.zero_centering is false)".into());
        }
        remarks
    }

    /// The models that have such parameters.
    fn kinds(&self) -> Vec<Model> {
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
            [only] => *only,
            kinds => kinds.iter().find(|kind| told.is_some_and(|told| told.number() == kind.number())).map_or_else(
                || {
                    let flags: Vec<_> = kinds.iter().copied().map(kind_flag).collect();
                    open.push(format!("{}: without a class token both have the same parameters", flags.join(" or ")));
                    kinds[0]
                },
                |kind| *kind,
            ),
        };
        Ok(match model {
            Model::FactorisedSelfAttention(_) => match said.order.or(hints.order) {
                Some(order) => FactorisedSelfAttention { order }.into(),
                None => {
                    let flags = [Order::SpaceTime, Order::TimeSpace].map(order_flag);
                    open.push(format!("{}: which attention comes first shows in no parameter", flags.join(" or ")));
                    model
                }
            },
            Model::FactorisedDotProduct(_) => FactorisedDotProduct { heads: hints.heads.unwrap_or_default() }.into(),
            model => model,
        })
    }

    /// The released checkpoint of this shape, where nobody says how large its clips are.
    fn released(&self) -> Option<&'static Released> {
        let silent = self.config.is_none() && self.hints.frames.is_none() && self.hints.size.is_none();
        if silent { Released::of(self.found) } else { None }
    }

    /// The size of clips; what cannot be told is `open`.
    fn extent(&self, released: bool, open: &mut Vec<String>) -> Extent {
        if released {
            return Extent { frames: Some(FRAMES), size: Some([SIDE; 2]) };
        }
        let found = self.found;
        let size = self.said.size.or(self.hints.size);
        let frames = self.said.frames.or(self.hints.frames);
        let temporal = self.temporal_tokens(frames, size);
        let extent = Extent { frames: frames.or_else(|| Some(temporal? * found.tubelet_frames?)), size };
        match (extent.size, extent.frames) {
            (None, None) if !found.factorised_encoder => open.push(self.both_open()),
            (None, _) => open.push(self.size_open(temporal)),
            _ => {}
        }
        if extent.frames.is_none() && (extent.size.is_some() || found.factorised_encoder) {
            open.push(match found.tubelet_frames {
                None => "--frames N: of how many frames some are sampled shows in no parameter".into(),
                Some(_) => "--frames N: how many frames a clip has shows in no parameter".into(),
            });
        }
        extent
    }

    /// T, as far as the parameters tell it, or together with what is known of clips.
    fn temporal_tokens(&self, frames: Option<usize>, size: Option<[usize; 2]>) -> Option<usize> {
        let found = self.found;
        if found.factorised_encoder {
            return found.temporal.map(|encoder| encoder.tokens);
        }
        let [rows, columns] = found.patch;
        let spatial = size.and_then(|size| (size[0] / rows).checked_mul(size[1] / columns));
        let by_size = spatial.and_then(|spatial| found.encoder.tokens.checked_div(spatial));
        by_size.or_else(|| Some(frames? / found.tubelet_frames?)).filter(|&temporal| temporal > 0)
    }

    /// What is asked where the tokens' number is all that is known of clips.
    fn both_open(&self) -> String {
        let found = self.found;
        let tokens = found.encoder.tokens;
        let temporal_indices = divisors(tokens);
        let square = |temporal: &usize| (tokens / temporal).isqrt().pow(2) == tokens / temporal;
        let mut likely: Vec<_> = temporal_indices.iter().copied().filter(square).collect();
        if likely.is_empty() {
            likely = temporal_indices;
        }
        let example = |temporal: usize| {
            let sizes = self.sizes(tokens / temporal);
            let size = sizes.first().copied().map(size_flag).unwrap_or_default();
            match found.tubelet_frames {
                Some(frames) => format!("--frames {} {size}", temporal * frames),
                None => format!("--frames N {size} ({temporal} sampled)"),
            }
        };
        format!(
            "--frames N --size HxW: how {tokens} tokens divide into time, rows and columns shows in no parameter; it \
             may be {}",
            examples(likely.into_iter().map(example))
        )
    }

    /// What is asked where the size of frames is not known, but perhaps T is.
    fn size_open(&self, temporal: Option<usize>) -> String {
        let found = self.found;
        let spatial = match found.factorised_encoder {
            true => Some(found.encoder.tokens),
            false => temporal.map(|temporal| found.encoder.tokens / temporal),
        };
        match spatial {
            Some(spatial) => format!(
                "--size HxW: how {} divide into rows and columns shows in no parameter; it may be {}",
                counted(spatial, "token", "s of a temporal index"),
                examples(self.sizes(spatial).into_iter().map(size_flag))
            ),
            None => "--size HxW: how large a frame is shows in no parameter".into(),
        }
    }

    /// Rows and columns of pixels that make that many tokens, squares first.
    fn sizes(&self, tokens: usize) -> Vec<[usize; 2]> {
        let [rows, columns] = self.found.patch;
        let mut grids: Vec<_> = divisors(tokens).into_iter().map(|down| [down, tokens / down]).collect();
        grids.sort_by_key(|[down, across]| (down.abs_diff(*across), *down));
        grids.into_iter().map(|[down, across]| [down * rows, across * columns]).collect()
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

    /// The model if it has as many tokens as the parameters have positions, sampling one frame more where that is why it
    /// has not.
    fn with_all_tokens(&self, config: Config) -> Result<Config> {
        if self.positions_of(&config) {
            return Ok(config);
        }
        let quirk = |sampling: FrameSampling| FrameSampling { arange_quirk: true, ..sampling };
        let one_more = Config { frame_sampling: config.frame_sampling.map(quirk), ..config.clone() };
        if self.positions_of(&one_more) {
            return Ok(one_more);
        }
        let found = self.found;
        let stored = match (found.factorised_encoder, found.temporal) {
            (true, Some(temporal)) => format!("{}×{}", temporal.tokens, found.encoder.tokens),
            (true, None) => format!("{} a temporal index", found.encoder.tokens),
            (false, _) => found.encoder.tokens.to_string(),
        };
        let grid = config.grid();
        let said = [(self.said.frames.is_some(), "num_frames"), (self.said.size.is_some(), "crop_size, height, width")];
        let fields: Vec<_> = said.iter().filter(|(said, _)| *said).map(|(_, field)| (*field).to_owned()).collect();
        let source = match (self.config, fields.as_slice()) {
            (Some(path), [_, ..]) => format!("{} (dataset_configs: {})", path.display(), listed(&fields)),
            _ => "what is told of it".into(),
        };
        let message = format!(
            "{} does not fit {source}: clips of {} frames of {}×{} make {}×{}×{} tokens where the weights have positions \
             for {stored}",
            self.weights.display(),
            config.frames,
            config.rows,
            config.columns,
            grid.temporal,
            grid.rows,
            grid.columns
        );
        Err(if fields.is_empty() { Error::usage(message) } else { Error::file(message) })
    }

    /// Whether the parameters have a position for each of the model's tokens.
    fn positions_of(&self, config: &Config) -> bool {
        let (found, grid) = (self.found, config.grid());
        match found.factorised_encoder {
            true => {
                let temporal = found.temporal.is_none_or(|encoder| encoder.tokens == grid.temporal);
                temporal && found.encoder.tokens == grid.spatial()
            }
            false => found.encoder.tokens == grid.tokens(),
        }
    }
}

fn divisors(number: usize) -> Vec<usize> {
    (1..=number).filter(|divisor| number.is_multiple_of(*divisor)).collect()
}

/// `a, b, …`: as many as fit a sentence.
fn examples(all: impl Iterator<Item = String>) -> String {
    let mut all: Vec<_> = all.collect();
    if all.len() > MOST_EXAMPLES {
        all.truncate(MOST_EXAMPLES);
        all.push("…".into());
    }
    all.join(", ")
}
