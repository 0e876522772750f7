//! Resampling in plain loops.

use super::{Axis, Resample};
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn resample(call: &Resample, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let [height, width] = call.size;
    let (pixels, table) = (input(inputs, 0)?.words()?, input(inputs, 1)?.words()?);
    let (rows, columns) = match call.axis {
        Axis::X => (call.lines.clone(), 0..call.length),
        Axis::Y => (0..call.length, call.lines.clone()),
    };
    let mut output = Vec::new();
    for f in 0..call.frames {
        for y in rows.clone() {
            for x in columns.clone() {
                let record = match call.axis {
                    Axis::X => &table[x * (2 + call.taps)..][..2 + call.taps],
                    Axis::Y => &table[y * (2 + call.taps)..][..2 + call.taps],
                };
                let (first, count) = (record[0] as usize, record[1] as usize);
                let mut sums = [0i64; 3];
                for k in 0..count {
                    let (y, x) = match call.axis {
                        Axis::X => (y, first + k),
                        Axis::Y => (first + k, x),
                    };
                    let bytes = pixels[(f * height + y) * width + x].to_le_bytes();
                    for channel in 0..3 {
                        sums[channel] += i64::from(record[2 + k] as i32) * i64::from(bytes[channel]);
                    }
                }
                let [red, green, blue] = sums.map(rounded);
                output.push(u32::from_le_bytes([red, green, blue, 0]));
            }
        }
    }
    Ok(vec![Exact::from_words([call.frames, rows.len(), columns.len()], output)?])
}

/// The byte nearest to a sum in 22-bit fixed point, halves rounded up.
fn rounded(sum: i64) -> u8 {
    (sum + (1 << 21)).div_euclid(1 << 22).clamp(0, 255) as u8
}
