//! Sums of squares in WGSL.

use super::SquareSum;
use crate::kernels::shader::{Dispatches, Literals, Needs, Planned, Unfit, wgsl, word};

/// Invocations that share a part.
const INVOCATIONS: u32 = 256;
/// Elements of a part, where there are not too many parts.
pub(super) const PART: usize = 4096;
/// The most parts, unless bindings are too small for so long ones: enough to keep a large GPU busy, and few to add up.
pub(super) const PARTS: usize = 1024;
/// Index of the sums of parts among the bindings.
const PART_SUMS: usize = 3;

crate::uniform! {
    pub(super) struct Uniform {
        elements: u32,
        part: u32,
        input_start: u32,
        first_part: u32,
    }
}

/// The ways to compute it.
pub(super) static VARIANTS: [Planned<SquareSum>; 1] = [Planned::any(
    wgsl!("weights/square_sum.wgsl"),
    Needs::invocations(INVOCATIONS).workgroup_floats(INVOCATIONS),
    plan,
)];

/// The sums of parts, and their sum.
fn plan(call: &SquareSum, dispatches: &mut Dispatches<'_>) -> Result<(), Unfit> {
    let elements = call.rows * call.width;
    let part = part(elements, dispatches);
    let parts = elements.div_ceil(part);
    let shared = u64::from(INVOCATIONS);
    // With the steps of the sum over a workgroup.
    dispatches.check_iterations((part.max(parts) as u64).div_ceil(shared) + u64::from(INVOCATIONS.ilog2()))?;
    let whole = parts == 1;
    if !whole {
        dispatches.scratch(PART_SUMS, parts);
    }
    let literals = Literals::new().with("invocations", INVOCATIONS).with("continued", call.continued);
    let of_elements = literals.clone().with("of_parts", false).with("whole", whole);
    for run in dispatches.runs_anywhere(parts, &[part])? {
        let covered = run.start * part..elements.min(run.end * part);
        let (input, input_start) = dispatches.window(&covered);
        let uniform =
            Uniform { elements: word(covered.len())?, part: word(part)?, input_start, first_part: word(run.start)? };
        dispatches.launch(run.len() as u64, of_elements.clone(), &uniform, vec![Some(input), None, None, None])?;
    }
    if !whole {
        let uniform = Uniform { elements: word(parts)?, part: word(parts)?, input_start: 0, first_part: 0 };
        // This launch does not read the input, which may be larger than a binding.
        let unread = Some(dispatches.bytes(&(0..1), 1));
        let literals = literals.with("of_parts", true).with("whole", false);
        dispatches.launch(1, literals, &uniform, vec![unread, None, None, None])?;
    }
    Ok(())
}

/// Elements of a part: so many that there are not too many parts, and so few that one can be bound.
fn part(elements: usize, dispatches: &Dispatches<'_>) -> usize {
    let mut part = elements.div_ceil(PARTS).max(PART).min(elements);
    while part > 1 && !dispatches.fits_anywhere(part) {
        part = part.div_ceil(2);
    }
    part
}
