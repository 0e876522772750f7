//! Where a configuration file disagrees with the shapes of the weights.

/// One field that disagrees.
#[derive(Debug)]
pub(super) struct Disagreement {
    /// What the configuration says, with the field's name.
    pub(super) said: String,
    /// What the weights have instead.
    pub(super) stored: String,
}

/// The disagreement where `said` is not `stored`; `sentence` puts a value into words.
pub(super) fn differ<V: PartialEq + ToString>(
    said: V,
    stored: V,
    sentence: impl Fn(V) -> String,
) -> Option<Disagreement> {
    (said != stored).then(|| Disagreement { stored: stored.to_string(), said: sentence(said) })
}

/// All disagreements in half a sentence: `says 99 layers (num_hidden_layers) where the weights have 3`; `None` where
/// there are none.
pub(super) fn half_sentence(all: impl IntoIterator<Item = Disagreement>) -> Option<String> {
    let (said, stored): (Vec<_>, Vec<_>) = all.into_iter().map(|Disagreement { said, stored }| (said, stored)).unzip();
    (!said.is_empty()).then(|| format!("says {} where the weights have {}", listed(&said), listed(&stored)))
}

/// `1 class`, `2 classes`.
pub(super) fn counted(number: usize, noun: &str, ending: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { ending })
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed(parts: &[String]) -> String {
    match parts {
        [head @ .., last] if !head.is_empty() => format!("{} and {last}", head.join(", ")),
        _ => parts.concat(),
    }
}
