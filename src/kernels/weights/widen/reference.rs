//! Halves as floats in plain loops.

use half::f16;

use super::Widen;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn widen(call: &Widen, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let words = input(inputs, 0)?.words()?;
    let mut values = Vec::new();
    for element in 0..call.elements {
        let word = words[element / 2];
        let bits = if element % 2 == 0 { word & 0xffff } else { word >> 16 };
        values.push(f16::from_bits(bits as u16).to_f64());
    }
    Ok(vec![Exact::from_reals([call.elements], values)?])
}
