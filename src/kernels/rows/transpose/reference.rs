//! The exchange of two axes in plain loops.

use super::Transpose;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn transpose(call: &Transpose, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let Transpose { outer, inner, width } = *call;
    let values = input(inputs, 0)?.reals()?;
    let mut output = Vec::new();
    for j in 0..inner {
        for i in 0..outer {
            for c in 0..width {
                output.push(values[(i * inner + j) * width + c]);
            }
        }
    }
    Ok(vec![Exact::from_reals([inner, outer, width], output)?])
}
