//! Sums of squares in plain loops.

use super::SquareSum;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn square_sum(call: &SquareSum, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let mut sum = if call.continued { input(inputs, 1)?.reals()?[0] } else { 0.0 };
    for value in input(inputs, 0)?.reals()? {
        sum += value * value;
    }
    Ok(vec![Exact::from_reals([1], vec![sum])?])
}
