//! Files and folders that appear whole or not at all.
//!
//! What is being written lies beside its place, under a random name that nobody else has ([`Unfinished`],
//! [`UnfinishedFolder`]), and is put there by renaming. So whoever looks finds the old file or the whole new one. A link at
//! that place is replaced, not followed: what it names stays as it is.
//!
//! What fails is removed. A program that ends at a signal calls [`remove_unfinished`] first; this library itself handles no
//! signals. What a killed process left behind is found and removed by the next that writes in the same folder: each
//! unfinished file is locked by its writer, and the lock ends with the process.
//!
//! What is to be read while it is being written grows line by line instead ([`Lines`]).

mod folder;
mod leftovers;
mod lines;
mod registry;
mod unfinished;

use std::path::Path;

pub use folder::UnfinishedFolder;
pub use lines::{Lines, read_lines, whole_lines};
pub use registry::{Stopped, remove_unfinished};
pub use unfinished::{Finished, Unfinished};

use crate::tensor::{Error, Result};

/// Lets `write` fill a file that is then put at `path`.
///
/// An error ([`File`](crate::tensor::ErrorKind::File) or [`Io`](crate::tensor::ErrorKind::Io)) where the folder is
/// missing or cannot be written to, where something else than a file is at `path`, or where `write` fails; what was there
/// then stays.
///
/// ```no_run
/// use std::io::Write;
///
/// tubelet::files::write_whole("notes.txt", |file| writeln!(file, "all of it, or nothing"))?;
/// # Ok::<(), tubelet::Error>(())
/// ```
pub fn write_whole(path: impl AsRef<Path>, write: impl FnOnce(&mut Unfinished) -> std::io::Result<()>) -> Result<()> {
    let path = path.as_ref();
    let mut file = Unfinished::create(path)?;
    write(&mut file).map_err(|error| Error::io("write", path, &error))?;
    file.finish()?.put()
}

/// The folder that holds `path`.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// What went wrong, without the name of the temporary file that tempfile adds.
fn cause(error: &std::io::Error) -> std::io::Error {
    let text = error.to_string();
    std::io::Error::new(error.kind(), text.split(" at path \"").next().unwrap_or_default())
}

#[cfg(test)]
mod tests;
