//! The weights: one safetensors file or several, fitted to a configuration.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::disagreements::Evidence;
use super::misfits::{Fault, Misfit, census, list};
use super::names::{Spelling, unused};
use crate::checkpoint::location::{Location, text};
use crate::checkpoint::safetensors::SafetensorsFile;
use crate::tensor::{Error, Result, Shape, Tensor};
use crate::vivit::{Config, ParameterSpec, Parameters};

/// The weights of a model in one file.
pub(in crate::checkpoint) const WHOLE: &str = "model.safetensors";
/// The list of the files that hold the weights of a model in shards.
pub(in crate::checkpoint) const INDEX: &str = "model.safetensors.index.json";
/// What older models have instead.
const PICKLED: [&str; 2] = ["pytorch_model.bin", "pytorch_model.bin.index.json"];

/// Which shard holds which tensor.
#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

impl ShardIndex {
    fn read(path: &Path) -> Result<Self> {
        let index: Self = serde_json::from_str(&text(path)?).map_err(|error| {
            Error::file(format!("{} is no list of shards ({error}): download it again", path.display()))
        })?;
        let leads_out = |shard: &&String| shard.is_empty() || shard.contains(['/', '\\', ':']);
        if let Some(shard) = index.weight_map.values().find(leads_out) {
            return Err(Error::file(format!(
                "{} names the shard `{shard}`, but a shard is a file in the same folder",
                path.display()
            )));
        }
        Ok(index)
    }

    fn shards(&self) -> BTreeSet<&str> {
        self.weight_map.values().map(String::as_str).collect()
    }
}

/// Whether `folder` holds all weights of a model; an error where its list of shards is damaged.
pub(in crate::checkpoint) fn complete(folder: &Path) -> Result<bool> {
    if folder.join(WHOLE).is_file() {
        return Ok(true);
    }
    let index = folder.join(INDEX);
    Ok(index.is_file() && ShardIndex::read(&index)?.shards().into_iter().all(|shard| folder.join(shard).is_file()))
}

/// The files that the list of shards at `index` names.
#[cfg(feature = "hub")]
pub(in crate::checkpoint) fn shards(index: &Path) -> Result<Vec<String>> {
    Ok(ShardIndex::read(index)?.shards().into_iter().map(str::to_owned).collect())
}

/// A folder that holds only pickled weights.
#[derive(Debug)]
pub(in crate::checkpoint) struct Pickled {
    folder: PathBuf,
    file: &'static str,
}

/// The pickled weights in `folder`, where it has such.
pub(in crate::checkpoint) fn pickled(folder: &Path) -> Option<Pickled> {
    let file = PICKLED.into_iter().find(|name| folder.join(name).is_file())?;
    Some(Pickled { folder: folder.to_owned(), file })
}

impl Pickled {
    /// What is the matter and what to do, with what else was tried in between.
    pub(in crate::checkpoint) fn sentences(&self, tried: &str) -> String {
        let Self { folder, file } = self;
        let folder = folder.display();
        format!(
            "{folder} holds its weights only as {file}, a pickled file, which is not read since reading one runs what \
             it holds{tried}. Convert it once in Python, then load the new folder:\n\
             \n    from transformers import VivitForVideoClassification\
             \n    model = VivitForVideoClassification.from_pretrained(\"{folder}\")\
             \n    model.save_pretrained(\"vivit-safetensors\")"
        )
    }
}

/// The open files that hold a model's weights.
#[derive(Debug)]
pub(super) struct WeightFiles {
    /// The file, or the list of the shards.
    path: PathBuf,
    files: Vec<SafetensorsFile>,
    /// For each stored name the file that holds it.
    holders: HashMap<String, usize>,
}

impl WeightFiles {
    /// Opens the weights at `location`: those of the first folder that has any.
    pub(super) fn open(location: &Location) -> Result<Self> {
        for folder in &location.folders {
            let [whole, index] = [WHOLE, INDEX].map(|name| folder.join(name));
            if whole.is_file() {
                let file = SafetensorsFile::open(&whole)?;
                return Self::of(whole, vec![file]);
            }
            if index.is_file() {
                return Self::open_shards(index);
            }
        }
        Err(Error::file(match location.folders.iter().find_map(|folder| pickled(folder)) {
            Some(pickled) => pickled.sentences(""),
            None => format!("{} holds no weights: neither {WHOLE} nor {INDEX} is there", location.describe()),
        }))
    }

    fn open_shards(path: PathBuf) -> Result<Self> {
        let index = ShardIndex::read(&path)?;
        let mut files = Vec::new();
        for shard in index.shards() {
            let shard = path.with_file_name(shard);
            if !shard.is_file() {
                return Err(Error::file(format!(
                    "{} names the shard {}, which is missing: copy or download it too",
                    path.display(),
                    shard.display()
                )));
            }
            files.push(SafetensorsFile::open(&shard)?);
        }
        for (name, shard) in &index.weight_map {
            let shard = path.with_file_name(shard);
            if !files.iter().any(|file| file.path() == shard && file.contains(name)) {
                return Err(Error::file(format!(
                    "{} places tensor `{name}` in {}, which does not hold it: download both again",
                    path.display(),
                    shard.display()
                )));
            }
        }
        Self::of(path, files)
    }

    fn of(path: PathBuf, files: Vec<SafetensorsFile>) -> Result<Self> {
        let mut holders: HashMap<String, usize> = HashMap::new();
        for (index, file) in files.iter().enumerate() {
            for name in file.names() {
                if let Some(other) = holders.insert(name.to_owned(), index) {
                    return Err(Error::file(format!(
                        "tensor `{name}` is both in {} and in {}: keep one of the two",
                        files[other].path().display(),
                        file.path().display()
                    )));
                }
            }
        }
        Ok(Self { path, files, holders })
    }

    /// Whether the weights are those of the encoder alone, saved without a classifier: by names without a prefix, or
    /// where nobody says that the model `classifies`.
    pub(super) fn bare(&self, classifies: bool) -> bool {
        let has = |start: &str| self.names().any(|name| name.starts_with(start));
        let encoder = has("embeddings.") || (!classifies && has("vivit.embeddings."));
        encoder && !has("classifier.")
    }

    fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.holders.keys().map(String::as_str)
    }

    fn file(&self, stored: &str) -> Option<&SafetensorsFile> {
        self.holders.get(stored).map(|&index| &self.files[index])
    }
}

/// Weights that fit a configuration.
#[derive(Debug)]
pub(super) struct Weights {
    files: WeightFiles,
    names: Vec<String>,
    /// The stored name of each tensor.
    stored: HashMap<String, String>,
}

impl Weights {
    /// Finds every tensor of `config` in `files`, and nothing else but what is known to be of no use.
    pub(super) fn fit(files: WeightFiles, config: &Config, config_path: &Path) -> Result<Self> {
        let mut misfits = Vec::new();
        let mut stored = HashMap::new();
        let mut used = HashSet::new();
        let spelling = Spelling::of(files.names());
        let names: Vec<_> = config
            .parameters()
            .into_iter()
            .map(|spec| {
                let mut found: Vec<_> = Spelling::ALL.map(|spelling| spelling.stored(&spec.name)).into();
                found.dedup();
                found.retain(|name| files.holders.contains_key(name));
                misfits.extend(misfit(&files, &spec, &found, spelling));
                used.extend(found.iter().cloned());
                stored.extend(found.pop().map(|name| (spec.name.clone(), name)));
                spec.name
            })
            .collect();
        let extra: BTreeSet<_> = files.names().filter(|name| !used.contains(*name) && !unused(name)).collect();
        let unexpected = |name: &str| Misfit { fault: Fault::Unexpected, name: name.into(), detail: String::new() };
        misfits.extend(extra.into_iter().map(unexpected));
        let weights = Self { files, names, stored };
        match misfits.as_slice() {
            [] => Ok(weights),
            misfits => Err(weights.refusal(misfits, spelling, config, config_path)),
        }
    }

    /// The cause, all that does not fit, and what to do.
    fn refusal(&self, misfits: &[Misfit], spelling: Spelling, config: &Config, config_path: &Path) -> Error {
        let shape = |name: &str| self.shape(name).ok();
        let evidence = Evidence { names: self.files.names().collect(), spelling, shape };
        let (cause, remedy) = match evidence.against(config) {
            Some(disagreement) => (format!(", which {disagreement}"), "Correct config.json, or take"),
            None => (format!(": {}", census(misfits)), "Download the weights again, or take"),
        };
        let expected: Vec<_> = self.names.iter().map(|name| spelling.stored(name)).collect();
        let list = list(misfits, expected.iter().map(String::as_str), self.files.names());
        Error::file(format!(
            "{} does not fit {}{cause}:\n  {}\n{remedy} config.json and the weights from the same model.",
            self.files.path.display(),
            config_path.display(),
            list.join("\n  ")
        ))
    }

    fn holder(&self, name: &str) -> Result<(&SafetensorsFile, &str)> {
        let stored = self.stored.get(name).map(String::as_str);
        stored
            .and_then(|stored| Some((self.files.file(stored)?, stored)))
            .ok_or_else(|| Error::usage(format!("the model has no parameter `{name}`")))
    }
}

/// What is wrong with the one tensor that `spec` asks for, of which `found` are the stored names.
fn misfit(files: &WeightFiles, spec: &ParameterSpec, found: &[String], spelling: Spelling) -> Option<Misfit> {
    let (fault, name, detail) = match found {
        [] => (Fault::Missing, spelling.stored(&spec.name), format!(" of shape {}", spec.shape)),
        [first, others @ ..] if !others.is_empty() => {
            (Fault::Several, first.clone(), format!(", {}", others.join(", ")))
        }
        [name, ..] => {
            let file = files.file(name)?;
            let shape = file.shape(name)?;
            let (fault, detail) = match file.unreadable(name) {
                _ if shape != spec.shape => (Fault::Shape, format!(" is {shape}, expected {}", spec.shape)),
                Some(dtype) => (Fault::Type, format!(" has elements of {dtype}, expected F16, BF16, F32 or F64")),
                None => return None,
            };
            (fault, name.clone(), detail)
        }
    };
    Some(Misfit { fault, name, detail })
}

impl Parameters for Weights {
    fn names(&self) -> Vec<&str> {
        self.names.iter().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Result<Shape> {
        let (file, stored) = self.holder(name)?;
        file.shape(stored).ok_or_else(|| Error::usage(format!("the model has no parameter `{name}`")))
    }
}

impl crate::graph::Weights for Weights {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        let (file, stored) = self.holder(name)?;
        file.tensor(stored)
    }
}
