//! The linear layer with what may follow it: bias, activation, residual, and an output in planes, one a head
//! (spec §2.1).

mod bound;
mod cases;
mod cut;
mod gradient;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::activation::Activation;
use crate::kernels::contract::{Binding, Bound, Family, Gradient, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`Linear`].
static FAMILY: Family = Family {
    name: "linear",
    formula: "out[m, n] = act(Σ_k in[m, k] · weight[n, k] + bias[n]) + residual[m, n]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::factor("input", "[M, K]"),
        Binding::weight("weight", "[N, K]"),
        Binding::read("bias", "[N]"),
        Binding::read("residual", "[M, N]"),
        Binding::write("output", "[M, N], or [N / D, M, D]"),
    ],
    variants: variants_of::<Linear>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Multiplies `rows` rows by a weight of `columns` outputs, each with `inner` inputs.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Linear {
    /// M.
    pub rows: usize,
    /// K.
    pub inner: usize,
    /// N.
    pub columns: usize,
    /// Whether a bias `[N]` is added to the products.
    pub bias: bool,
    /// The function applied to the biased products.
    pub activation: Option<Activation>,
    /// Whether a residual `[M, N]` is added last; only with [`OutputLayout::Rows`].
    pub residual: bool,
    /// How the output lies in memory.
    pub output: OutputLayout,
}

/// The order of the axes of an output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutputLayout {
    /// `[M, N]`.
    Rows,
    /// `[N / D, M, D]`: plane p holds columns p·D … (p + 1)·D − 1 of all rows, so that each head of packed queries,
    /// keys and values is contiguous.
    Planes {
        /// D, a divisor of N.
        width: usize,
    },
}

impl Linear {
    /// Products alone, in rows: no bias, no activation, no residual.
    pub fn new(rows: usize, inner: usize, columns: usize) -> Self {
        Self { rows, inner, columns, bias: false, activation: None, residual: false, output: OutputLayout::Rows }
    }

    /// Whether a bias `[N]` is added to the products.
    #[must_use]
    pub fn bias(self, bias: bool) -> Self {
        Self { bias, ..self }
    }

    /// Applies this function to the biased products.
    #[must_use]
    pub fn activation(self, activation: impl Into<Option<Activation>>) -> Self {
        Self { activation: activation.into(), ..self }
    }

    /// Whether a residual `[M, N]` is added last; only with [`OutputLayout::Rows`].
    #[must_use]
    pub fn residual(self, residual: bool) -> Self {
        Self { residual, ..self }
    }

    /// How the output lies in memory.
    #[must_use]
    pub fn output(self, output: OutputLayout) -> Self {
        Self { output, ..self }
    }

    fn output_shape(&self) -> Shape {
        match self.output {
            OutputLayout::Rows => [self.rows, self.columns].into(),
            OutputLayout::Planes { width } => [self.columns.checked_div(width).unwrap_or(0), self.rows, width].into(),
        }
    }

    /// Columns of an output plane.
    fn plane(&self) -> usize {
        match self.output {
            OutputLayout::Rows => self.columns,
            OutputLayout::Planes { width } => width,
        }
    }

    /// Whether the rows of every operand are whole groups of four.
    fn is_aligned(&self) -> bool {
        [self.inner, self.columns, self.plane()].iter().all(|size| size % 4 == 0)
    }
}

impl Kernel for Linear {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::linear;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    const GRADIENT: Option<Gradient<Self>> = Some(gradient::gradient);
    host_form!(linear);

    fn operands(&self) -> Vec<Option<Shape>> {
        let Self { rows, inner, columns, .. } = *self;
        vec![
            Some([rows, inner].into()),
            Some([columns, inner].into()),
            self.bias.then(|| [columns].into()),
            self.residual.then(|| [rows, columns].into()),
            Some(self.output_shape()),
        ]
    }

    fn validate(&self) -> Result<()> {
        let Self { rows, inner, columns, .. } = *self;
        if rows == 0 || inner == 0 || columns == 0 {
            return Err(Error::usage(format!("{rows} rows of {inner} by {columns} columns are nothing to multiply")));
        }
        match self.output {
            OutputLayout::Planes { width } if width == 0 || columns % width != 0 => {
                Err(Error::usage(format!("{columns} columns cannot be divided into planes of {width}")))
            }
            OutputLayout::Planes { .. } if self.residual => {
                Err(Error::usage("a residual needs its output in rows, not in planes"))
            }
            _ => Ok(()),
        }
    }

    fn operations(&self) -> u64 {
        let added = u64::from(self.bias) + u64::from(self.residual);
        (self.rows * self.columns) as u64 * (2 * self.inner as u64 + added)
    }

    fn multiply_accumulates(&self) -> u64 {
        (self.rows * self.columns) as u64 * self.inner as u64
    }

    fn product(&self) -> Option<[usize; 2]> {
        Some([self.rows, self.columns])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_without_sense_are_errors() {
        let good = Linear {
            rows: 3,
            inner: 4,
            columns: 12,
            bias: false,
            activation: None,
            residual: false,
            output: OutputLayout::Planes { width: 4 },
        };
        assert!(good.validate().is_ok());
        assert!(Linear { inner: 0, ..good.clone() }.validate().is_err());
        assert!(Linear { output: OutputLayout::Planes { width: 5 }, ..good.clone() }.validate().is_err());
        assert!(Linear { output: OutputLayout::Planes { width: 0 }, ..good.clone() }.validate().is_err());
        assert!(Linear { residual: true, ..good }.validate().is_err());
    }
}
