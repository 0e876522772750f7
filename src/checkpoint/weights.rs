//! The files that hold a model's weights: a safetensors file, several of them, or a Flax checkpoint.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::arrays::{Arrays, Dtype};
use super::flax::FlaxCheckpoint;
use super::location::Location;
use super::reason::reason;
use super::safetensors::SafetensorsFile;
use super::stored::StoredFile;
use crate::tensor::{Error, Result, Shape, Tensor, printable};

/// The weights of a model in one file.
pub(super) const WHOLE: &str = "model.safetensors";
/// The list of the files that hold the weights of a model in shards.
pub(super) const INDEX: &str = "model.safetensors.index.json";
/// Extension of files of arrays.
const SAFETENSORS: &str = ".safetensors";
/// The pickled weights that older models have instead.
const PICKLED: [&str; 2] = ["pytorch_model.bin", "pytorch_model.bin.index.json"];
/// The file of a Flax checkpoint, alone or followed by `_` and the number of its training step.
pub(super) const FLAX: &str = "checkpoint";

/// Opens the weights at `location`: the file that it names, else those of its first folder that has any.
pub(super) fn open(location: &mut Location) -> Result<Box<dyn Arrays>> {
    if let Some(file) = &location.file {
        return open_file(file);
    }
    for folder in location.folders.clone() {
        let [whole, index] = [WHOLE, INDEX].map(|name| folder.join(name));
        let flax = newest_flax(&folder);
        if whole.is_file() || index.is_file() {
            location.notes.extend(flax.map(|(flax, _)| {
                format!("{} is not looked at beside the safetensors file: give its path to load it", flax.display())
            }));
            return open_file(&StoredFile::on_disk(if whole.is_file() { whole } else { index }));
        }
        if let Some((flax, number)) = flax {
            if number > 1 {
                location.notes.push(format!("{} is the newest of {number} checkpoints in its folder", flax.display()));
            }
            return open_file(&StoredFile::on_disk(flax));
        }
    }
    Err(Error::file(match location.folders.iter().find_map(|folder| pickled(folder)) {
        Some(pickled) => pickled.sentences(""),
        None if location.find("config.json").is_none() => format!(
            "{} holds neither a config.json nor weights ({WHOLE}, {INDEX} or {FLAX}), so it is not the folder of a model",
            location.describe()
        ),
        None => format!("{} holds no weights: neither {WHOLE} nor {INDEX} nor {FLAX} is there", location.describe()),
    }))
}

/// Which of the files with these names holds the weights of a model.
pub(super) fn weights_file<'a>(names: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let known = [WHOLE, INDEX, FLAX].into_iter().find_map(|known| names.clone().find(|name| *name == known));
    let mut others = names.filter(|name| !name.ends_with(".json"));
    known.or_else(|| others.next().filter(|_| others.next().is_none()))
}

fn open_file(file: &StoredFile) -> Result<Box<dyn Arrays>> {
    let name = file.name();
    if name.ends_with(SAFETENSORS) {
        Ok(Box::new(SafetensorsFile::open(file)?))
    } else if name.ends_with(".safetensors.index.json") {
        Ok(Box::new(Shards::open(file)?))
    } else if let Some(pickled) = PICKLED.into_iter().find(|pickled| name == *pickled) {
        let folder = file.path().parent().unwrap_or(Path::new("")).to_owned();
        Err(Error::file(Pickled { folder, file: pickled }.sentences("")))
    } else if is_archive(file) {
        open_archive(file)
    } else {
        Ok(Box::new(FlaxCheckpoint::open(file)?))
    }
}

/// Whether a file begins as a ZIP archive does, and so an `.npz` file.
fn is_archive(file: &StoredFile) -> bool {
    let mut start = [0; 4];
    file.open().is_ok_and(|mut file| file.read_exact(&mut start).is_ok()) && start == *b"PK\x03\x04"
}

#[cfg(feature = "npz")]
fn open_archive(file: &StoredFile) -> Result<Box<dyn Arrays>> {
    Ok(Box::new(super::npz::NpzFile::open(file)?))
}

#[cfg(not(feature = "npz"))]
fn open_archive(file: &StoredFile) -> Result<Box<dyn Arrays>> {
    Err(Error::unsupported(format!(
        "{} is an .npz file, which this build cannot read (it lacks feature `npz`)",
        file.display()
    )))
}

/// The Flax checkpoint in `folder`, the one of most training steps where there are several, and how many there are.
fn newest_flax(folder: &Path) -> Option<(PathBuf, usize)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().filter(|entry| entry.path().is_file());
    let step = |name: &str| match name.strip_prefix(FLAX)? {
        "" => Some(None),
        step => step.strip_prefix('_')?.parse::<u64>().ok().map(Some),
    };
    let steps: BTreeSet<_> = entries.filter_map(|entry| step(entry.file_name().to_str()?)).collect();
    let newest = steps.last()?.map_or(FLAX.to_owned(), |step| format!("{FLAX}_{step}"));
    Some((folder.join(newest), steps.len()))
}

/// Which shard holds which tensor.
#[derive(Deserialize)]
struct ShardIndex {
    weight_map: BTreeMap<String, String>,
}

impl ShardIndex {
    fn read(file: &StoredFile) -> Result<Self> {
        let index: Self = serde_json::from_str(&file.text()?).map_err(|error| {
            Error::file(format!("{} is no list of shards ({}): download it again", file.display(), reason(&error)))
        })?;
        let is_shard = |shard: &str| {
            shard.ends_with(SAFETENSORS) && !shard.contains(|c: char| ['/', '\\', ':'].contains(&c) || c.is_control())
        };
        if let Some(shard) = index.weight_map.values().find(|shard| !is_shard(shard)) {
            return Err(Error::file(format!(
                "{} names the shard `{}`, but a shard is a {SAFETENSORS} file in the same folder",
                file.display(),
                printable(shard, 80)
            )));
        }
        Ok(index)
    }

    fn shards(&self) -> BTreeSet<&str> {
        self.weight_map.values().map(String::as_str).collect()
    }
}

/// Whether `folder` holds all weights of a model; an error where its list of shards is damaged.
pub(super) fn complete(folder: &Path) -> Result<bool> {
    if folder.join(WHOLE).is_file() {
        return Ok(true);
    }
    let index = StoredFile::on_disk(folder.join(INDEX));
    Ok(index.exists() && ShardIndex::read(&index)?.shards().into_iter().all(|shard| index.beside(shard).exists()))
}

/// The files that the list of shards at `index` names.
#[cfg(feature = "hub")]
pub(super) fn shards(index: &Path) -> Result<Vec<String>> {
    let index = ShardIndex::read(&StoredFile::on_disk(index))?;
    Ok(index.shards().into_iter().map(str::to_owned).collect())
}

/// A folder that holds only pickled weights.
#[derive(Debug)]
pub(super) struct Pickled {
    folder: PathBuf,
    file: &'static str,
}

/// The pickled weights in `folder`, where it has such.
pub(super) fn pickled(folder: &Path) -> Option<Pickled> {
    let file = PICKLED.into_iter().find(|name| folder.join(name).is_file())?;
    Some(Pickled { folder: folder.to_owned(), file })
}

impl Pickled {
    /// What is the matter and what to do, with what else was tried in between.
    pub(super) fn sentences(&self, tried: &str) -> String {
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

/// The open shards of a model's weights.
#[derive(Debug)]
struct Shards {
    /// The list of the shards.
    path: PathBuf,
    files: Vec<SafetensorsFile>,
    /// For each stored name the file that holds it.
    holders: HashMap<String, usize>,
}

impl Shards {
    fn open(list: &StoredFile) -> Result<Self> {
        let index = ShardIndex::read(list)?;
        let mut files = Vec::new();
        for shard in index.shards() {
            let shard = list.beside(shard);
            if !shard.exists() {
                return Err(Error::file(format!(
                    "{} names the shard {}, which is missing: copy or download it too",
                    list.display(),
                    shard.display()
                )));
            }
            files.push(SafetensorsFile::open(&shard)?);
        }
        for (name, shard) in &index.weight_map {
            let shard = list.beside(shard);
            if !files.iter().any(|file| file.path() == shard.path() && file.shape(name).is_some()) {
                return Err(Error::file(format!(
                    "{} places tensor `{name}` in {}, which does not hold it: download both again",
                    list.display(),
                    shard.display()
                )));
            }
        }
        let holders = holders(&files)?;
        Ok(Self { path: list.path().to_owned(), files, holders })
    }

    fn file(&self, name: &str) -> Option<&SafetensorsFile> {
        self.holders.get(name).map(|&index| &self.files[index])
    }
}

fn holders(files: &[SafetensorsFile]) -> Result<HashMap<String, usize>> {
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
    Ok(holders)
}

impl Arrays for Shards {
    fn path(&self) -> &Path {
        &self.path
    }

    fn names(&self) -> Vec<&str> {
        self.holders.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<Shape> {
        self.file(name)?.shape(name)
    }

    fn dtype(&self, name: &str) -> Option<Dtype> {
        self.file(name)?.dtype(name)
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        let file = self.file(name);
        file.ok_or_else(|| Error::usage(format!("{} holds no array `{name}`", self.path.display())))?.tensor(name)
    }
}
