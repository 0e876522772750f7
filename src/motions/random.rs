//! Random numbers, the same for the same seed and key on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// A stream of random numbers.
pub(super) struct Random(ChaCha8Rng);

impl Random {
    /// The stream of `seed` that belongs to `key`: streams of two keys have nothing to do with each other.
    pub(super) fn new(seed: u64, key: &[u64]) -> Self {
        // FNV-1a, which is the same everywhere.
        let bytes = key.iter().flat_map(|part| part.to_le_bytes());
        let stream = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        random.set_stream(stream);
        Self(random)
    }

    pub(super) fn word(&mut self) -> u32 {
        self.0.next_u32()
    }

    /// At least 0 and below 1.
    pub(super) fn unit(&mut self) -> f32 {
        unit(self.word())
    }

    /// Evenly between two numbers.
    pub(super) fn between(&mut self, [low, high]: [f32; 2]) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Between two positive numbers, their logarithm evenly.
    pub(super) fn scale_between(&mut self, [low, high]: [f32; 2]) -> f32 {
        libm::expf(self.between([libm::logf(low), libm::logf(high)]))
    }

    /// One of `0..count`.
    pub(super) fn below(&mut self, count: usize) -> usize {
        ((u64::from(self.word()) * count as u64) >> 32) as usize
    }

    /// Puts values into an order of which each is as likely as any other.
    pub(super) fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last + 1));
        }
    }

    /// An angle in radians.
    pub(super) fn angle(&mut self) -> f32 {
        std::f32::consts::TAU * self.unit()
    }
}

/// A random word as a number of at least 0 and below 1, of 24 bits so that none is rounded.
pub(super) fn unit(word: u32) -> f32 {
    const RANGE: f32 = (1 << 24) as f32;
    (word >> 8) as f32 / RANGE
}

/// A word that looks random and is always the same for the same seed and cell.
pub(super) fn scattered(seed: u32, [x, y]: [u32; 2]) -> u32 {
    hashed(seed ^ hashed(x ^ hashed(y ^ 0x9e37_79b9)))
}

/// Each bit of the result depends on each bit of `word`; no two words give the same.
pub(super) fn hashed(mut word: u32) -> u32 {
    word ^= word >> 16;
    word = word.wrapping_mul(0x7feb_352d);
    word ^= word >> 15;
    word = word.wrapping_mul(0x846c_a68b);
    word ^ (word >> 16)
}
