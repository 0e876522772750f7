//! Bilinear resizing in WGSL.

use super::ResizeBilinear;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup; each makes a pixel.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        frames: u32,
        height: u32,
        width: u32,
        rows: u32,
        columns: u32,
        first_input: u32,
        first_output: u32,
        nothing: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<ResizeBilinear>; 1] =
    [Planned::any(wgsl!("pixels/resize_bilinear.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &ResizeBilinear, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let ([height, width], [rows, columns]) = (call.input, call.output);
    let literals = Literals::new().with("invocations", INVOCATIONS);
    for run in dispatches.frames(call.frames, height * width, rows * columns)? {
        let invocations = (run.frames * rows * columns) as u64;
        let uniform = Uniform {
            frames: word(run.frames)?,
            height: word(height)?,
            width: word(width)?,
            rows: word(rows)?,
            columns: word(columns)?,
            first_input: run.input.first,
            first_output: run.output.first,
            nothing: 0,
        };
        let windows = vec![Some(run.input.window), None, None, Some(run.output.window)];
        dispatches.launch(invocations.div_ceil(INVOCATIONS.into()), literals.clone(), &uniform, windows)?;
    }
    Ok(())
}
