//! What was found of all cases of a variant together.

use serde::Serialize;

use super::finding::{CaseFinding, Counts};
use super::measurement::{Measurement, WorstElement};
use super::ulps::Ulps;

/// All cases of one variant of a kernel.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Tally {
    /// The kernel.
    pub kernel: &'static str,
    /// Its variant, or `host`.
    pub variant: &'static str,
    /// How the cases ended.
    #[serde(flatten)]
    pub counts: Counts,
    /// The worst of all cases that ran; `None` where none did.
    pub relative_l2: Option<f64>,
    /// The element that differs most, as a share of the largest of its output.
    pub worst: Option<WorstOfCases>,
    /// Of all elements of all outputs.
    pub ulps: Ulps,
    /// The share of elements that are off by more than 1e-5 of the largest, or wrongly NaN or infinite.
    pub outliers: f64,
    #[serde(skip)]
    outlying: usize,
    #[serde(skip)]
    elements: usize,
}

/// The worst element of many cases.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct WorstOfCases {
    /// The case.
    pub case: String,
    /// The output.
    pub output: String,
    /// How far it is off, as a share of the largest element of the output.
    pub share_of_peak: f64,
    /// Where, and what it is.
    #[serde(flatten)]
    pub element: WorstElement,
}

impl Tally {
    pub(super) fn new(kernel: &'static str, variant: &'static str) -> Self {
        Self {
            kernel,
            variant,
            counts: Counts::default(),
            relative_l2: None,
            worst: None,
            ulps: Ulps::default(),
            outliers: 0.0,
            outlying: 0,
            elements: 0,
        }
    }

    pub(super) fn add(&mut self, finding: &CaseFinding) {
        self.counts.add(finding.verdict);
        let Some(measured) = &finding.measurement else { return };
        self.relative_l2 = Some(self.relative_l2.map_or(measured.relative_l2, |worst| worst.max(measured.relative_l2)));
        self.ulps.merge(&measured.ulps);
        self.outlying += measured.outliers;
        self.elements += measured.elements;
        self.outliers = self.outlying as f64 / self.elements.max(1) as f64;
        self.see(&finding.case, measured);
    }

    /// Keeps the worst element.
    fn see(&mut self, case: &str, measured: &Measurement) {
        let worse = self.worst.as_ref().is_none_or(|worst| measured.share_of_peak > worst.share_of_peak);
        if let Some(element) = measured.worst.as_ref().filter(|_| worse) {
            self.worst = Some(WorstOfCases {
                case: case.to_owned(),
                output: measured.output.clone(),
                share_of_peak: measured.share_of_peak,
                element: element.clone(),
            });
        }
    }
}
