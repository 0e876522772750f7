//! Norms of gradients in plain loops.

use super::GradientNorm;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn gradient_norm(call: &GradientNorm, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let (mut norms, mut factors) = (Vec::new(), Vec::new());
    for square_sum in input(inputs, 0)?.reals()? {
        let norm = square_sum.sqrt();
        norms.push(norm);
        if let Some(limit) = call.limit.map(f64::from) {
            factors.push(match norm {
                norm if !norm.is_finite() => f64::NAN,
                norm if norm < limit => 1.0,
                norm => limit / norm,
            });
        }
    }
    let mut outputs = vec![Exact::from_reals([call.gradients], norms)?];
    if call.limit.is_some() {
        outputs.push(Exact::from_reals([call.gradients], factors)?);
    }
    Ok(outputs)
}
