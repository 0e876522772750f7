//! Bilinear resizing on the host.

use super::ResizeBilinear;
use crate::kernels::host::{Arguments, Threads};
use crate::tensor::{Error, Result};

pub(super) fn resize_bilinear(call: &ResizeBilinear, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let ([height, width], [rows, columns]) = (call.input, call.output);
    let pixels = arguments.words(0)?;
    let (row_table, column_table) = (arguments.words(1)?.as_chunks::<3>().0, arguments.words(2)?.as_chunks::<3>().0);
    check(row_table, height)?;
    check(column_table, width)?;
    threads.chunks(arguments.output_words(0)?, columns, |row, output| {
        let (frame, [upper, lower, down]) = (row / rows, row_table[row % rows]);
        let line = |y: u32| &pixels[(frame * height + y as usize) * width..][..width];
        let (upper, lower, down) = (line(upper), line(lower), f32::from_bits(down));
        for (output, [left, right, across]) in output.iter_mut().zip(column_table) {
            let (left, right, across) = (*left as usize, *right as usize, f32::from_bits(*across));
            *output = (0..3).fold(0, |pixel, channel| {
                let at = |line: &[u32], x: usize| (line[x] >> (8 * channel) & 0xff) as f32;
                let top = between(at(upper, left), at(upper, right), across);
                let bottom = between(at(lower, left), at(lower, right), across);
                pixel | u32::from(between(top, bottom, down) as u8) << (8 * channel)
            });
        }
    });
    Ok(())
}

/// Rounded operation by operation, as the formula says.
fn between(before: f32, after: f32, fraction: f32) -> f32 {
    before + (after - before) * fraction
}

/// An error where a table names pixels that do not exist.
fn check(table: &[[u32; 3]], side: usize) -> Result<()> {
    match table.iter().flat_map(|record| &record[..2]).find(|pixel| **pixel as usize >= side) {
        Some(pixel) => Err(Error::usage(format!("pixel {pixel} of a side of {side} does not exist"))),
        None => Ok(()),
    }
}
