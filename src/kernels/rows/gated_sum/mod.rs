//! A branch of a block times a gate of its clip, as part of a residual sum: stochastic depth (spec §8.4).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{
    Backward, Binding, Bound, Family, Gradient, Kernel, Reference, Tape, TapeValue, host_form, variants_of,
};
use crate::kernels::shader::Planned;
use crate::tensor::{Element, Error, Result, Shape};

/// The declaration of [`GatedSum`].
static FAMILY: Family = Family {
    name: "gated_sum",
    formula: "out[b, m, c] = gates[gate, b] · in[b, m, c]  (+ residual[b, m, c])",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("input", "[B·M, C]"),
        Binding::read("residual", "[B·M, C]"),
        Binding::read("gates", "[G, B]"),
        Binding::write("output", "[B·M, C]"),
    ],
    variants: variants_of::<GatedSum>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Multiplies `rows`×`width` elements of each of `sequences` by the sequence's gate, and adds a residual where there is one.
///
/// A gate is a factor: 0 where the branch is left out. The product is taken all the same, so that a NaN shows.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GatedSum {
    /// B: clips, or whatever has a gate of its own.
    pub sequences: usize,
    /// M, rows of a sequence.
    pub rows: usize,
    /// C.
    pub width: usize,
    /// Which of the gates of a sequence it is.
    pub gate: usize,
    /// G, the gates that each sequence has.
    pub gates: usize,
    /// Whether a residual is added.
    pub residual: bool,
}

impl GatedSum {
    /// Of `sequences` of `rows`×`width` elements, the only gate of each, with a residual.
    pub fn new(sequences: usize, rows: usize, width: usize) -> Self {
        Self { sequences, rows, width, gate: 0, gates: 1, residual: true }
    }

    /// By gate number `gate` of `gates`.
    #[must_use]
    pub fn gate(self, gate: usize, gates: usize) -> Self {
        Self { gate, gates, ..self }
    }

    /// Whether a residual is added.
    #[must_use]
    pub fn residual(self, residual: bool) -> Self {
        Self { residual, ..self }
    }

    /// Elements of a sequence.
    fn length(&self) -> usize {
        self.rows * self.width
    }
}

impl Kernel for GatedSum {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::gated_sum;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    const GRADIENT: Option<Gradient<Self>> = Some(gradient);
    host_form!(gated_sum);

    fn operands(&self) -> Vec<Option<Shape>> {
        let shape = Shape::from([self.sequences * self.rows, self.width]);
        let residual = self.residual.then(|| shape.clone());
        vec![Some(shape.clone()), residual, Some([self.gates, self.sequences].into()), Some(shape)]
    }

    fn validate(&self) -> Result<()> {
        let Self { sequences, rows, width, gate, gates, .. } = *self;
        if [sequences, rows, width].contains(&0) {
            return Err(Error::usage(format!("{sequences} sequences of {rows}×{width} elements have none")));
        }
        if gate >= gates {
            return Err(Error::usage(format!("of {gates} gates there is none of number {gate}, counted from 0")));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        (1 + u64::from(self.residual)) * (self.sequences * self.length()) as u64
    }

    fn bytes_read(&self) -> u64 {
        // Of the gates, one row.
        let elements = (1 + usize::from(self.residual)) * self.sequences * self.length() + self.sequences;
        Element::F32.bytes_of(elements)
    }
}

/// The branch has the gradient times its gate, the residual all of it; gates are not learned.
fn gradient(call: &GatedSum, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Vec<Option<TapeValue>>> {
    let output = of.gradient(0)?;
    let gated = call.clone().residual(false);
    let branch = tape.one(gated, &[Some(output), None, Some(of.input(2)?)])?;
    Ok(vec![Some(branch), call.residual.then_some(output), None])
}
