//! Attention rollout: how much each input token contributes to the tokens that a model makes of them (Abnar and Zuidema
//! 2020, arXiv 2005.00928), one layer at a time, from the last to the first.
//!
//! A layer with probabilities P_h takes the weights of its outputs to those of its inputs by the matrix
//! ½·I + ½·mean_h P_h. Only its product with one vector is needed, so no matrix is ever stored: with N = 3137 tokens it
//! would have 39 MB a head.

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use std::ops::Range;

use crate::kernels::attention::qkv::Qkv;
use crate::kernels::attention::sequences::Part;
use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Element, Error, Result, Shape};

/// The declaration of [`AttentionRollout`].
static FAMILY: Family = Family {
    name: "attention_rollout",
    formula: "out[j] = keep · base[j] + pass · mean_h Σ_i weights[i] · P_h[i, j], P = attention probabilities",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("query", "[3H, R, D] or [R, 3C]"),
        Binding::read("key", "[3H, R, D] or [R, 3C]"),
        Binding::read("normaliser", "[heads, 2, R]"),
        Binding::read("weights", "[R]"),
        Binding::read("base", "[R]"),
        Binding::read_words("validity", "[B, T]"),
        Binding::write("output", "[R]"),
    ],
    variants: variants_of::<AttentionRollout>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// The share of the residual path in a step of rollout, and the share of attention.
pub(crate) const ROLLOUT: f32 = 0.5;

/// Hands the weight of each row, as a query, to the rows it attends to: `weights` · P, the mean over the heads of one
/// [`Part`] of attention.
///
/// - Rollout: `base` is `weights`, with `keep` and `pass` both ½.
/// - One layer's map for one query: `weights` is 1 there and 0 elsewhere, `keep` is `None`, `pass` is 1.
/// - Heads that attend in two ways (Model 4) are two calls, each with its share of `pass`: the first with `weights` as
///   its base, the second with the first one's output, of which it keeps 1.
///
/// `normaliser` is the output of [`AttentionNormaliser`](super::AttentionNormaliser) for the same part, or the
/// statistics that [`Attention`](super::Attention) writes for all heads. A row of weight 0 is left out, and costs next
/// to nothing where its neighbours have weight 0 too. Query and key have the whole packed tensor's shape, as in
/// [`Attention`](super::Attention).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct AttentionRollout {
    /// The packed queries, keys and values.
    pub qkv: Qkv,
    /// Which heads, within which sequences.
    pub part: Part,
    /// The heads that `normaliser` covers: those of the part, or more.
    pub normalised: Range<usize>,
    /// The factor of `base`; `None` where the call has no base.
    pub keep: Option<f32>,
    /// The factor of the mean over the heads.
    pub pass: f32,
}

impl AttentionRollout {
    /// Hands weights on by attention alone, without a base. `normalised` are the heads that `normaliser` covers.
    pub fn new(qkv: Qkv, part: Part, normalised: Range<usize>) -> Self {
        Self { qkv, part, normalised, keep: None, pass: 1.0 }
    }

    /// The factor of `base`; `None` where the call has no base.
    #[must_use]
    pub fn keep(self, keep: impl Into<Option<f32>>) -> Self {
        Self { keep: keep.into(), ..self }
    }

    /// The factor of the mean over the heads.
    #[must_use]
    pub fn pass(self, pass: f32) -> Self {
        Self { pass, ..self }
    }
}

impl Kernel for AttentionRollout {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::attention_rollout;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(attention_rollout);

    fn operands(&self) -> Vec<Option<Shape>> {
        let (packed, rows) = (Some(self.qkv.shape()), Some(Shape::from([self.qkv.rows])));
        let normaliser = Some([self.normalised.len(), 2, self.qkv.rows].into());
        let base = self.keep.and(rows.clone());
        vec![packed.clone(), packed, normaliser, rows.clone(), base, self.part.validity(), rows]
    }

    fn validate(&self) -> Result<()> {
        self.qkv.validate()?;
        self.part.validate(&self.qkv, &(0..self.part.sequences.tokens))?;
        if self.normalised.start > self.part.heads.start || self.normalised.end < self.part.heads.end {
            let (heads, normalised) = (&self.part.heads, &self.normalised);
            return Err(Error::usage(format!("the normaliser of heads {normalised:?} does not cover heads {heads:?}")));
        }
        match self.keep {
            Some(keep) if !keep.is_finite() => {
                Err(Error::usage(format!("the factor of the base must be finite, not {keep}")))
            }
            _ if !self.pass.is_finite() => {
                Err(Error::usage(format!("the factor of attention must be finite, not {}", self.pass)))
            }
            _ => Ok(()),
        }
    }

    fn operations(&self) -> u64 {
        // For each query and key: a product over D; difference, exponential, product, sum.
        let pairs = self.part.heads.len() * self.qkv.rows * self.part.sequences.tokens;
        pairs as u64 * (2 * self.qkv.width as u64 + 4)
    }

    fn bytes_read(&self) -> u64 {
        let validity = self.part.validity().map_or(0, |validity| validity.elements());
        let vectors = 1 + usize::from(self.keep.is_some()) + 2 * self.part.heads.len();
        let packed = self.part.elements_read(self.qkv.width, self.part.sequences.tokens, 1);
        Element::F32.bytes_of(packed + validity + vectors * self.qkv.rows)
    }
}

#[cfg(test)]
mod tests {
    use crate::kernels::contract::rounded_reference;
    use crate::tensor::Tensor;

    use super::*;
    use crate::kernels::attention::mask::Mask;
    use crate::kernels::attention::normaliser::AttentionNormaliser;
    use crate::kernels::attention::probabilities::AttentionProbabilities;
    use crate::kernels::attention::sequences::Sequences;

    const TOKENS: usize = 7;
    const HEADS: usize = 4;

    fn rollout(heads: Range<usize>) -> AttentionRollout {
        let normalised = heads.clone();
        let part = Part { heads, sequences: Sequences::joint(1, TOKENS), mask: Mask::NONE };
        AttentionRollout { qkv: Qkv::in_planes(TOKENS, HEADS, 3), part, normalised, keep: Some(ROLLOUT), pass: ROLLOUT }
    }

    fn waves(shape: impl Into<Shape>) -> Tensor {
        let shape = shape.into();
        let values: Vec<f32> = (0..shape.elements()).map(|index| 2.0 * (1.7 * index as f32).sin()).collect();
        Tensor::f32(shape, values).unwrap()
    }

    fn weights() -> Tensor {
        Tensor::f32([TOKENS], (0..TOKENS).map(|row| row as f32 / 21.0).collect::<Vec<_>>()).unwrap()
    }

    /// The step and, before it, the normaliser, both by their references.
    fn step(call: &AttentionRollout, base: &Tensor) -> Vec<f32> {
        let (qkv, weights) = (waves(call.qkv.shape()), weights());
        let normaliser = AttentionNormaliser { qkv: call.qkv.clone(), part: call.part.clone(), weighted: true };
        let inputs = [Some(&qkv), Some(&qkv), Some(&weights), None];
        let normaliser = rounded_reference(&normaliser, &inputs).unwrap().remove(0);
        let inputs = [Some(&qkv), Some(&qkv), Some(&normaliser), Some(&weights), Some(base), None];
        rounded_reference(call, &inputs).unwrap().remove(0).as_f32().unwrap().to_vec()
    }

    fn assert_close(actual: &[f32], expected: &[f32]) {
        let close = actual.iter().zip(expected).all(|(actual, expected)| (actual - expected).abs() < 1e-6);
        assert!(close && actual.len() == expected.len(), "{actual:?} instead of {expected:?}");
    }

    #[test]
    fn a_step_is_a_product_with_the_mean_of_the_probabilities() {
        let call = rollout(0..HEADS);
        let (qkv, weights) = (waves(call.qkv.shape()), weights());
        let stored = AttentionProbabilities { qkv: call.qkv.clone(), part: call.part.clone(), queries: 0..TOKENS };
        let stored = rounded_reference(&stored, &[Some(&qkv), Some(&qkv), None]).unwrap().remove(0);
        let (stored, weights) = (stored.as_f32().unwrap(), weights.as_f32().unwrap());
        let mut expected: Vec<f32> = weights.iter().map(|weight| 0.5 * weight).collect();
        for (index, probability) in stored.iter().enumerate() {
            expected[index % TOKENS] += 0.5 / HEADS as f32 * weights[index / TOKENS % TOKENS] * probability;
        }
        assert_close(&step(&call, &self::weights()), &expected);
        assert!((expected.iter().sum::<f32>() - 1.0).abs() < 1e-5);
    }

    #[test]
    fn heads_that_attend_in_two_ways_are_two_calls() {
        let first = AttentionRollout { pass: 0.25, ..rollout(0..2) };
        let second = AttentionRollout { keep: Some(1.0), pass: 0.25, ..rollout(2..HEADS) };
        let between = Tensor::f32([TOKENS], step(&first, &weights())).unwrap();
        assert_close(&step(&second, &between), &step(&rollout(0..HEADS), &weights()));
    }

    #[test]
    fn factors_that_are_not_finite_are_errors() {
        rollout(0..HEADS).validate().unwrap();
        assert!(AttentionRollout { keep: Some(f32::NAN), ..rollout(0..HEADS) }.validate().is_err());
        assert!(AttentionRollout { pass: f32::INFINITY, ..rollout(0..HEADS) }.validate().is_err());
    }
}
