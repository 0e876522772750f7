//! The file of results: a row as each video is finished, so that a run can be interrupted anywhere and go on.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Encoding, Journal, Row, Run, VideoOutcome, journal};
use crate::tensor::{Error, Result};

/// A file of results that is being written, row by row: `.csv`, or `.jsonl` with an object a line.
///
/// Both have the fields `row`, `path`, `status` (`ok` or `failed`), `error`, `seconds`; for each head its label (`labels`
/// for a multi-label task), `…_top5`, `…_names` (where class names are known) and `…_scores`; the same without a label for
/// the joint distribution of several heads, whose classes are numbered with the first head outermost; then `logits`, the
/// mean over all views, in `.csv` for multi-label tasks only. Texts of files are without control characters, marks of
/// direction and the like.
#[derive(Debug)]
pub struct Results {
    journal: Journal,
    encoding: Encoding,
    run: Run,
}

impl Results {
    /// Begins the results of `run` at `path`, or goes on with them where `resume` is set and they are of the same run;
    /// then their rows are returned.
    ///
    /// # Errors
    ///
    /// A file that is there although `resume` is not set, that is of another run, that another process is writing, or
    /// that is damaged.
    pub fn open(path: impl AsRef<Path>, run: Run, resume: bool) -> Result<(Self, Vec<Row>)> {
        let path = path.as_ref();
        let encoding = Encoding::of(path)?;
        let (mut journal, text) = Journal::open(path, &run, resume)?;
        if let (Some(header), true) = (encoding.header(&run.task)?, text.is_empty()) {
            journal.append(header)?;
        }
        let rows = if text.is_empty() { Vec::new() } else { parse(path, encoding, &run, &text)? };
        Ok((Self { journal, encoding, run }, rows))
    }

    /// Adds a row; it is in the file when this returns.
    pub fn append(&mut self, row: &Row) -> Result<()> {
        self.journal.append(self.encoding.line(&self.run.task, row)?)
    }

    /// What identifies the run.
    pub fn run(&self) -> &Run {
        &self.run
    }
}

/// Reads finished or unfinished results with what identifies their run. A last line that an interruption cut off is left
/// out.
pub fn read_results(path: impl AsRef<Path>) -> Result<(Run, Vec<Row>)> {
    let path = path.as_ref();
    let encoding = Encoding::of(path)?;
    let (run, text) = journal::read::<Run>(path)?;
    let rows = parse(path, encoding, &run, &text)?;
    Ok((run, rows))
}

/// The rows in whole lines, in the manifest's order. One that failed may be there again, and the last one counts.
fn parse(path: &Path, encoding: Encoding, run: &Run, text: &str) -> Result<Vec<Row>> {
    let mut lines = text.lines().enumerate();
    let damaged =
        |line: usize, what: String| Error::file(format!("line {} of {} is damaged: {what}", line + 1, path.display()));
    if let Some(header) = encoding.header(&run.task)?
        && lines.next().is_some_and(|(_, found)| found != header)
    {
        return Err(damaged(0, format!("it is not the header {header}")));
    }
    let mut rows: BTreeMap<usize, Row> = BTreeMap::new();
    let mut add = |(line, text): (usize, &str)| {
        let row = encoding.parse(&run.task, text).map_err(|error| damaged(line, error.to_string()))?;
        if row.row >= run.videos || !run.shard.contains(row.row) {
            return Err(damaged(line, format!("row {} is not in shard {} of {}", row.row, run.shard, run.videos)));
        }
        match rows.insert(row.row, row) {
            Some(Row { row, outcome: VideoOutcome::Done(_), .. }) => {
                Err(damaged(line, format!("row {row} is there a second time")))
            }
            _ => Ok(()),
        }
    };
    lines.try_for_each(&mut add)?;
    Ok(rows.into_values().collect())
}
