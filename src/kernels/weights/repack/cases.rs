//! Shapes and formats for packing. Bits are compared, so every case is exact.

use super::Repack;
use super::wgsl::INVOCATIONS;
use crate::kernels::contract::{Case, Draw};
use crate::tensor::{Element, Format, Layout, Result, Tensor};

/// Every format that a weight can be packed into, with panels as narrow as there are.
pub(super) const FORMATS: [Format; 6] = {
    const fn of(element: Element, layout: Layout) -> Format {
        Format { element, layout }
    }
    let (panels, paired) = (Layout::Panels { columns: 4 }, Layout::PairedPanels { columns: 8 });
    [
        of(Element::F16, Layout::Rows),
        of(Element::F32, Layout::Rows),
        of(Element::F32, panels),
        of(Element::F16, panels),
        of(Element::F32, paired),
        of(Element::F16, paired),
    ]
};

const WIDE: Format = Format { element: Element::F16, layout: Layout::PairedPanels { columns: 32 } };
const PLAIN: Format = Format { element: Element::F32, layout: Layout::Panels { columns: 64 } };

fn of(columns: usize, inner: usize, format: Format) -> Repack {
    Repack { columns, inner, format }
}

fn case(name: impl Into<String>, call: Repack) -> Case {
    Case::new(name, call)
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for format in FORMATS {
        cases.push(case(format!("one element, {format}"), of(1, 1, format)));
        cases.push(case(format!("primes, {format}"), of(67, 131, format)));
        cases.push(case(format!("cut into pieces, {format}"), of(301, 13, format)).binding_bytes(4096));
        cases.push(case(format!("everything that rounds, {format}"), of(7, 13, format)).given(0, rounding()));
    }
    let group = INVOCATIONS as usize;
    cases.extend([
        case("a group less one", of(1, group - 1, FORMATS[1])),
        case("a group and one", of(1, group + 1, FORMATS[1])),
        case("ViT-B MLP in", of(3072, 768, PLAIN)).timed(),
        case("ViT-B MLP in, of halves", of(3072, 768, WIDE)).timed(),
        case("more words than groups in a dimension", of(65_537, group, FORMATS[1])),
        case("groups in two dimensions", of(40, group + 1, PLAIN)).workgroups(40),
    ]);
    cases
}

/// Numbers that halves hold, do not hold, round up, down and to even, those that are too small for them, and a NaN.
fn rounding() -> Result<Tensor> {
    let (half, subnormal) = (f32::exp2(-11.0), f32::exp2(-24.0));
    let mut values = vec![
        0.0,
        -0.0,
        1.0,
        1.0 + half,
        1.0 + 3.0 * half,
        1.0 + half * 1.001,
        -1.0 - half,
        65504.0,
        65519.0,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NAN,
        subnormal,
        0.5 * subnormal,
        0.501 * subnormal,
        1.5 * subnormal,
        -2.5 * subnormal,
        1023.0 * subnormal,
        1023.5 * subnormal,
        f32::MIN_POSITIVE,
    ];
    values.extend((values.len()..7 * 13).map(|index| (index as f32).sin() * f32::exp2(index as f32 / 3.0 - 26.0)));
    Tensor::f32([7, 13], values)
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (columns, inner) = (draw.size(200), draw.size(300));
    let format = draw.one_of(&[&FORMATS[..], &[PLAIN, WIDE]].concat());
    let case = case("random", of(columns, inner, format));
    draw.limited(case)
}
