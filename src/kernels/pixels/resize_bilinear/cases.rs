//! Pictures to resize.

use std::ops::Range;

use super::ResizeBilinear;
use super::wgsl::INVOCATIONS;
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::{Result, Tensor};

/// A picture of `input` = [Y, X] pixels resized to `whole`, of which `rows` and `columns` are computed.
fn case(
    name: &str,
    frames: usize,
    input: [usize; 2],
    whole: [usize; 2],
    [rows, columns]: [Range<usize>; 2],
) -> (ResizeBilinear, Case) {
    let call = ResizeBilinear { frames, input, output: [rows.len(), columns.len()] };
    let mut case = Case::new(name, call.clone()).fill(0, Fill::Words(1 << 24));
    for (axis, kept) in [rows, columns].into_iter().enumerate() {
        case = case.given(1 + axis, neighbours(input[axis], whole[axis], kept));
    }
    (call, case)
}

fn whole(name: &str, frames: usize, input: [usize; 2], output: [usize; 2]) -> Case {
    case(name, frames, input, output, [0..output[0], 0..output[1]]).1
}

/// The source pixels on both sides of each output pixel's centre.
fn neighbours(input: usize, output: usize, kept: Range<usize>) -> Result<Tensor> {
    let centres = kept.map(|pixel| (pixel as f32 + 0.5) * (input as f32 / output as f32) - 0.5);
    let last = input as f32 - 1.0;
    let (mut lower, mut upper, mut fraction) = (Vec::new(), Vec::new(), Vec::new());
    for centre in centres {
        lower.push(centre.floor().clamp(0.0, last) as u32);
        upper.push(centre.ceil().clamp(0.0, last) as u32);
        fraction.push(centre - centre.floor());
    }
    ResizeBilinear::table(&lower, &upper, &fraction)
}

/// Three times as large: many values lie on or next to an integer, where one rounding instead of two shows.
pub(super) fn enlarged_noise() -> (ResizeBilinear, Case) {
    case("enlarged noise", 4, [97, 89], [291, 267], [0..291, 0..267])
}

pub(super) fn cases() -> Vec<Case> {
    let group = INVOCATIONS as usize;
    vec![
        whole("one pixel", 1, [1, 1], [1, 1]),
        whole("one pixel enlarged", 1, [1, 1], [5, 7]),
        whole("to one pixel", 2, [31, 17], [1, 1]),
        case("720p to the crop", 4, [720, 1280], [256, 455], [16..240, 115..339]).1.timed(),
        whole("720p to 256", 1, [720, 1280], [256, 455]),
        whole("portrait to 256", 1, [641, 363], [452, 256]),
        whole("odd sides", 3, [181, 321], [97, 171]),
        whole("the same size", 1, [11, 13], [11, 13]),
        whole("jittered", 2, [256, 340], [301, 313]),
        whole("a group less one", 1, [20, 30], [1, group - 1]),
        whole("a group and one", 1, [20, 30], [group + 1, 1]),
        enlarged_noise().1,
        whole("noise enlarged by seven thirds", 3, [90, 120], [210, 280]),
        whole("more groups than a dimension has", 1, [40, 50], [2050, 2050]),
        whole("cut into pieces", 9, [13, 23], [17, 19]).binding_bytes(4096),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (frames, input, whole) = (draw.size(4), [draw.size(60), draw.size(60)], [draw.size(80), draw.size(80)]);
    let kept = match draw.chance() {
        false => whole.map(|side| 0..side),
        true => whole.map(|side| draw.part(side)),
    };
    let (_, case) = case("random", frames, input, whole, kept);
    draw.limited(case)
}
