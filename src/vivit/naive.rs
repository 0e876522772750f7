//! The models in plain loops of f64, written from the formulas a second time.
//!
//! Nothing here comes from the graph, the kernels or their references: [`forward`] is an independent check on
//! them. What tokens attend to one another is a relation between their places in the clip, not strides; a clip is
//! computed by itself; every attention looks at every pair of tokens. That is slow, so it is for small models.

mod layers;

use std::collections::BTreeMap;

pub(super) use layers::{Place, Sequence, Sight};

use super::{Classifier, Config, Encoder, FrameMask, FrameSampling, Parameters, Tubelet, TubeletRule};
use crate::kernels::ClipLayout;
use crate::tensor::{Error, Result, Tensor};

/// Computes a batch of `clips`, `[B, F, P, Y, X]` or `[B, F, Y, X, P]` by `layout`, masked by `mask`.
///
/// The result holds values by the names that they have in the graph of [`record`](super::record), rounded to f32:
/// `patch_embeddings`, each encoder's `embeddings`, `hidden_state.1` and so on, and `sequence_output`, then `pooled`
/// and, where the model has them, `frame_representation`, `pre_logits_input`, `pre_logits` and `logits`.
///
/// ```
/// use tubelet::checkpoint::untrained;
/// use tubelet::kernels::ClipLayout;
/// use tubelet::tensor::{Element, Tensor};
/// use tubelet::vivit::{Config, FrameMask, Request, Tubelet, clip_shape, naive};
///
/// let tubelet = Tubelet { frames: 2, rows: 8, columns: 8 };
/// let config = Config::named("vit-ti")?.frames(4).rows(16).columns(16).tubelet(tubelet).layers(1).classes(5);
/// let clips = Tensor::zeros(clip_shape(&config, &Request::new(1, ClipLayout::Btchw)), Element::F32);
/// let parameters = untrained(config.clone(), 0)?.parameters;
/// let found = naive::forward(&config, &*parameters, &clips, ClipLayout::Btchw, &FrameMask::new())?;
/// assert_eq!(found["logits"].shape().axes(), [1, 5]);
/// # Ok::<(), tubelet::Error>(())
/// ```
///
/// # Errors
///
/// A configuration that [`Config::validate`] refuses, clips or a mask of another size, a clip without a valid tubelet,
/// and parameters that are missing or of another size.
pub fn forward(
    config: &Config,
    parameters: &dyn Parameters,
    clips: &Tensor,
    layout: ClipLayout,
    mask: &FrameMask,
) -> Result<BTreeMap<String, Tensor>> {
    config.validate()?;
    let pixels = Pixels::of(config, clips, layout)?;
    let frames = frames_of_times(config);
    let mut naive = Naive { config, parameters, mask, valid: Vec::new(), values: BTreeMap::new() };
    for clip in 0..pixels.clips {
        naive.valid = valid_times(config, mask, &frames, [clip, pixels.clips])?;
        let patches = naive.patch_embeddings(&pixels, clip, &frames)?;
        let pooled = config.model.definition().encode_naively(&mut naive, patches)?;
        naive.head(pooled)?;
    }
    naive.values.into_iter().map(|(name, Kept { axes, values })| Ok((name, Tensor::f32(axes, values)?))).collect()
}

/// A forward pass, one clip at a time.
pub(super) struct Naive<'a> {
    pub config: &'a Config,
    parameters: &'a dyn Parameters,
    mask: &'a FrameMask,
    /// Which temporal indices of the clip are valid.
    valid: Vec<bool>,
    values: BTreeMap<String, Kept>,
}

/// A value to return, as far as it is computed; each part makes its first axis longer by one.
struct Kept {
    axes: Vec<usize>,
    values: Vec<f32>,
}

/// The values of a batch of clips.
struct Pixels<'a> {
    config: &'a Config,
    layout: ClipLayout,
    clips: usize,
    values: &'a [f32],
}

impl<'a> Pixels<'a> {
    fn of(config: &'a Config, clips: &'a Tensor, layout: ClipLayout) -> Result<Self> {
        let Config { frames, rows, columns, planes, .. } = *config;
        let one = match layout {
            ClipLayout::Btchw => [frames, planes, rows, columns],
            ClipLayout::Bthwc => [frames, rows, columns, planes],
        };
        match clips.shape().axes() {
            [clips_given, clip @ ..] if *clips_given > 0 && *clip == one => {
                Ok(Self { config, layout, clips: *clips_given, values: clips.as_f32()? })
            }
            _ => Err(Error::usage(format!("the model takes clips of shape {one:?}, these are {}", clips.shape()))),
        }
    }

    /// The values behind a token, in the order of the kernel's axes: plane, frame, row, column.
    fn of_tubelet(&self, clip: usize, frames: &[usize], [row, column]: [usize; 2]) -> Vec<f64> {
        let Tubelet { rows: high, columns: wide, .. } = self.config.tubelet;
        let mut values = Vec::new();
        for plane in 0..self.config.planes {
            for &frame in frames {
                for y in row * high..(row + 1) * high {
                    for x in column * wide..(column + 1) * wide {
                        values.push(self.at(clip, frame, [y, x], plane));
                    }
                }
            }
        }
        values
    }

    fn at(&self, clip: usize, frame: usize, [row, column]: [usize; 2], plane: usize) -> f64 {
        let Config { frames, rows, columns, planes, .. } = *self.config;
        let frame = clip * frames + frame;
        let offset = match self.layout {
            ClipLayout::Btchw => ((frame * planes + plane) * rows + row) * columns + column,
            ClipLayout::Bthwc => ((frame * rows + row) * columns + column) * planes + plane,
        };
        f64::from(self.values[offset])
    }
}

/// The frames behind each temporal index: those of a tubelet, or a sampled one (spec §1.3 and §1.4).
fn frames_of_times(config: &Config) -> Vec<Vec<usize>> {
    let frames = config.frames;
    let Some(FrameSampling { frames: wanted, arange_quirk }) = config.frame_sampling else {
        let tubelet = config.tubelet.frames;
        return (0..frames / tubelet).map(|time| (time * tubelet..(time + 1) * tubelet).collect()).collect();
    };
    let spacing = frames as f64 / (wanted as f64 + 1.0);
    let (start, step) = if wanted < frames { (spacing, spacing) } else { (0.0, 1.0) };
    let mut times = Vec::new();
    // In whole steps, since sums of them would round otherwise than the original's.
    while (times.len() as f64) < (frames as f64 - start) / step && (arange_quirk || times.len() < wanted) {
        let frame = start + times.len() as f64 * step;
        times.push(vec![(frame.round_ties_even() as usize).min(frames - 1)]);
    }
    times
}

/// Which temporal indices of a clip of the batch are valid (spec §4.2).
fn valid_times(
    config: &Config,
    mask: &FrameMask,
    frames: &[Vec<usize>],
    [clip, clips]: [usize; 2],
) -> Result<Vec<bool>> {
    let Some(valid) = &mask.valid else { return Ok(vec![true; frames.len()]) };
    if valid.len() != clips * config.frames {
        return Err(Error::usage(format!(
            "the mask is for {} frames, but {clips} clips have {}",
            valid.len(),
            clips * config.frames
        )));
    }
    let is_valid = |frame: &usize| valid[clip * config.frames + frame];
    let tubelet = |frames: &Vec<usize>| match mask.tubelets {
        TubeletRule::All => frames.iter().all(is_valid),
        TubeletRule::Any => frames.iter().any(is_valid),
    };
    let times: Vec<bool> = frames.iter().map(tubelet).collect();
    if !times.contains(&true) {
        return Err(Error::usage(format!("clip {clip} has no valid tubelet: nothing of it would be seen")));
    }
    Ok(times)
}

impl Naive<'_> {
    /// One token a tubelet, time slowest, then row, then column (spec §1.3).
    fn patch_embeddings(&mut self, pixels: &Pixels<'_>, clip: usize, frames: &[Vec<usize>]) -> Result<Sequence> {
        let Config { rows, columns, width, tubelet, .. } = *self.config;
        let mut patches = Sequence::default();
        for (time, frames) in frames.iter().enumerate() {
            for row in 0..rows / tubelet.rows {
                for column in 0..columns / tubelet.columns {
                    let place = Place { time: Some(time), position: Some([row, column]) };
                    patches.push(place, pixels.of_tubelet(clip, frames, [row, column]));
                }
            }
        }
        patches.x = self.dense("embedding", &patches.x, width, true)?;
        self.keep("patch_embeddings", &[patches.x.len(), width], patches.x.concat());
        Ok(patches)
    }

    /// `tokens` behind the class token called `name`, where the model has one.
    fn with_class_token(&self, name: &str, tokens: Sequence) -> Result<Sequence> {
        if self.config.classifier != Classifier::Token {
            return Ok(tokens);
        }
        let mut sequence = Sequence::default();
        sequence.push(Place::NOWHERE, self.parameter(name, self.config.width)?);
        for (place, x) in tokens.places.into_iter().zip(tokens.x) {
            sequence.push(place, x);
        }
        Ok(sequence)
    }

    /// An encoder: class token, positions, `layers` times `block` with its index and the path of its parameters, LayerNorm.
    pub(super) fn encoder(
        &mut self,
        encoder: Encoder,
        layers: usize,
        tokens: Sequence,
        block: impl Fn(&Self, usize, &str, &mut Sequence) -> Result<()>,
    ) -> Result<Sequence> {
        let width = self.config.width;
        let path = encoder.path();
        let mut tokens = self.with_class_token(encoder.class_token(), tokens)?;
        let shape = [tokens.x.len(), width];
        let positions = self.parameter(&format!("{path}.posembed_input.pos_embedding"), tokens.x.len() * width)?;
        for (token, position) in tokens.x.iter_mut().zip(positions.chunks(width)) {
            layers::add(token, position);
        }
        self.keep(&encoder.value("embeddings"), &shape, tokens.x.concat());
        for layer in 0..layers {
            block(self, layer, &format!("{path}.encoderblock_{layer}"), &mut tokens)?;
            self.keep(&encoder.value(&format!("hidden_state.{}", layer + 1)), &shape, tokens.x.concat());
        }
        tokens.x = self.layer_norm(&format!("{path}.encoder_norm"), &tokens.x)?;
        self.keep(&encoder.value("sequence_output"), &shape, tokens.x.concat());
        Ok(tokens)
    }

    /// Whether a query sees a key in sequences that run through time (the table of spec §4.2).
    pub(super) fn through_time(&self, query: Place, key: Place) -> Sight {
        let in_order = match (query.time, key.time) {
            (None, _) => true,
            (Some(_), None) => !self.mask.causal,
            (Some(now), Some(then)) => then <= now || !self.mask.causal,
        };
        if in_order && self.is_valid(key) { Sight::Seen } else { Sight::Hidden }
    }

    /// The same in sequences of one position each.
    pub(super) fn over_time(&self, query: Place, key: Place) -> Sight {
        if query.position == key.position { self.through_time(query, key) } else { Sight::Outside }
    }

    /// Whether a query sees a key in sequences of one temporal index each.
    pub(super) fn over_space(&self, query: Place, key: Place) -> Sight {
        if query.time == key.time { Sight::Seen } else { Sight::Outside }
    }

    /// Whether a token at `place` counts.
    pub(super) fn is_valid(&self, place: Place) -> bool {
        place.time.is_none_or(|time| self.valid[time])
    }

    /// The representation layer and the head, where the model has them.
    fn head(&mut self, pooled: Vec<f64>) -> Result<()> {
        let Config { width, classes, representation_size, .. } = *self.config;
        self.keep("pooled", &[width], pooled.clone());
        let mut features = vec![pooled];
        if let Some(size) = representation_size {
            features = self.dense("pre_logits", &features, size, true)?;
            self.keep("pre_logits_input", &[size], features.concat());
            features[0].iter_mut().for_each(|feature| *feature = feature.tanh());
            self.keep("pre_logits", &[size], features.concat());
        }
        if classes > 0 {
            let logits = self.dense("output_projection", &features, classes, true)?;
            self.keep("logits", &[classes], logits.concat());
        }
        Ok(())
    }

    /// Keeps a part of the value called `name`; the part has the shape `axes`.
    pub(super) fn keep(&mut self, name: &str, axes: &[usize], part: Vec<f64>) {
        let none = || Kept { axes: [&[0], axes].concat(), values: Vec::new() };
        let kept = self.values.entry(name.to_owned()).or_insert_with(none);
        kept.axes[0] += 1;
        kept.values.extend(part.into_iter().map(|value| value as f32));
    }

    /// The learned tensor called `name`; an error where it has another number of elements.
    fn parameter(&self, name: &str, elements: usize) -> Result<Vec<f64>> {
        let tensor = self.parameters.tensor(name)?;
        match tensor.as_f32()? {
            values if values.len() == elements => Ok(values.iter().copied().map(f64::from).collect()),
            values => Err(Error::usage(format!("{name} has {} elements, but {elements} are wanted", values.len()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled(wanted: usize, frames: usize, arange_quirk: bool) -> Vec<usize> {
        let tubelet = Tubelet { frames: 1, rows: 16, columns: 16 };
        let frame_sampling = Some(FrameSampling { frames: wanted, arange_quirk });
        let config = Config { frames, tubelet, frame_sampling, ..Config::named("vit-ti").unwrap() };
        frames_of_times(&config).concat()
    }

    #[test]
    fn frames_are_sampled_as_in_the_original() {
        assert_eq!(sampled(8, 32, false), [4, 7, 11, 14, 18, 21, 25, 28]);
        assert_eq!(sampled(4, 32, false), [6, 13, 19, 26]);
        assert_eq!(sampled(16, 32, false), [2, 4, 6, 8, 9, 11, 13, 15, 17, 19, 21, 23, 24, 26, 28, 30]);
        assert_eq!(sampled(8, 30, false), [3, 7, 10, 13, 17, 20, 23, 27]);
        assert_eq!(sampled(2, 4, true), [1, 3, 3]);
        assert_eq!(sampled(2, 8, true), [3, 5, 7]);
        assert_eq!(sampled(6, 12, true), [2, 3, 5, 7, 9, 10, 11]);
        assert_eq!(sampled(9, 5, false), [0, 1, 2, 3, 4]);
    }

    #[test]
    fn frames_are_sampled_as_by_the_configuration() {
        for frames in 1..70 {
            for wanted in 1..frames + 2 {
                for arange_quirk in [false, true] {
                    let expected = FrameSampling { frames: wanted, arange_quirk }.indices(frames);
                    assert_eq!(sampled(wanted, frames, arange_quirk), expected, "{wanted} of {frames}, {arange_quirk}");
                }
            }
        }
    }

    #[test]
    fn frames_that_fill_no_tubelet_are_behind_none() {
        let tubelet = Tubelet { frames: 3, rows: 16, columns: 16 };
        let config = Config { frames: 8, tubelet, ..Config::named("vit-ti").unwrap() };
        assert_eq!(frames_of_times(&config), [[0, 1, 2], [3, 4, 5]]);
    }
}
