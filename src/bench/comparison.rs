//! What `tubelet bench` compares: the four models side by side, and the forms of attention that they are made of.

use super::candidate::Schedule;
use super::{attention, forward, step};
use crate::kernels::Precision;
use crate::tensor::{Error, Result};
use crate::vivit::{Config, Model, Tubelet};

/// The sizes that models are compared at.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ComparedSizes {
    /// The models, in their order.
    pub kinds: Vec<Model>,
    /// Rows and columns of a frame, in pixels; `None` for those of the backbone.
    pub size: Option<[usize; 2]>,
    /// The tubelet; `None` for that of the backbone.
    pub tubelet: Option<Tubelet>,
    /// Clips at a time.
    pub batch: usize,
    /// How weights are stored, and products computed.
    pub precisions: Vec<Precision>,
    /// Whether attention is measured at the size that llama.cpp times, too.
    pub of_llama_cpp: bool,
    /// Whether a step of training is measured beside each forward pass in f32.
    pub backward: bool,
}

impl Default for ComparedSizes {
    fn default() -> Self {
        Self {
            kinds: Model::all(),
            size: None,
            tubelet: None,
            batch: 1,
            precisions: vec![Precision::F32],
            of_llama_cpp: true,
            backward: false,
        }
    }
}

impl ComparedSizes {
    /// Precisions in which attention alone is measured: it has no weights.
    pub(super) fn attention_precisions(&self) -> impl Iterator<Item = Precision> + use<> {
        let halves = |precision: &Precision| *precision == Precision::F16;
        let floats = self.precisions.iter().any(|precision| !halves(precision));
        let halves = self.precisions.iter().any(halves);
        [(floats, Precision::F32), (halves, Precision::F16)].into_iter().filter_map(|(is, one)| is.then_some(one))
    }

    /// The model `kind` of `backbone` on clips of `frames` frames; it need not be possible.
    pub(super) fn config(&self, backbone: &str, kind: Model, frames: usize) -> Result<Config> {
        let config = Config::named(backbone)?;
        let [rows, columns] = self.size.unwrap_or([config.rows, config.columns]);
        let tubelet = self.tubelet.unwrap_or(config.tubelet);
        if tubelet.frames * tubelet.rows * tubelet.columns == 0 {
            return Err(Error::usage("a tubelet has at least one frame and one pixel"));
        }
        Ok(config.as_model(kind).frames(frames).rows(rows).columns(columns).tubelet(tubelet))
    }
}

impl Schedule {
    /// The models of `sizes` on clips of each of these `frames`, with attention alone at the same sizes, and where it is
    /// wanted attention at the size that llama.cpp times.
    ///
    /// Rows of one size are compared: the models with one another, and so are the forms of attention. A training step is
    /// compared with the forward pass of its model, and the models then follow one another: the memory that the steps of
    /// all four need together few devices have. A model that cannot be, such as Model 4 of 3 heads, has a row that says so.
    ///
    /// # Errors
    ///
    /// A backbone that there is not, sizes of which no clip makes a token.
    pub fn comparison(backbone: &str, frames: &[usize], sizes: &ComparedSizes) -> Result<Self> {
        let mut schedule = Self::new();
        for &frames in frames {
            for &precision in &sizes.precisions {
                let row = |kind: &Model| {
                    let config = sizes.config(backbone, *kind, frames)?;
                    Ok(forward::untrained(config, backbone, sizes.batch, precision))
                };
                if sizes.backward && precision == Precision::F32 {
                    for kind in &sizes.kinds {
                        let config = sizes.config(backbone, *kind, frames)?;
                        schedule.group(vec![row(kind)?, step::untrained(config, backbone, sizes.batch)]);
                    }
                } else {
                    schedule.group(sizes.kinds.iter().map(row).collect::<Result<_>>()?);
                }
            }
            let clip = sizes.config(backbone, Model::all()[0], frames)?;
            if clip.tokens() == 0 {
                return Err(Error::usage(format!(
                    "clips of {frames}×{}×{} make no token of tubelets of {}×{}×{}",
                    clip.rows, clip.columns, clip.tubelet.frames, clip.tubelet.rows, clip.tubelet.columns
                )));
            }
            for precision in sizes.attention_precisions() {
                schedule.group(attention::forms(&clip, sizes.batch, precision));
            }
        }
        if sizes.of_llama_cpp {
            schedule.group(sizes.attention_precisions().map(attention::of_llama_cpp).collect());
        }
        Ok(schedule)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Work;
    use crate::graph::Device;
    use crate::tensor::ErrorKind;

    #[test]
    fn rows_of_a_size_stand_together() {
        let sizes =
            ComparedSizes { precisions: vec![Precision::F32, Precision::F16Weights], ..ComparedSizes::default() };
        let schedule = Schedule::comparison("vit-ti", &[8, 16], &sizes).unwrap();
        let rows: Vec<_> = schedule.groups.iter().map(Vec::len).collect();
        assert_eq!(rows, [4, 4, 5, 4, 4, 5, 1]);
        assert_eq!(schedule.rows(), 27);
    }

    #[test]
    fn a_training_step_stands_beside_its_forward_pass() {
        let precisions = vec![Precision::F32, Precision::F16Weights];
        let sizes = ComparedSizes { precisions, backward: true, ..ComparedSizes::default() };
        let schedule = Schedule::comparison("vit-ti", &[8], &sizes).unwrap();
        let rows: Vec<_> = schedule.groups.iter().map(Vec::len).collect();
        assert_eq!(rows, [2, 2, 2, 2, 4, 5, 1], "training is in f32 alone");
        for group in &schedule.groups[..4] {
            let (forward, step) = (&group[0], &group[1]);
            let (Work::Model(model), Work::TrainingStep(trained)) = (&forward.work, &step.work) else { panic!() };
            assert!(model == trained && step.precision == Precision::F32, "{model:?} {trained:?}");
            let most = 4 * forward.operations;
            assert!(step.operations == 0 || (2 * forward.operations..most).contains(&step.operations), "{model:?}");
        }
    }

    #[test]
    fn a_model_that_cannot_be_is_an_error_of_its_row_alone() {
        let schedule = Schedule::comparison("vit-ti", &[2], &ComparedSizes::default()).unwrap();
        let device = Device::references();
        let outcomes = schedule.groups[0].iter().map(|candidate| (candidate.make)(&device).err());
        let outcomes: Vec<_> = outcomes.map(|error| error.map(|error| (error.kind(), error.to_string()))).collect();
        assert!(outcomes[..3].iter().all(Option::is_none), "{outcomes:?}");
        let (kind, message) = outcomes[3].clone().unwrap();
        assert!(kind == ErrorKind::Usage && message.contains("3 heads cannot be halved"), "{message}");
    }
}
