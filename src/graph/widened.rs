//! Values that lie in memory as halves, as the floats that were recorded, for those who ask for them.

use std::sync::OnceLock;

use super::lowering::Lowered;
use super::{Graph, MemoryPlan, Value};
use crate::gpu::{Buffer, Commands, Gpu};
use crate::kernels::weights::Widen;
use crate::kernels::{Kernel, Precision, Program, ProgramBuilder, Selection};
use crate::tensor::{Element, Result};

/// The values of a graph that lie in memory as halves.
pub(super) struct WidenedValues(Vec<WidenedValue>);

struct WidenedValue {
    value: Value,
    elements: usize,
    /// Its halves.
    slot: Buffer,
    /// Its floats and what makes them: there once somebody has asked for them.
    floats: OnceLock<(Buffer, Program)>,
}

impl WidenedValues {
    /// Those of `lowered`, where `recorded` has floats.
    pub(super) fn new(recorded: &Graph, lowered: &Lowered, plan: &MemoryPlan, slots: &[Buffer]) -> Self {
        let halves = recorded.computed().filter(|value| recorded.element(*value) != lowered.graph.element(*value));
        let value = |value: Value| {
            let slot = slots[plan.slot(value)?].clone();
            Some(WidenedValue { value, elements: recorded.shape(value).elements(), slot, floats: OnceLock::new() })
        };
        Self(halves.filter_map(value).collect())
    }

    /// Compiles what makes floats of those of these values that are halves.
    pub(super) async fn compile(&self, device: &Gpu, wanted: &[Value]) -> Result<()> {
        let wanted = self.0.iter().filter(|widened| wanted.contains(&widened.value) && widened.floats.get().is_none());
        for widened in wanted {
            let call = Widen::new(widened.elements);
            let floats = device.buffer("a value as floats", Element::F32.bytes_of(widened.elements)).await?;
            let plan = Selection::automatic().plan(&call, device.capabilities(), Precision::F32)?;
            let mut builder = ProgramBuilder::new(device).await?;
            builder.call(Widen::FAMILY, plan, vec![Some(widened.slot.clone()), Some(floats.clone())]);
            let program = builder.finish().await?;
            widened.floats.get_or_init(|| (floats, program));
        }
        Ok(())
    }

    /// Records the making of the floats of `value`, which [`compile`](Self::compile) has seen, and says where they lie; None
    /// where it is not halves.
    pub(super) fn make<'a>(&'a self, value: Value, commands: &mut Commands<'a>) -> Option<&'a Buffer> {
        let (floats, program) = self.0.iter().find(|widened| widened.value == value)?.floats.get()?;
        commands.dispatch(program.dispatches());
        Some(floats)
    }
}
