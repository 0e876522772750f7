//! The gradient of the tubelet embedding's weight in plain loops.

use super::TubeletEmbedWeightGradient;
use crate::kernels::contract::input;
use crate::kernels::products::tubelet_embed::TubeletEmbed;
use crate::kernels::products::tubelet_embed::reference::pixel;
use crate::tensor::{Exact, Result};

pub(super) fn tubelet_embed_weight_gradient(
    call: &TubeletEmbedWeightGradient,
    inputs: &[Option<&Exact>],
) -> Result<Vec<Exact>> {
    let embedding = &call.embedding;
    let (columns, inner) = (embedding.outputs, embedding.inner());
    let (gradient, clip) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let [t, h, w] = embedding.tubelet;
    let mut output = vec![0.0; columns * inner];
    let mut token = 0;
    for b in 0..embedding.batch {
        for i in 0..embedding.frames / t {
            for j in 0..embedding.rows / h {
                for k in 0..embedding.columns / w {
                    let tubelet = tubelet(embedding, clip, [b, i, j, k]);
                    for column in 0..columns {
                        for (tap, value) in tubelet.iter().enumerate() {
                            output[column * inner + tap] += gradient[token * columns + column] * value;
                        }
                    }
                    token += 1;
                }
            }
        }
    }
    Ok(vec![Exact::from_reals([columns, inner], output)?])
}

/// The elements of a tubelet in the order of the weight.
fn tubelet(embedding: &TubeletEmbed, clip: &[f64], [b, i, j, k]: [usize; 4]) -> Vec<f64> {
    let [t, h, w] = embedding.tubelet;
    let mut elements = Vec::new();
    for c in 0..embedding.planes {
        for tau in 0..t {
            for y in 0..h {
                for x in 0..w {
                    elements.push(clip[pixel(embedding, b, i * t + tau, j * h + y, k * w + x, c)]);
                }
            }
        }
    }
    elements
}
