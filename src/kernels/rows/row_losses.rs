//! The gradient of kernels that compute the loss of each row and, beside it, how that grows with the row.

use crate::kernels::contract::{Backward, Tape, TapeValue};
use crate::kernels::rows::gated_sum::GatedSum;
use crate::tensor::Result;

/// The gradient of `[M, K]` logits: how the loss of each row grows with them, output 1 of the call, times how the whole loss
/// grows with that of the row, output 0. Where the whole is the sum of the rows' losses, output 1 is it.
///
/// An error ([`Unsupported`](crate::tensor::ErrorKind::Unsupported)) where the whole loss depends on output 1 itself: that
/// would be a gradient of a gradient.
pub(super) fn of_row_losses(rows: usize, classes: usize, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<TapeValue> {
    of.refuse(1)?;
    let (whole, slopes) = (of.gradient(0)?, of.output(1)?);
    if tape.is_ones(whole) {
        return Ok(slopes);
    }
    let scaled = GatedSum::new(rows, 1, classes).residual(false);
    tape.one(scaled, &[Some(slopes), None, Some(whole)])
}
