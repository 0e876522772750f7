//! Norms of gradients on the host.

use super::GradientNorm;
use crate::kernels::host::{Arguments, Threads};
use crate::tensor::Result;

pub(super) fn gradient_norm(call: &GradientNorm, arguments: &mut Arguments<'_>, _: &Threads) -> Result<()> {
    let (square_sums, norms) = (arguments.floats(0)?, arguments.output(0)?);
    for (norm, sum) in norms.iter_mut().zip(square_sums) {
        *norm = sum.sqrt();
    }
    let Some(limit) = call.limit else { return Ok(()) };
    for (factor, norm) in arguments.output(1)?.iter_mut().zip(&*norms) {
        *factor = match *norm {
            norm if !norm.is_finite() => f32::NAN,
            norm if norm < limit => 1.0,
            norm => limit / norm,
        };
    }
    Ok(())
}
