//! Dropout in plain loops.

use super::Dropout;
use super::threefry::threefry;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn dropout(call: &Dropout, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let (values, keys) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.words()?);
    // The factor is rounded as devices are given it: only so can every bit agree.
    let scale = f64::from(call.scale());
    let mut output = Vec::new();
    for clip in 0..call.clips {
        for element in 0..call.rows * call.width {
            let word = threefry([keys[2 * clip], keys[2 * clip + 1]], [element as u32, call.draw])[0];
            let value = values[clip * call.rows * call.width + element];
            output.push(if word < call.threshold() { 0.0 } else { value * scale });
        }
    }
    Ok(vec![Exact::from_reals([call.clips * call.rows, call.width], output)?])
}
