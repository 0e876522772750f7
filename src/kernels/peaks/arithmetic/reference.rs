//! The chains in plain loops.

use super::{ADDEND, CHAINS, FACTOR, PeakArithmetic, UNROLLED};
use crate::tensor::{Exact, Result};

pub(super) fn peak_arithmetic(call: &PeakArithmetic) -> Result<Vec<Exact>> {
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
    let output = (0..call.elements).map(|index| distinct[index % 64]).collect();
    Ok(vec![Exact::from_reals([call.elements], output)?])
}
