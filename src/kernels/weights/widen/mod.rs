//! Halves as floats: what a graph left in memory as f16, as it was recorded.

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Element, Error, Format, Result, Shape};

/// The declaration of [`Widen`].
static FAMILY: Family = Family {
    name: "widen",
    formula: "out[e] = the half at index e as f32",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[Binding::read_words("halves", "[⌈E / 2⌉]"), Binding::write("output", "[E]")],
    variants: variants_of::<Widen>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Makes floats of halves, which lie two a word. No rounding: f32 holds every half.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Widen {
    /// E.
    pub elements: usize,
}

impl Widen {
    /// Of so many halves.
    pub fn new(elements: usize) -> Self {
        Self { elements }
    }

    /// Words of the halves.
    fn words(&self) -> usize {
        Format::rows(Element::F16).words(&[self.elements].into())
    }
}

impl Kernel for Widen {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::widen;
    const BOUND: Option<Bound<Self>> = Some(Bound::EXACT);
    host_form!(widen);

    fn operands(&self) -> Vec<Option<Shape>> {
        vec![Some([self.words()].into()), Some([self.elements].into())]
    }

    fn validate(&self) -> Result<()> {
        match self.elements {
            0 => Err(Error::usage("no halves are nothing to widen")),
            _ => Ok(()),
        }
    }

    fn operations(&self) -> u64 {
        0
    }
}
