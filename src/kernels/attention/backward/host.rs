//! The gradients of attention on the host: a tile of a head's queries meets its keys block by block, and only the scores of
//! one block exist at a time. Each is computed once, and serves all three gradients.

use std::ops::Range;

use super::AttentionGradient;
use crate::kernels::attention::forward::reference::offset_of;
use crate::kernels::attention::host::{Features, Sight, Unit, validity_of};
use crate::kernels::attention::mask::EmptyRow;
use crate::kernels::host::{Arguments, Disjoint, Factor, Threads, exponential, multiply, vectorised};
use crate::tensor::Result;

/// Queries of a tile, and keys of a block: their probabilities and the gradients of their scores have 256 KiB, in a
/// second-level cache beside keys, values and what their gradients have come to.
const ROWS: usize = 128;
const KEYS: usize = 256;
/// Scores of heads that share their memory to work in, where sequences are short: many times what borrowing it costs, and few
/// enough to keep many threads busy.
const BLOCK_SCORES: usize = 1 << 15;

struct Inputs<'a> {
    call: &'a AttentionGradient,
    packed: [&'a [f32]; 3],
    validity: Option<&'a [u32]>,
    statistics: &'a [f32],
    products: &'a [f32],
    gradient: &'a [f32],
    output: Disjoint<'a>,
    /// D^(−1/2).
    scale: f32,
}

/// The keys and values that a head's queries see, in the order in which they are seen, and what their gradients have come to.
struct Seen<'a> {
    keys: Features<'a>,
    values: Features<'a>,
    /// `[keys, D]`.
    of_keys: &'a mut [f32],
    of_values: &'a mut [f32],
}

/// Memory for a tile: the scores of its queries with a block of keys, which become probabilities, and the gradients of the
/// scores, both `[ROWS, KEYS]`; the gradients of its queries, `[ROWS, D]`.
struct Work<'a> {
    probabilities: &'a mut [f32],
    of_scores: &'a mut [f32],
    of_queries: &'a mut [f32],
}

pub(super) fn attention_gradient(
    call: &AttentionGradient,
    arguments: &mut Arguments<'_>,
    threads: &Threads,
) -> Result<()> {
    let masked = call.parts.iter().any(|part| part.mask.validity);
    let inputs = Inputs {
        call,
        packed: [arguments.floats(0)?, arguments.floats(1)?, arguments.floats(2)?],
        validity: masked.then(|| arguments.words(3)).transpose()?,
        statistics: arguments.floats(4)?,
        products: arguments.floats(5)?,
        gradient: arguments.floats(6)?,
        output: Disjoint::new(arguments.output(0)?),
        scale: 1.0 / (call.qkv.width as f32).sqrt(),
    };
    let blocks = blocks(call);
    threads.run(blocks.len(), |index| {
        let (width, block) = (call.qkv.width, &blocks[index]);
        let tokens = block.iter().map(|unit| unit.queries.len()).max().unwrap_or(0);
        let mut memory = threads.scratch(4 * tokens * width + ROWS * (2 * KEYS + width));
        for unit in block {
            inputs.unit(unit, &mut memory);
        }
    });
    Ok(())
}

/// Every head of every sequence, in blocks of about equal work: short sequences share one.
fn blocks(call: &AttentionGradient) -> Vec<Vec<Unit>> {
    let mut blocks = Vec::new();
    for (index, part) in call.parts.iter().enumerate() {
        let tokens = part.sequences.tokens;
        let mut units = Vec::new();
        for outer in 0..part.sequences.outer {
            // Sequences of a head lie side by side in memory.
            for head in part.heads.clone() {
                for inner in 0..part.sequences.inner {
                    units.push(Unit { part: index, outer, inner, head, queries: 0..tokens });
                }
            }
        }
        blocks.extend(units.chunks(BLOCK_SCORES.div_ceil(tokens * tokens)).map(<[Unit]>::to_vec));
    }
    blocks
}

impl<'a> Inputs<'a> {
    fn unit(&self, unit: &Unit, memory: &mut [f32]) {
        let (qkv, part) = (&self.call.qkv, &self.call.parts[unit.part]);
        let (width, tokens) = (qkv.width, part.sequences.tokens);
        let [queries, keys, values] = [0, 1, 2].map(|which| Features::of(qkv, part, unit, which, self.packed[which]));
        let sight = Sight::new(&part.mask, tokens, validity_of(part, unit.outer, self.validity));
        let order = sight.order.as_deref();
        let (of_keys, rest) = memory.split_at_mut(tokens * width);
        let (of_values, rest) = rest.split_at_mut(tokens * width);
        let (gathered_keys, rest) = rest.split_at_mut(tokens * width);
        let (gathered_values, rest) = rest.split_at_mut(tokens * width);
        let (probabilities, rest) = rest.split_at_mut(ROWS * KEYS);
        let (of_scores, of_queries) = rest.split_at_mut(ROWS * KEYS);
        of_keys.fill(0.0);
        of_values.fill(0.0);
        let mut seen = Seen {
            keys: keys.gathered(order, gathered_keys),
            values: values.gathered(order, gathered_values),
            of_keys,
            of_values,
        };
        let mut work = Work { probabilities, of_scores, of_queries };
        for group in sight.groups_of(&unit.queries) {
            for start in group.queries.clone().step_by(ROWS) {
                let tile = start..group.queries.end.min(start + ROWS);
                self.tile(unit, tile, queries, group.keys, &mut seen, &mut work);
            }
        }
        self.store_seen(unit, order, &seen);
    }

    /// Adds up what a tile of queries, which see the first `count` keys, has to do with gradients, and writes its own.
    fn tile(
        &self,
        unit: &Unit,
        tile: Range<usize>,
        queries: Features<'_>,
        count: usize,
        seen: &mut Seen<'_>,
        work: &mut Work<'_>,
    ) {
        let (width, rows) = (self.call.qkv.width, tile.len());
        let (tokens, gradient) = (queries.from(tile.start), self.gradients(unit, tile.start));
        let mut numbers = [[0.0; 3]; ROWS];
        numbers.iter_mut().zip(tile.clone()).for_each(|(numbers, token)| *numbers = self.numbers(unit, token));
        let of_queries = &mut work.of_queries[..rows * width];
        of_queries.fill(0.0);
        for first in (0..count).step_by(KEYS) {
            let keys = KEYS.min(count - first);
            let (probabilities, of_scores) =
                (&mut work.probabilities[..rows * keys], &mut work.of_scores[..rows * keys]);
            let by_keys = [rows, width, keys];
            multiply(probabilities, keys, by_keys, tokens, columns(seen.keys, first), false);
            multiply(of_scores, keys, by_keys, gradient, columns(seen.values, first), false);
            vectorised(
                #[inline(always)]
                || turn(probabilities, of_scores, keys, &numbers, self.scale),
            );
            let of_key = seen.keys.from(first);
            multiply(of_queries, width, [rows, keys, width], Factor::rows(of_scores, keys), of_key, true);
            let (of_seen, of_block) = ([keys, rows, width], first * width..(first + keys) * width);
            let of_keys = &mut seen.of_keys[of_block.clone()];
            multiply(of_keys, width, of_seen, Factor::columns(of_scores, keys), tokens, true);
            let of_values = &mut seen.of_values[of_block];
            multiply(of_values, width, of_seen, Factor::columns(probabilities, keys), gradient, true);
        }
        for (sums, token) in of_queries.chunks_exact(width).zip(tile) {
            let output = self.output(unit, 0, token);
            output.iter_mut().zip(sums).for_each(|(output, sum)| *output = sum * self.scale);
        }
    }

    /// The gradients of a head's outputs, from a token on.
    fn gradients(&self, unit: &Unit, token: usize) -> Factor<'_> {
        let (part, columns) = (&self.call.parts[unit.part], self.call.columns());
        let first = unit.row(part, token) * columns + unit.head * self.call.qkv.width;
        Factor::rows(&self.gradient[first..], part.sequences.token_stride * columns)
    }

    /// m, l and y · dy of a query.
    fn numbers(&self, unit: &Unit, token: usize) -> [f32; 3] {
        let (row, rows) = (unit.row(&self.call.parts[unit.part], token), self.call.qkv.rows);
        let at = 2 * unit.head * rows + row;
        [self.statistics[at], self.statistics[at + rows], self.products[unit.head * rows + row]]
    }

    /// Where the gradient of a token's query (`which` 0), key (1) or value (2) is written.
    fn output(&self, unit: &Unit, which: usize, token: usize) -> &'a mut [f32] {
        let qkv = &self.call.qkv;
        let start = offset_of(qkv, which, unit.head, unit.row(&self.call.parts[unit.part], token), 0);
        self.output.part(start..start + qkv.width)
    }

    /// Writes the gradients of all keys and values of a unit: those that are not seen have 0, but for what queries that
    /// see no key give every value.
    fn store_seen(&self, unit: &Unit, order: Option<&[usize]>, seen: &Seen<'_>) {
        let (width, tokens) = (self.call.qkv.width, unit.queries.len());
        let shared = self.shared(unit);
        let store = |token: usize, of_key: &[f32], of_value: &[f32]| {
            let output = self.output(unit, 1, token);
            output.iter_mut().zip(of_key).for_each(|(output, sum)| *output = sum * self.scale);
            let output = self.output(unit, 2, token);
            let sums = of_value.iter().zip(&shared);
            output.iter_mut().zip(sums).for_each(|(output, (sum, shared))| *output = sum + shared);
        };
        let mut hidden = vec![true; tokens];
        let lines = seen.of_keys.chunks_exact(width).zip(seen.of_values.chunks_exact(width));
        for (index, (of_key, of_value)) in lines.take(order.map_or(tokens, <[usize]>::len)).enumerate() {
            let token = order.map_or(index, |order| order[index]);
            store(token, of_key, of_value);
            hidden[token] = false;
        }
        let nothing = vec![0.0; width];
        (0..tokens).filter(|token| hidden[*token]).for_each(|token| store(token, &nothing, &nothing));
    }

    /// What the queries of a unit that see no key give every value.
    fn shared(&self, unit: &Unit) -> Vec<f32> {
        let (part, tokens) = (&self.call.parts[unit.part], unit.queries.len());
        let mut shared = vec![0.0; self.call.qkv.width];
        if part.mask.empty_row == EmptyRow::Uniform {
            for token in (0..tokens).filter(|token| self.numbers(unit, *token)[1] == 0.0) {
                let gradient = self.gradients(unit, token).values;
                shared.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += gradient / tokens as f32);
            }
        }
        shared
    }
}

/// Tokens from `first` on as the columns of a matrix.
fn columns(features: Features<'_>, first: usize) -> Factor<'_> {
    Factor::columns(&features.values[first * features.stride..], features.stride)
}

/// Turns the products of each query with `keys` keys into probabilities, and the products of its gradient with their values
/// into the gradients of the scores. A query whose total is 0 has zeros.
#[inline(always)]
fn turn(products: &mut [f32], of_scores: &mut [f32], keys: usize, numbers: &[[f32; 3]], scale: f32) {
    let lines = products.chunks_exact_mut(keys).zip(of_scores.chunks_exact_mut(keys));
    for ((products, of_scores), [highest, total, subtracted]) in lines.zip(numbers) {
        if *total == 0.0 {
            products.fill(0.0);
            of_scores.fill(0.0);
            continue;
        }
        // One quotient a query: processors take long for those of vectors.
        let share = 1.0 / total;
        for (probability, of_score) in products.iter_mut().zip(of_scores) {
            *probability = exponential(probability.mul_add(scale, -highest)) * share;
            *of_score = *probability * (*of_score - subtracted);
        }
    }
}
