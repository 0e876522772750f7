//! Running a recorded failure again.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Instant;

use safetensors::{Dtype, SafeTensors};
use serde::{Deserialize, Serialize};

use super::case::Trial;
use super::evidence::{CASE, INPUTS};
use super::finding::{CaseFinding, Verdict};
use super::kernels::finding;
use super::models::ModelCase;
use super::report::DeviceFindings;
use super::subject::{Implementation, Subject, caught};
use crate::graph::ExecutorOptions;
use crate::kernels::suite::Expectation;
use crate::kernels::{Case, Family};
use crate::tensor::{Element, Error, LONGEST_TEXT, Result, Tensor, printable};

/// The version of what is written.
const SCHEMA: u32 = 1;
/// No record is longer, in bytes.
const LONGEST_RECORD: u64 = 1 << 20;

/// What is written of a failure so that it can be run again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Record {
    schema: u32,
    /// Of the program that wrote it.
    version: String,
    /// Where it failed.
    device: String,
    failed: Recorded,
}

/// What failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub(super) enum Recorded {
    Case {
        kernel: String,
        variant: String,
        /// Of the declared case, or of a drawn one, whose inputs it decides.
        name: String,
        /// Of a drawn case.
        decisions: Option<Vec<u32>>,
    },
    Model {
        name: String,
        seed: u64,
    },
}

impl Record {
    pub(super) fn new(device: &str, failed: Recorded) -> Self {
        Self { schema: SCHEMA, version: env!("CARGO_PKG_VERSION").to_owned(), device: device.to_owned(), failed }
    }
}

/// A failure that was recorded, to be run again.
#[derive(Clone, Debug)]
pub struct Replay {
    path: PathBuf,
    record: Record,
}

impl Replay {
    /// Reads what a failing run has written: the file `case.json`, or the folder with it.
    ///
    /// [`File`](crate::tensor::ErrorKind::File) where it is missing or is no such file.
    pub fn read(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let path = if path.is_dir() { path.join(CASE) } else { path.to_owned() };
        let shown = path.display();
        let bytes = bounded(&path, LONGEST_RECORD)?;
        let record: Record = serde_json::from_slice(&bytes).map_err(|error| {
            let error = printable(&error.to_string(), LONGEST_TEXT);
            Error::file(format!("{shown} is no case that `tubelet check` has written: {error}"))
        })?;
        if record.schema != SCHEMA {
            let schema = record.schema;
            return Err(Error::file(format!(
                "{shown} is of schema {schema}, and this program reads {SCHEMA}; take the program that wrote it"
            )));
        }
        Ok(Self { path, record })
    }

    /// The device on which it failed.
    pub fn device(&self) -> &str {
        &self.record.device
    }

    /// The seed of the model that failed; `None` for a case of a kernel.
    pub fn seed(&self) -> Option<u64> {
        match &self.record.failed {
            Recorded::Model { seed, .. } => Some(*seed),
            Recorded::Case { .. } => None,
        }
    }

    /// Runs it on `subject`; `families` and `models` are those there are.
    ///
    /// An error where it is of a kernel, variant, case or model that is not among them, or its inputs are damaged.
    pub fn run(&self, subject: &Subject, families: &[&'static Family], models: &[ModelCase]) -> Result<DeviceFindings> {
        let mut findings = DeviceFindings::of(subject);
        let begun = Instant::now();
        match &self.record.failed {
            Recorded::Case { kernel, variant, name, decisions } => {
                let family = families.iter().find(|family| family.name == *kernel);
                let family = *family.ok_or_else(|| self.unknown("kernel", kernel))?;
                let trial = match decisions {
                    Some(decisions) => Trial::recorded(family, name, decisions),
                    None => Trial::declared(family, name),
                };
                let trial = trial.ok_or_else(|| self.unknown("case", name))?;
                let implementation = subject.able(&trial.case).into_iter().find(|one| one.name() == *variant);
                let implementation = implementation.ok_or_else(|| self.elsewhere(subject, variant))?;
                let trial = Trial { case: self.given(trial.case)?, ..trial };
                findings.add(run(subject, &trial, implementation), true);
            }
            Recorded::Model { name, .. } => {
                let model = models.iter().find(|model| model.name == *name);
                let model = model.ok_or_else(|| self.unknown("model", name))?;
                let (finding, _) = model.check(subject, &ExecutorOptions::default(), None);
                findings.add_model(finding);
            }
        }
        Ok(findings.took(begun.elapsed()))
    }

    fn unknown(&self, what: &str, name: &str) -> Error {
        let name = printable(name, LONGEST_TEXT);
        Error::file(format!("{} is of the {what} \"{name}\", which this version does not have", self.path.display()))
    }

    fn elsewhere(&self, subject: &Subject, variant: &str) -> Error {
        let (variant, own) = (printable(variant, LONGEST_TEXT), subject.device().name());
        let device = printable(&self.record.device, LONGEST_TEXT);
        Error::usage(format!(
            "{} failed on {device} by \"{variant}\", which {own} has not; name the device with --device",
            self.path.display()
        ))
    }

    /// `case` with the inputs that lie beside the record, where they do.
    fn given(&self, case: Case) -> Result<Case> {
        let path = self.path.with_file_name(INPUTS);
        if !path.exists() {
            return Ok(case);
        }
        let bindings = case.call.family().bindings.iter().zip(case.call.operands());
        let read = bindings.filter(|(binding, _)| binding.access.reads());
        let present: Vec<_> = read.filter_map(|(binding, shape)| Some((binding, shape?))).collect();
        let size: u64 = present.iter().map(|(binding, shape)| binding.element.bytes_of(shape.elements())).sum();
        let bytes = bounded(&path, size + LONGEST_RECORD)?;
        let damaged = |reason: String| {
            Error::file(format!(
                "{} is not what the case is given: {}",
                path.display(),
                printable(&reason, LONGEST_TEXT)
            ))
        };
        let tensors = SafeTensors::deserialize(&bytes).map_err(|error| damaged(error.to_string()))?;
        let mut case = case;
        for (index, (binding, shape)) in present.into_iter().enumerate() {
            let view = tensors.tensor(binding.name).map_err(|error| damaged(error.to_string()))?;
            let fits = match binding.element {
                Element::U32 => Dtype::U32,
                _ => Dtype::F32,
            };
            if view.dtype() != fits || view.shape().iter().product::<usize>() != shape.elements() {
                return Err(damaged(format!(
                    "{} is {:?} of {:?}, not {shape}",
                    binding.name,
                    view.shape(),
                    view.dtype()
                )));
            }
            case = case.given(index, Tensor::from_bytes(shape, binding.element, view.data()));
        }
        Ok(case)
    }
}

fn run(subject: &Subject, trial: &Trial, implementation: Implementation) -> CaseFinding {
    if let Some(missing) = subject.missing(&trial.case, implementation) {
        return finding(trial, implementation, Verdict::Unsupported, missing);
    }
    match caught(|| Expectation::of(&trial.case)) {
        Ok(expected) => {
            let examined = subject.examine(&trial.case, implementation, &expected);
            let reason = examined.reason.unwrap_or_default();
            let found = finding(trial, implementation, examined.verdict, reason);
            CaseFinding { measurement: examined.measurement, smallest: Some(trial.describe()), ..found }
        }
        Err(error) => finding(trial, implementation, Verdict::Failed, error.to_string()),
    }
}

/// The bytes of a file, an error where there are more than `most`.
fn bounded(path: &Path, most: u64) -> Result<Vec<u8>> {
    let read = |error: std::io::Error| Error::io("read", path, &error);
    let mut bytes = Vec::new();
    File::open(path).map_err(read)?.take(most + 1).read_to_end(&mut bytes).map_err(read)?;
    if bytes.len() as u64 > most {
        let shown = path.display();
        return Err(Error::file(format!(
            "{shown} has more than the {most} bytes that it can have; is it another file?"
        )));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Replay> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(CASE);
        std::fs::write(&path, text).unwrap();
        Replay::read(&path)
    }

    #[test]
    fn what_is_written_is_read() {
        let failed = Recorded::Case {
            kernel: "softmax".into(),
            variant: "plain".into(),
            name: "random".into(),
            decisions: Some(vec![0, 7]),
        };
        let record = Record::new("a device", failed);
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(read(&text).unwrap().record, record);
        assert!(read(&text.replace("\"schema\":1", "\"schema\":9")).unwrap_err().to_string().contains("schema 9"));
        for cut in 0..text.len() {
            let error = read(&text[..cut]).unwrap_err().to_string();
            assert!(error.contains("no case") && !error.contains('\n'), "{error}");
        }
    }

    #[test]
    fn what_is_hostile_is_one_sentence() {
        let deep = "[".repeat(100_000);
        for text in [deep.as_str(), "null", "{\"schema\":1}", "\u{1b}[2J", &"x".repeat(2 << 20)] {
            let error = read(text).unwrap_err().to_string();
            assert!(!error.contains(['\n', '\u{1b}']) && error.len() < 2000, "{error}");
        }
    }
}
