//! The transpose of a matrix.

use super::vectorised;

/// Rows and columns that are turned at once: a 256-bit register each.
const SIDE: usize = 8;
/// Rows and columns that are visited together: a cache line each.
const LINE: usize = 2 * SIDE;

type Square = [[f32; SIDE]; SIDE];

/// `to[column · stride + row] = from[row · step + column]` for `rows` × `columns` elements, and 0 for the rows from
/// `rows` to `stride`.
pub(in crate::kernels) fn transpose(
    from: &[f32],
    step: usize,
    [rows, columns]: [usize; 2],
    to: &mut [f32],
    stride: usize,
) {
    let mut all = Transposition { from, step, rows, columns, to, stride };
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::x86::V3::try_new() {
        simd.vectorize(
            #[inline(always)]
            || all.squares(|square| turned_by_shuffles(simd, square)),
        );
        return;
    }
    vectorised(
        #[inline(always)]
        || all.squares(|square| std::array::from_fn(|column| square.map(|row| row[column]))),
    );
}

struct Transposition<'a> {
    from: &'a [f32],
    step: usize,
    rows: usize,
    columns: usize,
    to: &'a mut [f32],
    stride: usize,
}

impl Transposition<'_> {
    /// Square by square, each turned by `turn`; elements left at the edges one by one.
    #[inline(always)]
    fn squares(&mut self, turn: impl Fn(Square) -> Square) {
        let whole = [self.stride / SIDE * SIDE, self.columns / SIDE * SIDE];
        for row in (0..whole[0]).step_by(LINE) {
            for column in (0..whole[1]).step_by(LINE) {
                for row in (row..whole[0].min(row + LINE)).step_by(SIDE) {
                    for column in (column..whole[1].min(column + LINE)).step_by(SIDE) {
                        self.square(row, column, &turn);
                    }
                }
            }
        }
        self.singly(0..self.stride, whole[1]..self.columns);
        self.singly(whole[0]..self.stride, 0..whole[1]);
    }

    #[inline(always)]
    fn square(&mut self, first_row: usize, first_column: usize, turn: impl Fn(Square) -> Square) {
        let mut square = [[0.0; SIDE]; SIDE];
        for (index, line) in square.iter_mut().enumerate().take(self.rows.saturating_sub(first_row)) {
            line.copy_from_slice(&self.from[(first_row + index) * self.step + first_column..][..SIDE]);
        }
        for (index, line) in turn(square).iter().enumerate() {
            self.to[(first_column + index) * self.stride + first_row..][..SIDE].copy_from_slice(line);
        }
    }

    #[inline(always)]
    fn singly(&mut self, rows: std::ops::Range<usize>, columns: std::ops::Range<usize>) {
        for row in rows {
            for column in columns.clone() {
                let value = if row < self.rows { self.from[row * self.step + column] } else { 0.0 };
                self.to[column * self.stride + row] = value;
            }
        }
    }
}

/// Three rounds of shuffles: pairs, quads, halves.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn turned_by_shuffles(simd: pulp::x86::V3, square: Square) -> Square {
    use std::arch::x86_64::__m256;
    let avx = simd.avx;
    let rows: [__m256; SIDE] = bytemuck::cast(square);
    let pairs: [__m256; SIDE] = std::array::from_fn(|index| {
        let (one, other) = (rows[index / 2 * 2], rows[index / 2 * 2 + 1]);
        if index % 2 == 0 { avx._mm256_unpacklo_ps(one, other) } else { avx._mm256_unpackhi_ps(one, other) }
    });
    let quads: [__m256; SIDE] = std::array::from_fn(|index| {
        let first = index / 4 * 4 + index % 4 / 2;
        let (one, other) = (pairs[first], pairs[first + 2]);
        match index % 2 {
            0 => avx._mm256_shuffle_ps::<0b01_00_01_00>(one, other),
            _ => avx._mm256_shuffle_ps::<0b11_10_11_10>(one, other),
        }
    });
    let columns: [__m256; SIDE] = std::array::from_fn(|index| {
        let (one, other) = (quads[index % 4], quads[index % 4 + 4]);
        match index / 4 {
            0 => avx._mm256_permute2f128_ps::<0x20>(one, other),
            _ => avx._mm256_permute2f128_ps::<0x31>(one, other),
        }
    });
    bytemuck::cast(columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_become_columns_and_missing_ones_zeros() {
        for [rows, columns, stride] in [[1, 1, 1], [5, 7, 6], [16, 16, 16], [19, 37, 32], [40, 8, 40], [3, 50, 16]] {
            let step = columns + 3;
            let from: Vec<f32> = (0..rows * step).map(|index| index as f32 + 1.0).collect();
            let mut to = vec![f32::NAN; columns * stride];
            transpose(&from, step, [rows, columns], &mut to, stride);
            for (index, value) in to.iter().enumerate() {
                let (column, row) = (index / stride, index % stride);
                let expected = if row < rows { from[row * step + column] } else { 0.0 };
                assert_eq!(*value, expected, "{rows} × {columns}, {stride}: row {row}, column {column}");
            }
        }
    }
}
