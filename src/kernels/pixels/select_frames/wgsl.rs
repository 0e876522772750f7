//! Frame selection in WGSL.

use std::ops::Range;

use super::SelectFrames;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations of a workgroup.
pub(super) const INVOCATIONS: u32 = 64;
/// Values that an invocation copies.
pub(super) const VALUES: u32 = 4;
/// A launch's share: of these clips, those of the picked frames that lie in a run of frames.
struct Piece {
    clips: Range<usize>,
    frames: Range<usize>,
    picked: Range<usize>,
}

crate::uniform! {
    pub(super) struct Uniform {
        clips: u32,
        frames: u32,
        picked: u32,
        width: u32,
        first_frame: u32,
        end_frame: u32,
        first_picked: u32,
        input_base: u32,
        output_base: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<SelectFrames>; 1] =
    [Planned::any(wgsl!("pixels/select_frames.wgsl"), Needs::invocations(INVOCATIONS), plan)];

fn plan(call: &SelectFrames, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    for piece in call.pieces(dispatches)? {
        call.launch(&piece, dispatches)?;
    }
    Ok(())
}

impl SelectFrames {
    /// Whole clips where they fit a binding; else runs of frames of one clip, each with every run of picked ones.
    fn pieces(&self, dispatches: &Dispatches<'_>) -> Result<Vec<Piece>, Unfit> {
        let (frames, picked) = (self.frames * self.width(), self.picked * self.width());
        if dispatches.fits_anywhere(frames.max(picked)) {
            let runs = dispatches.runs_anywhere(self.clips, &[frames, picked])?;
            return Ok(runs
                .into_iter()
                .map(|clips| Piece { clips, frames: 0..self.frames, picked: 0..self.picked })
                .collect());
        }
        let frame_runs = dispatches.runs_anywhere(self.frames, &[self.width()])?;
        let picked_runs = dispatches.runs_anywhere(self.picked, &[self.width()])?;
        let mut pieces = Vec::new();
        for clip in 0..self.clips {
            for frames in &frame_runs {
                for picked in &picked_runs {
                    pieces.push(Piece { clips: clip..clip + 1, frames: frames.clone(), picked: picked.clone() });
                }
            }
        }
        Ok(pieces)
    }

    fn launch(&self, piece: &Piece, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
        let Piece { clips, frames, picked } = piece;
        let window = |of_clip: usize, run: &Range<usize>| {
            let [start, end] = [clips.start * of_clip + run.start, (clips.end - 1) * of_clip + run.end];
            dispatches.window(&(start * self.width()..end * self.width()))
        };
        let (input_window, input_base) = window(self.frames, frames);
        let (output_window, output_base) = window(self.picked, picked);
        let uniform = Uniform {
            clips: word(clips.len())?,
            frames: word(self.frames)?,
            picked: word(picked.len())?,
            width: word(self.width())?,
            first_frame: word(frames.start)?,
            end_frame: word(frames.end)?,
            first_picked: word(picked.start)?,
            input_base,
            output_base,
        };
        let blocks = (self.width() as u64).div_ceil(u64::from(VALUES * INVOCATIONS));
        let literals = Literals::new().with("invocations", INVOCATIONS).with("values", VALUES);
        let groups = (clips.len() * picked.len()) as u64 * blocks;
        dispatches.launch(groups, literals, &uniform, vec![Some(input_window), None, Some(output_window)])
    }
}
