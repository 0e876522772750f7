//! How fast a device multiplies and adds: the flat part of its roofline.

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`PeakArithmetic`].
static FAMILY: Family = Family {
    name: "peak_arithmetic",
    formula: "out[i] = Σ x_chain after x ← x · a + b, over and over",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[Binding::write("output", "[M]")],
    variants: variants_of::<PeakArithmetic>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Independent chains of an invocation.
const CHAINS: usize = 32;
/// Steps of a chain in one loop iteration.
const UNROLLED: usize = 8;
/// Brings every chain towards 1, so that no value overflows or becomes subnormal.
const FACTOR: f32 = 0.996_093_75;
const ADDEND: f32 = 0.003_906_25;

/// `elements` invocations with 32 chains of 8 · `steps` multiply-adds each.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PeakArithmetic {
    /// M.
    pub elements: usize,
    /// Loop iterations, of eight multiply-adds a chain.
    pub steps: usize,
}

impl Kernel for PeakArithmetic {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = |call, _| reference::peak_arithmetic(call);
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(peak_arithmetic);

    fn operands(&self) -> Vec<Option<Shape>> {
        vec![Some([self.elements].into())]
    }

    fn validate(&self) -> Result<()> {
        if self.elements == 0 {
            return Err(Error::usage("no elements to compute"));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        2 * (self.elements * CHAINS * UNROLLED * self.steps) as u64
    }
}
