//! Attention in WGSL.

use super::Attention;
use crate::gpu::Capabilities;
use crate::kernels::attention::cut::{Addresses, Common, Cut, Cutter};
use crate::kernels::attention::mask::Mask;
use crate::kernels::attention::matrices::Matrices;
use crate::kernels::attention::tile::{Choice, Sharing, Tile};
use crate::kernels::shader::{Dispatches, Planned, Unfit, wgsl, word};
use crate::tensor::{Element, Format};

/// Indices among the bindings.
const QUERY_KEY_VALUE: [usize; 3] = [0, 1, 2];
const OUTPUT: usize = 4;
const STATISTICS: usize = 5;

crate::uniform! {
    pub(super) struct Uniform {
        ..common: Common,
        columns: u32,
        value_base: u32,
        empty_row: u32,
        rows: u32,
        statistics_base: u32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<Attention>; 7] = [
    Planned::software(wgsl!("attention/forward.subgroup.wgsl"), Tile::SUBGROUP_NEEDS, |call, to| {
        plan(call, to, Tile::subgroup)
    }),
    Planned::gpu(wgsl!("attention/forward.workgroup.wgsl"), Tile::SHARED_NEEDS, |call, to| {
        plan(call, to, Tile::shared)
    }),
    Planned::any(wgsl!("attention/forward.wgsl"), Tile::PLAIN_NEEDS, |call, to| plan(call, to, Tile::plain)),
    Planned::software(wgsl!("attention/forward.f16.subgroup.wgsl"), Tile::SUBGROUP_NEEDS.f16(), |call, to| {
        plan(call, to, Tile::subgroup)
    }),
    Planned::gpu(wgsl!("attention/forward.f16.matrix.wgsl"), Matrices::NEEDS, |call, to| {
        plan_shared(call, to, Matrices::of)
    }),
    Planned::gpu(wgsl!("attention/forward.f16.workgroup.wgsl"), Tile::SHARED_NEEDS.f16(), |call, to| {
        plan(call, to, Tile::shared)
    }),
    Planned::any(wgsl!("attention/forward.f16.plain.wgsl"), Tile::PLAIN_NEEDS.f16(), |call, to| {
        plan(call, to, Tile::plain)
    }),
];

fn plan(call: &Attention, dispatches: &mut Dispatches<'_>, choose: Choice) -> Result<(), Unfit> {
    plan_shared(call, dispatches, |device, width, queries, mask| Ok(choose(device, width, queries, mask)))
}

/// [`plan`] with what may not share the work for heads of a width, a number of queries of each sequence, and a mask.
fn plan_shared<S: Sharing>(
    call: &Attention,
    dispatches: &mut Dispatches<'_>,
    choose: impl Fn(&Capabilities, usize, usize, &Mask) -> Result<S, Unfit>,
) -> Result<(), Unfit> {
    let width = call.qkv.width;
    let (factors, left) = (dispatches.factors(), dispatches.outputs());
    QUERY_KEY_VALUE.into_iter().for_each(|binding| dispatches.format(binding, Format::rows(factors)));
    dispatches.format(OUTPUT, Format::rows(left));
    for part in &call.parts {
        let tile = choose(dispatches.device(), width, call.queries_of(part).len(), &part.mask)?;
        dispatches.check_iterations(tile.iterations(width, part))?;
        let inputs = QUERY_KEY_VALUE.map(|which| Addresses::of_input(&call.qkv, part, which).stored(factors));
        let mut outputs = vec![call.output_addresses(part).stored(left)];
        outputs.extend(call.statistics.then(|| call.statistics_addresses(part)));
        let cutter = Cutter {
            qkv: &call.qkv,
            part,
            queries: call.queries_of(part),
            inputs: &inputs,
            outputs: &outputs,
            rows: call.row_strides(part),
            limits: dispatches.limits(),
        };
        for Cut { common, mut windows, bases, .. } in cutter.cut()? {
            let empty_row = part.mask.empty_row.code();
            let uniform = Uniform {
                common,
                columns: word(call.columns())?,
                value_base: bases[2],
                empty_row,
                rows: word(call.rows())?,
                statistics_base: bases.get(STATISTICS).copied().unwrap_or(0),
            };
            windows.resize(STATISTICS + 1, None);
            dispatches.launch(
                tile.groups(&common)?,
                tile.literals(width)
                    .with("statistics", call.statistics)
                    .with("half_input", factors == Element::F16)
                    .with("half_output", left == Element::F16),
                &uniform,
                windows,
            )?;
        }
    }
    Ok(())
}
