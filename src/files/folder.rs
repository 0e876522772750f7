//! A folder of several files.

use std::fs::File;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::registry::Registered;
use super::unfinished::{builder, is_locked};
use super::{cause, folder_of, leftovers};
use crate::tensor::{Error, Result};

/// A folder that is filled beside its place, to be put there when all its files are whole; else it goes without a trace.
#[must_use = "it is removed where it is dropped"]
#[derive(Debug)]
pub struct UnfinishedFolder {
    path: PathBuf,
    folder: TempDir,
    /// Open as long as the folder is being filled. Only some systems lock folders.
    _lock: Option<File>,
    registered: Registered,
}

impl UnfinishedFolder {
    /// Begins the folder that is to be at `path`, where nothing is yet.
    pub fn create(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let failed = |error: std::io::Error| Error::io("make the folder", path, &cause(&error));
        let parent = folder_of(path);
        leftovers::remove(parent);
        let (folder, registered) = Registered::new(|| builder(0o777).tempdir_in(parent)).map_err(failed)?;
        let lock = File::open(folder.path()).ok().filter(is_locked);
        Ok(Self { path: path.to_owned(), folder, _lock: lock, registered })
    }

    /// Where its files are written.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Puts it in its place; an error where something is there by now.
    pub fn put(self) -> Result<()> {
        let Self { path, mut folder, registered, .. } = self;
        let renamed = registered.release(|| {
            std::fs::rename(folder.path(), &path)?;
            folder.disable_cleanup(true);
            Ok(())
        });
        renamed.map_err(|error| Error::io("make the folder", &path, &error))
    }
}
