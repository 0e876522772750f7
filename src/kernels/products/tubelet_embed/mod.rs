//! The tubelet embedding: a 3-D convolution whose stride is its kernel, as one product a token, read from the clip
//! without unfolding it (spec §1.3).

mod bound;
mod cases;
pub(in crate::kernels::products) mod cut;
mod gradient;
#[cfg(feature = "cpu")]
mod host;
pub(in crate::kernels::products) mod reference;
mod wgsl;

use crate::kernels::clip_layout::ClipLayout;
use crate::kernels::contract::{Binding, Bound, Family, Gradient, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`TubeletEmbed`].
static FAMILY: Family = Family {
    name: "tubelet_embed",
    formula: "out[b, i, j, k, :] = Σ_{c, τ, y, x} clip[b, i·t + τ, c, j·h + y, k·w + x] · weight[:, c, τ, y, x] + bias",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::factor("clip", "[B, F, P, Y, X] or [B, F, Y, X, P]"),
        Binding::weight("weight", "[C, P·t·h·w]"),
        Binding::read("bias", "[C]"),
        Binding::write("output", "[B·T·S, C]"),
    ],
    variants: variants_of::<TubeletEmbed>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// The most elements of a tubelet: up to here the kernels divide exactly in floats.
const LARGEST_TUBELET: usize = 1 << 20;

/// Embeds the tubelets of `batch` clips as tokens, in the order of time, row and column. Frames, rows and columns that
/// do not fill a tubelet are dropped.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TubeletEmbed {
    /// B.
    pub batch: usize,
    /// F.
    pub frames: usize,
    /// Y.
    pub rows: usize,
    /// X.
    pub columns: usize,
    /// P.
    pub planes: usize,
    /// t, h and w.
    pub tubelet: [usize; 3],
    /// C.
    pub outputs: usize,
    /// Whether a bias `[C]` is added.
    pub bias: bool,
    /// How the clip lies in memory.
    pub layout: ClipLayout,
}

impl TubeletEmbed {
    /// Clips of `frames` frames of `size` = [Y, X] pixels in `planes` colour planes, in tubelets of t, h and w, as `outputs`
    /// wide tokens; without a bias, one clip.
    pub fn new(
        layout: ClipLayout,
        frames: usize,
        size: [usize; 2],
        planes: usize,
        tubelet: [usize; 3],
        outputs: usize,
    ) -> Self {
        let [rows, columns] = size;
        Self { batch: 1, frames, rows, columns, planes, tubelet, outputs, bias: false, layout }
    }

    /// B, clips at a time.
    #[must_use]
    pub fn batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// Whether a bias `[C]` is added.
    #[must_use]
    pub fn bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// Tokens along time, rows and columns; none where there is no tubelet.
    pub(in crate::kernels::products) fn grid(&self) -> [usize; 3] {
        let [t, h, w] = self.tubelet;
        [(self.frames, t), (self.rows, h), (self.columns, w)].map(|(size, step)| size.checked_div(step).unwrap_or(0))
    }

    /// Elements of a frame.
    pub(in crate::kernels::products) fn frame(&self) -> usize {
        self.rows * self.columns * self.planes
    }

    /// P·t·h·w.
    pub(in crate::kernels::products) fn inner(&self) -> usize {
        self.planes * self.tubelet.iter().product::<usize>()
    }

    /// Tokens of a temporal index.
    pub(in crate::kernels::products) fn slab(&self) -> usize {
        let [_, rows, columns] = self.grid();
        rows * columns
    }

    /// B·T·S.
    pub(in crate::kernels::products) fn tokens(&self) -> usize {
        self.batch * self.grid().iter().product::<usize>()
    }

    /// Whether four neighbours along k are four neighbours in the clip, at an aligned offset.
    pub(in crate::kernels::products) fn aligned(&self) -> bool {
        let [_, _, w] = self.tubelet;
        self.layout == ClipLayout::Btchw && [w, self.columns, self.outputs].iter().all(|size| size % 4 == 0)
    }
}

impl Kernel for TubeletEmbed {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::tubelet_embed;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    const GRADIENT: Option<Gradient<Self>> = Some(gradient::gradient);
    host_form!(tubelet_embed);

    fn operands(&self) -> Vec<Option<Shape>> {
        let Self { batch, frames, rows, columns, planes, outputs, .. } = *self;
        vec![
            Some(self.layout.shape(batch, frames, [rows, columns], planes)),
            Some([outputs, self.inner()].into()),
            self.bias.then(|| [outputs].into()),
            Some([self.tokens(), outputs].into()),
        ]
    }

    fn validate(&self) -> Result<()> {
        let Self { batch, frames, rows, columns, planes, tubelet: [t, h, w], outputs, .. } = *self;
        if [batch, planes, t, h, w, outputs].contains(&0) || frames < t || rows < h || columns < w {
            return Err(Error::usage(format!(
                "{batch} clips of {frames} × {rows} × {columns} pixels in {planes} planes hold no tubelet of \
                 {t} × {h} × {w} to embed in {outputs} columns"
            )));
        }
        if self.inner() > LARGEST_TUBELET {
            return Err(Error::unsupported(format!(
                "a tubelet of {t} × {h} × {w} pixels in {planes} planes has more than {LARGEST_TUBELET} elements"
            )));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        2 * Kernel::multiply_accumulates(self) + u64::from(self.bias) * (self.tokens() * self.outputs) as u64
    }

    fn multiply_accumulates(&self) -> u64 {
        (self.tokens() * self.outputs) as u64 * self.inner() as u64
    }

    fn product(&self) -> Option<[usize; 2]> {
        Some([self.tokens(), self.outputs])
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Clips with a frame, a row and columns that fill no tubelet.
    pub(super) fn call() -> TubeletEmbed {
        TubeletEmbed {
            batch: 3,
            frames: 7,
            rows: 9,
            columns: 15,
            planes: 3,
            tubelet: [2, 4, 4],
            outputs: 13,
            bias: true,
            layout: ClipLayout::Btchw,
        }
    }

    #[test]
    fn sizes_without_sense_are_errors() {
        assert!(call().validate().is_ok());
        assert!(TubeletEmbed { frames: 1, ..call() }.validate().is_err());
        assert!(TubeletEmbed { tubelet: [0, 4, 4], ..call() }.validate().is_err());
        let large = TubeletEmbed { frames: 200, rows: 200, columns: 200, tubelet: [200, 200, 200], ..call() };
        assert!(large.validate().is_err());
    }
}
