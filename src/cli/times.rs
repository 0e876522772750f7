//! How long the steps of a run took.

use std::time::Duration;

use serde::Serialize;

use super::output;

/// How long it took to load the weights, to prepare the only view, and to compute.
pub(super) struct Times {
    pub(super) loading: Duration,
    pub(super) preparing: Option<Duration>,
    pub(super) computing: Duration,
}

/// How long the steps of a run took.
#[derive(Serialize)]
pub(super) struct Seconds {
    decoding: f64,
    /// Of the only view; several are prepared while others are computed.
    preparing: Option<f64>,
    loading: f64,
    computing: f64,
}

impl Seconds {
    pub(super) fn new(decoding: Duration, Times { loading, preparing, computing }: Times) -> Self {
        let [decoding, loading, computing] = [decoding, loading, computing].map(|elapsed| elapsed.as_secs_f64());
        Self { decoding, preparing: preparing.map(|elapsed| elapsed.as_secs_f64()), loading, computing }
    }

    /// In a line.
    pub(super) fn describe(&self) -> String {
        let steps = [
            ("decoding", Some(self.decoding)),
            ("preparing", self.preparing),
            ("loading", Some(self.loading)),
            ("computing", Some(self.computing)),
        ];
        let time = |seconds: f64| output::seconds(Duration::from_secs_f64(seconds));
        let step = |(name, seconds): (_, Option<f64>)| Some(format!("{name} {}", time(seconds?)));
        steps.into_iter().filter_map(step).collect::<Vec<_>>().join(", ")
    }
}

/// How fast a model computed.
#[derive(Serialize)]
pub(super) struct Speed {
    /// Views that were computed.
    clips_per_second: f64,
    /// Frames of all these.
    frames_per_second: f64,
}

impl Speed {
    /// Of `clips` clips of `frames` frames in that time.
    pub(super) fn new(clips: usize, frames: usize, elapsed: Duration) -> Self {
        let clips_per_second = clips as f64 / elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
        Self { clips_per_second, frames_per_second: frames as f64 * clips_per_second }
    }

    /// In a few words.
    pub(super) fn describe(&self) -> String {
        let [clips, frames] = [self.clips_per_second, self.frames_per_second].map(output::three_digits);
        format!("{clips} clips, {frames} frames a second")
    }
}
