//! A file of lines that grows.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind as IoErrorKind, Write};
use std::path::{Path, PathBuf};

use crate::tensor::{Error, Result};

/// A file of lines that is being written, and belongs to this process alone as long as it is open.
///
/// Each line is handed to the system in one piece as it is added. A process that is killed leaves whole lines and at most
/// a piece of a last one, which [`whole_lines`] leaves out.
#[derive(Debug)]
pub struct Lines {
    path: PathBuf,
    file: File,
}

impl Lines {
    /// Opens the file at `path`, or creates it, and returns what is in it, which stays.
    ///
    /// # Errors
    ///
    /// A file that cannot be written, that another process is writing, or that is no UTF-8 text.
    pub fn open(path: impl AsRef<Path>) -> Result<(Self, String)> {
        let path = path.as_ref();
        let file = OpenOptions::new().read(true).append(true).create(true).open(path);
        let file = file.map_err(|error| Error::io("write", path, &error))?;
        lock(&file, path)?;
        Ok((Self { path: path.to_owned(), file }, read_lines(path)?))
    }

    /// Adds a line; it is in the file when this returns.
    pub fn append(&mut self, mut line: String) -> Result<()> {
        line.push('\n');
        self.file.write_all(line.as_bytes()).map_err(|error| Error::io("write", &self.path, &error))
    }

    /// Cuts off all but the first `bytes`.
    pub fn cut(&mut self, bytes: usize) -> Result<()> {
        self.file.set_len(bytes as u64).map_err(|error| Error::io("write", &self.path, &error))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        // A program that another thread is starting holds the file, and so the lock, for a moment longer than this.
        let _ = self.file.unlock();
    }
}

/// Up to which byte the lines of a text are whole.
pub fn whole_lines(text: &str) -> usize {
    text.rfind('\n').map_or(0, |end| end + 1)
}

/// The text of a file up to where an interruption may have cut a character, of which then a `?` is left.
pub fn read_lines(path: &Path) -> Result<String> {
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
