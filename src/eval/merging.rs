//! The results of all shards put together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Results, Row, Run, Shard, read_results};
use crate::tensor::{Error, Result};

/// Reads the results of all shards of one run: what identifies the run as a whole, and its rows in the manifest's order.
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
        if let Some(difference) = other.difference(&run) {
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
    let missing: Vec<usize> = (0..run.videos).filter(|row| !rows.contains_key(row)).collect();
    if !missing.is_empty() {
        return Err(Error::file(describe_gaps(&run, &missing)));
    }
    let rows = rows.into_values().map(|(row, _)| row).collect();
    Ok((Run { shard: Shard::WHOLE, ..run }, rows))
}

/// Writes merged results to a file that is not there yet.
pub fn write_merged(path: &Path, run: Run, rows: &[Row]) -> Result<()> {
    let (mut results, _) = Results::open(path, run, false)?;
    rows.iter().try_for_each(|row| results.append(row))
}

/// Which rows are missing, and of which shards.
fn describe_gaps(run: &Run, missing: &[usize]) -> String {
    const SHOWN: usize = 20;
    let list = |numbers: &[usize]| numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ");
    let more = if missing.len() > SHOWN { ", …" } else { "" };
    let rows = list(&missing[..missing.len().min(SHOWN)]);
    let of = run.shard.of();
    let mut shards: Vec<usize> = missing.iter().map(|row| row % of + 1).collect();
    shards.sort_unstable();
    shards.dedup();
    format!(
        "{} of {} rows are missing: {rows}{more}; finish shard {} of {of} with --resume, and give the results of all",
        missing.len(),
        run.videos,
        list(&shards)
    )
}
