//! A folder that shows a failure to whoever has not seen it.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};

use super::case::Trial;
use super::finding::{CaseFinding, ModelFinding};
use super::models::ModelCase;
use super::replay::{Record, Recorded};
use super::subject::{Implementation, Subject};
use crate::files::{UnfinishedFolder, write_whole};
use crate::kernels::suite::Expectation;
use crate::kernels::{Access, Binding, Family, Listing};
use crate::tensor::{Element, Error, Result, Tensor};

/// The file that runs the case again.
pub(super) const CASE: &str = "case.json";
/// What the case is given.
pub(super) const INPUTS: &str = "inputs.safetensors";

/// Tensors by name.
pub(super) type Tensors = BTreeMap<String, Tensor>;

/// What shows a failure, before it is written.
pub(super) struct Evidence {
    /// Of the folder.
    name: String,
    /// The failure in words.
    page: String,
    record: Record,
    device: Value,
    listing: Option<Listing>,
    /// Name of the file, and what is in it.
    tensors: Vec<(&'static str, Tensors)>,
}

/// What a case is given, what it should have computed, and what it did.
pub(super) fn case_tensors(family: &Family, expected: &Expectation, actual: &[Tensor]) -> [(&'static str, Tensors); 3] {
    let names =
        |holds: fn(Access) -> bool| family.bindings.iter().filter(move |binding: &&Binding| holds(binding.access));
    let inputs = names(Access::reads).zip(&expected.inputs);
    let inputs = inputs.filter_map(|(binding, tensor)| Some((binding.name.to_owned(), tensor.clone()?))).collect();
    let written = |tensors: &[Tensor]| -> Tensors {
        let named = names(Access::writes).zip(tensors);
        named.map(|(binding, tensor)| (binding.name.to_owned(), tensor.clone())).collect()
    };
    [("inputs", inputs), ("expected", written(&expected.outputs)), ("actual", written(actual))]
}

impl Evidence {
    /// Of a failing case, of which `trial` is the smallest that was found.
    pub(super) fn of_case(
        subject: &Subject,
        implementation: Implementation,
        finding: &CaseFinding,
        trial: &Trial,
    ) -> Result<Self> {
        let CaseFinding { kernel, variant, case, reason, measurement, .. } = finding;
        let listing = match (implementation, subject.device().gpu()) {
            (Implementation::Variant(variant), Some(gpu)) => {
                let plan = trial.case.plan(variant, gpu.capabilities());
                plan.ok().map(|plan| Listing::of(trial.family, &plan)).transpose()?
            }
            _ => None,
        };
        let measured = measurement.as_ref().map_or(String::new(), |measured| {
            format!(
                "Of {} elements of {}, {} are outliers; relative L2 {:.3e}.\n\n",
                measured.elements, measured.output, measured.outliers, measured.relative_l2
            )
        });
        let page = format!(
            "# {kernel}, variant {variant}: wrong on {}\n\n{} ({case}).\n\n{measured}\
             The smallest failing call that was found, which the files here are of:\n\n    {}\n",
            subject.device().name(),
            reason.as_deref().unwrap_or_default(),
            trial.describe(),
        );
        let of = Recorded::Case {
            kernel: (*kernel).to_owned(),
            variant: (*variant).to_owned(),
            name: trial.case.name.clone(),
            decisions: trial.decisions.clone(),
        };
        Ok(Self::new(subject, slug(&format!("{kernel} {variant} {case}")), page, of).listing(listing))
    }

    /// Of a model that differs first in `call`.
    pub(super) fn of_model(subject: &Subject, model: &ModelCase, finding: &ModelFinding, call: &str) -> Self {
        let page = format!(
            "# {}: wrong on {}\n\n{}.\n\nThe files here are of that call:\n\n    {call}\n",
            model.name,
            subject.device().name(),
            finding.reason.as_deref().unwrap_or_default(),
        );
        let of = Recorded::Model { name: model.name.clone(), seed: model.seed };
        Self::new(subject, slug(&model.name), page, of)
    }

    fn new(subject: &Subject, name: String, page: String, of: Recorded) -> Self {
        let device = subject.device();
        let described = match device.gpu() {
            Some(gpu) => json!(gpu.capabilities()),
            None => json!({ "name": device.name() }),
        };
        let page = format!("{page}\n{GUIDE}");
        let record = Record::new(device.name(), of);
        Self { name, page, record, device: described, listing: None, tensors: Vec::new() }
    }

    /// With the WGSL, where there is any.
    pub(super) fn listing(self, listing: Option<Listing>) -> Self {
        Self { listing, ..self }
    }

    /// With these files of tensors; none for what is empty.
    pub(super) fn tensors(self, tensors: impl IntoIterator<Item = (&'static str, Tensors)>) -> Self {
        Self { tensors: tensors.into_iter().filter(|(_, tensors)| !tensors.is_empty()).collect(), ..self }
    }

    /// Writes it into a folder of its own below `root`, which is made where it is missing.
    pub(super) fn write(&self, root: &Path) -> Result<PathBuf> {
        std::fs::create_dir_all(root).map_err(|error| Error::io("make the folder", root, &error))?;
        let place = self.place(root);
        let folder = UnfinishedFolder::create(&place)?;
        let write = |name: &str, content: &[u8]| write_whole(folder.path().join(name), |file| file.write_all(content));
        write("README.md", self.page.as_bytes())?;
        write(CASE, &pretty(&json!(self.record)))?;
        write("device.json", &pretty(&self.device))?;
        if let Some(listing) = &self.listing {
            write("shader.wgsl", format!("{listing}\n").as_bytes())?;
        }
        for (name, tensors) in &self.tensors {
            write(&format!("{name}.safetensors"), &serialized(tensors)?)?;
        }
        folder.put()?;
        Ok(place)
    }

    /// Where nothing is yet.
    fn place(&self, root: &Path) -> PathBuf {
        let numbered = (2..).map(|number| format!("{}-{number}", self.name));
        let mut names = std::iter::once(self.name.clone()).chain(numbered).map(|name| root.join(name));
        names.find(|place| !place.exists()).unwrap_or_else(|| root.join(&self.name))
    }
}

/// What each file is.
const GUIDE: &str = "\
Run it again, on this device or another, in this folder:

    tubelet check --replay case.json

| file | what it is |
|---|---|
| `case.json` | what makes the call again |
| `inputs.safetensors` | what it was given |
| `expected.safetensors` | what the reference makes of it, computed in f64 |
| `actual.safetensors` | what the device made of it |
| `shader.wgsl` | the WGSL as it was compiled, with its uniform, workgroups and windows |
| `device.json` | the device, its driver and its limits |
";

/// A name that every file system takes.
fn slug(name: &str) -> String {
    let letters =
        name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter.to_ascii_lowercase() } else { '-' });
    let words: String = letters.collect();
    let words: Vec<_> = words.split('-').filter(|word| !word.is_empty()).collect();
    words.join("-").chars().take(LONGEST_NAME).collect()
}

/// Letters of a folder's name.
const LONGEST_NAME: usize = 80;

fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

fn serialized(tensors: &Tensors) -> Result<Vec<u8>> {
    let failed = |error: safetensors::SafeTensorError| Error::usage(format!("tensors cannot be written: {error}"));
    let mut views = Vec::new();
    for (name, tensor) in tensors {
        let dtype = match tensor.element() {
            Element::U32 => Dtype::U32,
            Element::F16 => Dtype::F16,
            _ => Dtype::F32,
        };
        let view = TensorView::new(dtype, tensor.shape().axes().to_vec(), tensor.as_bytes());
        views.push((name, view.map_err(failed)?));
    }
    safetensors::serialize(views, None).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_folders_are_plain() {
        assert_eq!(slug("layer_norm plain cut / into ½ pieces"), "layer-norm-plain-cut-into-pieces");
        assert_eq!(slug("Model 1 (../../etc)"), "model-1-etc");
        assert!(slug(&"x".repeat(300)).len() == LONGEST_NAME);
    }
}
