//! From a recipe to the numbers for one clip, and from these to its values.

use serde::{Deserialize, Serialize};

use super::colour_jitter::to_grey;
use super::frames::clip_of_values;
use super::place::{jittered, placed};
use super::{Augmentation, Distortion, DrawnColour, Draws, Purpose};
use crate::kernels::ClipLayout;
use crate::tensor::{Error, Result, Tensor};
use crate::video::{Clip, Preprocessing, Resampling, Resize, Sampling, Values};

/// What was drawn for one clip. It can be written down, and makes the same values of the same frames.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct DrawnAugmentation {
    /// The size [Y, X] that frames are brought to first.
    pub resized: [usize; 2],
    /// The size [Y, X] after scaling, where they are scaled.
    pub jittered: Option<[usize; 2]>,
    /// The first row and column that the model sees.
    pub offset: [usize; 2],
    /// Whether the clip is mirrored.
    pub flipped: bool,
    /// The operations of RandAugment.
    pub distortions: Vec<Distortion>,
    /// How colours are changed, where they are.
    pub colour: Option<DrawnColour>,
    /// Whether it loses its colours.
    pub grey: bool,
}

impl Augmentation {
    /// Number of frames that a clip of a video of `total` frames may begin with: max(R − (frames − 1)·stride, 1).
    pub fn first_frames(&self, total: usize) -> usize {
        let span = self.frames.saturating_sub(1).saturating_mul(self.stride);
        total.saturating_sub(span).max(1)
    }

    /// The frames of clip `number` of an epoch, from a video of `total` frames; a short one is repeated.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) where [`validate`](Self::validate) has one.
    pub fn sampling(&self, total: usize, draws: &Draws, number: u64) -> Result<Sampling> {
        self.validate()?;
        let start = draws.stream(number, Purpose::Frames).below(self.first_frames(total));
        Ok(Sampling::From { frames: self.frames, stride: self.stride, start })
    }

    /// Draws for clip `number` of an epoch, whose first frame has `size` = [Y, X] pixels.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) where [`validate`](Self::validate) has one, and for frames so long and
    /// narrow that they cannot be resized.
    pub fn draw(&self, size: [usize; 2], draws: &Draws, number: u64) -> Result<DrawnAugmentation> {
        self.validate()?;
        let stream = |purpose| draws.stream(number, purpose);
        let resized = self.resized(size)?;
        let jittered = self.scale_jitter.and_then(|jitter| {
            let mut random = stream(Purpose::Scale);
            let scales = [(); 2].map(|()| random.between(jitter.least, jitter.most) as f32);
            random.chance(jitter.probability).then(|| jittered(resized, scales))
        });
        let (full, mut random) = (jittered.unwrap_or(resized), stream(Purpose::Crop));
        let offset = [0, 1].map(|axis| random.below((full[axis] + 1).saturating_sub(self.crop[axis])));
        let distortions = self.rand_augment.map(|rand| rand.draw(self.crop, &mut stream(Purpose::Distortions)));
        let colours = self.colour_jitter.map(|jitter| jitter.draw(&mut stream(Purpose::Colour)));
        let (colour, grey) = colours.unwrap_or_default();
        Ok(DrawnAugmentation {
            resized,
            jittered,
            offset,
            flipped: stream(Purpose::Flip).chance(self.flip),
            distortions: distortions.unwrap_or_default(),
            colour,
            grey,
        })
    }

    /// The size [Y, X] of a frame after its shorter side was brought to `short_edge`.
    pub(super) fn resized(&self, size: [usize; 2]) -> Result<[usize; 2]> {
        let resize = Some(Resize::ShortEdge(self.short_edge));
        let values = Values::ZERO_CENTRED;
        Preprocessing::new(resize, None, Resampling::TensorFlowBilinear, values)?.resized_size(size)
    }

    /// A clip as a batch of one for the model, f32, changed as was drawn.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) where [`validate`](Self::validate) has one, where the drawn crop does
    /// not lie within the drawn size, and where operations were drawn of which the recipe has none.
    pub fn apply(&self, drawn: &DrawnAugmentation, clip: &Clip, layout: ClipLayout) -> Result<Tensor> {
        self.validate()?;
        let mut frames = placed(clip, drawn, self.crop)?;
        for distortion in &drawn.distortions {
            let Some(rand) = &self.rand_augment else {
                return Err(Error::usage("operations of RandAugment were drawn, but the augmentation has none"));
            };
            rand.distort(&mut frames, *distortion);
        }
        let mut values = frames.values(self.zero_centred);
        if let Some(colour) = &drawn.colour {
            colour.change(&mut values, self.crop[0] * self.crop[1], self.zero_centred);
        }
        if drawn.grey {
            to_grey(&mut values);
        }
        clip_of_values(values, self.crop, layout)
    }

    /// The share of the first clip of each pair in batch `number` of an epoch, for [`mixup`](super::mixup); `None` where
    /// clips are not mixed.
    ///
    /// # Errors
    ///
    /// [`Usage`](crate::tensor::ErrorKind::Usage) for an α that is not a positive number.
    pub fn mixup_share(&self, draws: &Draws, number: u64) -> Result<Option<f32>> {
        let share = |alpha| draws.stream(number, Purpose::Mixup).beta(alpha);
        Ok(self.mixup.map(share).transpose()?.map(|share| share as f32))
    }
}
