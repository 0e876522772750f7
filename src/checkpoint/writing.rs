//! The files of a model.

use std::io::Write;
use std::path::Path;

use serde_json::{Map, Value, json};

use super::preprocessor::{self, PreprocessorFile};
use super::weights::WHOLE;
use crate::files::{Finished, Unfinished, UnfinishedFolder};
use crate::tensor::{Element, Error, Format, Result};
use crate::vivit::{ParameterSpec, Parameters};

pub(super) const CONFIG: &str = "config.json";

/// How a model is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SaveOptions {
    /// Whether a model that is in the folder already is replaced.
    pub overwrite: bool,
    /// Of what type the weights are: [`Element::F32`] or [`Element::F16`].
    pub element: Element,
}

impl Default for SaveOptions {
    fn default() -> Self {
        Self { overwrite: false, element: Element::F32 }
    }
}

impl SaveOptions {
    /// As floats of 32 bits, into a folder without a model.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a model that is in the folder already is replaced.
    #[must_use]
    pub fn overwrite(self, overwrite: bool) -> Self {
        Self { overwrite, ..self }
    }

    /// Of what type the weights are. Each is rounded to the nearest that the type holds, a tie to the even one.
    #[must_use]
    pub fn element(self, element: Element) -> Self {
        Self { element, ..self }
    }
}

/// How a model's weights are written.
#[derive(Clone, Copy)]
pub(super) struct WeightsForm {
    /// The name of their file.
    pub(super) file: &'static str,
    /// Writes them there as floats of this type, to be put in its place.
    pub(super) write: fn(&Path, &dyn Parameters, Element) -> Result<Finished>,
}

/// As most models have them.
pub(super) const SAFETENSORS: WeightsForm = WeightsForm { file: WHOLE, write: safetensors };

/// Writes a model's files into `folder`. A folder that is missing appears with all of them; in one that is there all are
/// written beside their places and put there at the end, the configuration last: what is in the folder is whole or not
/// taken for a model.
pub(super) fn folder(
    folder: &Path,
    form: WeightsForm,
    parameters: &dyn Parameters,
    config: &str,
    preprocessor: Option<&PreprocessorFile>,
    SaveOptions { overwrite, element }: SaveOptions,
) -> Result<()> {
    if folder.is_file() {
        return Err(Error::file(format!("cannot write the folder {}: it is a file", folder.display())));
    }
    let names = [form.file, WHOLE, CONFIG].into_iter().chain(preprocessor::NAMES);
    let present = names.map(|name| folder.join(name)).find(|path| path.exists());
    if let (false, Some(present)) = (overwrite, present) {
        return Err(Error::usage(format!(
            "{} is there already: name another folder, or overwrite it with --force",
            present.display()
        )));
    }
    if folder.exists() {
        return files(folder, form, parameters, element, config, preprocessor);
    }
    let unfinished = UnfinishedFolder::create(folder)?;
    files(unfinished.path(), form, parameters, element, config, preprocessor)?;
    unfinished.put()
}

fn files(
    folder: &Path,
    form: WeightsForm,
    parameters: &dyn Parameters,
    element: Element,
    config: &str,
    preprocessor: Option<&PreprocessorFile>,
) -> Result<()> {
    let weights = (form.write)(&folder.join(form.file), parameters, element)?;
    let config = whole(&folder.join(CONFIG), &format!("{config}\n"))?;
    let preprocessor = preprocessor.map(|file| whole(&folder.join(file.own_name()), &file.text)).transpose()?;
    // Weights of the other form would be taken for the model's.
    let other = Some(WHOLE).filter(|whole| *whole != form.file);
    let old = [CONFIG].into_iter().chain(other).chain(preprocessor::NAMES).map(|name| folder.join(name));
    for old in old.filter(|old| old.exists()) {
        std::fs::remove_file(&old).map_err(|error| Error::io("replace", &old, &error))?;
    }
    weights.put()?;
    preprocessor.map_or(Ok(()), Finished::put)?;
    config.put()
}

/// A file of `text`.
fn whole(path: &Path, text: &str) -> Result<Finished> {
    let mut file = Unfinished::create(path)?;
    put_in(&mut file, path, text.as_bytes())?;
    file.finish()
}

fn put_in(file: &mut Unfinished, path: &Path, bytes: &[u8]) -> Result<()> {
    file.write_all(bytes).map_err(|error| Error::io("write", path, &error))
}

/// Writes `parameters` as the safetensors file `path`, one tensor at a time, as floats of type `element`.
pub(super) fn safetensors(path: &Path, parameters: &dyn Parameters, element: Element) -> Result<Finished> {
    let names = parameters.names();
    let specs = names.iter().map(|&name| Ok(ParameterSpec { name: name.to_owned(), shape: parameters.shape(name)? }));
    let specs = specs.collect::<Result<Vec<_>>>()?;
    let header = header(&specs, element)?;
    let mut file = Unfinished::create(path)?;
    put_in(&mut file, path, &(header.len() as u64).to_le_bytes())?;
    put_in(&mut file, path, &header)?;
    for ParameterSpec { name, shape } in &specs {
        let tensor = parameters.tensor(name)?;
        if tensor.shape() != shape || tensor.element() != Element::F32 {
            return Err(Error::usage(format!("{name} is promised as floats {shape}, but is {}", tensor.shape())));
        }
        // A device's format ends with a whole word, a file's with its last element.
        let bytes = Format::rows(element).bytes_of(&tensor).map_err(|error| error.within(name))?;
        put_in(&mut file, path, &bytes[..shape.elements() * element.bytes()])?;
    }
    file.finish()
}

/// The header of a safetensors file that holds these tensors as floats of type `element`, one after another.
fn header(specs: &[ParameterSpec], element: Element) -> Result<Vec<u8>> {
    /// What aligns the tensors in a file that is mapped.
    const ALIGNMENT: usize = 8;
    let dtype = match element {
        Element::F32 => "F32",
        Element::F16 => "F16",
        Element::U32 => return Err(Error::usage("weights are floats, and are not written as words: take f32 or f16")),
    };
    let mut entries = Map::new();
    // The transformers library wants it said that layouts are PyTorch's.
    entries.insert("__metadata__".into(), json!({"format": "pt"}));
    let mut start = 0;
    for ParameterSpec { name, shape } in specs {
        let end = start + shape.elements() * element.bytes();
        entries.insert(name.clone(), json!({"dtype": dtype, "shape": shape.axes(), "data_offsets": [start, end]}));
        start = end;
    }
    let mut header = Value::Object(entries).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    Ok(header)
}
