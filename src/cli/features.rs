//! Features of many videos: a folder of arrays, a row a video, and an index that says which row is whose.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tubelet::eval::{Identity, Journal};
use tubelet::tensor::{Element, Error, ErrorKind, Result, Tensor};

/// The index: a line of JSON for each video, as it is finished.
const INDEX: &str = "index.jsonl";

/// Larger files are hard to copy and to map; at least one video is in each.
const MOST_BYTES: u64 = 1 << 30;

/// Bytes before an array's values: as many for any number of rows, so that the number can be written anew.
const HEADER: usize = 256;

/// Where one value of a video is.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(super) struct Location {
    /// Name of the array's file in the folder.
    file: String,
    /// Index along the first axis of the array, from 0.
    row: u64,
    /// Shape of the row.
    shape: Vec<usize>,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}, row {} of {}", self.shape, self.row, self.file)
    }
}

/// What identifies a run.
#[derive(Deserialize, Serialize)]
pub(super) struct Recipe(pub(super) Map<String, Value>);

impl Identity for Recipe {
    fn difference(&self, other: &Self) -> Option<String> {
        let names: BTreeSet<&String> = self.0.keys().chain(other.0.keys()).collect();
        let said = |value: Option<&Value>| value.map_or("none".to_owned(), Value::to_string);
        let own = |name: &String| (said(self.0.get(name)), said(other.0.get(name)));
        let differing = names.into_iter().map(|name| (name, own(name))).find(|(_, (own, other))| own != other);
        differing.map(|(name, (own, other))| format!("{name} {own}, not {other}"))
    }
}

/// The fields of an index line that are read back.
#[derive(Deserialize)]
struct Line {
    row: usize,
    #[serde(default)]
    tensors: BTreeMap<String, Location>,
    error: Option<String>,
}

/// A folder of features that is being written.
pub(super) struct Features {
    folder: PathBuf,
    journal: Journal,
    arrays: BTreeMap<String, Array>,
    /// Videos that are there, and those that failed.
    pub(super) done: BTreeSet<usize>,
    pub(super) failed: BTreeSet<usize>,
    /// Videos whose features were added.
    added: usize,
}

/// An array that grows by rows.
struct Array {
    number: usize,
    name: String,
    file: File,
    rows: u64,
    shape: Vec<usize>,
}

impl Features {
    /// Begins the features of a run in `folder`, or goes on with them where `resume` is set and they are of the same run.
    pub(super) fn open(folder: &Path, recipe: &Recipe, resume: bool) -> Result<Self> {
        std::fs::create_dir_all(folder).map_err(|error| Error::io("create", folder, &error))?;
        let index = folder.join(INDEX);
        let (journal, text) = Journal::open(&index, recipe, resume)?;
        let mut features = Self {
            folder: folder.to_owned(),
            journal,
            arrays: BTreeMap::new(),
            done: BTreeSet::new(),
            failed: BTreeSet::new(),
            added: 0,
        };
        let mut last = BTreeMap::new();
        for (number, line) in text.lines().enumerate() {
            let damaged =
                |error| Error::file(format!("line {} of {} is damaged: {error}", number + 1, index.display()));
            let line: Line = serde_json::from_str(line).map_err(damaged)?;
            match line.error {
                Some(_) => _ = features.failed.insert(line.row),
                None => {
                    features.failed.remove(&line.row);
                    features.done.insert(line.row);
                    last.extend(line.tensors);
                }
            }
        }
        for (name, location) in last {
            let array = Array::again(folder, &name, &location)?;
            features.arrays.insert(name, array);
        }
        Ok(features)
    }

    /// Adds the features of a video, and says where they are; the index does not know of them yet.
    pub(super) fn add(&mut self, tensors: &BTreeMap<String, Tensor>) -> Result<BTreeMap<String, Location>> {
        self.added += 1;
        tensors.iter().map(|(name, tensor)| Ok((name.clone(), self.add_one(name, tensor)?))).collect()
    }

    fn add_one(&mut self, name: &str, tensor: &Tensor) -> Result<Location> {
        let shape = tensor.shape().axes();
        let kept = self.arrays.remove(name);
        let array = match kept {
            Some(array) if array.shape == shape && array.bytes() + tensor.as_bytes().len() as u64 <= MOST_BYTES => {
                array
            }
            Some(array) => Array::begin(&self.folder, name, array.number + 1, shape)?,
            None => Array::begin(&self.folder, name, 0, shape)?,
        };
        let array = self.arrays.entry(name.to_owned()).or_insert(array);
        let row = array.rows;
        array.add(tensor.as_bytes()).map_err(|error| Error::io("write", &self.folder.join(&array.name), &error))?;
        Ok(Location { file: array.name.clone(), row, shape: shape.to_vec() })
    }

    /// Adds a line to the index: `line` with the video's index among all.
    pub(super) fn index(&mut self, row: usize, line: &impl Serialize) -> Result<()> {
        #[derive(Serialize)]
        struct Numbered<'a, T> {
            row: usize,
            #[serde(flatten)]
            line: &'a T,
        }
        let text = serde_json::to_string(&Numbered { row, line });
        let unwritable = |error| Error::new(ErrorKind::Io, format!("the index cannot be written as JSON: {error}"));
        self.journal.append(text.map_err(unwritable)?)
    }

    /// Videos whose features are there.
    pub(super) fn indexed(&self) -> usize {
        self.done.len() + self.added
    }
}

impl Array {
    fn begin(folder: &Path, value: &str, number: usize, shape: &[usize]) -> Result<Self> {
        let name = format!("{value}-{number:05}.npy");
        let path = folder.join(&name);
        let file = OpenOptions::new().write(true).create(true).truncate(true).open(&path);
        let file = file.map_err(|error| Error::io("write", &path, &error))?;
        Ok(Self { number, name, file, rows: 0, shape: shape.to_vec() })
    }

    /// Goes on after the last row that the index knows of.
    fn again(folder: &Path, value: &str, last: &Location) -> Result<Self> {
        let of_value = last.file.strip_prefix(&format!("{value}-")).and_then(|rest| rest.strip_suffix(".npy"));
        let number = of_value.and_then(|number| number.parse().ok()).ok_or_else(|| {
            Error::file(format!("the index of {} names {}, which is no file of it", folder.display(), last.file))
        })?;
        let path = folder.join(&last.file);
        let failed = |error| Error::io("write", &path, &error);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(failed)?;
        let array = Self { number, name: last.file.clone(), file, rows: last.row + 1, shape: last.shape.clone() };
        if array.file.metadata().map_err(failed)?.len() < array.bytes() {
            return Err(Error::file(format!("{} is shorter than the index says", path.display())));
        }
        array.file.set_len(array.bytes()).map_err(failed)?;
        Ok(array)
    }

    /// Size of the file in bytes.
    fn bytes(&self) -> u64 {
        HEADER as u64 + self.rows * Element::F32.bytes_of(self.shape.iter().product())
    }

    /// The values first: an array whose header says less than there is can be read, and ends with the last whole row.
    fn add(&mut self, values: &[u8]) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(self.bytes()))?;
        self.file.write_all(values)?;
        self.rows += 1;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header(self.rows, &self.shape))
    }
}

/// As numpy has it, version 1.0.
fn header(rows: u64, shape: &[usize]) -> Vec<u8> {
    let shape: String = shape.iter().map(|size| format!("{size}, ")).collect();
    let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {shape}), }}");
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend(((HEADER - 10) as u16).to_le_bytes());
    header.extend(text.as_bytes());
    header.resize(HEADER - 1, b' ');
    header.push(b'\n');
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors(value: f32) -> BTreeMap<String, Tensor> {
        BTreeMap::from([("features".to_owned(), Tensor::f32([1, 3], vec![value; 3]).unwrap())])
    }

    fn rows(path: &Path) -> (Vec<u64>, Vec<f32>) {
        let array = npyz::NpyFile::new(File::open(path).unwrap()).unwrap();
        (array.shape().to_vec(), array.into_vec().unwrap())
    }

    #[test]
    fn a_run_goes_on_where_its_index_ends() {
        let folder = tempfile::tempdir().unwrap();
        let recipe = |taps: &str| Recipe(Map::from_iter([("taps".to_owned(), Value::from(taps))]));
        let mut features = Features::open(folder.path(), &recipe("features"), false).unwrap();
        for row in [0, 2] {
            let locations = features.add(&tensors(row as f32)).unwrap();
            features.index(row, &serde_json::json!({ "tensors": locations })).unwrap();
        }
        features.index(3, &serde_json::json!({ "error": "broken" })).unwrap();
        // Killed before the index knows of it.
        features.add(&tensors(9.0)).unwrap();
        drop(features);
        assert!(Features::open(folder.path(), &recipe("features"), false).is_err());
        let error = Features::open(folder.path(), &recipe("logits"), true).err().unwrap().to_string();
        assert!(error.contains("taps \"features\", not \"logits\""), "{error}");
        let mut features = Features::open(folder.path(), &recipe("features"), true).unwrap();
        assert_eq!((&features.done, &features.failed), (&BTreeSet::from([0, 2]), &BTreeSet::from([3])));
        let location = features.add(&tensors(4.0)).unwrap().remove("features").unwrap();
        assert_eq!(location, Location { file: "features-00000.npy".to_owned(), row: 2, shape: vec![1, 3] });
        let found = rows(&folder.path().join("features-00000.npy"));
        assert_eq!(found, (vec![3, 1, 3], [0.0f32, 2.0, 4.0].map(|value| [value; 3]).concat()));
    }
}
