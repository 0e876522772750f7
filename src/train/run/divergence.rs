//! A loss that grows beyond all bounds.

use crate::tensor::{Error, ErrorKind, Result};

/// Watches the loss: where it stays far above that of a model that knows nothing, the weights have run away.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Divergence {
    bound: f64,
    /// The exponential mean of the loss.
    mean: Option<f64>,
}

/// How many times the loss of a model that knows nothing is too much. A new head on a trained model begins near 1.
const TOO_MUCH: f64 = 5.0;

/// Steps that the mean is over, about: one batch alone says little.
const STEPS: f64 = 20.0;

impl Divergence {
    /// Of a task whose loss is `unknowing` for a model that knows nothing.
    pub(super) fn new(unknowing: f64) -> Self {
        // Of one class alone it is 0.
        Self { bound: TOO_MUCH * unknowing.max(1.0), mean: None }
    }

    /// Adds the loss of step `step`, counted from 0, and the weights with the longest gradient where they are known; an error
    /// where the loss has run away.
    pub(super) fn add(&mut self, step: u64, loss: f64, longest: Option<&str>) -> Result<()> {
        // A beginning without knowledge is not yet a divergence.
        let mean = self.mean.unwrap_or(loss.min(self.bound));
        let mean = mean + (loss - mean) / STEPS;
        self.mean = Some(mean);
        if mean <= self.bound {
            return Ok(());
        }
        let layer = longest.map_or(String::new(), |name| format!("; the longest gradient is that of {name}"));
        Err(Error::new(
            ErrorKind::Device,
            format!(
                "step {}: the loss diverges, to {mean:.3} over the last steps; go on from weights before it at a lower \
                 learning rate{layer}",
                step + 1
            ),
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_single_bad_batch_is_no_divergence_and_many_are() {
        let mut watch = Divergence::new(3f64.ln());
        (0..50).for_each(|step| watch.add(step, 1.1, None).unwrap());
        watch.add(50, 40.0, None).unwrap();
        let errors: Vec<_> = (51..90).filter_map(|step| watch.add(step, 40.0, Some("cls")).err()).collect();
        assert!(errors.len() > 30, "{}", errors.len());
        let message = errors[0].to_string();
        assert!(message.contains("diverges") && message.contains("cls"), "{message}");
    }
}
