//! How fast a device moves memory: the slope of its roofline.

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod wgsl;

use crate::kernels::contract::{Binding, Family, Kernel, input, variants_of};
#[cfg(feature = "cpu")]
use crate::kernels::host::{Arguments, Threads};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Exact, Result, Shape};

/// The declaration of [`PeakCopy`].
pub static FAMILY: Family = Family {
    name: "peak_copy",
    formula: "out[i] = in[i]",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[Binding::read("input", "[M]"), Binding::write("output", "[M]")],
    variants: variants_of::<PeakCopy>,
    cases: cases::cases,
};

/// Copies `elements` floats, a multiple of four.
#[derive(Clone, Debug, PartialEq)]
pub struct PeakCopy {
    /// M.
    pub elements: usize,
}

impl Kernel for PeakCopy {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn variants() -> &'static [Planned<Self>] {
        &wgsl::VARIANTS
    }

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

    fn reference(&self, inputs: &[Option<&Exact>]) -> Result<Vec<Exact>> {
        Ok(vec![input(inputs, 0)?.clone()])
    }

    #[cfg(feature = "cpu")]
    fn host(&self, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
        host::peak_copy(arguments, threads)
    }
}
