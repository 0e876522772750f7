//! Sigmoid cross entropy in WGSL.

use super::SigmoidCrossEntropy;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Rows of a workgroup, one an invocation: rows are few.
pub(super) const ROWS: u32 = 32;

crate::uniform! {
    pub(super) struct Uniform {
        rows: u32,
        classes: u32,
        smoothing: f32,
        share: f32,
        row_start: u32,
        logits_start: u32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<SigmoidCrossEntropy>; 1] =
    [Planned::any(wgsl!("rows/sigmoid_cross_entropy.wgsl"), Needs::invocations(ROWS), plan)];

fn plan(call: &SigmoidCrossEntropy, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let SigmoidCrossEntropy { rows, classes, smoothing, share } = *call;
    dispatches.check_iterations(classes as u64 + 2)?;
    let literals = Literals::new().with("rows", ROWS);
    for run in dispatches.runs_anywhere(rows, &[classes])? {
        let (window, logits_start) = dispatches.window(&(run.start * classes..run.end * classes));
        let uniform = Uniform {
            rows: word(run.len())?,
            classes: word(classes)?,
            smoothing,
            share,
            row_start: word(run.start)?,
            logits_start,
        };
        let windows = vec![Some(window.clone()), Some(window.clone()), None, Some(window)];
        dispatches.launch(run.len().div_ceil(ROWS as usize) as u64, literals.clone(), &uniform, windows)?;
    }
    Ok(())
}
