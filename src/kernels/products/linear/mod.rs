//! The linear layer with what may follow it: bias, activation, residual, and an output in planes, one a head
//! (spec §2.1).

mod cases;
mod cut;
mod reference;

use self::cut::Piece;
use crate::gpu::Capabilities;
use crate::kernels::activation::Activation;
use crate::kernels::contract::cut::{fold_groups, word};
use crate::kernels::contract::{Binding, Family, Kernel};
use crate::kernels::products::tile;
use crate::kernels::products::tile::Tile;
use crate::kernels::shader::{Class, Launch, Literals, Packing, Variant};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`Linear`].
pub static FAMILY: Family = Family {
    name: "linear",
    formula: "out[m, n] = act(Σ_k in[m, k] · weight[n, k] + bias[n]) + residual[m, n]",
    parameters: Parameters::FIELDS,
    bindings: &[
        Binding::read("input", "[M, K]"),
        Binding::read("weight", "[N, K]"),
        Binding::read("bias", "[N]"),
        Binding::read("residual", "[M, N]"),
        Binding::write("output", "[M, N], or [N / D, M, D]"),
    ],
    variants: &[
        Variant {
            name: "subgroup",
            file: "products/linear.subgroup.wgsl",
            text: include_str!("../../../../shaders/products/linear.subgroup.wgsl"),
            needs: tile::SUBGROUP,
            class: Class::Software,
        },
        Variant {
            name: "workgroup",
            file: "products/linear.workgroup.wgsl",
            text: include_str!("../../../../shaders/products/linear.workgroup.wgsl"),
            needs: tile::WORKGROUP,
            class: Class::Gpu,
        },
        Variant {
            name: "plain",
            file: "products/linear.wgsl",
            text: include_str!("../../../../shaders/products/linear.wgsl"),
            needs: tile::PLAIN,
            class: Class::Any,
        },
    ],
    cases: cases::cases,
};

/// The place of the weight among the bindings.
const WEIGHT: usize = 1;

crate::kernel_parameters! {
    struct Parameters {
        rows: u32,
        inner: u32,
        columns: u32,
        activation: u32,
        bias: u32,
        residual: u32,
        panel: u32,
        panel_rows: u32,
        first_row: u32,
        groups: u32,
        padding_0: u32,
        padding_1: u32,
    }
}

/// Multiplies `rows` rows by a weight of `columns` outputs, each with `inner` inputs.
#[derive(Clone, Debug, PartialEq)]
pub struct Linear {
    /// M.
    pub rows: usize,
    /// K.
    pub inner: usize,
    /// N.
    pub columns: usize,
    /// Whether a bias `[N]` is added to the products.
    pub bias: bool,
    /// What is applied to the biased products.
    pub activation: Option<Activation>,
    /// Whether a residual `[M, N]` is added last; only with [`OutputLayout::Rows`].
    pub residual: bool,
    /// Where the columns go.
    pub output: OutputLayout,
}

/// How the columns of an output lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OutputLayout {
    /// `[M, N]`.
    Rows,
    /// `[N / D, M, D]`: plane p holds columns p·D … (p + 1)·D − 1 of all rows, so that each head of packed queries,
    /// keys and values is contiguous.
    Planes {
        /// D, a divisor of N.
        width: usize,
    },
}

impl Linear {
    fn output_shape(&self) -> Shape {
        match self.output {
            OutputLayout::Rows => [self.rows, self.columns].into(),
            OutputLayout::Planes { width } => [self.columns.checked_div(width).unwrap_or(0), self.rows, width].into(),
        }
    }

    /// Columns of an output plane.
    fn plane(&self) -> usize {
        match self.output {
            OutputLayout::Rows => self.columns,
            OutputLayout::Planes { width } => width,
        }
    }

    /// Whether every operand is made of whole groups of four.
    fn is_aligned(&self) -> bool {
        [self.inner, self.columns, self.plane()].iter().all(|size| size % 4 == 0)
    }

    fn tile(&self, variant: &Variant, device: &Capabilities) -> Result<Tile> {
        let wide = Tile::may_be_wide(variant, device) && self.is_aligned() && self.inner.is_multiple_of(8);
        Tile::choose(variant, device, self.rows, self.columns, wide)
    }

    fn launch(&self, tile: Tile, literals: &Literals, piece: &Piece, device: &Capabilities) -> Result<Launch> {
        let groups = tile.groups(piece.rows.len(), piece.columns.len());
        let parameters = Parameters {
            rows: word(piece.rows.len())?,
            inner: word(self.inner)?,
            columns: word(piece.columns.len())?,
            activation: self.activation.map_or(0, Activation::code),
            bias: self.bias.into(),
            residual: self.residual.into(),
            panel: word(self.plane())?,
            panel_rows: word(self.rows)?,
            first_row: match self.output {
                OutputLayout::Rows => 0,
                OutputLayout::Planes { .. } => word(piece.rows.start)?,
            },
            groups: word(groups as usize)?,
            padding_0: 0,
            padding_1: 0,
        };
        Ok(Launch {
            literals: literals.clone(),
            parameters: bytemuck::bytes_of(&parameters).to_vec(),
            groups: fold_groups(groups, &device.limits)?,
            windows: self.windows(piece, tile.panel()),
        })
    }
}

impl Kernel for Linear {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn operands(&self) -> Vec<Option<Shape>> {
        let Self { rows, inner, columns, .. } = *self;
        vec![
            Some([rows, inner].into()),
            Some([columns, inner].into()),
            self.bias.then(|| [columns].into()),
            self.residual.then(|| [rows, columns].into()),
            Some(self.output_shape()),
        ]
    }

    fn validate(&self) -> Result<()> {
        let Self { rows, inner, columns, .. } = *self;
        if rows == 0 || inner == 0 || columns == 0 {
            return Err(Error::usage(format!("{rows} rows of {inner} by {columns} columns are nothing to multiply")));
        }
        match self.output {
            OutputLayout::Planes { width } if width == 0 || columns % width != 0 => {
                Err(Error::usage(format!("{columns} columns cannot be divided into planes of {width}")))
            }
            OutputLayout::Planes { .. } if self.residual => {
                Err(Error::usage("a residual needs its output in rows, not in planes"))
            }
            _ => Ok(()),
        }
    }

    fn operations(&self) -> u64 {
        let added = u64::from(self.bias) + u64::from(self.residual);
        (self.rows * self.columns) as u64 * (2 * self.inner as u64 + added)
    }

    fn launches(&self, variant: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        let tile = self.tile(variant, device)?;
        tile.check_depth(self.inner, &device.limits)?;
        let aligned = self.is_aligned();
        let activated = self.activation.is_some();
        let literals = tile.literals().with("aligned", aligned).with("activated", activated);
        let pieces = self.pieces(tile.panel(), &device.limits)?;
        pieces.iter().map(|piece| self.launch(tile, &literals, piece, device)).collect()
    }

    fn packing(&self, variant: &Variant, device: &Capabilities, binding: usize) -> Option<Packing> {
        let tile = self.tile(variant, device).ok()?;
        (binding == WEIGHT).then(|| tile.packing())
    }

    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        reference::linear(self, inputs)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_without_sense_are_errors() {
        let good = Linear {
            rows: 3,
            inner: 4,
            columns: 12,
            bias: false,
            activation: None,
            residual: false,
            output: OutputLayout::Planes { width: 4 },
        };
        assert!(good.validate().is_ok());
        assert!(Linear { inner: 0, ..good.clone() }.validate().is_err());
        assert!(Linear { output: OutputLayout::Planes { width: 5 }, ..good.clone() }.validate().is_err());
        assert!(Linear { output: OutputLayout::Planes { width: 0 }, ..good.clone() }.validate().is_err());
        assert!(Linear { residual: true, ..good }.validate().is_err());
    }
}
