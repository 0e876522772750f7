//! A weight from rows of floats to the format in which a product reads it.

mod cases;
#[cfg(feature = "cpu")]
mod host;
mod reference;
mod wgsl;

use crate::kernels::contract::{Binding, Bound, Family, Kernel, Reference, host_form, variants_of};
use crate::kernels::shader::Planned;
use crate::tensor::{Element, Error, Format, Layout, Result, Shape};

/// The declaration of [`Repack`].
static FAMILY: Family = Family {
    name: "repack",
    formula: "output[index of (n, k) in the format] = weight[n, k] as the format stores it",
    uniform: wgsl::Uniform::FIELDS,
    bindings: &[Binding::read("weight", "[N, K]"), Binding::write_words("output", "[words of the format]")],
    variants: variants_of::<Repack>,
    cases: cases::cases,
    random: Some(cases::random),
};

/// Packs a weight of `columns` outputs, each with `inner` inputs, into `format`.
#[derive(Clone, Debug, PartialEq)]
pub struct Repack {
    /// N.
    pub columns: usize,
    /// K.
    pub inner: usize,
    /// How the output lies, in words of 32 bits: one float each, or two halves.
    pub format: Format,
}

impl Repack {
    fn shape(&self) -> Shape {
        [self.columns, self.inner].into()
    }

    /// Columns that are packed together: those of a panel. Rows are taken in pairs, which end with a word.
    fn unit(&self) -> usize {
        match self.format.layout {
            Layout::Rows => 2,
            Layout::Panels { columns } | Layout::PairedPanels { columns } => columns,
        }
    }

    /// Words of a unit.
    fn unit_words(&self) -> usize {
        self.format.words(&[self.unit(), self.inner].into())
    }
}

impl Kernel for Repack {
    const FAMILY: &'static Family = &FAMILY;
    const VARIANTS: &'static [Planned<Self>] = &wgsl::VARIANTS;
    const REFERENCE: Reference<Self> = reference::repack;
    const BOUND: Option<Bound<Self>> = Some(Bound::EXACT);
    host_form!(repack);

    fn operands(&self) -> Vec<Option<Shape>> {
        vec![Some(self.shape()), Some([self.format.words(&self.shape())].into())]
    }

    fn validate(&self) -> Result<()> {
        let Self { columns, inner, format } = *self;
        if columns == 0 || inner == 0 {
            return Err(Error::usage(format!("a weight of {columns} columns of {inner} has nothing to pack")));
        }
        match format {
            Format { element: Element::U32, .. } => Err(Error::usage("weights are floats and not packed as words")),
            Format { layout: Layout::Panels { columns: 0 }, .. } => {
                Err(Error::usage("panels need at least one column"))
            }
            Format { layout: Layout::PairedPanels { columns }, .. } if columns == 0 || columns % 4 != 0 => {
                Err(Error::usage(format!("paired panels need a multiple of 4 columns, not {columns}")))
            }
            _ => Ok(()),
        }
    }

    fn operations(&self) -> u64 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::contract::rounded_reference;
    use crate::tensor::Tensor;

    /// A weight is packed on a device as it is when a model is loaded.
    #[test]
    fn the_reference_agrees_with_formats() {
        for format in cases::FORMATS {
            for [columns, inner] in [[1, 1], [4, 8], [67, 131], [30, 13]] {
                let values = (0..columns * inner).map(|index| (index as f32).sin()).collect();
                let weight = Tensor::f32([columns, inner], values).unwrap();
                let packed = rounded_reference(&Repack { columns, inner, format }, &[Some(&weight)]).unwrap();
                assert_eq!(packed[0].as_bytes(), &*format.bytes_of(&weight).unwrap(), "{columns} × {inner}, {format}");
            }
        }
    }

    #[test]
    fn formats_without_sense_are_errors() {
        let of = |element, layout| Repack { columns: 3, inner: 4, format: Format { element, layout } }.validate();
        assert!(of(Element::F16, Layout::PairedPanels { columns: 8 }).is_ok());
        assert!(of(Element::U32, Layout::Rows).is_err());
        assert!(of(Element::F32, Layout::Panels { columns: 0 }).is_err());
        assert!(of(Element::F32, Layout::PairedPanels { columns: 6 }).is_err());
    }
}
