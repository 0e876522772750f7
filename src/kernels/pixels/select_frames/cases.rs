//! Shapes for the selection of frames.

use super::SelectFrames;
use super::wgsl::{INVOCATIONS, VALUES};
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::Tensor;

/// Index of the frame indices among the inputs.
const INDICES: usize = 1;

/// A copy: nothing may be off by a bit. Any indices, some of them more than once.
fn of(name: &str, clips: usize, frames: usize, picked: usize, width: usize) -> Case {
    let call = SelectFrames { clips, frames, picked, frame: [1, 1, width] };
    Case::new(name, call).fill(INDICES, Fill::Words(frames as u32))
}

fn picking(case: Case, indices: &[u32]) -> Case {
    case.given(INDICES, Tensor::u32([indices.len()], indices.to_vec()))
}

pub(super) fn cases() -> Vec<Case> {
    let block = (VALUES * INVOCATIONS) as usize;
    let sampled = [4, 7, 11, 14, 18, 21, 25, 28];
    let mut cases = vec![
        of("one value", 1, 1, 1, 1),
        picking(of("8 of 32 frames", 1, 32, 8, 224 * 224 * 3), &sampled).timed(),
        picking(of("8 of 32 small frames", 2, 32, 8, 6 * 4 * 3), &sampled),
        of("a block less one", 2, 7, 3, block - 1),
        of("a block", 2, 7, 3, block),
        of("a block and one", 2, 7, 3, block + 1),
        of("primes", 3, 31, 17, 251),
        of("more than there are", 2, 3, 11, 5),
        picking(of("backwards", 1, 5, 5, 7), &[4, 3, 2, 1, 0]),
        of("more frames than workgroups in a dimension", 1, 5, 65_537, 3),
        of("wide frames", 1, 3, 2, 70_001),
        of("cut between clips", 9, 4, 3, 33).binding_bytes(2048),
        of("cut within clips", 2, 40, 5, 23).binding_bytes(2048),
        of("cut where more are picked than there are", 2, 6, 40, 23).binding_bytes(2048),
        of("cut to single frames", 2, 5, 4, 440).binding_bytes(2048),
    ];
    let mut poisoned: Vec<f32> = (0..4 * 9).map(|index| (index as f32).sin()).collect();
    poisoned[20] = f32::NAN;
    let nan = picking(of("a NaN goes where its frame goes", 1, 4, 2, 9), &[2, 0]);
    cases.push(nan.given(0, Tensor::f32([1, 4, 1, 1, 9], poisoned)));
    cases
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (clips, frames, picked) = (draw.size(3), draw.size(20), draw.size(30));
    let width = draw.size((100_000 / (clips * (frames + picked))).min(1200));
    let case = of("random", clips, frames, picked, width);
    let case = draw.poisoned(case, 0);
    draw.limited(case)
}
