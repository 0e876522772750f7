//! The files that runs of the program are given, and those that they leave.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use libtest_mimic::Failed;
use npyz::WriterBuilder;
use safetensors::{Dtype, SafeTensors};
use tempfile::TempDir;
use tubelet::tensor::Tensor;

use super::common::data;
use super::{Outcome, ensure};

/// A folder with an output that failing commands must leave as it is.
pub(super) struct Kept {
    pub(super) folder: TempDir,
    pub(super) output: PathBuf,
}

impl Kept {
    pub(super) fn new(name: &str) -> Result<Self, Failed> {
        let folder = tempfile::tempdir()?;
        let output = folder.path().join(name);
        fs::write(&output, "precious")?;
        Ok(Self { folder, output })
    }

    pub(super) fn check(&self) -> Outcome {
        let files = fs::read_dir(self.folder.path())?.count();
        let untouched = fs::read(&self.output)? == b"precious";
        ensure(untouched && files == 1, format!("the output was touched, or there are now {files} files"))
    }
}

pub(super) fn video() -> PathBuf {
    data("video/bigbuckbunny.mp4")
}

pub(super) fn model() -> PathBuf {
    data("hf-tiny")
}

/// A folder of `count` images of 48×40 pixels, each of another colour.
pub(super) fn pictures(count: u8) -> Result<TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    for index in 0..count {
        let picture =
            image::RgbImage::from_fn(48, 40, |x, y| image::Rgb([5 * x as u8, 6 * y as u8, index.wrapping_mul(16)]));
        picture.save(folder.path().join(format!("{index}.png")))?;
    }
    Ok(folder)
}

/// A copy of the model's folder, to be changed.
pub(super) fn copied_model() -> Result<TempDir, Failed> {
    let folder = tempfile::tempdir()?;
    for name in ["config.json", "model.safetensors"] {
        fs::copy(model().join(name), folder.path().join(name))?;
    }
    Ok(folder)
}

pub(super) fn read_npy(path: &Path) -> Result<Tensor, Failed> {
    let array = npyz::NpyFile::new(std::io::BufReader::new(fs::File::open(path)?))?;
    let shape: Vec<_> = array.shape().iter().map(|size| *size as usize).collect();
    Ok(Tensor::f32(shape, array.into_vec::<f32>()?)?)
}

pub(super) fn write_npy<T: npyz::AutoSerialize + Copy>(path: &Path, shape: &[u64], values: &[T]) -> Outcome {
    let file = fs::File::create(path)?;
    let mut writer = npyz::WriteOptions::new().default_dtype().shape(shape).writer(file).begin_nd()?;
    writer.extend(values.iter().copied())?;
    Ok(writer.finish()?)
}

pub(super) fn read_safetensors(path: &Path) -> Result<BTreeMap<String, Tensor>, Failed> {
    let file = fs::read(path)?;
    let floats = SafeTensors::deserialize(&file)?.tensors().into_iter().filter(|(_, view)| view.dtype() == Dtype::F32);
    let tensor = |view: safetensors::tensor::TensorView<'_>| {
        Tensor::f32(view.shape(), bytemuck::pod_collect_to_vec(view.data()))
    };
    floats.map(|(name, view)| Ok((name, tensor(view)?))).collect()
}
