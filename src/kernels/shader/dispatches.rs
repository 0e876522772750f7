//! The dispatches that compute a call, and the builder with which a variant writes them.

use std::ops::Range;

use bytemuck::Pod;

use crate::gpu::{Capabilities, Limits};
use crate::kernels::shader::cut::{self, FrameRun};
use crate::kernels::shader::{Literals, Plan, Precision, Unfit, Variant};
use crate::tensor::{Element, Error, Format, Result};

/// One dispatch of a kernel: the literals of its WGSL, its uniform, and the part of each operand that it sees.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Launch {
    /// Literals of the WGSL template.
    pub literals: Literals,
    /// The bytes of the uniform struct.
    pub uniform: Vec<u8>,
    /// Workgroups along x, y and z.
    pub groups: [u32; 3],
    /// For each binding, the bytes of its operand (as laid out) that are bound; `None` for all of them.
    pub windows: Vec<Option<Range<u64>>>,
}

/// The dispatches of one call on one device, as a variant writes them.
///
/// The builder cuts work so that operands fit the device's bindings, folds workgroups into two dimensions, and refuses
/// more loop iterations than the device runs. Sizes are in elements of four bytes. Windows of halves are widened to whole
/// words.
#[derive(Debug)]
pub struct Dispatches<'a> {
    device: &'a Capabilities,
    precision: Precision,
    outputs: Element,
    formats: Vec<Format>,
    scratch: Vec<u64>,
    launches: Vec<Launch>,
}

/// The bytes of an operand that are bound; `None` for all of them.
type Window = Option<Range<u64>>;

/// The element in which sizes are counted: words are as large.
const ELEMENT: Element = Element::F32;

impl<'a> Dispatches<'a> {
    /// No dispatches yet, for a kernel whose bindings have these elements.
    pub(in crate::kernels) fn new(
        device: &'a Capabilities,
        precision: Precision,
        outputs: Element,
        elements: impl Iterator<Item = Element>,
    ) -> Self {
        let formats: Vec<_> = elements.map(Format::rows).collect();
        Self { device, precision, outputs, scratch: vec![0; formats.len()], formats, launches: Vec::new() }
    }

    /// The device they are for.
    pub fn device(&self) -> &'a Capabilities {
        self.device
    }

    /// The limits of the device.
    pub fn limits(&self) -> &'a Limits {
        &self.device.limits
    }

    /// The element in which weights are stored.
    pub fn weights(&self) -> Element {
        self.precision.weights()
    }

    /// The element in which the factors of products that are no weights are read.
    pub fn factors(&self) -> Element {
        self.precision.factors()
    }

    /// The element in which outputs of floats may be left: f16 where all that read them want that.
    ///
    /// A variant that does so says it by [`format`](Self::format); others leave f32.
    pub fn outputs(&self) -> Element {
        self.outputs
    }

    /// Asks for the operand at `binding`, counted from 0, in `format` instead of in rows.
    pub fn format(&mut self, binding: usize, format: Format) {
        self.formats[binding] = format;
    }

    /// Asks for scratch of this many elements at `binding`, counted from 0.
    pub fn scratch(&mut self, binding: usize, elements: usize) {
        self.scratch[binding] = self.formats[binding].element.bytes_of(elements);
    }

    /// Unfit where the device stops an invocation before it has run this many loop iterations, counted over all its
    /// loops.
    pub fn check_iterations(&self, iterations: u64) -> Result<(), Unfit> {
        Ok(cut::check_iterations(iterations, self.limits())?)
    }

    /// Cuts `units` of work into the longest runs that can be bound, where each unit has these elements in the operands
    /// that are cut along. Every run but the last is a multiple of `step` units and starts where a binding may.
    pub fn runs(&self, units: usize, step: usize, elements_per_unit: &[usize]) -> Result<Vec<Range<usize>>, Unfit> {
        Ok(cut::runs(units, step, &in_bytes(elements_per_unit), self.limits())?)
    }

    /// Like [`runs`](Self::runs) for kernels that take offsets: a run starts anywhere, and its operands are bound by
    /// [`window`](Self::window).
    pub fn runs_anywhere(&self, units: usize, elements_per_unit: &[usize]) -> Result<Vec<Range<usize>>, Unfit> {
        Ok(cut::runs_anywhere(units, &in_bytes(elements_per_unit), self.limits())?)
    }

    /// Cuts `frames` into the longest runs whose input and output, of these elements a frame, can be bound.
    pub fn frames(&self, frames: usize, input: usize, output: usize) -> Result<Vec<FrameRun>, Unfit> {
        Ok(cut::frames(frames, input, output, self.limits())?)
    }

    /// Whether an operand of this many elements can be bound wherever it starts.
    pub fn fits_anywhere(&self, elements: usize) -> bool {
        ELEMENT.bytes_of(elements) <= cut::room_anywhere(self.limits())
    }

    /// The bytes of a run of units of `elements_per_unit`.
    pub fn bytes(&self, run: &Range<usize>, elements_per_unit: usize) -> Range<u64> {
        cut::bytes(run, elements_per_unit * ELEMENT.bytes())
    }

    /// The bytes of `elements`, widened to start where a binding may, and the index of their first within that window.
    pub fn window(&self, elements: &Range<usize>) -> (Range<u64>, u32) {
        cut::align_down(self.bytes(elements, 1), ELEMENT, self.limits())
    }

    /// Adds a dispatch of `groups` workgroups, each of which computes its number as x + y · `num_workgroups.x`.
    pub fn launch(
        &mut self,
        groups: u64,
        literals: Literals,
        uniform: &impl Pod,
        windows: Vec<Option<Range<u64>>>,
    ) -> Result<(), Unfit> {
        let groups = cut::fold_groups(groups, self.limits())?;
        let uniform = bytemuck::bytes_of(uniform).to_vec();
        let words = |window: Range<u64>| window.start..window.end.next_multiple_of(ELEMENT.bytes_of(1));
        let windows = windows.into_iter().map(|window| window.map(words)).collect();
        self.launches.push(Launch { literals, uniform, groups, windows });
        Ok(())
    }

    /// Adds the dispatches of a step on each of `elements`, of which a workgroup takes `per_group`. `of_run` says the
    /// uniform of a run and its windows, given the one in which its elements lie.
    pub(in crate::kernels) fn launch_by_element<U: Pod>(
        &mut self,
        elements: usize,
        per_group: u32,
        literals: &Literals,
        of_run: impl Fn(&Range<usize>, Window) -> Result<(U, Vec<Window>), Unfit>,
    ) -> Result<(), Unfit> {
        for run in self.runs(elements, 1, &[1])? {
            let (uniform, windows) = of_run(&run, Some(self.bytes(&run, 1)))?;
            let groups = run.len().div_ceil(per_group as usize) as u64;
            self.launch(groups, literals.clone(), &uniform, windows)?;
        }
        Ok(())
    }

    /// The plan of `variant` with these dispatches.
    pub(in crate::kernels) fn finish(self, variant: &'static Variant) -> Plan {
        Plan { variant, formats: self.formats, scratch: self.scratch, launches: self.launches }
    }
}

fn in_bytes(elements: &[usize]) -> Vec<u64> {
    elements.iter().map(|&elements| ELEMENT.bytes_of(elements)).collect()
}

/// A size or offset as a field of a uniform; an error beyond 32 bits.
pub fn word(value: usize) -> Result<u32> {
    u32::try_from(value).map_err(|_| Error::unsupported(format!("a size of {value} does not fit a kernel's 32 bits")))
}
