//! Attention on the host: a tile of queries meets its keys block by block, and only the scores of one block exist at a
//! time.
//!
//! Scores lie key by key, with the queries side by side in vector lanes: every step of the softmax is lane by lane.

use std::f32::consts::LOG2_E;
use std::ops::Range;

use super::Attention;
use crate::kernels::attention::host::{Features, Sight, TILE, Unit, blocks, validity_of};
use crate::kernels::attention::mask::EmptyRow;
use crate::kernels::attention::qkv::Qkv;
use crate::kernels::host::{Arguments, Disjoint, Factor, LANES, Threads, exp2, multiply, transpose, vectorised};
use crate::tensor::Result;

/// Keys of a block: with a tile of queries 256 KiB of scores, in a second-level cache beside keys and values.
const KEYS: usize = 256;
/// Queries whose running numbers are in registers at once, so that their latencies overlap.
const WIDE: usize = 4 * LANES;

struct Inputs<'a> {
    call: &'a Attention,
    packed: [&'a [f32]; 3],
    validity: Option<&'a [u32]>,
    output: Disjoint<'a>,
    statistics: Option<Disjoint<'a>>,
}

/// The keys and values that a group of queries sees.
struct Seen<'a> {
    keys: Features<'a>,
    values: Features<'a>,
    count: usize,
}

/// The running softmax of a tile of queries, filled up to `stride` of them.
struct Tile<'a> {
    stride: usize,
    /// `[D, stride]`: the queries, scaled so that scores are powers of two.
    queries: &'a mut [f32],
    /// `[keys, stride]`: scores, then weights.
    scores: &'a mut [f32],
    /// m, l and exp(m_old − m_new) of each query.
    peak: &'a mut [f32],
    total: &'a mut [f32],
    fade: &'a mut [f32],
    /// `[queries, D]`: Σ weight · value.
    sums: &'a mut [f32],
}

/// Elements of a [`Tile`] for heads of `width`.
fn tile_elements(width: usize) -> usize {
    TILE * (2 * width + KEYS + 3)
}

pub(super) fn attention(call: &Attention, arguments: &mut Arguments<'_>, threads: &Threads) -> Result<()> {
    let masked = call.parts.iter().any(|part| part.mask.validity);
    let inputs = Inputs {
        call,
        packed: [arguments.floats(0)?, arguments.floats(1)?, arguments.floats(2)?],
        validity: masked.then(|| arguments.words(3)).transpose()?,
        output: Disjoint::new(arguments.output(0)?),
        statistics: call.statistics.then(|| arguments.output(1)).transpose()?.map(Disjoint::new),
    };
    let blocks = blocks(&call.parts, |part| call.queries_of(part));
    threads.run(blocks.len(), |block| {
        let width = call.qkv.width;
        let tokens = blocks[block].iter().map(|unit| call.parts[unit.part].sequences.tokens).max().unwrap_or(0);
        let mut memory = threads.scratch(tile_elements(width) + 2 * tokens * width);
        for unit in &blocks[block] {
            inputs.unit(unit, &mut memory);
        }
    });
    Ok(())
}

impl<'a> Inputs<'a> {
    fn unit(&self, unit: &Unit, memory: &mut [f32]) {
        let (qkv, part) = (&self.call.qkv, &self.call.parts[unit.part]);
        let [queries, keys, values] = [0, 1, 2].map(|which| Features::of(qkv, part, unit, which, self.packed[which]));
        let tokens = part.sequences.tokens;
        let sight = Sight::new(&part.mask, tokens, validity_of(part, unit.outer, self.validity));
        let seen = sight.order.as_ref().map_or(0, |order| order.len() * qkv.width);
        let (of_keys, rest) = memory.split_at_mut(seen);
        let (of_values, of_tile) = rest.split_at_mut(seen);
        let all_values = values;
        let keys = keys.gathered(sight.order.as_deref(), of_keys);
        let values = values.gathered(sight.order.as_deref(), of_values);
        for group in sight.groups_of(&unit.queries) {
            if group.keys == 0 {
                self.empty(unit, group.queries, all_values, tokens, part.mask.empty_row);
                continue;
            }
            let seen = Seen { keys, values, count: group.keys };
            for start in group.queries.clone().step_by(TILE) {
                let tile = start..group.queries.end.min(start + TILE);
                self.tile(unit, tile, queries, &seen, of_tile);
            }
        }
    }

    fn tile(&self, unit: &Unit, range: Range<usize>, queries: Features<'_>, seen: &Seen<'_>, memory: &mut [f32]) {
        let width = queries.width;
        let mut tile = Tile::new(memory, width, range.len());
        tile.load(queries, &range);
        for first in (0..seen.count).step_by(KEYS) {
            let keys = first..seen.count.min(first + KEYS);
            tile.meet(seen, keys, range.len());
        }
        for ((token, peak), total) in range.clone().zip(&*tile.peak).zip(&*tile.total) {
            // A maximum may have dropped a NaN.
            let peak = if total.is_nan() { f32::NAN } else { peak / LOG2_E };
            self.keep(unit, token, [peak, *total]);
        }
        vectorised(
            #[inline(always)]
            || {
                for (token, (sums, total)) in range.zip(tile.sums.chunks_exact(width).zip(&*tile.total)) {
                    let output = self.output(unit, token);
                    output.iter_mut().zip(sums).for_each(|(output, sum)| *output = sum / total);
                }
            },
        );
    }

    /// Writes the output of queries that see no key.
    fn empty(&self, unit: &Unit, queries: Range<usize>, values: Features<'_>, tokens: usize, row: EmptyRow) {
        let mut mean = vec![0.0f64; values.width];
        if row == EmptyRow::Uniform {
            for token in 0..tokens {
                let value = values.token(token);
                mean.iter_mut().zip(value).for_each(|(sum, value)| *sum += f64::from(*value));
            }
        }
        for token in queries {
            let output = self.output(unit, token);
            output.iter_mut().zip(&mean).for_each(|(output, sum)| *output = (sum / tokens as f64) as f32);
            self.keep(unit, token, [0.0; 2]);
        }
    }

    /// The row of the output that a query of a unit writes.
    #[inline(always)]
    fn row(&self, unit: &Unit, token: usize) -> usize {
        let part = &self.call.parts[unit.part];
        match &self.call.queries {
            None => unit.row(part, token),
            Some(queries) => (unit.outer * part.sequences.inner + unit.inner) * queries.len() + token - queries.start,
        }
    }

    /// Writes m and l of a query, where they are wanted.
    fn keep(&self, unit: &Unit, token: usize, numbers: [f32; 2]) {
        let Some(statistics) = &self.statistics else { return };
        for (index, number) in numbers.into_iter().enumerate() {
            let start = (2 * unit.head + index) * self.call.rows() + self.row(unit, token);
            statistics.part(start..start + 1)[0] = number;
        }
    }

    /// The features that a query of a unit writes.
    #[inline(always)]
    fn output(&self, unit: &Unit, token: usize) -> &'a mut [f32] {
        let Qkv { heads, width, .. } = self.call.qkv;
        let start = (self.row(unit, token) * heads + unit.head) * width;
        self.output.part(start..start + width)
    }
}

impl<'a> Tile<'a> {
    fn new(memory: &'a mut [f32], width: usize, queries: usize) -> Self {
        let stride = queries.next_multiple_of(LANES);
        let mut rest = memory;
        let mut take = |elements: usize| {
            let (taken, left) = std::mem::take(&mut rest).split_at_mut(elements);
            rest = left;
            taken
        };
        let tile = Self {
            stride,
            queries: take(width * stride),
            scores: take(KEYS * stride),
            peak: take(stride),
            total: take(stride),
            fade: take(stride),
            sums: take(TILE * width),
        };
        tile.peak.fill(f32::NEG_INFINITY);
        tile.total.fill(0.0);
        tile
    }

    /// Queries side by side, scaled by log₂ e / √D.
    fn load(&mut self, queries: Features<'_>, range: &Range<usize>) {
        let width = queries.width;
        let scale = LOG2_E / (width as f32).sqrt();
        // Tokens are read one after the other, which is faster; the memory of the sums is still free.
        vectorised(
            #[inline(always)]
            || {
                for (token, line) in range.clone().zip(self.sums.chunks_exact_mut(width)) {
                    line.iter_mut().zip(queries.token(token)).for_each(|(scaled, query)| *scaled = query * scale);
                }
            },
        );
        transpose(self.sums, width, [range.len(), width], self.queries, self.stride);
    }

    /// Takes in these keys of those that are seen.
    fn meet(&mut self, seen: &Seen<'_>, keys: Range<usize>, queries: usize) {
        let (stride, width, count) = (self.stride, seen.keys.width, keys.len());
        let first = keys.start == 0;
        let of_queries = Factor::rows(self.queries, stride);
        multiply(self.scores, stride, [count, width, stride], seen.keys.from(keys.start), of_queries, false);
        vectorised(
            #[inline(always)]
            || self.weigh(count),
        );
        if !first {
            vectorised(
                #[inline(always)]
                || {
                    for (sums, fade) in self.sums.chunks_exact_mut(width).zip(&self.fade[..queries]) {
                        sums.iter_mut().for_each(|sum| *sum *= *fade);
                    }
                },
            );
        }
        let weights = Factor::columns(self.scores, stride);
        multiply(self.sums, width, [queries, count, width], weights, seen.values.from(keys.start), !first);
    }

    /// Scores become weights of the highest score so far.
    #[inline(always)]
    fn weigh(&mut self, keys: usize) {
        let mut first = 0;
        while first + WIDE <= self.stride {
            self.weigh_lanes::<WIDE>(first, keys);
            first += WIDE;
        }
        while first < self.stride {
            self.weigh_lanes::<LANES>(first, keys);
            first += LANES;
        }
    }

    /// [`Tile::weigh`] for `W` queries.
    #[inline(always)]
    fn weigh_lanes<const W: usize>(&mut self, first: usize, keys: usize) {
        let peaks = &mut self.peak[first..][..W];
        let mut highest: [f32; W] = std::array::from_fn(|lane| peaks[lane]);
        for scores in self.scores.chunks_exact(self.stride).take(keys) {
            let scores = &scores[first..][..W];
            for lane in 0..W {
                // A NaN does not pass: it comes back as the weight below, and is not lost.
                highest[lane] = if scores[lane] > highest[lane] { scores[lane] } else { highest[lane] };
            }
        }
        let mut sums = [0.0f32; W];
        for scores in self.scores.chunks_exact_mut(self.stride).take(keys) {
            let scores = &mut scores[first..][..W];
            for lane in 0..W {
                scores[lane] = exp2(scores[lane] - highest[lane]);
                sums[lane] += scores[lane];
            }
        }
        let (totals, fades) = (&mut self.total[first..][..W], &mut self.fade[first..][..W]);
        for lane in 0..W {
            fades[lane] = exp2(peaks[lane] - highest[lane]);
            totals[lane] = totals[lane].mul_add(fades[lane], sums[lane]);
            peaks[lane] = highest[lane];
        }
    }
}
