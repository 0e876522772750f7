//! The paper's table of its four models, beside what was measured here.
//!
//! Arnab et al., "ViViT: A Video Vision Transformer", ICCV 2021, Table 2: ViViT-B/16x2 on clips of 32 frames of 224×224
//! pixels. Its FLOPs are multiply-adds as scenic's analysis of the XLA graph counts them; its run times are of inference on
//! a TPU-v3, in milliseconds.

use std::fmt::Write;

use super::super::{Benchmark, BenchmarkRow, ModelWork, RowMeasurement, RowOutcome, Work};
use super::words;
use crate::kernels::Precision;
use crate::tensor::Result;
use crate::vivit::{Config, Model, Tubelet};

/// A model in the paper's Table 2.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Published {
    pub(super) number: usize,
    /// 10⁹ multiply-adds.
    pub(super) giga: f64,
    /// 10⁶ parameters.
    pub(super) parameters: f64,
    /// Milliseconds on a TPU-v3.
    pub(super) milliseconds: f64,
}

pub(super) const PUBLISHED: [Published; 4] = [
    Published { number: 1, giga: 455.2, parameters: 88.9, milliseconds: 58.9 },
    Published { number: 2, giga: 284.4, parameters: 115.1, milliseconds: 17.4 },
    Published { number: 3, giga: 372.3, parameters: 117.3, milliseconds: 31.7 },
    Published { number: 4, giga: 277.1, parameters: 88.9, milliseconds: 22.9 },
];

impl Published {
    /// Its run time as a share of that of Model 1.
    pub(super) fn relative(&self) -> f64 {
        self.milliseconds / PUBLISHED[0].milliseconds
    }
}

/// Rows of one device that can stand beside the paper's: the same sizes, one of each model.
pub(super) struct Beside<'a> {
    pub(super) device: usize,
    /// What all have in common but the number and the kind.
    pub(super) work: &'a ModelWork,
    pub(super) precision: Precision,
    /// The paper's four in their order, those that are there.
    pub(super) rows: [Option<&'a BenchmarkRow>; 4],
}

/// The sizes that the paper's table is of.
const PAPER: (&str, usize, [usize; 3], [usize; 3]) = ("vit-b", 1, [32, 224, 224], [2, 16, 16]);

impl<'a> Beside<'a> {
    /// For a device: the rows of the paper's sizes, where there are any, or those of the sizes at which the most models have
    /// times; of several such, the ones with the most tokens.
    pub(super) fn of_device(benchmark: &'a Benchmark, device: usize) -> Option<Self> {
        Self::all(benchmark, device).into_iter().max_by_key(|group| {
            let precise = group.precision == Precision::F32;
            (group.is_paper(), precise, group.measured(), usize::from(group.work.batch == 1), group.work.tokens)
        })
    }

    /// All sizes of a device, in the order of their first rows.
    pub(super) fn all(benchmark: &'a Benchmark, device: usize) -> Vec<Self> {
        let mut groups: Vec<Self> = Vec::new();
        for row in benchmark.rows.iter().filter(|row| row.device == device) {
            let Work::Model(work) = &row.work else { continue };
            let Some(index) = work.number.checked_sub(1).filter(|index| *index < PUBLISHED.len()) else { continue };
            let same = |group: &Self| sizes(group.work) == sizes(work) && group.precision == row.precision;
            let group = match groups.iter().position(same) {
                Some(known) => &mut groups[known],
                None => {
                    groups.push(Self { device, work, precision: row.precision, rows: [None; 4] });
                    let last = groups.len() - 1;
                    &mut groups[last]
                }
            };
            group.rows[index].get_or_insert(row);
        }
        groups
    }

    /// Whether these are the sizes of the paper's table.
    pub(super) fn is_paper(&self) -> bool {
        sizes(self.work) == PAPER
    }

    fn measured(&self) -> usize {
        self.rows.iter().flatten().filter(|row| row.measurement().is_some()).count()
    }

    /// The times of a model, by its place in the table.
    pub(super) fn times(&self, index: usize) -> Option<&'a RowMeasurement> {
        self.rows.get(index).copied().flatten()?.measurement()
    }

    /// Its median as a share of that of Model 1.
    pub(super) fn relative(&self, index: usize) -> Option<f64> {
        let relative = self.times(index)?.median / self.times(0)?.median;
        relative.is_finite().then_some(relative)
    }

    /// What stands where a model has no time: `impossible`, `not measured`.
    pub(super) fn missing(&self, index: usize) -> &'static str {
        match self.rows.get(index).copied().flatten().map(|row| &row.outcome) {
            Some(RowOutcome::Wrong { .. }) => "wrong",
            Some(RowOutcome::Impossible { .. }) => "impossible",
            Some(RowOutcome::Failed { .. }) => "failed",
            _ => "not measured",
        }
    }

    /// 10⁶ parameters of a model of these sizes, where its backbone goes by a name.
    pub(super) fn parameters(&self, index: usize) -> Option<f64> {
        let work = self.rows.get(index).copied().flatten().map(|row| &row.work);
        let Some(Work::Model(work)) = work else { return None };
        Some(parameters(work).ok()? as f64 * 1e-6)
    }

    /// `vit-b/16x2, 32×224×224`, with the batch and the floats where they are not the usual ones.
    pub(super) fn sizes(&self) -> String {
        let ModelWork { batch, frames, rows, columns, .. } = self.work;
        let mut text = format!("{}, {frames}×{rows}×{columns}", words::backbone(self.work));
        if *batch != 1 {
            _ = write!(text, ", {batch} clips");
        }
        if self.precision != Precision::F32 {
            _ = write!(text, ", {}", words::precision(self.precision));
        }
        text
    }
}

fn sizes(work: &ModelWork) -> (&str, usize, [usize; 3], [usize; 3]) {
    (&work.backbone, work.batch, [work.frames, work.rows, work.columns], work.tubelet)
}

/// How many numbers such a model learns.
fn parameters(work: &ModelWork) -> Result<usize> {
    let [frames, rows, columns] = work.tubelet;
    let config = Config::named(&work.backbone)?
        .tubelet(Tubelet { frames, rows, columns })
        .frames(work.frames)
        .rows(work.rows)
        .columns(work.columns)
        .as_model(work.kind.parse::<Model>()?);
    Ok(config.parameters()?.iter().map(|parameter| parameter.shape.elements()).sum())
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn parameters_are_those_of_the_paper() {
        for published in PUBLISHED {
            let found = parameters(&sample::model(published.number, 32)).unwrap() as f64 * 1e-6;
            // The paper cuts 88.95 to 88.9, and rounds 115.06 to 115.1.
            assert!((found - published.parameters).abs() < 0.06, "Model {}: {found}", published.number);
        }
    }

    #[test]
    fn the_rows_of_the_papers_sizes_stand_beside_it() {
        let benchmark = sample::benchmark();
        let beside = Beside::of_device(&benchmark, 0).unwrap();
        assert!(beside.is_paper() && beside.sizes() == "vit-b/16x2, 32×224×224");
        assert_eq!(beside.relative(0), Some(1.0));
        assert!((0..4).all(|index| beside.times(index).is_some()));
    }

    #[test]
    fn without_them_the_sizes_with_the_most_models_do() {
        let mut benchmark = sample::benchmark();
        let is_32 = |work: &Work| matches!(work, Work::Model(model) if model.frames == 32);
        benchmark.rows.retain(|row| !is_32(&row.work));
        let beside = Beside::of_device(&benchmark, 0).unwrap();
        assert_eq!((beside.is_paper(), beside.work.frames), (false, 16), "at 64 frames two of four have times");
        let at_64 = Beside::all(&benchmark, 0).into_iter().find(|group| group.work.frames == 64).unwrap();
        assert_eq!(
            [0, 1, 2, 3].map(|index| at_64.missing(index)),
            ["impossible", "not measured", "wrong", "not measured"]
        );
        assert_eq!(at_64.relative(1), None);
        assert!(Beside::of_device(&benchmark, 5).is_none());
    }
}
