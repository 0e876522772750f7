//! Packing in plain loops.

use half::f16;

use super::Repack;
use crate::kernels::contract::input;
use crate::tensor::{Element, Exact, Layout, Result};

pub(super) fn repack(call: &Repack, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let weight = input(inputs, 0)?.reals()?;
    let mut values = Vec::new();
    match call.format.layout {
        Layout::Rows => values.extend(weight),
        Layout::Panels { columns: width } => {
            for first in (0..call.columns).step_by(width) {
                for k in 0..call.inner.next_multiple_of(4) {
                    for column in first..first + width {
                        values.push(packed(call, weight, column, k));
                    }
                }
            }
        }
        Layout::PairedPanels { columns: width } => {
            for first in (0..call.columns).step_by(width) {
                for k in (0..call.inner.next_multiple_of(4)).step_by(2) {
                    for four in (first..first + width).step_by(4) {
                        for row in [k, k + 1] {
                            for column in four..four + 4 {
                                values.push(packed(call, weight, column, row));
                            }
                        }
                    }
                }
            }
        }
    }
    let mut words = Vec::new();
    match call.format.element {
        Element::F16 => {
            for pair in values.chunks(2) {
                let low = f16::from_f64(pair[0]).to_bits();
                let high = pair.get(1).map_or(0, |value| f16::from_f64(*value).to_bits());
                words.push(u32::from(low) | u32::from(high) << 16);
            }
        }
        _ => {
            for value in values {
                words.push((value as f32).to_bits());
            }
        }
    }
    Ok(vec![Exact::from_words([words.len()], words)?])
}

/// What a panel holds: NaN beyond the last column, zero beyond the last row.
fn packed(call: &Repack, weight: &[f64], column: usize, k: usize) -> f64 {
    if column >= call.columns {
        f64::NAN
    } else if k >= call.inner {
        0.0
    } else {
        weight[column * call.inner + k]
    }
}
