//! The selection of frames on the host.

use super::SelectFrames;
use crate::kernels::host::{Arguments, Threads};
use crate::tensor::{Error, Result};

pub(super) fn select_frames(call: &SelectFrames, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let SelectFrames { frames, picked, .. } = *call;
    let width = call.width();
    let (clips, indices) = (arguments.floats(0)?, arguments.words(1)?);
    if let Some(index) = indices.iter().find(|index| **index as usize >= frames) {
        return Err(Error::usage(format!("frame {index} of {frames} does not exist")));
    }
    threads.chunks(arguments.output(0)?, width, |frame, output| {
        let (clip, index) = (frame / picked, indices[frame % picked] as usize);
        output.copy_from_slice(&clips[(clip * frames + index) * width..][..width]);
    });
    Ok(())
}
