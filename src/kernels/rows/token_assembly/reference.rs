//! Token assembly in plain loops.

use super::TokenAssembly;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn token_assembly(call: &TokenAssembly, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let TokenAssembly { sequences, tokens, width, class_token, positions } = *call;
    let patches = input(inputs, 0)?.reals()?;
    let mut output = Vec::new();
    for b in 0..sequences {
        if class_token {
            output.extend_from_slice(input(inputs, 1)?.reals()?);
        }
        output.extend_from_slice(&patches[b * tokens * width..(b + 1) * tokens * width]);
    }
    let rows = output.len() / width;
    if positions {
        let table = input(inputs, 2)?.reals()?;
        for (index, value) in output.iter_mut().enumerate() {
            *value += table[index % table.len()];
        }
    }
    Ok(vec![Exact::from_reals([rows, width], output)?])
}
