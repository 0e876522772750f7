//! Random numbers that depend on nothing but what they are for.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rand_distr::{Beta, Distribution};

use crate::tensor::{Error, Result};

/// What random numbers are for. Each purpose has a stream of its own, so that one draw more for one of them changes no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Purpose {
    /// The order of the clips of an epoch.
    Order = 0,
    /// The frame that a clip begins with.
    Frames = 1,
    /// The factors of height and width.
    Scale = 2,
    /// The part of the picture that is seen.
    Crop = 3,
    /// Whether the picture is mirrored.
    Flip = 4,
    /// The operations of RandAugment.
    Distortions = 5,
    /// The jitter of colours.
    Colour = 6,
    /// The share of the first of two clips that are mixed.
    Mixup = 7,
    /// The branches that are left out.
    StochasticDepth = 8,
    /// The values inside of a model that are dropped.
    Dropout = 9,
}

/// All random numbers of one epoch of a training.
///
/// A number is a function of seed, epoch, the number of the clip (or batch), its purpose, and how many were drawn before it
/// for the same. The order in which clips are prepared, and by how many workers, does not matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Draws {
    seed: u64,
    epoch: u64,
}

impl Draws {
    /// Those of one epoch.
    pub const fn new(seed: u64, epoch: u64) -> Self {
        Self { seed, epoch }
    }

    /// The random numbers for one clip or batch, by its number in the epoch.
    pub fn stream(&self, number: u64, purpose: Purpose) -> RandomStream {
        let mut key = [0; 32];
        let words = [self.seed, self.epoch, number, purpose as u64];
        for (bytes, word) in key.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *bytes = word.to_le_bytes();
        }
        RandomStream(ChaCha8Rng::from_seed(key))
    }
}

/// Random numbers one after the other.
#[derive(Clone, Debug)]
pub struct RandomStream(ChaCha8Rng);

impl RandomStream {
    /// A random word.
    pub fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// Evenly from [0, 1), of 53 bits.
    pub fn unit(&mut self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        (self.0.next_u64() >> 11) as f64 * STEP
    }

    /// Evenly between `low` and `high`.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Evenly one of 0 … `count` − 1; 0 where `count` is 0.
    pub fn below(&mut self, count: usize) -> usize {
        // The high half of the product: no number is likelier than another by more than one in 2⁶⁴ / count.
        ((u128::from(self.0.next_u64()) * count as u128) >> 64) as usize
    }

    /// True with a probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// From the Beta distribution of `alpha` and `alpha`, symmetric around 1/2.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) unless `alpha` is a positive number.
    pub fn beta(&mut self, alpha: f64) -> Result<f64> {
        if !alpha.is_finite() {
            return Err(Error::usage(format!("there is no Beta distribution of alpha {alpha}; it must be finite")));
        }
        let beta = Beta::new(alpha, alpha)
            .map_err(|error| Error::usage(format!("there is no Beta distribution of alpha {alpha}: {error}")))?;
        Ok(beta.sample(&mut self.0))
    }

    /// The numbers 0 … `count` − 1 in random order, each order as likely as another.
    pub fn permutation(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for last in (1..count).rev() {
            order.swap(last, self.below(last + 1));
        }
        order
    }
}
