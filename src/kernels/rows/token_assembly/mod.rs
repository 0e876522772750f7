//! Sequences from patch tokens: a class token in front, positions added (spec §1.5, §1.6).

mod cases;
mod reference;

use std::ops::Range;

use crate::gpu::{Capabilities, Limits};
use crate::kernels::contract::cut::{check_iterations, fold_groups, word};
use crate::kernels::contract::{Binding, Family, Kernel, cut};
use crate::kernels::shader::{Class, Launch, Literals, Needs, Variant};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The declaration of [`TokenAssembly`].
pub static FAMILY: Family = Family {
    name: "token_assembly",
    formula: "out[b, i, c] = (i < K ? class_token[c] : tokens[b, i − K, c]) + positions[i, c]",
    parameters: Parameters::FIELDS,
    bindings: &[
        Binding::read("tokens", "[B·N₀, C]"),
        Binding::read("class_token", "[C]"),
        Binding::read("positions", "[N, C]"),
        Binding::write("output", "[B·N, C]"),
    ],
    variants: &[Variant {
        name: "plain",
        file: "rows/token_assembly.wgsl",
        text: include_str!("../../../../shaders/rows/token_assembly.wgsl"),
        needs: Needs { subgroup: false, workgroup_bytes: 0, invocations: INVOCATIONS },
        class: Class::Any,
    }],
    cases: cases::cases,
};

/// Invocations that share a row.
const INVOCATIONS: u32 = 64;

crate::kernel_parameters! {
    struct Parameters {
        rows: u32,
        width: u32,
        sequence_rows: u32,
        class_tokens: u32,
        first_row: u32,
        first_token: u32,
        first_position: u32,
        positioned: u32,
        tokens_base: u32,
        positions_base: u32,
        output_base: u32,
        padding: u32,
    }
}

/// Makes `sequences` sequences of `tokens` patch tokens each ready for an encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenAssembly {
    /// B.
    pub sequences: usize,
    /// N₀: the patch tokens of a sequence, without its class token.
    pub tokens: usize,
    /// C.
    pub width: usize,
    /// Whether a class token goes in front: then N = 1 + N₀, else N = N₀.
    pub class_token: bool,
    /// Whether a table of N positions is added; the class token has the first.
    pub positions: bool,
}

impl TokenAssembly {
    /// K.
    fn class_tokens(&self) -> usize {
        usize::from(self.class_token)
    }

    /// N.
    fn sequence_rows(&self) -> usize {
        self.class_tokens() + self.tokens
    }

    /// Runs of output rows whose operands fit a binding. Where the table of positions fits, a run may span sequences.
    fn runs(&self, limits: &Limits) -> Result<Vec<Range<usize>>> {
        let (rows, row_bytes) = (self.sequence_rows(), 4 * self.width as u64);
        if !self.positions || rows as u64 * row_bytes <= cut::room_anywhere(limits) {
            return cut::runs_anywhere(self.sequences * rows, &[row_bytes], limits);
        }
        let of_a_sequence = cut::runs_anywhere(rows, &[row_bytes], limits)?;
        let starts = (0..self.sequences).map(|sequence| sequence * rows);
        Ok(starts.flat_map(|start| of_a_sequence.iter().map(move |run| start + run.start..start + run.end)).collect())
    }

    /// How many patch tokens precede an output row, over all sequences.
    fn tokens_before(&self, row: usize) -> usize {
        let (sequence, place) = (row / self.sequence_rows(), row % self.sequence_rows());
        sequence * self.tokens + place.saturating_sub(self.class_tokens())
    }

    fn launch(&self, run: &Range<usize>, limits: &Limits) -> Result<Launch> {
        let row_bytes = 4 * self.width;
        let rows = self.sequence_rows();
        let window = |rows: &Range<usize>| cut::align_down(cut::bytes(rows, row_bytes), limits);
        let tokens = self.tokens_before(run.start)..self.tokens_before(run.end);
        let spans_sequences = run.start / rows != (run.end - 1) / rows;
        let positions = if spans_sequences { 0..rows } else { run.start % rows..run.start % rows + run.len() };
        let (output_window, output_base) = window(run);
        let (positions_window, positions_base) = window(&positions);
        // A run of nothing but a class token still has to bind some token.
        let (tokens_window, tokens_base) = match tokens.is_empty() {
            true => window(&(0..1)),
            false => window(&tokens),
        };
        let parameters = Parameters {
            rows: word(run.len())?,
            width: word(self.width)?,
            sequence_rows: word(rows)?,
            class_tokens: self.class_tokens() as u32,
            first_row: word(run.start)?,
            first_token: word(tokens.start)?,
            first_position: word(positions.start)?,
            positioned: u32::from(self.positions),
            tokens_base,
            positions_base,
            output_base,
            padding: 0,
        };
        Ok(Launch {
            literals: Literals::new().with("invocations", INVOCATIONS),
            parameters: bytemuck::bytes_of(&parameters).to_vec(),
            groups: fold_groups(run.len() as u64, limits)?,
            windows: vec![Some(tokens_window), None, Some(positions_window), Some(output_window)],
        })
    }
}

impl Kernel for TokenAssembly {
    fn family(&self) -> &'static Family {
        &FAMILY
    }

    fn operands(&self) -> Vec<Option<Shape>> {
        let rows = self.sequence_rows();
        vec![
            Some([self.sequences * self.tokens, self.width].into()),
            self.class_token.then(|| [self.width].into()),
            self.positions.then(|| [rows, self.width].into()),
            Some([self.sequences * rows, self.width].into()),
        ]
    }

    fn validate(&self) -> Result<()> {
        if self.sequences == 0 || self.tokens == 0 || self.width == 0 {
            return Err(Error::usage(format!(
                "{} sequences of {} tokens of {} columns are nothing to assemble",
                self.sequences, self.tokens, self.width
            )));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        if self.positions { (self.sequences * self.sequence_rows() * self.width) as u64 } else { 0 }
    }

    fn launches(&self, _: &Variant, device: &Capabilities) -> Result<Vec<Launch>> {
        check_iterations(self.width as u64 / u64::from(INVOCATIONS) + 1, &device.limits)?;
        self.runs(&device.limits)?.iter().map(|run| self.launch(run, &device.limits)).collect()
    }

    fn reference(&self, inputs: &[Option<&Tensor>]) -> Result<Vec<Tensor>> {
        reference::token_assembly(self, inputs)
    }
}
