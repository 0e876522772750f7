//! Attention alone as a row: over queries, keys and values that are on the device already.

use std::sync::Arc;

use super::candidate::{Candidate, Made, Reduced};
use super::problem::{NoWeights, Problem, bound, scattered};
use super::{AttentionWork, Work};
use crate::graph::Graph;
use crate::kernels::attention::{Attention, Mask, Qkv, Sequences};
use crate::kernels::{Operation, Precision};
use crate::tensor::{Error, Result, Tensor, Tolerance};
use crate::vivit::Config;

/// Who attends to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Every token to every token of the clip: Model 1.
    Joint,
    /// The tokens of a temporal index to one another: Model 2.
    Spatial,
    /// The temporal indices of a position to one another.
    Temporal,
    /// One after the other: Model 3.
    SpatialThenTemporal,
    /// Half of the heads in time, half in space: Model 4.
    Halves,
}

impl Form {
    pub(super) const ALL: [Self; 5] =
        [Self::Joint, Self::Spatial, Self::Temporal, Self::SpatialThenTemporal, Self::Halves];

    fn name(self) -> &'static str {
        match self {
            Self::Joint => "joint",
            Self::Spatial => "spatial",
            Self::Temporal => "temporal",
            Self::SpatialThenTemporal => "spatial, then temporal",
            Self::Halves => "factorised dot-product",
        }
    }
}

/// The sizes of attention: B clips of T temporal indices × S positions, H heads of width D.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sizes {
    batch: usize,
    times: usize,
    positions: usize,
    heads: usize,
    width: usize,
}

impl Sizes {
    fn tokens(&self) -> usize {
        self.times * self.positions
    }

    /// The calls of `form`, in their order.
    /// Who attends to whom, one after the other.
    fn sequences(&self, form: Form) -> Vec<Sequences> {
        let Self { batch, times, positions, .. } = *self;
        let (spatial, temporal) =
            (Sequences::spatial(batch, times, positions), Sequences::temporal(batch, times, positions));
        match form {
            Form::Joint => vec![Sequences::joint(batch, self.tokens())],
            Form::Spatial => vec![spatial],
            Form::Temporal => vec![temporal],
            Form::SpatialThenTemporal => vec![spatial, temporal],
            Form::Halves => vec![temporal, spatial],
        }
    }

    fn calls(&self, form: Form) -> Result<Vec<Attention>> {
        let Self { batch, heads, width, .. } = *self;
        let qkv = || Qkv::in_planes(batch * self.tokens(), heads, width);
        match (form, self.sequences(form).as_slice()) {
            (Form::Halves, _) if !heads.is_multiple_of(2) => Err(Error::usage(format!(
                "{heads} heads cannot be halved: factorised dot-product attention needs an even number"
            ))),
            (Form::Halves, &[temporal, spatial]) => {
                Ok(vec![Attention::halves(qkv(), (temporal, Mask::NONE), (spatial, Mask::NONE))])
            }
            (_, each) => Ok(each.iter().map(|each| Attention::new(qkv(), *each, Mask::NONE)).collect()),
        }
    }

    /// The same of fewer tokens, so that the references are soon done: heads and their width, which decide what kernels
    /// do, stay, and there are tokens enough for several tiles.
    fn reduced(self, form: Form) -> Self {
        let [times, positions] = match form {
            Form::Joint => [2, 120],
            Form::Spatial => [2, 200],
            Form::Temporal => [64, 6],
            Form::SpatialThenTemporal | Form::Halves => [8, 40],
        };
        Self { batch: 1, times: self.times.min(times), positions: self.positions.min(positions), ..self }
    }

    fn problem(&self, form: Form, precision: Precision) -> Result<Problem> {
        let mut graph = Graph::new();
        let calls = self.calls(form)?;
        let shape = Qkv::in_planes(self.batch * self.tokens(), self.heads, self.width).shape();
        let values = scattered(shape.elements()).into_iter().map(|value| SPREAD * value).collect();
        let qkv = Some(graph.constant("qkv", Tensor::f32(shape, values)?)?);
        let output = [self.batch * self.tokens(), self.heads * self.width];
        let mut wanted = Vec::new();
        for (index, call) in calls.into_iter().enumerate() {
            let value = graph.call(call, &[qkv, qkv, qkv, None], &format!("attended.{index}"), output)?;
            graph.output(value)?;
            wanted.push(value);
        }
        let (weights, bound) = (Arc::new(NoWeights), bound(precision, Tolerance::MODEL));
        Ok(Problem { graph: Arc::new(graph), weights, feeds: Vec::new(), wanted, precision, bound })
    }

    fn candidate(self, name: String, frames: Option<usize>, form: Form, precision: Precision) -> Candidate {
        let calls = self.calls(form).unwrap_or_default();
        let sequences = self.sequences(form);
        let work = Work::Attention(AttentionWork {
            name,
            frames,
            sequences: sequences.iter().map(Sequences::count).sum(),
            tokens: sequences.iter().map(|each| each.tokens).max().unwrap_or(0),
            heads: self.heads,
            head_width: self.width,
        });
        let operations = calls.iter().map(|call| call.cost(precision).operations).sum();
        let make = move |_: &crate::graph::Device| {
            let small = self.reduced(form);
            let key = format!("{form:?} {small:?} {precision}");
            let reduced = Some(Reduced { problem: small.problem(form, precision)?, key });
            Ok(Made { full: self.problem(form, precision)?, reduced })
        };
        Candidate { work, precision, operations, make: Box::new(make) }
    }
}

/// Scores vary by a few units, as those of trained models do.
const SPREAD: f32 = 1.5;

/// Each form over the tokens of the clips that `config` sees.
pub(super) fn forms(config: &Config, batch: usize, precision: Precision) -> Vec<Candidate> {
    let grid = config.grid();
    let sizes = Sizes {
        batch,
        times: grid.temporal,
        positions: grid.spatial(),
        heads: config.heads,
        width: config.head_width(),
    };
    let candidate = |form: Form| sizes.candidate(form.name().to_owned(), Some(config.frames), form, precision);
    Form::ALL.into_iter().map(candidate).collect()
}

/// Attention at the size that llama.cpp times in its test of backends: 16 heads of 72 over 5776 tokens.
pub(super) fn of_llama_cpp(precision: Precision) -> Candidate {
    let sizes = Sizes { batch: 1, times: 1, positions: 5776, heads: 16, width: 72 };
    sizes.candidate("16 heads of 72 over 5776 tokens".to_owned(), None, Form::Joint, precision)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Device;

    #[test]
    fn heads_that_cannot_be_halved_are_an_error_of_their_row_alone() {
        let device = Device::references();
        let config = Config::named("vit-ti").unwrap();
        for candidate in forms(&config, 1, Precision::F32) {
            let Work::Attention(work) = &candidate.work else { panic!("{:?}", candidate.work) };
            let halves = work.name == "factorised dot-product";
            let made = (candidate.make)(&device);
            assert_eq!(
                made.err().map(|error| error.to_string().contains("3 heads")),
                halves.then_some(true),
                "{work:?}"
            );
        }
    }

    #[test]
    fn sizes_are_those_of_the_clip() {
        let config = Config::named("vit-b").unwrap();
        let sizes = forms(&config, 1, Precision::F32).into_iter().map(|candidate| match candidate.work {
            Work::Attention(work) => [work.sequences, work.tokens, work.heads, work.head_width],
            _ => [0; 4],
        });
        let expected = [[1, 3136], [16, 196], [196, 16], [212, 196], [212, 196]];
        assert_eq!(sizes.collect::<Vec<_>>(), expected.map(|[sequences, tokens]| [sequences, tokens, 12, 64]));
    }
}
