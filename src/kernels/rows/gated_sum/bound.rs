//! The errors of a gated sum.

use super::GatedSum;
use crate::kernels::contract::{Bound, Uncertainty, input, of_rounding};
use crate::tensor::{Exact, Result};

/// A product by 0 or 1 is exact, and what is rounded once is rounded as the reference is.
pub(super) const BOUND: Bound<GatedSum> = Bound {
    formula: "0 without a residual or by a gate of 0 or 1; else √((gate·in)² + out²)·u/√3",
    uncertainties,
};

fn uncertainties(call: &GatedSum, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let (values, gates) = (input(inputs, 0)?.reals()?, input(inputs, 2)?.reals()?);
    let mut uncertainty = Uncertainty::of(values.len());
    if !call.residual {
        return Ok(vec![uncertainty]);
    }
    let gates = &gates[call.gate * call.sequences..];
    for (index, (value, output)) in values.iter().zip(outputs[0].reals()?).enumerate() {
        let gate = gates[index / call.length()];
        if gate != 0.0 && gate != 1.0 {
            uncertainty.add(index, 0.0, of_rounding(gate * value) + of_rounding(*output));
        }
    }
    Ok(vec![uncertainty])
}
