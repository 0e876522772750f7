//! Tensors in a file of their own, such as the state of an optimiser.

use std::path::Path;
use std::sync::Arc;

use super::arrays::Arrays;
use super::safetensors::SafetensorsFile;
use super::stored::StoredFile;
use super::writing::safetensors;
use crate::graph::Weights;
use crate::tensor::{Element, Result, Tensor};
use crate::vivit::Parameters;

/// Writes tensors as the safetensors file `path`, whole or not at all.
pub(crate) fn write_tensors(path: &Path, tensors: &dyn Parameters) -> Result<()> {
    safetensors(path, tensors, Element::F32)?.put()
}

/// The tensors of the safetensors file `path`, each read when it is asked for.
pub(crate) fn open_tensors(path: &Path) -> Result<Arc<dyn Weights>> {
    Ok(Arc::new(TensorFile(SafetensorsFile::open(&StoredFile::on_disk(path))?)))
}

struct TensorFile(SafetensorsFile);

impl Weights for TensorFile {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        Arrays::tensor(&self.0, name)
    }
}
