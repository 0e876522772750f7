//! The errors of element-wise steps.

use super::{Pointwise, Step};
use crate::kernels::contract::{Bound, Uncertainty, exact, input};
use crate::tensor::{Exact, Result};

/// A sum is rounded once, and so is its reference. An activation errs as its function does.
pub(super) const BOUND: Bound<Pointwise> = Bound {
    formula: "0 for a sum; √(1 + 3·(erf z/Φ)²)·u of an activation near zero, √(6 + 3·a²)·u in a tail that falls as exp(a)",
    uncertainties,
};

fn uncertainties(call: &Pointwise, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let Step::Activation(activation) = call.step else { return Ok(exact(outputs)) };
    let values = input(inputs, 0)?.reals()?;
    let mut uncertainty = Uncertainty::of(values.len());
    for (index, value) in values.iter().enumerate() {
        let error = activation.error(*value);
        uncertainty.add(index, error.systematic, error.variance);
    }
    Ok(vec![uncertainty])
}
