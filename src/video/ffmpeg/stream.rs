//! What a file says of its video stream. Nothing of it is believed of the frames, whose own reports count.

/// A video stream as its container describes it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Stream {
    pub(super) codec: String,
    pub(super) profile: Option<String>,
    /// Average frame rate.
    pub(super) frames_per_second: Option<f64>,
    /// Degrees by which a player turns the frames clockwise, from 0 to 359.
    pub(super) rotation: u32,
    /// Length in seconds.
    pub(super) duration: Option<f64>,
}

impl Stream {
    /// A display matrix turns anticlockwise.
    pub(super) fn turn_by_matrix(&mut self, degrees: f64) {
        self.rotation = (-degrees).rem_euclid(360.0).round() as u32 % 360;
    }

    /// Its codec for people.
    pub(super) fn coding(&self) -> String {
        let profile = self.profile.as_deref().map(|profile| format!(" {profile}")).unwrap_or_default();
        format!("{}{profile}", self.codec)
    }
}
