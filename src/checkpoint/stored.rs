//! A file of a checkpoint, on a disk or in memory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::tensor::{Error, Result};

/// Files that are held in memory, by name.
type Held = BTreeMap<String, Arc<Cow<'static, [u8]>>>;

/// A file of a checkpoint, which need not be there.
#[derive(Clone, Debug)]
pub(super) struct StoredFile {
    /// Where it lies; what messages call it.
    path: PathBuf,
    /// The files of its folder, where they are in memory.
    held: Option<Arc<Held>>,
}

impl StoredFile {
    /// The file at `path` on a disk.
    pub(super) fn on_disk(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into(), held: None }
    }

    /// The file called `name` of several in memory, in a folder that messages call `folder`.
    pub(super) fn in_memory(
        folder: &str,
        name: &str,
        files: impl IntoIterator<Item = (String, Cow<'static, [u8]>)>,
    ) -> Self {
        let held = files.into_iter().map(|(name, bytes)| (name, Arc::new(bytes))).collect();
        Self { path: Path::new(folder).join(name), held: Some(Arc::new(held)) }
    }

    /// The file called `name` in the same folder.
    pub(super) fn beside(&self, name: &str) -> Self {
        Self { path: self.path.with_file_name(name), held: self.held.clone() }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// For messages.
    pub(super) fn display(&self) -> std::path::Display<'_> {
        self.path.display()
    }

    /// Its own name, without its folder.
    pub(super) fn name(&self) -> std::borrow::Cow<'_, str> {
        self.path.file_name().unwrap_or_default().to_string_lossy()
    }

    pub(super) fn exists(&self) -> bool {
        match &self.held {
            None => self.path.is_file(),
            Some(held) => held.contains_key(&*self.name()),
        }
    }

    /// Opens it to be read.
    pub(super) fn open(&self) -> Result<Opened> {
        let opened = match &self.held {
            None => File::open(&self.path).map(Opened::OnDisk),
            Some(held) => match held.get(&*self.name()) {
                Some(bytes) => Ok(Opened::InMemory(Cursor::new(Shared(bytes.clone())))),
                None => Err(io::ErrorKind::NotFound.into()),
            },
        };
        opened.map_err(|error| Error::io("open", &self.path, &error))
    }

    /// Its text.
    pub(super) fn text(&self) -> Result<String> {
        let mut text = String::new();
        match self.open()?.take(LONGEST_TEXT + 1).read_to_string(&mut text) {
            Ok(bytes) if bytes as u64 > LONGEST_TEXT => Err(Error::file(format!(
                "{} has more than {LONGEST_TEXT} bytes, which no such file has",
                self.display()
            ))),
            Ok(_) => Ok(text),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Err(Error::file(format!("{} is not UTF-8 text: download it again", self.display())))
            }
            Err(error) => Err(Error::io("read", &self.path, &error)),
        }
    }
}

/// Bytes of the longest configuration or list of shards.
const LONGEST_TEXT: u64 = 64 << 20;

/// An open file.
#[derive(Debug)]
pub(super) enum Opened {
    OnDisk(File),
    InMemory(Cursor<Shared>),
}

/// Bytes that several readers share.
#[derive(Debug)]
pub(super) struct Shared(Arc<Cow<'static, [u8]>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl Opened {
    /// Its size in bytes.
    pub(super) fn size(&self) -> io::Result<u64> {
        match self {
            Self::OnDisk(file) => file.metadata().map(|metadata| metadata.len()),
            Self::InMemory(bytes) => Ok(bytes.get_ref().0.len() as u64),
        }
    }
}

impl Read for Opened {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::OnDisk(file) => file.read(into),
            Self::InMemory(bytes) => bytes.read(into),
        }
    }
}

impl Seek for Opened {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::OnDisk(file) => file.seek(to),
            Self::InMemory(bytes) => bytes.seek(to),
        }
    }
}
