//! What is wrong with a recipe, and where.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::tensor::{Error, LONGEST_TEXT, printable};

/// What is wrong with the value of a field.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    /// The field with the tables that hold it, parted by dots.
    pub(super) field: &'static str,
    /// What is wrong, and what is allowed.
    pub(super) sentence: String,
}

impl Fault {
    pub(super) fn new(field: &'static str, sentence: impl Into<String>) -> Self {
        Self { field, sentence: sentence.into() }
    }

    /// The error of a recipe that was not read from a text.
    pub(super) fn error(self) -> Error {
        Error::usage(format!("`{}` of a recipe: {}", self.field, self.sentence))
    }

    /// The error of a recipe that was read from `text`.
    pub(super) fn within(self, text: &str) -> Error {
        let Self { field, sentence } = self;
        match DeTable::parse(text).ok().and_then(|table| place(table.get_ref(), field)) {
            Some(at) => Error::file(format!("line {}: `{field}`: {sentence}", line(text, at))),
            None => Error::file(format!("`{field}`: {sentence}")),
        }
    }
}

/// The error of a text that is no recipe: with the line, the field where it is known, and what is allowed.
pub(super) fn unreadable(text: &str, error: toml::de::Error) -> Error {
    let at = error.span().map(|Range { start, .. }| line(text, start));
    let mut plain = error;
    // Without the text it says in one line what is wrong, and in a second one in which field.
    plain.set_input(None);
    let sentence = printable(plain.to_string().trim(), LONGEST_TEXT);
    Error::file(match at {
        Some(line) => format!("line {line}: {sentence}"),
        None => sentence,
    })
}

/// Where in the text the field is, or the innermost of the tables that would hold it.
fn place(table: &DeTable<'_>, field: &str) -> Option<usize> {
    let (first, rest) = field.split_once('.').map_or((field, None), |(first, rest)| (first, Some(rest)));
    let (key, value): (&Spanned<_>, &Spanned<DeValue<'_>>) = table.iter().find(|(key, _)| key.get_ref() == first)?;
    let inside = rest.zip(value.get_ref().as_table()).and_then(|(rest, table)| place(table, rest));
    Some(inside.unwrap_or(key.span().start))
}

/// The line of a byte, counted from 1.
fn line(text: &str, at: usize) -> usize {
    1 + text.bytes().take(at).filter(|byte| *byte == b'\n').count()
}
