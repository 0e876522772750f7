//! Frames of a clip, picked by index: uniform frame sampling (paper §3.2, spec §1.4).

mod cases;
mod reference;

use std::ops::Range;

use crate::gpu::{Capabilities, Limits};
use crate::kernels::contract::cut::{fold_groups, word};
use crate::kernels::contract::{Binding, Family, Kernel, cut};
use crate::kernels::shader::{Class, Launch, Literals, Needs, Variant};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`SelectFrames`].
pub static FAMILY: Family = Family {
    name: "select_frames",
    formula: "out[b, s, :] = in[b, indices[s], :]",
    parameters: Parameters::FIELDS,
    bindings: &[
        Binding::read("input", "[B, F, P, Y, X]"),
        Binding::read_words("indices", "[S]"),
        Binding::write("output", "[B, S, P, Y, X]"),
    ],
    variants: &[Variant {
        name: "plain",
        file: "pixels/select_frames.wgsl",
        text: include_str!("../../../../shaders/pixels/select_frames.wgsl"),
        needs: Needs { subgroup: false, workgroup_bytes: 0, invocations: INVOCATIONS },
        class: Class::Any,
    }],
    cases: cases::cases,
};

/// Invocations of a workgroup.
const INVOCATIONS: u32 = 64;
/// Values that an invocation copies.
const VALUES: u32 = 4;

crate::kernel_parameters! {
    struct Parameters {
        clips: u32,
        frames: u32,
        picked: u32,
        width: u32,
        first_frame: u32,
        end_frame: u32,
        first_picked: u32,
        input_base: u32,
        output_base: u32,
        padding_0: u32,
        padding_1: u32,
        padding_2: u32,
    }
}

/// Copies the frames with the given indices, in their order, the same ones of every clip.
///
/// An index is below `frames`, and may come more than once; who makes the indices sees to that. A larger one picks the last
/// frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectFrames {
    /// B.
    pub clips: usize,
    /// F.
    pub frames: usize,
    /// S: the frames picked of each clip.
    pub picked: usize,
    /// The axes of a frame, in any order: P, Y and X.
    pub frame: [usize; 3],
}

/// A launch's share: of these clips, those of the picked frames that lie in a run of frames.
struct Piece {
    clips: Range<usize>,
    frames: Range<usize>,
    picked: Range<usize>,
}

impl SelectFrames {
    /// Values of a frame.
    fn width(&self) -> usize {
        self.frame.iter().product()
    }

    /// Whole clips where they fit a binding; else runs of frames of one clip, each with every run of picked ones.
    fn pieces(&self, limits: &Limits) -> Result<Vec<Piece>> {
        let frame = 4 * self.width() as u64;
        let [input, output] = [self.frames, self.picked].map(|frames| frames as u64 * frame);
        if input.max(output) <= cut::room_anywhere(limits) {
            let runs = cut::runs_anywhere(self.clips, &[input, output], limits)?;
            return Ok(runs
                .into_iter()
                .map(|clips| Piece { clips, frames: 0..self.frames, picked: 0..self.picked })
                .collect());
        }
        let frame_runs = cut::runs_anywhere(self.frames, &[frame], limits)?;
        let picked_runs = cut::runs_anywhere(self.picked, &[frame], limits)?;
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

    fn launch(&self, piece: &Piece, limits: &Limits) -> Result<Launch> {
        let Piece { clips, frames, picked } = piece;
        let window = |of_clip: usize, run: &Range<usize>| {
            let bound = clips.start * of_clip + run.start..(clips.end - 1) * of_clip + run.end;
            cut::align_down(cut::bytes(&bound, 4 * self.width()), limits)
        };
        let (input_window, input_base) = window(self.frames, frames);
        let (output_window, output_base) = window(self.picked, picked);
        let parameters = Parameters {
            clips: word(clips.len())?,
            frames: word(self.frames)?,
            picked: word(picked.len())?,
            width: word(self.width())?,
            first_frame: word(frames.start)?,
            end_frame: word(frames.end)?,
            first_picked: word(picked.start)?,
            input_base,
            output_base,
            padding_0: 0,
            padding_1: 0,
            padding_2: 0,
        };
        let blocks = (self.width() as u64).div_ceil(u64::from(VALUES * INVOCATIONS));
        Ok(Launch {
            literals: Literals::new().with("invocations", INVOCATIONS).with("values", VALUES),
            parameters: bytemuck::bytes_of(&parameters).to_vec(),
            groups: fold_groups((clips.len() * picked.len()) as u64 * blocks, limits)?,
            windows: vec![Some(input_window), None, Some(output_window)],
        })
    }
}

impl Kernel for SelectFrames {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn operands(&self) -> Vec<Option<Shape>> {
        let Self { clips, frames, picked, frame: [p, y, x] } = *self;
        vec![Some([clips, frames, p, y, x].into()), Some([picked].into()), Some([clips, picked, p, y, x].into())]
    }

    fn validate(&self) -> Result<()> {
        let Self { clips, frames, picked, .. } = *self;
        let width = self.width();
        if clips == 0 || frames == 0 || picked == 0 || width == 0 {
            return Err(Error::usage(format!(
                "{picked} of {frames} frames of {width} values from {clips} clips are nothing to select"
            )));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        0
    }

    fn bytes_read(&self) -> u64 {
        4 * (self.clips * self.picked * self.width() + self.picked) as u64
    }

    fn launches(&self, _: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        self.pieces(&device.limits)?.iter().map(|piece| self.launch(piece, &device.limits)).collect()
    }

    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        reference::select_frames(self, inputs)
    }
}
