//! Layer normalisation over the last axis, with two-pass statistics (spec §2.1).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`LayerNorm`].
static FAMILY: Family = Family {
    name: "layer_norm",
    formula: "out[m, c] = (in[m, c] − μ) / √(σ² + eps) · scale[c] + bias[c]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("input", "[M, C]"),
        Binding::read("scale", "[C]"),
        Binding::read("bias", "[C]"),
        Binding::write("output", "[M, C]"),
    ],
    variants: variants_of::<LayerNorm>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Normalises each of `rows` rows of `width` columns.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    /// M.
    pub rows: usize,
    /// C.
    pub width: usize,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Kernel for LayerNorm {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::layer_norm;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(layer_norm);

    fn operands(&self) -> Vec<Option<Shape>> {
        let (rows, width) = (self.rows, self.width);
        vec![Some([rows, width].into()), Some([width].into()), Some([width].into()), Some([rows, width].into())]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns are nothing to normalise", self.rows, self.width)));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        // Sum; difference, square, sum; difference, factor, scale, bias.
        8 * (self.rows * self.width) as u64
    }
}
