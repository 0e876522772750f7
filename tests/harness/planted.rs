//! The faults that are planted, by name: in which kernel, case and variant, and what the report of it says.

use libtest_mimic::Failed;
use tubelet::gpu::{DeviceKind, Gpu};
use tubelet::kernels::Family;
use tubelet::kernels::suite::{Outcome, check};

use crate::common::Shown;
use crate::masked_sum::MASKED_SUM;
use crate::product::PRODUCT;
use crate::shares::SHARES;
use crate::{ADVANCE, SCALE};

/// A fault planted in a variant of a kernel.
#[derive(Clone, Copy)]
pub(crate) struct Fault {
    pub(crate) name: &'static str,
    family: &'static Family,
    case: &'static str,
    variant: &'static str,
    /// What the report says.
    report: &'static str,
    /// Whether a device may do right by it: one whose workgroups run in step, or whose `max` keeps a NaN.
    may_pass: bool,
}

const fn fault(
    name: &'static str,
    family: &'static Family,
    case: &'static str,
    variant: &'static str,
    report: &'static str,
) -> Fault {
    Fault { name, family, case, variant, report, may_pass: false }
}

const fn where_it_shows(fault: Fault) -> Fault {
    Fault { may_pass: true, ..fault }
}

const TILES: &str = "tiles and a part of one";
const NUMBERS: &str = "numbers and a NaN";

pub(crate) static FAULTS: [Fault; 15] = [
    fault("one wrong element", &SCALE, NUMBERS, "one_wrong_element", "1 of 41 elements unequal; first at [17]"),
    fault("stale output", &SCALE, NUMBERS, "stale_value", "40 of 41 elements unequal; first at [0]: NaN"),
    fault("an output left out", &SCALE, NUMBERS, "unwritten_element", "left element 17 of output unwritten"),
    fault("stale scratch", &ADVANCE, "41 numbers", "stale_scratch", "first at [0]: NaN"),
    fault("an overrun", &SCALE, NUMBERS, "write_behind", "wrote behind output: 1 elements after its end"),
    fault("a read behind the end", &SCALE, NUMBERS, "padding_read", "40 of 41 elements unequal; first at [0]: NaN"),
    fault("off by one at a tile edge", &PRODUCT, TILES, "tile_edge", "elements unequal; first at [8, 0]"),
    fault(
        "a loop step larger than its body",
        &PRODUCT,
        TILES,
        "long_step",
        "247 of 247 elements unequal; first at [0, 0]",
    ),
    fault("sums in f16", &PRODUCT, TILES, "half_sums", "of its bound"),
    fault(
        "a silently stopped loop",
        &PRODUCT,
        "a long sum",
        "stopped_loop",
        "6 of 6 elements unequal; first at [0, 0]",
    ),
    fault("a wrong mask row", &MASKED_SUM, "two rows a mask", "wrong_mask_row", "elements unequal; first at [1]"),
    fault(
        "softmax without its maximum",
        &SHARES,
        "large values",
        "no_maximum",
        "15 of 15 elements unequal; first at [0, 0]",
    ),
    where_it_shows(fault("a missing barrier", &PRODUCT, TILES, "no_barrier", "elements unequal; first at")),
    where_it_shows(fault(
        "a missing barrier in a sum",
        &MASKED_SUM,
        "two rows a mask",
        "no_barrier",
        "6 of 6 elements unequal; first at [0]",
    )),
    where_it_shows(fault(
        "a NaN swallowed by max",
        &SHARES,
        "a NaN in the second row",
        "swallowed_nan",
        "first at [1, ",
    )),
];

/// Each family whose variants are planted, with the one that is right.
pub(crate) static RIGHT: [(&Family, &str); 5] =
    [(&SCALE, "right"), (&ADVANCE, "floats"), (&PRODUCT, "right"), (&SHARES, "right"), (&MASKED_SUM, "right")];

/// Every variant of the kernels that are planted here has its fault or is the right one.
pub(crate) fn none_is_left_out() {
    for family in [&PRODUCT, &SHARES, &MASKED_SUM] {
        let planted = FAULTS.iter().filter(|fault| std::ptr::eq(fault.family, family)).count();
        assert_eq!(planted + 1, family.variants().len(), "{}: a fault without its report", family.name);
    }
}

impl Fault {
    /// It is caught, and its report says what it is.
    ///
    /// Where a barrier is missing, a device whose subgroups are as large as the workgroup computes the same: it shows
    /// nothing, which is neither passed nor failed. A software device runs one subgroup after another, so the first
    /// reads what no other has written. So with `max`, of which WGSL leaves open what becomes of a NaN.
    pub(crate) fn is_caught(&self, device: &Gpu) -> Result<Shown, Failed> {
        let variant = self.family.variant_named(self.variant, device.capabilities())?;
        let mut cases = (self.family.cases)();
        cases.retain(|case| case.name == self.case);
        let outcome = check(device, cases.first().ok_or("no case of this name")?, variant);
        let shows = !self.may_pass || device.capabilities().kind == DeviceKind::Software;
        match outcome {
            Outcome::Failed(said) if said.contains(self.report) => Ok(Shown::Passed),
            Outcome::Failed(said) => Err(format!("{said:?} does not say {:?}", self.report).into()),
            Outcome::Passed(_) if !shows => Ok(Shown::Unsupported),
            outcome => Err(format!("it is not caught: {outcome}").into()),
        }
    }
}

/// Every case of a kernel passes where nothing is planted.
pub(crate) fn is_right(family: &'static Family, variant: &str, device: &Gpu) -> Result<Shown, Failed> {
    let variant = family.variant_named(variant, device.capabilities())?;
    for case in (family.cases)() {
        match check(device, &case, variant) {
            Outcome::Passed(_) => {}
            outcome => return Err(format!("{}: {outcome}", case.name).into()),
        }
    }
    Ok(Shown::Passed)
}
