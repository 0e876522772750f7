//! Files that appear whole or not at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::weights::WHOLE;
use crate::tensor::{Element, Error, Result};
use crate::vivit::{ParameterSpec, Parameters};

/// A file that is written beside its place, to be put there when it is whole; else it goes without a trace.
pub(super) struct Unfinished {
    place: PathBuf,
    beside: PathBuf,
    file: BufWriter<File>,
}

impl Unfinished {
    /// Begins the file of that path, whose folder exists.
    pub(super) fn create(place: &Path) -> Result<Self> {
        let name = place.file_name().unwrap_or_default().to_string_lossy();
        let beside = place.with_file_name(format!(".{name}.{}.unfinished", std::process::id()));
        let file = File::create(&beside).map_err(|error| Error::io("write", place, &error))?;
        Ok(Self { place: place.to_owned(), beside, file: BufWriter::new(file) })
    }

    /// Appends `bytes`.
    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|error| Error::io("write", &self.place, &error))
    }

    /// Everything on the disk, to be put in its place.
    pub(super) fn finish(mut self) -> Result<Finished> {
        let flushed = self.file.flush().and_then(|()| self.file.get_ref().sync_all());
        flushed.map_err(|error| Error::io("write", &self.place, &error))?;
        Ok(Finished(self))
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Gone already where it was put in its place.
        let _ = std::fs::remove_file(&self.beside);
    }
}

/// A file that is whole and waits to be put in its place.
pub(super) struct Finished(Unfinished);

impl Finished {
    /// Puts it in its place, over what is there.
    pub(super) fn put(self) -> Result<()> {
        let Unfinished { place, beside, .. } = &self.0;
        std::fs::rename(beside, place).map_err(|error| Error::io("write", place, &error))
    }
}

pub(super) const CONFIG: &str = "config.json";
pub(super) const PREPROCESSOR: &str = "preprocessor_config.json";

/// Writes a model's files into `folder`, which is made where it is missing. All are written beside their places and put
/// there at the end, the configuration last: what is in the folder is whole or not taken for a model.
pub(super) fn folder(
    folder: &Path,
    parameters: &dyn Parameters,
    config: &str,
    preprocessor: Option<&str>,
    overwrite: bool,
) -> Result<()> {
    if folder.is_file() {
        return Err(Error::file(format!("cannot write the folder {}: it is a file", folder.display())));
    }
    let places = [WHOLE, CONFIG, PREPROCESSOR].map(|name| folder.join(name));
    if !overwrite && let Some(present) = places.iter().find(|place| place.exists()) {
        return Err(Error::usage(format!(
            "{} is there already: name another folder, or overwrite it with --force",
            present.display()
        )));
    }
    let missing = !folder.exists();
    if missing {
        std::fs::create_dir(folder).map_err(|error| Error::io("make the folder", folder, &error))?;
    }
    let written = files(&places, parameters, config, preprocessor);
    if written.is_err() && missing {
        // Only where nothing is left in it.
        let _ = std::fs::remove_dir(folder);
    }
    written
}

fn files(places: &[PathBuf; 3], parameters: &dyn Parameters, config: &str, preprocessor: Option<&str>) -> Result<()> {
    let [weights_place, config_place, preprocessor_place] = places;
    let weights = safetensors(weights_place, parameters)?;
    let config = whole(config_place, &format!("{config}\n"))?;
    let preprocessor = preprocessor.map(|text| whole(preprocessor_place, text)).transpose()?;
    for old in [config_place, preprocessor_place].into_iter().filter(|old| old.exists()) {
        std::fs::remove_file(old).map_err(|error| Error::io("replace", old, &error))?;
    }
    weights.put()?;
    preprocessor.map_or(Ok(()), Finished::put)?;
    config.put()
}

/// A file of `text`.
fn whole(place: &Path, text: &str) -> Result<Finished> {
    let mut file = Unfinished::create(place)?;
    file.write(text.as_bytes())?;
    file.finish()
}

/// Writes `parameters` as the safetensors file `place`, one tensor at a time.
fn safetensors(place: &Path, parameters: &dyn Parameters) -> Result<Finished> {
    let names = parameters.names();
    let specs = names.iter().map(|&name| Ok(ParameterSpec { name: name.to_owned(), shape: parameters.shape(name)? }));
    let specs = specs.collect::<Result<Vec<_>>>()?;
    let mut file = Unfinished::create(place)?;
    let header = header(&specs);
    file.write(&(header.len() as u64).to_le_bytes())?;
    file.write(&header)?;
    for ParameterSpec { name, shape } in &specs {
        let tensor = parameters.tensor(name)?;
        if tensor.shape() != shape || tensor.element() != Element::F32 {
            return Err(Error::usage(format!("{name} is promised as floats {shape}, but is {}", tensor.shape())));
        }
        file.write(tensor.bytes())?;
    }
    file.finish()
}

/// The header of a safetensors file that holds these tensors as 32-bit floats, one after another.
fn header(specs: &[ParameterSpec]) -> Vec<u8> {
    /// What aligns the tensors in a file that is mapped.
    const ALIGNMENT: usize = 8;
    let mut entries = Map::new();
    // The transformers library wants it said that layouts are PyTorch's.
    entries.insert("__metadata__".into(), json!({"format": "pt"}));
    let mut start = 0;
    for ParameterSpec { name, shape } in specs {
        let end = start + shape.elements() * Element::F32.bytes();
        entries.insert(name.clone(), json!({"dtype": "F32", "shape": shape.axes(), "data_offsets": [start, end]}));
        start = end;
    }
    let mut header = Value::Object(entries).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    header
}
