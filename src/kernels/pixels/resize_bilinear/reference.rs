//! Bilinear resizing in plain loops.

use super::ResizeBilinear;
use crate::kernels::contract::input;
use crate::tensor::{Result, Tensor};

pub(super) fn resize_bilinear(call: &ResizeBilinear, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
    resize_with(call, inputs, |before, after, fraction| before + (after - before) * fraction)
}

/// The formula is f32 operation by operation, hence no f64 here.
fn resize_with(
    call: &ResizeBilinear,
    inputs: &[Option<&Tensor>],
    between: impl Fn(f32, f32, f32) -> f32,
) -> Result<Vec<Tensor>> {
    let ([height, width], [rows, columns]) = (call.input, call.output);
    let pixels = input(inputs, 0)?.as_u32()?;
    let (row_table, column_table) = (input(inputs, 1)?.as_u32()?, input(inputs, 2)?.as_u32()?);
    let record = |table: &[u32], place: usize| {
        (table[3 * place] as usize, table[3 * place + 1] as usize, f32::from_bits(table[3 * place + 2]))
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
    Ok(vec![Tensor::u32([call.frames, rows, columns], output)?])
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
        let inputs: Vec<_> = inputs.iter().map(Option::as_ref).collect();
        let contracted =
            resize_with(&call, &inputs, |before, after, fraction| (after - before).mul_add(fraction, before));
        assert_ne!(contracted.unwrap(), resize_bilinear(&call, &inputs).unwrap());
    }
}
