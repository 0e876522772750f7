//! What a wrapper put before the names of a model.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::arrays::{Arrays, Dtype};
use super::flax::ROOTS;
use super::location::Location;
use crate::tensor::{Error, Result, Shape, Tensor, printable};

/// One array that every model of a family has, what the family itself may put before it, and what joins its names.
struct Anchor {
    name: &'static str,
    own: &'static [&'static str],
    joint: char,
}

const ANCHORS: [Anchor; 4] = [
    Anchor { name: "embeddings.cls_token", own: &["vivit.", "vit.", "dinov2."], joint: '.' },
    Anchor { name: "embedding.kernel", own: &[], joint: '.' },
    Anchor { name: "patch_embed.proj.weight", own: &[], joint: '.' },
    Anchor { name: "embedding/kernel", own: &ROOTS, joint: '/' },
];

/// What wrappers of PyTorch models are known to put there.
const WRAPPERS: [&str; 5] = ["module.", "_orig_mod.", "model.", "network.", "net."];

impl Anchor {
    /// What stands before the anchor in `name`, without what the family puts there.
    fn prefix<'a>(&self, name: &'a str) -> Option<&'a str> {
        let before = name.strip_suffix(self.name)?;
        if !before.is_empty() && !before.ends_with(self.joint) {
            return None;
        }
        if self.joint == '/' && self.own.iter().any(|own| before.starts_with(own)) {
            return Some("");
        }
        Some(self.own.iter().find_map(|own| before.strip_suffix(own)).unwrap_or(before))
    }
}

/// `arrays` without the prefix that a wrapper put before the names of a model; a note tells of it.
///
/// # Errors
///
/// Several models, each under a prefix of its own that is not known of wrappers.
pub(super) fn strip(location: &mut Location, arrays: Box<dyn Arrays>) -> Result<Box<dyn Arrays>> {
    let names = arrays.names();
    let of = |name: &&str| ANCHORS.iter().find_map(|anchor| anchor.prefix(name)).map(str::to_owned);
    let prefixes: BTreeSet<_> = names.iter().filter_map(of).collect();
    if prefixes.is_empty() || prefixes.contains("") {
        return Ok(arrays);
    }
    let is_known =
        |prefix: &&String| WRAPPERS.iter().fold((**prefix).clone(), |rest, known| rest.replace(known, "")).is_empty();
    let known: Vec<_> = prefixes.iter().filter(is_known).collect();
    let prefix = match (known.as_slice(), prefixes.len()) {
        ([one], _) => (*one).clone(),
        ([], 1) => prefixes.into_iter().collect(),
        _ => {
            let shown: Vec<_> = prefixes.iter().map(|prefix| printable(prefix, LONGEST_SHOWN)).collect();
            return Err(Error::file(format!(
                "{} holds several models, whose names begin with {}: save one of them alone",
                arrays.path().display(),
                shown.join(" and with ")
            )));
        }
    };
    location.notes.push(format!(
        "the names of the weights begin with {}, as a wrapper of the model writes them, which is left out",
        printable(&prefix, LONGEST_SHOWN)
    ));
    Ok(Box::new(Stripped::of(arrays, &prefix)))
}

/// Characters of a prefix in a sentence.
const LONGEST_SHOWN: usize = 80;

/// Arrays under shorter names.
#[derive(Debug)]
struct Stripped {
    arrays: Box<dyn Arrays>,
    /// For each name the stored one.
    stored: BTreeMap<String, String>,
}

impl Stripped {
    fn of(arrays: Box<dyn Arrays>, prefix: &str) -> Self {
        let names: Vec<_> = arrays.names().into_iter().map(str::to_owned).collect();
        let (wrapped, others): (Vec<_>, Vec<_>) = names.into_iter().partition(|name| name.starts_with(prefix));
        // Those of the model win where both have the same name then.
        let others = others.into_iter().map(|name| (name.clone(), name));
        let stored = others.chain(wrapped.into_iter().map(|name| (name[prefix.len()..].to_owned(), name))).collect();
        Self { arrays, stored }
    }

    fn stored(&self, name: &str) -> Option<&str> {
        self.stored.get(name).map(String::as_str)
    }
}

impl Arrays for Stripped {
    fn path(&self) -> &Path {
        self.arrays.path()
    }

    fn names(&self) -> Vec<&str> {
        self.stored.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<Shape> {
        self.arrays.shape(self.stored(name)?)
    }

    fn dtype(&self, name: &str) -> Option<Dtype> {
        self.arrays.dtype(self.stored(name)?)
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        let missing = || Error::usage(format!("{} holds no array `{name}`", self.path().display()));
        self.arrays.tensor(self.stored(name).ok_or_else(missing)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prefix(name: &str) -> Option<&str> {
        ANCHORS.iter().find_map(|anchor| anchor.prefix(name))
    }

    #[test]
    fn a_prefix_is_what_the_family_does_not_put_there() {
        for (name, expected) in [
            ("vivit.embeddings.cls_token", Some("")),
            ("embeddings.cls_token", Some("")),
            ("module.vivit.embeddings.cls_token", Some("module.")),
            ("_orig_mod.module.embeddings.cls_token", Some("_orig_mod.module.")),
            ("vivit.embeddings.position_embeddings", None),
            ("word_embeddings.cls_token", None),
            ("model.embedding.kernel", Some("model.")),
            ("params/embedding/kernel", Some("")),
            ("optimizer/target/params/embedding/kernel", Some("")),
            ("ema/embedding/kernel", Some("ema/")),
            ("visual.trunk.patch_embed.proj.weight", Some("visual.trunk.")),
        ] {
            assert_eq!(prefix(name), expected, "{name}");
        }
    }
}
