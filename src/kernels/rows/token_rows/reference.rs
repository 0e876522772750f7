//! The copy of some rows in plain loops.

use super::TokenRows;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn token_rows(call: &TokenRows, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let values = input(inputs, 0)?.reals()?;
    let mut output = Vec::new();
    for sequence in 0..call.sequences {
        for token in call.copied.clone() {
            output.extend_from_slice(&values[(sequence * call.tokens + token) * call.width..][..call.width]);
        }
    }
    Ok(vec![Exact::from_reals([call.sequences * call.copied.len(), call.width], output)?])
}
