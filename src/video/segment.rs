//! A part of a video.

use std::ops::Range;

use super::{FrameSource, Information, Sink};
use crate::tensor::{Error, Result};

/// Some frames of a video in a row, as a video of their own.
#[derive(Debug)]
pub struct Segment {
    source: Box<dyn FrameSource>,
    start: usize,
    information: Information,
}

impl Segment {
    /// The `frames` of `source`, as far as it has them.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) for a segment without frames.
    pub fn new(mut source: Box<dyn FrameSource>, frames: Range<usize>) -> Result<Self> {
        let total = source.frame_count()?;
        let end = frames.end.min(total);
        if frames.start >= end {
            return Err(Error::usage(format!(
                "there are no frames {} to {} in a video of {total} frames",
                frames.start, frames.end
            )));
        }
        let information = source.information();
        let description = format!("frames {} to {} of {}", frames.start, end - 1, information.description);
        let information = Information { frames: Some(end - frames.start), description, ..information.clone() };
        Ok(Self { source, start: frames.start, information })
    }

    /// The frames of `source` that are shown in `seconds`, for most of their time.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) where there are none, [`File`](crate::tensor::ErrorKind::File)
    /// for a source without times.
    pub fn from_seconds(mut source: Box<dyn FrameSource>, seconds: Range<f64>) -> Result<Self> {
        let times = source.times()?.ok_or_else(|| {
            Error::file(format!(
                "{} has no times, so a part of it cannot be found by them",
                source.information().description
            ))
        })?;
        let middle = |[start, end]: &[f64; 2]| (start + end) / 2.0;
        let before = |second: f64| times.partition_point(|shown| middle(shown) < second);
        let frames = before(seconds.start)..before(seconds.end);
        if frames.is_empty() {
            let end = times.last().map_or(0.0, |[_, end]| *end);
            return Err(Error::usage(format!(
                "no frame is shown from {} to {} seconds of a video of {end:.2} seconds",
                seconds.start, seconds.end
            )));
        }
        Self::new(source, frames)
    }
}

impl FrameSource for Segment {
    fn information(&self) -> &Information {
        &self.information
    }

    fn frame_count(&mut self) -> Result<usize> {
        Ok(self.information.frames.unwrap_or(0))
    }

    fn times(&mut self) -> Result<Option<Vec<[f64; 2]>>> {
        let own = self.start..self.start + self.information.frames.unwrap_or(0);
        Ok(self.source.times()?.and_then(|times| times.get(own).map(<[_]>::to_vec)))
    }

    fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        let shifted: Vec<usize> = indices.iter().map(|index| self.start.saturating_add(*index)).collect();
        self.source.visit(&shifted, sink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::{Frame, PixelFormat};

    /// Frames of one pixel, shown at times of their own.
    #[derive(Debug)]
    struct Timed(Vec<[f64; 2]>, Information);

    fn timed(times: &[[f64; 2]]) -> Box<dyn FrameSource> {
        let information = Information {
            height: 1,
            width: 1,
            frames: None,
            frames_per_second: None,
            format: PixelFormat::Rgb24,
            rotation: 0,
            turned: 0,
            complaint: None,
            description: "a test".to_owned(),
        };
        Box::new(Timed(times.to_vec(), information))
    }

    impl FrameSource for Timed {
        fn information(&self) -> &Information {
            &self.1
        }

        fn frame_count(&mut self) -> Result<usize> {
            Ok(self.0.len())
        }

        fn times(&mut self) -> Result<Option<Vec<[f64; 2]>>> {
            Ok((!self.0.is_empty()).then(|| self.0.clone()))
        }

        fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()> {
            for (position, &index) in indices.iter().enumerate() {
                let [start, end] = self.0[index];
                sink(position, &Frame::new(1, 1, PixelFormat::Rgb24, vec![index as u8; 3])?.shown_at(start, end))?;
            }
            Ok(())
        }
    }

    fn values(segment: &mut Segment) -> Vec<u8> {
        let indices: Vec<usize> = (0..segment.frame_count().unwrap()).collect();
        segment.read(&indices).unwrap().iter().map(|frame| frame.as_bytes()[0]).collect()
    }

    #[test]
    fn a_part_by_seconds_has_the_frames_shown_then() {
        // Two frames of a tenth of a second, then two of a second.
        let times = [[0.0, 0.1], [0.1, 0.2], [0.2, 1.2], [1.2, 2.2]];
        let of = |seconds| Segment::from_seconds(timed(&times), seconds).map(|mut segment| values(&mut segment));
        assert_eq!(of(0.0..0.2).unwrap(), [0, 1]);
        assert_eq!(of(0.12..1.0).unwrap(), [1, 2]);
        assert_eq!(of(0.9..9.0).unwrap(), [3]);
        assert!(of(3.0..4.0).unwrap_err().to_string().contains("of a video of 2.20 seconds"));
        assert!(Segment::from_seconds(timed(&[]), 0.0..1.0).is_err());
    }

    #[test]
    fn a_part_by_frames_ends_with_its_source() {
        let times = [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]];
        let mut segment = Segment::new(timed(&times), 1..9).unwrap();
        assert_eq!(values(&mut segment), [1, 2]);
        assert_eq!(segment.times().unwrap().unwrap(), times[1..]);
        assert!(Segment::new(timed(&times), 3..9).is_err());
    }
}
