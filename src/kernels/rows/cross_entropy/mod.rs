//! Softmax cross entropy with label smoothing or soft targets: the loss of each row and its gradient (spec §7.4, §12).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use std::ops::Range;

use crate::kernels::contract::{
    Backward, Binding, Bound, Family, Gradient, Kernel, Reference, Tape, TapeValue, host_form, variants_of,
};
use crate::kernels::rows::row_losses::of_row_losses;
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`CrossEntropy`].
static FAMILY: Family = Family {
    name: "cross_entropy",
    formula: "loss[m] = −share·Σ_h Σ_k y·log p, gradient = share·(p·Σ_k y − y), p = softmax_k(logits), y = (1 − s)·target + s/K",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("logits", "[M, K]"),
        Binding::read("targets", "[M, K]"),
        Binding::read_words("labels", "[M, H]"),
        Binding::write("loss", "[M]"),
        Binding::write("gradient", "[M, K]"),
    ],
    variants: variants_of::<CrossEntropy>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// What the loss compares logits with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Target {
    /// The class of each row and head, a word, counted within the head; one that there is not, as `u32::MAX`, is no target
    /// but for what smoothing makes.
    Label,
    /// A number for each class of each row, such as a mixture of two labels. They need not add up to 1.
    Distribution,
}

/// Compares `rows` rows of logits of `classes` classes with their targets, head by head: a model of several heads, such as
/// nouns and verbs, has the classes of one behind those of another, and each has a softmax of its own.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct CrossEntropy {
    /// M.
    pub rows: usize,
    /// Those of all heads together.
    pub classes: usize,
    /// K of each head.
    pub heads: Vec<usize>,
    /// What the logits are compared with.
    pub target: Target,
    /// s: the share of the target that is spread over all classes of its head, at least 0 and at most 1.
    pub smoothing: f32,
    /// What loss and gradient of each row and head are multiplied by: 1/(M·H) where the loss is the mean of all.
    pub share: f32,
}

impl CrossEntropy {
    /// The mean over `rows` rows of one head, without smoothing.
    pub fn new(rows: usize, classes: usize, target: Target) -> Self {
        Self { rows, classes, heads: vec![classes], target, smoothing: 0.0, share: 1.0 / rows.max(1) as f32 }
    }

    /// The mean over rows and heads, which have so many classes each.
    #[must_use]
    pub fn heads(self, heads: Vec<usize>) -> Self {
        let share = 1.0 / (self.rows * heads.len()).max(1) as f32;
        Self { heads, share, ..self }
    }

    /// The classes of each head.
    fn ranges(&self) -> impl Iterator<Item = Range<usize>> {
        self.heads.iter().scan(0, |end, classes| {
            let start = *end;
            *end += classes;
            Some(start..*end)
        })
    }

    /// The share of the target that is spread over all classes.
    #[must_use]
    pub fn smoothing(self, smoothing: f32) -> Self {
        Self { smoothing, ..self }
    }

    /// What loss and gradient of each row and head are multiplied by.
    #[must_use]
    pub fn share(self, share: f32) -> Self {
        Self { share, ..self }
    }
}

impl Kernel for CrossEntropy {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::cross_entropy;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    const GRADIENT: Option<Gradient<Self>> = Some(gradient);
    host_form!(cross_entropy);

    fn operands(&self) -> Vec<Option<Shape>> {
        let rows = Some(Shape::from([self.rows, self.classes]));
        let labels = (self.target == Target::Label).then(|| [self.rows, self.heads.len()].into());
        let targets = rows.clone().filter(|_| self.target == Target::Distribution);
        vec![rows.clone(), targets, labels, Some([self.rows].into()), rows]
    }

    fn validate(&self) -> Result<()> {
        if self.rows == 0 || self.classes == 0 {
            return Err(Error::usage(format!("{} rows of {} classes have no loss", self.rows, self.classes)));
        }
        if self.heads.contains(&0) || self.heads.iter().sum::<usize>() != self.classes {
            return Err(Error::usage(format!("heads of {:?} classes are not {} classes", self.heads, self.classes)));
        }
        check_smoothing(self.smoothing)
    }

    fn operations(&self) -> u64 {
        // Maximum; difference, exponential, sum; the target's product and two sums; quotient, product, difference, product.
        11 * (self.rows * self.classes) as u64
    }
}

/// An error where no such share of a target can be spread over its classes.
pub(super) fn check_smoothing(smoothing: f32) -> Result<()> {
    match (0.0..=1.0).contains(&smoothing) {
        true => Ok(()),
        false => Err(Error::usage(format!("a smoothing must be between 0 and 1, not {smoothing}"))),
    }
}

/// That of the logits; targets are not learned.
fn gradient(call: &CrossEntropy, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Vec<Option<TapeValue>>> {
    Ok(vec![Some(of_row_losses(call.rows, call.classes, tape, of)?), None, None])
}
