//! How fast a device moves memory: the slope of its roofline.

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, input, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`PeakCopy`].
static FAMILY: Family = Family {
    name: "peak_copy",
    formula: "out[i] = in[i]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[Binding::read("input", "[M]"), Binding::write("output", "[M]")],
    variants: variants_of::<PeakCopy>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Copies `elements` floats, a multiple of four.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PeakCopy {
    /// M.
    pub elements: usize,
}

impl Kernel for PeakCopy {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = |_, inputs| Ok(vec![input(inputs, 0)?.clone()]);
    const BOUND: Option<Bound<Self>> = Some(Bound::EXACT);
    host_form!(peak_copy);

    fn operands(&self) -> Vec<Option<Shape>> {
        vec![Some([self.elements].into()); 2]
    }

    fn validate(&self) -> Result<()> {
        if self.elements == 0 || !self.elements.is_multiple_of(4) {
            return Err(Error::usage(format!("{} elements are not whole groups of four", self.elements)));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        0
    }
}
