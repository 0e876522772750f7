//! The errors of norms of gradients.

use super::GradientNorm;
use crate::kernels::contract::functions::{QUOTIENT, ROOT};
use crate::kernels::contract::{Bound, Uncertainty};
use crate::tensor::{Exact, Result};

/// A root, and a quotient by it. At the limit the factor is 1 either way.
pub(super) const BOUND: Bound<GradientNorm> =
    Bound { formula: "√(4/3)·u of the norm, √(8/3)·u of a factor below 1", uncertainties };

fn uncertainties(call: &GradientNorm, _: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let norms = outputs[0].reals()?;
    let mut norm = Uncertainty::of(norms.len());
    for (index, value) in norms.iter().enumerate() {
        norm.add(index, 0.0, ROOT * value * value);
    }
    let Some(limit) = call.limit.map(f64::from) else { return Ok(vec![norm]) };
    let mut factor = Uncertainty::of(norms.len());
    for (index, (norm, value)) in norms.iter().zip(outputs[1].reals()?).enumerate() {
        if *norm >= limit {
            factor.add(index, 0.0, (ROOT + QUOTIENT) * value * value);
        }
    }
    Ok(vec![norm, factor])
}
