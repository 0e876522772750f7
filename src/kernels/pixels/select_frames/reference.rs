//! The selection of frames in plain loops.

use super::SelectFrames;
use crate::kernels::contract::input;
use crate::tensor::{Error, Exact, Result};

pub(super) fn select_frames(call: &SelectFrames, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
    let SelectFrames { clips, frames, picked, frame: [planes, rows, columns] } = *call;
    let values = planes * rows * columns;
    let (clip, indices) = (input(inputs, 0)?.reals()?, input(inputs, 1)?.words()?);
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
    Ok(vec![Exact::from_reals([clips, picked, planes, rows, columns], output)?])
}
