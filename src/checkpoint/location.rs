//! Where the files of one checkpoint lie.

use std::path::{Path, PathBuf};

use super::stored::StoredFile;

/// The folders of one checkpoint and where they came from.
#[derive(Debug)]
pub(super) struct Location {
    /// Folders to look in, the one with the weights first.
    pub(super) folders: Vec<PathBuf>,
    /// The file of the weights, where it was named; else they are looked for in the folders.
    pub(super) file: Option<StoredFile>,
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
        Self { folders: vec![folder.to_owned()], file: Some(StoredFile::on_disk(file)), source, notes: Vec::new() }
    }

    /// A file of weights in memory and what lies beside it.
    pub(super) fn in_memory(file: StoredFile, source: &str) -> Self {
        Self { folders: Vec::new(), file: Some(file), source: source.to_owned(), notes: Vec::new() }
    }

    /// The file called `name` in the first folder that has it.
    pub(super) fn find(&self, name: &str) -> Option<StoredFile> {
        let beside = self.file.as_ref().map(|file| file.beside(name));
        let folders = self.folders.iter().map(|folder| StoredFile::on_disk(folder.join(name)));
        folders.chain(beside).find(StoredFile::exists)
    }

    /// The folders, for people.
    pub(super) fn describe(&self) -> String {
        let folders: Vec<_> = self.folders.iter().map(|folder| folder.display().to_string()).collect();
        if folders.is_empty() { self.source.clone() } else { folders.join(" and ") }
    }
}
