//! Layer normalisation over the last axis, with two-pass statistics (spec §2.1).

mod cases;
mod reference;

use crate::gpu::Capabilities;
use crate::kernels::contract::cut::{check_iterations, fold_groups, word};
use crate::kernels::contract::{Binding, Family, Kernel, cut};
use crate::kernels::shader::{Class, Launch, Literals, Needs, Variant};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`LayerNorm`].
pub static FAMILY: Family = Family {
    name: "layer_norm",
    formula: "out[m, c] = (in[m, c] − μ) / √(σ² + eps) · scale[c] + bias[c]",
    parameters: Parameters::FIELDS,
    bindings: &[
        Binding::read("input", "[M, C]"),
        Binding::read("scale", "[C]"),
        Binding::read("bias", "[C]"),
        Binding::write("output", "[M, C]"),
    ],
    variants: &[
        Variant {
            name: "workgroup",
            file: "rows/layer_norm.workgroup.wgsl",
            text: include_str!("../../../../shaders/rows/layer_norm.workgroup.wgsl"),
            needs: Needs { subgroup: false, workgroup_bytes: 4 * INVOCATIONS, invocations: INVOCATIONS },
            class: Class::Gpu,
        },
        Variant {
            name: "plain",
            file: "rows/layer_norm.wgsl",
            text: include_str!("../../../../shaders/rows/layer_norm.wgsl"),
            needs: Needs { subgroup: false, workgroup_bytes: 0, invocations: ROWS },
            class: Class::Any,
        },
    ],
    cases: cases::cases,
};

/// Invocations that share a row in the `workgroup` variant: a row of 768 columns is three steps.
const INVOCATIONS: u32 = 256;
/// Rows of a workgroup in the `plain` variant.
const ROWS: u32 = 32;

crate::kernel_parameters! {
    struct Parameters {
        rows: u32,
        width: u32,
        epsilon: f32,
        groups: u32,
    }
}

/// Normalises each of `rows` rows of `width` columns.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    /// M.
    pub rows: usize,
    /// C.
    pub width: usize,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Kernel for LayerNorm {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn operands(&self) -> Vec<Option<Shape>> {
        let (rows, width) = (self.rows, self.width);
        vec![Some([rows, width].into()), Some([width].into()), Some([width].into()), Some([rows, width].into())]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.width == 0 {
            return Err(Error::usage(format!("{} rows of {} columns are nothing to normalise", self.rows, self.width)));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        // Sum; difference, square, sum; difference, factor, scale, bias.
        8 * (self.rows * self.width) as u64
    }

    fn launches(&self, variant: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        let row_bytes = 4 * self.width;
        let (rows_per_group, columns_per_step) = match variant.name {
            "workgroup" => (1, INVOCATIONS),
            "plain" => (ROWS, 4),
            _ => return Err(variant.unknown()),
        };
        check_iterations(3 * (self.width as u64 / u64::from(columns_per_step) + 4), &device.limits)?;
        let literals = Literals::new().with("rows", ROWS).with("invocations", INVOCATIONS);
        cut::runs(self.rows, 1, &[row_bytes as u64], &device.limits)?
            .into_iter()
            .map(|rows| {
                let groups = (rows.len() as u64).div_ceil(u64::from(rows_per_group));
                let window = Some(cut::bytes(&rows, row_bytes));
                let parameters = Parameters {
                    rows: word(rows.len())?,
                    width: word(self.width)?,
                    epsilon: self.epsilon,
                    groups: word(groups as usize)?,
                };
                Ok(Launch {
                    literals: literals.clone(),
                    parameters: bytemuck::bytes_of(&parameters).to_vec(),
                    groups: fold_groups(groups, &device.limits)?,
                    windows: vec![window.clone(), None, None, window],
                })
            })
            .collect()
    }

    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        reference::layer_norm(self, inputs)
    }
}
