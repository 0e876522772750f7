//! Weights in the formats in which kernels read them, made anew where an update of their rows has made them stale.

use std::sync::OnceLock;

use super::weights::Updates;
use super::{DeviceWeights, Graph, Node};
use crate::gpu::{Buffer, Commands, Gpu};
use crate::kernels::weights::Repack;
use crate::kernels::{Kernel, Plan, Precision, Program, ProgramBuilder, Selection};
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
    /// Repacks the rows: compiled where graphs update them.
    program: OnceLock<Program>,
}

impl PackedWeights {
    /// No packed weights yet.
    pub(super) fn new(weights: &DeviceWeights) -> Self {
        Self { weights: weights.clone(), packed: Vec::new() }
    }

    /// Adds the packed weights that `node` reads, among its operands `bound`.
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

    /// Compiles the repacks of the weights that graphs update.
    pub(super) async fn compile(&self, device: &Gpu) -> Result<()> {
        for packed in self.packed.iter().filter(|packed| packed.program.get().is_none()) {
            let rows = self.weights.updates().rows(&packed.parts).cloned();
            if let Some(rows) = rows {
                packed.compile(device, rows.buffer()?).await?;
            }
        }
        Ok(())
    }

    /// Records the repacks of stale weights; whether [`compile`](Self::compile) has compiled all of them. If not, nothing is
    /// recorded.
    pub(super) fn remake<'a>(&'a self, updates: &mut Updates, commands: &mut Commands<'a>) -> bool {
        let stale = || self.packed.iter().filter(|packed| updates.newer(&packed.parts, packed.format).is_some());
        let stale: Option<Vec<_>> = stale().map(|packed| Some((packed, packed.program.get()?))).collect();
        for (packed, program) in stale.iter().flatten() {
            commands.dispatch(program.dispatches());
            updates.remade(&packed.parts, packed.format);
        }
        stale.is_some()
    }
}

impl Packed {
    async fn compile(&self, device: &Gpu, rows: &Buffer) -> Result<()> {
        let call = Repack { columns: self.shape.rows(), inner: self.shape.last(), format: self.format };
        let plan = Selection::automatic().plan(&call, device.capabilities(), Precision::F32)?;
        let mut builder = ProgramBuilder::new(device).await?;
        builder.call(Repack::FAMILY, plan, vec![Some(rows.clone()), Some(self.buffer.clone())]);
        let program = builder.finish().await?;
        self.program.get_or_init(|| program);
        Ok(())
    }
}
