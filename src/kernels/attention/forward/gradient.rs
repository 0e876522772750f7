//! The gradient of attention.

use std::sync::Arc;

use super::Attention;
use crate::kernels::attention::backward::AttentionGradient;
use crate::kernels::contract::{Backward, Tape, TapeValue};
use crate::kernels::rows::HeadDot;
use crate::tensor::{Error, Result};

/// Of the packed queries, keys and values together, as the first input's. Where the forward pass has kept no statistics it
/// is taken again.
pub(super) fn gradient(call: &Attention, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Vec<Option<TapeValue>>> {
    of.refuse(1)?;
    let packed = of.input(0)?;
    if of.input(1)? != packed || of.input(2)? != packed {
        return Err(Error::usage("attention has a gradient where queries, keys and values are one tensor"));
    }
    if call.queries.is_some() {
        return Err(Error::unsupported("attention of a range of queries has no gradient; attend from all of them"));
    }
    let validity = of.inputs.get(3).copied().flatten();
    let operands = [Some(packed), Some(packed), Some(packed), validity];
    let (output, statistics) = match call.statistics {
        true => (of.output(0)?, of.output(1)?),
        false => match *tape.call(Arc::new(call.clone().statistics()), &operands)? {
            [output, statistics] => (output, statistics),
            _ => return Err(Error::usage("attention has not left its statistics")),
        },
    };
    let gradient = of.gradient(0)?;
    let qkv = call.qkv.clone();
    let products = HeadDot::new(qkv.rows, qkv.heads, qkv.width);
    let products = tape.one(products, &[Some(output), Some(gradient)])?;
    let backward = AttentionGradient::new(qkv, call.parts.clone());
    let inputs = [&operands[..], &[Some(statistics), Some(products), Some(gradient)]].concat();
    Ok(vec![Some(tape.one(backward, &inputs)?), None, None, None])
}
