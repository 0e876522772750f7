//! Layer normalisation over the last axis, with two-pass statistics (spec §2.1).

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Family, Kernel, variants_of};
#[cfg(feature = "cpu")]
use crate::kernels::host::{Arguments, Threads};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Exact, Result, Shape};

/// The declaration of [`LayerNorm`].
pub static FAMILY: Family = Family {
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
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn variants() -> &'static [Planned<Self>] {
        &wgsl::VARIANTS
    }

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

    fn reference(&self, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
        reference::layer_norm(self, inputs)
    }

    #[cfg(feature = "cpu")]
    fn host(&self, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
        host::layer_norm(self, arguments, threads)
    }
}
