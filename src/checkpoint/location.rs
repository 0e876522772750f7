//! Where the files of one checkpoint lie.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::tensor::{Error, Result};

/// The folders of one checkpoint and where they came from.
#[derive(Debug)]
pub(super) struct Location {
    /// Folders to look in, the one with the weights first.
    pub(super) folders: Vec<PathBuf>,
    /// The file of the weights, where it was named; else they are looked for in the folders.
    pub(super) file: Option<PathBuf>,
    /// For people: the path, or the name with its revision.
    pub(super) source: String,
    /// What the user should know about it.
    pub(super) notes: Vec<String>,
}

impl Location {
    /// One folder that holds everything.
    pub(super) fn folder(folder: &Path) -> Self {
        let source = folder.display().to_string();
        Self { folders: vec![folder.to_owned()], file: None, source, notes: Vec::new() }
    }

    /// A file of weights and what lies beside it.
    pub(super) fn file(file: &Path) -> Self {
        let folder = file.parent().unwrap_or(Path::new(""));
        let source = file.display().to_string();
        Self { folders: vec![folder.to_owned()], file: Some(file.to_owned()), source, notes: Vec::new() }
    }

    /// The path of the file called `name` in the first folder that has it.
    pub(super) fn find(&self, name: &str) -> Option<PathBuf> {
        self.folders.iter().map(|folder| folder.join(name)).find(|path| path.is_file())
    }

    /// The folders, for people.
    pub(super) fn describe(&self) -> String {
        let folders: Vec<_> = self.folders.iter().map(|folder| folder.display().to_string()).collect();
        folders.join(" and ")
    }
}

/// Bytes of the longest configuration or list of shards.
const LONGEST_TEXT: u64 = 64 << 20;

/// The text of a file.
pub(super) fn text(path: &Path) -> Result<String> {
    let mut text = String::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST_TEXT + 1).read_to_string(&mut text));
    match read {
        Ok(bytes) if bytes as u64 > LONGEST_TEXT => {
            Err(Error::file(format!("{} has more than {LONGEST_TEXT} bytes, which no such file has", path.display())))
        }
        Ok(_) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => {
            Err(Error::file(format!("{} is not UTF-8 text: download it again", path.display())))
        }
        Err(error) => Err(Error::io("read", path, &error)),
    }
}
