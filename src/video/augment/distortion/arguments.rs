//! What a magnitude means to each operation.

use super::Oddities;

/// The magnitude as a part of 10.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arguments {
    level: f64,
}

impl Arguments {
    pub(super) fn of(magnitude: u32) -> Self {
        Self { level: f64::from(magnitude) / 10.0 }
    }

    /// Of a blend: 0 gives its first picture, 1 the second, more goes beyond.
    pub(super) fn factor(self) -> f32 {
        (self.level * 1.8 + 0.1) as f32
    }

    /// Bits that Posterize keeps, 0 to 8.
    pub(super) fn bits(self, oddities: &Oddities) -> u32 {
        let bits = (self.level * 4.0) as u32;
        if !oddities.wrapped_bits {
            return bits.min(8);
        }
        // The number of cleared bits is a byte, and a shift by more than 7 one by 7.
        8 - u32::from(8u8.wrapping_sub(bits as u8).min(7))
    }

    /// The byte from which on Solarize inverts; 256 inverts nothing.
    pub(super) fn threshold(self, oddities: &Oddities) -> u32 {
        let threshold = (self.level * 256.0) as u64;
        match oddities.wrapped_threshold {
            true => (threshold % 256) as u32,
            false => threshold.min(256) as u32,
        }
    }

    /// What SolarizeAdd adds.
    pub(super) fn addition(self) -> u8 {
        // Stops at 255, as the sum would.
        (self.level * 110.0) as u8
    }

    /// Half the side of Cutout's square.
    pub(super) fn reach(self) -> usize {
        (self.level * 40.0) as usize
    }
}
