//! What every report begins with, so that a program that reads several knows where to look.

use serde::Serialize;
use tubelet::Vivit;
use tubelet::bench::Benchmark;
use tubelet::checkpoint::{Checkpoint, Provenance};

use super::video::VideoReport;

/// The version of the reports' keys, which `docs/json.md` lists: it grows when one is renamed, removed or means something
/// else, and stays when one is added.
const SCHEMA: u32 = Benchmark::SCHEMA;

/// What a report is of.
#[derive(Serialize)]
pub(super) struct Preamble {
    schema: u32,
    /// Of the program.
    version: &'static str,
    /// The subcommand.
    command: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) video: Option<VideoReport>,
    /// Where the model came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) model: Option<String>,
    /// Whether its weights are random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) untrained: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) device: Option<String>,
    /// Whether its tiles of workgroups are those that were timed on it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tuned: Option<bool>,
    /// How frames become values, or what decided about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) preprocessing: Option<String>,
}

impl Preamble {
    pub(super) fn new(command: &'static str) -> Self {
        Self {
            schema: SCHEMA,
            version: env!("CARGO_PKG_VERSION"),
            command,
            video: None,
            model: None,
            untrained: None,
            device: None,
            tuned: None,
            preprocessing: None,
        }
    }

    /// Adds where the model came from.
    pub(super) fn source(self, source: &str) -> Self {
        Self { model: Some(source.to_owned()), ..self }
    }

    /// Adds a model that is on no device.
    pub(super) fn checkpoint(self, checkpoint: &Checkpoint) -> Self {
        let (model, untrained) = (checkpoint.source.clone(), checkpoint.provenance == Provenance::Untrained);
        Self { model: Some(model), untrained: Some(untrained), ..self }
    }

    /// Adds a model and its device.
    pub(super) fn model(self, model: &Vivit) -> Self {
        self.checkpoint(model.checkpoint()).device(model)
    }

    /// Adds the device of a model, and how it computes there.
    pub(super) fn device(self, model: &Vivit) -> Self {
        let tuned = model.variants().is_tuned().then_some(true);
        Self { device: Some(model.device().name().to_owned()), tuned, ..self }
    }

    pub(super) fn video(self, video: VideoReport) -> Self {
        Self { video: Some(video), ..self }
    }

    pub(super) fn preprocessing(self, preprocessing: impl Into<String>) -> Self {
        Self { preprocessing: Some(preprocessing.into()), ..self }
    }

    /// The fact for people that tiles are taken as they were timed.
    pub(super) fn tiles(&self) -> Option<(&'static str, String)> {
        self.tuned.map(|_| ("tiles", "as `tubelet devices --tune` timed them".to_owned()))
    }

    /// The facts for people, in their order, with those of the clip and of the range of its values.
    pub(super) fn facts(&self, clip: Option<String>, range: Option<&str>) -> Vec<(&'static str, String)> {
        let model = self.model.as_ref().map(|model| match self.untrained {
            Some(true) => format!("{model}: PREDICTIONS MEAN NOTHING"),
            _ => model.clone(),
        });
        let values = range.map(|range| match &self.preprocessing {
            Some(preprocessing) => format!("{range}, by {preprocessing}"),
            None => range.to_owned(),
        });
        let facts = [
            ("video", self.video.as_ref().map(VideoReport::describe)),
            ("clip", clip),
            ("values", values),
            ("model", model),
            ("device", self.device.clone()),
        ];
        let facts = facts.into_iter().filter_map(|(title, fact)| Some((title, fact?)));
        facts.chain(self.tiles()).collect()
    }
}
