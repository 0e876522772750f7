//! How the elements of a tensor lie in memory.

use std::borrow::Cow;
use std::fmt;

use half::f16;

use super::{Error, Result, Shape, Tensor};

/// The type of a tensor's elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Element {
    /// 32-bit float: everything a model computes.
    F32,
    /// 16-bit float: how weights may be stored. Nothing is computed in it.
    F16,
    /// 32-bit word: packed bytes, pixels (`r | g << 8 | b << 16`), indices, flags.
    U32,
}

impl Element {
    /// Size of one element in bytes.
    pub(crate) const fn bytes(self) -> usize {
        match self {
            Self::F32 | Self::U32 => 4,
            Self::F16 => 2,
        }
    }

    /// Size of this many elements in bytes.
    pub const fn bytes_of(self, elements: usize) -> u64 {
        (self.bytes() * elements) as u64
    }
}

impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::U32 => "u32",
        })
    }
}

/// In which order the elements of a tensor lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
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

/// The elements of a tensor in memory: their type and their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    /// Their type.
    pub element: Element,
    /// Their order.
    pub layout: Layout,
}

/// What a device reads, copies and binds at a time.
const WORD: usize = Element::U32.bytes();

impl Format {
    /// Row by row: the format of whatever is handed in or out.
    pub const fn rows(element: Element) -> Self {
        Self { element, layout: Layout::Rows }
    }

    /// Number of elements that a tensor of `shape` takes.
    pub fn elements(self, shape: &Shape) -> usize {
        match self.layout {
            Layout::Rows => shape.elements(),
            Layout::Panels { columns } | Layout::PairedPanels { columns } => {
                shape.rows().div_ceil(columns) * depth(shape) * columns
            }
        }
    }

    /// Bytes that a tensor of `shape` takes: whole words of four.
    pub fn bytes(self, shape: &Shape) -> u64 {
        Element::U32.bytes_of(self.words(shape))
    }

    /// The number of words of 32 bits that a tensor of `shape` takes.
    pub fn words(self, shape: &Shape) -> usize {
        (self.elements(shape) * self.element.bytes()).div_ceil(WORD)
    }

    /// The bytes of `tensor` in this format, each float rounded to the nearest that the format holds.
    ///
    /// # Errors
    ///
    /// Panels of words, or of no columns; a finite float beyond the range of f16.
    pub fn bytes_of(self, tensor: &Tensor) -> Result<Cow<'_, [u8]>> {
        match self {
            Self { element, layout: Layout::Rows } if element == tensor.element() => {
                Ok(Cow::Borrowed(tensor.as_bytes()))
            }
            Self { element: Element::F32, .. } => {
                self.arranged(tensor, f32::NAN, Ok).map(|values| Cow::Owned(bytemuck::cast_slice(&values).to_vec()))
            }
            Self { element: Element::F16, .. } => {
                let mut halves = self.arranged(tensor, f16::NAN, half)?;
                halves.resize(halves.len().next_multiple_of(WORD / Element::F16.bytes()), f16::ZERO);
                Ok(Cow::Owned(bytemuck::cast_slice(&halves).to_vec()))
            }
            Self { element: Element::U32, .. } => {
                Err(Error::usage(format!("a tensor of shape {} is not stored as words", tensor.shape())))
            }
        }
    }

    /// The floats of `tensor` in this order, each converted by `of`: zeros beyond the last row, `nothing` beyond the last
    /// output.
    fn arranged<T: Copy + Default>(self, tensor: &Tensor, nothing: T, of: impl Fn(f32) -> Result<T>) -> Result<Vec<T>> {
        let values = tensor.as_f32()?;
        let (shape, [outputs, inputs]) = (tensor.shape(), [tensor.shape().rows(), tensor.shape().last()]);
        let panel = match self.layout {
            Layout::Rows => return values.iter().map(|value| of(*value)).collect(),
            Layout::Panels { columns } | Layout::PairedPanels { columns } => columns,
        };
        if panel == 0 || inputs == 0 {
            return Err(Error::usage(format!("a weight of shape {shape} has no panels of {panel}")));
        }
        let depth = depth(shape);
        let mut panels = vec![T::default(); self.elements(shape)];
        for (columns, panel_values) in panels.chunks_exact_mut(depth * panel).enumerate() {
            for column in 0..panel {
                let output = columns * panel + column;
                if output < outputs {
                    let row = &values[output * inputs..][..inputs];
                    for (k, value) in row.iter().enumerate() {
                        panel_values[self.offset(k, column, panel)] = of(*value)?;
                    }
                } else {
                    (0..depth).for_each(|k| panel_values[self.offset(k, column, panel)] = nothing);
                }
            }
        }
        Ok(panels)
    }

    /// Offset, within a panel of `panel` columns, of the element in row `k` and `column`.
    fn offset(self, k: usize, column: usize, panel: usize) -> usize {
        match self.layout {
            Layout::PairedPanels { .. } => k / 2 * 2 * panel + column / 4 * 8 + k % 2 * 4 + column % 4,
            Layout::Rows | Layout::Panels { .. } => k * panel + column,
        }
    }
}

/// K': rows of a panel of a weight `[N, K]`.
fn depth(weight: &Shape) -> usize {
    weight.last().next_multiple_of(4)
}

/// The nearest 16-bit float; an error for a finite value that would become infinite.
fn half(value: f32) -> Result<f16> {
    let half = f16::from_f32(value);
    match half.is_infinite() && value.is_finite() {
        true => Err(Error::unsupported(format!("{value:e} is more than f16 holds: keep these weights in f32"))),
        false => Ok(half),
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.layout {
            Layout::Rows => write!(f, "{} in rows", self.element),
            Layout::Panels { columns } => write!(f, "{} in panels of {columns}", self.element),
            Layout::PairedPanels { columns } => write!(f, "{} in paired panels of {columns}", self.element),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(shape: [usize; 2]) -> Tensor {
        let values = (0..shape[0] * shape[1]).map(|value| value as f32).collect();
        Tensor::f32(shape, values).unwrap()
    }

    fn floats(layout: Layout, tensor: &Tensor) -> Vec<f32> {
        let format = Format { element: Element::F32, layout };
        let bytes = format.bytes_of(tensor).unwrap();
        assert_eq!(bytes.len() as u64, format.bytes(tensor.shape()));
        bytemuck::pod_collect_to_vec(&bytes)
    }

    #[test]
    fn panels_hold_adjacent_outputs_zero_depth_and_nan_columns() {
        let packed = floats(Layout::Panels { columns: 2 }, &counted([3, 5]));
        assert_eq!(packed.len(), 2 * 8 * 2);
        assert_eq!(packed[..4], [0.0, 5.0, 1.0, 6.0]);
        assert_eq!(packed[10..16], [0.0; 6]);
        assert_eq!(packed[16], 10.0);
        assert!(packed[17].is_nan() && packed[31].is_nan());
    }

    #[test]
    fn paired_panels_hold_two_rows_of_four_outputs_together() {
        let packed = floats(Layout::PairedPanels { columns: 8 }, &counted([8, 4]));
        // Outputs 0 to 3 of inputs 0 and 1, then outputs 4 to 7 of the same.
        assert_eq!(packed[..8], [0.0, 4.0, 8.0, 12.0, 1.0, 5.0, 9.0, 13.0]);
        assert_eq!(packed[8..16], [16.0, 20.0, 24.0, 28.0, 17.0, 21.0, 25.0, 29.0]);
        assert_eq!(packed[16], 2.0);
    }

    #[test]
    fn halves_take_half_the_bytes_in_the_same_order() {
        for layout in [Layout::Rows, Layout::Panels { columns: 2 }, Layout::PairedPanels { columns: 4 }] {
            let tensor = counted([3, 5]);
            let format = Format { element: Element::F16, layout };
            let bytes = format.bytes_of(&tensor).unwrap();
            assert_eq!(bytes.len() as u64, format.bytes(tensor.shape()), "{format}");
            let halves: Vec<f16> = bytemuck::pod_collect_to_vec(&bytes);
            let floats = floats(layout, &tensor);
            assert!(halves.iter().zip(&floats).all(|(half, float)| half.to_f32().total_cmp(float).is_eq()), "{format}");
            // Fifteen halves in rows end within a word.
            assert_eq!(halves.len(), floats.len().next_multiple_of(2), "{format}");
        }
    }

    #[test]
    fn what_a_format_cannot_hold_is_an_error() {
        let rows = Format::rows(Element::F16);
        let of = |value: f32| Tensor::f32([1, 1], vec![value]).unwrap();
        let message = rows.bytes_of(&of(-70_000.0)).unwrap_err().to_string();
        assert!(message.contains("-7e4 is more than f16 holds"), "{message}");
        assert!(rows.bytes_of(&of(f32::INFINITY)).is_ok() && rows.bytes_of(&of(f32::NAN)).is_ok());
        let panels = Format { element: Element::F32, layout: Layout::Panels { columns: 4 } };
        assert!(panels.bytes_of(&Tensor::u32([1, 1], vec![7]).unwrap()).is_err());
        assert!(Format::rows(Element::U32).bytes_of(&of(1.0)).is_err());
    }
}
