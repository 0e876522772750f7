//! Model 1: every token of the clip attends to every other (paper, section 3.3; spec §2.3).

use super::Config;
use super::recording::{Recorder, Recording, Request};
use crate::graph::Value;
use crate::kernels::attention::{Mask, Sequences};
use crate::tensor::Result;

/// Records Model 1:
///
/// ```text
/// clip ─ tubelets ─ class token, positions ─ L × block ─ LayerNorm ─ pooling ─ head
/// ```
pub(super) fn record(config: &Config, request: &Request) -> Result<Recording> {
    let mut model = Recorder::new(config, request)?;
    let patches = model.patch_embeddings()?;
    let mut x = model.embeddings("Transformer", "cls", patches)?;
    for layer in 0..config.layers {
        x = block(&mut model, layer, x)?;
    }
    let sequence = model.layer_norm("Transformer.encoder_norm", x, "sequence_output")?;
    let pooled = model.pool(sequence)?;
    model.head(pooled)
}

/// One pre-norm encoder block: x + attention, then x + MLP.
fn block(model: &mut Recorder<'_>, layer: usize, x: Value) -> Result<Value> {
    let path = format!("Transformer.encoderblock_{layer}");
    let attention = format!("{path}.MultiHeadDotProductAttention_0");

    let normed = model.layer_norm(&format!("{path}.LayerNorm_0"), x, &format!("layernorm_before.{layer}"))?;
    let qkv = model.query_key_value(&attention, normed, &format!("qkv.{layer}"))?;
    let everything = Sequences::joint(model.batch, model.config.sequence());
    let context = model.attention(everything, Mask::NONE, qkv, x, layer)?;
    let x = model.project(&attention, context, x, layer)?;

    let normed = model.layer_norm(&format!("{path}.LayerNorm_1"), x, &format!("layernorm_after.{layer}"))?;
    model.mlp(&format!("{path}.MlpBlock_0"), normed, x, layer)
}
