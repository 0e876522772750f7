//! What a model of the list defines.

use super::config::plural;
use super::counterpart::Counterpart;
use super::encoder::Encoder;
use super::naive::{Naive, Sequence};
use super::recorder::Recorder;
use super::recording::Recording;
use super::request::Request;
use super::{Classifier, Config, EncoderSize};
use crate::graph::{Graph, Value};
use crate::tensor::Result;

/// An option whose value shows in no parameter.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Untold {
    /// The option's name.
    pub(crate) name: &'static str,
    /// All values that it may have.
    pub(crate) values: &'static [&'static str],
    /// What it decides, in a sentence.
    pub(crate) meaning: &'static str,
}

/// A model of which one half sees one temporal index at a time, and the other what that made of each.
#[doc(hidden)]
pub trait Halves: Sync {
    /// Records the way from a clip to a vector for each of its temporal indices, `frame_representation` [B, T, C]. The clip
    /// may have any number of tubelets in time, since none depends on another.
    fn record_spatial(&self, config: &Config, request: &Request) -> Result<(Graph, Value)>;

    /// Records the way from the vectors of a clip's temporal indices, the input `frame_representation` [B, T, C], to its
    /// classes.
    fn record_temporal(&self, config: &Config, request: &Request) -> Result<Recording>;
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

    /// Chooses its own sizes to go with `config`, where the user has given none.
    fn fit_to(&mut self, config: &Config) {
        let _ = config;
    }

    /// Its encoders, in the order in which they follow one another.
    fn encoders(&self, config: &Config) -> Vec<(Encoder, EncoderSize)> {
        vec![(Encoder::Clip, config.encoder())]
    }

    /// How many residual branches a block has.
    fn branches(&self) -> usize {
        2
    }

    /// Whether scenic leaves out none of its branches, whatever rate of stochastic depth is asked for (spec §8.4).
    fn is_never_shortened(&self) -> bool {
        false
    }

    /// How many layers it has, in words.
    fn layers(&self, config: &Config) -> String {
        format!("{} layer{}", config.layers, plural(config.layers, "s"))
    }

    /// Its option that shows in no parameter, so that the user must give it; `None` where it has none.
    fn untold(&self) -> Option<Untold> {
        None
    }

    /// What an image model has for the parameter called `name`.
    fn counterpart(&self, name: &str) -> Counterpart {
        Counterpart::Named(name.to_owned())
    }

    /// Its two halves, where it has them: then a sliding window computes each temporal index once.
    fn halves(&self) -> Option<&dyn Halves> {
        None
    }

    /// Records the way from `patches` [B, T·S, C] to one vector a clip, [B, C].
    fn encode(&self, recorder: &mut Recorder<'_>, patches: Value) -> Result<Value>;

    /// Computes the same for one clip, and shares nothing with [`Definition::encode`]: each is there to find the faults of
    /// the other.
    fn encode_naively(&self, naive: &mut Naive<'_>, patches: Sequence) -> Result<Vec<f64>>;
}
