//! What is asked of a recording.

use super::Config;
use super::mask::GraphMask;
use crate::graph::Taps;
use crate::kernels::ClipLayout;
use crate::tensor::Shape;

/// What is asked of a model besides its logits.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// B, clips at a time.
    pub batch: usize,
    /// The order of a clip's axes.
    pub layout: ClipLayout,
    /// The values wanted beside the outputs, by name.
    pub taps: Taps,
    /// What the graph can mask.
    pub masking: GraphMask,
    /// Whether attention leaves the statistics of its softmax, `attention_statistics.I`: rollout needs them.
    pub statistics: bool,
    /// Whether a backward pass follows: attention leaves its statistics, and activations are calls of their own, so that
    /// what they are applied to is kept.
    pub training: bool,
}

impl Request {
    /// Values wanted beside the outputs, by name.
    #[must_use]
    pub fn taps(self, taps: Taps) -> Self {
        Self { taps, ..self }
    }

    /// What the graph can mask.
    #[must_use]
    pub fn masking(self, masking: GraphMask) -> Self {
        Self { masking, ..self }
    }

    /// Whether attention leaves the statistics of its softmax.
    #[must_use]
    pub fn statistics(self, statistics: bool) -> Self {
        Self { statistics, ..self }
    }

    /// Whether a backward pass follows.
    #[must_use]
    pub fn training(self, training: bool) -> Self {
        Self { training, ..self }
    }

    /// `batch` clips in `layout`; nothing tapped, nothing masked.
    pub fn new(batch: usize, layout: ClipLayout) -> Self {
        Self { batch, layout, taps: Taps::None, masking: GraphMask::NONE, statistics: false, training: false }
    }
}

/// What a graph is fed, apart from the seeds of attention maps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ModelInput {
    /// The clips, `[B, F, P, Y, X]` or `[B, F, Y, X, P]`.
    Clip,
    /// Where frames may be masked: which temporal indices are valid, words of `[B, T]`.
    Validity,
    /// Where Model 2 is recorded from its temporal encoder on: the vectors of the temporal indices, `[B, T, C]`.
    FrameRepresentation,
}

impl ModelInput {
    /// The name of the graph's input.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Clip => "clip",
            Self::Validity => "validity",
            Self::FrameRepresentation => "frame_representation",
        }
    }
}

/// The shape of the input `clip`: `[B, F, P, Y, X]` or `[B, F, Y, X, P]`.
pub fn clip_shape(config: &Config, request: &Request) -> Shape {
    request.layout.shape(request.batch, config.frames, [config.rows, config.columns], config.planes)
}
