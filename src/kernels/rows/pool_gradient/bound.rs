//! The errors of the gradient of pooling.

use super::PoolGradient;
use crate::kernels::contract::functions::QUOTIENT;
use crate::kernels::contract::{Bound, Uncertainty, exact};
use crate::kernels::rows::pool::Pooling;

/// A gradient is copied or divided. All tokens of a column have the same quotient.
pub(super) const BOUND: Bound<PoolGradient> = Bound {
    formula: "0 for a token and a sum; 2·u for a mean and a maximum",
    uncertainties: |call, _, outputs| {
        if matches!(call.pool.pooling, Pooling::Token | Pooling::Sum) {
            return Ok(exact(outputs));
        }
        let values = outputs[0].reals()?;
        let mut uncertainty = Uncertainty::of(values.len()).shared_by(values.len());
        for (index, value) in values.iter().enumerate() {
            uncertainty.add(index, 0.0, QUOTIENT * value * value);
        }
        Ok(vec![uncertainty])
    },
};
