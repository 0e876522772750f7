//! Frames as bytes of red, green and blue, all of one size.

use crate::kernels::{ClipLayout, Strides};
use crate::tensor::{Result, Tensor};

/// Colour planes.
pub(super) const PLANES: usize = 3;

/// `[F, Y, X, 3]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct RgbFrames {
    /// Y and X.
    pub(super) size: [usize; 2],
    pub(super) bytes: Vec<u8>,
}

impl RgbFrames {
    pub(super) fn frame_bytes(&self) -> usize {
        self.size[0] * self.row_bytes()
    }

    pub(super) fn row_bytes(&self) -> usize {
        self.size[1] * PLANES
    }

    pub(super) fn pixels(&self) -> &[[u8; PLANES]] {
        self.bytes.as_chunks().0
    }

    pub(super) fn pixels_mut(&mut self) -> &mut [[u8; PLANES]] {
        self.bytes.as_chunks_mut().0
    }

    /// The model's values: in [-1, 1] where they are centred on zero, else in [0, 1] (spec §6.2).
    pub(super) fn values(&self, zero_centred: bool) -> Vec<f32> {
        const TO_TWO: f32 = 2.0 / 255.0;
        let table: [f32; 256] = std::array::from_fn(|byte| match zero_centred {
            true => byte as f32 * TO_TWO - 1.0,
            false => byte as f32 / 255.0,
        });
        self.bytes.iter().map(|byte| table[usize::from(*byte)]).collect()
    }
}

/// Values `[F, Y, X, 3]` as a batch of one clip in a layout.
pub(super) fn clip_of_values(values: Vec<f32>, size: [usize; 2], layout: ClipLayout) -> Result<Tensor> {
    let frame = size[0] * size[1] * PLANES;
    let shape = layout.shape(1, values.len() / frame, size, PLANES);
    let Strides { plane, row, column, .. } = layout.strides(size, PLANES);
    if (plane, column) == (1, PLANES) {
        return Tensor::f32(shape, values);
    }
    let mut laid_out = vec![0.0; values.len()];
    for (from, to) in values.chunks_exact(frame).zip(laid_out.chunks_exact_mut(frame)) {
        for (pixel, values) in from.as_chunks::<PLANES>().0.iter().enumerate() {
            let place = pixel / size[1] * row + pixel % size[1] * column;
            for (index, value) in values.iter().enumerate() {
                to[place + index * plane] = *value;
            }
        }
    }
    Tensor::f32(shape, laid_out)
}
