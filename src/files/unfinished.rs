//! One file.

use std::fs::{File, TryLockError};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::registry::Registered;
use super::{cause, folder_of, leftovers};
use crate::tensor::{Error, Result};

/// A file that is written beside its place, to be put there when it is whole; else it goes without a trace.
#[must_use = "it is removed where it is dropped"]
#[derive(Debug)]
pub struct Unfinished {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    registered: Registered,
}

impl Unfinished {
    /// Begins the file that is to be at `path`, as private as any other new file.
    ///
    /// An error where its folder is missing or cannot be written to, or where something else than a file is at `path`.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |error: io::Error| Error::io("write", path, &cause(&error));
        if std::fs::symlink_metadata(path).is_ok_and(|found| !found.is_file() && !found.is_symlink()) {
            return Err(Error::file(format!("cannot write {}: what is there is no file", path.display())));
        }
        let folder = folder_of(path);
        leftovers::remove(folder);
        let (file, registered) = Registered::new(|| create_locked(folder)).map_err(failed)?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file), registered })
    }

    /// Everything written, to be put in its place.
    pub fn finish(self) -> Result<Finished> {
        let Self { path, file, registered } = self;
        let file = file.into_inner().map_err(|error| Error::io("write", &path, error.error()))?;
        Ok(Finished { path, file, registered })
    }
}

impl Write for Unfinished {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A file that is whole and waits to be put in its place.
#[must_use = "it is removed where it is dropped"]
#[derive(Debug)]
pub struct Finished {
    path: PathBuf,
    file: NamedTempFile,
    registered: Registered,
}

impl Finished {
    /// Puts it in its place, over the file or the link that is there.
    pub fn put(self) -> Result<()> {
        let Self { path, file, registered } = self;
        let put = registered.release(|| file.persist(&path).map(drop));
        put.map_err(|error| Error::io("write", &path, &cause(&error.error)))
    }
}

/// A new file in `folder`, locked for as long as it is open.
fn create_locked(folder: &Path) -> io::Result<NamedTempFile> {
    /// Each attempt fails only where another process looks for leftovers at that very moment.
    const ATTEMPTS: usize = 20;
    for _ in 0..ATTEMPTS {
        let file = builder(0o666).tempfile_in(folder)?;
        if is_locked(file.as_file()) && file.path().exists() {
            return Ok(file);
        }
    }
    Err(io::Error::other("other processes keep removing what is begun here"))
}

/// Locks `file`; `false` where another process has it. File systems without locks do without.
pub(super) fn is_locked(file: &File) -> bool {
    !matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

/// Names of what is unfinished, and its permissions where there are such: those of any other new file or folder.
pub(super) fn builder<'a>(_mode: u32) -> Builder<'a, 'a> {
    let mut builder = Builder::new();
    builder.prefix(leftovers::PREFIX).suffix(leftovers::SUFFIX).rand_bytes(leftovers::RANDOM);
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(_mode));
    builder
}
