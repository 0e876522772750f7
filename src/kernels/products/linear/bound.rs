//! The errors of the linear layer.

use super::{Linear, OutputLayout, reference};
use crate::kernels::contract::{Bound, Uncertainty, input, of_rounding};
use crate::kernels::products::bound::{fourth_powers, of_products};
use crate::tensor::{Exact, Result};

/// Products err as sums do; an activation makes of that what its slope does and adds its own error; a residual is one
/// rounding more.
pub(super) const BOUND: Bound<Linear> =
    Bound { formula: "√(K/6)·u of √(Σ_k in²·weight²), and that of the activation", uncertainties };

fn uncertainties(call: &Linear, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let Linear { rows, inner, columns, .. } = *call;
    let of_inputs = fourth_powers(input(inputs, 0)?.reals()?, inner);
    let of_weights = fourth_powers(input(inputs, 1)?.reals()?, inner);
    let bias = if call.bias { Some(input(inputs, 2)?.reals()?) } else { None };
    let residual = if call.residual { Some(input(inputs, 3)?.reals()?) } else { None };
    let output = outputs[0].reals()?;
    // What an activation is applied to.
    let products = match call.activation {
        None => None,
        Some(_) => Some(reference::linear(&Linear { activation: None, residual: false, ..call.clone() }, inputs)?),
    };
    let products = products.as_ref().map(|products| products[0].reals()).transpose()?;
    let mut uncertainty = Uncertainty::of(output.len());
    for m in 0..rows {
        for n in 0..columns {
            let at = match call.output {
                OutputLayout::Rows => m * columns + n,
                OutputLayout::Planes { width } => (n / width * rows + m) * width + n % width,
            };
            let added = residual.map_or(0.0, |residual| residual[m * columns + n]);
            let sum = products.map_or(output[at] - added, |products| products[at]);
            let squares = (of_inputs[m] * of_weights[n]).sqrt();
            let variance = of_products(inner, sum, bias.map_or(0.0, |bias| bias[n]), squares);
            match call.activation {
                None => uncertainty.add_sum(at, variance),
                Some(activation) => {
                    let own = activation.error(sum);
                    uncertainty.add_sum(at, variance * activation.slope(sum).powi(2));
                    uncertainty.add(at, own.systematic, own.variance);
                }
            }
            uncertainty.add(at, 0.0, residual.map_or(0.0, |_| of_rounding(output[at])));
        }
    }
    Ok(vec![uncertainty])
}
