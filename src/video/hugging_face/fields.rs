//! The JSON files beside a model's weights, read field by field so that a refusal names the field.

use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::tensor::printable;

/// The fields of one file. Every error ends a sentence that begins with the file.
pub(crate) struct Fields(Map<String, Value>);

impl Fields {
    /// The fields in `text`; what it is instead where it holds none: `not JSON (…): download it again`.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let instead = match serde_json::from_str(text) {
            Ok(Value::Object(fields)) => return Ok(Self(fields)),
            Ok(other) => format!("{}, but must be fields in braces", kind(&other)),
            Err(_) if text.trim().is_empty() => "empty".to_owned(),
            Err(error) => format!("not JSON ({error})"),
        };
        Err(format!("{instead}: download it again"))
    }

    /// The fields in the field `name`, none where it is absent.
    pub(crate) fn nested(&self, name: &str) -> Result<Self, String> {
        Ok(Self(self.get(name, "fields in braces", Map::new())?))
    }

    /// The value of the field `name`, `default` where there is none.
    ///
    /// The error is `NAME is VALUE, but must be MUST_BE`. An optional value may also be `null`.
    pub(crate) fn get<V: DeserializeOwned>(&self, name: &str, must_be: &str, default: V) -> Result<V, String> {
        match self.0.get(name) {
            None => Ok(default),
            Some(value) => V::deserialize(value)
                .map_err(|_| format!("{name} is {}, but must be {must_be}", shortened(&value.to_string()))),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "only true or false",
        Value::Number(_) => "only a number",
        Value::String(_) => "only a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// A text of a file as far as it fits a sentence.
pub(crate) fn shortened(text: &str) -> String {
    const LONGEST: usize = 60;
    printable(text, LONGEST)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal<V: DeserializeOwned>(text: &str, default: V) -> String {
        match Fields::parse(text).unwrap().get("size", "a whole number", default) {
            Ok(_) => panic!("{text} was accepted"),
            Err(error) => error,
        }
    }

    #[test]
    fn absent_fields_have_their_default() {
        let fields = Fields::parse(r#"{"a": 1, "b": null}"#).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(fields.get("a", "", 2), Ok(1));
        assert_eq!(fields.get("c", "", 2), Ok(2));
        assert_eq!(fields.get("b", "", Some(2)), Ok(None));
    }

    #[test]
    fn a_wrong_field_is_named_with_its_value() {
        assert_eq!(refusal(r#"{"size": "64"}"#, 0usize), r#"size is "64", but must be a whole number"#);
        assert_eq!(refusal(r#"{"size": 64.5}"#, 0usize), "size is 64.5, but must be a whole number");
        assert_eq!(refusal(r#"{"size": null}"#, 0usize), "size is null, but must be a whole number");
        let long = refusal(&format!(r#"{{"size": "{}"}}"#, "é".repeat(1000)), Some(0usize));
        assert!(long.contains("é…, but must be") && long.chars().count() < 110, "{long}");
    }

    #[test]
    fn what_has_no_fields_is_said() {
        for (text, instead) in [
            ("", "empty"),
            (" \n", "empty"),
            ("[1]", "a list, but must be fields"),
            ("3", "only a number"),
            ("{\"a\": 1", "not JSON (EOF while parsing"),
            ("hello", "not JSON (expected value at line 1"),
        ] {
            let Err(error) = Fields::parse(text) else { panic!("{text} was accepted") };
            assert!(error.starts_with(instead) && error.ends_with(": download it again"), "{error}");
        }
    }
}
