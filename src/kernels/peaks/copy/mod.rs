//! How fast a device moves memory: the slope of its roofline.

mod cases;

use crate::gpu::Capabilities;
use crate::kernels::contract::cut::{fold_groups, word};
use crate::kernels::contract::{Binding, Family, Kernel, cut, input};
use crate::kernels::shader::{Class, Launch, Literals, Needs, Variant};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`PeakCopy`].
pub static FAMILY: Family = Family {
    name: "peak_copy",
    formula: "out[i] = in[i]",
    parameters: Parameters::FIELDS,
    bindings: &[Binding::read("input", "[M]"), Binding::write("output", "[M]")],
    variants: &[Variant {
        name: "plain",
        file: "peaks/copy.wgsl",
        text: include_str!("../../../../shaders/peaks/copy.wgsl"),
        needs: Needs { subgroup: false, workgroup_bytes: 0, invocations: INVOCATIONS },
        class: Class::Any,
    }],
    cases: cases::cases,
};

const INVOCATIONS: u32 = 64;

crate::kernel_parameters! {
    struct Parameters {
        quads: u32,
        padding_0: u32,
        padding_1: u32,
        padding_2: u32,
    }
}

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

    fn launches(&self, _: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        let runs = cut::runs(self.elements, 4, &[4], &device.limits)?;
        runs.into_iter()
            .map(|run| {
                let quads = run.len() / 4;
                let window = Some(cut::bytes(&run, 4));
                let parameters = Parameters { quads: word(quads)?, padding_0: 0, padding_1: 0, padding_2: 0 };
                Ok(Launch {
                    literals: Literals::new().with("invocations", INVOCATIONS),
                    parameters: bytemuck::bytes_of(&parameters).to_vec(),
                    groups: fold_groups((quads as u64).div_ceil(INVOCATIONS.into()), &device.limits)?,
                    windows: vec![window.clone(), window],
                })
            })
            .collect()
    }

    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        Ok(vec![input(inputs, 0)?.clone()])
    }
}
