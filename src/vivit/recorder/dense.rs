//! Dense layers, fused with what follows them unless a tap or a backward pass asks otherwise.

use super::Recorder;
use crate::graph::Value;
use crate::kernels::Activation;
use crate::kernels::products::{Linear, OutputLayout};
use crate::kernels::rows::{Pointwise, Step};
use crate::tensor::{Result, Shape};

/// A dense layer and what follows it.
pub(super) struct Dense<'a> {
    /// Paths of the parameters; outputs of several are adjacent.
    pub(super) paths: &'a [String],
    pub(super) inner: usize,
    pub(super) columns: usize,
    pub(super) bias: bool,
    pub(super) output: OutputLayout,
}

impl Recorder<'_> {
    /// x·W + b.
    pub(super) fn dense(&mut self, dense: &Dense<'_>, x: Value, name: &str, shape: impl Into<Shape>) -> Result<Value> {
        self.linear(dense, x, None, None, name, shape.into())
    }

    /// activation(x·W + b); `before` names x·W + b, which is computed apart where it is tapped or a backward pass needs it.
    pub(super) fn dense_activated(
        &mut self,
        dense: &Dense<'_>,
        activation: Activation,
        x: Value,
        [before, name]: [&str; 2],
        shape: impl Into<Shape>,
    ) -> Result<Value> {
        let shape = shape.into();
        if !self.request.taps.want(before) && !self.request.training {
            return self.linear(dense, x, Some(activation), None, name, shape);
        }
        let inner = self.linear(dense, x, None, None, before, shape.clone())?;
        let call = Pointwise { rows: shape.rows(), width: shape.last(), step: Step::Activation(activation) };
        self.graph.call(call, &[Some(inner), None], name, shape)
    }

    /// residual + x·W + b, a branch of a block; `before` names x·W + b, which is computed apart where it is tapped or
    /// something follows it: the branch's gate, and dropout where that has a name.
    pub(super) fn dense_added(
        &mut self,
        dense: &Dense<'_>,
        x: Value,
        residual: Value,
        [before, name]: [&str; 2],
        dropout: Option<&str>,
    ) -> Result<Value> {
        let shape = self.graph.shape(residual).clone();
        let gate = self.next_gate();
        if gate.is_none() && dropout.is_none() && !self.request.taps.want(before) {
            return self.linear(dense, x, None, Some(residual), name, shape);
        }
        let mut branch = self.linear(dense, x, None, None, before, shape.clone())?;
        if let Some(dropout) = dropout {
            branch = self.dropped(branch, dropout)?;
        }
        if let Some(gate) = gate {
            return self.gated(branch, residual, gate, name);
        }
        let call = Pointwise { rows: shape.rows(), width: shape.last(), step: Step::Sum };
        self.graph.call(call, &[Some(branch), Some(residual)], name, shape)
    }

    fn linear(
        &mut self,
        dense: &Dense<'_>,
        x: Value,
        activation: Option<Activation>,
        residual: Option<Value>,
        name: &str,
        shape: Shape,
    ) -> Result<Value> {
        let Dense { paths, inner, columns, bias, output } = *dense;
        let named = |tensor: &str| -> Vec<_> { paths.iter().map(|path| format!("{path}.{tensor}")).collect() };
        for path in paths {
            let outputs = columns / paths.len();
            self.note(format!("{path}.kernel"), [outputs, inner]);
            if bias {
                self.note(format!("{path}.bias"), [outputs]);
            }
        }
        let weight = self.graph.weights(&named("kernel"), [columns, inner])?;
        let offsets = if bias { Some(self.graph.weights(&named("bias"), [columns])?) } else { None };
        let rows = self.graph.shape(x).elements() / inner;
        let call = Linear { rows, inner, columns, bias, activation, residual: residual.is_some(), output };
        self.graph.call(call, &[Some(x), Some(weight), offsets, residual], name, shape)
    }
}
