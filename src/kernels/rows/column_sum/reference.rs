//! Sums of columns in plain loops.

use super::ColumnSum;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn column_sum(call: &ColumnSum, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let values = input(inputs, 0)?.reals()?;
    let mut sums = vec![0.0; call.width];
    for m in 0..call.rows {
        for (c, sum) in sums.iter_mut().enumerate() {
            *sum += values[m * call.width + c];
        }
    }
    Ok(vec![Exact::from_reals([call.width], sums)?])
}
