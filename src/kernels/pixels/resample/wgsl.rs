//! Resampling in WGSL.

use super::{Axis, Resample};
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup; each makes a pixel of four lines.
pub(super) const INVOCATIONS: u32 = 64;

crate::uniform! {
    pub(super) struct Uniform {
        frames: u32,
        lines: u32,
        length: u32,
        record: u32,
        input_frame: u32,
        input_line: u32,
        input_step: u32,
        output_frame: u32,
        output_line: u32,
        output_step: u32,
        input_first: u32,
        output_first: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<Resample>; 1] =
    [Planned::any(wgsl!("pixels/resample.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &Resample, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let ([height, width], [rows, columns]) = (call.size, call.output_size());
    let (axis, [input_line, input_step], [output_line, output_step]) = match call.axis {
        Axis::X => ("x", [width, 1], [columns, 1]),
        Axis::Y => ("y", [1, width], [1, columns]),
    };
    dispatches.check_iterations(call.taps as u64)?;
    let literals = Literals::new().with("invocations", INVOCATIONS).with("axis", axis);
    for run in dispatches.frames(call.frames, height * width, rows * columns)? {
        let invocations = (run.frames * call.lines.len().div_ceil(4) * call.length) as u64;
        let uniform = Uniform {
            frames: word(run.frames)?,
            lines: word(call.lines.len())?,
            length: word(call.length)?,
            record: word(2 + call.taps)?,
            input_frame: word(height * width)?,
            input_line: word(input_line)?,
            input_step: word(input_step)?,
            output_frame: word(rows * columns)?,
            output_line: word(output_line)?,
            output_step: word(output_step)?,
            input_first: word(run.input.first as usize + call.lines.start * input_line)?,
            output_first: run.output.first,
        };
        let windows = vec![Some(run.input.window), None, Some(run.output.window)];
        dispatches.launch(invocations.div_ceil(INVOCATIONS.into()), literals.clone(), &uniform, windows)?;
    }
    Ok(())
}
