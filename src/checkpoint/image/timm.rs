//! Image transformers of timm, which keeps query, key and value in one projection.

use super::views::Views;
use super::{Called, Described, Format};
use crate::checkpoint::arrays::Arrays;
use crate::checkpoint::fit::Convention;
use crate::vivit::Gelu;

pub(super) const FORMAT: Format = Format {
    kernel: "patch_embed.proj.weight",
    own: "",
    views,
    described: |_, _| Ok(Described::untold(Gelu::Erf, 1e-6)),
};

#[derive(Debug)]
struct Named;

impl Convention for Named {
    fn stored(&self, name: &str) -> String {
        let leaf = |leaf: &str| if leaf == "bias" { "bias" } else { "weight" }.to_owned();
        match name {
            "cls" => return "cls_token".into(),
            "Transformer.posembed_input.pos_embedding" => return "pos_embed".into(),
            _ => {}
        }
        let (module, tensor) = name.rsplit_once('.').unwrap_or((name, ""));
        let module = match module.strip_prefix("Transformer.encoderblock_").and_then(|rest| rest.split_once('.')) {
            Some((layer, part)) => format!("blocks.{layer}.{}", within_block(part)),
            None => outside_blocks(module).to_owned(),
        };
        format!("{module}.{}", leaf(tensor))
    }
}

fn outside_blocks(module: &str) -> &str {
    match module {
        "embedding" => "patch_embed.proj",
        "Transformer.encoder_norm" => "norm",
        "pre_logits" => "pre_logits.fc",
        "output_projection" => "head",
        other => other,
    }
}

fn within_block(module: &str) -> &str {
    match module {
        "LayerNorm_0" => "norm1",
        "LayerNorm_1" => "norm2",
        "MultiHeadDotProductAttention_0.query" => "attn.query",
        "MultiHeadDotProductAttention_0.key" => "attn.key",
        "MultiHeadDotProductAttention_0.value" => "attn.value",
        "MultiHeadDotProductAttention_0.out" => "attn.proj",
        "MlpBlock_0.Dense_0" => "mlp.fc1",
        "MlpBlock_0.Dense_1" => "mlp.fc2",
        other => other,
    }
}

/// The arrays with the three projections apart.
fn views(arrays: Box<dyn Arrays>) -> Called {
    let fused: Vec<_> =
        arrays.names().into_iter().filter(|name| name.contains(".attn.qkv.")).map(str::to_owned).collect();
    let mut views = Views::of(arrays);
    for name in fused {
        views.split(&name, &["query", "key", "value"].map(|part| name.replace(".qkv.", &format!(".{part}."))));
    }
    (views, Box::new(Named))
}
