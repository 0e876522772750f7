//! The errors of the chains.

use super::{CHAINS, FACTOR, PeakArithmetic, UNROLLED};
use crate::kernels::contract::{Bound, Uncertainty, of_sum};
use crate::tensor::{Exact, Result};

/// Each step rounds x, twice where the device has no fused multiply-add, and what it rounds to one side fades by the factor
/// a: near the fixed point the roundings no longer differ, so all of n steps may add up, to 1 / (1 − a) = 256 steps at
/// most. Elements that start alike err alike.
pub(super) const BOUND: Bound<PeakArithmetic> =
    Bound { formula: "2·min(n, 256)·u for n steps, and √(32/9)·u for the sum of 32 chains", uncertainties };

fn uncertainties(call: &PeakArithmetic, _: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let faded = (1.0 / (1.0 - f64::from(FACTOR))).min((call.steps * UNROLLED) as f64);
    let mut uncertainty = Uncertainty::of(call.elements).shared_by(call.elements);
    for (index, sum) in outputs[0].reals()?.iter().enumerate() {
        uncertainty.add(index, 2.0 * faded * sum.abs(), of_sum(CHAINS, CHAINS, *sum, sum * sum / CHAINS as f64));
    }
    Ok(vec![uncertainty])
}
