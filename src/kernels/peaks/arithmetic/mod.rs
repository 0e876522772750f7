//! How fast a device multiplies and adds: the flat part of its roofline.

mod cases;
mod reference;

use crate::gpu::Capabilities;
use crate::kernels::contract::cut::{check_iterations, fold_groups, word};
use crate::kernels::contract::{Binding, Family, Kernel};
use crate::kernels::shader::{Class, Launch, Literals, Needs, Variant};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`PeakArithmetic`].
pub static FAMILY: Family = Family {
    name: "peak_arithmetic",
    formula: "out[i] = Σ x_chain after x ← x · a + b, over and over",
    parameters: Parameters::FIELDS,
    bindings: &[Binding::write("output", "[M]")],
    variants: &[Variant {
        name: "plain",
        file: "peaks/arithmetic.wgsl",
        text: include_str!("../../../../shaders/peaks/arithmetic.wgsl"),
        needs: Needs { subgroup: false, workgroup_bytes: 0, invocations: INVOCATIONS },
        class: Class::Any,
    }],
    cases: cases::cases,
};

const INVOCATIONS: u32 = 64;
/// Independent chains of an invocation.
const CHAINS: usize = 32;
/// Steps of a chain in one loop iteration.
const UNROLLED: usize = 8;
/// Brings every chain towards 1, so that no value overflows or becomes subnormal.
const FACTOR: f32 = 0.996_093_75;
const ADDEND: f32 = 0.003_906_25;

crate::kernel_parameters! {
    struct Parameters {
        elements: u32,
        steps: u32,
        factor: f32,
        addend: f32,
    }
}

/// `elements` invocations with 32 chains of 8 · `steps` multiply-adds each.
#[derive(Clone, Debug, PartialEq)]
pub struct PeakArithmetic {
    /// M.
    pub elements: usize,
    /// Loop iterations, of eight multiply-adds a chain.
    pub steps: usize,
}

impl Kernel for PeakArithmetic {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

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

    fn launches(&self, _: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        check_iterations(self.steps as u64, &device.limits)?;
        let groups = (self.elements as u64).div_ceil(INVOCATIONS.into());
        let parameters =
            Parameters { elements: word(self.elements)?, steps: word(self.steps)?, factor: FACTOR, addend: ADDEND };
        Ok(vec![Launch {
            literals: Literals::new().with("invocations", INVOCATIONS),
            parameters: bytemuck::bytes_of(&parameters).to_vec(),
            groups: fold_groups(groups, &device.limits)?,
            windows: vec![None],
        }])
    }

    fn reference(&self, _: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        reference::peak_arithmetic(self)
    }
}
