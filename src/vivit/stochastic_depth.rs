//! Stochastic depth: branches of encoder blocks that are left out at random while a model learns (paper Eq. 10, spec §8.4).

use serde::{Deserialize, Serialize};

use crate::tensor::{Error, Result};
use crate::video::augment::RandomStream;

/// How likely the branches of each layer are left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct StochasticDepth {
    /// p_drop, the rate that layers approach.
    pub rate: f64,
    /// How the rate grows with the layers.
    #[serde(default)]
    pub growth: RateGrowth,
    /// Whether a branch that is kept is divided by how likely that was. scenic's ViViT does not.
    #[serde(default)]
    pub rescale: bool,
    /// Whether the temporal indices of a clip share the gates of Model 2's spatial encoder, as in scenic's ViViT.
    #[serde(default = "shared")]
    pub shared_over_time: bool,
    /// Whether Model 3, factorised self-attention, has it too. In scenic's ViViT it does not.
    #[serde(default)]
    pub factorised_self_attention: bool,
}

fn shared() -> bool {
    true
}

/// How the rate of a layer, l = 0 … L − 1, grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RateGrowth {
    /// l / (L − 1): the last layer has the full rate, as in scenic.
    #[default]
    ToLastLayer,
    /// l / L, as in the paper.
    BeyondLastLayer,
}

impl StochasticDepth {
    /// As scenic has it.
    pub const fn new(rate: f64) -> Self {
        let growth = RateGrowth::ToLastLayer;
        Self { rate, growth, rescale: false, shared_over_time: true, factorised_self_attention: false }
    }

    /// How the rate grows with the layers.
    #[must_use]
    pub const fn growth(self, growth: RateGrowth) -> Self {
        Self { growth, ..self }
    }

    /// Whether a branch that is kept is divided by how likely that was.
    #[must_use]
    pub const fn rescale(self, rescale: bool) -> Self {
        Self { rescale, ..self }
    }

    /// Whether the temporal indices of a clip share the gates of Model 2's spatial encoder.
    #[must_use]
    pub const fn shared_over_time(self, shared_over_time: bool) -> Self {
        Self { shared_over_time, ..self }
    }

    /// Whether Model 3 has it too.
    #[must_use]
    pub const fn factorised_self_attention(self, factorised_self_attention: bool) -> Self {
        Self { factorised_self_attention, ..self }
    }

    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) for a rate outside 0 … 1, and for 1 where branches that are
    /// kept are rescaled.
    pub fn validate(&self) -> Result<()> {
        if (0.0..=1.0).contains(&self.rate) && !(self.rescale && self.rate == 1.0) {
            return Ok(());
        }
        Err(Error::usage(format!(
            "branches cannot be left out at a rate of {}; it must be from 0 to below 1",
            self.rate
        )))
    }

    /// The rate of each layer of an encoder of `layers`. Model 2 has two encoders, each with rates from 0 on.
    pub fn rates(&self, layers: usize) -> Vec<f64> {
        let steps = match self.growth {
            RateGrowth::ToLastLayer => layers.saturating_sub(1).max(1),
            RateGrowth::BeyondLastLayer => layers,
        };
        (0..layers).map(|layer| layer as f64 / steps as f64 * self.rate).collect()
    }

    /// What a branch of a layer of this rate is multiplied by: 0 where it is left out.
    pub(super) fn gate(&self, rate: f64, random: &mut RandomStream) -> f32 {
        let kept = if self.rescale { (1.0 / (1.0 - rate)) as f32 } else { 1.0 };
        if random.chance(rate) { 0.0 } else { kept }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::augment::{Draws, Purpose};

    /// Rates of scenic's own encoders.
    #[test]
    fn rates_are_scenics() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/augment/cases.json");
        let cases: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let recorded = cases["rates"].as_array().unwrap();
        assert_eq!(recorded.len(), 6);
        for case in recorded {
            let expected: Vec<f64> = serde_json::from_value(case[1].clone()).unwrap();
            let rates = StochasticDepth::new(case[0].as_f64().unwrap()).rates(expected.len());
            assert!(rates.iter().zip(&expected).all(|(rate, expected)| (rate - expected).abs() < 1e-15), "{rates:?}");
        }
    }

    #[test]
    fn the_papers_rates_end_below_the_full_one() {
        let paper = StochasticDepth::new(0.2).growth(RateGrowth::BeyondLastLayer);
        assert_eq!(paper.rates(4), [0.0, 0.05, 0.1, 0.15000000000000002]);
        assert_eq!((StochasticDepth::new(0.2).rates(1), paper.rates(0)), (vec![0.0], vec![]));
    }

    #[test]
    fn kept_branches_are_rescaled_where_asked() {
        let mut random = Draws::new(1, 0).stream(0, Purpose::StochasticDepth);
        let gates = |depth: StochasticDepth, random: &mut RandomStream| -> Vec<f32> {
            (0..40).map(|_| depth.gate(0.5, random)).collect()
        };
        let plain = gates(StochasticDepth::new(0.5), &mut random.clone());
        let rescaled = gates(StochasticDepth::new(0.5).rescale(true), &mut random);
        assert!(plain.iter().all(|gate| *gate == 0.0 || *gate == 1.0), "{plain:?}");
        assert!(plain.contains(&0.0) && plain.contains(&1.0));
        assert!(plain.iter().zip(&rescaled).all(|(gate, rescaled)| *rescaled == 2.0 * gate), "{rescaled:?}");
        assert!(StochasticDepth::new(1.0).rescale(true).validate().is_err());
        assert!(StochasticDepth::new(1.0).validate().is_ok() && StochasticDepth::new(-0.1).validate().is_err());
        assert!(StochasticDepth::new(f64::NAN).validate().is_err());
    }
}
