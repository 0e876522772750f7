//! A data set in parts.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::tensor::{Error, Result};

/// One of several equal parts of a manifest: part 2 of 3 has the rows 1, 4, 7, … counted from 0. Each part has long and
/// short videos, and all classes of a sorted manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Shard {
    number: usize,
    of: usize,
}

impl Shard {
    /// The manifest in one part.
    pub const WHOLE: Self = Self { number: 1, of: 1 };

    /// Shard `number`, counted from 1, of `of`.
    pub fn new(number: usize, of: usize) -> Result<Self> {
        match number >= 1 && number <= of {
            true => Ok(Self { number, of }),
            false => Err(Error::usage(format!("there is no shard {number}/{of}; of {of}, the first is 1/{of}"))),
        }
    }

    /// Which part, counted from 1.
    pub fn number(self) -> usize {
        self.number
    }

    /// How many parts there are.
    pub fn of(self) -> usize {
        self.of
    }

    /// Whether the manifest's row `row`, counted from 0, is in this part.
    pub fn contains(self, row: usize) -> bool {
        row % self.of == self.number - 1
    }

    /// The rows of this part, of a manifest of `rows`.
    pub fn rows(self, rows: usize) -> impl Iterator<Item = usize> {
        (self.number - 1..rows).step_by(self.of)
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl FromStr for Shard {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let numbers = text.split_once('/').and_then(|(number, of)| Some((number.parse().ok()?, of.parse().ok()?)));
        let (number, of) = numbers
            .ok_or_else(|| Error::usage(format!("a shard is written as 2/3, the second of three, not {text:?}")))?;
        Self::new(number, of)
    }
}

impl From<Shard> for String {
    fn from(shard: Shard) -> Self {
        shard.to_string()
    }
}

impl TryFrom<String> for Shard {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_in_one_shard() {
        let shards: Vec<Shard> = ["1/3", "2/3", "3/3"].map(|text| text.parse().unwrap()).to_vec();
        for row in 0..20 {
            let holders: Vec<usize> = shards.iter().filter(|shard| shard.contains(row)).map(|s| s.number()).collect();
            assert_eq!(holders, [row % 3 + 1]);
        }
        assert_eq!(shards[1].rows(8).collect::<Vec<_>>(), [1, 4, 7]);
        assert_eq!(Shard::WHOLE.rows(3).collect::<Vec<_>>(), [0, 1, 2]);
    }

    #[test]
    fn shards_that_cannot_be_are_refused() {
        for text in ["0/3", "4/3", "1/0", "3", "a/b", "1/2/3", "-1/2"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
        assert_eq!(serde_json::to_string(&Shard::new(2, 3).unwrap()).unwrap(), "\"2/3\"");
        assert!(serde_json::from_str::<Shard>("\"3/2\"").is_err());
    }
}
