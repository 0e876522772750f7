//! The probabilities in plain loops.

use super::AttentionProbabilities;
use crate::kernels::attention::forward::reference::{Operands, queries_of};
use crate::tensor::{Exact, Result};

pub(super) fn attention_probabilities(call: &AttentionProbabilities, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let AttentionProbabilities { qkv, part, queries } = call;
    let operands = Operands::of(qkv, inputs, 2)?;
    let mut output = Vec::new();
    for query in queries_of(part, queries.clone()) {
        let probabilities = operands.probabilities(part, query);
        output.extend(probabilities.into_iter().map(|probability| probability.unwrap_or(0.0)));
    }
    Ok(vec![Exact::from_reals(call.shape(), output)?])
}
