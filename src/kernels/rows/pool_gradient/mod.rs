//! The gradient of pooling: what each token has in a sequence's vector (spec §12).

mod bound;
mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::rows::pool::{Pool, Pooling};
use crate::kernels::shader::Planned;
use crate::tensor::{Result, Shape};

/// The declaration of [`PoolGradient`].
static FAMILY: Family = Family {
    name: "pool_gradient",
    formula: "out[b, n, c] = gradient[b, c] of token 0, or of valid n: of a sum, / their number of a mean, / ties of a maximum",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("input", "[B, N, C]"),
        Binding::read_words("validity", "[B, T]"),
        Binding::read("pooled", "[B, C]"),
        Binding::read("gradient", "[B, C]"),
        Binding::write("output", "[B, N, C]"),
        Binding::scratch("ties", "[B, C]"),
    ],
    variants: variants_of::<PoolGradient>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// The gradient of the tokens that a [`Pool`] has made vectors of. Tokens that did not count have 0.
///
/// Tokens that tie for a maximum share its gradient equally, as in the frameworks that models come from. Where the maximum
/// is NaN, every token that counts has NaN. The call is given the tokens and their maxima for [`Pooling::Max`] alone.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PoolGradient {
    /// The pooling.
    pub pool: Pool,
}

impl PoolGradient {
    /// Of the tokens of `pool`.
    pub fn new(pool: Pool) -> Self {
        Self { pool }
    }
}

impl Kernel for PoolGradient {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::pool_gradient;
    const BOUND: Option<Bound<Self>> = Some(bound::BOUND);
    host_form!(pool_gradient);

    fn operands(&self) -> Vec<Option<Shape>> {
        let Pool { sequences, tokens, width, pooling, masking } = self.pool;
        let (whole, vectors) = (Shape::from([sequences, tokens, width]), Shape::from([sequences, width]));
        let of_maximum = |shape: &Shape| (pooling == Pooling::Max).then(|| shape.clone());
        vec![
            of_maximum(&whole),
            masking.map(|_| [sequences, self.pool.times()].into()),
            of_maximum(&vectors),
            Some(vectors),
            Some(whole),
            None,
        ]
    }

    fn validate(&self) -> Result<()> {
        Kernel::validate(&self.pool)
    }

    fn operations(&self) -> u64 {
        let Pool { sequences, tokens, width, .. } = self.pool;
        match self.pool.pooling {
            Pooling::Token | Pooling::Sum => 0,
            Pooling::Mean => (sequences * width) as u64,
            // Two comparisons and a sum.
            Pooling::Max => 3 * (sequences * tokens * width) as u64,
        }
    }
}
