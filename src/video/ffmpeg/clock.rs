//! When frames are shown, by their own time stamps, which may be equal, missing, or go back.

use super::log::Report;

/// The times of frames in the order in which they are shown.
#[derive(Clone, Debug, Default)]
pub(super) struct Clock {
    /// The time stamp that counts as zero.
    origin: Option<i64>,
    /// Seconds to add since time stamps went back: a stream that was joined of several.
    shift: f64,
    last: Option<f64>,
    /// Seconds between the last two frames; at first those of the stream's rate.
    interval: Option<f64>,
}

impl Clock {
    /// For a stream of this rate, where it states one.
    pub(super) fn new(frames_per_second: Option<f64>) -> Self {
        Self { interval: frames_per_second.map(f64::recip), ..Self::default() }
    }

    /// Seconds from `origin` to a time stamp.
    pub(super) fn seconds(pts: i64, origin: i64, (numerator, denominator): (i64, i64)) -> f64 {
        (pts - origin) as f64 * numerator as f64 / denominator as f64
    }

    /// When the next frame begins. Where its time stamp is missing or goes back, the interval before the preceding frame is
    /// repeated.
    pub(super) fn start_of(&mut self, report: &Report) -> f64 {
        let stamp = report.pts.map(|pts| Self::seconds(pts, *self.origin.get_or_insert(pts), report.time_base));
        let start = match (stamp.map(|stamp| stamp + self.shift), self.last) {
            (Some(start), Some(last)) if start < last => {
                let due = last + self.interval.unwrap_or(0.0);
                self.shift += due - start;
                due
            }
            (Some(start), _) => start,
            (None, Some(last)) => last + self.interval.unwrap_or(0.0),
            (None, None) => 0.0,
        };
        if let Some(last) = self.last {
            self.interval = Some(start - last);
        }
        self.last = Some(start);
        start
    }

    /// When a frame that began at `start` ends: when `next` begins; the last is shown as long as the one before it was.
    pub(super) fn end_of(&self, start: f64, next: Option<&Report>) -> f64 {
        match next {
            Some(next) => self.clone().start_of(next),
            None => start + self.interval.unwrap_or(0.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(stamps: &[Option<i64>]) -> Vec<f64> {
        let mut clock = Clock::default();
        let report = |pts: &Option<i64>| Report { pts: *pts, time_base: (1, 10), ..Report::default() };
        stamps.iter().map(|pts| clock.start_of(&report(pts))).collect()
    }

    #[test]
    fn frames_keep_their_own_times() {
        assert_eq!(times(&[Some(50), Some(60), Some(60), Some(90)]), [0.0, 1.0, 1.0, 4.0]);
    }

    #[test]
    fn missing_stamps_and_joined_streams_go_on_evenly() {
        assert_eq!(times(&[None, Some(10), Some(20), None, Some(40)]), [0.0, 0.0, 1.0, 2.0, 3.0]);
        assert_eq!(times(&[Some(100), Some(110), Some(0), Some(10)]), [0.0, 1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_frame_ends_when_the_next_begins() {
        let mut clock = Clock::new(Some(25.0));
        let report = |pts| Report { pts: Some(pts), time_base: (1, 10), ..Report::default() };
        let first = clock.start_of(&report(0));
        assert_eq!(clock.end_of(first, None), 0.04);
        assert_eq!(clock.end_of(first, Some(&report(5))), 0.5);
        let second = clock.start_of(&report(5));
        assert_eq!(clock.end_of(second, None), 1.0);
    }
}
