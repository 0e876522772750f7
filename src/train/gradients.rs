//! The gradients of a model's weights.

use std::collections::BTreeMap;

use super::Labels;
use crate::engine::{Vivit, check_clips};
use crate::gpu::Pending;
use crate::graph::Feed;
use crate::kernels::{ClipLayout, Precision};
use crate::tensor::{Error, Result, Shape, Tensor};
use crate::video::augment::Draws;
use crate::vivit::{self, LABELS, ModelInput, Objective, ParameterSpec, Request, StackGradient, TrainingRecording};

/// How gradients are computed.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct GradientOptions {
    /// The loss, and what is computed again.
    pub objective: Objective,
    /// The order of the clips' axes; `None` for that of the model's family.
    pub layout: Option<ClipLayout>,
    /// Decides what is left out at random, where the objective asks for that: as in the first epoch of a training of this
    /// seed, with clips numbered from 0.
    pub seed: u64,
}

impl GradientOptions {
    /// Labels as they are, nothing computed again, clips in the order of the model's family.
    pub fn new() -> Self {
        Self::default()
    }

    /// The loss, and what is computed again.
    #[must_use]
    pub fn objective(self, objective: Objective) -> Self {
        Self { objective, ..self }
    }

    /// The order of the clips' axes; `None` for that of the model's family.
    #[must_use]
    pub fn layout(self, layout: impl Into<Option<ClipLayout>>) -> Self {
        Self { layout: layout.into(), ..self }
    }

    /// Decides what is left out at random.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        Self { seed, ..self }
    }
}

/// A loss and how it grows with each weight.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Gradients {
    /// The mean over clips and heads.
    pub loss: f64,
    /// The gradient of each parameter, under the names and in the layouts of the files that the model was loaded from.
    pub tensors: BTreeMap<String, Tensor>,
    /// Bytes of the device's memory that inputs, intermediate values and gradients take.
    pub value_bytes: u64,
}

impl Gradients {
    /// The L2 norm over all parameters together.
    pub fn global_norm(&self) -> f64 {
        self.tensors.values().filter_map(|tensor| norm(tensor).ok()).map(|norm| norm.powi(2)).sum::<f64>().sqrt()
    }
}

/// The L2 norm of a tensor, summed in f64; an error where it does not hold floats.
pub fn norm(tensor: &Tensor) -> Result<f64> {
    Ok(tensor.as_f32()?.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt())
}

/// The loss of `clips`, a batch `[B, F, P, Y, X]` or `[B, F, Y, X, P]`, with these labels, and how it grows with each weight
/// of the model: in training mode, before any clipping (spec §7.4, §12). Nothing is left out at random unless the objective
/// asks for it.
///
/// The same call gives the same bits on the same device, with recomputation too.
///
/// ```no_run
/// # fn shown(model: &tubelet::Vivit, clips: &tubelet::Tensor) -> tubelet::Result<()> {
/// use tubelet::train::{GradientOptions, gradients};
///
/// let found = gradients(model, clips, &"3,1".parse()?, &GradientOptions::new()).wait()?;
/// println!("loss {}, norm {}", found.loss, found.global_norm());
/// # Ok(())
/// # }
/// ```
///
/// # Errors
///
/// Clips of another size than the model's; labels that do not fit them; a model without a head; one that was not loaded in
/// f32; [`Unsupported`](crate::tensor::ErrorKind::Unsupported) where a part of the model has no gradient.
pub fn gradients<'a>(
    model: &'a Vivit,
    clips: &'a Tensor,
    labels: &'a Labels,
    options: &'a GradientOptions,
) -> Pending<'a, Gradients> {
    Pending::new(async move {
        let layout = options.layout.unwrap_or(model.layout());
        check_clips(model.config(), clips, layout)?;
        if model.precision() != Precision::F32 {
            return Err(Error::usage(format!("gradients are computed in f32, not at precision {}", model.precision())));
        }
        let request = Request::new(clips.shape().axes()[0], layout);
        let labels = labels.tensor(model.config(), request.batch)?;
        let recorded = vivit::record_gradients(model.config(), &request, &options.objective)?;
        let numbers: Vec<u64> = (0..request.batch as u64).collect();
        let random = recorded.random_inputs(&Draws::new(options.seed, 0), &numbers)?;
        let TrainingRecording { recording, loss, gradients, .. } = recorded;
        let executor = model.prepare_graph(recording.graph).await?;
        let wanted: Vec<_> = std::iter::once(loss).chain(gradients.iter().map(|stack| stack.gradient)).collect();
        let mut feeds = vec![(ModelInput::Clip.name(), Feed::Host(clips)), (LABELS, Feed::Host(&labels))];
        feeds.extend(random.iter().map(|(name, tensor)| (name.as_str(), Feed::Host(tensor))));
        let mut found = executor.run(&feeds, &wanted).await?.into_iter();
        let losses = found.next().ok_or_else(|| Error::usage("the loss is not computed"))?;
        let loss = losses.as_f32()?.iter().map(|loss| f64::from(*loss)).sum();
        let tensors = as_stored(model, &recording.parameters, &gradients, found)?;
        Ok(Gradients { loss, tensors, value_bytes: executor.value_bytes() })
    })
}

/// Each parameter's part of the stacked gradients, as the model's files hold it.
fn as_stored(
    model: &Vivit,
    specs: &[ParameterSpec],
    stacks: &[StackGradient],
    found: impl Iterator<Item = Tensor>,
) -> Result<BTreeMap<String, Tensor>> {
    let parameters = &*model.checkpoint().parameters;
    let shapes: BTreeMap<&str, &Shape> = specs.iter().map(|spec| (spec.name.as_str(), &spec.shape)).collect();
    let mut tensors = BTreeMap::new();
    for (StackGradient { parts, .. }, stack) in stacks.iter().zip(found) {
        let mut rest = stack.as_f32()?;
        for part in parts {
            let shape = *shapes.get(part.as_str()).ok_or_else(|| Error::usage(format!("{part} is no parameter")))?;
            let (own, next) = rest
                .split_at_checked(shape.elements())
                .ok_or_else(|| Error::usage(format!("the gradient of {} has too few elements", parts.join(" + "))))?;
            rest = next;
            let (name, tensor) = parameters.as_stored(part, Tensor::f32(shape.clone(), own.to_vec())?)?;
            if tensors.insert(name, tensor).is_some() {
                return Err(Error::usage(format!("{part} is stacked twice, and has no gradient of its own")));
            }
        }
    }
    Ok(tensors)
}
