//! The gradients of a call, as operations on values that a tape knows.

use std::sync::Arc;

use crate::kernels::contract::{Call, Kernel};
use crate::tensor::{Error, Result};

/// A value that a [`Tape`] knows, by its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TapeValue(pub usize);

/// What takes operations one after another: it records them, or computes them at once.
pub trait Tape {
    /// Takes a call with a value for each binding that reads, `None` where absent. Its outputs, in binding order.
    fn call(&mut self, call: Call, inputs: &[Option<TapeValue>]) -> Result<Vec<TapeValue>>;

    /// Whether every element of a value is known to be 1, so that nothing need be multiplied by it.
    fn is_ones(&self, _value: TapeValue) -> bool {
        false
    }
}

impl dyn Tape + '_ {
    /// Takes a call of `kernel`, which has one output.
    pub fn one(&mut self, kernel: impl Kernel, inputs: &[Option<TapeValue>]) -> Result<TapeValue> {
        let outputs = self.call(Arc::new(kernel), inputs)?;
        outputs.first().copied().ok_or_else(|| Error::usage("a call has no output"))
    }
}

/// A call that has been computed, and how a loss grows with each of its outputs.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Backward<'a> {
    /// For each binding that reads, `None` where absent.
    pub inputs: &'a [Option<TapeValue>],
    /// For each binding that writes and is present.
    pub outputs: &'a [TapeValue],
    /// The gradient of each output; `None` for one that the loss does not depend on.
    pub gradients: &'a [Option<TapeValue>],
}

impl<'a> Backward<'a> {
    /// Of a call with these inputs, outputs and gradients of its outputs.
    pub fn new(inputs: &'a [Option<TapeValue>], outputs: &'a [TapeValue], gradients: &'a [Option<TapeValue>]) -> Self {
        Self { inputs, outputs, gradients }
    }

    /// Input number `index` among the bindings that read; an error where it is absent.
    pub fn input(&self, index: usize) -> Result<TapeValue> {
        let input = self.inputs.get(index).copied().flatten();
        input.ok_or_else(|| Error::usage(format!("input {index} of a call with a gradient is missing")))
    }

    /// Output number `index`.
    pub fn output(&self, index: usize) -> Result<TapeValue> {
        let output = self.outputs.get(index).copied();
        output.ok_or_else(|| Error::usage(format!("output {index} of a call with a gradient is missing")))
    }

    /// The gradient of output number `index`; an error where the loss does not depend on it.
    pub fn gradient(&self, index: usize) -> Result<TapeValue> {
        let gradient = self.gradients.get(index).copied().flatten();
        gradient.ok_or_else(|| Error::usage(format!("the loss does not depend on output {index} of this call")))
    }

    /// An error where the loss depends on output number `index`, through which no gradient is known.
    pub fn refuse(&self, index: usize) -> Result<()> {
        match self.gradients.get(index).copied().flatten() {
            None => Ok(()),
            Some(_) => Err(Error::unsupported(format!(
                "gradients are asked for that pass through output {index}, counted from 0, which has none"
            ))),
        }
    }
}

/// Computes, on a tape, the gradient of each input of a call; `None` for an input that is absent, of words, or never
/// trained.
pub type Gradient<K> = fn(&K, &mut dyn Tape, &Backward<'_>) -> Result<Vec<Option<TapeValue>>>;
