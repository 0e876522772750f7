//! Rows become columns.

use super::{LANES, vectorised};

/// `to[column · stride + row] = from[row · step + column]` for `rows` × `columns` elements; rows that are missing to
/// `stride` become zeros.
pub(in crate::kernels) fn transpose(
    from: &[f32],
    step: usize,
    [rows, columns]: [usize; 2],
    to: &mut [f32],
    stride: usize,
) {
    vectorised(
        #[inline(always)]
        || {
            let mut first = 0;
            while first < stride {
                let width = LANES.min(stride - first);
                let present = rows.saturating_sub(first).min(width);
                stripe(
                    from.get(first * step..).unwrap_or_default(),
                    step,
                    [present, columns],
                    &mut to[first..],
                    stride,
                    width,
                );
                first += width;
            }
        },
    );
}

/// Up to [`LANES`] rows to columns.
#[inline(always)]
fn stripe(from: &[f32], step: usize, [rows, columns]: [usize; 2], to: &mut [f32], stride: usize, width: usize) {
    let whole = if rows == LANES { columns / LANES * LANES } else { 0 };
    for first in (0..whole).step_by(LANES) {
        let mut tile = [[0.0f32; LANES]; LANES];
        for row in 0..LANES {
            tile[row].copy_from_slice(&from[row * step + first..][..LANES]);
        }
        for column in 0..LANES {
            let line: [f32; LANES] = std::array::from_fn(|row| tile[row][column]);
            to[(first + column) * stride..][..LANES].copy_from_slice(&line);
        }
    }
    for column in whole..columns {
        let line = &mut to[column * stride..][..width];
        for (row, value) in line.iter_mut().enumerate() {
            *value = if row < rows { from[row * step + column] } else { 0.0 };
        }
    }
}
