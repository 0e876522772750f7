//! What is made of a benchmark's result: a page, a table, rows, a trace; a comparison of two; the public list of many.
//!
//! | what | from |
//! |---|---|
//! | [`publish()`]: a folder with all of the following | one result |
//! | `index.html`: one page that loads nothing from elsewhere | one result |
//! | [`markdown()`]: a block to paste | one result |
//! | [`csv()`]: a line a row | one result |
//! | [`trace()`]: every kernel call, for Perfetto | one result |
//! | [`compare`]: what changed, and what is noise | two results |
//! | [`summary`], [`tables`]: the public list | the files of `benches/results/` |
//!
//! A result is read by [`read`]; [`admit`] says whether it may stand in the public list.

mod admitting;
mod amounts;
mod bars;
mod comparing;
mod errors;
mod escaping;
mod figures;
mod growth;
mod listing;
mod markdown;
mod medians;
mod page;
mod paper;
mod plot;
mod reading;
mod rows;
#[cfg(test)]
mod sample;
mod series;
mod ticks;
mod trace;
mod words;

use std::io::Write;
use std::path::{Path, PathBuf};

use super::Benchmark;
use crate::files::{Finished, Unfinished, UnfinishedFolder};
use crate::tensor::{Error, Result};

pub use admitting::admit;
pub use comparing::{ComparedRow, ComparedRun, ComparedVerdict, Comparison, compare};
pub use growth::{Growth, PowerLaw, growths};
pub use listing::{file_name, summary, tables};
pub use markdown::markdown;
pub use reading::read;
pub use rows::csv;
pub use trace::trace;

/// Writes everything that is made of one result into `folder`: `index.html`, `benchmark.json`, `rows.csv`, `table.md` and
/// `trace.json`. A folder that is missing appears with all of them; in one that is there they replace those of before,
/// once all are whole. Returns their paths.
///
/// # Errors
///
/// Where the folder or a file cannot be written.
pub fn publish(benchmark: &Benchmark, folder: &Path) -> Result<Vec<PathBuf>> {
    let contents = contents(benchmark)?;
    if folder.is_dir() {
        let finished = contents.iter().map(|(name, text)| whole(&folder.join(name), text));
        finished.collect::<Result<Vec<_>>>()?.into_iter().try_for_each(Finished::put)?;
    } else {
        let unfinished = UnfinishedFolder::create(folder)?;
        for (name, text) in &contents {
            whole(&unfinished.path().join(name), text)?.put()?;
        }
        unfinished.put()?;
    }
    Ok(contents.iter().map(|(name, _)| folder.join(name)).collect())
}

fn contents(benchmark: &Benchmark) -> Result<[(&'static str, String); 5]> {
    Ok([
        ("index.html", page::html(benchmark)?),
        ("benchmark.json", json(benchmark)?),
        ("rows.csv", csv(benchmark)?),
        ("table.md", markdown(benchmark)),
        ("trace.json", trace(benchmark)),
    ])
}

/// A result as [`read`] reads it.
fn json(benchmark: &Benchmark) -> Result<String> {
    let text = serde_json::to_string_pretty(benchmark)
        .map_err(|error| Error::usage(format!("the result cannot be written as JSON: {error}")))?;
    Ok(text + "\n")
}

fn whole(path: &Path, text: &str) -> Result<Finished> {
    let mut file = Unfinished::create(path)?;
    file.write_all(text.as_bytes()).map_err(|error| Error::io("write", path, &error))?;
    file.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 5] = ["benchmark.json", "index.html", "rows.csv", "table.md", "trace.json"];

    fn names(folder: &Path) -> Vec<String> {
        let files = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn a_folder_appears_with_all_files_and_is_written_again() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("report");
        let mut benchmark = sample::benchmark();
        let paths = publish(&benchmark, &folder).unwrap();
        assert!(paths.len() == 5 && paths.iter().all(|path| path.is_file()), "{paths:?}");
        assert_eq!(
            (names(&folder), names(parent.path())),
            (NAMES.map(str::to_owned).into(), vec!["report".to_owned()])
        );
        benchmark.version = "9.9.9".into();
        publish(&benchmark, &folder).unwrap();
        assert_eq!(names(&folder), NAMES);
        assert_eq!(read(folder.join("benchmark.json")).unwrap().version, "9.9.9");
    }

    #[test]
    fn where_one_file_cannot_be_written_none_changes() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("trace.json")).unwrap();
        let error = publish(&sample::benchmark(), folder.path()).unwrap_err();
        assert!(error.to_string().contains("trace.json"), "{error}");
        assert_eq!(names(folder.path()), ["trace.json"]);
    }
}
