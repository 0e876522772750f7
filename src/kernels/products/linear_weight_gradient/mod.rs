//! The gradient of a linear layer's weight: a product of the columns of two matrices (spec §12).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

pub(super) use bound::column_powers;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`LinearWeightGradient`].
static FAMILY: Family = Family {
    name: "linear_weight_gradient",
    formula: "out[n, k] = Σ_m gradient[m, n] · in[m, k]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("gradient", "[M, N]"),
        Binding::read("input", "[M, K]"),
        Binding::write("output", "[N, K]"),
    ],
    variants: variants_of::<LinearWeightGradient>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// The gradient of a weight of `columns` outputs, each with `inner` inputs, that was applied to `rows` rows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct LinearWeightGradient {
    /// M.
    pub rows: usize,
    /// K.
    pub inner: usize,
    /// N.
    pub columns: usize,
}

impl LinearWeightGradient {
    /// Of a layer with these sizes.
    pub fn new(rows: usize, inner: usize, columns: usize) -> Self {
        Self { rows, inner, columns }
    }
}

impl Kernel for LinearWeightGradient {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::linear_weight_gradient;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(linear_weight_gradient);

    fn operands(&self) -> Vec<Option<Shape>> {
        let Self { rows, inner, columns } = *self;
        vec![Some([rows, columns].into()), Some([rows, inner].into()), Some([columns, inner].into())]
    }

    fn validate(&self) -> Result<()> {
        let Self { rows, inner, columns } = *self;
        if rows == 0 || inner == 0 || columns == 0 {
            return Err(Error::usage(format!(
                "{rows} rows of {columns} columns by {inner} columns are nothing to multiply"
            )));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        2 * Kernel::multiply_accumulates(self)
    }

    fn multiply_accumulates(&self) -> u64 {
        (self.rows * self.columns) as u64 * self.inner as u64
    }
}
