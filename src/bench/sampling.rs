//! When a row has been warmed up, when it has been sampled enough, and in which order the rows of a comparison take turns.
//!
//! Nothing here looks at a clock: what is timed says how long it took, so that the rules are tested without waiting.

use super::{Clock, Samples, WarmUp};
use crate::tensor::{Error, Result};

/// One run of a row.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Sample {
    /// Seconds by the host's clock.
    pub(super) wall: f64,
    /// Seconds by the device's time stamps.
    pub(super) device: Option<f64>,
    /// CPU seconds of the process.
    pub(super) cpu: Option<f64>,
    /// Seconds that taking the sample took: more than `wall` where a pass with time stamps stands beside it.
    pub(super) spent: f64,
}

impl Sample {
    /// Seconds on `clock`; on the host's where that does not exist.
    pub(super) fn on(&self, clock: Clock) -> f64 {
        let told = match clock {
            Clock::Wall => None,
            Clock::Device => self.device,
            Clock::Cpu => self.cpu,
        };
        told.unwrap_or(self.wall)
    }
}

/// What a run is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// To warm up.
    WarmUp,
    /// To be a sample.
    Sample,
}

/// What is timed.
pub(super) trait Timed {
    /// The clock that decides.
    fn clock(&self) -> Clock;

    /// Does the work once.
    fn take(&mut self, purpose: Purpose) -> Result<Sample>;
}

/// How long a row is measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Rules {
    /// Seconds that a row may take, warm-up and samples together; each has one run at least, and the samples are
    /// [`LEAST_SAMPLES`] where that takes no more than [`STRETCH`] times as long.
    pub(super) row_seconds: f64,
    /// Samples that are enough.
    pub(super) samples: usize,
    /// Seconds of samples that are enough.
    pub(super) seconds: f64,
    /// Whether there is a warm-up.
    pub(super) warm: bool,
}

/// Samples that are enough, unless more are asked for.
pub(super) const ENOUGH_SAMPLES: usize = 20;
/// Seconds of samples that are enough, unless more are asked for.
pub(super) const ENOUGH_SECONDS: f64 = 2.0;
/// Samples from which a spread can be told, so that two runs can be compared.
const LEAST_SAMPLES: usize = 3;
/// How many times a row's time may pass before it is left with fewer.
pub(super) const STRETCH: f64 = 4.0;
/// The share of a row's time that its warm-up may take.
const WARM_UP_SHARE: f64 = 0.5;
/// Runs that a median is of, and medians that have to agree.
const SUCCESSIVE: usize = 3;
/// How far apart they may be, as a share of the least.
const AGREEMENT: f64 = 0.02;

/// What was sampled of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sampled {
    pub(super) samples: Samples,
    pub(super) warm_up: WarmUp,
    pub(super) enough: bool,
}

/// Warms `rows` up, then samples them; both in turn, A B C A B C, so that what disturbs one disturbs all. A row that has
/// enough, or has spent its time, is passed over. One that fails leaves the others to go on.
pub(super) fn sample_in_turn(rows: &mut [&mut dyn Timed], rules: &Rules) -> Vec<Result<Sampled>> {
    let mut states: Vec<RowState> = rows.iter().map(|_| RowState::default()).collect();
    for purpose in [Purpose::WarmUp, Purpose::Sample] {
        loop {
            let mut over = true;
            for (row, state) in rows.iter_mut().zip(&mut states) {
                if state.wants(purpose, rules) {
                    over = false;
                    state.run(&mut **row, purpose);
                }
            }
            if over {
                break;
            }
        }
    }
    states.into_iter().map(|state| state.finish(rules)).collect()
}

/// How far a row is.
#[derive(Default)]
struct RowState {
    /// Seconds of the runs of the warm-up.
    warm: Vec<f64>,
    /// Seconds that they took with all that stood beside them.
    warming: f64,
    samples: Samples,
    /// Seconds of the samples on the clock that decides.
    sampled: f64,
    /// Seconds of the row's time that have gone.
    spent: f64,
    error: Option<Error>,
}

impl RowState {
    fn wants(&self, purpose: Purpose, rules: &Rules) -> bool {
        if self.error.is_some() {
            return false;
        }
        match purpose {
            Purpose::WarmUp => {
                let time_left = self.warm.is_empty() || self.spent < WARM_UP_SHARE * rules.row_seconds;
                rules.warm && time_left && !settled(&self.warm)
            }
            Purpose::Sample => {
                let few = self.samples.wall.len() < LEAST_SAMPLES.min(rules.samples);
                self.samples.wall.is_empty()
                    || (self.spent < rules.row_seconds && !self.enough(rules))
                    || (self.spent < STRETCH * rules.row_seconds && few)
            }
        }
    }

    fn enough(&self, rules: &Rules) -> bool {
        self.samples.wall.len() >= rules.samples || self.sampled >= rules.seconds
    }

    fn run(&mut self, row: &mut dyn Timed, purpose: Purpose) {
        let sample = match row.take(purpose) {
            Ok(sample) => sample,
            Err(error) => return self.error = Some(error),
        };
        self.spent += sample.spent;
        let seconds = sample.on(row.clock());
        match purpose {
            Purpose::WarmUp => {
                self.warm.push(seconds);
                self.warming += sample.spent;
            }
            Purpose::Sample => {
                self.sampled += seconds;
                self.samples.wall.push(sample.wall);
                self.samples.device.extend(sample.device);
                self.samples.cpu.extend(sample.cpu);
            }
        }
    }

    fn finish(self, rules: &Rules) -> Result<Sampled> {
        let enough = self.samples.wall.len() >= ENOUGH_SAMPLES || self.sampled >= ENOUGH_SECONDS;
        match self.error {
            Some(error) => Err(error),
            None => Ok(Sampled {
                warm_up: WarmUp {
                    runs: self.warm.len(),
                    seconds: self.warming,
                    settled: !rules.warm || settled(&self.warm),
                },
                samples: self.samples,
                enough,
            }),
        }
    }
}

/// Whether the last three medians, each of three successive runs, agree.
fn settled(runs: &[f64]) -> bool {
    let medians: Vec<f64> = runs.windows(SUCCESSIVE).map(|runs| quantile(runs, 0.5)).collect();
    let Some(first) = medians.len().checked_sub(SUCCESSIVE) else { return false };
    let (least, most) = medians[first..]
        .iter()
        .fold((f64::INFINITY, 0.0f64), |(least, most), median| (least.min(*median), most.max(*median)));
    most <= least * (1.0 + AGREEMENT)
}

/// The value below which this share of `samples` lies, between two of them in proportion; 0 for none.
pub(super) fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let place = share * (sorted.len().max(1) - 1) as f64;
    let (below, above) = (place.floor() as usize, place.ceil() as usize);
    match (sorted.get(below), sorted.get(above)) {
        (Some(low), Some(high)) => low + (high - low) * (place - below as f64),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use approx::assert_relative_eq;

    use super::*;

    /// Takes the seconds that it is told, the last for ever, and notes its name.
    struct Scripted<'a> {
        name: char,
        seconds: Vec<f64>,
        runs: usize,
        order: &'a RefCell<String>,
    }

    impl Timed for Scripted<'_> {
        fn clock(&self) -> Clock {
            Clock::Wall
        }

        fn take(&mut self, purpose: Purpose) -> Result<Sample> {
            self.order.borrow_mut().push(if purpose == Purpose::WarmUp {
                self.name.to_ascii_lowercase()
            } else {
                self.name
            });
            let wall = self.seconds[self.runs.min(self.seconds.len() - 1)];
            self.runs += 1;
            if wall < 0.0 {
                Err(Error::usage("it fails"))
            } else {
                Ok(Sample { wall, spent: wall, ..Sample::default() })
            }
        }
    }

    const RULES: Rules = Rules { row_seconds: 10.0, samples: ENOUGH_SAMPLES, seconds: ENOUGH_SECONDS, warm: true };

    /// What comes of rows that take these seconds, and the order in which they ran.
    fn sampled(rows: &[(char, &[f64])], rules: &Rules) -> (Vec<Result<Sampled>>, String) {
        let order = RefCell::new(String::new());
        let scripted = |(name, seconds): &(char, &[f64])| Scripted {
            name: *name,
            seconds: seconds.to_vec(),
            runs: 0,
            order: &order,
        };
        let mut rows: Vec<_> = rows.iter().map(scripted).collect();
        let mut timed: Vec<&mut dyn Timed> = rows.iter_mut().map(|row| row as &mut dyn Timed).collect();
        let found = sample_in_turn(&mut timed, rules);
        drop(timed);
        drop(rows);
        (found, order.into_inner())
    }

    fn one(seconds: &[f64], rules: &Rules) -> Sampled {
        sampled(&[('A', seconds)], rules).0.remove(0).unwrap()
    }

    #[test]
    fn quantiles_lie_between_samples() {
        let samples = [5.0, 1.0, 3.0, 2.0, 4.0];
        for (share, expected) in [(0.0, 1.0), (0.2, 1.8), (0.5, 3.0), (0.8, 4.2), (1.0, 5.0)] {
            assert_relative_eq!(quantile(&samples, share), expected);
        }
        assert_relative_eq!(quantile(&[7.0], 0.8), 7.0);
        assert_relative_eq!(quantile(&[], 0.5), 0.0);
    }

    #[test]
    fn a_row_is_warm_when_three_medians_agree() {
        let found = one(&[0.9, 0.5, 0.2, 0.101, 0.1], &RULES);
        // The medians are 0.5, 0.2, 0.101, 0.1, 0.1.
        assert_eq!((found.warm_up.runs, found.warm_up.settled), (7, true));
        assert_relative_eq!(found.warm_up.seconds, 0.9 + 0.5 + 0.2 + 0.101 + 0.3, epsilon = 1e-12);
        assert_eq!((found.samples.wall.len(), found.enough), (20, true));
    }

    #[test]
    fn a_row_that_does_not_settle_says_so() {
        let seconds: Vec<f64> = (0..1000).map(|run| 0.1 * 1.05f64.powi(run)).collect();
        let found = one(&seconds, &RULES);
        assert!(!found.warm_up.settled);
        assert!(found.warm_up.seconds >= 5.0 && found.warm_up.seconds < 6.0, "{:?}", found.warm_up);
    }

    #[test]
    fn a_row_spends_no_more_than_its_time() {
        let found = one(&[3.0], &RULES);
        assert_eq!((found.warm_up.runs, found.warm_up.settled), (2, false));
        // One sample reaches the two seconds that are enough; three tell a spread.
        assert_eq!((found.samples.wall.len(), found.enough), (3, true));
        for (seconds, samples) in [(0.25, 3), (0.3, 3), (1.5, 2), (5.0, 1)] {
            let found = one(&[seconds], &Rules { row_seconds: 1.0, ..RULES });
            assert_eq!(found.samples.wall.len(), samples, "{seconds}");
        }
        let found = one(&[1.5], &Rules { row_seconds: 0.0, ..RULES });
        assert_eq!((found.warm_up.runs, found.samples.wall.len(), found.enough), (1, 1, false));
    }

    #[test]
    fn rows_take_turns() {
        let rules = Rules { samples: 3, ..RULES };
        let (found, order) = sampled(&[('A', &[0.1]), ('B', &[0.1]), ('C', &[2.0])], &rules);
        assert!(found.iter().all(Result::is_ok));
        // C has spent half of its time after three runs.
        assert_eq!(order, "abcabcabcababABCABCABC");
        let (_, cold) = sampled(&[('A', &[0.1]), ('B', &[0.1])], &Rules { warm: false, ..rules });
        assert_eq!(cold, "ABABAB");
    }

    #[test]
    fn a_row_that_fails_leaves_the_others() {
        let (found, order) = sampled(&[('A', &[0.1, -1.0]), ('B', &[0.1])], &Rules { samples: 2, ..RULES });
        assert!(found[0].is_err() && found[1].as_ref().is_ok_and(|row| row.samples.wall.len() == 2));
        assert_eq!(order, "ababbbbBB");
    }
}
