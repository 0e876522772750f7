//! The tubelet embedding in plain loops.

use super::{ClipLayout, TubeletEmbed};
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn tubelet_embed(call: &TubeletEmbed, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let (clip, weight) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.reals()?);
    let bias = if call.bias { Some(input(inputs, 2)?.reals()?) } else { None };
    let [t, h, w] = call.tubelet;
    let mut output = Vec::new();
    for b in 0..call.batch {
        for i in 0..call.frames / t {
            for j in 0..call.rows / h {
                for k in 0..call.columns / w {
                    for column in 0..call.outputs {
                        let sum = product(call, clip, weight, [b, i, j, k], column);
                        output.push(sum + bias.map_or(0.0, |bias| bias[column]));
                    }
                }
            }
        }
    }
    Ok(vec![Exact::from_reals([output.len() / call.outputs, call.outputs], output)?])
}

fn product(call: &TubeletEmbed, clip: &[f64], weight: &[f64], [b, i, j, k]: [usize; 4], column: usize) -> f64 {
    let [t, h, w] = call.tubelet;
    let mut sum = 0.0;
    for c in 0..call.planes {
        for tau in 0..t {
            for y in 0..h {
                for x in 0..w {
                    let pixel = pixel(call, b, i * t + tau, j * h + y, k * w + x, c);
                    let tap = (((column * call.planes + c) * t + tau) * h + y) * w + x;
                    sum += clip[pixel] * weight[tap];
                }
            }
        }
    }
    sum
}

/// The element of a clip at a frame, row, column and plane.
pub(in crate::kernels::products) fn pixel(
    call: &TubeletEmbed,
    b: usize,
    frame: usize,
    row: usize,
    column: usize,
    plane: usize,
) -> usize {
    let TubeletEmbed { frames, rows, columns, planes, .. } = *call;
    match call.layout {
        ClipLayout::Btchw => (((b * frames + frame) * planes + plane) * rows + row) * columns + column,
        ClipLayout::Bthwc => (((b * frames + frame) * rows + row) * columns + column) * planes + plane,
    }
}
