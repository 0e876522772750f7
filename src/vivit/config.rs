//! What decides a ViViT model's arithmetic.

use std::fmt;

use crate::kernels::attention::Qkv;
use crate::tensor::{Error, Result};

/// How a model relates tokens in space and time (paper, section 3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Model {
    /// Model 1: every token attends to every token of the clip.
    Joint,
}

/// How the encoder's output becomes one vector a clip. Pooling follows the final LayerNorm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Classifier {
    /// A learned class token is put before the others, and its output is taken.
    Token,
    /// No class token; the output at index 0 is taken (scenic's `'0'`).
    FirstToken,
    /// No class token; the mean over all tokens (scenic's `'gap'`).
    Mean,
    /// No class token; the maximum over all tokens (scenic's `'gmp'`).
    Max,
    /// No class token; the sum over all tokens (scenic's `'gsp'`).
    Sum,
}

/// Which form of GELU the MLP uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Gelu {
    /// 0.5·x·(1 + tanh(√(2/π)·(x + 0.044715·x³))), as ViViT was trained.
    Tanh,
    /// 0.5·x·(1 + erf(x/√2)).
    Erf,
}

/// The block of pixels behind one token; neighbouring tubelets touch and do not overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tubelet {
    /// Frames that one token covers.
    pub frames: usize,
    /// Rows of pixels that one token covers.
    pub rows: usize,
    /// Columns of pixels that one token covers.
    pub columns: usize,
}

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
/// Start from [`Config::named`] or a checkpoint, or write all fields out, then call [`Config::validate`]: the other
/// methods count on a valid configuration.
#[derive(Clone, Debug, PartialEq)]
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
    /// The block of pixels behind one token. What does not fill a tubelet at the end of an axis is not looked at.
    pub tubelet: Tubelet,
    /// C, model width: the length of a token's vector.
    pub width: usize,
    /// Encoder blocks.
    pub layers: usize,
    /// H, attention heads; each is [`Config::head_width`] = C/H wide.
    pub heads: usize,
    /// M, hidden width of the MLP.
    pub hidden: usize,
    /// K, classes; 0 for a model without a classification head, which gives features alone.
    pub classes: usize,
    /// How the encoder's output becomes one vector a clip.
    pub classifier: Classifier,
    /// What LayerNorm adds to the variance.
    pub layer_norm_eps: f32,
    /// Which form of GELU the MLP uses.
    pub gelu: Gelu,
    /// Whether the query, key and value projections have a bias.
    pub qkv_bias: bool,
    /// Width of the dense layer with tanh between pooling and the head, where there is one.
    pub representation_size: Option<usize>,
}

/// More layers than any model has; up to here all their tensors can be listed at once.
const MOST_LAYERS: usize = 4096;
/// More elements than any device holds; up to here no product of sizes overflows.
const MOST_ELEMENTS: u128 = 1 << 40;
/// More multiply-accumulates than any device finishes; up to here their sum fits 64 bits.
const MOST_WORK: u128 = 1 << 60;

impl Config {
    /// The tokens of a clip: whole tubelets along each axis.
    pub fn grid(&self) -> Grid {
        Grid {
            temporal: self.frames / self.tubelet.frames,
            rows: self.rows / self.tubelet.rows,
            columns: self.columns / self.tubelet.columns,
        }
    }

    /// T·S, the tokens of one clip without a class token.
    pub fn tokens(&self) -> usize {
        self.grid().tokens()
    }

    /// Whether a learned class token is put before the others.
    pub fn class_token(&self) -> bool {
        self.classifier == Classifier::Token
    }

    /// N, the tokens of one clip with its class token.
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

    /// Multiply-accumulates of one clip's forward pass; elementwise work is not counted.
    ///
    /// The paper's GFLOPs are this number and half of all elementwise operations: 0.3 to 1 % more.
    pub fn multiply_accumulates(&self) -> u64 {
        let [tokens, n, c, m] = [self.tokens(), self.sequence(), self.width, self.hidden].map(|size| size as u64);
        let embedding = tokens * self.tubelet_values() as u64 * c;
        let projections = 4 * n * c * c;
        let attention = match self.model {
            Model::Joint => 2 * n * n * c,
        };
        let mlp = 2 * n * c * m;
        let representation = self.representation_size.map_or(0, |size| c * size as u64);
        let head = self.features() as u64 * self.classes as u64;
        embedding + self.layers as u64 * (projections + attention + mlp) + representation + head
    }

    /// An error that names the first setting that makes no sense.
    pub fn validate(&self) -> Result<()> {
        self.validate_sizes()?;
        self.validate_tubelet()?;
        self.validate_heads()?;
        if !(self.layer_norm_eps.is_finite() && self.layer_norm_eps > 0.0) {
            return Err(invalid(format!(
                "LayerNorm's eps is {}, but must be a small positive number such as 1e-6",
                self.layer_norm_eps
            )));
        }
        self.validate_extent()
    }

    fn validate_sizes(&self) -> Result<()> {
        let sizes = [
            ("number of frames", self.frames),
            ("number of pixel rows", self.rows),
            ("number of pixel columns", self.columns),
            ("number of colour planes", self.planes),
            ("tubelet's number of frames", self.tubelet.frames),
            ("tubelet's number of rows", self.tubelet.rows),
            ("tubelet's number of columns", self.tubelet.columns),
            ("model width", self.width),
            ("number of layers", self.layers),
            ("number of heads", self.heads),
            ("MLP's hidden width", self.hidden),
            ("representation size", self.features()),
        ];
        if let Some((what, _)) = sizes.into_iter().find(|&(_, size)| size == 0) {
            return Err(invalid(format!("the {what} is 0, but must be at least 1")));
        }
        if self.layers > MOST_LAYERS {
            return Err(invalid(format!("the number of layers is {}, but must be at most {MOST_LAYERS}", self.layers)));
        }
        Ok(())
    }

    fn validate_tubelet(&self) -> Result<()> {
        let axes = [
            ("frames", self.tubelet.frames, self.frames),
            ("rows", self.tubelet.rows, self.rows),
            ("columns", self.tubelet.columns, self.columns),
        ];
        match axes.into_iter().find(|&(_, tubelet, clip)| tubelet > clip) {
            Some((axis, tubelet, clip)) => Err(invalid(format!(
                "a tubelet of {tubelet} {axis} does not fit a clip of {clip}: there would be no token"
            ))),
            None => Ok(()),
        }
    }

    fn validate_heads(&self) -> Result<()> {
        if !self.width.is_multiple_of(self.heads) {
            return Err(invalid(format!("{} heads do not divide a model width of {}", self.heads, self.width)));
        }
        if self.head_width() > Qkv::WIDEST {
            return Err(invalid(format!(
                "a model width of {} in {} heads makes heads of {}, but at most {} is supported: use more heads",
                self.width,
                self.heads,
                self.head_width(),
                Qkv::WIDEST
            )));
        }
        Ok(())
    }

    /// Rejects sizes whose products overflow. The clip comes first: it bounds the number of tokens.
    fn validate_extent(&self) -> Result<()> {
        let Tubelet { frames, rows, columns } = self.tubelet;
        let c = self.width;
        bounded("clip", &[self.frames, self.rows, self.columns, self.planes], MOST_ELEMENTS)?;
        bounded("tubelet projection", &[c, self.planes, frames, rows, columns], MOST_ELEMENTS)?;
        let n = self.sequence();
        bounded("position table", &[n, c], MOST_ELEMENTS)?;
        bounded("encoder", &[self.layers, c, c.max(self.hidden), 4], MOST_ELEMENTS)?;
        bounded("representation layer", &[c, self.features()], MOST_ELEMENTS)?;
        bounded("head", &[self.features(), self.classes], MOST_ELEMENTS)?;
        bounded("work of the tubelet projection", &[n, self.tubelet_values(), c], MOST_WORK)?;
        bounded("work of the encoder", &[self.layers, n, c, n.max(c).max(self.hidden), 8], MOST_WORK)
    }
}

fn bounded(what: &str, sizes: &[usize], most: u128) -> Result<()> {
    let product = sizes.iter().fold(1u128, |product, &size| product.saturating_mul(size as u128));
    if product > most {
        return Err(invalid(format!("the {what} ({sizes:?} multiplied) is larger than any device can handle")));
    }
    Ok(())
}

fn invalid(reason: String) -> Error {
    Error::usage(reason).within("invalid ViViT configuration")
}

impl fmt::Display for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tubelet { frames, rows, columns } = self.tubelet;
        write!(
            f,
            "ViViT with {} layer{} of width {} and {} head{}, tubelets of {frames}×{rows}×{columns} in clips of {}×{}×{}×{}",
            self.layers,
            plural(self.layers, "s"),
            self.width,
            self.heads,
            plural(self.heads, "s"),
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

/// What a noun ends with where there are `number` of it.
fn plural(number: usize, ending: &str) -> &str {
    if number == 1 { "" } else { ending }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        let giga = |name, side| {
            let config = Config { rows: side, columns: side, ..Config::named(name).unwrap() };
            config.multiply_accumulates() as f64 / 1e9
        };
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
        assert!((giga("vit-b/16x4", 224) - 182.3).abs() < 0.05);
        assert!((giga("vit-b/16x8", 224) - 81.7).abs() < 0.05);
    }

    #[test]
    fn a_representation_layer_is_counted() {
        let config = Config { representation_size: Some(100), ..base() };
        let difference = config.multiply_accumulates() as i64 - base().multiply_accumulates() as i64;
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
    fn one_is_no_plural() {
        let config = Config { layers: 1, heads: 1, classes: 1, ..base() };
        assert_eq!(
            config.to_string(),
            "ViViT with 1 layer of width 768 and 1 head, tubelets of 2×16×16 in clips of 32×224×224×3, 1 class"
        );
        let config = Config { classes: 10, ..base() };
        assert!(config.to_string().starts_with("ViViT with 12 layers of width 768 and 12 heads,"), "{config}");
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
        assert!(config.multiply_accumulates() > 1 << 49);
    }
}
