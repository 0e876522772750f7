//! The chains in plain loops.

use super::{ADDEND, CHAINS, FACTOR, PeakArithmetic, UNROLLED};
use crate::tensor::{Result, Tensor};

pub(super) fn peak_arithmetic(call: &PeakArithmetic) -> Result<Vec<Tensor>> {
    let mut distinct = [0.0; 64];
    for (start, sum) in distinct.iter_mut().enumerate() {
        for chain in 0..CHAINS {
            let mut x = (start + chain) as f64;
            for _ in 0..call.steps * UNROLLED {
                x = x * f64::from(FACTOR) + f64::from(ADDEND);
            }
            *sum += x;
        }
    }
    let output = (0..call.elements).map(|place| distinct[place % 64] as f32).collect();
    Ok(vec![Tensor::f32([call.elements], output)?])
}
