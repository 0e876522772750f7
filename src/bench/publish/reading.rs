//! Reading a result.

use std::path::Path;

use serde_json::Value;
use serde_json::error::Category;

use super::super::Benchmark;
use crate::tensor::{Error, LONGEST_TEXT, Result, printable};

/// Reads a result: what `tubelet bench --json` prints, or the `benchmark.json` of a report.
///
/// # Errors
///
/// A file that is missing, ends in the middle, holds something else, or is of another schema.
pub fn read(path: impl AsRef<Path>) -> Result<Benchmark> {
    let path = path.as_ref();
    let bytes = std::fs::read(path).map_err(|error| Error::io("read", path, &error))?;
    parsed(&bytes).map_err(|reason| Error::file(format!("{} {reason}", path.display())))
}

/// A result, or why it is none, to stand behind the name of the file.
fn parsed(bytes: &[u8]) -> Result<Benchmark, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        Category::Eof => format!("ends in the middle, at line {}: copy it once more, or measure anew", error.line()),
        _ => format!("is no JSON: {error}"),
    })?;
    if value.get("command").and_then(Value::as_str) != Some("bench") {
        return Err("is not the result of a benchmark: `tubelet bench --json` prints one".to_owned());
    }
    let schema = value.get("schema").and_then(Value::as_u64);
    if schema != Some(Benchmark::SCHEMA.into()) {
        let schema = schema.map_or("no schema".to_owned(), |schema| format!("schema {schema}"));
        let own = Benchmark::SCHEMA;
        return Err(format!("has {schema}, and this program reads schema {own}: measure anew with this program"));
    }
    let benchmark: Benchmark = serde_json::from_value(value).map_err(|error| {
        format!("is not a whole result of a benchmark: {}", printable(&error.to_string(), LONGEST_TEXT))
    })?;
    let devices = benchmark.devices.len();
    match benchmark.rows.iter().find(|row| row.device >= devices) {
        Some(row) => Err(format!("has a row of device {}, and {devices} devices, numbered from 0", row.device)),
        None => Ok(benchmark),
    }
}

#[cfg(test)]
mod tests {
    use super::super::{json, sample};
    use super::*;
    use crate::bench::RowOutcome;
    use crate::tensor::ErrorKind;

    #[test]
    fn what_is_written_is_read_back_infinite_errors_too() {
        let benchmark = sample::benchmark();
        let again = parsed(json(&benchmark).unwrap().as_bytes()).unwrap();
        assert_eq!(
            (again.rows.len(), &again.machine, &again.notes),
            (benchmark.rows.len(), &benchmark.machine, &benchmark.notes)
        );
        for (again, row) in again.rows.iter().zip(&benchmark.rows) {
            assert_eq!((again.device, &again.work, again.precision), (row.device, &row.work, row.precision));
            let [again, median] = [again, row].map(|row| row.measurement().map_or(0.0, |times| times.median));
            // The last bit of a number may be lost in reading.
            assert!((again - median).abs() <= 1e-15 * median, "{again} {median}");
        }
        let infinite = again.rows.iter().filter_map(|row| match &row.outcome {
            RowOutcome::Wrong { verified, .. } => Some(verified[0].relative_l2),
            _ => None,
        });
        assert_eq!(infinite.collect::<Vec<_>>(), [f64::INFINITY]);
    }

    #[test]
    fn one_sentence_says_what_is_wrong_with_a_file() {
        let whole = json(&sample::benchmark()).unwrap();
        let mut shifted = sample::benchmark();
        shifted.rows[0].device = 7;
        for (text, expected) in [
            (&whole[..whole.len() / 2], "ends in the middle, at line"),
            ("", "ends in the middle"),
            ("<html>", "is no JSON"),
            ("{\"command\": \"classify\", \"schema\": 3}", "is not the result of a benchmark"),
            ("[3]", "is not the result of a benchmark"),
            ("{\"command\": \"bench\", \"schema\": 2}", "has schema 2, and this program reads schema 3"),
            ("{\"command\": \"bench\"}", "has no schema"),
            (&whole.replace("\"taken\"", "\"given\""), "not a whole result of a benchmark: missing field `taken`"),
            (&json(&shifted).unwrap(), "a row of device 7, and 2 devices"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("a.json");
            std::fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::File);
            let sentence = error.to_string();
            assert!(
                sentence.starts_with(&format!("{} {expected}", path.display())) || sentence.contains(expected),
                "{sentence}"
            );
            assert_eq!(sentence.lines().count(), 1, "{sentence}");
        }
        assert_eq!(read("no such file").unwrap_err().kind(), ErrorKind::File);
    }
}
