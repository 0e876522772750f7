//! Matrix products by the crate `gemm`, on one thread.

use gemm::Parallelism;

/// A matrix in memory: element (i, j) is at i · `row` + j · `column`.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Factor<'a> {
    pub(in crate::kernels) values: &'a [f32],
    pub(in crate::kernels) row: usize,
    pub(in crate::kernels) column: usize,
}

impl<'a> Factor<'a> {
    /// Its rows lie one behind the other, `row` elements apart.
    pub(in crate::kernels) fn rows(values: &'a [f32], row: usize) -> Self {
        Self { values, row, column: 1 }
    }

    /// Its columns lie one behind the other, `column` elements apart.
    pub(in crate::kernels) fn columns(values: &'a [f32], column: usize) -> Self {
        Self { values, row: 1, column }
    }

    fn holds(&self, rows: usize, columns: usize) -> bool {
        (rows - 1) * self.row + (columns - 1) * self.column < self.values.len()
    }
}

/// Writes `left` · `right` to `output`, or adds it where `added`: `[rows, columns]`, sums of `inner` products, with
/// rows `stride` elements apart in `output`. No size is 0.
#[allow(unsafe_code)]
pub(in crate::kernels) fn multiply(
    output: &mut [f32],
    stride: usize,
    [rows, inner, columns]: [usize; 3],
    left: Factor<'_>,
    right: Factor<'_>,
    added: bool,
) {
    assert!(rows > 0 && inner > 0 && columns > 0, "nothing to multiply");
    assert!(columns <= stride && (rows - 1) * stride + columns <= output.len(), "rows of an output lie within it");
    assert!(left.holds(rows, inner) && right.holds(inner, columns), "factors lie within their slices");
    // SAFETY: every element of the three matrices lies within its slice, as just checked; the output's are distinct, for
    // a row is no longer than its stride, and borrowed exclusively.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            inner,
            output.as_mut_ptr(),
            1,
            stride as isize,
            added,
            left.values.as_ptr(),
            left.column as isize,
            left.row as isize,
            right.values.as_ptr(),
            right.column as isize,
            right.row as isize,
            1.0,
            1.0,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
