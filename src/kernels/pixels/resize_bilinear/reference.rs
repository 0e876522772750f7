//! Bilinear resizing in plain loops.

use super::ResizeBilinear;
use crate::kernels::contract::input;
use crate::tensor::{Exact, Result};

pub(super) fn resize_bilinear(call: &ResizeBilinear, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    resize_with(call, inputs, |before, after, fraction| before + (after - before) * fraction)
}

/// The formula is f32 operation by operation, hence no f64 here.
fn resize_with(
    call: &ResizeBilinear,
    inputs: &[Option<&Exact>],
    between: impl Fn(f32, f32, f32) -> f32,
) -> Result<Vec<Exact>> {
    let ([height, width], [rows, columns]) = (call.input, call.output);
    let pixels = input(inputs, 0)?.words()?;
    let (row_table, column_table) = (input(inputs, 1)?.words()?, input(inputs, 2)?.words()?);
    let record = |table: &[u32], index: usize| {
        (table[3 * index] as usize, table[3 * index + 1] as usize, f32::from_bits(table[3 * index + 2]))
    };
    let mut output = Vec::new();
    for f in 0..call.frames {
        for y in 0..rows {
            let (upper, lower, down) = record(row_table, y);
            for x in 0..columns {
                let (left, right, across) = record(column_table, x);
                let mut bytes = [0; 4];
                for (channel, byte) in bytes.iter_mut().enumerate().take(3) {
                    let at =
                        |y: usize, x: usize| f32::from(pixels[(f * height + y) * width + x].to_le_bytes()[channel]);
                    let top = between(at(upper, left), at(upper, right), across);
                    let bottom = between(at(lower, left), at(lower, right), across);
                    *byte = between(top, bottom, down) as u8;
                }
                output.push(u32::from_le_bytes(bytes));
            }
        }
    }
    Ok(vec![Exact::from_words([call.frames, rows, columns], output)?])
}

#[cfg(test)]
mod tests {
    use super::super::cases;
    use super::*;
    use crate::kernels::contract::Case;

    /// What a device computes that contracts `a·b + c`: were it the same everywhere, no case could notice.
    #[test]
    fn cases_show_a_contracted_product() {
        let (call, case): (ResizeBilinear, Case) = cases::enlarged_noise();
        let inputs = case.tensors().unwrap();
        let inputs: Vec<_> = inputs.iter().map(|input| input.as_ref().map(Exact::from)).collect();
        let inputs: Vec<_> = inputs.iter().map(Option::as_ref).collect();
        let contracted =
            resize_with(&call, &inputs, |before, after, fraction| (after - before).mul_add(fraction, before));
        assert_ne!(contracted.unwrap(), resize_bilinear(&call, &inputs).unwrap());
    }
}
