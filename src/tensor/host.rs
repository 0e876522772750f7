//! Tensors in host memory.

use half::f16;

use super::{Element, Error, Format, Result, Shape};

/// The elements of a [`Tensor`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Data {
    /// [`Element::F32`].
    F32(Vec<f32>),
    /// [`Element::F16`].
    F16(Vec<f16>),
    /// [`Element::U32`].
    U32(Vec<u32>),
}

/// A dense, row-major tensor in host memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Shape,
    data: Data,
}

impl Tensor {
    /// Elements with their shape; an error where the counts differ.
    pub fn new(shape: impl Into<Shape>, data: Data) -> Result<Self> {
        let shape = shape.into();
        let elements = match &data {
            Data::F32(values) => values.len(),
            Data::F16(values) => values.len(),
            Data::U32(values) => values.len(),
        };
        if elements != shape.elements() {
            return Err(Error::usage(format!(
                "a tensor of shape {shape} has {} elements, but {elements} were given",
                shape.elements()
            )));
        }
        Ok(Self { shape, data })
    }

    /// Floats with their shape; an error where the counts differ.
    pub fn f32(shape: impl Into<Shape>, values: Vec<f32>) -> Result<Self> {
        Self::new(shape, Data::F32(values))
    }

    /// 16-bit floats with their shape; an error where the counts differ.
    pub fn f16(shape: impl Into<Shape>, values: Vec<f16>) -> Result<Self> {
        Self::new(shape, Data::F16(values))
    }

    /// Words with their shape; an error where the counts differ.
    pub fn u32(shape: impl Into<Shape>, values: Vec<u32>) -> Result<Self> {
        Self::new(shape, Data::U32(values))
    }

    /// All elements zero.
    pub fn zeros(shape: impl Into<Shape>, element: Element) -> Self {
        let shape = shape.into();
        let data = match element {
            Element::F32 => Data::F32(vec![0.0; shape.elements()]),
            Element::F16 => Data::F16(vec![f16::ZERO; shape.elements()]),
            Element::U32 => Data::U32(vec![0; shape.elements()]),
        };
        Self { shape, data }
    }

    /// A tensor from its bytes (little-endian, row-major), as a device or a file holds it.
    pub fn from_bytes(shape: impl Into<Shape>, element: Element, bytes: &[u8]) -> Result<Self> {
        let data = match element {
            Element::F32 => Data::F32(bytemuck::pod_collect_to_vec(bytes)),
            Element::F16 => Data::F16(bytemuck::pod_collect_to_vec(bytes)),
            Element::U32 => Data::U32(bytemuck::pod_collect_to_vec(bytes)),
        };
        Self::new(shape, data)
    }

    /// Sizes of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// Type of the elements.
    pub fn element(&self) -> Element {
        match self.data {
            Data::F32(_) => Element::F32,
            Data::F16(_) => Element::F16,
            Data::U32(_) => Element::U32,
        }
    }

    /// The elements as floats; an error for other elements.
    pub fn as_f32(&self) -> Result<&[f32]> {
        match &self.data {
            Data::F32(values) => Ok(values),
            _ => Err(self.holds_others(Element::F32)),
        }
    }

    /// The elements as halves; an error for other elements.
    pub fn as_f16(&self) -> Result<&[f16]> {
        match &self.data {
            Data::F16(values) => Ok(values),
            _ => Err(self.holds_others(Element::F16)),
        }
    }

    /// The elements as words; an error for other elements.
    pub fn as_u32(&self) -> Result<&[u32]> {
        match &self.data {
            Data::U32(values) => Ok(values),
            _ => Err(self.holds_others(Element::U32)),
        }
    }

    fn holds_others(&self, wanted: Element) -> Error {
        Error::usage(format!("tensor {} holds {} where {wanted} is wanted", self.shape, self.element()))
    }

    /// The elements as bytes.
    pub fn as_bytes(&self) -> &[u8] {
        match &self.data {
            Data::F32(values) => bytemuck::cast_slice(values),
            Data::F16(values) => bytemuck::cast_slice(values),
            Data::U32(values) => bytemuck::cast_slice(values),
        }
    }

    /// The elements.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The elements, by value.
    pub fn into_data(self) -> Data {
        self.data
    }

    /// Concatenates tensors of floats to `shape`, along the one axis on which they are smaller; an error for
    /// parts that differ from it on another axis, or do not add up to it.
    pub fn joined(parts: &[&Tensor], shape: &Shape) -> Result<Self> {
        let outer = shape.runs_of(&parts.iter().map(|part| &part.shape).collect::<Vec<_>>())?;
        let mut values = Vec::with_capacity(shape.elements());
        for index in 0..outer {
            for part in parts {
                let run = part.shape.elements() / outer.max(1);
                values.extend_from_slice(&part.as_f32()?[index * run..][..run]);
            }
        }
        Self::f32(shape.clone(), values)
    }

    /// The tensors of `shape` that [`joined`](Self::joined) makes this one of; an error where it is not made of such.
    pub fn parted(&self, shape: &Shape) -> Result<Vec<Self>> {
        let (whole, part) = (self.shape.axes(), shape.axes());
        let axis = whole.iter().zip(part).position(|(whole, part)| whole != part).unwrap_or(0);
        let fits = whole.len() == part.len()
            && whole.iter().zip(part).enumerate().all(|(index, (whole, part))| match index == axis {
                true => *part > 0 && whole.is_multiple_of(*part),
                false => whole == part,
            });
        if !fits {
            return Err(Error::usage(format!("a tensor of {} is not made of tensors of {shape}", self.shape)));
        }
        let values = self.as_f32()?;
        let count = whole.get(axis).zip(part.get(axis)).map_or(1, |(whole, part)| whole / part);
        let outer: usize = whole[..axis].iter().product();
        let run = shape.elements() / outer.max(1);
        let part = |index: usize| {
            let runs = (0..outer).flat_map(|row| &values[(row * count + index) * run..][..run]);
            Self::f32(shape.clone(), runs.copied().collect())
        };
        (0..count).map(part).collect()
    }

    /// The same floats, each rounded to the nearest that `element` holds; an error for one beyond its range.
    pub fn rounded_to(&self, element: Element) -> Result<Self> {
        let bytes = Format::rows(element).bytes_of(self)?;
        match element {
            Element::F16 => {
                let halves = bytemuck::pod_collect_to_vec::<u8, f16>(&bytes);
                let floats = halves.into_iter().take(self.shape.elements()).map(f16::to_f32);
                Self::f32(self.shape.clone(), floats.collect())
            }
            _ => Self::from_bytes(self.shape.clone(), element, &bytes),
        }
    }

    /// The same floats as f32, which holds every half exactly; an error for words.
    pub(crate) fn widened(&self) -> Result<Self> {
        match &self.data {
            Data::F16(values) => Self::f32(self.shape.clone(), values.iter().map(|value| value.to_f32()).collect()),
            _ => Self::f32(self.shape.clone(), self.as_f32()?.to_vec()),
        }
    }

    /// The same elements under another shape; an error where the counts differ.
    pub fn reshaped(self, shape: impl Into<Shape>) -> Result<Self> {
        Self::new(shape, self.data)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_joined_along_the_axis_that_grew() {
        let part = |axes: [usize; 2], values: &[f32]| Tensor::f32(axes, values.to_vec()).unwrap();
        let (rows, more) = (part([1, 2], &[1.0, 2.0]), part([2, 2], &[3.0, 4.0, 5.0, 6.0]));
        let joined = Tensor::joined(&[&rows, &more], &[3, 2].into()).unwrap();
        assert_eq!(joined.as_f32().unwrap(), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let (left, right) = (part([2, 1], &[1.0, 3.0]), part([2, 1], &[2.0, 4.0]));
        let joined = Tensor::joined(&[&left, &right], &[2, 2].into()).unwrap();
        assert_eq!(joined.as_f32().unwrap(), [1.0, 2.0, 3.0, 4.0]);
        assert!(Tensor::joined(&[&left], &[2, 3].into()).is_err());
        assert!(Tensor::joined(&[&more], &[1, 4].into()).is_err());
    }

    #[test]
    fn a_tensor_is_parted_as_it_was_joined() {
        let whole = Tensor::f32([2, 4, 3], (0..24).map(|value| value as f32).collect()).unwrap();
        for shape in [[1, 4, 3], [2, 2, 3], [2, 1, 3], [2, 4, 1], [2, 4, 3]] {
            let parts = whole.parted(&shape.into()).unwrap();
            assert_eq!(parts.len(), 24 / shape.iter().product::<usize>());
            assert!(parts.iter().all(|part| *part.shape() == shape.into()));
            assert_eq!(Tensor::joined(&parts.iter().collect::<Vec<_>>(), whole.shape()).unwrap(), whole);
        }
        for shape in [[2, 3, 3], [1, 2, 3], [0, 4, 3]] {
            assert!(whole.parted(&shape.into()).is_err(), "{shape:?}");
        }
        assert!(whole.parted(&[2, 4].into()).is_err());
    }
}
