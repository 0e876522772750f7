//! The gradients of layer normalisation (spec §12).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::rows::layer_norm::wgsl::Uniform;
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`LayerNormGradient`].
static FAMILY: Family = Family {
    name: "layer_norm_gradient",
    formula: "out = r·(ĝ − mean ĝ − x̂·mean(ĝ·x̂)), of_scale = gradient·x̂; ĝ = gradient·scale, x̂ = (in − μ)·r, r = (σ² + eps)^(−½)",
    uniform: Uniform::FIELDS,
    bindings: &[
        Binding::read("input", "[M, C]"),
        Binding::read("scale", "[C]"),
        Binding::read("gradient", "[M, C]"),
        Binding::write("output", "[M, C]"),
        Binding::write("of_scale", "[M, C]"),
    ],
    variants: variants_of::<LayerNormGradient>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// The gradient of the input of a [`LayerNorm`](super::LayerNorm), and of each row's part in that of its scale, whose sums
/// over the rows are the scale's. The bias has the sums of the gradient itself.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LayerNormGradient {
    /// M.
    pub rows: usize,
    /// C.
    pub width: usize,
    /// What was added to the variance.
    pub epsilon: f32,
}

impl LayerNormGradient {
    /// Of `rows` rows of `width` columns.
    pub fn new(rows: usize, width: usize, epsilon: f32) -> Self {
        Self { rows, width, epsilon }
    }
}

impl Kernel for LayerNormGradient {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::layer_norm_gradient;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(layer_norm_gradient);

    fn operands(&self) -> Vec<Option<Shape>> {
        let rows = Some(Shape::from([self.rows, self.width]));
        vec![rows.clone(), Some([self.width].into()), rows.clone(), rows.clone(), rows]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns have no gradient", self.rows, self.width)));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        // Sum; difference, square, sum; x̂, ĝ, two sums with a product; three steps for the output, one for the scale.
        15 * (self.rows * self.width) as u64
    }
}
