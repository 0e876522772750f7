//! Parameters as Flax models hold them: a tree of named arrays, in files of several kinds.
//!
//! [`FlaxCheckpoint`] is the msgpack file that Flax writes. [`ParameterTree`] finds the model's parameters among a
//! file's arrays, whatever the container, and calls them as Flax Linen does. [`FlaxLayout`] says how Flax lays out
//! what [`Config::parameters`](crate::vivit::Config::parameters) lists. [`write_state`] writes such a msgpack file.

mod layout;
mod msgpack;
mod tree;
mod writing;

use std::collections::HashMap;
use std::path::Path;

pub use layout::FlaxLayout;
pub(crate) use tree::{ParameterTree, ROOTS};
pub(super) use writing::state as write_state;

use super::arrays::{ArrayFile, Arrays, Dtype, GIT_LFS_POINTER, git_lfs_pointer};
use super::stored::StoredFile;
use crate::tensor::{Error, LONGEST_TEXT, Result, Shape, Tensor, printable};
use msgpack::{Fault, StoredArray};

/// An open msgpack file, as `flax.serialization` and `flax.training.checkpoints` write it, whose arrays hold what they
/// promise. They are called by their path, joined by `/`: `optimizer/target/embedding/kernel`.
#[derive(Debug)]
pub(super) struct FlaxCheckpoint {
    file: ArrayFile,
    arrays: HashMap<String, StoredArray>,
}

impl FlaxCheckpoint {
    /// Opens a file and walks once through it, passing over the arrays' elements.
    pub(super) fn open(file: &StoredFile) -> Result<Self> {
        let mut opened = file.open()?;
        let read = |error: std::io::Error| Error::io("read", file.path(), &error);
        let size = opened.size().map_err(read)?;
        match msgpack::scan(&mut opened, size) {
            Ok(arrays) if arrays.is_empty() => Err(Error::file(format!("{} holds no arrays", file.display()))),
            Ok(arrays) => Ok(Self { file: ArrayFile::new(file, opened), arrays }),
            Err(Fault::Unreadable(error)) => Err(read(error)),
            Err(Fault::OtherFormat(start)) if start == *GIT_LFS_POINTER => Err(git_lfs_pointer(file)),
            Err(Fault::OtherFormat(_)) => Err(Error::file(format!(
                "{} is neither a .safetensors nor an .npz file nor a Flax checkpoint, which begins with a msgpack map",
                file.display()
            ))),
            Err(Fault::Damaged(reason)) => Err(Error::file(format!(
                "{} is damaged ({}): copy or download it again",
                file.display(),
                printable(&reason, LONGEST_TEXT)
            ))),
        }
    }
}

impl Arrays for FlaxCheckpoint {
    fn path(&self) -> &Path {
        &self.file.path
    }

    fn names(&self) -> Vec<&str> {
        self.arrays.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<Shape> {
        self.arrays.get(name).map(|array| array.shape.clone())
    }

    fn dtype(&self, name: &str) -> Option<Dtype> {
        self.arrays.get(name).map(|array| array.dtype.clone())
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        let array = self.arrays.get(name).ok_or_else(|| self.file.holds_no(name))?;
        self.file.tensor(name, array.shape.clone(), &array.dtype, &array.runs)
    }
}
