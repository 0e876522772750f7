//! The selection of frames in plain loops.

use super::SelectFrames;
use crate::kernels::contract::input;
use crate::tensor::{Error, Result, Tensor};

pub(super) fn select_frames(call: &SelectFrames, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
    let SelectFrames { clips, frames, picked, frame: [planes, rows, columns] } = *call;
    let values = planes * rows * columns;
    let (clip, indices) = (input(inputs, 0)?.as_f32()?, input(inputs, 1)?.as_u32()?);
    let mut output = Vec::new();
    for b in 0..clips {
        for &index in indices {
            let index = index as usize;
            if index >= frames {
                return Err(Error::usage(format!("frame {index} of {frames} does not exist")));
            }
            let start = (b * frames + index) * values;
            output.extend_from_slice(&clip[start..start + values]);
        }
    }
    Ok(vec![Tensor::f32([clips, picked, planes, rows, columns], output)?])
}
