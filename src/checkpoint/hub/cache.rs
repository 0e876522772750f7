//! The hub's cache on this machine, as every program that uses the hub shares it:
//! `models--ORGANISATION--NAME/refs/REVISION` gives a commit, `snapshots/COMMIT/` has its files.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::ModelId;
use crate::checkpoint::huggingface::{complete, pickled};
use crate::checkpoint::location::Location;
use crate::tensor::{Error, Result};

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
    /// This file or folder is not there.
    Path(PathBuf),
    /// There are weights, but pickled; the error says what to do with them.
    Pickled(Error),
    /// The folder has no weights, or only some of their shards.
    Weights(PathBuf),
}

impl Lack {
    /// The error where `obstacle` is in the way of a download.
    pub(super) fn error(&self, id: &ModelId, obstacle: &str) -> Error {
        match self {
            Self::Pickled(error) => error.clone().within(format!("{id}: {obstacle}")),
            lack => Error::file(format!(
                "there is neither a folder {id} nor such a model in the cache of the hub ({lack}), and {obstacle}"
            )),
        }
    }
}

impl fmt::Display for Lack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "{} is missing", path.display()),
            Self::Pickled(error) => error.fmt(f),
            Self::Weights(folder) => write!(f, "{} lacks weights", folder.display()),
        }
    }
}

impl Repository {
    pub(super) fn new(cache: &Path, id: &ModelId) -> Self {
        Self(cache.join(format!("models--{}", id.name.replace('/', "--"))))
    }

    /// The folder of a commit.
    pub(super) fn snapshot(&self, commit: &str) -> PathBuf {
        self.0.join("snapshots").join(commit)
    }

    /// The files of the model's revision. Where it has no safetensors file, its weights come from a cached pull
    /// request: the hub's own bot opens such to add one. What a pull request lacks comes from the main revision.
    pub(super) fn find(&self, id: &ModelId) -> Result<Cached> {
        let Some((commit, revision)) = self.revision(&id.revision) else {
            return Ok(Cached::Incomplete(Lack::Path(self.0.join("refs").join(&id.revision))));
        };
        let source = format!("{id} (commit {commit})");
        let mut location = if complete(&revision)? {
            Location { folders: vec![revision], source, notes: Vec::new() }
        } else if let Some((number, weights)) = self.pull_request()? {
            let note = format!(
                "{id} has no safetensors file: the weights are those of its pull request {number} \
                 (refs/pr/{number}), which anyone may have opened"
            );
            Location { folders: vec![weights, revision], source, notes: vec![note] }
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

    /// Commit and folder of a revision: a branch or tag by its reference, or a commit itself.
    fn revision(&self, revision: &str) -> Option<(String, PathBuf)> {
        let commit = match fs::read_to_string(self.0.join("refs").join(revision)) {
            Ok(commit) => commit.trim().to_owned(),
            Err(_) => revision.to_owned(),
        };
        let folder = self.snapshot(&commit);
        let plain = !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_alphanumeric());
        (plain && folder.is_dir()).then_some((commit, folder))
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
