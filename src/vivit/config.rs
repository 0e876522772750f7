//! What decides a ViViT model's arithmetic.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Classifier, Encoder, EncoderSize, FrameSampling, Gelu, Labelling, Model, Tubelet};

/// The tokens of a clip: time slowest, then row, then column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Grid {
    /// T, temporal indices.
    pub temporal: usize,
    /// Rows of tokens.
    pub rows: usize,
    /// Columns of tokens.
    pub columns: usize,
}

impl Grid {
    /// S, spatial positions at one temporal index.
    pub fn spatial(self) -> usize {
        self.rows * self.columns
    }

    /// T·S, the tokens of one clip without a class token.
    pub fn tokens(self) -> usize {
        self.temporal * self.spatial()
    }
}

/// Everything that decides a ViViT model's arithmetic.
///
/// Start from [`Config::named`] or a checkpoint, change what differs, then call [`Config::validate`]: the methods that count
/// or record rely on a valid configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// How tokens attend to each other.
    pub model: Model,
    /// F, frames of a clip.
    pub frames: usize,
    /// Y, rows of pixels of a frame.
    pub rows: usize,
    /// X, columns of pixels of a frame.
    pub columns: usize,
    /// P, colour planes of a frame: 3 for RGB.
    pub planes: usize,
    /// The block of pixels behind one token. Pixels at the end of an axis that fill no tubelet are ignored.
    /// One frame with [`Config::frame_sampling`].
    pub tubelet: Tubelet,
    /// Where set, tokens are patches of some frames of the clip instead of tubelets of all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub frame_sampling: Option<FrameSampling>,
    /// C, model width: the length of a token's vector.
    pub width: usize,
    /// Encoder blocks; of the spatial encoder in Model 2, whose temporal one has sizes of its own.
    pub layers: usize,
    /// H, attention heads; each is [`Config::head_width`] = C/H wide.
    pub heads: usize,
    /// M, hidden width of the MLP.
    pub hidden: usize,
    /// K, classes; 0 for a model without a classification head, which gives features alone.
    pub classes: usize,
    /// What the logits mean.
    #[serde(default)]
    pub labelling: Labelling,
    /// How the encoder's output becomes one vector a clip.
    pub classifier: Classifier,
    /// What LayerNorm adds to the variance.
    pub layer_norm_eps: f32,
    /// Which form of GELU the MLP uses.
    pub gelu: Gelu,
    /// Whether the query, key and value projections have a bias.
    pub qkv_bias: bool,
    /// Width of the dense layer with tanh between pooling and the head, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub representation_size: Option<usize>,
}

impl Config {
    /// How tokens attend to each other. [`Config::as_model`] sets the classifier that is usual for it too.
    #[must_use]
    pub fn model(self, model: Model) -> Self {
        Self { model, ..self }
    }

    /// F, frames of a clip.
    #[must_use]
    pub fn frames(self, frames: usize) -> Self {
        Self { frames, ..self }
    }

    /// Y, rows of pixels of a frame.
    #[must_use]
    pub fn rows(self, rows: usize) -> Self {
        Self { rows, ..self }
    }

    /// X, columns of pixels of a frame.
    #[must_use]
    pub fn columns(self, columns: usize) -> Self {
        Self { columns, ..self }
    }

    /// P, colour planes of a frame.
    #[must_use]
    pub fn planes(self, planes: usize) -> Self {
        Self { planes, ..self }
    }

    /// The block of pixels behind one token.
    #[must_use]
    pub fn tubelet(self, tubelet: Tubelet) -> Self {
        Self { tubelet, ..self }
    }

    /// Tokens are patches of some frames of the clip; `None` for tubelets of all.
    #[must_use]
    pub fn frame_sampling(self, frame_sampling: impl Into<Option<FrameSampling>>) -> Self {
        Self { frame_sampling: frame_sampling.into(), ..self }
    }

    /// C, model width.
    #[must_use]
    pub fn width(self, width: usize) -> Self {
        Self { width, ..self }
    }

    /// Encoder blocks; of the spatial encoder in Model 2.
    #[must_use]
    pub fn layers(self, layers: usize) -> Self {
        Self { layers, ..self }
    }

    /// H, attention heads.
    #[must_use]
    pub fn heads(self, heads: usize) -> Self {
        Self { heads, ..self }
    }

    /// M, hidden width of the MLP.
    #[must_use]
    pub fn hidden(self, hidden: usize) -> Self {
        Self { hidden, ..self }
    }

    /// K, classes; 0 for a model without a classification head.
    #[must_use]
    pub fn classes(self, classes: usize) -> Self {
        Self { classes, ..self }
    }

    /// What the logits mean.
    #[must_use]
    pub fn labelling(self, labelling: Labelling) -> Self {
        Self { labelling, ..self }
    }

    /// How the encoder's output becomes one vector a clip.
    #[must_use]
    pub fn classifier(self, classifier: Classifier) -> Self {
        Self { classifier, ..self }
    }

    /// What LayerNorm adds to the variance.
    #[must_use]
    pub fn layer_norm_eps(self, layer_norm_eps: f32) -> Self {
        Self { layer_norm_eps, ..self }
    }

    /// Which form of GELU the MLP uses.
    #[must_use]
    pub fn gelu(self, gelu: Gelu) -> Self {
        Self { gelu, ..self }
    }

    /// Whether the query, key and value projections have a bias.
    #[must_use]
    pub fn qkv_bias(self, qkv_bias: bool) -> Self {
        Self { qkv_bias, ..self }
    }

    /// Width of the dense layer with tanh between pooling and the head; `None` for none.
    #[must_use]
    pub fn representation_size(self, representation_size: impl Into<Option<usize>>) -> Self {
        Self { representation_size: representation_size.into(), ..self }
    }

    /// The tokens of a clip: whole tubelets along each axis.
    pub fn grid(&self) -> Grid {
        let temporal = match self.frame_sampling {
            Some(sampling) => sampling.indices(self.frames).len(),
            None => self.frames / self.tubelet.frames,
        };
        Grid { temporal, rows: self.rows / self.tubelet.rows, columns: self.columns / self.tubelet.columns }
    }

    /// T·S, the tokens of one clip without a class token.
    pub fn tokens(&self) -> usize {
        self.grid().tokens()
    }

    /// Whether a learned class token is put before the others.
    pub fn class_token(&self) -> bool {
        self.classifier == Classifier::Token
    }

    /// The size of the encoder, in Model 2 of the spatial one.
    pub fn encoder(&self) -> EncoderSize {
        EncoderSize { layers: self.layers, heads: self.heads, hidden: self.hidden }
    }

    /// N, the tokens of one clip with its class token: the sequence of Model 1.
    pub fn sequence(&self) -> usize {
        self.tokens() + usize::from(self.class_token())
    }

    /// D = C/H, the width of one attention head.
    pub fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// P·t·h·w, the pixel values behind one token.
    pub fn tubelet_values(&self) -> usize {
        self.planes * self.tubelet.frames * self.tubelet.rows * self.tubelet.columns
    }

    /// The vector that a clip becomes before the head: [`Config::representation_size`], else C.
    pub fn features(&self) -> usize {
        self.representation_size.unwrap_or(self.width)
    }

    /// The model's encoders with their sizes, in the order in which they follow one another.
    pub fn encoders(&self) -> Vec<(Encoder, EncoderSize)> {
        self.model.definition().encoders(self)
    }
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tubelet { frames, rows, columns } = self.tubelet;
        write!(
            f,
            "ViViT {} with {} of width {} and {} head{}, {} of {frames}×{rows}×{columns} in clips of {}×{}×{}×{}",
            self.model,
            self.model.definition().layers(self),
            self.width,
            self.heads,
            plural(self.heads, "s"),
            self.frame_sampling
                .map_or("tubelets".to_owned(), |sampling| format!("{} frames in tubelets", sampling.frames)),
            self.frames,
            self.rows,
            self.columns,
            self.planes
        )?;
        match self.classes {
            0 => f.write_str(", no head"),
            classes => write!(f, ", {classes} class{}", plural(classes, "es")),
        }
    }
}

/// The `ending` of a noun's plural; nothing for one.
pub(super) fn plural(number: usize, ending: &str) -> &str {
    if number == 1 { "" } else { ending }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vivit::{FactorisedDotProduct, FactorisedEncoder, FactorisedSelfAttention, LabelHead, Temporal};

    fn base() -> Config {
        Config::named("vit-b").unwrap()
    }

    #[test]
    fn remainders_of_a_clip_make_no_token() {
        let tubelet = Tubelet { frames: 3, rows: 5, columns: 7 };
        let config = Config { frames: 10, rows: 23, columns: 45, tubelet, ..base() };
        assert_eq!(config.grid(), Grid { temporal: 3, rows: 4, columns: 6 });
        assert_eq!((config.tokens(), config.sequence()), (72, 73));
        assert_eq!(Config { classifier: Classifier::Mean, ..config }.sequence(), 72);
    }

    #[test]
    fn worked_sequences() {
        let sequence = |name, frames, side| {
            Config { frames, rows: side, columns: side, ..Config::named(name).unwrap() }.sequence()
        };
        assert_eq!(sequence("vit-b/16x2", 32, 224), 3137);
        assert_eq!(sequence("vit-b/16x4", 32, 224), 1569);
        assert_eq!(sequence("vit-b/16x8", 32, 224), 785);
        assert_eq!(sequence("vit-b/16x2", 32, 256), 4097);
        assert_eq!(sequence("vit-b/16x2", 32, 320), 6401);
        assert_eq!(sequence("vit-b/16x2", 128, 224), 12545);
        assert_eq!(sequence("vit-h", 32, 224), 4097);
    }

    #[test]
    fn work_agrees_with_published_counts() {
        let work = |config: Config| config.multiply_accumulates().unwrap() as f64 / 1e9;
        let giga = |name, side| work(Config { rows: side, columns: side, ..Config::named(name).unwrap() });
        for (name, side, expected) in [
            ("vit-b/16x2", 224, 451.52),
            ("vit-l/16x2", 224, 1435.97),
            ("vit-l/16x2", 288, 2895.39),
            ("vit-l/16x2", 320, 3957.00),
            ("vit-h/14x2", 224, 3958.84),
            ("vit-h/16x2", 224, 2785.95),
        ] {
            assert!((giga(name, side) - expected).abs() < 0.005, "{name} at {side}: {}", giga(name, side));
        }
        let temporal = |layers, name| -> Model {
            let size = EncoderSize { layers, ..Config::named(name).unwrap().encoder() };
            FactorisedEncoder { temporal: Temporal::Encoder(size) }.into()
        };
        for (name, frames, model, expected) in [
            ("vit-b/16x2", 32, FactorisedEncoder::default().into(), 283.34),
            ("vit-b/16x2", 32, FactorisedEncoder { temporal: Temporal::Mean }.into(), 282.86),
            ("vit-b/16x2", 32, FactorisedSelfAttention::default().into(), 371.09),
            ("vit-b/16x2", 32, FactorisedDotProduct::default().into(), 276.18),
            ("vit-b/16x2", 32, temporal(12, "vit-b"), 284.30),
            ("vit-l/16x2", 32, FactorisedEncoder::default().into(), 988.18),
            ("vit-l/16x2", 32, temporal(24, "vit-l"), 992.47),
            ("vit-l/16x2", 128, FactorisedEncoder::default().into(), 3952.61),
            ("vit-l/16x2", 128, temporal(24, "vit-l"), 3969.14),
            ("vit-h/14x2", 32, FactorisedEncoder::default().into(), 2681.12),
        ] {
            let found = work(Config { frames, ..Config::named(name).unwrap().as_model(model) });
            // The last digit of some is cut, not rounded.
            assert!((found - expected).abs() < 0.01, "{model:?} {name} of {frames} frames: {found}");
        }
        for (name, expected) in [("vit-b/16x4", [182.3, 143.5, 187.2, 139.8]), ("vit-b/16x8", [81.7, 73.6, 95.4, 71.7])]
        {
            for (model, expected) in Model::all().into_iter().zip(expected) {
                let found = work(Config::named(name).unwrap().as_model(model));
                assert!((found - expected).abs() < 0.051, "{model} {name}: {found}");
            }
        }
    }

    #[test]
    fn a_representation_layer_is_counted() {
        let config = Config { representation_size: Some(100), ..base() };
        let counted = |config: Config| config.multiply_accumulates().unwrap() as i64;
        let difference = counted(config) - counted(base());
        assert_eq!(difference, 768 * 100 + 100 * 400 - 768 * 400);
    }

    #[test]
    fn senseless_settings_are_named() {
        let tubelet = |frames, rows, columns| Tubelet { frames, rows, columns };
        for (config, culprit) in [
            (Config { frames: 0, ..base() }, "number of frames is 0"),
            (Config { tubelet: tubelet(2, 0, 16), ..base() }, "tubelet's number of rows is 0"),
            (Config { layers: 0, ..base() }, "number of layers is 0"),
            (Config { heads: 0, ..base() }, "number of heads is 0"),
            (Config { representation_size: Some(0), ..base() }, "representation size is 0"),
            (Config { heads: 7, ..base() }, "7 heads do not divide a model width of 768"),
            (Config { heads: 2, ..base() }, "heads of 384"),
            (Config { tubelet: tubelet(33, 16, 16), ..base() }, "tubelet of 33 frames does not fit a clip of 32"),
            (Config { tubelet: tubelet(2, 16, 225), ..base() }, "tubelet of 225 columns does not fit a clip of 224"),
            (Config { layer_norm_eps: 0.0, ..base() }, "eps is 0"),
            (Config { layer_norm_eps: f32::NAN, ..base() }, "eps is NaN"),
            (Config { layer_norm_eps: f32::INFINITY, ..base() }, "eps is inf"),
            (Config { frames: usize::MAX, ..base() }, "the clip"),
            (Config { hidden: usize::MAX, ..base() }, "the encoder"),
            (Config { classes: usize::MAX, ..base() }, "the head"),
            (Config { layers: 4097, ..base() }, "number of layers is 4097"),
            (Config { layers: usize::MAX, ..base() }, "number of layers is"),
        ] {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(culprit), "{error}");
        }
    }

    #[test]
    fn each_model_names_what_it_cannot_be() {
        let of = |model: Model| base().as_model(model);
        let size = EncoderSize { layers: 1, heads: 7, hidden: 8 };
        let head = |name: &str, classes| LabelHead { name: name.to_owned(), classes };
        let labels = |heads: Vec<_>| Config { labelling: Labelling::Heads(heads), ..base() };
        let sampling = |frames, patch| {
            let tubelet = Tubelet { frames, rows: patch, columns: 16 };
            Config { tubelet, frame_sampling: Some(FrameSampling { frames: 8, arange_quirk: false }), ..base() }
        };
        for (config, culprit) in [
            (of(FactorisedEncoder { temporal: Temporal::Encoder(size) }.into()), "temporal encoder: 7 heads"),
            (
                Config { classifier: Classifier::Token, ..of(FactorisedSelfAttention::default().into()) },
                "no class token",
            ),
            (
                Config { classifier: Classifier::FirstToken, ..of(FactorisedDotProduct::default().into()) },
                "no class token",
            ),
            (Config { heads: 3, ..of(FactorisedDotProduct::default().into()) }, "3 heads cannot be halved"),
            (labels(vec![head("noun", 300), head("verb", 97)]), "300 noun, 97 verb) do not make up the model's 400"),
            (labels(vec![head("noun", 400), head("verb", 0)]), "400 noun, 0 verb"),
            (labels(vec![head("noun", 300), head("noun", 100)]), "two heads are called noun"),
            (sampling(2, 16), "tubelet has 2 frames"),
            (sampling(1, 15), "patches of 15 rows do not divide frames of 224"),
        ] {
            let error = config.validate().unwrap_err().to_string();
            assert!(error.contains(culprit), "{error}");
        }
        labels(vec![head("noun", 303), head("verb", 97)]).validate().unwrap();
        sampling(1, 16).validate().unwrap();
    }

    #[test]
    fn every_switch_survives_text() {
        for model in Model::all() {
            let config = base().as_model(model);
            let text = serde_json::to_string(&config).unwrap();
            assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config, "{text}");
        }
        let head = |name: &str, classes| LabelHead { name: name.to_owned(), classes };
        let config = Config {
            labelling: Labelling::Heads(vec![head("noun", 300), head("verb", 100)]),
            frame_sampling: Some(FrameSampling { frames: 8, arange_quirk: true }),
            tubelet: Tubelet { frames: 1, rows: 16, columns: 16 },
            representation_size: Some(9),
            gelu: Gelu::Erf,
            ..base()
        };
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::from_str::<Config>(&text).unwrap(), config, "{text}");
        assert!(serde_json::from_str::<Config>(&text.replacen("\"frames\"", "\"frame\"", 1)).is_err());
    }

    #[test]
    fn one_is_no_plural() {
        let config = Config { layers: 1, heads: 1, classes: 1, ..base() };
        assert_eq!(
            config.to_string(),
            "ViViT Model 1 (joint space-time attention) with 1 layer of width 768 and 1 head, tubelets of 2×16×16 in clips of 32×224×224×3, 1 class"
        );
        let config = Config { classes: 10, ..base() };
        assert!(config.to_string().contains(" with 12 layers of width 768 and 12 heads,"), "{config}");
        assert!(config.to_string().ends_with(", 10 classes"), "{config}");
    }

    #[test]
    fn the_largest_valid_sizes_do_not_overflow() {
        let tubelet = Tubelet { frames: 1, rows: 1, columns: 1 };
        let config = Config { frames: 1 << 10, rows: 1 << 8, columns: 1 << 8, planes: 1, tubelet, ..base() };
        let config = Config { width: 256, heads: 1, layers: 1, ..config };
        assert!(config.validate().is_err());
        let config = Config { frames: 16, ..config };
        config.validate().unwrap();
        assert!(config.multiply_accumulates().unwrap() > 1 << 49);
    }

    #[test]
    fn the_work_of_a_temporal_encoder_is_bounded_too() {
        let temporal = |layers| Temporal::Encoder(EncoderSize { layers, heads: 1, hidden: 64 });
        let with = |layers| Config {
            model: FactorisedEncoder { temporal: temporal(layers) }.into(),
            frames: 1 << 24,
            rows: 1,
            columns: 1,
            planes: 1,
            tubelet: Tubelet { frames: 1, rows: 1, columns: 1 },
            width: 64,
            heads: 1,
            hidden: 64,
            layers: 1,
            ..base()
        };
        with(1).validate().unwrap();
        let error = with(4096).validate().unwrap_err().to_string();
        assert!(error.contains("work of the temporal encoder"), "{error}");
    }
}
