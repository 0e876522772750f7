//! What killed processes left behind.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs::{File, Metadata, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Names of unfinished files and folders: `.tubelet-XXXXXXXX.unfinished`.
pub(super) const PREFIX: &str = ".tubelet-";
pub(super) const SUFFIX: &str = ".unfinished";
/// Letters and digits between the two.
pub(super) const RANDOM: usize = 8;

/// Removes unfinished files and folders in `folder` whose writers are gone; once in the life of this process, for there may
/// be many files in it.
pub(super) fn remove(folder: &Path) {
    static SEEN: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());
    let Ok(folder) = folder.canonicalize() else { return };
    if SEEN.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.clone()) {
        remove_now(&folder);
    }
}

/// As [`remove`], whether it was done before or not.
pub(super) fn remove_now(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if is_unfinished(&entry.file_name()) {
            remove_abandoned(&entry.path());
        }
    }
}

fn is_unfinished(name: &OsStr) -> bool {
    let random = name.to_str().and_then(|name| name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX));
    random.is_some_and(|random| random.len() == RANDOM && random.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

/// Removes `path` where nobody is writing it. Nobody is told of failures: it is not what was asked for.
fn remove_abandoned(path: &Path) {
    let Ok(metadata) = std::fs::symlink_metadata(path) else { return };
    if !metadata.is_file() && !metadata.is_dir() {
        return;
    }
    // Held until it is removed, so that whoever has just created it notices.
    let file = File::open(path);
    let abandoned = match file.as_ref().map(File::try_lock) {
        Ok(Ok(())) => true,
        Ok(Err(TryLockError::WouldBlock)) => false,
        // Nothing is known where there are no locks.
        Ok(Err(TryLockError::Error(_))) | Err(_) => is_old(&metadata),
    };
    if abandoned {
        let _ = if metadata.is_dir() { std::fs::remove_dir_all(path) } else { std::fs::remove_file(path) };
    }
}

/// Whether nothing can be writing this any more.
fn is_old(metadata: &Metadata) -> bool {
    const A_DAY: Duration = Duration::from_secs(24 * 60 * 60);
    metadata.modified().is_ok_and(|time| time.elapsed().is_ok_and(|age| age > A_DAY))
}
