//! The scalar product of two rows, head by head: what the backward pass of attention subtracts from every score's gradient.

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`HeadDot`].
static FAMILY: Family = Family {
    name: "head_dot",
    formula: "out[h, m] = Σ_d left[m, h·D + d] · right[m, h·D + d]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[Binding::read("left", "[M, C]"), Binding::read("right", "[M, C]"), Binding::write("output", "[H, M]")],
    variants: variants_of::<HeadDot>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Multiplies each row of one matrix by the same row of another, in each of `heads` runs of `width` columns.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct HeadDot {
    /// M.
    pub rows: usize,
    /// H.
    pub heads: usize,
    /// D.
    pub width: usize,
}

impl HeadDot {
    /// Of `rows` rows of `heads` heads, each of `width` columns.
    pub fn new(rows: usize, heads: usize, width: usize) -> Self {
        Self { rows, heads, width }
    }
}

impl Kernel for HeadDot {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::head_dot;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(head_dot);

    fn operands(&self) -> Vec<Option<Shape>> {
        let rows = Some(Shape::from([self.rows, self.heads * self.width]));
        vec![rows.clone(), rows, Some([self.heads, self.rows].into())]
    }

    fn validate(&self) -> Result<()> {
        let Self { rows, heads, width } = *self;
        match [rows, heads, width].contains(&0) {
            true => Err(Error::usage(format!("{rows} rows of {heads} heads of width {width} have no products"))),
            false => Ok(()),
        }
    }

    fn operations(&self) -> u64 {
        2 * (self.rows * self.heads * self.width) as u64
    }
}
