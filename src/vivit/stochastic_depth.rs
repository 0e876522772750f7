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
        Self { rate, growth: RateGrowth::ToLastLayer, rescale: false }
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

    /// What the attention branch and the MLP branch of each layer are multiplied by, for one clip: 0 where they are left
    /// out. Nothing is drawn for a layer of rate 0.
    ///
    /// All tokens of a clip share them; in the spatial encoder of Model 2, so do all its temporal indices.
    pub fn factors(&self, layers: usize, random: &mut RandomStream) -> Vec<[f32; 2]> {
        let factors = self.rates(layers).into_iter().map(|rate| {
            let kept = if self.rescale { (1.0 / (1.0 - rate)) as f32 } else { 1.0 };
            let mut factor = || if random.chance(rate) { 0.0 } else { kept };
            if rate > 0.0 { [factor(), factor()] } else { [1.0; 2] }
        });
        factors.collect()
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
    fn branches_are_left_out_as_often_as_said() {
        let (depth, clips) = (StochasticDepth::new(0.3), 20_000);
        let mut left_out = [[0.0; 2]; 4];
        let mut both = 0.0;
        for number in 0..clips {
            let factors = depth.factors(4, &mut Draws::new(1, 0).stream(number, Purpose::StochasticDepth));
            for (count, factors) in left_out.iter_mut().zip(&factors) {
                assert!(factors.iter().all(|factor| *factor == 0.0 || *factor == 1.0));
                count.iter_mut().zip(factors).for_each(|(count, factor)| *count += f64::from(1.0 - factor));
            }
            both += f64::from((1.0 - factors[3][0]) * (1.0 - factors[3][1]));
        }
        let near = |count: f64, rate: f64| (count / clips as f64 - rate).abs() < 0.015;
        for (counts, rate) in left_out.into_iter().zip([0.0, 0.1, 0.2, 0.3]) {
            assert!(counts.into_iter().all(|count| near(count, rate)), "{counts:?} for {rate}");
        }
        assert!(near(both, 0.09), "branches are left out independently: {both}");
    }

    #[test]
    fn kept_branches_are_rescaled_where_asked() {
        let mut random = Draws::new(1, 0).stream(0, Purpose::StochasticDepth);
        let factors = StochasticDepth::new(0.5).rescale(true).factors(40, &mut random);
        assert_eq!(factors[0], [1.0, 1.0]);
        assert!(factors[39].iter().all(|factor| *factor == 0.0 || *factor == 2.0), "{factors:?}");
        assert!(StochasticDepth::new(1.0).rescale(true).validate().is_err());
        assert!(StochasticDepth::new(1.0).validate().is_ok() && StochasticDepth::new(-0.1).validate().is_err());
        assert!(StochasticDepth::new(f64::NAN).validate().is_err());
    }

    /// Layers of rate 0 take no number from the stream.
    #[test]
    fn nothing_is_drawn_for_a_layer_that_stays() {
        let mut random = Draws::new(1, 0).stream(0, Purpose::StochasticDepth);
        let first = random.clone().unit();
        StochasticDepth::new(0.3).factors(1, &mut random);
        assert_eq!(random.unit(), first);
    }
}
