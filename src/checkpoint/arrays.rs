//! Arrays that files hold by name, each read when it is asked for.
//!
//! Files are read by position and not mapped: an array is copied once, into the memory that it keeps, and a file that
//! shrinks while it is open is an error where a map would end the process.

use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use bytemuck::Pod;
use half::slice::HalfFloatSliceExt;
use half::{bf16, f16};

use super::stored::{Opened, StoredFile};
use crate::tensor::{Error, Result, Shape, Tensor};

/// The first bytes of a Git LFS pointer, which a repository holds instead of a large file.
pub(super) const GIT_LFS_POINTER: &[u8; 8] = b"version ";

/// Named arrays in files that were opened and checked: whatever the container, every array lies within its file and has
/// the size of its shape.
pub(crate) trait Arrays: fmt::Debug + Send + Sync {
    /// The file; of several, the one that lists them.
    fn path(&self) -> &Path;

    /// The stored names, in no order.
    fn names(&self) -> Vec<&str>;

    /// The shape of the array called `name`, as it is stored.
    fn shape(&self, name: &str) -> Option<Shape>;

    /// The type of the elements of the array called `name`.
    fn dtype(&self, name: &str) -> Option<Dtype>;

    /// The array called `name` as it is stored, converted to 32-bit floats; an error where there is none or its
    /// elements are no floats.
    fn tensor(&self, name: &str) -> Result<Tensor>;
}

/// The type of an array's elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Dtype {
    F16,
    Bf16,
    F32,
    F64,
    /// A type that is not read, by its name in the file.
    Other(String),
}

impl Dtype {
    /// Size of one element in bytes, where the type is read.
    pub(crate) fn bytes(&self) -> Option<usize> {
        match self {
            Self::F16 | Self::Bf16 => Some(2),
            Self::F32 => Some(4),
            Self::F64 => Some(8),
            Self::Other(_) => None,
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F16 => "F16",
            Self::Bf16 => "BF16",
            Self::F32 => "F32",
            Self::F64 => "F64",
            Self::Other(name) => name,
        })
    }
}

/// Elements one after another in a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Run {
    /// Where the first begins, in bytes from the start of the file.
    pub(super) start: u64,
    pub(super) elements: usize,
}

/// An open file that is read by position, from any thread.
#[derive(Debug)]
pub(super) struct ArrayFile {
    pub(super) path: PathBuf,
    file: Mutex<Opened>,
}

impl ArrayFile {
    pub(super) fn new(file: &StoredFile, opened: Opened) -> Self {
        Self { path: file.path().to_owned(), file: Mutex::new(opened) }
    }

    /// The array called `name`, whose elements lie in `runs`.
    pub(super) fn tensor(&self, name: &str, shape: Shape, dtype: &Dtype, runs: &[Run]) -> Result<Tensor> {
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        let mut values = Vec::new();
        for run in runs {
            let floats = floats(&mut *file, *run, dtype).map_err(|error| Error::io("read", &self.path, &error))?;
            let floats = floats.ok_or_else(|| {
                let path = self.path.display();
                Error::file(format!(
                    "array `{name}` of {path} has elements of type {dtype}, but only F16, BF16, F32 and F64 are read"
                ))
            })?;
            // The usual single run is not copied once more.
            if values.is_empty() { values = floats } else { values.extend(floats) }
        }
        Tensor::f32(shape, values)
    }

    /// The error for an array that is not there.
    pub(super) fn holds_no(&self, name: &str) -> Error {
        Error::usage(format!("{} holds no array `{name}`", self.path.display()))
    }
}

/// The elements of a `run` as 32-bit floats; `None` for a type that is not read.
pub(super) fn floats(file: &mut (impl Read + Seek), run: Run, dtype: &Dtype) -> io::Result<Option<Vec<f32>>> {
    Ok(Some(match dtype {
        Dtype::F32 => elements::<f32>(file, run)?,
        Dtype::F16 => elements::<f16>(file, run)?.to_f32_vec(),
        Dtype::Bf16 => elements::<bf16>(file, run)?.to_f32_vec(),
        Dtype::F64 => elements::<f64>(file, run)?.into_iter().map(|value| value as f32).collect(),
        Dtype::Other(_) => return Ok(None),
    }))
}

fn elements<E: Pod>(file: &mut (impl Read + Seek), run: Run) -> io::Result<Vec<E>> {
    let mut values = zeroed::<E>(run.elements)?;
    file.seek(SeekFrom::Start(run.start))?;
    file.read_exact(bytemuck::cast_slice_mut(&mut values))?;
    Ok(values)
}

/// `elements` zeros; an error where there is no memory for them.
pub(super) fn zeroed<E: Pod>(elements: usize) -> io::Result<Vec<E>> {
    bytemuck::allocation::try_zeroed_vec(elements).map_err(|()| io::ErrorKind::OutOfMemory.into())
}

/// The error for a file of which only the Git LFS pointer is there.
pub(super) fn git_lfs_pointer(file: &StoredFile) -> Error {
    Error::file(format!(
        "{} is only the pointer to a file kept by Git LFS: run `git lfs pull` in its repository",
        file.display()
    ))
}
