//! `docs/training.md` lists the keys of the record.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use crate::train::report::record::Entry;
use crate::train::report::{EvaluationRecord, RunEnding, sample};

type Keys = BTreeMap<String, BTreeSet<String>>;

/// The keys that the page lists, by the kind of line.
fn documented(page: &str) -> Keys {
    let mut found = Keys::new();
    let mut kind = None;
    for line in page.lines() {
        if line.starts_with('#') {
            kind = line.strip_prefix("### `").and_then(|title| title.strip_suffix('`')).map(str::to_owned);
        } else if let (Some(kind), Some(row)) = (&kind, line.strip_prefix("| `")) {
            let key = row.split('`').next().unwrap().to_owned();
            assert!(found.entry(kind.clone()).or_default().insert(key), "{kind}: {line} is there twice");
        }
    }
    found
}

/// The keys of an object, those of objects in a list after its own.
fn keys(value: &Value, before: &str, found: &mut BTreeSet<String>) {
    for (key, value) in value.as_object().unwrap() {
        let key = format!("{before}{key}");
        let of_list = value.as_array().into_iter().flatten().filter(|value| value.is_object());
        of_list.for_each(|value| keys(value, &format!("{key}[]."), found));
        found.insert(key);
    }
}

/// The keys of lines in which nothing is left out, but for the kind.
fn written() -> Keys {
    let evaluation = sample::evaluation(2, 4, 1);
    let lines = [
        Entry::Run(sample::header(4, 2)),
        Entry::Step(sample::step(1, 4, 2)),
        Entry::Evaluation(EvaluationRecord { mean_average_precision: Some(0.5), ..evaluation }),
        Entry::End(RunEnding::stopped(2, "interrupted")),
    ];
    let of_line = |line: &Entry| {
        let line = serde_json::to_value(line).unwrap();
        let mut found = BTreeSet::new();
        keys(&line, "", &mut found);
        assert!(found.remove("kind"));
        (line["kind"].as_str().unwrap().to_owned(), found)
    };
    lines.iter().map(of_line).collect()
}

#[test]
fn the_page_lists_the_keys_that_are_written() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/training.md");
    let page = std::fs::read_to_string(path).unwrap();
    assert_eq!(documented(&page), written());
    // A key that is missing, or of another kind, would be found.
    assert_ne!(documented(&page.replace("| `rate` |", "| rate |")), written());
    assert_ne!(documented(&page.replace("### `end`", "### `start`")), written());
}
