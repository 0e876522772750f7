//! The record as a file: an object a line.

use std::path::Path;

use super::record::{Entry, RunHeader, RunRecord};
use crate::files::{Lines, read_lines, whole_lines};
use crate::tensor::{Error, Result};

/// The file, as it is being written.
#[derive(Debug)]
pub(super) struct RunLog(Lines);

impl RunLog {
    /// Begins the file of a run; an error where there is something in it.
    pub(super) fn begin(path: &Path, header: &RunHeader) -> Result<Self> {
        let (lines, text) = Lines::open(path)?;
        if !text.is_empty() {
            return Err(Error::usage(format!(
                "{} is there already; resume its run, or name another folder",
                path.display()
            )));
        }
        let mut log = Self(lines);
        log.append(&Entry::Run(header.clone()))?;
        Ok(log)
    }

    /// Goes on after the checkpoint of step [`RunHeader::resumed_after`]: cuts off all that lies after it, and returns
    /// what stays with the new header. A file that is missing or empty is begun.
    pub(super) fn resume(path: &Path, header: &RunHeader) -> Result<(Self, RunRecord)> {
        let (mut lines, text) = Lines::open(path)?;
        let text = &text[..whole_lines(&text)];
        let (record, bytes) = parse(text, header.resumed_after).map_err(|error| error.within(path.display()))?;
        let (record, header) = match record {
            Some(mut record) => {
                // The checkpoint is where it goes on from, not what it began from.
                let header = RunHeader { model: record.header().model.clone(), ..header.clone() };
                record.add(Entry::Run(header.clone())).map_err(|error| error.within(path.display()))?;
                (record, header)
            }
            None => (RunRecord::new(header.clone()), header.clone()),
        };
        lines.cut(bytes)?;
        let mut log = Self(lines);
        log.append(&Entry::Run(header))?;
        Ok((log, record))
    }

    /// Adds a line; it is in the file when this returns.
    pub(super) fn append(&mut self, entry: &Entry) -> Result<()> {
        let line = serde_json::to_string(entry);
        self.0.append(line.map_err(|error| Error::usage(format!("the record cannot be written as JSON: {error}")))?)
    }
}

impl RunRecord {
    /// Reads what a run has written so far into `steps.jsonl`. A last line that an interruption cut off is left out.
    ///
    /// # Errors
    ///
    /// A file that cannot be read, that is no record of a run, or that is damaged.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let text = read_lines(path)?;
        let (record, _) = parse(&text[..whole_lines(&text)], u64::MAX).map_err(|error| error.within(path.display()))?;
        record.ok_or_else(|| Error::file(format!("{} is empty, so it is no record of a run", path.display())))
    }
}

/// The record of what lies before the first line that is of a step after `last`, and how many bytes that is.
fn parse(text: &str, last: u64) -> Result<(Option<RunRecord>, usize)> {
    let damaged = |line: usize, what: String| Error::file(format!("line {} is damaged: {what}", line + 1));
    let (mut record, mut bytes): (Option<RunRecord>, usize) = (None, 0);
    for (index, line) in text.split_inclusive('\n').enumerate() {
        let entry: Entry = serde_json::from_str(line).map_err(|error| damaged(index, error.to_string()))?;
        if entry.step() > last {
            break;
        }
        match (&mut record, entry) {
            (Some(record), entry) => record.add(entry).map_err(|error| damaged(index, error.to_string()))?,
            (None, Entry::Run(header)) => record = Some(RunRecord::new(header)),
            (None, _) => return Err(damaged(index, "it must say which run this is".to_owned())),
        }
        bytes += line.len();
    }
    Ok((record, bytes))
}
