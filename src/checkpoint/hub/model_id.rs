//! Names of models on the hub.

use std::fmt;

/// A model on the hub, in one of its revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ModelId {
    /// `ORGANISATION/NAME`, for some old models only `NAME`.
    pub(super) name: String,
    /// A branch, a tag, a commit or a pull request (`refs/pr/3`).
    pub(super) revision: String,
}

impl ModelId {
    /// `ORGANISATION/NAME` or `ORGANISATION/NAME@REVISION`; `None` for what can be no such name, and for names of files.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (name, revision) = text.split_once('@').unwrap_or((text, "main"));
        let is_file = [".npz", ".safetensors"].iter().any(|extension| name.ends_with(extension));
        let valid = !is_file && name.split('/').count() <= 2 && [name, revision].into_iter().all(is_path);
        valid.then(|| Self { name: name.into(), revision: revision.into() })
    }
}

/// Whether `text` is made of names joined by `/`, none of which leads out of a folder.
fn is_path(text: &str) -> bool {
    let named = |part: &str| {
        let mut characters = part.chars();
        characters.next().is_some_and(|first| first.is_ascii_alphanumeric() || first == '_')
            && characters.all(|rest| rest.is_ascii_alphanumeric() || "._-".contains(rest))
    };
    text.split('/').all(named)
}

impl fmt::Display for ModelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if self.revision != "main" { write!(f, "@{}", self.revision) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_and_without_a_revision() {
        let id = ModelId::parse("google/vivit-b-16x2-kinetics400").unwrap();
        assert_eq!((id.name.as_str(), id.revision.as_str()), ("google/vivit-b-16x2-kinetics400", "main"));
        let id = ModelId::parse("google/vivit@refs/pr/3").unwrap();
        assert_eq!((id.name.as_str(), id.revision.as_str()), ("google/vivit", "refs/pr/3"));
        assert_eq!(id.to_string(), "google/vivit@refs/pr/3");
    }

    #[test]
    fn paths_are_no_names() {
        for text in [
            "",
            "/abs/olute",
            "./here",
            "../up",
            "a/../b",
            "a/b/c",
            "a//b",
            "a/b@",
            "a/b@../x",
            "a b",
            "a\\b",
            "a.npz",
            "a/b.safetensors",
        ] {
            assert_eq!(ModelId::parse(text), None, "{text}");
        }
    }
}
