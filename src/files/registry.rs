//! What this process is writing.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Files and folders that are begun and not yet in their places.
static UNFINISHED: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

fn unfinished() -> MutexGuard<'static, BTreeSet<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An entry among what is being written, until it is dropped or released.
#[derive(Debug)]
pub(super) struct Registered(PathBuf);

impl Registered {
    /// Creates a file or folder and enters it, with no moment between in which [`remove_unfinished`] would miss it.
    pub(super) fn new<T: AsRef<Path>>(create: impl FnOnce() -> io::Result<T>) -> io::Result<(T, Self)> {
        let mut unfinished = unfinished();
        let created = create()?;
        let path = created.as_ref().to_owned();
        unfinished.insert(path.clone());
        Ok((created, Self(path)))
    }

    /// Does `put`, after which it is no longer unfinished; nothing is removed meanwhile.
    pub(super) fn release<T>(self, put: impl FnOnce() -> T) -> T {
        let mut unfinished = unfinished();
        unfinished.remove(&self.0);
        let value = put();
        drop(unfinished);
        value
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        unfinished().remove(&self.0);
    }
}

/// As long as this is kept, this process begins no file and puts none in its place.
#[must_use = "what is dropped at once lets other threads write on"]
#[derive(Debug)]
pub struct Stopped {
    _unfinished: MutexGuard<'static, BTreeSet<PathBuf>>,
}

/// Removes all that this process has begun to write and not yet put in its place, for a program that is about to end at a
/// signal. It is no handler of signals itself: call it from a thread.
pub fn remove_unfinished() -> Stopped {
    let unfinished = unfinished();
    for path in &*unfinished {
        // One of the two is right, and there is nobody left to be told of failures.
        let _ = std::fs::remove_file(path).or_else(|_| std::fs::remove_dir_all(path));
    }
    Stopped { _unfinished: unfinished }
}
