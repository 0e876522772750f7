//! Two axes of a tensor exchanged: a weight for the gradient of a product's input, or planes into rows and back.

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{
    Backward, Binding, Bound, Family, Gradient, Kernel, Reference, Tape, TapeValue, host_form, variants_of,
};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`Transpose`].
static FAMILY: Family = Family {
    name: "transpose",
    formula: "out[j, i, c] = in[i, j, c]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[Binding::read("input", "[I, J, C]"), Binding::write("output", "[J, I, C]")],
    variants: variants_of::<Transpose>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Exchanges the first two axes of a tensor. With a width of 1 it is the transpose of a matrix.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Transpose {
    /// I.
    pub outer: usize,
    /// J.
    pub inner: usize,
    /// C: neighbours that stay together.
    pub width: usize,
}

impl Transpose {
    /// Of a tensor `[I, J, C]`.
    pub fn new(outer: usize, inner: usize, width: usize) -> Self {
        Self { outer, inner, width }
    }
}

impl Kernel for Transpose {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::transpose;
    const BOUND: Option<Bound<Self>> = Some(Bound::EXACT);
    const GRADIENT: Option<Gradient<Self>> = Some(gradient);
    host_form!(transpose);

    fn operands(&self) -> Vec<Option<Shape>> {
        let Self { outer, inner, width } = *self;
        vec![Some([outer, inner, width].into()), Some([inner, outer, width].into())]
    }

    fn validate(&self) -> Result<()> {
        let Self { outer, inner, width } = *self;
        match [outer, inner, width].contains(&0) {
            true => Err(Error::usage(format!("{outer} × {inner} × {width} elements are nothing to transpose"))),
            false => Ok(()),
        }
    }

    fn operations(&self) -> u64 {
        0
    }
}

/// The axes exchanged again.
fn gradient(call: &Transpose, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Vec<Option<TapeValue>>> {
    let back = Transpose::new(call.inner, call.outer, call.width);
    Ok(vec![Some(tape.one(back, &[Some(of.gradient(0)?)])?)])
}
