//! Packing in WGSL.

use super::Repack;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};
use crate::tensor::{Element, Layout};

/// Invocations of a workgroup, a word each.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        columns: u32,
        inner: u32,
        panel: u32,
        words: u32,
        weight_start: u32,
        output_start: u32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<Repack>; 1] =
    [Planned::any(wgsl!("weights/repack.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &Repack, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let layout = match call.format.layout {
        Layout::Rows => "rows",
        Layout::Panels { .. } => "panels",
        Layout::PairedPanels { .. } => "paired panels",
    };
    let literals = Literals::new().with("invocations", INVOCATIONS).with("layout", layout);
    let literals = literals.with("half", call.format.element == Element::F16);
    let (unit, unit_words, inner) = (call.unit(), call.unit_words(), call.inner);
    for run in dispatches.runs_anywhere(call.columns.div_ceil(unit), &[unit * inner, unit_words])? {
        let columns = run.start * unit..call.columns.min(run.end * unit);
        let words = call.format.words(&[columns.len(), inner].into());
        let (weight, weight_start) = dispatches.window(&(columns.start * inner..columns.end * inner));
        let first = run.start * unit_words;
        let (output, output_start) = dispatches.window(&(first..first + words));
        let uniform = Uniform {
            columns: word(columns.len())?,
            inner: word(inner)?,
            panel: word(unit)?,
            words: word(words)?,
            weight_start,
            output_start,
        };
        let groups = words.div_ceil(INVOCATIONS as usize) as u64;
        dispatches.launch(groups, literals.clone(), &uniform, vec![Some(weight), Some(output)])?;
    }
    Ok(())
}
