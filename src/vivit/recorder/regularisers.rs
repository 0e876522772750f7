//! What is left out at random while a model learns: branches of blocks (spec §8.4) and values of MLPs (spec §2.1).

use std::vec::IntoIter;

use super::Recorder;
use crate::graph::Value;
use crate::kernels::rows::{Dropout, GatedSum};
use crate::tensor::{Element, Result};
use crate::vivit::StochasticDepth;
use crate::vivit::encoder::Encoder;
use crate::vivit::random_inputs::{BranchGates, DROPOUT_KEYS};

/// What is left out, and how far its recording is.
#[derive(Debug, Default)]
pub(super) struct Regularisers {
    stochastic_depth: Option<StochasticDepth>,
    mlp_dropout: f64,
    /// The gates of the encoders so far.
    pub(super) gates: Vec<BranchGates>,
    /// The gate of each branch that is still to be recorded in the encoder at hand, those of layers of rate 0 without one.
    pending: IntoIter<Option<Gate>>,
    /// `[B, 2]`, once something is dropped.
    pub(super) keys: Option<Value>,
    /// How many dropouts are recorded.
    dropouts: u32,
}

/// The gate of a branch: a row of an input of gates.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    /// `[gates, sequences]`.
    gates: Value,
    index: usize,
}

impl Recorder<'_> {
    /// With branches and values left out at these rates.
    ///
    /// An error for rates that make no sense.
    pub(in crate::vivit) fn regularised(
        mut self,
        stochastic_depth: Option<StochasticDepth>,
        mlp_dropout: f64,
    ) -> Result<Self> {
        stochastic_depth.iter().try_for_each(StochasticDepth::validate)?;
        self.regularisers = Regularisers { stochastic_depth, mlp_dropout, ..Regularisers::default() };
        Ok(self)
    }

    /// Begins an encoder of `layers`: its gates are an input, where some of its branches may be left out.
    pub(super) fn begin_gates(&mut self, encoder: Encoder, layers: usize) -> Result<()> {
        self.regularisers.pending = IntoIter::default();
        let definition = self.config.model.definition();
        let depth = self.regularisers.stochastic_depth;
        let Some(depth) = depth.filter(|depth| depth.factorised_self_attention || !definition.is_never_shortened())
        else {
            return Ok(());
        };
        let of_branch = |rate| std::iter::repeat_n(rate, definition.branches());
        let rates: Vec<f64> = depth.rates(layers).into_iter().flat_map(of_branch).collect();
        let random: Vec<f64> = rates.iter().copied().filter(|rate| *rate > 0.0).collect();
        if random.is_empty() {
            return Ok(());
        }
        let together = encoder != Encoder::Spatial || depth.shared_over_time;
        let each = if together { 1 } else { self.config.grid().temporal };
        let name = encoder.value("branch_gates");
        let gates = self.graph.input(&name, [random.len(), self.batch * each], Element::F32)?;
        let mut indices = 0..;
        let gate = |rate: f64| if rate > 0.0 { indices.next().map(|index| Gate { gates, index }) } else { None };
        self.regularisers.pending = rates.into_iter().map(gate).collect::<Vec<_>>().into_iter();
        self.regularisers.gates.push(BranchGates { name, rates: random, each, depth });
        Ok(())
    }

    /// The gate of the next branch, where it has one.
    pub(super) fn next_gate(&mut self) -> Option<Gate> {
        self.regularisers.pending.next().flatten()
    }

    /// residual + gate · branch.
    pub(super) fn gated(&mut self, branch: Value, residual: Value, gate: Gate, name: &str) -> Result<Value> {
        let shape = self.graph.shape(residual).clone();
        let gates = self.graph.shape(gate.gates).clone();
        let sequences = gates.last();
        let call = GatedSum::new(sequences, shape.rows() / sequences, shape.last()).gate(gate.index, gates.rows());
        self.graph.call(call, &[Some(branch), Some(residual), Some(gate.gates)], name, shape)
    }

    /// Whether values of MLPs are dropped.
    pub(super) fn drops(&self) -> bool {
        self.regularisers.mlp_dropout != 0.0
    }

    /// `x` with some of its values dropped, each clip's by its own key.
    pub(super) fn dropped(&mut self, x: Value, name: &str) -> Result<Value> {
        let keys = match self.regularisers.keys {
            Some(keys) => keys,
            None => self.graph.input(DROPOUT_KEYS, [self.batch, 2], Element::U32)?,
        };
        let shape = self.graph.shape(x).clone();
        let Regularisers { mlp_dropout, dropouts, .. } = self.regularisers;
        let call = Dropout::new(self.batch, shape.rows() / self.batch, shape.last(), mlp_dropout).draw(dropouts);
        self.regularisers.keys = Some(keys);
        self.regularisers.dropouts += 1;
        self.graph.call(call, &[Some(x), Some(keys)], name, shape)
    }
}
