//! Layouts that a variant wants its weights in. Packing happens once, when a model is loaded.

use crate::tensor::{Error, Result, Shape, Tensor};

/// How a constant operand is laid out for a kernel variant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Packing {
    /// A weight `[N, K]` as `[⌈N / columns⌉, K', columns]`: panels of adjacent outputs, so that the lanes of a tile
    /// read neighbours. K' is K rounded up to a multiple of 4; rows beyond K are zero, columns beyond N hold NaN,
    /// which shows at once when a kernel lets them through.
    Panels {
        /// Outputs in a panel.
        columns: usize,
    },
}

impl Packing {
    /// Number of elements once packed.
    pub fn elements(self, shape: &Shape) -> usize {
        match self {
            Self::Panels { columns } => shape.rows().div_ceil(columns) * shape.last().next_multiple_of(4) * columns,
        }
    }

    /// The packed elements of `weight`.
    pub fn pack(self, weight: &Tensor) -> Result<Vec<f32>> {
        match self {
            Self::Panels { columns: panel } => {
                let (outputs, inputs) = (weight.shape().rows(), weight.shape().last());
                let values = weight.as_f32()?;
                if panel == 0 || inputs == 0 {
                    return Err(Error::usage(format!("a weight of shape {} cannot be packed", weight.shape())));
                }
                let depth = inputs.next_multiple_of(4);
                let mut packed = vec![0.0; self.elements(weight.shape())];
                for (columns, panel_values) in packed.chunks_exact_mut(depth * panel).enumerate() {
                    for column in 0..panel {
                        let output = columns * panel + column;
                        if output < outputs {
                            let row = &values[output * inputs..][..inputs];
                            for (place, value) in panel_values[column..].iter_mut().step_by(panel).zip(row) {
                                *place = *value;
                            }
                        } else {
                            panel_values[column..].iter_mut().step_by(panel).for_each(|place| *place = f32::NAN);
                        }
                    }
                }
                Ok(packed)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_hold_adjacent_outputs_zero_depth_and_nan_columns() {
        let weight = Tensor::f32([3, 5], (0..15).map(|value| value as f32).collect()).unwrap();
        let packing = Packing::Panels { columns: 2 };
        let packed = packing.pack(&weight).unwrap();
        assert_eq!(packed.len(), 2 * 8 * 2);
        assert_eq!(packed.len(), packing.elements(weight.shape()));
        assert_eq!(packed[..4], [0.0, 5.0, 1.0, 6.0]);
        assert_eq!(packed[10..16], [0.0; 6]);
        assert_eq!(packed[16], 10.0);
        assert!(packed[17].is_nan() && packed[31].is_nan());
    }
}
