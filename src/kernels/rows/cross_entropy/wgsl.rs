//! Cross entropy in WGSL.

use super::{CrossEntropy, Target};
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Rows of a workgroup, one an invocation: rows are few.
pub(super) const ROWS: u32 = 32;

crate::uniform! {
    pub(super) struct Uniform {
        rows: u32,
        classes: u32,
        row_classes: u32,
        heads: u32,
        head: u32,
        smoothing: f32,
        share: f32,
        row_start: u32,
        logits_start: u32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<CrossEntropy>; 1] =
    [Planned::any(wgsl!("rows/cross_entropy.wgsl"), Needs::invocations(ROWS), plan)];

/// A launch for each head, which adds its losses to those of the heads before.
fn plan(call: &CrossEntropy, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let CrossEntropy { rows, classes, smoothing, share, .. } = *call;
    let longest = call.heads.iter().copied().max().unwrap_or(0);
    dispatches.check_iterations(4 * (longest as u64 + 2))?;
    let literals = Literals::new().with("rows", ROWS).with("labelled", call.target == Target::Label);
    for run in dispatches.runs_anywhere(rows, &[classes])? {
        let (window, logits_start) = dispatches.window(&(run.start * classes..run.end * classes));
        for (head, of_head) in call.ranges().enumerate() {
            let uniform = Uniform {
                rows: word(run.len())?,
                classes: word(of_head.len())?,
                row_classes: word(classes)?,
                heads: word(call.heads.len())?,
                head: word(head)?,
                smoothing,
                share,
                row_start: word(run.start)?,
                logits_start: word(logits_start as usize + of_head.start)?,
            };
            let targets = (call.target == Target::Distribution).then(|| window.clone());
            let windows = vec![Some(window.clone()), targets, None, None, Some(window.clone())];
            dispatches.launch(run.len().div_ceil(ROWS as usize) as u64, literals.clone(), &uniform, windows)?;
        }
    }
    Ok(())
}
