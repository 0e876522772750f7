//! Where a model looks: maps of its attention over a clip.

use std::sync::Arc;

use super::{Classes, Vivit, class_values, feeds};
use crate::graph::{Executor, Feed, GpuExecutor};
use crate::tensor::{Error, Result, Tensor};
use crate::video::PreparedClip;
use crate::vivit::{self, AttentionLayer, Axis, Classifier, Config, FrameMask, RecordedMap, Request, Scope};

/// Whose attention is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionQuery {
    /// What the head sees: the class token, or the mean over all tokens where the model has none.
    Clip,
    /// The token of temporal index, row and column of the grid.
    Token([usize; 3]),
}

/// Which attention of a clip is asked for.
#[derive(Clone, Debug)]
pub struct AttentionRequest {
    /// All layers together, or one.
    pub layer: AttentionLayer,
    /// Whose attention it is.
    pub query: AttentionQuery,
    /// What of the clip is not seen.
    pub mask: FrameMask,
}

impl AttentionRequest {
    /// Rollout over all layers for what the head sees; nothing masked.
    pub fn rollout() -> Self {
        Self { layer: AttentionLayer::Rollout, query: AttentionQuery::Clip, mask: FrameMask::default() }
    }
}

/// How much attention each token of a clip gets.
#[derive(Clone, Debug, PartialEq)]
pub struct AttentionMaps {
    /// `[T, rows, columns]`: the share of each token.
    pub map: Tensor,
    /// `[T]`: the share of each temporal index.
    pub profile: Vec<f32>,
    /// What the model says of the clip, where it has a head.
    pub classes: Option<Classes>,
}

impl Vivit {
    /// Where the model looks in a clip that is on the device already.
    ///
    /// Rollout gives shares of the whole, which the class token keeps a part of. A single block gives its probabilities,
    /// without the residual path. Where the model attends over space and over time apart, rollout multiplies the two in
    /// Model 2, whose encoders follow each other, and follows both in Models 3 and 4; a single block's map is then its
    /// attention over space and its profile that over time.
    ///
    /// # Errors
    ///
    /// A layer, head or token that the model does not have.
    pub fn attention(&self, clip: &PreparedClip, asked: &AttentionRequest) -> Result<AttentionMaps> {
        let config = self.config();
        check_query(config, asked.query)?;
        let request = Request { masking: asked.mask.masking(), ..Request::new(1, self.layout) };
        self.check_prepared(clip, &request)?;
        let vivit::MapRecording { recording, maps } = vivit::record_attention_maps(config, &request, &asked.layer)?;
        let says = if config.classes > 0 { class_values(&recording)? } else { Vec::new() };
        let validity = asked.mask.validity(config, 1)?;
        let valid = valid_indices(config, validity.as_ref())?;
        let seeds = maps.iter().map(|map| seed(config, map, &valid, asked.query)).collect::<Result<Vec<_>>>()?;
        let mut fed = feeds(Feed::Device(clip.buffer()), validity.as_ref());
        fed.extend(maps.iter().zip(&seeds).map(|(map, seed)| (map.seed.as_str(), Feed::Host(seed))));
        let wanted: Vec<_> = maps.iter().map(|map| map.weights).chain(says).collect();
        let mut executor = GpuExecutor::new(Arc::new(recording.graph), &self.weights, &self.options.variants)?;
        let found = executor.run(&fed, &wanted)?;
        let (weights, says) = found.split_at(maps.len());
        let classes = if config.classes > 0 { Some(self.classes(says)?) } else { None };
        let part = |(map, weights): (_, &Tensor)| Ok(Part::new(config, map, weights.as_f32()?));
        let parts = maps.iter().zip(weights).map(part).collect::<Result<Vec<_>>>()?;
        let (map, profile) = combined(config, &parts, &valid, asked)?;
        let grid = config.grid();
        Ok(AttentionMaps { map: Tensor::f32([grid.temporal, grid.rows, grid.columns], map)?, profile, classes })
    }
}

fn check_query(config: &Config, query: AttentionQuery) -> Result<()> {
    let grid = config.grid();
    match query {
        AttentionQuery::Token([time, row, column])
            if time >= grid.temporal || row >= grid.rows || column >= grid.columns =>
        {
            Err(Error::usage(format!(
                "there is no token {time},{row},{column}: the grid has {} temporal indices of {}×{} tokens, counted from 0",
                grid.temporal, grid.rows, grid.columns
            )))
        }
        _ => Ok(()),
    }
}

/// Which temporal indices are seen.
fn valid_indices(config: &Config, validity: Option<&Tensor>) -> Result<Vec<bool>> {
    match validity {
        Some(words) => Ok(words.as_u32()?.iter().map(|word| *word != 0).collect()),
        None => Ok(vec![true; config.grid().temporal]),
    }
}

/// The weights of an encoder's rows at its top.
fn seed(config: &Config, map: &RecordedMap, valid: &[bool], query: AttentionQuery) -> Result<Tensor> {
    let grid = config.grid();
    let class_token = usize::from(config.class_token());
    let (sequences, per_time) = match map.scope {
        Scope::Clip => (1, grid.spatial()),
        Scope::Frame => (grid.temporal, grid.spatial()),
        Scope::Frames => (1, 1),
    };
    let mut seed = vec![0.0; sequences * map.tokens];
    match query {
        AttentionQuery::Token([time, row, column]) => {
            let position = row * grid.columns + column;
            let token = match map.scope {
                Scope::Clip => class_token + time * per_time + position,
                Scope::Frame => time * map.tokens + class_token + position,
                Scope::Frames => class_token + time,
            };
            seed[token] = 1.0;
        }
        AttentionQuery::Clip => {
            for sequence in seed.chunks_mut(map.tokens) {
                match config.classifier {
                    Classifier::Token | Classifier::FirstToken => sequence[0] = 1.0,
                    Classifier::Mean | Classifier::Max | Classifier::Sum => {
                        let seen = |token: usize| map.scope == Scope::Frame || valid[token / per_time];
                        let count = (0..sequence.len()).filter(|token| seen(*token)).count();
                        let share = 1.0 / count as f32;
                        (0..sequence.len()).filter(|token| seen(*token)).for_each(|token| sequence[token] = share);
                    }
                }
            }
        }
    }
    Tensor::f32([seed.len()], seed)
}

/// One recorded map without class tokens.
enum Part {
    /// `[T, S]`: shares of all tokens, over everything or over space.
    Tokens(Axis, Vec<f32>),
    /// `[T]`: shares of temporal indices.
    Times(Vec<f32>),
}

impl Part {
    fn new(config: &Config, map: &RecordedMap, weights: &[f32]) -> Self {
        let class_token = usize::from(config.class_token());
        let tokens: Vec<f32> =
            weights.chunks(map.tokens).flat_map(|sequence| &sequence[class_token..]).copied().collect();
        match map.scope {
            Scope::Frames => Self::Times(tokens),
            Scope::Clip | Scope::Frame => Self::Tokens(map.axis, tokens),
        }
    }
}

/// The map and the profile that the parts make together.
fn combined(config: &Config, parts: &[Part], valid: &[bool], asked: &AttentionRequest) -> Result<(Vec<f32>, Vec<f32>)> {
    let positions = config.grid().spatial();
    let of_times = |tokens: &[f32]| -> Vec<f32> { tokens.chunks(positions).map(|times| times.iter().sum()).collect() };
    let spread = |times: &[f32]| -> Vec<f32> {
        times.iter().flat_map(|time| std::iter::repeat_n(time / positions as f32, positions)).collect()
    };
    let times = parts.iter().find_map(|part| match part {
        Part::Times(times) => Some(times.clone()),
        Part::Tokens(Axis::Time, tokens) => Some(of_times(tokens)),
        Part::Tokens(..) => None,
    });
    let tokens = parts.iter().find_map(|part| match part {
        Part::Tokens(axis, tokens) if *axis != Axis::Time => Some(tokens.clone()),
        _ => None,
    });
    let over_time = parts.iter().find_map(|part| match part {
        Part::Tokens(Axis::Time, tokens) => Some(tokens.clone()),
        _ => None,
    });
    let (encoders_follow, clip) = match (&config.model, &asked.layer, asked.query) {
        (vivit::Model::FactorisedEncoder(_), AttentionLayer::Rollout, query) => (true, query == AttentionQuery::Clip),
        _ => (false, false),
    };
    match (tokens, times) {
        (Some(tokens), times) if encoders_follow => {
            // Without a temporal encoder every valid temporal index counts alike.
            let count = valid.iter().filter(|valid| **valid).count() as f32;
            let even = || valid.iter().map(|valid| if *valid { 1.0 / count } else { 0.0 }).collect();
            let times: Vec<f32> = times.unwrap_or_else(even);
            let share = |(token, place): (f32, usize)| if clip { token * times[place / positions] } else { token };
            Ok((tokens.into_iter().zip(0..).map(share).collect(), times))
        }
        (Some(tokens), Some(times)) => Ok((tokens, times)),
        (Some(tokens), None) => {
            let times = of_times(&tokens);
            Ok((tokens, times))
        }
        (None, Some(times)) => Ok((over_time.unwrap_or_else(|| spread(&times)), times)),
        (None, None) => Err(Error::usage("this layer has no attention to show")),
    }
}
