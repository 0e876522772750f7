//! The smallest case that still fails.

use std::time::{Duration, Instant};

/// How long to look for a smaller case.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    runs: usize,
    until: Option<Instant>,
}

impl Patience {
    /// At most so many runs in so much time.
    pub(super) fn new(runs: usize, time: Duration) -> Self {
        Self { runs, until: Instant::now().checked_add(time) }
    }

    /// Whether there is enough for one more run, which is counted.
    pub(super) fn one_more(&mut self) -> bool {
        let more = self.runs > 0 && self.until.is_none_or(|until| Instant::now() < until);
        self.runs = self.runs.saturating_sub(1);
        more
    }
}

/// Makes `decisions`, of a case that fails, smaller one by one until none can be lowered without the case passing, or
/// `patience` ends.
///
/// `fails` runs the case of some decisions: those that it really took where it fails, else `None`.
pub(super) fn smallest(
    decisions: Vec<u32>,
    patience: &mut Patience,
    fails: &mut dyn FnMut(&[u32]) -> Option<Vec<u32>>,
) -> Vec<u32> {
    let mut smallest = Smallest { decisions, patience, fails };
    loop {
        let before = smallest.decisions.clone();
        let mut index = 0;
        while index < smallest.decisions.len() {
            smallest.lower(index);
            index += 1;
        }
        if smallest.decisions == before {
            return before;
        }
    }
}

struct Smallest<'a> {
    decisions: Vec<u32>,
    patience: &'a mut Patience,
    fails: &'a mut dyn FnMut(&[u32]) -> Option<Vec<u32>>,
}

impl Smallest<'_> {
    /// Finds the smallest decision at `index` with which the case fails: 0, or one whose neighbour below passes.
    fn lower(&mut self, index: usize) {
        let mut passes = 0;
        if self.decisions[index] == 0 || self.fails_with(index, 0) {
            return;
        }
        while self.decisions.get(index).is_some_and(|fails| fails - passes > 1) {
            let middle = passes + (self.decisions[index] - passes) / 2;
            if !self.fails_with(index, middle) {
                passes = middle;
            }
        }
    }

    /// Whether the case fails with `decision` at `index`; then it is taken.
    fn fails_with(&mut self, index: usize, decision: u32) -> bool {
        let mut candidate = self.decisions.clone();
        candidate[index] = decision;
        if !self.patience.one_more() {
            return false;
        }
        match (self.fails)(&candidate) {
            Some(taken) if taken < self.decisions => {
                self.decisions = taken;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shrunk(decisions: &[u32], fails: impl Fn(&[u32]) -> bool) -> (Vec<u32>, usize) {
        let (mut runs, mut patience) = (0, Patience::new(10_000, Duration::from_secs(60)));
        let found = smallest(decisions.to_vec(), &mut patience, &mut |candidate| {
            runs += 1;
            fails(candidate).then(|| candidate.to_vec())
        });
        (found, runs)
    }

    #[test]
    fn each_decision_becomes_as_small_as_it_can() {
        let (found, runs) = shrunk(&[900, 33, 7, 1], |case| case[0] >= 64 && case[2] > 2);
        assert_eq!(found, [64, 0, 3, 0]);
        assert!(runs < 60, "{runs} runs");
        assert_eq!(shrunk(&[5, 5], |case| case[0] + case[1] >= 4).0, [0, 4]);
        assert_eq!(shrunk(&[3, 1], |_| true).0, [0, 0]);
        assert_eq!(shrunk(&[3, 1], |case| case == [3, 1]).0, [3, 1]);
    }

    #[test]
    fn it_ends_when_patience_does() {
        let mut runs = 0;
        let mut patience = Patience::new(5, Duration::from_secs(60));
        smallest(vec![u32::MAX; 40], &mut patience, &mut |_| {
            runs += 1;
            None
        });
        assert_eq!(runs, 5);
        assert!(!Patience::new(5, Duration::ZERO).one_more());
    }

    /// A case may take fewer decisions, or others than it was given.
    #[test]
    fn what_was_taken_counts() {
        let mut patience = Patience::new(1000, Duration::from_secs(60));
        let found = smallest(vec![9, 9, 9], &mut patience, &mut |candidate| {
            (candidate[0] > 4).then(|| candidate[..candidate.len().min(2)].to_vec())
        });
        assert_eq!(found, [5, 0]);
    }
}
