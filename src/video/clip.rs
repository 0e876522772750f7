//! The frames that a model sees.

use std::sync::Arc;

use super::{Frame, FrameSource, PixelFormat, Sampling};
use crate::tensor::{Error, Result};

/// Bytes of decoded frames that a clip may hold.
const MOST_BYTES: u64 = 8 << 30;

/// The decoded frames of one clip, in order; a frame that occurs several times is held once.
#[derive(Clone, Debug, PartialEq)]
pub struct Clip {
    frames: Vec<Arc<Frame>>,
    indices: Vec<usize>,
}

impl Clip {
    /// Decodes the first clip that `sampling` takes from `source`; `progress` is called with the index of each frame in
    /// the clip.
    pub fn read(source: &mut dyn FrameSource, sampling: &Sampling, progress: &mut dyn FnMut(usize)) -> Result<Self> {
        let first = |total| Ok(sampling.indices(total)?.into_iter().next().unwrap_or_default());
        let (frames, indices) = sampled(source, &first, progress)?;
        Self::new(frames, indices)
    }

    /// Decodes all clips that `sampling` takes from `source`, each frame once; `progress` is called with the
    /// index of each frame in all clips together.
    ///
    /// ```no_run
    /// # fn shown(source: &mut dyn tubelet::video::FrameSource) -> tubelet::Result<()> {
    /// use tubelet::video::{Clip, Sampling};
    ///
    /// let sampling = Sampling::Clips { frames: 32, stride: 2, clips: 4 };
    /// let clips = Clip::read_all(source, &sampling, &mut |index| println!("{index} of 128"))?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn read_all(
        source: &mut dyn FrameSource,
        sampling: &Sampling,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Vec<Self>> {
        let (frames, indices) = sampled(source, &|total| Ok(sampling.indices(total)?.concat()), progress)?;
        let parts = frames.chunks(sampling.frames()).zip(indices.chunks(sampling.frames()));
        parts.map(|(frames, indices)| Self::new(frames.to_vec(), indices.to_vec())).collect()
    }

    /// A clip of these frames; `indices` are those in the video. Frames may be of several sizes and formats where
    /// the video changes on its way.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use tubelet::video::{Clip, Frame, PixelFormat};
    ///
    /// let frame = Frame::new(90, 160, PixelFormat::Rgb24, vec![128; 90 * 160 * 3])?;
    /// let clip = Clip::new(vec![Arc::new(frame); 16], (0..16).collect())?;
    /// assert_eq!(clip.indices()[15], 15);
    /// # Ok::<(), tubelet::Error>(())
    /// ```
    pub fn new(frames: Vec<Arc<Frame>>, indices: Vec<usize>) -> Result<Self> {
        if frames.is_empty() {
            return Err(Error::usage("a clip must have at least one frame"));
        }
        if frames.len() != indices.len() {
            return Err(Error::usage(format!(
                "{} frames are given with {} indices; each frame needs one",
                frames.len(),
                indices.len()
            )));
        }
        Ok(Self { frames, indices })
    }

    /// A clip of frames that an application has already, as bytes of red, green and blue: `[F, Y, X, 3]` for `size` `[Y, X]`.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) where a side is 0, or where `rgb` is not one or more whole frames.
    ///
    /// ```
    /// let grey = vec![128; 16 * 90 * 160 * 3];
    /// let clip = tubelet::video::Clip::from_rgb(&grey, [90, 160])?;
    /// assert_eq!(clip.frames().len(), 16);
    /// # Ok::<(), tubelet::Error>(())
    /// ```
    pub fn from_rgb(rgb: &[u8], size: [usize; 2]) -> Result<Self> {
        let [height, width] = size;
        let bytes = height.checked_mul(width).and_then(|pixels| pixels.checked_mul(3)).filter(|bytes| *bytes > 0);
        match bytes {
            Some(bytes) if !rgb.is_empty() && rgb.len().is_multiple_of(bytes) => {
                let frame = |rgb: &[u8]| Frame::new(height, width, PixelFormat::Rgb24, rgb.to_vec()).map(Arc::new);
                let frames: Vec<_> = rgb.chunks_exact(bytes).map(frame).collect::<Result<_>>()?;
                let indices = (0..frames.len()).collect();
                Self::new(frames, indices)
            }
            _ => Err(Error::usage(format!(
                "{} bytes are not whole RGB frames of {height}x{width} pixels (height x width)",
                rgb.len()
            ))),
        }
    }

    /// The clip in parts in which all frames are of one size and format.
    pub(super) fn uniform_parts(&self) -> impl Iterator<Item = Self> + '_ {
        let kind = |frame: &Frame| (frame.height(), frame.width(), frame.format());
        let mut start = 0;
        self.frames.chunk_by(move |a, b| kind(a) == kind(b)).map(move |frames| {
            let indices = &self.indices[start..start + frames.len()];
            start += frames.len();
            Self { frames: frames.to_vec(), indices: indices.to_vec() }
        })
    }

    /// The frames, in order.
    pub fn frames(&self) -> &[Arc<Frame>] {
        &self.frames
    }

    /// The index of each frame in the video.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }
}

/// The frames at the indices that `choose` takes for the source's number of frames. A source that learns another number
/// only while it decodes is read again.
fn sampled(
    source: &mut dyn FrameSource,
    choose: &dyn Fn(usize) -> Result<Vec<usize>>,
    progress: &mut dyn FnMut(usize),
) -> Result<(Vec<Arc<Frame>>, Vec<usize>)> {
    let total = source.frame_count()?;
    let indices = choose(total)?;
    let outcome = decoded(source, &indices, progress);
    match source.frame_count()? {
        found if found != total => {
            let indices = choose(found)?;
            Ok((decoded(source, &indices, progress)?, indices))
        }
        _ => Ok((outcome?, indices)),
    }
}

fn decoded(
    source: &mut dyn FrameSource,
    indices: &[usize],
    progress: &mut dyn FnMut(usize),
) -> Result<Vec<Arc<Frame>>> {
    let mut frames: Vec<Option<Arc<Frame>>> = vec![None; indices.len()];
    let mut last: Option<(usize, Arc<Frame>)> = None;
    let mut bytes = 0;
    source.visit(indices, &mut |position, frame| {
        let shared = match &last {
            Some((index, shared)) if *index == indices[position] => shared.clone(),
            _ => {
                bytes += frame.as_bytes().len() as u64;
                if bytes > MOST_BYTES {
                    let (width, height) = (frame.width(), frame.height());
                    return Err(Error::usage(format!(
                        "a clip of {} frames of {width}x{height} pixels takes more than {} GiB to decode; ask for fewer \
                         frames",
                        indices.len(),
                        MOST_BYTES >> 30
                    )));
                }
                Arc::new(frame.clone())
            }
        };
        frames[position] = Some(shared.clone());
        last = Some((indices[position], shared));
        progress(position);
        Ok(())
    })?;
    let frames: Vec<_> = frames.into_iter().flatten().collect();
    match indices.len() - frames.len() {
        0 => Ok(frames),
        missing => Err(Error::file(format!("{missing} of {} frames could not be read", indices.len()))),
    }
}

impl dyn FrameSource + '_ {
    /// Decodes the first clip that `sampling` takes.
    pub fn clip(&mut self, sampling: &Sampling) -> Result<Clip> {
        Clip::read(self, sampling, &mut |_| ())
    }

    /// Decodes all clips that `sampling` takes, each frame once.
    pub fn clips(&mut self, sampling: &Sampling) -> Result<Vec<Clip>> {
        Clip::read_all(self, sampling, &mut |_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_an_application_are_a_clip() {
        let bytes: Vec<u8> = (0..2 * 3 * 5 * 3).map(|byte| byte as u8).collect();
        let clip = Clip::from_rgb(&bytes, [3, 5]).unwrap();
        assert_eq!((clip.frames().len(), clip.indices()), (2, &[0, 1][..]));
        let frame = &clip.frames()[1];
        assert_eq!((frame.height(), frame.width(), frame.as_bytes()), (3, 5, &bytes[45..]));
        for (bytes, size) in [(&bytes[1..], [3, 5]), (&[][..], [3, 5]), (&bytes, [0, 5]), (&bytes, [usize::MAX, 2])] {
            assert!(Clip::from_rgb(bytes, size).is_err(), "{size:?}");
        }
    }

    #[test]
    fn a_clip_of_several_sizes_has_uniform_parts() {
        let frame = |width| Arc::new(Frame::new(2, width, PixelFormat::Rgb24, vec![0; 6 * width]).unwrap());
        let clip = Clip::new([4, 4, 6, 4].map(frame).to_vec(), vec![0, 2, 4, 6]).unwrap();
        let parts: Vec<_> = clip.uniform_parts().map(|part| part.indices().to_vec()).collect();
        assert_eq!(parts, [vec![0, 2], vec![4], vec![6]]);
    }
}
