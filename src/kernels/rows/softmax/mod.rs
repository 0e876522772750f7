//! Softmax over the last axis, in f32, with the row's maximum subtracted: a head's logits into probabilities.

mod cases;
mod reference;

use crate::gpu::Capabilities;
use crate::kernels::contract::cut::{check_iterations, fold_groups, word};
use crate::kernels::contract::{Binding, Family, Kernel, cut};
use crate::kernels::shader::{Class, Launch, Literals, Needs, Variant};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`Softmax`].
pub static FAMILY: Family = Family {
    name: "softmax",
    formula: "out[m, c] = exp(in[m, c] − max) / Σ_c exp(in[m, c] − max)",
    parameters: Parameters::FIELDS,
    bindings: &[Binding::read("input", "[M, C]"), Binding::write("output", "[M, C]")],
    variants: &[
        Variant {
            name: "workgroup",
            file: "rows/softmax.workgroup.wgsl",
            text: include_str!("../../../../shaders/rows/softmax.workgroup.wgsl"),
            needs: Needs { subgroup: false, workgroup_bytes: 4 * INVOCATIONS, invocations: INVOCATIONS },
            class: Class::Gpu,
        },
        Variant {
            name: "plain",
            file: "rows/softmax.wgsl",
            text: include_str!("../../../../shaders/rows/softmax.wgsl"),
            needs: Needs { subgroup: false, workgroup_bytes: 0, invocations: ROWS },
            class: Class::Any,
        },
    ],
    cases: cases::cases,
};

/// Invocations that share a row in the `workgroup` variant.
const INVOCATIONS: u32 = 256;
/// Rows of a workgroup in the `plain` variant.
const ROWS: u32 = 32;
/// Columns of a step in the `plain` variant: rows of up to 174,000 columns stay within 65,535 iterations.
const PARTIALS: u32 = 8;

crate::kernel_parameters! {
    struct Parameters {
        rows: u32,
        width: u32,
    }
}

/// Turns each of `rows` rows of `width` columns into shares of 1. A row with a NaN becomes NaN.
#[derive(Clone, Debug, PartialEq)]
pub struct Softmax {
    /// M.
    pub rows: usize,
    /// C.
    pub width: usize,
}

impl Kernel for Softmax {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn operands(&self) -> Vec<Option<Shape>> {
        vec![Some([self.rows, self.width].into()), Some([self.rows, self.width].into())]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns have no softmax", self.rows, self.width)));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        // Maximum; difference, exponential, sum; product.
        5 * (self.rows * self.width) as u64
    }

    fn launches(&self, variant: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        let row_bytes = 4 * self.width;
        let (rows_per_group, columns_per_step) = match variant.name {
            "workgroup" => (1, INVOCATIONS),
            "plain" => (ROWS, PARTIALS),
            _ => return Err(variant.unknown()),
        };
        let steps = self.width as u64 / u64::from(columns_per_step) + u64::from(PARTIALS);
        check_iterations(3 * steps, &device.limits)?;
        let literals = Literals::new().with("rows", ROWS).with("invocations", INVOCATIONS).with("partials", PARTIALS);
        cut::runs(self.rows, 1, &[row_bytes as u64], &device.limits)?
            .into_iter()
            .map(|rows| {
                let window = Some(cut::bytes(&rows, row_bytes));
                let parameters = Parameters { rows: word(rows.len())?, width: word(self.width)? };
                Ok(Launch {
                    literals: literals.clone(),
                    parameters: bytemuck::bytes_of(&parameters).to_vec(),
                    groups: fold_groups((rows.len() as u64).div_ceil(u64::from(rows_per_group)), &device.limits)?,
                    windows: vec![window.clone(), window],
                })
            })
            .collect()
    }

    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        reference::softmax(self, inputs)
    }
}
