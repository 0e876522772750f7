//! The tensors that a model learns: their names and shapes, and what can hand them out.

use std::fmt;

use crate::graph::Weights;
use crate::tensor::{Error, Result, Shape, Tensor};

/// Name and shape of one learned tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ParameterSpec {
    /// Its path in the original implementation, joined by dots: `Transformer.encoder_norm.scale`.
    pub name: String,
    /// Its shape. A dense kernel is `[out, in]`, the tubelet kernel `[C, P, t, h, w]`.
    pub shape: Shape,
}

/// A model's learned tensors, handed out one at a time and in any order.
///
/// The names and shapes are those of [`Config::parameters`](super::Config::parameters). Each call of
/// [`Weights::tensor`] reads or makes the tensor anew, so that a model's weights need never be in host memory all at once.
pub trait Parameters: Weights + fmt::Debug {
    /// The names, in the order of [`Config::parameters`](super::Config::parameters).
    fn names(&self) -> Vec<&str>;

    /// The shape of the tensor called `name`; an error where there is none.
    fn shape(&self, name: &str) -> Result<Shape>;

    /// `tensor`, which belongs to the parameter called `name` and has its shape, as the files hold such a tensor that these
    /// are read from: under the name and in the layout there. As it is, where they are from no files.
    ///
    /// An error where there is no such parameter, or the shape is another.
    fn as_stored(&self, name: &str, tensor: Tensor) -> Result<(String, Tensor)> {
        match *tensor.shape() == self.shape(name)? {
            true => Ok((name.to_owned(), tensor)),
            false => Err(Error::usage(format!("{name} is no tensor of shape {}", tensor.shape()))),
        }
    }
}
