//! The errors of the gradient of the tubelet embedding's weight.

use super::{TubeletEmbed, TubeletEmbedWeightGradient, reference};
use crate::kernels::contract::{Bound, Uncertainty, input};
use crate::kernels::products::bound::of_products;
use crate::kernels::products::linear_weight_gradient::column_powers;
use crate::tensor::{Exact, Result};

/// Products err as sums do.
pub(super) const BOUND: Bound<TubeletEmbedWeightGradient> =
    Bound { formula: "√(M/6)·u of √(Σ gradient²·clip²) over the M = B·T·S tokens", uncertainties };

fn uncertainties(
    call: &TubeletEmbedWeightGradient,
    inputs: &[Option<&Exact>],
    outputs: &[Exact],
) -> Result<Vec<Uncertainty>> {
    let embedding = &call.embedding;
    let (tokens, inner) = (embedding.tokens(), embedding.inner());
    let (gradient, clip) = (input(inputs, 0)?, input(inputs, 1)?);
    // The sums of the fourth powers of a tubelet's elements are their products with tokens of ones.
    let powers = Exact::from_reals(clip.shape().clone(), clip.reals()?.iter().map(|value| value.powi(4)).collect())?;
    let ones = Exact::from_reals([tokens, 1], vec![1.0; tokens])?;
    let single = TubeletEmbedWeightGradient::new(TubeletEmbed { outputs: 1, ..embedding.clone() });
    let of_clip = reference::tubelet_embed_weight_gradient(&single, &[Some(&ones), Some(&powers)])?;
    let sums = outputs[0].reals()?;
    let mut uncertainty = Uncertainty::of(sums.len());
    for (column, of_column) in column_powers(gradient.reals()?, embedding.outputs).iter().enumerate() {
        for (k, of_k) in of_clip[0].reals()?.iter().enumerate() {
            let at = column * inner + k;
            uncertainty.add_sum(at, of_products(tokens, sums[at], 0.0, (of_column * of_k).sqrt()));
        }
    }
    Ok(vec![uncertainty])
}
