//! A step of rollout in WGSL.

use std::ops::Range;

use super::AttentionRollout;
use crate::gpu::{Capabilities, Limits};
use crate::kernels::attention::cut::{Addresses, Common, Cut, Cutter};
use crate::kernels::attention::mask::Mask;
use crate::kernels::attention::normaliser::{addresses, addresses_of_rows};
use crate::kernels::attention::sequences::Part;
use crate::kernels::attention::tile::{Choice, Tile};
use crate::kernels::shader::{Dispatches, Planned, Unfit, wgsl, word};
use crate::tensor::{Element, Result};

/// Bytes that a software device caches. Its workgroups go through the same queries one after another: where the queries
/// of all heads have more, a launch has fewer heads.
const CACHE_BYTES: usize = 1 << 20;
/// Queries that are added up before they meet the sum: a multiple of every block and step.
const RUN: u64 = 512;
/// Values of `begin`: what a launch's output begins with.
const BASE: u32 = 1;
const EARLIER: u32 = 2;

crate::uniform! {
    pub(super) struct Uniform {
        ..common: Common,
        rows: u32,
        empty_row: u32,
        normaliser_base: u32,
        weights_base: u32,
        base_base: u32,
        begin: u32,
        keep: f32,
        share: f32,
    }
}

/// The ways to compute it, the preferred first within each device class.
pub(super) static VARIANTS: [Planned<AttentionRollout>; 3] = [
    Planned::software(wgsl!("attention/rollout.subgroup.wgsl"), Tile::SUBGROUP_NEEDS, |call, to| {
        plan(call, to, Tile::subgroup)
    }),
    Planned::gpu(wgsl!("attention/rollout.workgroup.wgsl"), Tile::SHARED_NEEDS, |call, to| plan(call, to, shared)),
    Planned::any(wgsl!("attention/rollout.wgsl"), Tile::PLAIN_NEEDS, |call, to| plan(call, to, Tile::plain)),
];

/// The tile of a workgroup. It goes through all heads, so there are fewer of them than attention has: hence tiles of few
/// keys.
fn shared(device: &Capabilities, width: usize, tokens: usize, mask: &Mask) -> Tile {
    match width {
        _ if tokens <= 16 => Tile::shared(device, width, tokens, mask),
        0..=64 => Tile::Shared { queries: 32, lanes: 16, rows: 4 },
        65..=128 => Tile::Shared { queries: 32, lanes: 8, rows: 2 },
        _ => Tile::Shared { queries: 32, lanes: 4, rows: 1 },
    }
}

fn plan(call: &AttentionRollout, dispatches: &mut Dispatches<'_>, choose: Choice) -> Result<(), Unfit> {
    let tile = choose(dispatches.device(), call.qkv.width, call.part.sequences.tokens, &call.part.mask);
    for heads in call.runs_of_heads(tile, dispatches)? {
        for cut in call.cuts(heads, dispatches.limits())? {
            call.launch(cut, tile, dispatches)?;
        }
    }
    Ok(())
}

impl AttentionRollout {
    /// The heads in runs that one invocation may go through.
    fn runs_of_heads(&self, tile: Tile, dispatches: &Dispatches<'_>) -> Result<Vec<Range<usize>>, Unfit> {
        let heads = &self.part.heads;
        let iterations = self.iterations_of_a_head(tile);
        dispatches.check_iterations(iterations)?;
        let run = dispatches
            .limits()
            .loop_iterations
            .map_or(heads.len(), |most| (u64::from(most) / (1 + iterations)) as usize);
        let run = match tile {
            Tile::Subgroup { .. } => run.min(CACHE_BYTES / self.bytes_of_a_head()),
            _ => run,
        };
        Ok(heads.clone().step_by(run.max(1)).map(|start| start..heads.end.min(start + run.max(1))).collect())
    }

    /// Bytes of the queries of one head of a sequence.
    fn bytes_of_a_head(&self) -> usize {
        Element::F32.bytes() * self.part.sequences.tokens * self.qkv.width
    }

    /// Loop iterations of an invocation for each head it goes through.
    fn iterations_of_a_head(&self, tile: Tile) -> u64 {
        // Devices that limit iterations count up to two more than a loop has turns.
        let looped = |turns: u64, inner: u64| turns * (1 + inner) + 2;
        let (tokens, quads) = (self.part.sequences.tokens as u64, self.qkv.width.div_ceil(4) as u64);
        let (runs, run) = (tokens.div_ceil(RUN), tokens.min(RUN));
        match tile {
            Tile::Plain { step } => looped(runs, looped(run.div_ceil(u64::from(step)), 0)),
            Tile::Subgroup { keys, .. } => {
                let block = looped(1, 0) + looped(quads, 0);
                looped(quads, 0) + looped(runs, looped(run.div_ceil(u64::from(keys)), block))
            }
            Tile::Shared { queries, lanes, rows } => {
                let (others, invocations) = (u64::from(4 * lanes), u64::from(queries / rows * lanes));
                let staging =
                    2 * looped(others.div_ceil(invocations), 0) + looped((others * quads).div_ceil(invocations), 0);
                looped(tokens.div_ceil(others), staging + looped(quads, 0))
            }
        }
    }

    fn cuts(&self, heads: Range<usize>, limits: &Limits) -> Result<Vec<Cut>> {
        let Self { qkv, part, .. } = self;
        let of_queries = |addresses| Addresses { all_tokens: true, ..addresses };
        let of_keys = |addresses| Addresses { all_tokens: false, ..addresses };
        let rows = addresses_of_rows(part);
        let inputs = [
            of_queries(Addresses::of_input(qkv, part, 0)),
            of_keys(Addresses::of_input(qkv, part, 1)),
            of_queries(addresses(qkv, part, self.normalised.start)),
            of_queries(rows),
            rows,
        ];
        let queries = 0..part.sequences.tokens;
        let part = &Part { heads, ..part.clone() };
        let strides = part.sequences.row_strides();
        Cutter { qkv, part, queries, inputs: &inputs, outputs: &[rows], rows: strides, limits }.cut()
    }

    fn launch(&self, cut: Cut, tile: Tile, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
        let Cut { common, windows, bases, heads } = cut;
        let first = heads.start == self.part.heads.start;
        let uniform = Uniform {
            common,
            rows: word(self.qkv.rows)?,
            empty_row: self.part.mask.empty_row.code(),
            normaliser_base: bases[2],
            weights_base: bases[3],
            base_base: bases[4],
            begin: match self.keep {
                _ if !first => EARLIER,
                Some(_) => BASE,
                None => 0,
            },
            keep: self.keep.unwrap_or(0.0),
            share: self.pass / self.part.heads.len() as f32,
        };
        // A workgroup goes through all heads.
        let groups = tile.groups(&Common { heads: 1, ..common })?;
        dispatches.launch(groups, tile.literals(self.qkv.width).with("run", RUN), &uniform, windows)
    }
}
