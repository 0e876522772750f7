//! Layer normalisation over the last axis, with two-pass statistics (spec §2.1).

pub(super) mod bound;
pub(super) mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
pub(super) mod wgsl;

use crate::kernels::contract::{
    Backward, Binding, Bound, Family, Gradient, Kernel, Reference, Tape, TapeValue, host_form, variants_of,
};
use crate::kernels::rows::column_sum::ColumnSum;
use crate::kernels::rows::layer_norm_gradient::LayerNormGradient;
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
    const GRADIENT: Option<Gradient<Self>> = Some(gradient);
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

/// Of the input in one call, which leaves what the sums of columns make the scale's; the bias has those of the gradient.
fn gradient(call: &LayerNorm, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Vec<Option<TapeValue>>> {
    let LayerNorm { rows, width, epsilon } = *call;
    let output = of.gradient(0)?;
    let call = std::sync::Arc::new(LayerNormGradient::new(rows, width, epsilon));
    let gradients = tape.call(call, &[Some(of.input(0)?), Some(of.input(1)?), Some(output)])?;
    let sums = ColumnSum { rows, width };
    let of_scale = tape.one(sums.clone(), &[gradients.get(1).copied()])?;
    let of_bias = tape.one(sums, &[Some(output)])?;
    Ok(vec![gradients.first().copied(), Some(of_scale), Some(of_bias)])
}
