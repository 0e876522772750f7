//! Random cases, and how a smaller one is made of one that fails.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::kernels::contract::Case;
use crate::tensor::{Element, Shape, Tensor};

/// Draws what a random case consists of, and records each decision as a number of which 0 stands for the simplest choice.
///
/// Whoever hands the recorded decisions back gets the same case again; with smaller numbers, a smaller one. So a case that
/// fails is made small without knowing what its numbers mean.
#[derive(Debug)]
pub struct Draw {
    source: Source,
    decisions: Vec<u32>,
}

#[derive(Debug)]
enum Source {
    Random(Box<ChaCha8Rng>),
    /// Decisions that were recorded, and how many of them are used up.
    Recorded(Vec<u32>, usize),
}

/// Elements below which a case has few: one of them that nearly cancels decides how far apart the whole tensors are.
pub(in crate::kernels) const FEW: usize = 64;

impl Draw {
    /// Decides at random: the same for the same seed and number, on every machine.
    pub fn random(seed: u64, number: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(number);
        Self { source: Source::Random(Box::new(random)), decisions: Vec::new() }
    }

    /// Decides as recorded. A number that is too large is the largest there is, and what is missing is 0.
    pub fn recorded(decisions: Vec<u32>) -> Self {
        Self { source: Source::Recorded(decisions, 0), decisions: Vec::new() }
    }

    /// What was decided so far.
    pub fn decisions(&self) -> &[u32] {
        &self.decisions
    }

    /// A number below `options`, by `choose` where it is random.
    fn decide(&mut self, options: usize, choose: impl FnOnce(&mut ChaCha8Rng, usize) -> usize) -> usize {
        let last = options.clamp(1, 1 << 31) - 1;
        let decision = match &mut self.source {
            Source::Random(random) => choose(random, last + 1).min(last),
            Source::Recorded(decisions, used) => {
                let decision = decisions.get(*used).map_or(0, |decision| *decision as usize);
                *used += 1;
                decision.min(last)
            }
        };
        self.decisions.push(decision as u32);
        decision
    }

    /// A number below `options`, each as likely as any other; 0 is the simplest.
    pub fn below(&mut self, options: usize) -> usize {
        self.decide(options, |random, options| random.random_range(0..options))
    }

    /// A size from 1 to `most`: often at or beside a power of two, where tiles and groups end; small ones as often as large
    /// ones.
    pub fn size(&mut self, most: usize) -> usize {
        let size = |random: &mut ChaCha8Rng, most: usize| {
            let magnitude = random.random_range(0.0..(most as f64).log2() + 1.0);
            let size = match random.random_range(0..3) {
                0 => (1usize << magnitude as u32) + random.random_range(0..3) - 1,
                _ => magnitude.exp2() as usize,
            };
            size.clamp(1, most) - 1
        };
        self.decide(most, size) + 1
    }

    /// One of them, the simplest first.
    pub fn one_of<T: Clone>(&mut self, options: &[T]) -> T {
        options[self.below(options.len())].clone()
    }

    /// Yes as often as no, which is the simpler one.
    pub fn chance(&mut self) -> bool {
        self.below(2) == 1
    }

    /// Yes once in `times`.
    pub fn one_in(&mut self, times: usize) -> bool {
        self.decide(2, |random, _| usize::from(random.random_range(0..times.max(1)) == 0)) == 1
    }

    /// A part of `0..whole` that is not empty.
    pub fn part(&mut self, whole: usize) -> std::ops::Range<usize> {
        let start = self.below(whole);
        start..start + self.size(whole - start)
    }

    /// Once in eight times, `case` with a NaN somewhere in input number `index` (of those present), which is of floats.
    #[must_use]
    pub fn poisoned(&mut self, case: Case, index: usize) -> Case {
        if !self.one_in(8) {
            return case;
        }
        let Some(shape) = present(&case, index) else { return case };
        let mut values: Vec<f32> = (0..shape.elements()).map(|at| (at as f32).sin()).collect();
        let nan = self.below(values.len());
        values[nan] = f32::NAN;
        case.given(index, Tensor::f32(shape, values))
    }

    /// Sometimes, `case` with limits so small that the call must be cut into pieces, or its workgroups folded into two
    /// dimensions.
    #[must_use]
    pub fn limited(&mut self, case: Case) -> Case {
        /// No binding is smaller on any device.
        const SMALLEST_BINDING: u64 = 4096;
        let bytes = case.call.operands().into_iter().flatten().map(|shape| Element::F32.bytes_of(shape.elements()));
        let largest = bytes.max().unwrap_or(0);
        let case = match self.one_in(4) {
            true => case.binding_bytes((largest / 2).next_multiple_of(256).max(SMALLEST_BINDING)),
            false => case,
        };
        if self.one_in(6) { case.workgroups(32) } else { case }
    }
}

/// The shape of input number `index` of those present.
fn present(case: &Case, index: usize) -> Option<Shape> {
    let operands = case.call.family().bindings.iter().zip(case.call.operands());
    let read = operands.filter(|(binding, _)| binding.access.reads());
    read.filter_map(|(_, shape)| shape).nth(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(draw: &mut Draw) -> (usize, usize, &'static str, std::ops::Range<usize>) {
        (draw.size(300), draw.below(7), draw.one_of(&["a", "b", "c"]), draw.part(20))
    }

    #[test]
    fn what_is_recorded_is_drawn_again() {
        for number in 0..200 {
            let mut draw = Draw::random(5, number);
            let first = drawn(&mut draw);
            assert!((1..=300).contains(&first.0) && first.1 < 7 && !first.3.is_empty() && first.3.end <= 20);
            let mut again = Draw::recorded(draw.decisions().to_vec());
            assert_eq!(drawn(&mut again), first);
            assert_eq!(again.decisions(), draw.decisions());
        }
        assert_eq!(drawn(&mut Draw::recorded(Vec::new())), (1, 0, "a", 0..1));
        assert_eq!(drawn(&mut Draw::recorded(vec![u32::MAX; 9])), (300, 6, "c", 19..20));
    }

    #[test]
    fn seeds_and_numbers_decide() {
        let sizes = |seed, number| {
            let mut draw = Draw::random(seed, number);
            (0..20).map(|_| draw.size(1000)).collect::<Vec<_>>()
        };
        assert_eq!(sizes(1, 2), sizes(1, 2));
        assert!(sizes(1, 2) != sizes(2, 2) && sizes(1, 2) != sizes(1, 3));
    }

    #[test]
    fn sizes_are_small_and_large_and_beside_powers_of_two() {
        let mut draw = Draw::random(0, 0);
        let sizes: Vec<_> = (0..3000).map(|_| draw.size(300)).collect();
        for size in [1, 2, 3, 63, 64, 65, 255, 256, 257, 300] {
            assert!(sizes.contains(&size), "{size}");
        }
        assert!(sizes.iter().filter(|size| **size > 100).count() > 100);
    }
}
