//! The normaliser in plain loops.

use super::AttentionNormaliser;
use crate::kernels::attention::forward::reference::{Operands, queries_of, row_of};
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn attention_normaliser(call: &AttentionNormaliser, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let AttentionNormaliser { qkv, part, weighted } = call;
    let operands = Operands::of(qkv, inputs, 3)?;
    let tokens = part.sequences.tokens;
    let mut output = vec![0.0; part.heads.len() * 2 * qkv.rows];
    for query in queries_of(part, 0..tokens) {
        let row = row_of(part, query);
        if *weighted && input(inputs, 2)?.reals()?[row] == 0.0 {
            continue;
        }
        let [highest, total] = operands.statistics(part, query);
        let plane = 2 * (query.head - part.heads.start);
        output[plane * qkv.rows + row] = highest;
        output[(plane + 1) * qkv.rows + row] = total;
    }
    Ok(vec![Exact::from_reals([part.heads.len(), 2, qkv.rows], output)?])
}
