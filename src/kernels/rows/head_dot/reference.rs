//! The products of heads in plain loops.

use super::HeadDot;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn head_dot(call: &HeadDot, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let HeadDot { rows, heads, width } = *call;
    let (left, right) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let mut output = Vec::new();
    for h in 0..heads {
        for m in 0..rows {
            let mut sum = 0.0;
            for d in 0..width {
                let at = (m * heads + h) * width + d;
                sum += left[at] * right[at];
            }
            output.push(sum);
        }
    }
    Ok(vec![Exact::from_reals([heads, rows], output)?])
}
