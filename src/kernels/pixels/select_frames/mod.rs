//! Frames of a clip, picked by index: uniform frame sampling (paper §3.2, spec §1.4).

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Element, Error, Result, Shape};

/// The declaration of [`SelectFrames`].
static FAMILY: Family = Family {
    name: "select_frames",
    formula: "out[b, s, :] = in[b, indices[s], :]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("input", "[B, F, P, Y, X]"),
        Binding::read_words("indices", "[S]"),
        Binding::write("output", "[B, S, P, Y, X]"),
    ],
    variants: variants_of::<SelectFrames>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Copies the frames with the given indices, in the order of the indices, from every clip.
///
/// An index may come more than once and must be below `frames`, which the call does not check: a larger one picks the last
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

impl SelectFrames {
    /// Values of a frame.
    fn width(&self) -> usize {
        self.frame.iter().product()
    }
}

impl Kernel for SelectFrames {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::select_frames;
    const BOUND: Option<Bound<Self>> = Some(Bound::EXACT);
    host_form!(select_frames);

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
        Element::F32.bytes_of(self.clips * self.picked * self.width() + self.picked)
    }
}
