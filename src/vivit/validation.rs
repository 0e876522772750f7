//! Which configurations make sense.

use super::{Classifier, Config, Encoder, EncoderSize, FrameSampling, Labelling, Tubelet};
use crate::kernels::attention::Qkv;
use crate::tensor::{Error, Result};

/// More layers than any model has; up to here all their tensors can be listed at once.
pub(crate) const MOST_LAYERS: usize = 4096;
/// More frames than any clip has; up to here they can be listed at once.
const MOST_FRAMES: usize = 1 << 24;
/// More elements than any device holds; up to here no product of sizes overflows.
pub(super) const MOST_ELEMENTS: u128 = 1 << 40;
/// More multiply-accumulates than any device finishes; up to here their sum fits 64 bits.
const MOST_WORK: u128 = 1 << 60;

impl Config {
    /// An error that names the first setting that makes no sense.
    pub fn validate(&self) -> Result<()> {
        self.validate_all().map_err(|error| error.within("invalid ViViT configuration"))
    }

    fn validate_all(&self) -> Result<()> {
        self.validate_sizes()?;
        self.validate_tokens()?;
        self.labelling.validate(self.classes)?;
        for (encoder, size) in self.encoders() {
            validate_encoder(encoder.title(), size, self.width)?;
        }
        self.model.definition().validate(self)?;
        if !(self.layer_norm_eps.is_finite() && self.layer_norm_eps > 0.0) {
            return Err(Error::usage(format!(
                "LayerNorm's eps is {}, but must be a small positive number such as 1e-6",
                self.layer_norm_eps
            )));
        }
        self.validate_extent()
    }

    fn validate_sizes(&self) -> Result<()> {
        at_least_one(&[
            ("number of frames", self.frames),
            ("number of pixel rows", self.rows),
            ("number of pixel columns", self.columns),
            ("number of colour planes", self.planes),
            ("tubelet's number of frames", self.tubelet.frames),
            ("tubelet's number of rows", self.tubelet.rows),
            ("tubelet's number of columns", self.tubelet.columns),
            ("model width", self.width),
            ("representation size", self.features()),
        ])?;
        if self.frames > MOST_FRAMES {
            return Err(Error::usage(format!(
                "the clip has {} frames, but may have at most {MOST_FRAMES}",
                self.frames
            )));
        }
        Ok(())
    }

    fn validate_tokens(&self) -> Result<()> {
        let axes = [
            ("frames", self.tubelet.frames, self.frames),
            ("rows", self.tubelet.rows, self.rows),
            ("columns", self.tubelet.columns, self.columns),
        ];
        if let Some((axis, tubelet, clip)) = axes.into_iter().find(|&(_, tubelet, clip)| tubelet > clip) {
            return Err(Error::usage(format!(
                "a tubelet of {tubelet} {axis} does not fit a clip of {clip}: there would be no token"
            )));
        }
        match self.frame_sampling {
            None => Ok(()),
            Some(FrameSampling { frames: 0, .. }) => Err(Error::usage("no frame of the clip is sampled")),
            Some(_) if self.tubelet.frames != 1 => Err(Error::usage(format!(
                "sampled frames are embedded one at a time, but the tubelet has {} frames",
                self.tubelet.frames
            ))),
            // The original stacks the frames: a patch would straddle two of them.
            Some(_) => match axes[1..].iter().find(|(_, patch, clip)| !clip.is_multiple_of(*patch)) {
                Some((axis, patch, clip)) => Err(Error::usage(format!(
                    "patches of {patch} {axis} do not divide frames of {clip}, as frame sampling wants"
                ))),
                None => Ok(()),
            },
        }
    }

    /// Rejects sizes whose products overflow. The clip comes first: it bounds the number of tokens.
    fn validate_extent(&self) -> Result<()> {
        let Tubelet { frames, rows, columns } = self.tubelet;
        let c = self.width;
        bounded("clip", &[self.frames, self.rows, self.columns, self.planes], MOST_ELEMENTS)?;
        bounded("tubelet projection", &[c, self.planes, frames, rows, columns], MOST_ELEMENTS)?;
        // A class token for each temporal index, as in Model 2, at most.
        let temporal = self.grid().temporal;
        let n = self.tokens() + temporal;
        bounded("position table", &[n, c], MOST_ELEMENTS)?;
        bounded("representation layer", &[c, self.features()], MOST_ELEMENTS)?;
        bounded("head", &[self.features(), self.classes], MOST_ELEMENTS)?;
        bounded("work of the tubelet projection", &[n, self.tubelet_values(), c], MOST_WORK)?;
        let work = |what: &str, n: usize, EncoderSize { layers, hidden, .. }| {
            bounded(what, &[layers, n, c, n.max(c).max(hidden), 8], MOST_WORK)
        };
        self.encoders().into_iter().try_for_each(|(encoder, size)| {
            let tokens = if encoder == Encoder::Temporal { temporal + 1 } else { n };
            work(&format!("work of the {}", encoder.title()), tokens, size)
        })
    }
}

impl Labelling {
    /// An error where K = `classes` logits cannot mean this: heads of other classes in all, two of one name, or more
    /// joint classes than can be numbered.
    pub fn validate(&self, classes: usize) -> Result<()> {
        let Self::Heads(heads) = self else { return Ok(()) };
        let together = heads.iter().try_fold(0usize, |sum, head| sum.checked_add(head.classes));
        if heads.is_empty() || heads.iter().any(|head| head.classes == 0) || together != Some(classes) {
            let parts: Vec<_> = heads.iter().map(|head| format!("{} {}", head.classes, head.name)).collect();
            return Err(Error::usage(format!(
                "the classes of the heads ({}) do not make up the model's {classes}",
                parts.join(", "),
            )));
        }
        if heads.iter().try_fold(1usize, |product, head| product.checked_mul(head.classes)).is_none() {
            let heads = heads.len();
            return Err(Error::usage(format!("{heads} heads have more joint classes than can be numbered")));
        }
        match heads.iter().enumerate().find(|(index, head)| heads[..*index].iter().any(|other| other.name == head.name))
        {
            Some((_, head)) => Err(Error::usage(format!("two heads are called {}", head.name))),
            None => Ok(()),
        }
    }
}

/// An error where an encoder of this size and `width` makes no sense.
fn validate_encoder(what: &str, size: EncoderSize, width: usize) -> Result<()> {
    let EncoderSize { layers, heads, hidden } = size;
    at_least_one(&[("number of layers", layers), ("number of heads", heads), ("MLP's hidden width", hidden)])
        .map_err(|error| error.within(what))?;
    if layers > MOST_LAYERS {
        return Err(Error::usage(format!(
            "{what}: the number of layers is {layers}, but must be at most {MOST_LAYERS}"
        )));
    }
    if !width.is_multiple_of(heads) {
        return Err(Error::usage(format!("{what}: {heads} heads do not divide a model width of {width}")));
    }
    if width / heads > Qkv::WIDEST {
        return Err(Error::usage(format!(
            "{what}: a model width of {width} in {heads} heads makes heads of {}, but at most {} is supported: use more \
             heads",
            width / heads,
            Qkv::WIDEST
        )));
    }
    bounded(what, &[layers, width, width.max(hidden), 4], MOST_ELEMENTS)
}

/// An error where `classifier` needs a class token or a first token, for a model that has neither.
pub(super) fn pooled_only(model: &str, classifier: Classifier) -> Result<()> {
    match classifier {
        Classifier::Token | Classifier::FirstToken => Err(Error::usage(format!(
            "{model} has no class token and no first token to classify by: its classifier is mean, max or sum"
        ))),
        Classifier::Mean | Classifier::Max | Classifier::Sum => Ok(()),
    }
}

fn at_least_one(sizes: &[(&str, usize)]) -> Result<()> {
    match sizes.iter().find(|&(_, size)| *size == 0) {
        Some((what, _)) => Err(Error::usage(format!("the {what} is 0, but must be at least 1"))),
        None => Ok(()),
    }
}

/// An error where the product of `sizes` is more than `most`.
pub(super) fn bounded(what: &str, sizes: &[usize], most: u128) -> Result<()> {
    let product = sizes.iter().fold(1u128, |product, &size| product.saturating_mul(size as u128));
    if product > most {
        return Err(Error::usage(format!("the {what} ({sizes:?} multiplied) is larger than any device can handle")));
    }
    Ok(())
}
