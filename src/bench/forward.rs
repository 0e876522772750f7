//! The forward pass of a model as a row.

use std::sync::Arc;

use super::candidate::{Candidate, Made, Reduced, Schedule};
use super::problem::{Problem, bound, scattered};
use super::step;
use super::{ModelWork, Work};
use crate::checkpoint;
use crate::graph::{Device, Weights};
use crate::kernels::{ClipLayout, Precision};
use crate::tensor::{Element, Error, Result, Tensor, Tolerance};
use crate::vivit::{self, Config, Recording, Request, Tubelet};

/// The seed of untrained weights: the same numbers everywhere.
pub(super) const SEED: u64 = 0;

/// What a forward pass computes.
#[derive(Clone)]
#[non_exhaustive]
pub struct ForwardWork {
    /// The model.
    pub config: Config,
    /// Its weights.
    pub weights: Arc<dyn Weights>,
    /// What the model is called: `vit-b`, or where a checkpoint came from.
    pub backbone: String,
    /// Clips at a time, of scattered values.
    pub batch: usize,
    /// Whether a step of training is measured beside it, in f32.
    pub backward: bool,
}

impl std::fmt::Debug for ForwardWork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForwardWork")
            .field("config", &self.config)
            .field("backbone", &self.backbone)
            .field("batch", &self.batch)
            .field("backward", &self.backward)
            .finish_non_exhaustive()
    }
}

impl ForwardWork {
    /// A pass over one clip.
    pub fn new(config: Config, weights: Arc<dyn Weights>, backbone: impl Into<String>) -> Self {
        Self { config, weights, backbone: backbone.into(), batch: 1, backward: false }
    }

    /// Clips at a time.
    #[must_use]
    pub fn batch(self, batch: usize) -> Self {
        Self { batch, ..self }
    }

    /// Whether a step of training is measured beside it, in f32.
    #[must_use]
    pub fn backward(self, backward: bool) -> Self {
        Self { backward, ..self }
    }
}

impl Schedule {
    /// Adds the forward pass of one model, in each of these precisions in turn, and where it is wanted its training step.
    #[must_use]
    pub fn forward(mut self, work: &ForwardWork, precisions: &[Precision]) -> Self {
        let candidate = |precision: &Precision| {
            let ForwardWork { config, weights, backbone, batch, .. } = work.clone();
            candidate(config, backbone, batch, *precision, Box::new(move || Ok(weights.clone())))
        };
        let mut rows: Vec<_> = precisions.iter().map(candidate).collect();
        if work.backward {
            let ForwardWork { config, weights, backbone, batch, .. } = work.clone();
            rows.push(step::candidate(config, backbone, batch, Box::new(move || Ok(weights.clone()))));
        }
        self.group(rows);
        self
    }
}

/// Where weights come from, once they are needed.
pub(super) type Source = Box<dyn Fn() -> Result<Arc<dyn Weights>>>;

/// A row of an untrained model.
pub(super) fn untrained(config: Config, backbone: &str, batch: usize, precision: Precision) -> Candidate {
    let weights = untrained_weights(config.clone());
    candidate(config, backbone.to_owned(), batch, precision, Box::new(weights))
}

pub(super) fn untrained_weights(config: Config) -> impl Fn() -> Result<Arc<dyn Weights>> {
    move || Ok(checkpoint::untrained(config.clone(), SEED)?.parameters)
}

fn candidate(config: Config, backbone: String, batch: usize, precision: Precision, weights: Source) -> Candidate {
    let operations = recorded(&config, batch).map_or(0, |recording| recording.graph.cost(precision).operations);
    let work = Work::Model(work(&config, backbone, batch));
    let make = move |device: &Device| {
        check_batch(&config, batch, device)?;
        let small = reduced(&config);
        let key = format!("{small} in {precision}");
        let problem = problem(&small, untrained_weights(small.clone())()?, 1, precision)?;
        Ok(Made {
            full: self::problem(&config, weights()?, batch, precision)?,
            reduced: Some(Reduced { problem, key }),
        })
    };
    Candidate { work, precision, operations, make: Box::new(make) }
}

/// What a row says of its model.
pub(super) fn work(config: &Config, backbone: String, batch: usize) -> ModelWork {
    let Tubelet { frames, rows, columns } = config.tubelet;
    ModelWork {
        number: config.model.number(),
        kind: config.model.name().to_owned(),
        backbone,
        batch,
        frames: config.frames,
        rows: config.rows,
        columns: config.columns,
        tubelet: [frames, rows, columns],
        tokens: config.tokens(),
    }
}

/// An error for a model that cannot be, and for clips that fit no buffer of the device.
pub(super) fn check_batch(config: &Config, batch: usize, device: &Device) -> Result<()> {
    config.validate()?;
    let most = device.largest_value() / Element::F32.bytes_of(clip(config, 1)?.shape().elements()).max(1);
    match batch as u64 <= most {
        true => Ok(()),
        false => Err(Error::usage(format!("a batch of {batch} clips; the device's buffers hold {most} at most"))),
    }
}

pub(super) fn recorded(config: &Config, batch: usize) -> Result<Recording> {
    config.validate()?;
    vivit::record(config, &Request::new(batch, ClipLayout::Btchw))
}

/// Operations of a pass over `batch` clips; an error for a model that cannot be.
pub(super) fn operations(config: &Config, batch: usize) -> Result<u64> {
    Ok(recorded(config, batch)?.graph.cost(Precision::F32).operations)
}

pub(super) fn clip(config: &Config, batch: usize) -> Result<Tensor> {
    let shape = vivit::clip_shape(config, &Request::new(batch, ClipLayout::Btchw));
    let values = scattered(shape.elements());
    Tensor::f32(shape, values)
}

pub(super) fn problem(
    config: &Config,
    weights: Arc<dyn Weights>,
    batch: usize,
    precision: Precision,
) -> Result<Problem> {
    let Recording { graph, features, logits, .. } = recorded(config, batch)?;
    Ok(Problem {
        graph: Arc::new(graph),
        weights,
        feeds: vec![("clip", clip(config, batch)?)],
        wanted: [Some(features), logits].into_iter().flatten().collect(),
        precision,
        bound: bound(precision, Tolerance::MODEL),
    })
}

/// Temporal indices, and rows and columns of tokens, of the clip that the references are given.
const REDUCED: [usize; 2] = [2, 5];

/// The same model with one layer on a small clip, so that the references are soon done. Widths and heads, which decide
/// what kernels do, stay.
pub(super) fn reduced(config: &Config) -> Config {
    let [times, side] = REDUCED;
    let Tubelet { frames, rows, columns } = config.tubelet;
    // Frames that are sampled are chosen from all.
    let least = if config.frame_sampling.is_some() { config.frames } else { times * frames };
    Config {
        frames: config.frames.min(least),
        rows: config.rows.min(side * rows),
        columns: config.columns.min(side * columns),
        layers: 1,
        ..config.clone()
    }
}

/// The paper's multiply-accumulates of work with so many operations.
///
/// The paper counts the operations of the unfused graph, where each element of a bias, a softmax, a LayerNorm, a GELU or a
/// residual is one and a multiply-add is two, and halves them. Kernels here count alike.
pub(super) fn paper_multiply_accumulates(operations: u64) -> u64 {
    operations / 2
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vivit::Model;

    #[test]
    fn the_papers_count_is_the_papers() {
        // Table 2 of the paper, in units of 10⁹.
        for (model, published) in Model::all().into_iter().zip([455.2, 284.4, 372.3, 277.1]) {
            let config = Config::named("vit-b/16x2").unwrap().as_model(model);
            let counted = paper_multiply_accumulates(operations(&config, 1).unwrap()) as f64 / 1e9;
            assert!((counted / published - 1.0).abs() < 3e-3, "{model}: {counted}, published {published}");
        }
    }

    #[test]
    fn what_is_reduced_is_the_same_model() {
        for model in Model::all() {
            let config = Config::named("vit-b").unwrap().as_model(model);
            let small = reduced(&config);
            small.validate().unwrap();
            assert_eq!((small.model, small.width, small.heads), (config.model, config.width, config.heads));
            assert!(operations(&small, 1).unwrap() < operations(&config, 1).unwrap() / 100);
        }
    }
}
