//! Resampling on the host.

use super::{Axis, Resample};
use crate::kernels::host::{Arguments, Threads, vectorised};
use crate::tensor::{Error, Result};

/// Half of the last place of the 22-bit weights.
const HALF: i64 = 1 << 21;

pub(super) fn resample(call: &Resample, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let [height, width] = call.size;
    let [rows, columns] = call.output_size();
    let (pixels, table) = (arguments.words(0)?, arguments.words(1)?);
    call.check(table)?;
    threads.chunks(arguments.output_words(0)?, columns, |row, output| {
        let (frame, y) = (row / rows, row % rows);
        let frame = &pixels[frame * height * width..][..height * width];
        match call.axis {
            Axis::X => {
                let line = &frame[(call.lines.start + y) * width..][..width];
                for (output, record) in output.iter_mut().zip(table.chunks_exact(2 + call.taps)) {
                    let (first, weights) = weights(record);
                    *output = weighted(&line[first..], weights);
                }
            }
            Axis::Y => {
                let (first, weights) = weights(&table[y * (2 + call.taps)..][..2 + call.taps]);
                let lines = |k: usize| &frame[(first + k) * width + call.lines.start..][..columns];
                let mut sums = vec![[HALF; 3]; columns];
                vectorised(
                    #[inline(always)]
                    || {
                        for (k, weight) in weights.iter().enumerate() {
                            sums.iter_mut().zip(lines(k)).for_each(|(sums, pixel)| add(sums, *pixel, *weight));
                        }
                        output.iter_mut().zip(&sums).for_each(|(output, sums)| *output = rounded(sums));
                    },
                );
            }
        }
    });
    Ok(())
}

/// The first pixel that a record of the table names, and the weights from it on.
#[inline(always)]
fn weights(record: &[u32]) -> (usize, &[u32]) {
    (record[0] as usize, &record[2..2 + record[1] as usize])
}

fn weighted(pixels: &[u32], weights: &[u32]) -> u32 {
    let mut sums = [HALF; 3];
    pixels.iter().zip(weights).for_each(|(pixel, weight)| add(&mut sums, *pixel, *weight));
    rounded(&sums)
}

#[inline(always)]
fn add(sums: &mut [i64; 3], pixel: u32, weight: u32) {
    for (channel, sum) in sums.iter_mut().enumerate() {
        *sum += i64::from(weight as i32) * i64::from(pixel >> (8 * channel) & 0xff);
    }
}

#[inline(always)]
fn rounded(sums: &[i64; 3]) -> u32 {
    let [red, green, blue] = sums.map(|sum| (sum >> 22).clamp(0, 255) as u32);
    red | green << 8 | blue << 16
}

impl Resample {
    /// An error where the table names pixels that do not exist.
    fn check(&self, table: &[u32]) -> Result<()> {
        let [height, width] = self.size;
        let side = if self.axis == Axis::X { width } else { height };
        for record in table.chunks_exact(2 + self.taps) {
            let (first, count) = (record[0] as usize, record[1] as usize);
            if count > self.taps || first + count > side {
                return Err(Error::usage(format!(
                    "the table weighs {count} pixels from {first} on; a side has {side}, and a record {} weights",
                    self.taps
                )));
            }
        }
        Ok(())
    }
}
