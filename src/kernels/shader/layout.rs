//! Layouts that a variant wants its weights in. Weights are laid out once, when a model is loaded.

use std::borrow::Cow;

use crate::tensor::{Error, Result, Shape, Tensor};

/// How an operand lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
pub enum Layout {
    /// Row by row, as tensors are everywhere else.
    #[default]
    Rows,
    /// A weight `[N, K]` as `[⌈N / columns⌉, K', columns]`: panels of adjacent outputs, so that the lanes of a tile
    /// read neighbours. K' is K rounded up to a multiple of 4; rows beyond K are zero, columns beyond N hold NaN,
    /// which shows at once when a kernel lets them through.
    Panels {
        /// Outputs in a panel.
        columns: usize,
    },
    /// The same panels, two rows of them together: `[⌈N / columns⌉, K' / 2, columns / 4, 2, 4]`, so that a lane with four
    /// outputs reads both rows at once.
    PairedPanels {
        /// Outputs in a panel, a multiple of 4.
        columns: usize,
    },
}

impl Layout {
    /// Number of elements that a tensor of `shape` takes.
    pub fn elements(self, shape: &Shape) -> usize {
        match self {
            Self::Rows => shape.elements(),
            Self::Panels { columns } | Self::PairedPanels { columns } => {
                shape.rows().div_ceil(columns) * shape.last().next_multiple_of(4) * columns
            }
        }
    }

    /// The bytes of `tensor` in this layout; an error where panels of words are wanted, or of nothing.
    pub fn lay_out(self, tensor: &Tensor) -> Result<Cow<'_, [u8]>> {
        match self {
            Self::Rows => Ok(Cow::Borrowed(tensor.bytes())),
            Self::Panels { columns } | Self::PairedPanels { columns } => {
                self.panels(tensor, columns).map(|values| Cow::Owned(bytemuck::cast_slice(&values).to_vec()))
            }
        }
    }

    fn panels(self, weight: &Tensor, panel: usize) -> Result<Vec<f32>> {
        let (outputs, inputs) = (weight.shape().rows(), weight.shape().last());
        let values = weight.as_f32()?;
        if panel == 0 || inputs == 0 {
            return Err(Error::usage(format!("a weight of shape {} has no panels of {panel}", weight.shape())));
        }
        let depth = inputs.next_multiple_of(4);
        let mut panels = vec![0.0; self.elements(weight.shape())];
        for (columns, panel_values) in panels.chunks_exact_mut(depth * panel).enumerate() {
            for column in 0..panel {
                let output = columns * panel + column;
                if output < outputs {
                    let row = &values[output * inputs..][..inputs];
                    for (k, value) in row.iter().enumerate() {
                        panel_values[self.place(k, column, panel)] = *value;
                    }
                } else {
                    (0..depth).for_each(|k| panel_values[self.place(k, column, panel)] = f32::NAN);
                }
            }
        }
        Ok(panels)
    }

    /// Where row `k` of a panel of `panel` columns has its `column`.
    fn place(self, k: usize, column: usize, panel: usize) -> usize {
        match self {
            Self::PairedPanels { .. } => k / 2 * 2 * panel + column / 4 * 8 + k % 2 * 4 + column % 4,
            Self::Rows | Self::Panels { .. } => k * panel + column,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panels_hold_adjacent_outputs_zero_depth_and_nan_columns() {
        let weight = Tensor::f32([3, 5], (0..15).map(|value| value as f32).collect()).unwrap();
        let layout = Layout::Panels { columns: 2 };
        let packed = layout.panels(&weight, 2).unwrap();
        assert_eq!(packed.len(), 2 * 8 * 2);
        assert_eq!(packed.len(), layout.elements(weight.shape()));
        assert_eq!(packed[..4], [0.0, 5.0, 1.0, 6.0]);
        assert_eq!(packed[10..16], [0.0; 6]);
        assert_eq!(packed[16], 10.0);
        assert!(packed[17].is_nan() && packed[31].is_nan());
    }

    #[test]
    fn paired_panels_hold_two_rows_of_four_outputs_together() {
        let weight = Tensor::f32([8, 4], (0..32).map(|value| value as f32).collect()).unwrap();
        let packed = Layout::PairedPanels { columns: 8 }.panels(&weight, 8).unwrap();
        // Outputs 0 to 3 of inputs 0 and 1, then outputs 4 to 7 of the same.
        assert_eq!(packed[..8], [0.0, 4.0, 8.0, 12.0, 1.0, 5.0, 9.0, 13.0]);
        assert_eq!(packed[8..16], [16.0, 20.0, 24.0, 28.0, 17.0, 21.0, 25.0, 29.0]);
        assert_eq!(packed[16], 2.0);
    }
}
