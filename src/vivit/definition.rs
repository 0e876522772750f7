//! What a model of the list defines.

use super::config::plural;
use super::counterpart::Counterpart;
use super::encoder::Encoder;
use super::naive::{Naive, Sequence};
use super::recorder::Recorder;
use super::{Classifier, Config, EncoderSize};
use crate::graph::Value;
use crate::tensor::Result;

/// An option of which a file of parameters alone does not say what it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Untold {
    /// What the option is called.
    pub(crate) name: &'static str,
    /// All values that it may have.
    pub(crate) values: &'static [&'static str],
    /// What it says.
    pub(crate) meaning: &'static str,
}

/// What sets a model apart from the others: all between the tubelet projection and the head.
pub(super) trait Definition {
    /// An error where the model's own options or the switches of `config` make no sense for it.
    fn validate(&self, config: &Config) -> Result<()> {
        let _ = config;
        Ok(())
    }

    /// How its output becomes one vector in the published configurations.
    fn usual_classifier(&self) -> Classifier {
        Classifier::Mean
    }

    /// Chooses those of its own sizes that go with `config`, where none were told.
    fn fit_to(&mut self, config: &Config) {
        let _ = config;
    }

    /// Its encoders, in the order in which they follow one another.
    fn encoders(&self, config: &Config) -> Vec<(Encoder, EncoderSize)> {
        vec![(Encoder::Clip, config.encoder())]
    }

    /// How many layers it has, in words.
    fn layers(&self, config: &Config) -> String {
        format!("{} layer{}", config.layers, plural(config.layers, "s"))
    }

    /// The option of its own that shows in no parameter and must be told, where it has one.
    fn untold(&self) -> Option<Untold> {
        None
    }

    /// What an image model has for the parameter called `name`.
    fn counterpart(&self, name: &str) -> Counterpart {
        Counterpart::Named(name.to_owned())
    }

    /// Records the way from `patches` [B, T·S, C] to one vector a clip, [B, C].
    fn encode(&self, recorder: &mut Recorder<'_>, patches: Value) -> Result<Value>;

    /// Computes the same for one clip, without anything that [`Definition::encode`] computes with: each is there to find
    /// the faults of the other.
    fn encode_naively(&self, naive: &mut Naive<'_>, patches: Sequence) -> Result<Vec<f64>>;
}
