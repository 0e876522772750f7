//! The memory that a call reads and writes.

use crate::kernels::contract::{Access, Family};
use crate::tensor::{Element, Error, Result, Shape};

/// Memory that a call reads.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Operand<'a> {
    /// [`Element::F32`].
    F32(&'a [f32]),
    /// [`Element::U32`].
    U32(&'a [u32]),
}

/// Memory that a call writes: every element, whatever it held; of an update, the old value, which the call overwrites.
#[derive(Debug)]
#[non_exhaustive]
pub enum OperandMut<'a> {
    /// [`Element::F32`].
    F32(&'a mut [f32]),
    /// [`Element::U32`].
    U32(&'a mut [u32]),
}

/// The memory of all operands of one call.
#[derive(Debug)]
pub struct Arguments<'a> {
    inputs: Vec<Option<Operand<'a>>>,
    outputs: Vec<Option<OperandMut<'a>>>,
}

impl Operand<'_> {
    fn of(&self) -> (Element, usize) {
        match self {
            Self::F32(values) => (Element::F32, values.len()),
            Self::U32(values) => (Element::U32, values.len()),
        }
    }
}

impl OperandMut<'_> {
    fn of(&self) -> (Element, usize) {
        match self {
            Self::F32(values) => (Element::F32, values.len()),
            Self::U32(values) => (Element::U32, values.len()),
        }
    }
}

impl<'a> Arguments<'a> {
    /// `inputs` are only read, `None` where the call leaves one out; `outputs` are written or updated. Both are in the
    /// order of the bindings. Scratch is no argument: threads lend it.
    pub fn new(inputs: Vec<Option<Operand<'a>>>, outputs: Vec<OperandMut<'a>>) -> Self {
        Self { inputs, outputs: outputs.into_iter().map(Some).collect() }
    }

    /// An error unless they fit a call of `family` with operands of these shapes.
    pub(in crate::kernels) fn check(&self, family: &Family, shapes: &[Option<Shape>]) -> Result<()> {
        let mut inputs = self.inputs.iter();
        let mut outputs = self.outputs.iter();
        for (binding, shape) in family.bindings.iter().zip(shapes) {
            let given = match binding.access {
                Access::Scratch => continue,
                Access::Read => inputs.next().and_then(Option::as_ref).map(Operand::of),
                Access::Write | Access::Update => {
                    shape.as_ref().and_then(|_| outputs.next()).and_then(Option::as_ref).map(OperandMut::of)
                }
            };
            let wanted = shape.as_ref().map(|shape| (binding.element, shape.elements()));
            if given != wanted {
                let shown = |memory: Option<(Element, usize)>| {
                    memory.map_or_else(|| "nothing".to_owned(), |(element, count)| format!("{count} × {element}"))
                };
                let (given, wanted) = (shown(given), shown(wanted));
                return Err(Error::usage(format!(
                    "kernel {}: {} is given {given} instead of {wanted}",
                    family.name, binding.name
                )));
            }
        }
        Ok(())
    }

    /// The floats of input number `index`.
    pub fn floats(&self, index: usize) -> Result<&'a [f32]> {
        match self.inputs.get(index) {
            Some(Some(Operand::F32(values))) => Ok(values),
            _ => Err(Error::usage(format!("input {index} is missing or not of floats"))),
        }
    }

    /// The floats of input number `index` where it is `present`, else `None`.
    pub fn optional_floats(&self, index: usize, present: bool) -> Result<Option<&'a [f32]>> {
        present.then(|| self.floats(index)).transpose()
    }

    /// The words of input number `index`.
    pub fn words(&self, index: usize) -> Result<&'a [u32]> {
        match self.inputs.get(index) {
            Some(Some(Operand::U32(values))) => Ok(values),
            _ => Err(Error::usage(format!("input {index} is missing or not of words"))),
        }
    }

    /// The floats of output number `index`; an error where they have been taken.
    pub fn output(&mut self, index: usize) -> Result<&'a mut [f32]> {
        match self.outputs.get_mut(index).and_then(Option::take) {
            Some(OperandMut::F32(values)) => Ok(values),
            _ => Err(Error::usage(format!("output {index} is missing or not of floats"))),
        }
    }

    /// The words of output number `index`; an error where they have been taken.
    pub fn output_words(&mut self, index: usize) -> Result<&'a mut [u32]> {
        match self.outputs.get_mut(index).and_then(Option::take) {
            Some(OperandMut::U32(values)) => Ok(values),
            _ => Err(Error::usage(format!("output {index} is missing or not of words"))),
        }
    }
}
