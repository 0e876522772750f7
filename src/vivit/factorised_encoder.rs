//! Model 2: an encoder over the tokens of each temporal index, then one over the temporal indices (paper, section 3.3;
//! spec §2.4).

use serde::{Deserialize, Serialize};

use super::config::plural;
use super::counterpart::Counterpart;
use super::definition::{Definition, Halves};
use super::encoder::{AttentionAxis, Encoder};
use super::naive::{Naive, Place, Sequence, Sight};
use super::recorder::Recorder;
use super::recording::Recording;
use super::request::Request;
use super::{Classifier, Config, EncoderSize};
use crate::graph::{Graph, Value};
use crate::tensor::Result;

/// Model 2, the factorised encoder:
///
/// ```text
/// tubelets of one temporal index ─ class token, positions ─ L_s × block ─ LayerNorm ─ pooling: a vector a frame
/// frames ─ class token, positions ─ L_t × block ─ LayerNorm ─ pooling
/// ```
///
/// The classifier of the configuration applies to both encoders, as in the original.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct FactorisedEncoder {
    /// What becomes of the frames' vectors.
    pub temporal: Temporal,
}

/// What becomes of the vectors of the temporal indices in Model 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Temporal {
    /// An encoder of this size attends over them.
    Encoder(EncoderSize),
    /// Their mean: the paper's baseline without a temporal encoder.
    Mean,
}

impl Default for Temporal {
    /// That of ViViT-B.
    fn default() -> Self {
        Self::Encoder(EncoderSize { layers: PAPER_LAYERS, heads: 12, hidden: 3072 })
    }
}

/// Layers of the temporal encoder (paper, section 4.2).
const PAPER_LAYERS: usize = 4;

impl FactorisedEncoder {
    /// What becomes of the frames' vectors.
    #[must_use]
    pub fn temporal(self, temporal: Temporal) -> Self {
        Self { temporal, ..self }
    }

    /// `frame_representation` [B, T, C]: a vector for each temporal index, from `patches` [B, T·S, C].
    fn encode_frames(recorder: &mut Recorder<'_>, patches: Value) -> Result<Value> {
        let output = encoder(recorder, Encoder::Spatial, recorder.config.encoder(), patches)?;
        recorder.pool(Encoder::Spatial, output)
    }

    /// One vector a clip from `frames` [B, T, C].
    fn encode_time(self, recorder: &mut Recorder<'_>, frames: Value) -> Result<Value> {
        match self.temporal {
            Temporal::Mean => recorder.mean_of_frames(frames),
            Temporal::Encoder(size) => {
                let output = encoder(recorder, Encoder::Temporal, size, frames)?;
                recorder.pool(Encoder::Temporal, output)
            }
        }
    }
}

fn encoder(recorder: &mut Recorder<'_>, encoder: Encoder, size: EncoderSize, tokens: Value) -> Result<Value> {
    recorder.encoder(encoder, size, tokens, |recorder, layer, x| {
        recorder.block(layer, &[(AttentionAxis::Whole, 0..size.heads)], x)
    })
}

impl Halves for FactorisedEncoder {
    fn record_spatial(&self, config: &Config, request: &Request) -> Result<(Graph, Value)> {
        let mut recorder = Recorder::new(config, request)?;
        let patches = recorder.patch_embeddings()?;
        let frames = Self::encode_frames(&mut recorder, patches)?;
        Ok((recorder.into_graph(frames)?, frames))
    }

    fn record_temporal(&self, config: &Config, request: &Request) -> Result<Recording> {
        let mut recorder = Recorder::new(config, request)?;
        let frames = recorder.frame_representation()?;
        let pooled = self.encode_time(&mut recorder, frames)?;
        recorder.head(pooled)
    }
}

impl Definition for FactorisedEncoder {
    fn usual_classifier(&self) -> Classifier {
        Classifier::Token
    }

    fn fit_to(&mut self, config: &Config) {
        if *self == Self::default() {
            self.temporal = Temporal::Encoder(EncoderSize { layers: PAPER_LAYERS, ..config.encoder() });
        }
    }

    fn encoders(&self, config: &Config) -> Vec<(Encoder, EncoderSize)> {
        let spatial = (Encoder::Spatial, config.encoder());
        match self.temporal {
            Temporal::Encoder(size) => vec![spatial, (Encoder::Temporal, size)],
            Temporal::Mean => vec![spatial],
        }
    }

    fn layers(&self, config: &Config) -> String {
        match self.temporal {
            Temporal::Encoder(size) => format!("{} spatial and {} temporal layers", config.layers, size.layers),
            Temporal::Mean => format!("{} spatial layer{} alone", config.layers, plural(config.layers, "s")),
        }
    }

    /// The spatial encoder is an image model's; the temporal one has none.
    fn counterpart(&self, name: &str) -> Counterpart {
        match Encoder::of_parameter(name) {
            Some(Encoder::Temporal) => Counterpart::Nothing,
            Some(encoder) if name == encoder.class_token() => {
                Counterpart::ClassToken(Encoder::Clip.class_token().to_owned())
            }
            Some(encoder) => Counterpart::Named(name.replacen(encoder.path(), Encoder::Clip.path(), 1)),
            None => Counterpart::Named(name.to_owned()),
        }
    }

    fn halves(&self) -> Option<&dyn Halves> {
        Some(self)
    }

    fn encode(&self, recorder: &mut Recorder<'_>, patches: Value) -> Result<Value> {
        let frames = Self::encode_frames(recorder, patches)?;
        self.encode_time(recorder, frames)
    }

    fn encode_naively(&self, naive: &mut Naive<'_>, patches: Sequence) -> Result<Vec<f64>> {
        let config = naive.config;
        let mut frames = Sequence::default();
        for tokens in patches.by_time() {
            let place = Place { position: None, ..tokens.places[0] };
            let output = naive.encoder(Encoder::Spatial, config.layers, tokens, |naive, _, path, x| {
                naive.block(path, config.encoder(), x, &|_, _, _| Sight::Seen)
            })?;
            frames.push(place, output.pool(config.classifier, |_| true));
        }
        naive.keep("frame_representation", &[frames.x.len(), config.width], frames.x.concat());
        let Temporal::Encoder(size) = self.temporal else {
            return Ok(frames.pool(Classifier::Mean, |place| naive.is_valid(place)));
        };
        let output = naive.encoder(Encoder::Temporal, size.layers, frames, |naive, _, path, x| {
            naive.block(path, size, x, &|_, query, key| naive.through_time(query, key))
        })?;
        Ok(output.pool(config.classifier, |place| naive.is_valid(place)))
    }
}
