//! Which values of a graph are wanted.

use std::collections::BTreeSet;

/// Which values are wanted beside a graph's outputs.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Taps {
    /// None: every call may be fused.
    #[default]
    None,
    /// Those with these names.
    Names(BTreeSet<String>),
    /// Every one that has a name.
    All,
}

impl<S: Into<String>> FromIterator<S> for Taps {
    /// The values with these names; none for none.
    fn from_iter<T: IntoIterator<Item = S>>(names: T) -> Self {
        let names: BTreeSet<String> = names.into_iter().map(Into::into).collect();
        if names.is_empty() { Self::None } else { Self::Names(names) }
    }
}

impl Taps {
    /// Whether the value called `name` is wanted.
    pub(crate) fn want(&self, name: &str) -> bool {
        match self {
            Self::None => false,
            Self::Names(names) => names.contains(name),
            Self::All => true,
        }
    }
}
