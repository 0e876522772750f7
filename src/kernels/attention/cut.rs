//! Cuts a part of attention into launches whose operands fit the device's bindings.

use std::ops::Range;

use crate::gpu::Limits;
use crate::kernels::attention::qkv::{Qkv, QkvLayout};
use crate::kernels::attention::sequences::{Part, RowStrides};
use crate::kernels::shader::cut::{align_down, bytes};
use crate::kernels::shader::word;
use crate::tensor::{Element, Error, Result};

crate::uniform! {
    /// The first members of every attention kernel's uniform, see `shaders/attention/fields.wgsl`.
    pub(in crate::kernels) struct Common {
        queries: u32,
        keys: u32,
        heads: u32,
        sequences: u32,
        inner_sequences: u32,
        first_query: u32,
        class_tokens: u32,
        tokens_per_time: u32,
        times: u32,
        causal: u32,
        validity: u32,
        validity_base: u32,
        scale: f32,
        query_base: u32,
        key_base: u32,
        input_outer: u32,
        input_inner: u32,
        input_token: u32,
        input_head: u32,
        output_base: u32,
        row_outer: u32,
        row_inner: u32,
        row_token: u32,
    }
}

const OUTER: usize = 0;
const INNER: usize = 1;
const HEADS: usize = 2;
const TOKENS: usize = 3;

/// The elements of an operand that belong to a clip, a sequence of it, a head and a token: `run` of them, the first at
/// `origin` + Σ index · stride.
#[derive(Clone, Copy, Debug)]
pub(in crate::kernels) struct Addresses {
    pub(in crate::kernels) origin: i64,
    pub(in crate::kernels) strides: [usize; 4],
    pub(in crate::kernels) run: usize,
    /// Whether every launch needs all tokens of a sequence: keys and values.
    pub(in crate::kernels) all_tokens: bool,
    /// In which they are stored.
    pub(in crate::kernels) element: Element,
}

/// The share of a part that one launch computes: ranges of clips, sequences of each, heads and query tokens.
type Piece = [Range<usize>; 4];

/// One launch of a part.
pub(in crate::kernels) struct Cut {
    /// The first members of its uniform.
    pub(in crate::kernels) common: Common,
    /// The windows of its operands, in binding order.
    pub(in crate::kernels) windows: Vec<Option<Range<u64>>>,
    /// For each operand the index, in elements of its window, of token 0 of the first head of the first sequence.
    pub(in crate::kernels) bases: Vec<u32>,
    /// Its heads.
    pub(in crate::kernels) heads: Range<usize>,
}

impl Addresses {
    /// Of the queries (`which` 0), keys (1) or values (2) in `qkv`.
    pub(in crate::kernels) fn of_input(qkv: &Qkv, part: &Part, which: usize) -> Self {
        let Qkv { rows, heads, width, layout } = *qkv;
        let (row, head) = match layout {
            QkvLayout::Planes => (width, rows * width),
            QkvLayout::Rows => (3 * heads * width, width),
        };
        let origin = (which * heads * head) as i64;
        let strides = Self::strides(part.sequences.row_strides(), row, head);
        Self { origin, strides, run: width, all_tokens: which > 0, element: Element::F32 }
    }

    /// Of the validity, `[B, T]`.
    fn of_validity(times: usize) -> Self {
        Self { origin: 0, strides: [times, 0, 0, 0], run: times, all_tokens: true, element: Element::U32 }
    }

    /// The same, stored in these elements.
    pub(in crate::kernels) fn stored(self, element: Element) -> Self {
        Self { element, ..self }
    }

    /// Strides in elements, for rows of `row` elements and heads of `head`.
    pub(in crate::kernels) fn strides(rows: RowStrides, row: usize, head: usize) -> [usize; 4] {
        [rows.outer * row, rows.inner * row, head, rows.token * row]
    }

    fn ranges(&self, piece: &Piece, tokens: usize) -> Piece {
        let mut ranges = piece.clone();
        if self.all_tokens {
            ranges[TOKENS] = 0..tokens;
        }
        ranges
    }

    /// The bytes that `piece` touches, from where a binding may start.
    fn window(&self, piece: &Piece, tokens: usize, limits: &Limits) -> Range<u64> {
        let ranges = self.ranges(piece, tokens);
        let at = |index: fn(&Range<usize>) -> usize| {
            let steps = ranges.iter().zip(self.strides).map(|(range, stride)| (index(range) * stride) as i64);
            self.origin + steps.sum::<i64>()
        };
        let (start, end) = (at(|range| range.start), at(|range| range.end - 1) + self.run as i64);
        align_down(bytes(&(start as usize..end as usize), self.element.bytes()), self.element, limits).0
    }

    /// The index, from the start of `window`, of token 0 of the first head of the first sequence of `piece`. Where the
    /// window starts at a later token it is negative, wrapped to 32 bits.
    fn base(&self, piece: &Piece, window: &Range<u64>) -> u32 {
        let axes = [OUTER, INNER, HEADS];
        let steps: usize = axes.iter().map(|&axis| piece[axis].start * self.strides[axis]).sum();
        (self.origin + steps as i64 - (window.start / self.element.bytes_of(1)) as i64) as u32
    }

    /// The axis along which halving `piece` saves most; `None` where nothing is left to halve.
    fn longest_axis(&self, piece: &Piece) -> Option<usize> {
        let axes = (0..4).filter(|&axis| piece[axis].len() > 1 && !(self.all_tokens && axis == TOKENS));
        axes.max_by_key(|&axis| (piece[axis].len() - 1) * self.strides[axis])
    }
}

/// What the launches of a part have in common. `inputs` and `outputs` are its operands in binding order, with the
/// validity between them.
pub(in crate::kernels) struct Cutter<'a> {
    pub(in crate::kernels) qkv: &'a Qkv,
    pub(in crate::kernels) part: &'a Part,
    pub(in crate::kernels) queries: Range<usize>,
    pub(in crate::kernels) inputs: &'a [Addresses],
    pub(in crate::kernels) outputs: &'a [Addresses],
    /// The rows of the outputs.
    pub(in crate::kernels) rows: RowStrides,
    pub(in crate::kernels) limits: &'a Limits,
}

impl Cutter<'_> {
    /// The launches of the part.
    pub(in crate::kernels) fn cut(&self) -> Result<Vec<Cut>> {
        let sequences = &self.part.sequences;
        let whole = [0..sequences.outer, 0..sequences.inner, self.part.heads.clone(), self.queries.clone()];
        let mut pieces = Vec::new();
        self.halve(whole, &mut pieces)?;
        pieces.iter().map(|piece| self.launch(piece)).collect()
    }

    /// Halves `piece` until the windows of all operands fit.
    fn halve(&self, piece: Piece, pieces: &mut Vec<Piece>) -> Result<()> {
        let tokens = self.part.sequences.tokens;
        let bytes = |addresses: &Addresses| {
            let window = addresses.window(&piece, tokens, self.limits);
            window.end - window.start
        };
        let mut operands = self.inputs.iter().chain(self.outputs);
        let Some(addresses) = operands.find(|addresses| bytes(addresses) > self.limits.binding_bytes) else {
            pieces.push(piece);
            return Ok(());
        };
        let axis = addresses.longest_axis(&piece).ok_or_else(|| {
            Error::unsupported(format!(
                "one head of one sequence of {tokens} tokens spans {} bytes, bindings have at most {}; give queries, \
                 keys and values in planes, or fewer tokens",
                bytes(addresses),
                self.limits.binding_bytes
            ))
        })?;
        let Range { start, end } = piece[axis];
        let middle = start + (end - start).div_ceil(2);
        for half in [start..middle, middle..end] {
            let mut piece = piece.clone();
            piece[axis] = half;
            self.halve(piece, pieces)?;
        }
        Ok(())
    }

    fn launch(&self, piece: &Piece) -> Result<Cut> {
        let (mask, tokens) = (&self.part.mask, self.part.sequences.tokens);
        let times = mask.times(tokens)?;
        let validity = Addresses::of_validity(times);
        let mut windows = Vec::new();
        let mut bases = Vec::new();
        for addresses in self.inputs.iter().chain([&validity]).chain(self.outputs) {
            let window = addresses.window(piece, tokens, self.limits);
            bases.push(addresses.base(piece, &window));
            windows.push(Some(window));
        }
        if !mask.validity {
            // The call may carry the validity for another part.
            windows[self.inputs.len()] = None;
        }
        let base =
            |operand: usize| bases.get(operand).copied().ok_or_else(|| Error::usage("attention has too few operands"));
        let validity_operand = self.inputs.len();
        let [input_outer, input_inner, input_head, input_token] = words(self.inputs[0].strides)?;
        let common = Common {
            queries: word(piece[TOKENS].len())?,
            keys: word(tokens)?,
            heads: word(piece[HEADS].len())?,
            sequences: word(piece[OUTER].len() * piece[INNER].len())?,
            inner_sequences: word(piece[INNER].len())?,
            first_query: word(piece[TOKENS].start)?,
            class_tokens: word(mask.class_tokens)?,
            tokens_per_time: word(mask.tokens_per_time)?,
            times: word(times)?,
            causal: mask.causal.into(),
            validity: mask.validity.into(),
            validity_base: base(validity_operand)?,
            scale: (1.0 / (self.qkv.width as f64).sqrt()) as f32,
            query_base: base(0)?,
            key_base: base(1)?,
            input_outer,
            input_inner,
            input_token,
            input_head,
            output_base: base(validity_operand + 1)?,
            row_outer: word(self.rows.outer)?,
            row_inner: word(self.rows.inner)?,
            row_token: word(self.rows.token)?,
        };
        Ok(Cut { common, windows, bases, heads: piece[HEADS].clone() })
    }
}

fn words(strides: [usize; 4]) -> Result<[u32; 4]> {
    let [outer, inner, head, token] = strides;
    Ok([word(outer)?, word(inner)?, word(head)?, word(token)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::attention::forward::Attention;
    use crate::kernels::attention::mask::Mask;
    use crate::kernels::attention::sequences::Sequences;

    fn limits(binding_bytes: u64) -> Limits {
        Limits { binding_bytes, ..Limits::WEBGPU }
    }

    /// The pieces of a call, once the windows of their launches are found to fit.
    fn pieces_of(call: &Attention, limits: &Limits) -> Result<Vec<Piece>> {
        let part = &call.parts[0];
        let inputs = [0, 1, 2].map(|which| Addresses::of_input(&call.qkv, part, which));
        let (queries, outputs) = (call.queries_of(part), [call.output_addresses(part)]);
        let rows = call.row_strides(part);
        let cutter = Cutter { qkv: &call.qkv, part, queries, inputs: &inputs, outputs: &outputs, rows, limits };
        for cut in cutter.cut()? {
            for window in cut.windows.into_iter().flatten() {
                assert!(window.start.is_multiple_of(256) && window.end - window.start <= limits.binding_bytes);
            }
        }
        let sequences = &part.sequences;
        let mut pieces = Vec::new();
        let whole = [0..sequences.outer, 0..sequences.inner, part.heads.clone(), cutter.queries.clone()];
        cutter.halve(whole, &mut pieces)?;
        Ok(pieces)
    }

    #[test]
    fn pieces_compute_every_query_once() {
        let sequences = Sequences::temporal(3, 4, 11);
        for (qkv, bytes) in [(Qkv::in_planes(132, 4, 12), 4 << 10), (Qkv::in_rows(132, 4, 12), 20 << 10)] {
            let pieces = pieces_of(&Attention::new(qkv, sequences, Mask::NONE), &limits(bytes)).unwrap();
            assert!(pieces.len() > 1);
            let mut times = vec![0; 3 * 11 * 4 * 4];
            for [outer, inner, heads, tokens] in pieces {
                for sequence in outer.flat_map(|outer| inner.clone().map(move |inner| outer * 11 + inner)) {
                    for head in heads.clone().map(|head| sequence * 4 + head) {
                        tokens.clone().for_each(|token| times[head * 4 + token] += 1);
                    }
                }
            }
            assert!(times.iter().all(|&times| times == 1));
        }
    }

    #[test]
    fn what_fits_is_one_piece() {
        let call = Attention::new(Qkv::in_planes(3137, 12, 64), Sequences::joint(1, 3137), Mask::NONE);
        assert_eq!(pieces_of(&call, &limits(128 << 20)).unwrap().len(), 1);
    }

    #[test]
    fn keys_that_fit_no_binding_are_an_error() {
        let call = Attention::new(Qkv::in_planes(200, 1, 64), Sequences::joint(1, 200), Mask::NONE);
        assert!(pieces_of(&call, &limits(16 << 10)).is_err());
    }
}
