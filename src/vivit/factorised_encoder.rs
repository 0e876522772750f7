//! Model 2: an encoder over the tokens of each temporal index, then one over the temporal indices (paper, section 3.3;
//! spec §2.4).

use serde::{Deserialize, Serialize};

use super::config::plural;
use super::encoder::{self, Encoder};
use super::initialise::Counterpart;
use super::model::Definition;
use super::naive::{Naive, Place, Sequence, Sight};
use super::parameters::Specs;
use super::recording::{Attending, Axis, Recorder, Recording, Request, Scope};
use super::validation::validate_encoder;
use super::{Classifier, Config, EncoderSize, Grid, Model, work};
use crate::graph::{Graph, Value};
use crate::kernels::attention::{Mask, Sequences};
use crate::kernels::rows::pool::Pooling;
use crate::tensor::Result;

/// Model 2, the factorised encoder:
///
/// ```text
/// tubelets of one temporal index ─ class token, positions ─ L_s × block ─ LayerNorm ─ pooling: a vector a frame
/// frames ─ class token, positions ─ L_t × block ─ LayerNorm ─ pooling
/// ```
///
/// The classifier of the configuration rules both encoders, as in the original.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FactorisedEncoder {
    /// What becomes of the frames' vectors.
    pub temporal: Temporal,
}

/// What becomes of the vectors of the temporal indices in Model 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
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

const SPATIAL: &str = "SpatialTransformer";
const SPATIAL_CLASS_TOKEN: &str = "cls_SpatialTransformer";
const TEMPORAL: &str = "TemporalTransformer";
const TEMPORAL_CLASS_TOKEN: &str = "cls_TemporalTransformer";

impl FactorisedEncoder {
    /// Tokens of one temporal index, and of the sequence of temporal indices, with their class tokens.
    fn sequences(config: &Config) -> [usize; 2] {
        let class_token = usize::from(config.class_token());
        [config.grid().spatial(), config.grid().temporal].map(|tokens| tokens + class_token)
    }

    /// Records the way from a clip to the vectors of its temporal indices alone: `frame_representation` [B, T, C]. The
    /// clip may have any number of tubelets in time, since none depends on another.
    pub fn record_spatial(&self, config: &Config, request: &Request) -> Result<(Graph, Value)> {
        let mut recorder = Recorder::new(config, request)?;
        let patches = recorder.patch_embeddings()?;
        let frames = Self::encode_frames(&mut recorder, patches)?;
        Ok((recorder.into_graph(frames)?, frames))
    }

    /// Records the way from the vectors of a clip's temporal indices, the input `frame_representation` [B, T, C], to
    /// its classes.
    pub fn record_temporal(&self, config: &Config, request: &Request) -> Result<Recording> {
        let mut recorder = Recorder::new(config, request)?;
        let frames = recorder.frame_representation()?;
        let pooled = self.encode_time(&mut recorder, frames)?;
        recorder.head(pooled)
    }

    /// `frame_representation` [B, T, C]: a vector for each temporal index, from `patches` [B, T·S, C].
    fn encode_frames(recorder: &mut Recorder<'_>, patches: Value) -> Result<Value> {
        let config = recorder.config;
        let frames = recorder.batch * config.grid().temporal;
        let [tokens, _] = Self::sequences(config);
        let encoder = Encoder::new(SPATIAL, "spatial.", Scope::Frame, tokens, config.encoder());
        let mut x = recorder.embeddings(&encoder, SPATIAL_CLASS_TOKEN, patches, frames)?;
        let attending = Attending {
            name: "",
            axis: Axis::Whole,
            heads: 0..config.heads,
            sequences: Sequences::joint(frames, tokens),
            mask: Mask::NONE,
        };
        for index in 0..config.layers {
            x = encoder::block(recorder, &encoder.layer(index), std::slice::from_ref(&attending), x)?;
        }
        let output = recorder.encoder_norm(&encoder, x)?;
        recorder.pool_frames(output)
    }

    /// One vector a clip from `frames` [B, T, C].
    fn encode_time(self, recorder: &mut Recorder<'_>, frames: Value) -> Result<Value> {
        let config = recorder.config;
        let size = match self.temporal {
            Temporal::Mean => return recorder.pool(frames, Pooling::Mean, 1),
            Temporal::Encoder(size) => size,
        };
        let [_, tokens] = Self::sequences(config);
        let encoder = Encoder::new(TEMPORAL, "temporal.", Scope::Frames, tokens, size);
        let mut x = recorder.embeddings(&encoder, TEMPORAL_CLASS_TOKEN, frames, recorder.batch)?;
        let attending = Attending {
            name: "",
            axis: Axis::Whole,
            heads: 0..size.heads,
            sequences: Sequences::joint(recorder.batch, tokens),
            mask: recorder.mask(usize::from(config.class_token()), 1),
        };
        for index in 0..size.layers {
            x = encoder::block(recorder, &encoder.layer(index), std::slice::from_ref(&attending), x)?;
        }
        let output = recorder.encoder_norm(&encoder, x)?;
        recorder.pool_clips(output, 1)
    }
}

impl Definition for FactorisedEncoder {
    fn validate(&self, config: &Config) -> Result<()> {
        match self.temporal {
            Temporal::Encoder(size) => validate_encoder("temporal encoder", size, config.width),
            Temporal::Mean => Ok(()),
        }
    }

    fn usual_classifier(&self) -> Classifier {
        Classifier::Token
    }

    fn fitted_to(&self, config: &Config) -> Option<Model> {
        let temporal = EncoderSize { layers: PAPER_LAYERS, ..config.encoder() };
        (*self == Self::default()).then(|| Self { temporal: Temporal::Encoder(temporal) }.into())
    }

    fn layers(&self, config: &Config) -> String {
        match self.temporal {
            Temporal::Encoder(size) => format!("{} spatial and {} temporal layers", config.layers, size.layers),
            Temporal::Mean => format!("{} spatial layer{} alone", config.layers, plural(config.layers, "s")),
        }
    }

    fn parameters(&self, config: &Config, specs: &mut Specs) {
        let [spatial, temporal] = Self::sequences(config);
        specs.class_token(config, SPATIAL_CLASS_TOKEN);
        specs.encoder(SPATIAL, config.width, spatial, config.layers, |specs, path| {
            specs.block(path, config, config.encoder());
        });
        if let Temporal::Encoder(size) = self.temporal {
            specs.class_token(config, TEMPORAL_CLASS_TOKEN);
            specs.encoder(TEMPORAL, config.width, temporal, size.layers, |specs, path| specs.block(path, config, size));
        }
    }

    fn positions(&self, config: &Config, name: &str) -> Grid {
        match name.starts_with(TEMPORAL) {
            true => Grid { rows: 1, columns: 1, ..config.grid() },
            false => Grid { temporal: 1, ..config.grid() },
        }
    }

    /// The spatial encoder is an image model's; the temporal one has none.
    fn counterpart(&self, name: &str) -> Counterpart {
        if name == SPATIAL_CLASS_TOKEN {
            return Counterpart::ClassToken("cls".into());
        }
        match name.split_once('.') {
            Some((SPATIAL, part)) => Counterpart::Named(format!("Transformer.{part}")),
            Some((TEMPORAL, _)) => Counterpart::Nothing,
            None if name == TEMPORAL_CLASS_TOKEN => Counterpart::Nothing,
            _ => Counterpart::Named(name.to_owned()),
        }
    }

    fn multiply_accumulates(&self, config: &Config) -> u64 {
        let c = config.width;
        let [spatial, temporal] = Self::sequences(config);
        let encoder = |sequences: usize, n: usize, size: EncoderSize| {
            let rows = sequences * n;
            let block = work::projections(rows, c) + work::attention(rows, n, c) + work::mlp(rows, c, size.hidden);
            size.layers as u64 * block
        };
        let over_time = match self.temporal {
            Temporal::Encoder(size) => encoder(1, temporal, size),
            Temporal::Mean => 0,
        };
        encoder(config.grid().temporal, spatial, config.encoder()) + over_time
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
            let tokens = naive.with_class_token("cls_SpatialTransformer", tokens)?;
            let output =
                naive.encoder(["SpatialTransformer", "spatial."], config.layers, tokens, |naive, path, x| {
                    naive.block(path, config.encoder(), x, &|_, _, _| Sight::Seen)
                })?;
            frames.push(place, output.pool(config.classifier, |_| true));
        }
        naive.keep("frame_representation", &[frames.x.len(), config.width], frames.x.concat());
        let Temporal::Encoder(size) = self.temporal else {
            return Ok(frames.pool(Classifier::Mean, |place| naive.is_valid(place)));
        };
        let tokens = naive.with_class_token("cls_TemporalTransformer", frames)?;
        let output = naive.encoder(["TemporalTransformer", "temporal."], size.layers, tokens, |naive, path, x| {
            naive.block(path, size, x, &|_, query, key| naive.through_time(query, key))
        })?;
        Ok(output.pool(config.classifier, |place| naive.is_valid(place)))
    }
}
