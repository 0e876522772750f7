//! Where a model looks: maps of its attention over a clip.

use std::fmt;
use std::str::FromStr;

use super::forward::feeds;
use super::pass::Given;
use super::{Classes, ClipPass, Input, Pass, SharedExecutor, Vivit};
use crate::gpu::Pending;
use crate::graph::Feed;
use crate::tensor::{Error, Result, Tensor};
use crate::video::PreparedClip;
use crate::vivit::{AttentionAxis, AttentionLayer, Classifier, Config, Encoder, RecordedMap, Request};

/// Whose attention is asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AttentionQuery {
    /// What the head sees: the class token, or the mean over all tokens where the model has none.
    #[default]
    Clip,
    /// The token of temporal index, row and column of the grid. Row and column are 0 in the temporal encoder of Model 2,
    /// which has one token for each temporal index.
    Token([usize; 3]),
}

/// `cls`, or temporal index, row and column: `7,6,9`.
impl fmt::Display for AttentionQuery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Clip => f.write_str("cls"),
            Self::Token([time, row, column]) => write!(f, "{time},{row},{column}"),
        }
    }
}

impl FromStr for AttentionQuery {
    type Err = Error;

    /// What [`Display`](fmt::Display) writes.
    fn from_str(text: &str) -> Result<Self> {
        if text == "cls" {
            return Ok(Self::Clip);
        }
        let numbers: Option<Vec<usize>> = text.split(',').map(|number| number.trim().parse().ok()).collect();
        match numbers.as_deref() {
            Some(&[time, row, column]) => Ok(Self::Token([time, row, column])),
            _ => Err(Error::usage(format!(
                "the query of an attention map is cls, or three numbers as in 7,6,9: temporal index, row, column, not {text:?}"
            ))),
        }
    }
}

/// How much attention each token of a clip gets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AttentionMaps {
    /// `[T, rows, columns]`: the share of each token.
    pub map: Tensor,
    /// `[T]`: the attention over time, where the model attends over time apart from space (the temporal encoder of Model 2,
    /// the blocks of Models 3 and 4); otherwise the map summed over each temporal index. `None` for a block of Model 2's
    /// spatial encoder, which sees each temporal index by itself. The class token's share is left out.
    pub profile: Option<Vec<f32>>,
    /// What the model says of the clip, where it has a head.
    pub classes: Option<Classes>,
}

impl Vivit {
    /// Where the model looks in a clip, in the layers of [`Pass::layer`] and for the query [`Pass::query`].
    ///
    /// Rollout gives shares of the whole, of which the class token's is left out. A single block gives its probabilities,
    /// without the residual path. Where the model attends over space and over time apart, rollout multiplies the two in
    /// Model 2, whose encoders follow each other, and follows both in Models 3 and 4; a single block's map is then its
    /// attention over space. [`AttentionMaps::profile`] has that over time.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit, clip: &tubelet::video::Clip) -> tubelet::Result<()> {
    /// use tubelet::Pass;
    ///
    /// let maps = model.attention(clip)?; // rollout, of what the head sees
    /// println!("{}", maps.map.shape()); // [T, rows, columns]
    /// // Head 3 of layer 11, of the token at temporal index 7, row 6, column 9.
    /// let pass = Pass::new().layer("11:3".parse()?).query("7,6,9".parse()?);
    /// let of_token = model.attention(pass.over(clip))?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// A layer, head or token that the model does not have, and a token that is masked; a pass with taps, or over more
    /// than one clip.
    pub fn attention_async<'a>(&'a self, clip: impl Into<ClipPass<'a>>) -> Pending<'a, AttentionMaps> {
        let ClipPass { pass, input } = clip.into();
        Pending::new(async move { self.attention_over(&pass, input).await })
    }

    async fn attention_over(&self, pass: &Pass, input: Input<'_>) -> Result<AttentionMaps> {
        pass.without_taps("attention")?;
        pass.of_one_view("attention")?;
        let given = input.given();
        match (given.count(), given) {
            (1, Given::Values(clip)) => {
                self.attention_maps(pass, &self.batch_request(pass, clip)?, Feed::Host(clip)).await
            }
            (1, Given::Prepared([clip])) => self.attention_of_prepared(pass, clip).await,
            (1, Given::Frames(clips)) => self.attention_of_prepared(pass, &self.prepare_async(clips[0]).await?).await,
            (count, _) => Err(of_one_clip(count)),
        }
    }

    async fn attention_of_prepared(&self, pass: &Pass, clip: &PreparedClip) -> Result<AttentionMaps> {
        let request = pass.request(1, self.layout());
        self.check_prepared(clip, &request)?;
        self.attention_maps(pass, &request, Feed::Device(clip.memory())).await
    }

    async fn attention_maps(&self, pass: &Pass, request: &Request, clip: Feed<'_>) -> Result<AttentionMaps> {
        let config = self.config();
        let SharedExecutor { executor, recording, maps } = self.map_executor(request, &pass.layer).await?;
        let validity = pass.mask.validity(config, 1)?;
        let valid = valid_indices(config, validity.as_ref())?;
        check_query(config, pass.query, &maps, &valid)?;
        let seeds = maps.iter().map(|map| seed(config, map, &valid, pass.query)).collect::<Result<Vec<_>>>()?;
        let mut fed = feeds(clip, validity.as_ref());
        fed.extend(maps.iter().zip(&seeds).map(|(map, seed)| (map.seed.as_str(), Feed::Host(seed))));
        let wanted: Vec<_> = maps.iter().map(|map| map.shares).chain(recording.logits).collect();
        let found = executor.run(&fed, &wanted).await?;
        let (shares, logits) = found.split_at(maps.len());
        let labels = self.checkpoint().labels.as_deref();
        let classes =
            logits.first().map(|logits| Classes::new(logits.as_f32()?, &config.labelling, labels)).transpose()?;
        let part = |(map, shares): (_, &Tensor)| Ok(Part::new(config, map, shares.as_f32()?));
        let parts = maps.iter().zip(shares).map(part).collect::<Result<Vec<_>>>()?;
        let (map, profile) = combined(config, &parts, &valid, pass)?;
        let grid = config.grid();
        Ok(AttentionMaps { map: Tensor::f32([grid.temporal, grid.rows, grid.columns], map)?, profile, classes })
    }
}

fn of_one_clip(given: usize) -> Error {
    Error::usage(format!("attention maps are of one clip, {given} are given"))
}

/// An error for a token that the maps do not have, or that is masked.
fn check_query(config: &Config, query: AttentionQuery, maps: &[RecordedMap], valid: &[bool]) -> Result<()> {
    let AttentionQuery::Token([time, row, column]) = query else { return Ok(()) };
    let grid = config.grid();
    if time >= grid.temporal || row >= grid.rows || column >= grid.columns {
        return Err(Error::usage(format!(
            "there is no token {time},{row},{column}: the grid has {} temporal indices of {}×{} tokens, counted from 0",
            grid.temporal, grid.rows, grid.columns
        )));
    }
    if [row, column] != [0, 0] && maps.iter().all(|map| map.encoder == Encoder::Temporal) {
        return Err(Error::usage(format!(
            "there is no token {time},{row},{column}: a temporal layer has one token for each temporal index; ask for \
             {time},0,0"
        )));
    }
    if !valid[time] {
        let seen: Vec<_> = (0..valid.len()).filter(|time| valid[*time]).map(|time| time.to_string()).collect();
        return Err(Error::usage(format!(
            "the token {time},{row},{column} is masked: only the temporal indices {} are seen",
            seen.join(", ")
        )));
    }
    Ok(())
}

/// Which temporal indices are seen.
fn valid_indices(config: &Config, validity: Option<&Tensor>) -> Result<Vec<bool>> {
    match validity {
        Some(words) => Ok(words.as_u32()?.iter().map(|word| *word != 0).collect()),
        None => Ok(vec![true; config.grid().temporal]),
    }
}

/// The shares of an encoder's rows at its top, `[R]`.
fn seed(config: &Config, map: &RecordedMap, valid: &[bool], query: AttentionQuery) -> Result<Tensor> {
    let grid = config.grid();
    let class_token = usize::from(config.class_token());
    let tokens = config.encoder_tokens(map.encoder);
    let (sequences, per_time) = match map.encoder {
        Encoder::Clip => (1, grid.spatial()),
        Encoder::Spatial => (grid.temporal, grid.spatial()),
        Encoder::Temporal => (1, 1),
    };
    let mut seed = vec![0.0; sequences * tokens];
    match query {
        AttentionQuery::Token([time, row, column]) => {
            let position = row * grid.columns + column;
            let token = match map.encoder {
                Encoder::Clip => class_token + time * per_time + position,
                Encoder::Spatial => time * tokens + class_token + position,
                Encoder::Temporal => class_token + time,
            };
            seed[token] = 1.0;
        }
        AttentionQuery::Clip => {
            for sequence in seed.chunks_mut(tokens) {
                match config.classifier {
                    Classifier::Token | Classifier::FirstToken => sequence[0] = 1.0,
                    Classifier::Mean | Classifier::Max | Classifier::Sum => {
                        let seen = |token: usize| map.encoder == Encoder::Spatial || valid[token / per_time];
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
    /// `[T, S]`: shares of all tokens, over everything or along one axis.
    Clip(AttentionAxis, Vec<f32>),
    /// `[T, S]`: shares of each temporal index's own tokens.
    Frame(Vec<f32>),
    /// `[T]`: shares of temporal indices.
    Frames(Vec<f32>),
}

impl Part {
    fn new(config: &Config, map: &RecordedMap, shares: &[f32]) -> Self {
        let class_token = usize::from(config.class_token());
        let tokens: Vec<f32> = shares
            .chunks(config.encoder_tokens(map.encoder))
            .flat_map(|sequence| &sequence[class_token..])
            .copied()
            .collect();
        match map.encoder {
            Encoder::Clip => Self::Clip(map.axis, tokens),
            Encoder::Spatial => Self::Frame(tokens),
            Encoder::Temporal => Self::Frames(tokens),
        }
    }
}

/// The map and the profile that the parts make together.
fn combined(config: &Config, parts: &[Part], valid: &[bool], pass: &Pass) -> Result<(Vec<f32>, Option<Vec<f32>>)> {
    let positions = config.grid().spatial();
    let summed = |tokens: &[f32]| Some(tokens.chunks(positions).map(|index| index.iter().sum()).collect());
    match (parts, &pass.layer) {
        ([Part::Frame(tokens), Part::Frames(times)], _) => {
            Ok((weighted(tokens, times, pass.query), Some(times.clone())))
        }
        ([Part::Frame(tokens)], AttentionLayer::Rollout) => {
            // Without a temporal encoder every valid temporal index counts alike.
            let count = valid.iter().filter(|valid| **valid).count() as f32;
            let even: Vec<_> = valid.iter().map(|valid| if *valid { 1.0 / count } else { 0.0 }).collect();
            let map = weighted(tokens, &even, pass.query);
            let profile = summed(&map);
            Ok((map, profile))
        }
        ([Part::Frame(tokens)], AttentionLayer::Block { .. }) => Ok((tokens.clone(), None)),
        ([Part::Frames(times)], _) => {
            let spread = times.iter().flat_map(|time| std::iter::repeat_n(time / positions as f32, positions));
            Ok((spread.collect(), Some(times.clone())))
        }
        ([Part::Clip(AttentionAxis::Time, time), Part::Clip(_, tokens)], _)
        | ([Part::Clip(_, tokens), Part::Clip(AttentionAxis::Time, time)], _) => Ok((tokens.clone(), summed(time))),
        ([Part::Clip(_, tokens)], _) => Ok((tokens.clone(), summed(tokens))),
        _ => Err(Error::usage("this layer has no attention to show")),
    }
}

/// Shares `[T, S]` within each temporal index as shares of the clip: each times its index's share. For one token's query
/// they stay as they are.
fn weighted(tokens: &[f32], times: &[f32], query: AttentionQuery) -> Vec<f32> {
    let positions = tokens.len() / times.len();
    let share = |(index, time): (&[f32], &f32)| -> Vec<f32> {
        let scale = if query == AttentionQuery::Clip { *time } else { 1.0 };
        index.iter().map(|token| token * scale).collect()
    };
    tokens.chunks(positions).zip(times).flat_map(share).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_survive_text() {
        for query in [AttentionQuery::Clip, AttentionQuery::Token([7, 6, 9])] {
            assert_eq!(query.to_string().parse::<AttentionQuery>().unwrap(), query);
        }
        assert_eq!("cls".parse::<AttentionQuery>().unwrap(), AttentionQuery::Clip);
        assert!("7,6".parse::<AttentionQuery>().is_err());
    }
}
