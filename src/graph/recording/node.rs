//! A recorded call.

use super::Value;
use crate::kernels::{Access, Call};

/// One recorded kernel call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Node {
    /// The kernel and its sizes.
    pub call: Call,
    /// What each binding of the kernel reads or writes, in order; `None` where the call leaves it out, and for scratch.
    pub operands: Vec<Option<Value>>,
    /// For each binding that updates, the value whose memory its operand takes.
    pub replaced: Vec<Option<Value>>,
}

impl Node {
    /// What the bindings that read are given, in order; `None` where the call leaves it out.
    pub(in crate::graph) fn given(&self) -> impl Iterator<Item = Option<Value>> + '_ {
        let bindings = self.call.family().bindings.iter().zip(self.operands.iter().zip(&self.replaced));
        bindings.filter_map(|(binding, (operand, replaced))| match binding.access {
            Access::Read => Some(*operand),
            Access::Update => Some(*replaced),
            Access::Write | Access::Scratch => None,
        })
    }

    /// The values it reads.
    pub fn inputs(&self) -> impl Iterator<Item = Value> + '_ {
        self.given().flatten()
    }

    /// The values it writes.
    pub fn outputs(&self) -> impl Iterator<Item = Value> + '_ {
        let bindings = self.call.family().bindings.iter().zip(&self.operands);
        bindings.filter(|(binding, _)| binding.access.writes()).filter_map(|(_, value)| *value)
    }

    /// Its updates: each value that it overwrites, then the value that takes that memory.
    pub(in crate::graph) fn updates(&self) -> impl Iterator<Item = (Value, Value)> + '_ {
        self.replaced.iter().zip(&self.operands).filter_map(|(old, new)| Some(((*old)?, (*new)?)))
    }
}
