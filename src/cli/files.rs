//! Tensors in and out of files. What is written appears whole or not at all.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::{Path, PathBuf};

use npyz::{DType, NpyFile, TypeChar, WriterBuilder};
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use tubelet::files::write_whole;
use tubelet::tensor::{Element, Error, Result, Tensor};

/// Reads a `.npy` file of floats.
pub(super) fn read_npy(path: &Path) -> Result<Tensor> {
    tubelet::video::check_npy(path)?;
    let file = File::open(path).map_err(|error| Error::io("open", path, &error))?;
    let damaged = |error: std::io::Error| Error::file(format!("{} is no readable .npy file: {error}", path.display()));
    let array = NpyFile::new(BufReader::new(file)).map_err(damaged)?;
    if array.order() != npyz::Order::C {
        return Err(Error::file(format!(
            "{} is in Fortran order; save it with numpy.ascontiguousarray",
            path.display()
        )));
    }
    let shape: Vec<usize> = array.shape().iter().map(|size| *size as usize).collect();
    let (kind, size) = match array.dtype() {
        DType::Plain(plain) => (plain.type_char(), plain.size_field()),
        other => return Err(Error::file(format!("{} holds {}, not floats", path.display(), other.descr()))),
    };
    let values: Vec<f32> = match (kind, size) {
        (TypeChar::Float, 4) => array.into_vec::<f32>().map_err(damaged)?,
        (TypeChar::Float, 8) => {
            array.into_vec::<f64>().map_err(damaged)?.into_iter().map(|value| value as f32).collect()
        }
        _ => {
            let found = array.dtype().descr();
            return Err(Error::file(format!("{} holds {found}, not 32- or 64-bit floats", path.display())));
        }
    };
    Tensor::f32(shape, values).map_err(|error| error.within(path.display()))
}

/// Writes a tensor of floats as `.npy`.
pub(super) fn write_npy(path: &Path, tensor: &Tensor) -> Result<()> {
    let shape: Vec<u64> = tensor.shape().axes().iter().map(|size| *size as u64).collect();
    let values = tensor.as_f32()?;
    write_whole(path, |file| {
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
        writer.extend(values.iter().copied())?;
        writer.finish()
    })
}

/// Writes named tensors as `.safetensors`.
pub(super) fn write_safetensors(path: &Path, tensors: &BTreeMap<String, Tensor>) -> Result<()> {
    let mut end = 0;
    let infos = tensors.iter().map(|(name, tensor)| {
        let dtype = match tensor.element() {
            Element::U32 => Dtype::U32,
            Element::F16 => Dtype::F16,
            _ => Dtype::F32,
        };
        let start = end;
        end += tensor.as_bytes().len();
        let info = TensorInfo { dtype, shape: tensor.shape().axes().to_vec(), data_offsets: (start, end) };
        (name.clone(), info)
    });
    let unwritable = |error: &dyn std::fmt::Display| Error::usage(format!("cannot write {}: {error}", path.display()));
    let metadata = Metadata::new(None, infos.collect()).map_err(|error| unwritable(&error))?;
    let mut header = serde_json::to_vec(&metadata).map_err(|error| unwritable(&error))?;
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    write_whole(path, |file| {
        file.write_all(&(header.len() as u64).to_le_bytes())?;
        file.write_all(&header)?;
        tensors.values().try_for_each(|tensor| file.write_all(tensor.as_bytes()))
    })
}

/// What aligns the tensors in a file that is mapped.
const ALIGNMENT: usize = 8;

/// The folder that holds `path`.
fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// An error where `path` cannot be written later: found before the work, not after it.
///
/// It must end in one of `extensions`, else the file's name would lie, its folder must exist, and it must be none of
/// `inputs`.
pub(super) fn check_output(path: &Path, extensions: &[&str], inputs: &[&Path]) -> Result<()> {
    let shown = path.display();
    let same = |input: &&&Path| matches!((input.canonicalize(), path.canonicalize()), (Ok(a), Ok(b)) if a == b);
    if inputs.iter().any(|input| same(&input)) {
        return Err(Error::usage(format!(
            "the output {shown} is also an input, which would be lost; name another file"
        )));
    }
    if !extensions.iter().any(|extension| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))) {
        let extensions: Vec<_> = extensions.iter().map(|extension| format!(".{extension}")).collect();
        let extensions = extensions.join(" or ");
        return Err(Error::usage(format!("the output {shown} must end in {extensions}: that is what is written")));
    }
    if path.is_dir() {
        return Err(Error::file(format!("cannot write {shown}: it is a folder")));
    }
    let folder = folder(path);
    if !folder.is_dir() {
        return Err(Error::file(format!("cannot write {shown}: there is no folder {}; create it", folder.display())));
    }
    Ok(())
}

/// The files in a folder; none where it is no folder.
pub(super) fn in_folder(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten();
    entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect()
}
