//! A file of lines that grows as a run goes on, and what identifies the run, so that an interrupted one can go on.

use std::io::{ErrorKind as IoErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Serialize, de::DeserializeOwned};

use crate::files::{Lines, read_lines, whole_lines, write_whole};
use crate::tensor::{Error, Result};

/// What identifies a run, so that only lines of the same run are put together.
#[doc(hidden)]
pub trait Identity: Serialize + DeserializeOwned {
    /// Where two runs differ, in words that follow `it is of`; `None` where lines of both belong into one file.
    fn difference(&self, other: &Self) -> Option<String>;
}

/// A file of lines that is being written.
///
/// It belongs to this process alone as long as it is open. What identifies the run lies beside it, in a file of its
/// name followed by `.run.json`.
#[doc(hidden)]
#[derive(Debug)]
pub struct Journal(Lines);

impl Journal {
    /// Begins the lines of `run` at `path`, or goes on with them where `resume` is set and they are of the same run; then
    /// what was written is returned, in whole lines. A last line that an interruption cut off is dropped.
    ///
    /// # Errors
    ///
    /// A file that is there although `resume` is not set, that is of another run, that another process is writing, or
    /// that is damaged.
    pub fn open<Run: Identity>(path: impl AsRef<Path>, run: &Run, resume: bool) -> Result<(Self, String)> {
        let path = path.as_ref();
        let (mut lines, mut text) = Lines::open(path)?;
        if text.is_empty() {
            write_run(path, run)?;
            return Ok((Self(lines), text));
        }
        if !resume {
            return Err(Error::usage(format!(
                "{} is there already; go on with it by --resume, or name another file",
                path.display()
            )));
        }
        if let Some(difference) = read_run::<Run>(path)?.difference(run) {
            return Err(Error::usage(format!("{} cannot be resumed: it is of {difference}", path.display())));
        }
        text.truncate(whole_lines(&text));
        lines.cut(text.len())?;
        Ok((Self(lines), text))
    }

    /// Adds a line; it is in the file when this returns.
    pub fn append(&mut self, line: String) -> Result<()> {
        self.0.append(line)
    }
}

/// What a journal holds, in whole lines, and what identifies its run.
pub(super) fn read<Run: Identity>(path: &Path) -> Result<(Run, String)> {
    let run = read_run(path)?;
    let mut text = read_lines(path)?;
    text.truncate(whole_lines(&text));
    Ok((run, text))
}

/// The file beside a journal that says which run it is of.
fn run_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".run.json");
    name.into()
}

fn read_run<Run: Identity>(path: &Path) -> Result<Run> {
    let beside = run_path(path);
    let text = std::fs::read_to_string(&beside).map_err(|error| match error.kind() {
        IoErrorKind::NotFound => {
            Error::file(format!("{} is missing, which says of which run {} is", beside.display(), path.display()))
        }
        _ => Error::io("read", &beside, &error),
    })?;
    serde_json::from_str(&text).map_err(|error| Error::file(format!("{} is damaged: {error}", beside.display())))
}

pub(super) fn write_run<Run: Identity>(path: &Path, run: &Run) -> Result<()> {
    let text = serde_json::to_string_pretty(run)
        .map_err(|error| Error::usage(format!("the run cannot be written as JSON: {error}")))?;
    write_whole(run_path(path), |file| writeln!(file, "{text}"))
}
