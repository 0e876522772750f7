//! Tensors of the references.

use super::{Data, Element, Error, Result, Shape, Tensor};

/// A dense, row-major tensor as references compute it: numbers in f64, words as they are. It is rounded to the elements
/// of a [`Tensor`] where it is compared or handed out, and nowhere between.
#[derive(Clone, Debug, PartialEq)]
pub struct Exact {
    shape: Shape,
    values: Values,
}

#[derive(Clone, Debug, PartialEq)]
enum Values {
    Reals(Vec<f64>),
    Words(Vec<u32>),
}

impl Exact {
    /// Numbers with their shape; an error where the counts differ.
    pub fn from_reals(shape: impl Into<Shape>, values: Vec<f64>) -> Result<Self> {
        let shape = checked(shape.into(), values.len())?;
        Ok(Self { shape, values: Values::Reals(values) })
    }

    /// Words with their shape; an error where the counts differ.
    pub fn from_words(shape: impl Into<Shape>, values: Vec<u32>) -> Result<Self> {
        let shape = checked(shape.into(), values.len())?;
        Ok(Self { shape, values: Values::Words(values) })
    }

    /// Sizes of the axes.
    pub fn shape(&self) -> &Shape {
        &self.shape
    }

    /// The elements as numbers, an error for a tensor of words.
    pub fn reals(&self) -> Result<&[f64]> {
        match &self.values {
            Values::Reals(values) => Ok(values),
            Values::Words(_) => {
                Err(Error::usage(format!("tensor {} holds words where numbers are wanted", self.shape)))
            }
        }
    }

    /// The elements as words, an error for a tensor of numbers.
    pub fn words(&self) -> Result<&[u32]> {
        match &self.values {
            Values::Words(values) => Ok(values),
            Values::Reals(_) => {
                Err(Error::usage(format!("tensor {} holds numbers where words are wanted", self.shape)))
            }
        }
    }

    /// The same elements under another shape; an error where the counts differ.
    pub fn reshaped(self, shape: impl Into<Shape>) -> Result<Self> {
        let shape = checked(shape.into(), self.shape.elements())?;
        Ok(Self { shape, ..self })
    }

    /// Type of the elements that it is rounded to.
    pub fn element(&self) -> Element {
        match self.values {
            Values::Reals(_) => Element::F32,
            Values::Words(_) => Element::U32,
        }
    }

    /// Concatenates tensors of numbers, in order, to one of `shape`, along the one axis on which they are smaller; an error for
    /// parts that differ from it on another axis, or do not add up to it.
    pub fn joined(parts: &[&Self], shape: &Shape) -> Result<Self> {
        let runs = shape.runs_of(&parts.iter().map(|part| &part.shape).collect::<Vec<_>>())?;
        let mut values = Vec::with_capacity(shape.elements());
        for run in 0..runs {
            for part in parts {
                let length = part.shape.elements() / runs.max(1);
                values.extend_from_slice(&part.reals()?[run * length..][..length]);
            }
        }
        Self::from_reals(shape.clone(), values)
    }

    /// Each number as the nearest f32.
    pub fn rounded(&self) -> Result<Tensor> {
        let data = match &self.values {
            Values::Reals(values) => Data::F32(values.iter().map(|&value| value as f32).collect()),
            Values::Words(values) => Data::U32(values.clone()),
        };
        Tensor::new(self.shape.clone(), data)
    }
}

impl From<&Tensor> for Exact {
    fn from(tensor: &Tensor) -> Self {
        let values = match tensor.data() {
            Data::F32(values) => Values::Reals(values.iter().map(|&value| value.into()).collect()),
            Data::F16(values) => Values::Reals(values.iter().map(|&value| value.into()).collect()),
            Data::U32(values) => Values::Words(values.clone()),
        };
        Self { shape: tensor.shape().clone(), values }
    }
}

fn checked(shape: Shape, elements: usize) -> Result<Shape> {
    match shape.elements() {
        wanted if wanted == elements => Ok(shape),
        wanted => {
            Err(Error::usage(format!("a tensor of shape {shape} has {wanted} elements, but {elements} were given")))
        }
    }
}
