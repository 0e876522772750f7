//! The linear layer on the host.

use super::{Linear, OutputLayout};
use crate::kernels::host::{Arguments, Disjoint, Factor, Threads, activate, multiply, transpose, vectorised};
use crate::kernels::products::host::{BLOCK, PANEL, Tile, block_columns, pack, packed, product};
use crate::tensor::Result;

/// Up to this many rows a weight is read once anyway, and packing it would cost more than it saves.
const FEW: usize = 64;
/// Columns of a block where rows are few.
const FEW_COLUMNS: usize = 64;

/// What follows the product.
struct Finish<'a> {
    call: &'a Linear,
    bias: Option<&'a [f32]>,
    residual: Option<&'a [f32]>,
    output: Disjoint<'a>,
}

pub(super) fn linear(call: &Linear, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let (input, weight) = (arguments.floats(0)?, arguments.floats(1)?);
    let finish = Finish {
        call,
        bias: arguments.optional_floats(2, call.bias)?,
        residual: arguments.optional_floats(3, call.residual)?,
        output: Disjoint::new(arguments.output(0)?),
    };
    if call.rows <= FEW {
        few_rows(&finish, input, weight, threads);
    } else {
        many_rows(&finish, input, weight, threads);
    }
    Ok(())
}

/// Blocks of rows and columns, the weight in panels.
fn many_rows(finish: &Finish<'_>, input: &[f32], weight: &[f32], threads: &Threads) {
    let Linear { rows, inner, columns, .. } = *finish.call;
    let mut panels = threads.scratch(packed(inner, columns));
    pack(weight, inner, &mut panels, threads);
    let width = block_columns(rows.div_ceil(BLOCK), columns);
    let across = columns.div_ceil(width);
    threads.run(rows.div_ceil(BLOCK) * across, |block| {
        let (first, column) = (block / across * BLOCK, block % across * width);
        let block = &input[first * inner..rows.min(first + BLOCK) * inner];
        product(block, inner, &panels, column..columns.min(column + width), threads, |tile| {
            finish.tile(Tile { rows: first + tile.rows.start..first + tile.rows.end, ..tile });
        });
    });
}

/// Blocks of columns: the weight as it lies, times the rows turned into columns.
fn few_rows(finish: &Finish<'_>, input: &[f32], weight: &[f32], threads: &Threads) {
    let Linear { rows, inner, columns, .. } = *finish.call;
    let width = rows.next_multiple_of(16);
    let mut turned = threads.scratch(inner * width);
    transpose(input, inner, [rows, inner], &mut turned, width);
    threads.run(columns.div_ceil(FEW_COLUMNS), |block| {
        let first = block * FEW_COLUMNS;
        let block = first..columns.min(first + FEW_COLUMNS);
        let mut across = threads.scratch(FEW_COLUMNS * width);
        let left = Factor::rows(&weight[first * inner..], inner);
        multiply(&mut across, width, [block.len(), inner, width], left, Factor::rows(&turned, width), false);
        let mut values = threads.scratch(rows * PANEL);
        transpose(&across, width, [block.len(), rows], &mut values, PANEL);
        finish.tile(Tile { rows: 0..rows, columns: block, values: &mut values });
    });
}

impl Finish<'_> {
    /// Applies bias, activation and residual to a tile and stores it.
    fn tile(&self, tile: Tile<'_>) {
        let Tile { rows, columns, values } = tile;
        vectorised(
            #[inline(always)]
            || {
                for (row, line) in rows.zip(values.chunks_exact_mut(PANEL)) {
                    let line = &mut line[..columns.len()];
                    if let Some(bias) = self.bias {
                        add(line, &bias[columns.clone()]);
                    }
                    if let Some(activation) = self.call.activation {
                        activate(activation, line);
                    }
                    if let Some(residual) = self.residual {
                        add(line, &residual[row * self.call.columns..][columns.clone()]);
                    }
                    self.store(row, columns.start, line);
                }
            },
        );
    }

    /// Stores a row's columns from `column` on.
    #[inline(always)]
    fn store(&self, row: usize, column: usize, line: &[f32]) {
        let (width, step, plane) = match self.call.output {
            OutputLayout::Rows => (self.call.columns, self.call.columns, 0),
            OutputLayout::Planes { width } => (width, width, self.call.rows * width),
        };
        let (mut column, mut line) = (column, line);
        while !line.is_empty() {
            let (here, rest) = line.split_at(line.len().min(width - column % width));
            let start = column / width * plane + row * step + column % width;
            self.output.part(start..start + here.len()).copy_from_slice(here);
            column += here.len();
            line = rest;
        }
    }
}

#[inline(always)]
fn add(values: &mut [f32], addends: &[f32]) {
    values.iter_mut().zip(addends).for_each(|(value, addend)| *value += addend);
}
