//! How many floats lie between what was computed and what was expected.

use serde::ser::{Serialize, SerializeSeq, Serializer};
use serde_json::json;

use crate::tensor::{Data, Tensor};

/// How elements are spread over distances in units of the last place (ULPs), which double from one bucket to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ulps {
    /// Elements that are equal, off by 1, by 2, by up to 4, by up to 8, and so on.
    buckets: [u64; BUCKETS],
    /// Elements of which only one side is a number, and words that differ.
    incomparable: u64,
}

/// Equal, and up to each power of two that a distance between two floats can reach.
const BUCKETS: usize = 34;

impl Default for Ulps {
    fn default() -> Self {
        Self { buckets: [0; BUCKETS], incomparable: 0 }
    }
}

impl Ulps {
    /// Of two tensors of one shape; nothing where their elements are of different types.
    pub fn between(actual: &Tensor, expected: &Tensor) -> Self {
        let mut ulps = Self::default();
        match (actual.data(), expected.data()) {
            (Data::F32(actual), Data::F32(expected)) => {
                actual.iter().zip(expected).for_each(|(actual, expected)| ulps.add(distance(*actual, *expected)));
            }
            (Data::F16(actual), Data::F16(expected)) => {
                let halves = actual.iter().zip(expected);
                halves.for_each(|(actual, expected)| ulps.add((actual == expected).then_some(0)));
            }
            (Data::U32(actual), Data::U32(expected)) => {
                let words = actual.iter().zip(expected);
                words.for_each(|(actual, expected)| ulps.add((actual == expected).then_some(0)));
            }
            _ => {}
        }
        ulps
    }

    /// Adds those of `other`.
    pub fn merge(&mut self, other: &Self) {
        self.buckets.iter_mut().zip(other.buckets).for_each(|(own, other)| *own += other);
        self.incomparable += other.incomparable;
    }

    /// All elements.
    pub fn elements(&self) -> u64 {
        self.buckets.iter().sum::<u64>() + self.incomparable
    }

    /// Buckets that are not empty: the largest distance in it (`None` for what cannot be compared), and its elements.
    pub fn spread(&self) -> Vec<(Option<u64>, u64)> {
        let numbers = self.buckets.iter().enumerate().map(|(bucket, elements)| (Some(largest(bucket)), *elements));
        numbers.chain([(None, self.incomparable)]).filter(|(_, elements)| *elements > 0).collect()
    }

    /// The distance that this share of the elements keeps to, rounded up to a power of two; `None` where it takes elements
    /// that cannot be compared, or there are none.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let wanted = (share * self.elements() as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        self.buckets.iter().enumerate().find_map(|(bucket, elements)| {
            seen += elements;
            (seen >= wanted).then(|| largest(bucket))
        })
    }

    fn add(&mut self, distance: Option<u64>) {
        match distance {
            None => self.incomparable += 1,
            Some(0) => self.buckets[0] += 1,
            Some(distance) => {
                let bucket = 1 + distance.next_power_of_two().trailing_zeros() as usize;
                self.buckets[bucket.min(BUCKETS - 1)] += 1;
            }
        }
    }
}

/// The largest distance in a bucket.
fn largest(bucket: usize) -> u64 {
    bucket.checked_sub(1).map_or(0, |power| 1 << power)
}

/// Floats from one to the other; `None` where only one side is a number. Infinity is the float after the largest.
fn distance(actual: f32, expected: f32) -> Option<u64> {
    // Floats of one sign are ordered as their bits are.
    let ordered = |value: f32| {
        let magnitude = i64::from(value.to_bits() & 0x7fff_ffff);
        if value.is_sign_negative() { -magnitude } else { magnitude }
    };
    match (actual.is_nan(), expected.is_nan()) {
        (true, true) => Some(0),
        (false, false) => Some(ordered(actual).abs_diff(ordered(expected))),
        _ => None,
    }
}

/// As a list of `{"up_to": ULPs, "elements": …}`, with `null` for what cannot be compared.
impl Serialize for Ulps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let spread = self.spread();
        let mut sequence = serializer.serialize_seq(Some(spread.len()))?;
        for (up_to, elements) in spread {
            sequence.serialize_element(&json!({ "up_to": up_to, "elements": elements }))?;
        }
        sequence.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_apart_on_either_side_of_zero() {
        for value in [1.0f32, -1.0, 0.0, f32::MIN_POSITIVE, 1e30, -7.5] {
            assert_eq!(distance(value.next_up(), value), Some(1), "{value}");
            assert_eq!(distance(value.next_down(), value), Some(1), "{value}");
        }
        assert_eq!(distance(-0.0, 0.0), Some(0));
        assert_eq!(distance(f32::INFINITY, f32::MAX), Some(1));
        assert_eq!(distance(f32::NAN, f32::NAN), Some(0));
        assert_eq!((distance(f32::NAN, 0.0), distance(0.0, f32::NAN)), (None, None));
        assert_eq!(distance(f32::INFINITY, f32::NEG_INFINITY), Some(2 * 0x7f80_0000));
    }

    #[test]
    fn elements_fall_into_buckets_and_quantiles() {
        let expected = vec![1.0f32; 8];
        let mut actual = expected.clone();
        actual[1] = 1.0f32.next_up();
        actual[2] = f32::from_bits(1.0f32.to_bits() + 3);
        actual[3] = f32::NAN;
        let tensor = |values| Tensor::f32([8], values).unwrap();
        let ulps = Ulps::between(&tensor(actual), &tensor(expected));
        assert_eq!(ulps.spread(), [(Some(0), 5), (Some(1), 1), (Some(4), 1), (None, 1)]);
        assert_eq!((ulps.elements(), ulps.quantile(0.5), ulps.quantile(0.8)), (8, Some(0), Some(4)));
        assert_eq!((ulps.quantile(1.0), Ulps::default().quantile(0.5)), (None, None));
        let json = serde_json::to_value(&ulps).unwrap();
        assert_eq!(json[1], json!({ "up_to": 1, "elements": 1 }));
        assert_eq!(json[3]["up_to"], serde_json::Value::Null);
        let mut both = ulps.clone();
        both.merge(&ulps);
        assert_eq!(both.elements(), 16);
    }
}
