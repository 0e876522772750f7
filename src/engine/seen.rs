//! What a model sees of a clip, as pictures.

use super::Vivit;
use crate::gpu::Pending;
use crate::kernels::ClipLayout;
use crate::tensor::{Result, Tensor};
use crate::video::{Frame, PixelFormat, PreparedClip};
use crate::vivit::{Config, Request};

/// The frames of a clip that a model looks at, resized and cropped as it sees them.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct SeenFrames {
    /// RGB pictures, those of each temporal index adjacent, as many for each.
    pub frames: Vec<Frame>,
    /// The index of each in the clip.
    pub indices: Vec<usize>,
}

impl Vivit {
    /// The frames of a prepared clip that the model looks at: not those at its end that fill no tubelet, and with frame
    /// sampling only those that are sampled.
    ///
    /// An error for a clip of another size than the model's.
    ///
    /// ```no_run
    /// # fn shown(model: &tubelet::Vivit, clip: &tubelet::video::Clip) -> tubelet::Result<()> {
    /// let seen = model.seen_frames(&model.prepare(clip)?)?;
    /// for (frame, index) in seen.frames.iter().zip(&seen.indices) {
    ///     println!("frame {index}: {}×{} pixels", frame.width(), frame.height());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn seen_frames_async<'a>(&'a self, clip: &'a PreparedClip) -> Pending<'a, SeenFrames> {
        Pending::new(async move {
            super::check_video(self.config())?;
            self.check_prepared(clip, &Request::new(1, self.layout()))?;
            let indices = seen_indices(self.config());
            let values = clip.read(self.device()).await?;
            let frame = |index: &usize| self.picture(&values, *index);
            Ok(SeenFrames { frames: indices.iter().map(frame).collect::<Result<_>>()?, indices })
        })
    }

    /// One frame of a prepared clip, its values as bytes again.
    fn picture(&self, values: &Tensor, index: usize) -> Result<Frame> {
        let Config { rows, columns, planes, .. } = *self.config();
        let table = self.preprocessing().value_table();
        let byte = |plane: usize, value: f32| {
            let [black, white] = [table[plane][0], table[plane][255]];
            (255.0 * (value - black) / (white - black)).round() as u8
        };
        let pixels = rows * columns;
        let frame = &values.as_f32()?[index * pixels * planes..][..pixels * planes];
        let value = |pixel: usize, plane: usize| match self.layout() {
            ClipLayout::Btchw => frame[plane * pixels + pixel],
            ClipLayout::Bthwc => frame[pixel * planes + plane],
        };
        let at = |at: usize| byte(at % planes, value(at / planes, at % planes));
        Frame::new(rows, columns, PixelFormat::Rgb24, (0..pixels * planes).map(at).collect())
    }
}

/// The indices of the frames of a clip that become tokens.
fn seen_indices(config: &Config) -> Vec<usize> {
    match config.frame_sampling {
        Some(sampling) => sampling.indices(config.frames),
        None => (0..config.grid().temporal * config.tubelet.frames).collect(),
    }
}
