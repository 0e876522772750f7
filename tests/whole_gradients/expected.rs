//! What is known of the gradients of a folder's model: `tests/data/gradients.json`, which `tests/data/README.md` describes.

use std::collections::BTreeMap;

use libtest_mimic::Failed;
use safetensors::SafeTensors;
use serde::Deserialize;
use tubelet::tensor::Tensor;
use tubelet::train::{Gradients, norm};

use super::common::data;

/// What each tensor may differ by, as a share of its norm.
const CLOSE: f64 = 1e-5;
/// What gradients that are 0 in theory may be, as a share of the global norm.
const NOTHING: f64 = 1e-6;
/// What the loss may differ by, as a share of it.
const LOSS: f64 = 2e-6;

#[derive(Deserialize)]
pub(super) struct Expected {
    pub(super) labels: Vec<usize>,
    pub(super) smoothing: f32,
    loss: f64,
    global_norm: f64,
    /// Key biases: the softmax does not see what is added to a whole row of scores.
    pub(super) zero_in_theory: Vec<String>,
    tensors: BTreeMap<String, Sums>,
    #[serde(skip)]
    folder: String,
}

/// What is kept of a tensor.
#[derive(Deserialize)]
struct Sums {
    shape: Vec<usize>,
    norm: f64,
    projections: Vec<f64>,
}

impl Expected {
    pub(super) fn of(folder: &str) -> Result<Self, Failed> {
        let text = std::fs::read_to_string(data("gradients.json"))?;
        let mut all: BTreeMap<String, Self> = serde_json::from_str(&text)?;
        let expected = all.remove(folder).ok_or_else(|| format!("nothing is known of {folder}"))?;
        Ok(Self { folder: folder.to_owned(), ..expected })
    }

    /// The logits that the original computes in f64, clip by clip.
    pub(super) fn logits(&self) -> Result<Vec<Vec<f64>>, Failed> {
        let file = std::fs::read(data(&self.folder).join("expected.safetensors"))?;
        let tensors = SafeTensors::deserialize(&file)?;
        let logits = tensors.tensor("logits_f64")?;
        let classes = logits.shape().last().copied().unwrap_or(1);
        let values: Vec<f64> = bytemuck::pod_collect_to_vec(logits.data());
        Ok(values.chunks(classes).map(<[f64]>::to_vec).collect())
    }

    /// An error that names all that differs.
    pub(super) fn compare(&self, found: &Gradients) -> Result<(), Failed> {
        let mut wrong = Vec::new();
        for (what, found, expected, close) in [
            ("the loss", found.loss, self.loss, LOSS),
            ("the global norm", found.global_norm(), self.global_norm, CLOSE),
        ] {
            if !within(found - expected, close * expected) {
                wrong.push(format!("{what} is {found} instead of {expected}"));
            }
        }
        for (name, sums) in &self.tensors {
            match found.tensors.get(name) {
                None => wrong.push(format!("{name} is missing")),
                Some(tensor) if tensor.shape().axes() != sums.shape => {
                    wrong.push(format!("{name} has shape {} instead of {:?}", tensor.shape(), sums.shape));
                }
                Some(tensor) if self.zero_in_theory.contains(name) => {
                    let share = norm(tensor)? / self.global_norm;
                    wrong.extend((!within(share, NOTHING)).then(|| format!("{name} is {share:e} of the global norm")));
                }
                Some(tensor) => {
                    let error = sums.distance(tensor)? / sums.norm;
                    wrong.extend((!within(error, CLOSE)).then(|| format!("{name} is off by {error:e}")));
                }
            }
        }
        let unknown = found.tensors.keys().filter(|name| !self.tensors.contains_key(*name));
        wrong.extend(unknown.map(|name| format!("{name} is not expected")));
        if wrong.is_empty() { Ok(()) } else { Err(wrong.join("\n").into()) }
    }
}

/// Written so that a NaN is refused.
fn within(difference: f64, most: f64) -> bool {
    difference.abs() <= most
}

impl Sums {
    /// An estimate of ‖found − expected‖, and at least the difference of the norms.
    fn distance(&self, found: &Tensor) -> Result<f64, Failed> {
        let values = found.as_f32()?;
        let squared = self.projections.iter().zip(0..).map(|(expected, row)| {
            let signed = values.iter().zip(0..).map(|(value, element)| sign(row, element) * f64::from(*value));
            (signed.sum::<f64>() - expected).powi(2)
        });
        let estimate = (squared.sum::<f64>() / self.projections.len() as f64).sqrt();
        Ok(estimate.max((norm(found)? - self.norm).abs()))
    }
}

/// The sign of an element in a row of signs.
fn sign(row: u64, element: u64) -> f64 {
    let mut x =
        (element + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add((row + 1).wrapping_mul(0xD1B5_4A32_D192_ED03));
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^= x >> 31;
    if x >> 63 == 1 { -1.0 } else { 1.0 }
}
