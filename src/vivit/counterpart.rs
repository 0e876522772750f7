//! Which parameter of an image model corresponds to a parameter of a video model.

/// What an image model has for one parameter of a video model. Its parameters have Model 1's names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Counterpart {
    /// The parameter of that name, where it has one.
    Named(String),
    /// The class token of that name, which is taken over only on request.
    ClassToken(String),
    /// The parameter of the attention over space of that name, which may stand in for one over time.
    Temporal(String),
    /// Nothing.
    Nothing,
}
