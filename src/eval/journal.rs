//! A file of lines that grows as a run goes on, and what identifies the run, so that an interrupted one can go on.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind as IoErrorKind, Write};
use std::path::{Path, PathBuf};

use serde::{Serialize, de::DeserializeOwned};

use crate::files::write_whole;
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
pub struct Journal {
    path: PathBuf,
    file: File,
}

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
        let failed = |error: &std::io::Error| Error::io("write", path, error);
        let file =
            OpenOptions::new().read(true).append(true).create(true).open(path).map_err(|error| failed(&error))?;
        lock(&file, path)?;
        let journal = Self { path: path.to_owned(), file };
        let mut text = read_text(path)?;
        if text.is_empty() {
            write_run(path, run)?;
            return Ok((journal, text));
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
        journal.file.set_len(text.len() as u64).map_err(|error| failed(&error))?;
        Ok((journal, text))
    }

    /// Adds a line; it is in the file when this returns.
    pub fn append(&mut self, mut line: String) -> Result<()> {
        line.push('\n');
        self.file.write_all(line.as_bytes()).map_err(|error| Error::io("write", &self.path, &error))
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        // A program that another thread is starting holds the file, and so the lock, for a moment longer than this.
        let _ = self.file.unlock();
    }
}

/// What a journal holds, in whole lines, and what identifies its run.
pub(super) fn read<Run: Identity>(path: &Path) -> Result<(Run, String)> {
    let run = read_run(path)?;
    let mut text = read_text(path)?;
    text.truncate(whole_lines(&text));
    Ok((run, text))
}

/// Up to where the lines of a text are whole.
fn whole_lines(text: &str) -> usize {
    text.rfind('\n').map_or(0, |end| end + 1)
}

/// Keeps other processes from writing the same file. File systems without locks do without.
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
