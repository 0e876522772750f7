//! What a run computes, so that only rows of the same run are put together.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Identity, Manifest, Shard, Task};
use crate::engine::{Average, Views, Vivit};
use crate::tensor::Result;
use crate::video::DEFAULT_STRIDE;
use crate::vivit::{Config, FrameMask, Parameters};

/// How a video is tested.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Protocol {
    /// Temporal clips and spatial crops.
    pub views: Views,
    /// How the views' outputs become one.
    pub average: Average,
    /// Distance of neighbouring frames of a clip in the video.
    pub stride: usize,
    /// What the model does not see of each clip.
    pub mask: FrameMask,
}

impl Protocol {
    /// These views of every second frame, whose logits are averaged; nothing is masked.
    pub fn new(views: Views) -> Self {
        Self { views, average: Average::default(), stride: DEFAULT_STRIDE, mask: FrameMask::new() }
    }

    /// The views' outputs become one by this average.
    #[must_use]
    pub fn average(self, average: Average) -> Self {
        Self { average, ..self }
    }

    /// Distance of neighbouring frames of a clip in the video.
    #[must_use]
    pub fn stride(self, stride: usize) -> Self {
        Self { stride, ..self }
    }

    /// What the model does not see of each clip.
    #[must_use]
    pub fn mask(self, mask: FrameMask) -> Self {
        Self { mask, ..self }
    }
}

/// What identifies a run. It is kept beside the results, in a file of their name followed by `.run.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Run {
    /// Where the model came from. It may lie elsewhere when a run goes on: the weights decide.
    pub model: String,
    /// The model, with all that decides its arithmetic.
    pub config: Config,
    /// A fingerprint of the weights.
    pub weights: String,
    /// What the logits mean.
    pub task: Task,
    /// The views, such as `4x3`.
    pub views: String,
    /// What is averaged over the views.
    pub average: String,
    /// Distance of neighbouring frames of a clip in the video.
    pub stride: usize,
    /// What the model does not see of each clip.
    pub mask: String,
    /// How frames become the model's input.
    pub preprocessing: String,
    /// [`Manifest::fingerprint`].
    pub manifest: String,
    /// What the clips are called together where the program makes them, such as `camera/validation/16x48x48/seed-3`; `None`
    /// for a manifest of videos.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub motions: Option<String>,
    /// Videos of the manifest, all shards together.
    pub videos: usize,
    /// The part of the manifest.
    pub shard: Shard,
}

impl Run {
    /// The run of `model` over `manifest`. Reads some of the model's weights.
    pub fn new(model: &Vivit, protocol: &Protocol, manifest: &Manifest, shard: Shard) -> Result<Self> {
        let checkpoint = model.checkpoint();
        Ok(Self {
            model: checkpoint.source.clone(),
            config: checkpoint.config.clone(),
            weights: fingerprint(&*checkpoint.parameters)?,
            task: Task::of(&checkpoint.config)?,
            views: protocol.views.to_string(),
            average: protocol.average.to_string(),
            stride: protocol.stride,
            mask: protocol.mask.to_string(),
            preprocessing: model.preprocessing().to_string(),
            manifest: manifest.fingerprint(),
            motions: None,
            videos: manifest.items().len(),
            shard,
        })
    }

    /// The clips are motions that the program makes, which are called so together.
    #[must_use]
    pub fn motions(self, name: impl Into<Option<String>>) -> Self {
        Self { motions: name.into(), ..self }
    }

    /// Where two runs differ, in words; `None` where rows of both belong together, though they may be of several shards.
    pub(super) fn mismatch(&self, other: &Self) -> Option<String> {
        let text = |what: &str, own: &str, other: &str| (own != other).then(|| format!("{what} {own}, not {other}"));
        let shards = [self.shard, other.shard].map(|shard| shard.of().to_string());
        different_config(&self.config, &other.config)
            .or_else(|| {
                let differ = self.weights != other.weights || self.task != other.task;
                differ.then(|| format!("weights of {}, which are not those of {}", self.model, other.model))
            })
            .or_else(|| text("views", &self.views, &other.views))
            .or_else(|| text("the average of", &self.average, &other.average))
            .or_else(|| text("stride", &self.stride.to_string(), &other.stride.to_string()))
            .or_else(|| text("the mask", &self.mask, &other.mask))
            .or_else(|| text("preprocessing", &self.preprocessing, &other.preprocessing))
            .or_else(|| {
                let differ = self.manifest != other.manifest || self.videos != other.videos;
                differ.then(|| different_videos(self, other))
            })
            .or_else(|| text("a division into shards by", &shards[0], &shards[1]))
    }
}

impl Identity for Run {
    fn difference(&self, other: &Self) -> Option<String> {
        let shard = || (self.shard != other.shard).then(|| format!("shard {}, not {}", self.shard, other.shard));
        self.mismatch(other).or_else(shard)
    }
}

/// What one run is over and another is not, in words.
fn different_videos(own: &Run, other: &Run) -> String {
    match (&own.motions, &other.motions) {
        (None, None) => format!("another manifest, of {} videos", own.videos),
        (None, Some(motions)) => format!("a manifest of {} videos, not the motions {motions}", own.videos),
        (Some(motions), None) => format!("{} clips of the motions {motions}, not a manifest", own.videos),
        (Some(motions), Some(others)) if motions != others => format!("the motions {motions}, not {others}"),
        (Some(motions), Some(_)) if own.videos != other.videos => {
            format!("{} clips of the motions {motions}, not {}", own.videos, other.videos)
        }
        (Some(motions), Some(_)) => format!("the motions {motions} with other labels"),
    }
}

/// Where two models differ, in words: by what they are called, else by their settings, of which a name has not all.
fn different_config(own: &Config, other: &Config) -> Option<String> {
    if own == other {
        return None;
    }
    let [name, other_name] = [own, other].map(Config::to_string);
    if name != other_name {
        return Some(format!("the model {name}, not {other_name}"));
    }
    let [own, other] = [settings(own), settings(other)];
    let names: BTreeSet<&String> = own.keys().chain(other.keys()).collect();
    let said = |value: Option<&Value>| value.map_or("none".to_owned(), Value::to_string);
    let differing = names.into_iter().filter(|name| own.get(*name) != other.get(*name));
    let differing = differing.map(|name| format!("{name} {}, not {}", said(own.get(name)), said(other.get(name))));
    Some(format!("a model with {}", differing.collect::<Vec<_>>().join("; ")))
}

/// All settings by their names; by way of the text, which writes an f32 with the digits that it needs.
fn settings(config: &Config) -> Map<String, Value> {
    serde_json::to_string(config).and_then(|text| serde_json::from_str(&text)).unwrap_or_default()
}

/// A hash that tells weights apart: over all vectors among them, such as biases and scales, which every training
/// changes and which are read in no time, and the shapes and names of all.
#[doc(hidden)]
pub fn fingerprint(parameters: &dyn Parameters) -> Result<String> {
    let mut hash = Hash::new();
    let mut names = parameters.names();
    names.sort_unstable();
    for name in names {
        let shape = parameters.shape(name)?;
        hash.add(name.as_bytes());
        hash.add(shape.to_string().as_bytes());
        if shape.elements() == shape.last() {
            hash.add(parameters.tensor(name)?.as_bytes());
        }
    }
    Ok(hash.to_string())
}

/// FNV-1a of 64 bits, which is the same everywhere.
pub(crate) struct Hash(u64);

impl Hash {
    pub(crate) fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    /// Adds bytes and where they end.
    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let length = (bytes.len() as u64).to_le_bytes();
        for byte in bytes.iter().chain(&length) {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    /// The hash of all that was added, as a part of 1: evenly from [0, 1).
    pub(crate) fn unit(&self) -> f64 {
        const STEP: f64 = 1.0 / (1u64 << 53) as f64;
        (self.0 >> 11) as f64 * STEP
    }
}

impl std::fmt::Display for Hash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
