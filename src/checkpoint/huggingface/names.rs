//! The names that `transformers` gives to tensors.

/// Which of its four ways of naming a file follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::checkpoint) struct Spelling {
    /// Names begin with `vivit.`, as they do unless the file is of the encoder alone.
    pub(super) prefixed: bool,
    /// Names of release 5 and later.
    pub(super) modern: bool,
}

impl Spelling {
    /// All four, the one of the published checkpoints first.
    pub(in crate::checkpoint) const ALL: [Self; 4] = [
        Self { prefixed: true, modern: false },
        Self { prefixed: true, modern: true },
        Self { prefixed: false, modern: false },
        Self { prefixed: false, modern: true },
    ];

    /// The one that most likely made these names.
    pub(in crate::checkpoint) fn of<'a>(mut names: impl Iterator<Item = &'a str> + Clone) -> Self {
        let prefixed = names.clone().any(|name| name.starts_with(PREFIX));
        let older = |name: &str| name.trim_start_matches(PREFIX).starts_with("encoder.");
        Self { prefixed, modern: !names.any(older) }
    }

    /// The stored name of the tensor that [`Config::parameters`](crate::vivit::Config::parameters) calls `name`.
    pub(in crate::checkpoint) fn stored(self, name: &str) -> String {
        if let Some(part) = name.strip_prefix("output_projection.") {
            return format!("classifier.{}", leaf(part));
        }
        let prefix = if self.prefixed { PREFIX } else { "" };
        match name.strip_prefix("Transformer.encoderblock_").and_then(|rest| rest.split_once('.')) {
            Some((layer, part)) => {
                let layers = if self.modern { "layers" } else { "encoder.layer" };
                format!("{prefix}{layers}.{layer}.{}", self.within_layer(part))
            }
            None => format!("{prefix}{}", outside_layers(name)),
        }
    }

    fn within_layer(self, part: &str) -> String {
        let (module, tensor) = part.rsplit_once('.').unwrap_or((part, ""));
        let [release_4, release_5] = match module {
            "LayerNorm_0" => ["layernorm_before"; 2],
            "LayerNorm_1" => ["layernorm_after"; 2],
            "MultiHeadDotProductAttention_0.query" => ["attention.attention.query", "attention.q_proj"],
            "MultiHeadDotProductAttention_0.key" => ["attention.attention.key", "attention.k_proj"],
            "MultiHeadDotProductAttention_0.value" => ["attention.attention.value", "attention.v_proj"],
            "MultiHeadDotProductAttention_0.out" => ["attention.output.dense", "attention.o_proj"],
            "MlpBlock_0.Dense_0" => ["intermediate.dense", "mlp.fc1"],
            "MlpBlock_0.Dense_1" => ["output.dense", "mlp.fc2"],
            other => [other; 2],
        };
        format!("{}.{}", if self.modern { release_5 } else { release_4 }, leaf(tensor))
    }
}

const PREFIX: &str = "vivit.";

fn outside_layers(name: &str) -> String {
    match name {
        "cls" => "embeddings.cls_token".into(),
        "Transformer.posembed_input.pos_embedding" => "embeddings.position_embeddings".into(),
        _ => match name.rsplit_once('.') {
            Some(("embedding", tensor)) => format!("embeddings.patch_embeddings.projection.{}", leaf(tensor)),
            Some(("Transformer.encoder_norm", tensor)) => format!("layernorm.{}", leaf(tensor)),
            _ => name.into(),
        },
    }
}

fn leaf(tensor: &str) -> &str {
    match tensor {
        "kernel" | "scale" => "weight",
        other => other,
    }
}

/// Whether a stored tensor is of no use here: the pooler, which the classifier does not look at.
pub(super) fn unused(stored: &str) -> bool {
    stored.trim_start_matches(PREFIX).starts_with("pooler.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_four_spellings() {
        let [published, modern, bare, modern_bare] = Spelling::ALL;
        let query = "Transformer.encoderblock_11.MultiHeadDotProductAttention_0.query.kernel";
        assert_eq!(published.stored(query), "vivit.encoder.layer.11.attention.attention.query.weight");
        assert_eq!(modern.stored(query), "vivit.layers.11.attention.q_proj.weight");
        assert_eq!(bare.stored(query), "encoder.layer.11.attention.attention.query.weight");
        assert_eq!(modern_bare.stored(query), "layers.11.attention.q_proj.weight");
        assert_eq!(modern.stored("Transformer.encoderblock_0.MlpBlock_0.Dense_1.bias"), "vivit.layers.0.mlp.fc2.bias");
        for spelling in Spelling::ALL {
            assert_eq!(spelling.stored("output_projection.kernel"), "classifier.weight");
        }
        assert_eq!(published.stored("Transformer.encoder_norm.scale"), "vivit.layernorm.weight");
        assert_eq!(bare.stored("cls"), "embeddings.cls_token");
    }

    #[test]
    fn a_spelling_is_recognised_by_its_names() {
        let name = "Transformer.encoderblock_1.LayerNorm_0.scale";
        for spelling in Spelling::ALL {
            let names = [spelling.stored(name), "classifier.bias".into()];
            assert_eq!(Spelling::of(names.iter().map(String::as_str)), spelling);
        }
    }
}
