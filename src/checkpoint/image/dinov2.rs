//! DINOv2 of the `transformers` library (arXiv 2304.07193).
//!
//! Each block multiplies what its attention and its MLP add by a learned vector λ, the layer scale. That is folded into the
//! projection before it, λ·(W·x + b) = (diag(λ)·W)·x + λ·b, and what is left is a plain image transformer.

use super::views::Views;
use super::{Called, Described, Format, config_json};
use crate::checkpoint::arrays::{Arrays, Dtype};
use crate::checkpoint::fit::Convention;
use crate::checkpoint::huggingface::{ImageSize, gelu};
use crate::checkpoint::location::Location;
use crate::tensor::{Error, Result, printable};
use crate::video::{Fields, shortened};
use crate::vivit::Gelu;

pub(super) const FORMAT: Format =
    Format { kernel: "embeddings.patch_embeddings.projection.weight", own: ".norm1.weight", views, described };

/// What names begin with in a file of a classifier.
const PREFIX: &str = "dinov2.";

/// The projections of a block whose outputs are scaled, and by what.
const SCALED: [(&str, &str); 2] =
    [("attention.output.dense", "layer_scale1.lambda1"), ("mlp.fc2", "layer_scale2.lambda1")];

/// What DINOv2 was trained to see, and how clips are prepared so.
const NORMALISED: &str = "DINOv2 was trained on pixels from 0 to 1, normalised by the mean 0.485, 0.456, 0.406 and the \
    deviation 0.229, 0.224, 0.225, where other models take them from -1 to 1: a preprocessor_config.json beside the new \
    model with these as image_mean and image_std, rescale_factor 0.00392156862745098 and offset false prepares clips so";

#[derive(Debug)]
struct Named {
    prefix: &'static str,
}

impl Convention for Named {
    fn stored(&self, name: &str) -> String {
        let (module, tensor) = name.rsplit_once('.').unwrap_or((name, ""));
        let leaf = if tensor == "bias" { "bias" } else { "weight" };
        let path = match module.strip_prefix("Transformer.encoderblock_").and_then(|rest| rest.split_once('.')) {
            Some((layer, part)) => format!("encoder.layer.{layer}.{}.{leaf}", within_block(part)),
            None => match module {
                "cls" => "embeddings.cls_token".to_owned(),
                "Transformer.posembed_input" => "embeddings.position_embeddings".to_owned(),
                "embedding" => format!("embeddings.patch_embeddings.projection.{leaf}"),
                "Transformer.encoder_norm" => format!("layernorm.{leaf}"),
                other => format!("{other}.{leaf}"),
            },
        };
        format!("{}{path}", self.prefix)
    }
}

fn within_block(module: &str) -> &str {
    match module {
        "LayerNorm_0" => "norm1",
        "LayerNorm_1" => "norm2",
        "MultiHeadDotProductAttention_0.query" => "attention.attention.query",
        "MultiHeadDotProductAttention_0.key" => "attention.attention.key",
        "MultiHeadDotProductAttention_0.value" => "attention.attention.value",
        "MultiHeadDotProductAttention_0.out" => "attention.output.dense",
        "MlpBlock_0.Dense_0" => "mlp.fc1",
        "MlpBlock_0.Dense_1" => "mlp.fc2",
        other => other,
    }
}

/// Whether an array is of no use to a video model: the token that masks patches in training, and the classifier.
fn is_unused(name: &str) -> bool {
    name.ends_with("embeddings.mask_token") || is_of_classifier(name)
}

fn is_of_classifier(name: &str) -> bool {
    name.starts_with("classifier.")
}

/// The arrays with the scales folded into the projections.
fn views(arrays: Box<dyn Arrays>) -> Called {
    let names: Vec<_> = arrays.names().into_iter().map(str::to_owned).collect();
    let prefix = if names.iter().any(|name| name.starts_with(PREFIX)) { PREFIX } else { "" };
    let mut views = Views::of(arrays);
    views.rename(|name| (!is_unused(name)).then(|| name.to_owned()));
    for (projection, scale) in SCALED {
        for (name, block) in names.iter().filter_map(|name| Some((name, name.strip_suffix(scale)?))) {
            views.scale_rows(name, &["weight", "bias"].map(|leaf| format!("{block}{projection}.{leaf}")));
        }
    }
    (views, Box::new(Named { prefix }))
}

/// What `config.json` says, where there is one, of arrays that are a plain DINOv2's.
fn described(location: &Location, arrays: &dyn Arrays) -> Result<Described> {
    let names = arrays.names();
    let mut described = config_json(location, said)?.unwrap_or(Described::untold(Gelu::Erf, 1e-6));
    is_plain(arrays)
        .map_err(|reason| Error::file(format!("{} holds no plain DINOv2: {reason}", arrays.path().display())))?;
    described.notes.push(NORMALISED.to_owned());
    if names.iter().any(|name| is_of_classifier(name)) {
        described.notes.push(
            "the classifier of DINOv2 is left out: it reads the class token beside the mean of the patches, which no \
             video model hands to its head"
                .to_owned(),
        );
    }
    Ok(described)
}

/// What the fields say; a missing one has the library's default.
fn said(fields: &Fields) -> Result<Described, String> {
    match fields.get("model_type", "`dinov2`", Some("dinov2".to_owned()))?.as_deref() {
        Some("dinov2") => {}
        Some("dinov2_with_registers") => return Err(REGISTERS.to_owned()),
        other => {
            let other = other.map_or("null".to_owned(), |other| format!("`{}`", shortened(other)));
            return Err(format!("model_type is {other}, but only `dinov2` is an image transformer with these names"));
        }
    }
    if fields.get("use_swiglu_ffn", "true or false", false)? {
        return Err(SWIGLU.to_owned());
    }
    let image_size = fields.get("image_size", ImageSize::MUST_BE, ImageSize::Square(224))?;
    Ok(Described {
        heads: Some(fields.get("num_attention_heads", "a whole number", 12)?),
        size: Some(image_size.sides()),
        gelu: gelu(&fields.get("hidden_act", "the name of an activation", "gelu".to_owned())?)?,
        layer_norm_eps: fields.get("layer_norm_eps", "a number", 1e-6)?,
        notes: Vec::new(),
    })
}

const REGISTERS: &str = "the model has register tokens beside the patches, which no video model has: take the DINOv2 of \
    the same size without registers";
const SWIGLU: &str = "the model's MLPs are gated (SwiGLU, as in DINOv2 giant), which no video model computes: take DINOv2 \
    small, base or large";

/// Whether the arrays are those of a plain DINOv2, each block with both its scales; else what is not so.
fn is_plain(arrays: &dyn Arrays) -> Result<(), String> {
    let names = arrays.names();
    let has = |part: &str| names.iter().any(|name| name.contains(part));
    if has("embeddings.register_tokens") {
        return Err(REGISTERS.to_owned());
    }
    if has(".mlp.weights_in.") {
        return Err(SWIGLU.to_owned());
    }
    for (projection, scale) in SCALED {
        let weight = format!("{projection}.weight");
        for block in names.iter().filter_map(|name| name.strip_suffix(&weight)) {
            let scale = format!("{block}{scale}");
            let shown = printable(&scale, LONGEST_SHOWN);
            match arrays.dtype(&scale) {
                None => {
                    return Err(format!(
                        "it has no {shown}, by which the output of {projection} is multiplied: download it again"
                    ));
                }
                Some(Dtype::Other(dtype)) => {
                    return Err(format!("{shown} has elements of {dtype}, expected F16, BF16, F32 or F64"));
                }
                Some(_) => {}
            }
        }
    }
    Ok(())
}

/// Characters of a name in a sentence.
const LONGEST_SHOWN: usize = 80;
