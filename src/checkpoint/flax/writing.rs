//! The msgpack file that Flax reads: maps within maps, and arrays at their ends.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::Path;

use rmp::encode::{
    ValueWriteError, write_array_len, write_bin_len, write_ext_meta, write_map_len, write_str, write_uint,
};

use super::msgpack::ARRAY;
use crate::files::{Finished, Unfinished};
use crate::tensor::{Element, Error, Result, Shape};
use crate::vivit::Parameters;

/// Bytes from which on Flax has an array in chunks: a model's are far below.
const LONGEST: usize = 1 << 30;

/// Writes a training state after no step whose parameters are `parameters`, called by their paths joined by `/` and laid out
/// as Flax does, one array at a time. Other floats than of 32 bits are refused.
pub(in crate::checkpoint) fn state(path: &Path, parameters: &dyn Parameters, element: Element) -> Result<Finished> {
    if element != Element::F32 {
        return Err(Error::usage(format!(
            "scenic trains with floats of 32 bits, and its files are not written in {element}"
        )));
    }
    let names = parameters.names();
    let mut tree = Tree::default();
    names.iter().for_each(|name| tree.insert(name, name));
    let mut file = Unfinished::create(path)?;
    let mut writer = StateWriter { file: &mut file, path, parameters };
    writer.put(|file| write_map_len(file, 3).map(drop))?;
    writer.put(|file| write_str(file, "global_step"))?;
    writer.put(|file| write_uint(file, 0).map(drop))?;
    writer.put(|file| write_str(file, "model_state"))?;
    writer.put(|file| write_map_len(file, 0).map(drop))?;
    writer.put(|file| write_str(file, "params"))?;
    writer.tree(&tree)?;
    file.finish()
}

/// Parameters by the parts of their paths.
#[derive(Default)]
struct Tree<'a> {
    within: BTreeMap<&'a str, Tree<'a>>,
    /// The whole name of a parameter.
    parameter: Option<&'a str>,
}

impl<'a> Tree<'a> {
    /// Adds the parameter called `name`, of whose path `rest` leads on from here.
    fn insert(&mut self, rest: &'a str, name: &'a str) {
        match rest.split_once('/') {
            Some((module, rest)) => self.within.entry(module).or_default().insert(rest, name),
            None => self.within.entry(rest).or_default().parameter = Some(name),
        }
    }
}

struct StateWriter<'a> {
    file: &'a mut Unfinished,
    path: &'a Path,
    parameters: &'a dyn Parameters,
}

impl StateWriter<'_> {
    fn put(
        &mut self,
        write: impl FnOnce(&mut Unfinished) -> std::result::Result<(), ValueWriteError<io::Error>>,
    ) -> Result<()> {
        write(self.file).map_err(|error| Error::io("write", self.path, &error.into()))
    }

    fn tree(&mut self, tree: &Tree<'_>) -> Result<()> {
        if let Some(name) = tree.parameter {
            return self.array(name);
        }
        self.put(|file| write_map_len(file, tree.within.len() as u32).map(drop))?;
        for (name, within) in &tree.within {
            self.put(|file| write_str(file, name))?;
            self.tree(within)?;
        }
        Ok(())
    }

    fn array(&mut self, name: &str) -> Result<()> {
        let (shape, tensor) = (self.parameters.shape(name)?, self.parameters.tensor(name)?);
        if *tensor.shape() != shape || tensor.element() != Element::F32 {
            return Err(Error::usage(format!("{name} is promised as floats {shape}, but is {}", tensor.shape())));
        }
        let elements = tensor.as_bytes();
        if elements.len() > LONGEST {
            return Err(Error::unsupported(format!("{name} has more than {LONGEST} bytes, which Flax has in chunks")));
        }
        let head = head(&shape, elements.len() as u32).map_err(|error| Error::io("write", self.path, &error.into()))?;
        self.put(|file| write_ext_meta(file, (head.len() + elements.len()) as u32, ARRAY).map(drop))?;
        let bytes = [head.as_slice(), elements];
        let all = bytes.into_iter().try_for_each(|bytes| self.file.write_all(bytes));
        all.map_err(|error| Error::io("write", self.path, &error))
    }
}

/// What an array begins with, before its `bytes` bytes of elements.
fn head(shape: &Shape, bytes: u32) -> std::result::Result<Vec<u8>, ValueWriteError<io::Error>> {
    let mut head = Vec::new();
    write_array_len(&mut head, 3)?;
    write_array_len(&mut head, shape.axes().len() as u32)?;
    for axis in shape.axes() {
        write_uint(&mut head, *axis as u64)?;
    }
    write_str(&mut head, "float32")?;
    write_bin_len(&mut head, bytes)?;
    Ok(head)
}
