//! The inputs of a training graph that decide what is left out at random.

use super::StochasticDepth;
use crate::tensor::{Result, Tensor};
use crate::video::augment::{Draws, Purpose, RandomStream};

/// The name of the input that decides which values are dropped: words `[B, 2]`, the key of each clip.
pub(super) const DROPOUT_KEYS: &str = "dropout_keys";

/// The gates of the branches of an encoder, an input of the graph: what each branch is multiplied by, 0 where it is left out.
///
/// Branches are in the order in which they are recorded: of each layer attention, in Model 3 both of them, then the MLP.
/// Those of layers of rate 0 have no gate.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct BranchGates {
    /// The name of the input, floats `[gates, B·each]`: `branch_gates`, in Model 2 `spatial.branch_gates` and
    /// `temporal.branch_gates`.
    pub name: String,
    /// The rate at which each gate is 0.
    pub rates: Vec<f64>,
    /// How many each clip has of a gate, one after the other: 1, or one for each temporal index where they do not share it.
    pub each: usize,
    pub(super) depth: StochasticDepth,
}

/// What a training graph is fed beside clips and labels.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct RandomInputs {
    /// The gates of each encoder that has some.
    pub(super) gates: Vec<BranchGates>,
    /// Whether values are dropped.
    pub(super) drops: bool,
}

impl RandomInputs {
    /// Names and values of the inputs for a batch of clips with these numbers. What is left out of a clip depends on its
    /// number in the epoch alone, however clips are batched.
    pub(super) fn drawn(&self, draws: &Draws, clips: &[u64]) -> Result<Vec<(String, Tensor)>> {
        let streams = |purpose| clips.iter().map(move |clip| draws.stream(*clip, purpose));
        let mut inputs = gates(&self.gates, streams(Purpose::StochasticDepth).collect())?;
        if self.drops {
            let keys = streams(Purpose::Dropout).flat_map(|mut random| [random.word(), random.word()]);
            inputs.push((DROPOUT_KEYS.to_owned(), Tensor::u32([clips.len(), 2], keys.collect())?));
        }
        Ok(inputs)
    }
}

/// The gates of clips, each of which draws its own from its own stream: those of one encoder after those of another.
fn gates(encoders: &[BranchGates], streams: Vec<RandomStream>) -> Result<Vec<(String, Tensor)>> {
    let clips = streams.len();
    let mut values: Vec<Vec<f32>> =
        encoders.iter().map(|gates| vec![0.0; gates.rates.len() * clips * gates.each]).collect();
    for (clip, mut random) in streams.into_iter().enumerate() {
        for (gates, values) in encoders.iter().zip(&mut values) {
            let rows = values.chunks_exact_mut((clips * gates.each).max(1));
            for (row, rate) in rows.zip(&gates.rates) {
                let own = &mut row[clip * gates.each..(clip + 1) * gates.each];
                own.iter_mut().for_each(|gate| *gate = gates.depth.gate(*rate, &mut random));
            }
        }
    }
    let named = |(gates, values): (&BranchGates, Vec<f32>)| {
        let shape = [gates.rates.len(), clips * gates.each];
        Ok((gates.name.clone(), Tensor::f32(shape, values)?))
    };
    encoders.iter().zip(values).map(named).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inputs(each: usize, rates: &[f64]) -> RandomInputs {
        let depth = StochasticDepth::new(0.5);
        let gates = |name: &str| BranchGates { name: name.to_owned(), rates: rates.to_vec(), each, depth };
        RandomInputs { gates: vec![gates("first"), gates("second")], drops: true }
    }

    /// A clip has the same in whatever batch it is.
    #[test]
    fn clips_take_what_is_theirs_along() {
        let (inputs, draws) = (inputs(3, &[0.5; 20]), Draws::new(3, 1));
        let whole = inputs.drawn(&draws, &[4, 9, 2]).unwrap();
        let alone = inputs.drawn(&draws, &[9]).unwrap();
        for ((name, whole), (same, alone)) in whole[..2].iter().zip(&alone[..2]) {
            assert_eq!((name, whole.shape().axes()), (same, &[20, 9][..]));
            let rows = whole.as_f32().unwrap().chunks(9).zip(alone.as_f32().unwrap().chunks(3));
            assert!(rows.clone().all(|(whole, alone)| whole[3..6] == *alone), "{name}");
            assert!(rows.clone().any(|(whole, _)| whole[..3] != whole[3..6]), "clips are apart");
            assert!(rows.clone().any(|(whole, _)| whole[0] != whole[1]), "temporal indices are apart");
        }
        assert!(whole[0].1 != whole[1].1, "encoders are apart");
        let (name, keys) = &whole[2];
        assert_eq!((name.as_str(), keys.shape().axes()), (DROPOUT_KEYS, &[3, 2][..]));
        assert_eq!(keys.as_u32().unwrap()[2..4], *alone[2].1.as_u32().unwrap());
        assert!(inputs.drawn(&Draws::new(3, 2), &[9]).unwrap() != alone, "epochs are apart");
    }

    #[test]
    fn gates_close_at_their_rates() {
        let clips: Vec<u64> = (0..10_000).collect();
        let drawn = inputs(1, &[0.1, 0.5]).drawn(&Draws::new(1, 0), &clips).unwrap();
        for (_, gates) in &drawn[..2] {
            for (row, rate) in gates.as_f32().unwrap().chunks(clips.len()).zip([0.1, 0.5]) {
                let closed = row.iter().filter(|gate| **gate == 0.0).count() as f64 / clips.len() as f64;
                assert!((closed - rate).abs() < 0.02, "{closed} instead of {rate}");
            }
        }
    }
}
