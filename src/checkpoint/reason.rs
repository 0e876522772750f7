//! Why JSON is not what it should be, in plain words.

use crate::tensor::printable;

/// What the parser expects, and how that is said.
const EXPECTATIONS: [(&str, &str); 14] = [
    ("usize", "a whole number"),
    ("u64", "a whole number"),
    ("u32", "a whole number"),
    ("f32", "a number"),
    ("f64", "a number"),
    ("a string", "a text"),
    ("a boolean", "true or false"),
    ("a sequence", "a list"),
    ("a tuple", "a list"),
    ("an array", "a list"),
    ("a map", "fields in braces"),
    ("struct ", "fields in braces"),
    ("internally tagged enum ", "fields in braces"),
    ("enum ", "one of its names"),
];
/// Characters of the longest reason.
const LONGEST: usize = 300;

/// The parser's complaint without the types of the program.
pub(super) fn reason(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let plain = match text.split_once(", expected ") {
        Some((found, expected)) => match EXPECTATIONS.iter().find(|(start, _)| expected.starts_with(start)) {
            Some((start, said)) => {
                let position = expected.rfind(" at line ").map_or("", |start| &expected[start..]);
                let length = match *start {
                    "a tuple" | "an array" => expected[start.len()..].trim_end_matches(position),
                    _ => "",
                };
                format!("{found}, expected {said}{length}{position}")
            }
            None => text.clone(),
        },
        None => text.clone(),
    };
    let found =
        [("invalid type: map", "fields in braces"), ("invalid type: sequence", "a list"), ("string \"", "the text \"")];
    printable(
        &found.into_iter().fold(plain, |text, (rust, said)| match rust.strip_prefix("invalid type: ") {
            Some(_) => text.replacen(rust, &format!("invalid type: {said}"), 1),
            None => text.replacen(rust, said, 1),
        }),
        LONGEST,
    )
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::vivit::Config;

    #[derive(Deserialize, Debug)]
    #[allow(dead_code, reason = "only its errors are looked at")]
    struct Example {
        frames: usize,
        share: f32,
        sizes: [usize; 2],
        on: bool,
    }

    #[test]
    fn no_type_of_the_program_is_named() {
        let whole = r#"{"frames": 1, "share": 1, "sizes": [1, 2], "on": true}"#;
        for (old, new, expected) in [
            (
                "\"frames\": 1",
                "\"frames\": \"ten\"",
                "invalid type: the text \"ten\", expected a whole number at line 1",
            ),
            ("\"frames\": 1", "\"frames\": -1", "invalid value: integer `-1`, expected a whole number at line 1"),
            ("\"share\": 1", "\"share\": []", "invalid type: a list, expected a number at line 1"),
            ("[1, 2]", "[1]", "invalid length 1, expected a list of length 2 at line 1"),
            ("[1, 2]", "{}", "invalid type: fields in braces, expected a list of length 2 at line 1"),
            ("true", "3", "invalid type: integer `3`, expected true or false at line 1"),
            ("{\"frames\": 1,", "{", "missing field `frames` at line 1"),
            ("{", "[", "expected"),
        ] {
            let error = serde_json::from_str::<Example>(&whole.replacen(old, new, 1)).unwrap_err();
            let said = reason(&error);
            assert!(said.starts_with(expected) || expected == "expected", "{said}");
            assert!(!["usize", "f32", "struct", "Example"].iter().any(|word| said.contains(word)), "{said}");
        }
        let error = serde_json::from_str::<Config>("3").unwrap_err();
        assert!(!reason(&error).contains("struct"), "{error}");
    }
}
