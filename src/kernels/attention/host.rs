//! What attention's implementations on the host share: the features of tokens, which queries see the same keys, how
//! work is cut into blocks.

use std::ops::Range;

use crate::kernels::attention::mask::Mask;
use crate::kernels::attention::qkv::{Qkv, QkvLayout};
use crate::kernels::attention::sequences::Part;
use crate::kernels::host::{Factor, Threads, multiply};

/// Queries that are computed together, a multiple of the rows that matrix products take at once.
pub(super) const TILE: usize = 256;
/// Queries of one head and sequence in a block: enough blocks for many threads.
const CHUNK: usize = 3 * TILE;
/// Scores of a block, where sequences are so short that several share one.
const BLOCK_SCORES: usize = 1 << 17;

/// Some queries of one head in one sequence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    /// Index of its part.
    pub(super) part: usize,
    /// The clip.
    pub(super) outer: usize,
    /// The sequence of the clip.
    pub(super) inner: usize,
    pub(super) head: usize,
    /// Tokens of the sequence.
    pub(super) queries: Range<usize>,
}

impl Unit {
    /// The row of a token of its sequence.
    pub(super) fn row(&self, part: &Part, token: usize) -> usize {
        let sequences = &part.sequences;
        self.outer * sequences.outer_stride + self.inner * sequences.inner_stride + token * sequences.token_stride
    }
}

/// Queries of a sequence that see the same keys: the first `keys` of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) queries: Range<usize>,
    pub(super) keys: usize,
}

/// Which keys the queries of a sequence see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Sight {
    /// The tokens that are seen at all; `None` for all of them as they lie.
    pub(super) order: Option<Vec<usize>>,
    pub(super) groups: Vec<Group>,
}

/// The features of a head's tokens in one sequence.
#[derive(Clone, Copy, Debug)]
pub(super) struct Features<'a> {
    /// From the first token's first feature on.
    pub(super) values: &'a [f32],
    /// Elements from token to token.
    pub(super) stride: usize,
    /// D.
    pub(super) width: usize,
}

impl<'a> Features<'a> {
    /// Queries (`which` 0), keys (1) or values (2) of a unit in the packed tensor.
    pub(super) fn of(qkv: &Qkv, part: &Part, unit: &Unit, which: usize, packed: &'a [f32]) -> Self {
        let Qkv { rows, heads, width, layout } = *qkv;
        let row = unit.row(part, 0);
        let (first, step) = match layout {
            QkvLayout::Planes => (((which * heads + unit.head) * rows + row) * width, width),
            QkvLayout::Rows => (((row * 3 + which) * heads + unit.head) * width, 3 * heads * width),
        };
        Self { values: &packed[first..], stride: part.sequences.token_stride * step, width }
    }

    pub(super) fn token(&self, token: usize) -> &'a [f32] {
        &self.values[token * self.stride..][..self.width]
    }

    /// Tokens from `first` on as the rows of a matrix.
    pub(super) fn from(&self, first: usize) -> Factor<'a> {
        Factor::rows(&self.values[first * self.stride..], self.stride)
    }

    /// The tokens of `order` one behind the other in `memory`, or all as they lie.
    pub(super) fn gathered(self, order: Option<&[usize]>, memory: &'a mut [f32]) -> Self {
        let Some(order) = order else { return self };
        for (gathered, token) in memory.chunks_exact_mut(self.width).zip(order) {
            gathered.copy_from_slice(self.token(*token));
        }
        Self { values: memory, stride: self.width, width: self.width }
    }
}

impl Sight {
    /// Which keys the queries of a sequence of `tokens` see under `mask`, where `validity` says which temporal indices
    /// of its clip are valid.
    pub(super) fn new(mask: &Mask, tokens: usize, validity: Option<&[u32]>) -> Self {
        let Mask { class_tokens, tokens_per_time, causal, .. } = *mask;
        // With everything valid it is as without a mask, to the last bit.
        let validity = validity.filter(|words| mask.validity && words.contains(&0));
        if !causal && validity.is_none() {
            return Self { order: None, groups: vec![Group { queries: 0..tokens, keys: tokens }] };
        }
        let times = (tokens - class_tokens) / tokens_per_time;
        let patches = |time: usize| {
            let first = class_tokens + time * tokens_per_time;
            first..first + tokens_per_time
        };
        let (mut order, mut groups) = (Vec::with_capacity(tokens), Vec::new());
        for time in 0..times {
            if validity.is_none_or(|validity| validity[time] != 0) {
                order.extend(patches(time));
            }
            if causal {
                groups.push(Group { queries: patches(time), keys: order.len() });
            }
        }
        order.extend(0..class_tokens);
        let unmasked = if causal { 0..class_tokens } else { 0..tokens };
        groups.push(Group { queries: unmasked, keys: order.len() });
        Self { order: Some(order), groups }
    }

    /// The groups that have queries among these, cut down to them.
    pub(super) fn groups_of(&self, queries: &Range<usize>) -> impl Iterator<Item = Group> {
        let cut = |group: &Group| {
            let queries = group.queries.start.max(queries.start)..group.queries.end.min(queries.end);
            Group { queries, keys: group.keys }
        };
        self.groups.iter().map(cut).filter(|group| !group.queries.is_empty())
    }
}

/// The scores of a part of attention, for kernels that need whole rows of them.
pub(super) struct Scores<'a> {
    pub(super) qkv: &'a Qkv,
    pub(super) part: &'a Part,
    /// The packed tensor, as it is given for queries and for keys.
    pub(super) packed: [&'a [f32]; 2],
    pub(super) validity: Option<&'a [u32]>,
}

/// Query tokens whose scores are computed at once.
const ROWS: usize = 32;
/// Products that are summed before they are added to the others, so that large scores keep a digit more.
const FEATURES: usize = 32;

impl Scores<'_> {
    /// Gives `visit` each query of `unit` that counts, with q · k / √D of the keys that it sees (none where it sees none),
    /// and the tokens that these keys are; `None` for all as they lie.
    pub(super) fn of_unit(
        &self,
        unit: &Unit,
        threads: &Threads,
        counts: impl Fn(usize) -> bool,
        mut visit: impl FnMut(usize, &mut [f32], Option<&[usize]>),
    ) {
        let (width, tokens) = (self.qkv.width, self.part.sequences.tokens);
        let [queries, keys] = [0, 1].map(|which| Features::of(self.qkv, self.part, unit, which, self.packed[which]));
        let sight = Sight::new(&self.part.mask, tokens, validity_of(self.part, unit.outer, self.validity));
        let order = sight.order.as_deref();
        let mut memory = threads.scratch(tokens * width + ROWS * (width + tokens));
        let (of_keys, of_scores) = memory.split_at_mut(tokens * width);
        let keys = keys.gathered(order, of_keys);
        for group in sight.groups_of(&unit.queries) {
            let counting: Vec<_> = group.queries.filter(|token| counts(*token)).collect();
            if group.keys == 0 {
                counting.iter().for_each(|token| visit(*token, &mut [], order));
                continue;
            }
            for batch in counting.chunks(ROWS) {
                let scores = scores(queries, batch, keys, group.keys, of_scores);
                for (scores, token) in scores.chunks_exact_mut(group.keys).zip(batch) {
                    visit(*token, scores, order);
                }
            }
        }
    }
}

/// q · k / √D of some query tokens with the first `count` keys, `[tokens, keys]`.
fn scores<'m>(
    queries: Features<'_>,
    tokens: &[usize],
    keys: Features<'_>,
    count: usize,
    memory: &'m mut [f32],
) -> &'m mut [f32] {
    let width = queries.width;
    let (scaled, scores) = memory.split_at_mut(ROWS * width);
    let scores = &mut scores[..tokens.len() * count];
    let root = (width as f32).sqrt();
    for (line, token) in scaled.chunks_exact_mut(width).zip(tokens) {
        line.iter_mut().zip(queries.token(*token)).for_each(|(scaled, query)| *scaled = query / root);
    }
    for first in (0..width).step_by(FEATURES) {
        let sizes = [tokens.len(), FEATURES.min(width - first), count];
        let keys = Factor::columns(&keys.values[first..], keys.stride);
        multiply(scores, count, sizes, Factor::rows(&scaled[first..], width), keys, first > 0);
    }
    scores
}

/// The validity of a clip's temporal indices for `part`.
pub(super) fn validity_of<'a>(part: &Part, outer: usize, validity: Option<&'a [u32]>) -> Option<&'a [u32]> {
    let validity = validity.filter(|_| part.mask.validity)?;
    let times = (part.sequences.tokens - part.mask.class_tokens) / part.mask.tokens_per_time;
    Some(&validity[outer * times..][..times])
}

/// The queries of every head, in blocks of about equal work: long sequences are cut, short ones share a block.
pub(super) fn blocks(parts: &[Part], queries: impl Fn(&Part) -> Range<usize>) -> Vec<Vec<Unit>> {
    let mut blocks = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let queries = queries(part);
        let mut units = Vec::new();
        for outer in 0..part.sequences.outer {
            // Sequences of a head lie side by side in memory.
            for head in part.heads.clone() {
                for inner in 0..part.sequences.inner {
                    for start in queries.clone().step_by(CHUNK) {
                        let queries = start..queries.end.min(start + CHUNK);
                        units.push(Unit { part: index, outer, inner, head, queries });
                    }
                }
            }
        }
        let scores = CHUNK.min(queries.len()) * part.sequences.tokens;
        blocks.extend(units.chunks(BLOCK_SCORES.div_ceil(scores)).map(<[Unit]>::to_vec));
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_see_what_the_mask_shows() {
        let group = |queries, keys| Group { queries, keys };
        let mask = Mask::of(1, 2);
        assert_eq!(Sight::new(&mask, 7, None), Sight { order: None, groups: vec![group(0..7, 7)] });
        let valid = Sight::new(&mask.validity(), 7, Some(&[1, 0, 1]));
        assert_eq!(valid, Sight { order: Some(vec![1, 2, 5, 6, 0]), groups: vec![group(0..7, 5)] });
        let causal = Sight::new(&mask.causal().validity(), 7, Some(&[0, 1, 1]));
        assert_eq!(causal.order, Some(vec![3, 4, 5, 6, 0]));
        assert_eq!(causal.groups, [group(1..3, 0), group(3..5, 2), group(5..7, 4), group(0..1, 5)]);
        assert_eq!(causal.groups_of(&(2..4)).collect::<Vec<_>>(), [group(2..3, 0), group(3..4, 2)]);
    }
}
