//! The gradients of attention on the host: a head of a sequence at a time, a tile of its queries at a time.

use std::ops::Range;

use super::AttentionGradient;
use crate::kernels::attention::forward::reference::offset_of;
use crate::kernels::attention::host::{Features, Sight, Unit, validity_of};
use crate::kernels::attention::mask::EmptyRow;
use crate::kernels::host::{Arguments, Disjoint, Factor, Threads, exponential, multiply, vectorised};
use crate::tensor::Result;

/// Queries whose scores exist at once.
const ROWS: usize = 64;

struct Inputs<'a> {
    call: &'a AttentionGradient,
    packed: [&'a [f32]; 3],
    validity: Option<&'a [u32]>,
    statistics: &'a [f32],
    products: &'a [f32],
    gradient: &'a [f32],
    output: Disjoint<'a>,
}

/// The keys and values that a head's queries see, in the order in which they are seen, and what their gradients have come to.
struct Seen<'a> {
    keys: Features<'a>,
    values: Features<'a>,
    /// `[keys, D]`.
    of_keys: &'a mut [f32],
    of_values: &'a mut [f32],
}

/// Memory for a tile: the scores of its queries, which become probabilities, and the gradients of the scores, both
/// `[ROWS, keys]`; the gradients of its queries, `[ROWS, D]`.
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
    };
    let units = units(call);
    threads.run(units.len(), |index| inputs.unit(&units[index], threads));
    Ok(())
}

/// Every head of every sequence.
fn units(call: &AttentionGradient) -> Vec<Unit> {
    let mut units = Vec::new();
    for (index, part) in call.parts.iter().enumerate() {
        for outer in 0..part.sequences.outer {
            for head in part.heads.clone() {
                for inner in 0..part.sequences.inner {
                    units.push(Unit { part: index, outer, inner, head, queries: 0..part.sequences.tokens });
                }
            }
        }
    }
    units
}

impl Inputs<'_> {
    fn unit(&self, unit: &Unit, threads: &Threads) {
        let (qkv, part) = (&self.call.qkv, &self.call.parts[unit.part]);
        let (width, tokens) = (qkv.width, part.sequences.tokens);
        let [queries, keys, values] = [0, 1, 2].map(|which| Features::of(qkv, part, unit, which, self.packed[which]));
        let sight = Sight::new(&part.mask, tokens, validity_of(part, unit.outer, self.validity));
        let order = sight.order.as_deref();
        let mut memory = threads.scratch(4 * tokens * width + ROWS * (2 * tokens + width));
        let (of_keys, rest) = memory.split_at_mut(tokens * width);
        let (of_values, rest) = rest.split_at_mut(tokens * width);
        let (gathered_keys, rest) = rest.split_at_mut(tokens * width);
        let (gathered_values, rest) = rest.split_at_mut(tokens * width);
        let (probabilities, rest) = rest.split_at_mut(ROWS * tokens);
        let (of_scores, of_queries) = rest.split_at_mut(ROWS * tokens);
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
        let Seen { of_keys, of_values, .. } = seen;
        self.store_seen(unit, order, of_keys, of_values);
    }

    /// Adds up what a tile of queries, which see the first `keys` keys, has to do with gradients, and writes its own.
    fn tile(
        &self,
        unit: &Unit,
        tile: Range<usize>,
        queries: Features<'_>,
        keys: usize,
        seen: &mut Seen<'_>,
        work: &mut Work<'_>,
    ) {
        let (width, rows) = (self.call.qkv.width, tile.len());
        let of_queries = &mut work.of_queries[..rows * width];
        of_queries.fill(0.0);
        if keys > 0 {
            let gradient = self.gradients(unit, tile.start);
            let (probabilities, of_scores) =
                (&mut work.probabilities[..rows * keys], &mut work.of_scores[..rows * keys]);
            let tokens = queries.from(tile.start);
            let by_keys = [rows, width, keys];
            multiply(probabilities, keys, by_keys, tokens, columns(seen.keys), false);
            multiply(of_scores, keys, by_keys, gradient, columns(seen.values), false);
            for (index, token) in tile.clone().enumerate() {
                let of = index * keys..(index + 1) * keys;
                let numbers = self.numbers(unit, token);
                let (line, of_line) = (&mut probabilities[of.clone()], &mut of_scores[of]);
                vectorised(
                    #[inline(always)]
                    || turn(line, of_line, numbers, width),
                );
            }
            multiply(of_queries, width, [rows, keys, width], Factor::rows(of_scores, keys), seen.keys.from(0), false);
            let of_seen = [keys, rows, width];
            multiply(seen.of_keys, width, of_seen, Factor::columns(of_scores, keys), tokens, true);
            multiply(seen.of_values, width, of_seen, Factor::columns(probabilities, keys), gradient, true);
        }
        for (line, token) in of_queries.chunks_exact(width).zip(tile) {
            self.store(unit, 0, token, line);
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

    /// Writes the gradient of a token's query (`which` 0), key (1) or value (2), which is scaled but for values.
    fn store(&self, unit: &Unit, which: usize, token: usize, sums: &[f32]) {
        let qkv = &self.call.qkv;
        let row = unit.row(&self.call.parts[unit.part], token);
        let start = offset_of(qkv, which, unit.head, row, 0);
        let scale = if which == 2 { 1.0 } else { 1.0 / (qkv.width as f32).sqrt() };
        let output = self.output.part(start..start + qkv.width);
        output.iter_mut().zip(sums).for_each(|(output, sum)| *output = sum * scale);
    }

    /// Writes the gradients of all keys and values of a unit: those that are not seen have 0, but for what queries that
    /// see no key give every value.
    fn store_seen(&self, unit: &Unit, order: Option<&[usize]>, of_keys: &[f32], of_values: &[f32]) {
        let (width, part) = (self.call.qkv.width, &self.call.parts[unit.part]);
        let tokens = part.sequences.tokens;
        let mut shared = vec![0.0; width];
        if part.mask.empty_row == EmptyRow::Uniform {
            for token in (0..tokens).filter(|token| self.numbers(unit, *token)[1] == 0.0) {
                let gradient = self.gradients(unit, token).values;
                shared.iter_mut().zip(gradient).for_each(|(sum, gradient)| *sum += gradient / tokens as f32);
            }
        }
        let mut places: Vec<Option<usize>> = vec![None; tokens];
        match order {
            None => places.iter_mut().enumerate().for_each(|(token, place)| *place = Some(token)),
            Some(order) => order.iter().enumerate().for_each(|(place, token)| places[*token] = Some(place)),
        }
        let zeros = vec![0.0; width];
        for (token, place) in places.into_iter().enumerate() {
            let line = |sums: &[f32]| place.map_or(zeros.clone(), |place| sums[place * width..][..width].to_vec());
            self.store(unit, 1, token, &line(of_keys));
            let mut of_value = line(of_values);
            of_value.iter_mut().zip(&shared).for_each(|(sum, shared)| *sum += shared);
            self.store(unit, 2, token, &of_value);
        }
    }
}

/// Tokens as the columns of a matrix.
fn columns(features: Features<'_>) -> Factor<'_> {
    Factor::columns(features.values, features.stride)
}

/// Turns a query's products with keys into probabilities, and the products of its gradient with values into the gradients of
/// the scores. A query whose total is 0 has zeros.
#[inline(always)]
fn turn(products: &mut [f32], of_scores: &mut [f32], [highest, total, subtracted]: [f32; 3], width: usize) {
    if total == 0.0 {
        products.fill(0.0);
        of_scores.fill(0.0);
        return;
    }
    let root = (width as f32).sqrt();
    for (probability, of_score) in products.iter_mut().zip(of_scores) {
        *probability = exponential(*probability / root - highest) / total;
        *of_score = *probability * (*of_score - subtracted);
    }
}
