//! Normalisation of pixels in WGSL.

use super::{Normalise, PLANES};
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup; each looks up a pixel.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        frames: u32,
        height: u32,
        width: u32,
        rows: u32,
        columns: u32,
        top: i32,
        left: i32,
        plane: u32,
        row: u32,
        column: u32,
        first_pixel: u32,
        first_value: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<Normalise>; 1] =
    [Planned::any(wgsl!("pixels/normalise.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &Normalise, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let ([height, width], [rows, columns], [top, left]) = (call.picture, call.crop, call.offset);
    let strides = call.layout.strides(call.crop, PLANES);
    let literals = Literals::new().with("invocations", INVOCATIONS);
    for run in dispatches.frames(call.clips * call.frames, height * width, PLANES * rows * columns)? {
        let invocations = (run.frames * rows * columns) as u64;
        let uniform = Uniform {
            frames: word(run.frames)?,
            height: word(height)?,
            width: word(width)?,
            rows: word(rows)?,
            columns: word(columns)?,
            top,
            left,
            plane: word(strides.plane)?,
            row: word(strides.row)?,
            column: word(strides.column)?,
            first_pixel: run.input.first,
            first_value: run.output.first,
        };
        let windows = vec![Some(run.input.window), None, Some(run.output.window)];
        dispatches.launch(invocations.div_ceil(INVOCATIONS.into()), literals.clone(), &uniform, windows)?;
    }
    Ok(())
}
