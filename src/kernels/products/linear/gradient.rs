//! The gradients of a linear layer's operands.

use super::{Linear, OutputLayout};
use crate::kernels::contract::{Backward, Tape, TapeValue};
use crate::kernels::products::linear_weight_gradient::LinearWeightGradient;
use crate::kernels::rows::{ActivationGradient, ColumnSum, Transpose};
use crate::tensor::Result;

/// With g the gradient of the biased products: g·W for the input, gᵀ·in for the weight, Σ_m g for the bias, and that of
/// the output for the residual.
///
/// The weight is turned, which costs a pass over it, and then the product is the one of the forward pass, on all of its
/// tiles. What an activation was applied to is computed again; where that is kept, the activation is a call of its own.
pub(super) fn gradient(call: &Linear, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Vec<Option<TapeValue>>> {
    let Linear { rows, inner, columns, .. } = *call;
    let (input, weight, output) = (of.input(0)?, of.input(1)?, of.gradient(0)?);
    let in_rows = match call.output {
        OutputLayout::Rows => output,
        OutputLayout::Planes { width } => tape.one(Transpose::new(columns / width, rows, width), &[Some(output)])?,
    };
    let of_sums = match call.activation {
        None => in_rows,
        Some(activation) => {
            let bias = if call.bias { Some(of.input(2)?) } else { None };
            let sums = Linear::new(rows, inner, columns).bias(call.bias);
            let sums = tape.one(sums, &[Some(input), Some(weight), bias, None])?;
            tape.one(ActivationGradient::new(rows, columns, activation), &[Some(sums), Some(in_rows)])?
        }
    };
    let turned = tape.one(Transpose::new(columns, inner, 1), &[Some(weight)])?;
    let of_input = tape.one(Linear::new(rows, columns, inner), &[Some(of_sums), Some(turned), None, None])?;
    let of_weight = tape.one(LinearWeightGradient::new(rows, inner, columns), &[Some(of_sums), Some(input)])?;
    let of_bias = match call.bias {
        true => Some(tape.one(ColumnSum { rows, width: columns }, &[Some(of_sums)])?),
        false => None,
    };
    Ok(vec![Some(of_input), Some(of_weight), of_bias, call.residual.then_some(output)])
}
