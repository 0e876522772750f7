//! Element-wise steps of their own: what a product usually does on its way out, done alone.
//!
//! Recorded where a value between a product and its activation or residual sum is asked for.

mod cases;
mod reference;

use crate::gpu::Capabilities;
use crate::kernels::activation::Activation;
use crate::kernels::contract::cut::{fold_groups, word};
use crate::kernels::contract::{Binding, Family, Kernel, cut};
use crate::kernels::shader::{Class, Launch, Literals, Needs, Variant};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`Pointwise`].
pub static FAMILY: Family = Family {
    name: "pointwise",
    formula: "out[m, c] = activation(in[m, c])  or  in[m, c] + addend[m, c]",
    parameters: Parameters::FIELDS,
    bindings: &[
        Binding::read("input", "[M, C]"),
        Binding::read("addend", "[M, C]"),
        Binding::write("output", "[M, C]"),
    ],
    variants: &[Variant {
        name: "plain",
        file: "rows/pointwise.wgsl",
        text: include_str!("../../../../shaders/rows/pointwise.wgsl"),
        needs: Needs { subgroup: false, workgroup_bytes: 0, invocations: INVOCATIONS },
        class: Class::Any,
    }],
    cases: cases::cases,
};

/// Invocations of a workgroup.
const INVOCATIONS: u32 = 64;
/// Elements of a workgroup: four an invocation.
const ELEMENTS: u32 = 4 * INVOCATIONS;

crate::kernel_parameters! {
    struct Parameters {
        elements: u32,
        activation: u32,
        summed: u32,
        padding: u32,
    }
}

/// What [`Pointwise`] does to each element.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Applies a function.
    Activation(Activation),
    /// Adds a second tensor of the same shape.
    Sum,
}

/// Does one step to each of `rows`×`width` elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Pointwise {
    /// M.
    pub rows: usize,
    /// C.
    pub width: usize,
    /// The step.
    pub step: Step,
}

impl Kernel for Pointwise {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn operands(&self) -> Vec<Option<Shape>> {
        let shape = Shape::from([self.rows, self.width]);
        let addend = (self.step == Step::Sum).then(|| shape.clone());
        vec![Some(shape.clone()), addend, Some(shape)]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns have no elements", self.rows, self.width)));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        // Of a GELU: the cube, its factor and sum, the tanh counted as one, and the outer sum and products.
        let each = match self.step {
            Step::Activation(Activation::GeluTanh | Activation::GeluErf) => 8,
            Step::Activation(Activation::Tanh) | Step::Sum => 1,
        };
        each * (self.rows * self.width) as u64
    }

    fn launches(&self, _: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        let activation = match self.step {
            Step::Activation(activation) => activation.code(),
            Step::Sum => 0,
        };
        cut::runs(self.rows * self.width, 1, &[4], &device.limits)?
            .into_iter()
            .map(|run| {
                let groups = (run.len() as u64).div_ceil(u64::from(ELEMENTS));
                let window = Some(cut::bytes(&run, 4));
                let summed = u32::from(self.step == Step::Sum);
                let parameters = Parameters { elements: word(run.len())?, activation, summed, padding: 0 };
                Ok(Launch {
                    literals: Literals::new().with("invocations", INVOCATIONS),
                    parameters: bytemuck::bytes_of(&parameters).to_vec(),
                    groups: fold_groups(groups, &device.limits)?,
                    windows: vec![window.clone(), window.clone(), window],
                })
            })
            .collect()
    }

    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        reference::pointwise(self, inputs)
    }
}
