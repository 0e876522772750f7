//! The errors of the gradient of an activation.

use super::ActivationGradient;
use crate::kernels::contract::{Bound, Uncertainty, input, of_rounding};
use crate::tensor::{Exact, Result};

/// The slope of a GELU is a sum of two terms of either sign, each of which errs as a share of itself.
pub(super) const BOUND: Bound<ActivationGradient> = Bound {
    formula: "|gradient|·√(5·s² + 9·b² + 2·a²·(s·(1 − s))²)·u of a slope s + b, a the exponential's argument",
    uncertainties,
};

fn uncertainties(call: &ActivationGradient, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let (values, gradients) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let mut uncertainty = Uncertainty::of(values.len());
    for (index, (value, gradient)) in values.iter().zip(gradients).enumerate() {
        let error = call.activation.slope_error(*value);
        let rounding = of_rounding(outputs[0].reals()?[index]);
        uncertainty.add(index, error.systematic * gradient.abs(), error.variance * gradient * gradient + rounding);
    }
    Ok(vec![uncertainty])
}
