//! What the parameters tell of the model by their names and shapes.

use crate::checkpoint::arrays::Arrays;
use crate::tensor::Shape;
use crate::vivit::EncoderSize;

/// All sizes that show in the parameters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Evidence {
    /// Frames of a tubelet; none where tokens are patches of single frames.
    pub(super) tubelet_frames: Option<usize>,
    /// Rows and columns of a tubelet or patch.
    pub(super) patch: [usize; 2],
    pub(super) planes: usize,
    pub(super) width: usize,
    /// The encoder; of Model 2 the spatial one.
    pub(super) encoder: Encoder,
    /// Model 2's temporal encoder.
    pub(super) temporal: Option<Encoder>,
    /// Whether the encoder is called as in Model 2.
    pub(super) factorised_encoder: bool,
    /// Whether each block has two attentions, as in Model 3.
    pub(super) two_attentions: bool,
    pub(super) class_token: bool,
    pub(super) qkv_bias: bool,
    pub(super) representation: Option<usize>,
    /// 0 without a head.
    pub(super) classes: usize,
}

/// One encoder.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Encoder {
    pub(super) size: EncoderSize,
    /// Positions, without that of a class token.
    pub(super) tokens: usize,
}

const SPATIAL: &str = "SpatialTransformer";
const TEMPORAL: &str = "TemporalTransformer";
/// The attention of a block; Model 3 has two, of which the second name is one.
const ATTENTION: &str = "MultiHeadDotProductAttention_0";
const ATTENTION_OVER_SPACE: &str = "MultiHeadDotProductAttention_space";

impl Evidence {
    /// The sizes in `tree`; an error that names the parameter that is missing or of another shape than ViViT's.
    pub(super) fn of(tree: &dyn Arrays) -> Result<Self, String> {
        let tree = Tree(tree);
        let kernel = tree.shape("embedding/kernel")?;
        let (tubelet_frames, patch, planes, width) = match *kernel {
            [t, h, w, planes, width] => (Some(t), [h, w], planes, width),
            [h, w, planes, width] => (None, [h, w], planes, width),
            _ => return Err(no_vivit("embedding/kernel", &kernel)),
        };
        if kernel.contains(&0) {
            return Err(no_vivit("embedding/kernel", &kernel));
        }
        let factorised_encoder = tree.has_module(SPATIAL);
        let path = if factorised_encoder { SPATIAL } else { "Transformer" };
        let class_token = tree.has(if factorised_encoder { "cls_SpatialTransformer" } else { "cls" });
        let (block, attention) = tree.block(path)?;
        let temporal =
            (factorised_encoder && tree.has_module(TEMPORAL)).then(|| tree.encoder(TEMPORAL, width, class_token));
        Ok(Self {
            tubelet_frames,
            patch,
            planes,
            width,
            encoder: tree.encoder(path, width, class_token)?,
            temporal: temporal.transpose()?,
            factorised_encoder,
            two_attentions: attention == ATTENTION_OVER_SPACE,
            class_token,
            qkv_bias: tree.has(&format!("{path}/encoderblock_{block}/{attention}/query/bias")),
            representation: tree.outputs("pre_logits")?,
            classes: tree.outputs("output_projection")?.unwrap_or(0),
        })
    }
}

fn no_vivit(name: &str, shape: &[usize]) -> String {
    format!("{name} has the shape {}, which no ViViT model has", Shape::from(shape))
}

struct Tree<'a>(&'a dyn Arrays);

impl Tree<'_> {
    fn has(&self, name: &str) -> bool {
        self.0.shape(name).is_some()
    }

    fn has_module(&self, path: &str) -> bool {
        self.0.names().iter().any(|name| name.strip_prefix(path).is_some_and(|rest| rest.starts_with('/')))
    }

    fn shape(&self, name: &str) -> Result<Vec<usize>, String> {
        let shape = self.0.shape(name).ok_or_else(|| format!("there is no {name}"))?;
        Ok(shape.axes().to_vec())
    }

    fn axes<const R: usize>(&self, name: &str) -> Result<[usize; R], String> {
        let shape = self.shape(name)?;
        <[usize; R]>::try_from(shape).map_err(|shape| no_vivit(name, &shape))
    }

    /// The outputs of the dense layer at `path`, where there is one.
    fn outputs(&self, path: &str) -> Result<Option<usize>, String> {
        let kernel = format!("{path}/kernel");
        if !self.has(&kernel) {
            return Ok(None);
        }
        self.axes(&kernel).map(|[_, outputs]| Some(outputs))
    }

    /// The numbers of the blocks at `path`: those that have a query, since a stray parameter does not make a block.
    fn blocks(&self, path: &str, attention: &str) -> impl Iterator<Item = usize> {
        let tail = format!("/{attention}/query/kernel");
        self.0.names().into_iter().filter_map(move |name| {
            let digits = name.strip_prefix(path)?.strip_prefix("/encoderblock_")?.strip_suffix(tail.as_str())?;
            digits.parse::<usize>().ok().filter(|number| number.to_string() == digits)
        })
    }

    /// The number of a block of the encoder at `path`, and what its first attention is called.
    fn block(&self, path: &str) -> Result<(usize, &'static str), String> {
        let first = |attention| self.blocks(path, attention).min().map(|block| (block, attention));
        let missing = || format!("there is no {path}/encoderblock_0/{ATTENTION}/query/kernel");
        first(ATTENTION_OVER_SPACE).or_else(|| first(ATTENTION)).ok_or_else(missing)
    }

    fn encoder(&self, path: &str, width: usize, class_token: bool) -> Result<Encoder, String> {
        let (block, attention) = self.block(path)?;
        let mlp = if attention == ATTENTION { "MlpBlock_0" } else { "MlpBlock" };
        let table = format!("{path}/posembed_input/pos_embedding");
        let positions = self.axes(&table)?;
        let tokens = match positions {
            [1, positions, stored] if stored == width => positions.checked_sub(usize::from(class_token)),
            _ => None,
        };
        let [_, heads, _] = self.axes(&format!("{path}/encoderblock_{block}/{attention}/query/kernel"))?;
        let [_, hidden] = self.axes(&format!("{path}/encoderblock_{block}/{mlp}/Dense_0/kernel"))?;
        Ok(Encoder {
            size: EncoderSize {
                layers: self.blocks(path, attention).max().unwrap_or(0).saturating_add(1),
                heads,
                hidden,
            },
            tokens: tokens.filter(|&tokens| tokens > 0).ok_or_else(|| no_vivit(&table, &positions))?,
        })
    }
}
