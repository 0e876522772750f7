//! The errors of the normaliser.

use super::AttentionNormaliser;
use crate::kernels::attention::bound::Scored;
use crate::kernels::attention::forward::bound::add_statistics;
use crate::kernels::attention::forward::reference::{Operands, queries_of, row_of};
use crate::kernels::contract::{Bound, Uncertainty};
use crate::tensor::{Exact, Result};

/// The highest score errs as a score does; the total as its exponentials and N additions do.
pub(super) const BOUND: Bound<AttentionNormaliser> = Bound {
    formula: "δ of a highest score, δ² = D/6·u²·Σ q²·k²/D; √(δ² + Σ p²·(δ² + (4 + ⅔·d²)·u²) + N/9·u²) of a total",
    uncertainties,
};

fn uncertainties(call: &AttentionNormaliser, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let AttentionNormaliser { qkv, part, .. } = call;
    let scored = Scored::of(Operands::of(qkv, inputs, 3)?);
    let numbers = outputs[0].reals()?;
    let mut uncertainty = Uncertainty::of(numbers.len());
    for query in queries_of(part, 0..part.sequences.tokens) {
        let plane = 2 * (query.head - part.heads.start);
        let places = [plane, plane + 1].map(|plane| plane * qkv.rows + row_of(part, query));
        // A row of weight 0 is left out.
        if numbers[places[1]] != 0.0 {
            add_statistics(&mut uncertainty, places, &scored.row(part, query), numbers);
        }
    }
    Ok(vec![uncertainty])
}
