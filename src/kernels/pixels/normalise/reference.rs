//! Bytes to values in plain loops.

use super::{Normalise, PLANES};
use crate::kernels::clip_layout::ClipLayout;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn normalise(call: &Normalise, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let ([height, width], [rows, columns]) = (call.picture, call.crop);
    let (pixels, values) = (input(inputs, 0)?.words()?, input(inputs, 1)?.reals()?);
    let value = |f: usize, p: usize, y: usize, x: usize| {
        let (y, x) = (y as i64 + i64::from(call.offset[0]), x as i64 + i64::from(call.offset[1]));
        let inside = (0..height as i64).contains(&y) && (0..width as i64).contains(&x);
        let byte = if inside { pixels[(f * height + y as usize) * width + x as usize].to_le_bytes()[p] } else { 0 };
        values[p * 256 + usize::from(byte)]
    };
    let mut output = Vec::new();
    let shape = match call.layout {
        ClipLayout::Btchw => {
            for f in 0..call.clips * call.frames {
                for p in 0..PLANES {
                    for y in 0..rows {
                        output.extend((0..columns).map(|x| value(f, p, y, x)));
                    }
                }
            }
            [call.clips, call.frames, PLANES, rows, columns]
        }
        ClipLayout::Bthwc => {
            for f in 0..call.clips * call.frames {
                for y in 0..rows {
                    for x in 0..columns {
                        output.extend((0..PLANES).map(|p| value(f, p, y, x)));
                    }
                }
            }
            [call.clips, call.frames, rows, columns, PLANES]
        }
    };
    Ok(vec![Exact::from_reals(shape, output)?])
}
