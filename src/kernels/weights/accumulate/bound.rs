//! The errors of sums of gradients.

use super::Accumulate;
use super::reference::kept;
use crate::kernels::contract::{Bound, Uncertainty};
use crate::tensor::{Exact, Result};

/// So few roundings may all err to one side: two of the share, one of what is kept, one of the sum.
pub(super) const BOUND: Bound<Accumulate> =
    Bound { formula: "(2·|share·factor·g| + |keep·sum| + |out|)·u", uncertainties };

fn uncertainties(_: &Accumulate, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let kept = kept(inputs)?;
    let mut uncertainty = Uncertainty::of(kept.len());
    for (index, (kept, sum)) in kept.iter().zip(outputs[0].reals()?).enumerate() {
        let added = sum - kept;
        uncertainty.add(index, 2.0 * added.abs() + kept.abs() + sum.abs(), 0.0);
    }
    Ok(vec![uncertainty])
}
