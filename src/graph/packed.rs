//! Weights in the formats in which kernels read them, made anew where an update of their rows has made them stale.

use std::sync::OnceLock;

use super::weights::Newer;
use super::{DeviceWeights, Graph, Node};
use crate::gpu::{Buffer, Commands, Gpu};
use crate::kernels::weights::{Repack, repack};
use crate::kernels::{Plan, Precision, Program, ProgramBuilder, Selection};
use crate::tensor::{Element, Format, Result, Shape};

/// The weights that a program reads in other formats than rows.
pub(super) struct PackedWeights {
    weights: DeviceWeights,
    packed: Vec<Packed>,
}

struct Packed {
    parts: Vec<String>,
    /// `[N, K]`.
    shape: Shape,
    format: Format,
    buffer: Buffer,
    /// Makes it of its rows: compiled where an update first calls for it.
    program: OnceLock<Program>,
}

/// A weight that is made anew, and the updates that it has seen then.
pub(super) struct Remade<'a> {
    packed: &'a Packed,
    updates: u64,
}

impl PackedWeights {
    /// None yet, of `weights`.
    pub(super) fn new(weights: &DeviceWeights) -> Self {
        Self { weights: weights.clone(), packed: Vec::new() }
    }

    /// Adds those that a call reads, whose operands are `bound`.
    pub(super) fn add(&mut self, graph: &Graph, node: &Node, plan: &Plan, bound: &[Option<Buffer>]) {
        let operands = node.operands.iter().zip(node.call.operands()).zip(&plan.formats).zip(bound);
        for (((value, shape), format), buffer) in operands {
            let parts = value.and_then(|value| graph.parts(value));
            let (Some(parts), Some(shape), Some(buffer)) = (parts, shape, buffer) else { continue };
            let known = |packed: &Packed| packed.parts == parts && packed.format == *format;
            if *format != Format::rows(Element::F32) && !self.packed.iter().any(known) {
                let (parts, buffer) = (parts.to_vec(), buffer.clone());
                self.packed.push(Packed { parts, shape, format: *format, buffer, program: OnceLock::new() });
            }
        }
    }

    /// Makes those anew that are stale, by `commands`.
    pub(super) fn remake<'a>(&'a self, device: &Gpu, commands: &mut Commands<'a>) -> Result<Vec<Remade<'a>>> {
        let mut remade = Vec::new();
        for packed in &self.packed {
            if let Some(Newer { rows, updates }) = self.weights.newer(&packed.parts, packed.format) {
                commands.dispatch(packed.program(device, rows.buffer()?)?.dispatches());
                remade.push(Remade { packed, updates });
            }
        }
        Ok(remade)
    }

    /// That the commands have run by which weights were made anew.
    pub(super) fn made(&self, remade: &[Remade<'_>]) {
        for Remade { packed, updates } in remade {
            self.weights.remade(&packed.parts, packed.format, *updates);
        }
    }
}

impl Packed {
    fn program(&self, device: &Gpu, rows: &Buffer) -> Result<&Program> {
        if let Some(program) = self.program.get() {
            return Ok(program);
        }
        let call = Repack { columns: self.shape.rows(), inner: self.shape.last(), format: self.format };
        let plan = Selection::automatic().plan(&call, device.capabilities(), Precision::F32)?;
        let mut builder = ProgramBuilder::new(device)?;
        builder.call(&repack::FAMILY, plan, vec![Some(rows.clone()), Some(self.buffer.clone())]);
        let program = builder.finish()?;
        Ok(self.program.get_or_init(|| program))
    }
}
