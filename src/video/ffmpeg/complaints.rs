//! What FFmpeg complained of although it went on.

/// The first complaint, which is nearest to the cause, and the last.
#[derive(Clone, Debug, Default)]
pub(super) struct Complaints {
    first: Option<String>,
    last: Option<String>,
}

impl Complaints {
    pub(super) fn add(&mut self, complaint: String) {
        if self.first.is_none() {
            self.first = Some(complaint);
        } else {
            self.last = Some(complaint);
        }
    }

    pub(super) fn first(&self) -> Option<&str> {
        self.first.as_deref()
    }

    pub(super) fn last(&self) -> Option<&str> {
        self.last.as_deref().or(self.first())
    }

    /// As the end of a sentence.
    pub(super) fn said(&self) -> String {
        self.first().map(|first| format!("; ffmpeg says: {first}")).unwrap_or_default()
    }
}
