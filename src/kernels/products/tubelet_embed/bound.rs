//! The errors of the tubelet embedding.

use super::{TubeletEmbed, reference};
use crate::kernels::contract::{Bound, Uncertainty, input};
use crate::kernels::products::bound::{fourth_powers, of_products};
use crate::tensor::{Exact, Result};

/// Those of a product of K = P·t·h·w terms.
pub(super) const BOUND: Bound<TubeletEmbed> = Bound {
    formula: "√(K/6)·u of √(Σ clip²·weight²) over the K = P·t·h·w elements of a tubelet",
    uncertainties,
};

fn uncertainties(call: &TubeletEmbed, inputs: &[Option<&Exact>], outputs: &[Exact]) -> Result<Vec<Uncertainty>> {
    let (inner, columns) = (call.inner(), call.outputs);
    let (clip, weight) = (input(inputs, 0)?, input(inputs, 1)?);
    // The sum of a tubelet's fourth powers is its embedding by ones.
    let powers = Exact::from_reals(clip.shape().clone(), clip.reals()?.iter().map(|value| value.powi(4)).collect())?;
    let ones = Exact::from_reals([1, inner], vec![1.0; inner])?;
    let single = TubeletEmbed { outputs: 1, bias: false, ..call.clone() };
    let of_tokens = reference::tubelet_embed(&single, &[Some(&powers), Some(&ones), None])?;
    let of_weights = fourth_powers(weight.reals()?, inner);
    let bias = if call.bias { Some(input(inputs, 2)?.reals()?) } else { None };
    let output = outputs[0].reals()?;
    let mut uncertainty = Uncertainty::of(output.len());
    for (token, of_token) in of_tokens[0].reals()?.iter().enumerate() {
        for (column, of_weight) in of_weights.iter().enumerate() {
            let at = token * columns + column;
            let bias = bias.map_or(0.0, |bias| bias[column]);
            uncertainty.add_sum(at, of_products(inner, output[at], bias, (of_token * of_weight).sqrt()));
        }
    }
    Ok(vec![uncertainty])
}
