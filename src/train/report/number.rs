//! Numbers of a record that may be none: JSON has no words for those, so they are the texts `NaN`, `inf` and `-inf`.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number or the text that stands for one.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Written {
    Number(f32),
    Text(String),
}

impl Written {
    fn of(value: f32) -> Self {
        if value.is_finite() { Self::Number(value) } else { Self::Text(value.to_string()) }
    }

    fn read<E: serde::de::Error>(self) -> Result<f32, E> {
        match self {
            Self::Number(value) => Ok(value),
            Self::Text(text) => text.parse().map_err(|_| E::custom(format!("{text} is no number"))),
        }
    }
}

pub(super) fn serialize<S: Serializer>(value: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    Written::of(*value).serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    Written::deserialize(deserializer)?.read()
}

/// The same of a number that may be missing.
pub(super) mod optional {
    use super::{Deserialize, Deserializer, Serialize, Serializer, Written};

    pub(in super::super) fn serialize<S: Serializer>(value: &Option<f32>, serializer: S) -> Result<S::Ok, S::Error> {
        value.map(Written::of).serialize(serializer)
    }

    pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<f32>, D::Error> {
        Option::<Written>::deserialize(deserializer)?.map(Written::read).transpose()
    }
}
