//! Parameters that a training leaves as they are.

use std::collections::BTreeSet;

use wildmatch::WildMatch;

use crate::tensor::{Error, Result};

/// The names among `parameters`, those of a configuration, that `parts` mean: `embeddings` (tubelets, class tokens and
/// positions), `encoder` (all blocks, and the normalisation behind them), `head` (what makes logits of an encoder's output), a
/// name, or a name in which `*` stands for anything and `?` for any character.
///
/// ```
/// let names = ["embedding.kernel", "Transformer.encoderblock_0.LayerNorm_0.scale", "output_projection.bias"];
/// let frozen = tubelet::train::frozen(&["embeddings", "*.encoderblock_0.*"], &names)?;
/// assert_eq!(frozen.len(), 2);
/// # Ok::<(), tubelet::Error>(())
/// ```
///
/// # Errors
///
/// [`Usage`](crate::tensor::ErrorKind::Usage) for a part that no parameter belongs to, and where nothing would be left to learn.
pub fn frozen(parts: &[impl AsRef<str>], parameters: &[impl AsRef<str>]) -> Result<BTreeSet<String>> {
    let mut frozen = BTreeSet::new();
    for part in parts.iter().map(AsRef::as_ref) {
        let pattern = WildMatch::new(part);
        let meant = |name: &&str| match part {
            "embeddings" | "encoder" | "head" => part_of(name) == part,
            _ => pattern.matches(name),
        };
        let mut found = parameters.iter().map(AsRef::as_ref).filter(meant).peekable();
        if found.peek().is_none() {
            return Err(Error::usage(format!(
                "no parameter belongs to {part:?}, which is to stay as it is; there are the parts embeddings, encoder and head, \
                 names such as {}, and names with * and ?",
                parameters.first().map_or("embedding.kernel", AsRef::as_ref)
            )));
        }
        frozen.extend(found.map(str::to_owned));
    }
    if !frozen.is_empty() && frozen.len() == parameters.len() {
        return Err(Error::usage(
            "all parameters are to stay as they are, so that there is nothing to learn; name fewer",
        ));
    }
    Ok(frozen)
}

/// The part of a model that a parameter belongs to.
fn part_of(name: &str) -> &'static str {
    let first = name.split('.').next().unwrap_or(name);
    if first == "embedding" || first.starts_with("cls") || name.contains(".posembed_input.") {
        "embeddings"
    } else if ["output_projection", "pre_logits"].contains(&first) {
        "head"
    } else {
        "encoder"
    }
}
