//! How Flax lays out tensors.

use crate::tensor::{Data, Error, Result, Shape, Tensor};

/// How Flax lays out one of the tensors that [`Config::parameters`](crate::vivit::Config::parameters) lists.
///
/// Flax puts inputs before outputs, and keeps the axis of heads H apart from the width D of one:
///
/// | tensor | Flax | here |
/// |---|---|---|
/// | dense kernel | `[in, out]` | `[out, in]` |
/// | query, key, value kernel | `[C, H, D]` | `[C, C]`, rows H·D |
/// | query, key, value bias | `[H, D]` | `[C]` |
/// | attention's output kernel | `[H, D, C]` | `[C, C]`, columns H·D |
/// | tubelet kernel | `[t, h, w, P, C]` | `[C, P, t, h, w]` |
/// | patch kernel (frame sampling) | `[h, w, P, C]` | `[C, P, h, w]` |
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FlaxLayout {
    /// The same here and there: biases, LayerNorm's scales, class tokens, positions.
    Same,
    /// The kernel of a dense layer.
    Dense,
    /// The kernel of a projection to queries, keys or values.
    IntoHeads,
    /// The bias of a projection to queries, keys or values.
    HeadBias,
    /// The kernel of the projection behind attention.
    FromHeads,
    /// The kernel that makes tokens of tubelets or patches.
    Embedding,
}

impl FlaxLayout {
    /// The layout of the tensor called `name`, its parts joined by `.`.
    pub fn of(name: &str) -> Self {
        let (module, tensor) = name.rsplit_once('.').unwrap_or(("", name));
        let within = module.rsplit_once('.').map_or(module, |(_, last)| last);
        match (within, tensor) {
            ("embedding", "kernel") => Self::Embedding,
            ("query" | "key" | "value", "kernel") => Self::IntoHeads,
            ("query" | "key" | "value", "bias") => Self::HeadBias,
            ("out", "kernel") => Self::FromHeads,
            (_, "kernel") => Self::Dense,
            _ => Self::Same,
        }
    }

    /// What such a tensor is, for people.
    fn noun(self) -> &'static str {
        match self {
            Self::Same => "tensor",
            Self::Dense => "kernel of a dense layer",
            Self::IntoHeads => "kernel of a projection to heads",
            Self::HeadBias => "bias of a projection to heads",
            Self::FromHeads => "kernel of a projection from heads",
            Self::Embedding => "kernel of an embedding",
        }
    }

    /// The shape in Flax of a tensor that is `shape` here, in an attention of that many `heads`.
    pub(crate) fn flax_shape(self, shape: &Shape, heads: usize) -> Shape {
        let split = |width: usize| [heads, width / heads.max(1)];
        match (self, shape.axes()) {
            (Self::Dense, &[outputs, inputs]) => [inputs, outputs].into(),
            (Self::IntoHeads, &[outputs, inputs]) => {
                let [heads, width] = split(outputs);
                [inputs, heads, width].into()
            }
            (Self::HeadBias, &[outputs]) => split(outputs).into(),
            (Self::FromHeads, &[outputs, inputs]) => {
                let [heads, width] = split(inputs);
                [heads, width, outputs].into()
            }
            (Self::Embedding, [outputs, planes, tubelet @ ..]) => [tubelet, &[*planes, *outputs]].concat().into(),
            (_, axes) => axes.into(),
        }
    }

    /// The tensor from the array that Flax holds for it; an error where that has another number of axes.
    pub(crate) fn restored(self, array: Tensor) -> Result<Tensor> {
        let axes = array.shape().axes().to_vec();
        match (self, axes.as_slice()) {
            (Self::Same, _) => Ok(array),
            (Self::Dense, &[inputs, outputs]) => reversed(array, [inputs, 1, outputs], [outputs, inputs].into()),
            (Self::IntoHeads, &[inputs, heads, width]) => {
                reversed(array, [inputs, 1, heads * width], [heads * width, inputs].into())
            }
            (Self::HeadBias, &[heads, width]) => array.reshaped([heads * width]),
            (Self::FromHeads, &[heads, width, outputs]) => {
                reversed(array, [heads * width, 1, outputs], [outputs, heads * width].into())
            }
            (Self::Embedding, [tubelet @ .., planes, outputs]) => {
                let shape = [&[*outputs, *planes], tubelet].concat();
                reversed(array, [tubelet.iter().product(), *planes, *outputs], shape.into())
            }
            _ => Err(Error::usage(format!("an array of shape {} is no {} of Flax", array.shape(), self.noun()))),
        }
    }

    /// The array that Flax holds for `tensor`, in an attention of that many `heads`: the way back from
    /// `restored`. An error where the tensor has another number of axes, or the heads do not divide it.
    pub fn stored(self, tensor: Tensor, heads: usize) -> Result<Tensor> {
        let shape = self.flax_shape(tensor.shape(), heads);
        let axes = tensor.shape().axes().to_vec();
        match (self, axes.as_slice()) {
            (Self::Same, _) => Ok(tensor),
            (Self::HeadBias, [_]) => tensor.reshaped(shape),
            (Self::Dense | Self::IntoHeads | Self::FromHeads, &[outputs, inputs]) => {
                reversed(tensor, [outputs, 1, inputs], shape)
            }
            (Self::Embedding, [outputs, planes, tubelet @ ..]) => {
                reversed(tensor, [*outputs, *planes, tubelet.iter().product()], shape)
            }
            _ => Err(Error::usage(format!("a tensor of shape {} is no {}", tensor.shape(), self.noun()))),
        }
    }
}

/// `[a, b, c]` as `[c, b, a]`, and that under another `shape`.
fn reversed(tensor: Tensor, [a, b, c]: [usize; 3], shape: Shape) -> Result<Tensor> {
    let Data::F32(values) = tensor.into_data() else {
        return Err(Error::usage("weights are words, not floats"));
    };
    let mut turned = vec![0.0; values.len()];
    for first in (0..a).step_by(STRIP) {
        for outer in 0..c {
            for middle in 0..b {
                for inner in first..a.min(first + STRIP) {
                    turned[(outer * b + middle) * a + inner] = values[(inner * b + middle) * c + outer];
                }
            }
        }
    }
    Tensor::f32(shape, turned)
}

/// Rows that are read side by side: their cache lines stay at hand until all of each is used.
const STRIP: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    /// An array in which each element says where it is: its indices as decimal digits.
    fn labelled(axes: &[usize]) -> Tensor {
        let shape = Shape::from(axes);
        let label = |mut index: usize| {
            let places = axes.iter().rev().map(|&size| {
                let place = index % size;
                index /= size;
                place
            });
            places.collect::<Vec<_>>().into_iter().rev().fold(0, |label, place| label * 10 + place) as f32
        };
        let values = (0..shape.elements()).map(label).collect();
        Tensor::f32(shape, values).unwrap()
    }

    /// The element of `tensor` at these indices.
    fn at(tensor: &Tensor, indices: &[usize]) -> f32 {
        let index = indices.iter().zip(tensor.shape().axes()).fold(0, |index, (place, size)| index * size + place);
        tensor.as_f32().unwrap()[index]
    }

    #[test]
    fn every_element_goes_where_it_belongs() {
        let dense = FlaxLayout::of("output_projection.kernel").restored(labelled(&[2, 3])).unwrap();
        assert_eq!((dense.shape().axes(), at(&dense, &[2, 1])), (&[3, 2][..], 12.0));
        let query = FlaxLayout::of("b.query.kernel").restored(labelled(&[6, 2, 3])).unwrap();
        assert_eq!((query.shape().axes(), at(&query, &[3 + 2, 4])), (&[6, 6][..], 412.0));
        let bias = FlaxLayout::of("b.value.bias").restored(labelled(&[2, 3])).unwrap();
        assert_eq!((bias.shape().axes(), at(&bias, &[3 + 2])), (&[6][..], 12.0));
        let out = FlaxLayout::of("b.out.kernel").restored(labelled(&[2, 3, 6])).unwrap();
        assert_eq!((out.shape().axes(), at(&out, &[5, 3 + 2])), (&[6, 6][..], 125.0));
        let tubelets = FlaxLayout::of("embedding.kernel").restored(labelled(&[2, 4, 5, 3, 6])).unwrap();
        assert_eq!((tubelets.shape().axes(), at(&tubelets, &[5, 2, 1, 3, 4])), (&[6, 3, 2, 4, 5][..], 13425.0));
        let patches = FlaxLayout::of("embedding.kernel").restored(labelled(&[4, 5, 3, 6])).unwrap();
        assert_eq!((patches.shape().axes(), at(&patches, &[5, 2, 3, 4])), (&[6, 3, 4, 5][..], 3425.0));
        let scale = FlaxLayout::of("Transformer.encoder_norm.scale").restored(labelled(&[6])).unwrap();
        assert_eq!(scale, labelled(&[6]));
    }

    #[test]
    fn there_and_back_is_the_same() {
        for (name, axes) in [
            ("output_projection.kernel", &[2, 3][..]),
            ("b.key.kernel", &[6, 2, 3]),
            ("b.key.bias", &[2, 3]),
            ("b.out.kernel", &[2, 3, 6]),
            ("b.out.bias", &[6]),
            ("embedding.kernel", &[2, 4, 5, 3, 6]),
            ("embedding.kernel", &[4, 5, 3, 6]),
            ("cls", &[1, 1, 6]),
        ] {
            let layout = FlaxLayout::of(name);
            let array = labelled(axes);
            let restored = layout.restored(array.clone()).unwrap();
            assert_eq!(layout.flax_shape(restored.shape(), 2), *array.shape(), "{name}");
            assert_eq!(layout.stored(restored, 2).unwrap(), array, "{name}");
        }
    }

    #[test]
    fn another_number_of_axes_is_refused() {
        for (layout, axes) in
            [(FlaxLayout::Dense, &[2][..]), (FlaxLayout::IntoHeads, &[4, 4]), (FlaxLayout::HeadBias, &[4])]
        {
            let error = layout.restored(labelled(axes)).unwrap_err().to_string();
            assert!(error.contains(&Shape::from(axes).to_string()), "{error}");
        }
        assert!(FlaxLayout::HeadBias.stored(labelled(&[5]), 2).is_err());
        assert!(FlaxLayout::Dense.stored(labelled(&[5]), 2).is_err());
    }
}
