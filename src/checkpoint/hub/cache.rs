//! The hub's cache on this machine, as every program that uses the hub shares it:
//! `models--ORGANISATION--NAME/refs/REVISION` gives a commit, `snapshots/COMMIT/` has its files.

use std::fmt;
use std::fs;
#[cfg(feature = "hub")]
use std::io::Write;
use std::path::{Path, PathBuf};

use super::ModelId;
use crate::checkpoint::location::Location;
use crate::checkpoint::weights::{Pickled, complete, pickled};
#[cfg(feature = "hub")]
use crate::files::write_whole;
#[cfg(feature = "hub")]
use crate::tensor::Error;
use crate::tensor::Result;

/// The cached files of one model, all its revisions.
pub(super) struct Repository(PathBuf);

/// What the cache holds of a model.
pub(super) enum Cached {
    /// All that it takes to load it.
    Complete(Location),
    /// Not enough.
    Incomplete(Lack),
}

/// Why a model cannot be loaded from the cache.
pub(super) enum Lack {
    /// Nothing is known of it: this reference is not there.
    Unknown(PathBuf),
    /// It is there in part, but not this file or folder.
    Path(PathBuf),
    /// There are weights, but pickled.
    Pickled(Pickled),
    /// The folder has no weights, or only some of their shards.
    Weights(PathBuf),
}

impl Lack {
    /// What to tell the user where `obstacle` is in the way of a download.
    pub(super) fn sentence(&self, id: &ModelId, obstacle: &str) -> String {
        match self {
            Self::Unknown(_) => format!(
                "there is neither a folder {id} nor such a model in the cache of the hub ({self}), and {obstacle}"
            ),
            Self::Pickled(pickled) => pickled.sentences(&format!(
                ", and a copy of {id} that someone converted in a pull request could not be looked for: {obstacle}"
            )),
            Self::Path(_) | Self::Weights(_) => format!(
                "the cache of the hub holds {id} only in part ({self}): it must be downloaded again, but {obstacle}"
            ),
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(path) | Self::Path(path) => write!(f, "{} is missing", path.display()),
            Self::Pickled(pickled) => f.write_str(&pickled.sentences("")),
            Self::Weights(folder) => write!(f, "{} lacks weights", folder.display()),
        }
    }
}

impl Repository {
    pub(super) fn new(cache: &Path, id: &ModelId) -> Self {
        Self(cache.join(format!("models--{}", id.name.replace('/', "--"))))
    }

    /// The folder of the files' contents, each by its hash.
    #[cfg(feature = "hub")]
    pub(super) fn blobs(&self) -> PathBuf {
        self.0.join("blobs")
    }

    /// Writes down that `revision` is this commit.
    #[cfg(feature = "hub")]
    pub(super) fn refer(&self, revision: &str, commit: &str) -> Result<()> {
        let reference = self.reference(revision);
        if revision == commit || fs::read_to_string(&reference).is_ok_and(|known| known == commit) {
            return Ok(());
        }
        let folder = reference.parent().unwrap_or(&self.0);
        fs::create_dir_all(folder).map_err(|error| Error::io("make the folder", folder, &error))?;
        write_whole(&reference, |file| file.write_all(commit.as_bytes()))
    }

    /// The folder of a commit.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.0.join("snapshots").join(commit)
    }

    /// The files of the model's revision. Where it has no safetensors file, its weights come from a cached pull
    /// request: the hub's own bot opens such to add one. What a pull request lacks comes from the main revision.
    pub(super) fn find(&self, id: &ModelId) -> Result<Cached> {
        let Some((commit, revision)) = self.revision(&id.revision) else {
            let reference = self.reference(&id.revision);
            return Ok(Cached::Incomplete(match self.commit(&id.revision) {
                Some(commit) if reference.is_file() => Lack::Path(self.snapshot(&commit)),
                _ => Lack::Unknown(reference),
            }));
        };
        let source = format!("{id} (commit {commit})");
        let mut location = if complete(&revision)? {
            Location { folders: vec![revision], file: None, source, notes: Vec::new() }
        } else if let Some((number, weights)) = self.pull_request()? {
            let note = format!(
                "{id} has no safetensors file: the weights are those of its pull request {number} \
                 (refs/pr/{number}), which anyone may have opened"
            );
            Location { folders: vec![weights, revision], file: None, source, notes: vec![note] }
        } else {
            return Ok(Cached::Incomplete(pickled(&revision).map_or(Lack::Weights(revision), Lack::Pickled)));
        };
        if id.revision.starts_with("refs/pr/") {
            location.folders.extend(self.revision("main").map(|(_, main)| main));
        }
        Ok(match location.find("config.json") {
            Some(_) => Cached::Complete(location),
            None => Cached::Incomplete(Lack::Path(self.snapshot(&commit).join("config.json"))),
        })
    }

    /// The file that gives the commit of a branch or tag.
    fn reference(&self, revision: &str) -> PathBuf {
        self.0.join("refs").join(revision)
    }

    /// The commit of a revision: a branch or tag by its reference, or a commit itself.
    fn commit(&self, revision: &str) -> Option<String> {
        let commit = match fs::read_to_string(self.reference(revision)) {
            Ok(commit) => commit.trim().to_owned(),
            Err(_) => revision.to_owned(),
        };
        let plain = !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_alphanumeric());
        plain.then_some(commit)
    }

    /// Commit and folder of a revision.
    fn revision(&self, revision: &str) -> Option<(String, PathBuf)> {
        let commit = self.commit(revision)?;
        let folder = self.snapshot(&commit);
        folder.is_dir().then_some((commit, folder))
    }

    /// The first cached pull request that has all weights: its number and folder.
    fn pull_request(&self) -> Result<Option<(u64, PathBuf)>> {
        // Its revision is `refs/pr/3`, so its reference is the file `refs/refs/pr/3`.
        let entries = fs::read_dir(self.0.join("refs").join("refs").join("pr")).into_iter().flatten().flatten();
        let mut numbers: Vec<u64> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
        numbers.sort_unstable();
        for number in numbers {
            if let Some((_, folder)) = self.revision(&format!("refs/pr/{number}"))
                && complete(&folder)?
            {
                return Ok(Some((number, folder)));
            }
        }
        Ok(None)
    }
}
