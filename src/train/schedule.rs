//! The learning rate of each step.

use std::f64::consts::PI;

use crate::tensor::{Error, Result};

/// A learning rate that rises linearly and then falls along half a cosine, step by step (spec §8.3):
/// `peak · min(1, s/W) · ½(1 + cos(π · max(0, s − W) / (S − ⌊W⌋)))` at step s of S, counted from 0, with W steps of warm-up.
///
/// ```
/// use tubelet::train::RateSchedule;
///
/// // 30 epochs of 3356 steps, of which 2.5 warm up.
/// let schedule = RateSchedule::new(0.1, 8390.0, 100_680)?;
/// assert_eq!((schedule.rate(0)?, schedule.rate(4195)?, schedule.rate(8390)?), (0.0, 0.05, 0.1));
/// # Ok::<(), tubelet::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RateSchedule {
    peak: f64,
    warmup: f64,
    steps: u64,
}

impl RateSchedule {
    /// `steps` steps (S) to take, of which the first `warmup` (W), a fraction too, rise to `peak`. Without warm-up the first
    /// step has the peak; with it, 0.
    ///
    /// # Errors
    ///
    /// A peak that is negative or no number; a warm-up that is, or that leaves no step after it.
    pub fn new(peak: f64, warmup: f64, steps: u64) -> Result<Self> {
        if !(peak.is_finite() && peak >= 0.0) {
            return Err(Error::usage(format!(
                "the peak of a learning rate must be a number of at least 0, not {peak}"
            )));
        }
        if !(warmup.is_finite() && warmup >= 0.0) {
            return Err(Error::usage(format!("a warm-up must take at least 0 steps, not {warmup}")));
        }
        if warmup.floor() >= steps as f64 {
            return Err(Error::usage(format!(
                "a warm-up of {warmup} steps leaves none of a training of {steps}; train longer, or warm up for fewer (--warm-up)"
            )));
        }
        Ok(Self { peak, warmup, steps })
    }

    /// How many steps there are to take.
    pub fn steps(&self) -> u64 {
        self.steps
    }

    /// The rate of step number `step`, counted from 0; an error where there is no such step.
    pub fn rate(&self, step: u64) -> Result<f64> {
        if step >= self.steps {
            return Err(Error::usage(format!(
                "a schedule of {} steps has no step {step}: the last is {}",
                self.steps,
                self.steps - 1
            )));
        }
        let step = step as f64;
        let risen = if step < self.warmup { step / self.warmup } else { 1.0 };
        let fallen = (step - self.warmup).max(0.0) / (self.steps as f64 - self.warmup.floor());
        Ok(self.peak * risen * 0.5 * (1.0 + (PI * fallen).cos()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_without_sense_are_errors() {
        let message = |peak, warmup, steps| RateSchedule::new(peak, warmup, steps).unwrap_err().to_string();
        assert!(message(f64::NAN, 0.0, 3).contains("peak") && message(-0.1, 0.0, 3).contains("-0.1"));
        assert!(message(0.1, -1.0, 3).contains("warm-up") && message(0.1, f64::INFINITY, 3).contains("warm-up"));
        assert!(message(0.1, 3.0, 3).contains("leaves none of a training of 3"));
        assert!(RateSchedule::new(0.1, 0.0, 0).is_err());
        let schedule = RateSchedule::new(0.1, 2.5, 3).unwrap();
        assert_eq!(schedule.rate(1).unwrap(), 0.1 * (1.0 / 2.5));
        assert!(schedule.rate(3).unwrap_err().to_string().contains("the last is 2"));
    }

    #[test]
    fn without_warm_up_the_first_step_has_the_peak() {
        let schedule = RateSchedule::new(0.1, 0.0, 4).unwrap();
        assert_eq!((schedule.steps(), schedule.rate(0).unwrap()), (4, 0.1));
        assert!((schedule.rate(2).unwrap() - 0.05).abs() < 1e-15);
    }
}
