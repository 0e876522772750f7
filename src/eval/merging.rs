//! The results of all shards put together.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::journal::write_run;
use super::{Encoding, Row, Run, Shard, read_results};
use crate::files::write_whole;
use crate::tensor::{Error, Result};

/// Reads the results of all shards of one run: what identifies the run as a whole, and its rows in the manifest's order.
///
/// ```no_run
/// use tubelet::eval::{Metrics, merge};
///
/// let (run, rows) = merge(&["1.csv", "2.csv", "3.csv"].map(Into::into))?;
/// println!("{:?}", Metrics::of(&run.task, &rows)?.summary().figures);
/// # Ok::<(), tubelet::Error>(())
/// ```
///
/// # Errors
///
/// Results of different runs, a row that is there twice, and rows that are missing, with the shards they belong to.
pub fn merge(paths: &[PathBuf]) -> Result<(Run, Vec<Row>)> {
    let Some(first) = paths.first() else { return Err(Error::usage("there are no results to merge")) };
    let (run, _) = read_results(first)?;
    let mut rows: BTreeMap<usize, (Row, &Path)> = BTreeMap::new();
    for path in paths {
        let (other, found) = read_results(path)?;
        if let Some(difference) = other.mismatch(&run) {
            let (path, first) = (path.display(), first.display());
            return Err(Error::usage(format!("{path} and {first} are not of one run: {path} is of {difference}")));
        }
        for row in found {
            if let Some((row, other)) = rows.insert(row.row, (row, path)) {
                let (number, name) = (row.row, row.path);
                let (other, path) = (other.display(), path.display());
                return Err(Error::usage(format!("row {number}, {name}, is in {other} and in {path}")));
            }
        }
    }
    if rows.len() < run.videos {
        return Err(Error::file(describe_gaps(&run, &rows.into_keys().collect())));
    }
    let rows = rows.into_values().map(|(row, _)| row).collect();
    Ok((Run { shard: Shard::WHOLE, ..run }, rows))
}

/// Writes merged results, whole or not at all, to a file that is not there yet.
pub fn write_merged(path: impl AsRef<Path>, run: &Run, rows: &[Row]) -> Result<()> {
    let path = path.as_ref();
    if std::fs::metadata(path).is_ok_and(|found| found.len() > 0) {
        return Err(Error::usage(format!("{} is there already; name another file", path.display())));
    }
    let encoding = Encoding::of(path)?;
    let lines = rows.iter().map(|row| encoding.line(&run.task, row).map(Some));
    let lines: Vec<_> = std::iter::once(encoding.header(&run.task)).chain(lines).collect::<Result<_>>()?;
    write_run(path, run)?;
    write_whole(path, |file| lines.iter().flatten().try_for_each(|line| writeln!(file, "{line}")))
}

/// Which rows are missing, and of which shards: the first few, for there may be any number.
fn describe_gaps(run: &Run, present: &BTreeSet<usize>) -> String {
    const SHOWN: usize = 20;
    let list = |numbers: &mut dyn Iterator<Item = usize>| {
        let mut list: Vec<_> = numbers.take(SHOWN + 1).map(|number| number.to_string()).collect();
        if list.len() > SHOWN {
            list[SHOWN] = "…".to_owned();
        }
        list.join(", ")
    };
    let (videos, of) = (run.videos, run.shard.of());
    let mut found: BTreeMap<usize, usize> = BTreeMap::new();
    present.iter().for_each(|row| *found.entry(row % of + 1).or_default() += 1);
    let rows = list(&mut (0..videos).filter(|row| !present.contains(row)));
    let expected = |number: usize| (videos - (number - 1)).div_ceil(of);
    let unfinished = |number: &usize| found.get(number).copied().unwrap_or(0) < expected(*number);
    let shards = list(&mut (1..=of.min(videos)).filter(unfinished));
    let missing = videos - present.len();
    format!(
        "{missing} of {videos} rows are missing: {rows}; finish shard {shards} of {of} with --resume, and give the \
         results of all"
    )
}
