//! The gradient of the tubelet embedding's weight: a product of the columns of the tokens' gradients and of the tubelets,
//! which are read from the clip without unfolding it (spec §12).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::products::tubelet_embed::TubeletEmbed;
use crate::kernels::shader::Planned;
use crate::tensor::{Result, Shape};

/// The declaration of [`TubeletEmbedWeightGradient`].
static FAMILY: Family = Family {
    name: "tubelet_embed_weight_gradient",
    formula: "out[:, c, τ, y, x] = Σ_{b, i, j, k} gradient[b, i, j, k, :] · clip[b, i·t + τ, c, j·h + y, k·w + x]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("gradient", "[B·T·S, C]"),
        Binding::read("clip", "[B, F, P, Y, X] or [B, F, Y, X, P]"),
        Binding::write("output", "[C, P·t·h·w]"),
    ],
    variants: variants_of::<TubeletEmbedWeightGradient>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// The gradient of the weight of a [`TubeletEmbed`], from that of its tokens and from its clips.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct TubeletEmbedWeightGradient {
    /// The embedding. Whether it has a bias makes no difference.
    pub embedding: TubeletEmbed,
}

impl TubeletEmbedWeightGradient {
    /// Of the weight of `embedding`.
    pub fn new(embedding: TubeletEmbed) -> Self {
        Self { embedding }
    }
}

impl Kernel for TubeletEmbedWeightGradient {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::tubelet_embed_weight_gradient;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(tubelet_embed_weight_gradient);

    fn operands(&self) -> Vec<Option<Shape>> {
        let TubeletEmbed { batch, frames, rows, columns, planes, outputs, layout, .. } = self.embedding;
        vec![
            Some([self.embedding.tokens(), outputs].into()),
            Some(layout.shape(batch, frames, [rows, columns], planes)),
            Some([outputs, self.embedding.inner()].into()),
        ]
    }

    fn validate(&self) -> Result<()> {
        Kernel::validate(&self.embedding)
    }

    fn operations(&self) -> u64 {
        2 * Kernel::multiply_accumulates(self)
    }

    fn multiply_accumulates(&self) -> u64 {
        Kernel::multiply_accumulates(&self.embedding)
    }
}
