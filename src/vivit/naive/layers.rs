//! Layers on tokens, a vector each (spec §2.1).

use super::{Config, Naive};
use crate::kernels::attention::EmptyRow;
use crate::tensor::Result;
use crate::vivit::{Classifier, EncoderSize, Gelu};

/// Where in a clip a token lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::vivit) struct Place {
    /// Temporal index; none for a class token.
    pub time: Option<usize>,
    /// Row and column of its tubelet; none for what stands for more than one.
    pub position: Option<[usize; 2]>,
}

impl Place {
    /// That of a class token.
    pub(in crate::vivit) const NOWHERE: Self = Self { time: None, position: None };
}

/// Tokens in a row, with their places.
#[derive(Clone, Default)]
pub(in crate::vivit) struct Sequence {
    pub places: Vec<Place>,
    pub x: Vec<Vec<f64>>,
}

impl Sequence {
    pub(in crate::vivit) fn push(&mut self, place: Place, x: Vec<f64>) {
        self.places.push(place);
        self.x.push(x);
    }

    /// The tokens of each temporal index by themselves.
    pub(in crate::vivit) fn by_time(self) -> Vec<Self> {
        let mut times: Vec<Self> = Vec::new();
        for (place, x) in self.places.into_iter().zip(self.x) {
            if times.last().is_none_or(|last| last.places[0].time != place.time) {
                times.push(Self::default());
            }
            if let Some(last) = times.last_mut() {
                last.push(place, x);
            }
        }
        times
    }

    /// The residual connection.
    fn add(&mut self, branch: &[Vec<f64>]) {
        for (token, branch) in self.x.iter_mut().zip(branch) {
            add(token, branch);
        }
    }

    /// One vector by `classifier`, of the tokens whose place `counts`.
    pub(in crate::vivit) fn pool(&self, classifier: Classifier, counts: impl Fn(Place) -> bool) -> Vec<f64> {
        let counted: Vec<_> = self.places.iter().zip(&self.x).filter(|(place, _)| counts(**place)).collect();
        let pool = |channel: usize| {
            let sum = || counted.iter().map(|(_, x)| x[channel]).sum::<f64>();
            match classifier {
                Classifier::Token | Classifier::FirstToken => self.x[0][channel],
                Classifier::Mean => sum() / counted.len() as f64,
                Classifier::Max => counted.iter().map(|(_, x)| x[channel]).fold(f64::NEG_INFINITY, largest),
                Classifier::Sum => sum(),
            }
        };
        (0..self.x[0].len()).map(pool).collect()
    }
}

/// Whether a query sees a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::vivit) enum Sight {
    /// The key is in another sequence.
    Outside,
    /// A mask hides the key.
    Hidden,
    /// The query attends to the key.
    Seen,
}

/// Whether a head's query at one place sees a key at another.
pub(in crate::vivit) type Relation<'a> = dyn Fn(usize, Place, Place) -> Sight + 'a;

/// The larger one; a NaN where one is.
fn largest(a: f64, b: f64) -> f64 {
    if a.is_nan() || a > b { a } else { b }
}

pub(super) fn add(x: &mut [f64], y: &[f64]) {
    for (x, y) in x.iter_mut().zip(y) {
        *x += y;
    }
}

impl Naive<'_> {
    /// One pre-norm block: x + MHA(LN(x)), then x + MLP(LN(x)).
    pub(in crate::vivit) fn block(
        &self,
        path: &str,
        size: EncoderSize,
        tokens: &mut Sequence,
        relation: &Relation<'_>,
    ) -> Result<()> {
        self.attend([path, "LayerNorm_0", "MultiHeadDotProductAttention_0"], size.heads, tokens, relation)?;
        self.mlp([path, "LayerNorm_1", "MlpBlock_0"], size.hidden, tokens)
    }

    /// x + MHA(LN(x)).
    pub(in crate::vivit) fn attend(
        &self,
        [path, norm, attention]: [&str; 3],
        heads: usize,
        tokens: &mut Sequence,
        relation: &Relation<'_>,
    ) -> Result<()> {
        let Config { width, qkv_bias, .. } = *self.config;
        let normed = self.layer_norm(&format!("{path}.{norm}"), &tokens.x)?;
        let projected = |projection| self.dense(&format!("{path}.{attention}.{projection}"), &normed, width, qkv_bias);
        let (query, key, value) = (projected("query")?, projected("key")?, projected("value")?);
        let mut context = vec![vec![0.0; width]; normed.len()];
        for head in 0..heads {
            let features = head * width / heads..(head + 1) * width / heads;
            for (token, context) in context.iter_mut().enumerate() {
                let sight = |&key| relation(head, tokens.places[token], key);
                let sights: Vec<_> = tokens.places.iter().map(sight).collect();
                let query = &query[token][features.clone()];
                let scores: Vec<_> = key.iter().map(|key| score(query, &key[features.clone()])).collect();
                for (other, probability) in probabilities(&scores, &sights, self.mask.empty_row) {
                    for feature in features.clone() {
                        context[feature] += probability * value[other][feature];
                    }
                }
            }
        }
        tokens.add(&self.dense(&format!("{path}.{attention}.out"), &context, width, true)?);
        Ok(())
    }

    /// x + MLP(LN(x)).
    pub(in crate::vivit) fn mlp(
        &self,
        [path, norm, mlp]: [&str; 3],
        hidden: usize,
        tokens: &mut Sequence,
    ) -> Result<()> {
        let normed = self.layer_norm(&format!("{path}.{norm}"), &tokens.x)?;
        let mut wide = self.dense(&format!("{path}.{mlp}.Dense_0"), &normed, hidden, true)?;
        for value in wide.iter_mut().flatten() {
            *value = gelu(self.config.gelu, *value);
        }
        tokens.add(&self.dense(&format!("{path}.{mlp}.Dense_1"), &wide, self.config.width, true)?);
        Ok(())
    }

    /// W·x + b of every token; the kernel is `[outputs, inputs]`.
    pub(super) fn dense(&self, path: &str, x: &[Vec<f64>], outputs: usize, biased: bool) -> Result<Vec<Vec<f64>>> {
        let inputs = x.first().map_or(0, Vec::len);
        let kernel = self.parameter(&format!("{path}.kernel"), outputs * inputs)?;
        let bias = if biased { self.parameter(&format!("{path}.bias"), outputs)? } else { vec![0.0; outputs] };
        let product = |x: &Vec<f64>, output: usize| {
            let products = (0..inputs).map(|input| kernel[output * inputs + input] * x[input]);
            products.sum::<f64>() + bias[output]
        };
        Ok(x.iter().map(|x| (0..outputs).map(|output| product(x, output)).collect()).collect())
    }

    /// LayerNorm of every token, with the variance that divides by the width.
    pub(super) fn layer_norm(&self, path: &str, x: &[Vec<f64>]) -> Result<Vec<Vec<f64>>> {
        let width = self.config.width;
        let scale = self.parameter(&format!("{path}.scale"), width)?;
        let bias = self.parameter(&format!("{path}.bias"), width)?;
        let normed = |x: &Vec<f64>| {
            let mean = x.iter().sum::<f64>() / width as f64;
            let variance = x.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / width as f64;
            let deviation = (variance + f64::from(self.config.layer_norm_eps)).sqrt();
            (0..width).map(|channel| (x[channel] - mean) / deviation * scale[channel] + bias[channel]).collect()
        };
        Ok(x.iter().map(normed).collect())
    }
}

/// q · k / √D.
fn score(query: &[f64], key: &[f64]) -> f64 {
    query.iter().zip(key).map(|(q, k)| q * k).sum::<f64>() / (query.len() as f64).sqrt()
}

/// The keys that are attended to, each with its probability: softmax over those seen.
fn probabilities(scores: &[f64], sights: &[Sight], empty_row: EmptyRow) -> Vec<(usize, f64)> {
    let of = |sight: Sight| -> Vec<usize> { (0..scores.len()).filter(|key| sights[*key] == sight).collect() };
    let seen = of(Sight::Seen);
    if seen.is_empty() {
        let hidden = of(Sight::Hidden);
        return match empty_row {
            EmptyRow::Zero => Vec::new(),
            EmptyRow::Uniform => hidden.iter().map(|key| (*key, 1.0 / hidden.len() as f64)).collect(),
        };
    }
    let highest = seen.iter().map(|key| scores[*key]).fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = seen.iter().map(|key| (scores[*key] - highest).exp()).sum();
    seen.into_iter().map(|key| (key, (scores[key] - highest).exp() / total)).collect()
}

fn gelu(form: Gelu, x: f64) -> f64 {
    match form {
        Gelu::Tanh => 0.5 * x * (1.0 + (std::f64::consts::FRAC_2_PI.sqrt() * (x + 0.044715 * x.powi(3))).tanh()),
        Gelu::Erf => 0.5 * x * (1.0 + libm::erf(x / std::f64::consts::SQRT_2)),
    }
}
