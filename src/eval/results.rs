//! The file of results: a row as each video is finished, so that a run can be interrupted anywhere and go on.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind as IoErrorKind, Write};
use std::path::{Path, PathBuf};

use super::{Encoding, Outcome, Row, Run};
use crate::files::write_whole;
use crate::tensor::{Error, Result};

/// A file of results that is being written.
///
/// It belongs to this process alone as long as it is open. What identifies the run lies beside it, in a file called the
/// same with `.run.json` after it.
#[derive(Debug)]
pub struct Results {
    path: PathBuf,
    file: File,
    encoding: Encoding,
    run: Run,
}

impl Results {
    /// Begins the results of `run` at `path`, or goes on with them where `resume` is set and they are of the same run;
    /// then their rows are returned. A last line that an interruption cut off is dropped.
    ///
    /// # Errors
    ///
    /// Results that are there although `resume` is not set, that are of another run, that another process is writing, or
    /// that are damaged.
    pub fn open(path: &Path, run: Run, resume: bool) -> Result<(Self, Vec<Row>)> {
        let encoding = Encoding::of(path)?;
        let failed = |error: &std::io::Error| Error::io("write", path, error);
        let file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(|error| failed(&error))?;
        lock(&file, path)?;
        let mut results = Self { path: path.to_owned(), file, encoding, run };
        let text = read_text(path)?;
        if text.is_empty() {
            write_run(path, &results.run)?;
            results.begin()?;
            return Ok((results, Vec::new()));
        }
        if !resume {
            return Err(Error::usage(format!(
                "{} is there already; go on with it by --resume, or name another file",
                path.display()
            )));
        }
        let recorded = read_run(path)?;
        if let Some(difference) = recorded.difference(&results.run) {
            return Err(Error::usage(format!("{} cannot be resumed: it is of {difference}", path.display())));
        }
        if recorded.shard != results.run.shard {
            let (recorded, shard) = (recorded.shard, results.run.shard);
            let path = path.display();
            return Err(Error::usage(format!("{path} cannot be resumed: it is of shard {recorded}, not {shard}")));
        }
        let whole = text.rfind('\n').map_or(0, |end| end + 1);
        results.file.set_len(whole as u64).map_err(|error| failed(&error))?;
        if whole == 0 {
            results.begin()?;
        }
        let rows = parse(path, encoding, &results.run, &text[..whole])?;
        Ok((results, rows))
    }

    /// The header, where the encoding has one.
    fn begin(&mut self) -> Result<()> {
        self.encoding.header(&self.run.task)?.map_or(Ok(()), |header| self.write_line(header))
    }

    /// Adds a row; it is in the file when this returns.
    pub fn append(&mut self, row: &Row) -> Result<()> {
        self.write_line(self.encoding.line(&self.run.task, row)?)
    }

    fn write_line(&mut self, mut line: String) -> Result<()> {
        line.push('\n');
        self.file.write_all(line.as_bytes()).map_err(|error| Error::io("write", &self.path, &error))
    }

    /// What identifies the run.
    pub fn run(&self) -> &Run {
        &self.run
    }
}

/// Reads finished or unfinished results with what identifies their run. A last line that an interruption cut off is left
/// out.
pub fn read_results(path: &Path) -> Result<(Run, Vec<Row>)> {
    let encoding = Encoding::of(path)?;
    let run = read_run(path)?;
    let text = read_text(path)?;
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    let rows = parse(path, encoding, &run, &text[..whole])?;
    Ok((run, rows))
}

impl Drop for Results {
    fn drop(&mut self) {
        // A program that another thread is starting holds the file, and so the lock, for a moment longer than this.
        let _ = self.file.unlock();
    }
}

/// Keeps other processes from writing the same results. File systems without locks do without.
fn lock(file: &File, path: &Path) -> Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(Error::usage(format!(
            "another process is writing {}; wait for it, or name another file",
            path.display()
        ))),
        Err(TryLockError::Error(error)) if error.kind() == IoErrorKind::Unsupported => Ok(()),
        Err(TryLockError::Error(error)) => Err(Error::io("lock", path, &error)),
    }
}

/// The text up to where an interruption may have cut a character.
fn read_text(path: &Path) -> Result<String> {
    let mut bytes = std::fs::read(path).map_err(|error| Error::io("read", path, &error))?;
    if let Err(error) = std::str::from_utf8(&bytes)
        && error.error_len().is_none()
    {
        bytes.truncate(error.valid_up_to());
        // Something is left, or the file would seem never to have been begun.
        bytes.push(b'?');
    }
    String::from_utf8(bytes).map_err(|_| Error::file(format!("{} is not UTF-8 text", path.display())))
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
            Some(Row { row, outcome: Outcome::Done(_), .. }) => {
                Err(damaged(line, format!("row {row} is there a second time")))
            }
            _ => Ok(()),
        }
    };
    lines.try_for_each(&mut add)?;
    Ok(rows.into_values().collect())
}

/// The file beside results that says which run they are of.
fn run_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".run.json");
    name.into()
}

fn read_run(path: &Path) -> Result<Run> {
    let beside = run_path(path);
    let text = std::fs::read_to_string(&beside).map_err(|error| match error.kind() {
        IoErrorKind::NotFound => {
            Error::file(format!("{} is missing, which says of which run {} is", beside.display(), path.display()))
        }
        _ => Error::io("read", &beside, &error),
    })?;
    serde_json::from_str(&text).map_err(|error| Error::file(format!("{} is damaged: {error}", beside.display())))
}

pub(super) fn write_run(path: &Path, run: &Run) -> Result<()> {
    let text = serde_json::to_string_pretty(run)
        .map_err(|error| Error::usage(format!("the run cannot be written as JSON: {error}")))?;
    write_whole(&run_path(path), |file| writeln!(file, "{text}"))
}
