//! Dropout: values that are left out at random while a model learns (spec §2.1).
//!
//! What is dropped depends on nothing but the key of a clip, the number of the dropout and the number of the element: a pass
//! that is computed again, its backward pass, and every device drop the same.

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod threefry;
mod wgsl;

use crate::kernels::contract::{
    Backward, Binding, Bound, Family, Gradient, Kernel, Reference, Tape, TapeValue, host_form, variants_of,
};
use crate::kernels::shader::Planned;
use crate::tensor::{Error, Result, Shape};

/// The declaration of [`Dropout`].
static FAMILY: Family = Family {
    name: "dropout",
    formula: "out[b, e] = in[b, e] / (1 − p), or 0 with probability p: where threefry(keys[b], [e, draw]) < p·2³²",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[
        Binding::read("input", "[B·M, C]"),
        Binding::read_words("keys", "[B, 2]"),
        Binding::write("output", "[B·M, C]"),
    ],
    variants: variants_of::<Dropout>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Replaces some of the `rows`×`width` elements of each of `clips` by 0 and multiplies the others by 1 / (1 − rate), so that
/// the mean stays.
///
/// The words are those of Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw: Parallel random numbers: as easy as 1,
/// 2, 3. SC 2011), as in JAX: the key of the clip is its key, the counter the number of the element within its clip and
/// the number of the dropout. The first word of a block decides.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Dropout {
    /// B: whatever has a key of its own.
    pub clips: usize,
    /// M, rows of a clip.
    pub rows: usize,
    /// C.
    pub width: usize,
    /// p: how likely an element is dropped, from 0 to below 1.
    pub rate: f64,
    /// The number of this dropout among those of a model, which all have random numbers of their own.
    pub draw: u32,
}

impl Dropout {
    /// Of `clips` of `rows`×`width` elements at this rate, the first of a model.
    pub fn new(clips: usize, rows: usize, width: usize, rate: f64) -> Self {
        Self { clips, rows, width, rate, draw: 0 }
    }

    /// The number of this dropout among those of a model.
    #[must_use]
    pub fn draw(self, draw: u32) -> Self {
        Self { draw, ..self }
    }

    /// Elements of a clip.
    fn length(&self) -> usize {
        self.rows * self.width
    }

    /// An element whose word is below this is dropped.
    fn threshold(&self) -> u32 {
        // Saturates: a rate next to 1 drops all but one of 2³².
        (self.rate * 4_294_967_296.0).round() as u32
    }

    /// What the others are multiplied by.
    fn scale(&self) -> f32 {
        (1.0 / (1.0 - self.rate)) as f32
    }
}

impl Kernel for Dropout {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::dropout;
    const BOUND: Option<Bound<Self>> = Some(Bound::EXACT);
    const GRADIENT: Option<Gradient<Self>> = Some(gradient);
    host_form!(dropout);

    fn operands(&self) -> Vec<Option<Shape>> {
        let shape = Shape::from([self.clips * self.rows, self.width]);
        vec![Some(shape.clone()), Some([self.clips, 2].into()), Some(shape)]
    }

    fn validate(&self) -> Result<()> {
        let Self { clips, rows, width, rate, .. } = *self;
        if [clips, rows, width].contains(&0) {
            return Err(Error::usage(format!("{clips} clips of {rows}×{width} elements have none")));
        }
        if u32::try_from(rows.saturating_mul(width)).is_err() {
            return Err(Error::unsupported(format!(
                "a clip of {rows}×{width} elements has more than 32 bits can number"
            )));
        }
        if !(0.0..1.0).contains(&rate) {
            return Err(Error::usage(format!(
                "values cannot be dropped at a rate of {rate}; it must be from 0 to below 1"
            )));
        }
        Ok(())
    }

    fn operations(&self) -> u64 {
        // Of each of 20 rounds an addition, a rotation in 3, an exclusive or; of each of 5 keys 3 additions; two more at the
        // start, a comparison and a product.
        119 * (self.clips * self.length()) as u64
    }
}

/// The same elements of the gradient are dropped.
fn gradient(call: &Dropout, tape: &mut dyn Tape, of: &Backward<'_>) -> Result<Vec<Option<TapeValue>>> {
    let dropped = tape.one(call.clone(), &[Some(of.gradient(0)?), Some(of.input(1)?)])?;
    Ok(vec![Some(dropped), None])
}
