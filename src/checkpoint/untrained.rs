//! Random weights for a shape that nobody has trained.

use super::format::Usage;
use super::{Checkpoint, Provenance};
use crate::kernels::ClipLayout;
use crate::tensor::Result;
use crate::video::Preset;
use crate::vivit::random::{Distribution, RandomParameters};
use crate::vivit::{Config, ParameterSpec};

pub(super) const USAGE: Usage = Usage { name: "untrained", layout: ClipLayout::Btchw, preset: Preset::HfCorrected };

/// A model of shape `config` with random weights: the same for the same `seed`, on every machine.
///
/// The weights are drawn as for a training from scratch (kernels uniform with Xavier's bounds), except that what
/// would begin at exactly 0 or 1, the biases, the head, the class token, is given a small spread around it, so that
/// every tensor shows in the logits. Each tensor has a random stream of its own and is made when it is asked for.
///
/// ```
/// use tubelet::vivit::Config;
///
/// let checkpoint = tubelet::checkpoint::untrained(Config::named("vit-ti/16x4")?, 0)?;
/// let scale = checkpoint.parameters.tensor("Transformer.encoder_norm.scale")?;
/// assert_eq!(scale.shape().axes(), [checkpoint.config.width]);
/// # Ok::<(), tubelet::Error>(())
/// ```
///
/// # Errors
///
/// A configuration that [`Config::validate`] refuses.
pub fn untrained(config: Config, seed: u64) -> Result<Checkpoint> {
    Ok(Checkpoint {
        provenance: Provenance::Untrained,
        source: format!("untrained weights from seed {seed}"),
        parameters: std::sync::Arc::new(RandomParameters::new(config.parameters()?, seed, distribution)),
        labels: None,
        preprocessor: None,
        learnt_clips: None,
        notes: vec!["UNTRAINED MODEL: random weights, so its predictions mean nothing".into()],
        trained_on: None,
        config,
    })
}

/// Standard deviation of positions in a training from scratch; here also of what would begin at 0 or 1.
const SPREAD: f32 = 0.02;

fn distribution(ParameterSpec { name, shape }: &ParameterSpec) -> Distribution {
    // A uniform distribution of standard deviation s reaches s·√3.
    let narrow = SPREAD * 3f32.sqrt();
    let outputs = shape.axes().first().copied().unwrap_or(1);
    let inputs = shape.elements() / outputs.max(1);
    let (centre, reach) = match name.rsplit_once('.').map_or(name.as_str(), |(_, tensor)| tensor) {
        // LeCun's bound, for values of unit variance to stay so.
        "kernel" if name == "embedding.kernel" => (0.0, (3.0 / inputs as f32).sqrt()),
        "kernel" => (0.0, (6.0 / (inputs + outputs) as f32).sqrt()),
        "scale" => (1.0, narrow),
        _ => (0.0, narrow),
    };
    Distribution::Uniform { centre, reach }
}
