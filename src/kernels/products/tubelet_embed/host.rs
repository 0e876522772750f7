//! The tubelet embedding on the host: a block of tokens is gathered from the clip into cache and multiplied at once; the
//! unfolded clip never exists.

use super::TubeletEmbed;
use crate::kernels::host::{Arguments, Disjoint, Threads, vectorised};
use crate::kernels::products::host::{BLOCK, PANEL, Tile, pack, packed, product};
use crate::tensor::Result;

/// Rows of a block: with more inputs than a linear layer's they fill a cache sooner.
const TOKENS: usize = BLOCK / 2;

pub(super) fn tubelet_embed(call: &TubeletEmbed, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let (clip, weight) = (arguments.floats(0)?, arguments.floats(1)?);
    let bias = arguments.optional_floats(2, call.bias)?;
    let output = arguments.output(0)?;
    let (inner, columns, tokens) = (call.inner(), call.outputs, output.len() / call.outputs);
    let output = Disjoint::new(output);
    let mut panels = threads.scratch(packed(inner, columns));
    pack(weight, inner, &mut panels, threads);
    threads.run(tokens.div_ceil(TOKENS), |block| {
        let first = block * TOKENS;
        let count = TOKENS.min(tokens - first);
        let mut rows = threads.scratch(count * inner);
        for (index, row) in rows.chunks_exact_mut(inner).enumerate() {
            call.gather(clip, first + index, row);
        }
        product(&rows, inner, &panels, 0..columns, threads, |tile| {
            store(&tile, first, bias, columns, &output);
        });
    });
    Ok(())
}

/// Stores the products of a tile, with the bias, in the rows from `first` on.
fn store(tile: &Tile<'_>, first: usize, bias: Option<&[f32]>, width: usize, output: &Disjoint<'_>) {
    let columns = tile.columns.clone();
    vectorised(
        #[inline(always)]
        || {
            for (row, line) in tile.rows.clone().zip(tile.values.chunks_exact(PANEL)) {
                let start = (first + row) * width + columns.start;
                let sums = output.part(start..start + columns.len());
                sums.copy_from_slice(&line[..columns.len()]);
                if let Some(bias) = bias {
                    sums.iter_mut().zip(&bias[columns.clone()]).for_each(|(sum, bias)| *sum += bias);
                }
            }
        },
    );
}

impl TubeletEmbed {
    /// The elements of a token's tubelet in the order of the weight: plane, frame, row, column.
    pub(in crate::kernels::products) fn gather(&self, clip: &[f32], token: usize, to: &mut [f32]) {
        let [times, rows, columns] = self.grid();
        let [frames, height, width] = self.tubelet;
        let strides = self.layout.strides([self.rows, self.columns], self.planes);
        let (slab, frame) = (rows * columns, self.frame());
        let first = token / (times * slab) * self.frames * frame
            + token / slab % times * frames * frame
            + token / columns % rows * height * strides.row
            + token % columns * width * strides.column;
        let mut lines = to.chunks_exact_mut(width);
        for plane in 0..self.planes {
            for time in 0..frames {
                for (row, line) in (0..height).zip(&mut lines) {
                    let from = &clip[first + plane * strides.plane + time * frame + row * strides.row..];
                    if strides.column == 1 {
                        line.copy_from_slice(&from[..width]);
                    } else {
                        line.iter_mut().zip(from.iter().step_by(strides.column)).for_each(|(to, from)| *to = *from);
                    }
                }
            }
        }
    }
}
