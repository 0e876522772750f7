//! A gated sum in plain loops.

use super::GatedSum;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn gated_sum(call: &GatedSum, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let (values, gates) = (input(inputs, 0)?.reals()?, input(inputs, 2)?.reals()?);
    let residual = if call.residual { Some(input(inputs, 1)?.reals()?) } else { None };
    let mut output = Vec::new();
    for sequence in 0..call.sequences {
        let gate = gates[call.gate * call.sequences + sequence];
        for element in 0..call.rows * call.width {
            let index = sequence * call.rows * call.width + element;
            let mut sum = gate * values[index];
            if let Some(residual) = residual {
                sum += residual[index];
            }
            output.push(sum);
        }
    }
    Ok(vec![Exact::from_reals([call.sequences * call.rows, call.width], output)?])
}
