//! The gradients of the tubelet embedding's operands.

use super::TubeletEmbed;
use crate::kernels::contract::{Backward, Tape, TapeValue};
use crate::kernels::products::tubelet_embed_weight_gradient::TubeletEmbedWeightGradient;
use crate::kernels::rows::ColumnSum;
use crate::tensor::Result;

/// Of the weight and the bias. Nothing that is trained lies before the clip, so it has none (spec §12).
pub(super) fn gradient(call: &TubeletEmbed, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Vec<Option<TapeValue>>> {
    let (clip, output) = (of.input(0)?, of.gradient(0)?);
    let of_weight = tape.one(TubeletEmbedWeightGradient::new(call.clone()), &[Some(output), Some(clip)])?;
    let of_bias = match call.bias {
        true => Some(tape.one(ColumnSum { rows: call.tokens(), width: call.outputs }, &[Some(output)])?),
        false => None,
    };
    Ok(vec![None, Some(of_weight), of_bias])
}
