//! Pictures to resample.

use std::ops::Range;

use super::wgsl::INVOCATIONS;
use super::{Axis, Resample};
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::{Result, Tensor};

/// All lines of pictures of `size` resampled to `whole` pixels along `axis`, of which `kept` are computed.
fn case(name: &str, frames: usize, size: [usize; 2], axis: Axis, whole: usize, kept: Range<usize>) -> Case {
    let (along, across) = match axis {
        Axis::X => (size[1], size[0]),
        Axis::Y => (size[0], size[1]),
    };
    let taps = 2 * along.div_ceil(whole) + 1;
    let call = Resample { axis, frames, size, lines: 0..across, length: kept.len(), taps };
    exact(name, call, triangles(along, whole, kept, taps))
}

fn exact(name: &str, call: Resample, table: Result<Tensor>) -> Case {
    let case = Case::new(name, call);
    case.fill(0, Fill::Words(1 << 24)).given(1, table)
}

/// Triangles around each output pixel's centre, as wide as the reduction.
fn triangles(input: usize, output: usize, kept: Range<usize>, taps: usize) -> Result<Tensor> {
    let scale = input as f64 / output as f64;
    let support = scale.max(1.0);
    let (mut first, mut count, mut weights) = (Vec::new(), Vec::new(), Vec::new());
    for pixel in kept {
        let centre = (pixel as f64 + 0.5) * scale;
        let sources = (centre - support).max(0.0) as usize..((centre + support).ceil() as usize).min(input);
        let heights: Vec<f64> =
            sources.clone().map(|source| (1.0 - (source as f64 + 0.5 - centre).abs() / support).max(0.0)).collect();
        let one = f64::from(1 << 22) / heights.iter().sum::<f64>();
        first.push(sources.start as u32);
        count.push(sources.len() as u32);
        weights.extend(heights.iter().map(|height| (height * one).round() as i32));
        weights.resize(first.len() * taps, 0);
    }
    Resample::table(&first, &count, &weights, taps)
}

pub(super) fn cases() -> Vec<Case> {
    let group = INVOCATIONS as usize;
    let some_rows = Resample { axis: Axis::X, frames: 3, size: [40, 50], lines: 3..38, length: 20, taps: 7 };
    let some_columns = Resample { axis: Axis::Y, frames: 3, size: [40, 50], lines: 7..49, length: 20, taps: 5 };
    let sharpened = Resample { axis: Axis::X, frames: 1, size: [7, 12], lines: 0..7, length: 10, taps: 3 };
    let (first, weights) = (Vec::from_iter(0..10), [-(2 << 20), 8 << 20, -(2 << 20)].repeat(10));
    vec![
        case("one pixel", 1, [1, 1], Axis::X, 1, 0..1),
        case("one pixel of many columns", 1, [3, 300], Axis::X, 1, 0..1),
        case("many rows of one pixel", 1, [1, 3], Axis::Y, 100, 0..100),
        case("720p, columns of the crop", 2, [720, 1280], Axis::X, 455, 115..339).timed(),
        case("720p, rows of the crop", 2, [720, 224], Axis::Y, 256, 16..240).timed(),
        case("odd sides along X", 3, [181, 321], Axis::X, 97, 0..97),
        case("odd sides along Y", 3, [321, 181], Axis::Y, 97, 0..97),
        case("enlarging along X", 2, [37, 53], Axis::X, 211, 10..200),
        case("enlarging along Y", 2, [53, 37], Axis::Y, 211, 10..200),
        case("the same size", 1, [11, 13], Axis::X, 13, 0..13),
        case("a group less one", 1, [4, 100], Axis::X, group - 1, 0..group - 1),
        case("a group and one", 1, [1, 100], Axis::X, group + 1, 0..group + 1),
        case("a group less one along Y", 1, [9, 4 * group - 4], Axis::Y, 1, 0..1),
        case("a group and one along Y", 1, [9, 4 * group + 1], Axis::Y, 1, 0..1),
        case("wide weights", 1, [2, 20_011], Axis::X, 3, 0..3),
        case("more groups than a dimension has, along X", 1, [4104, 8], Axis::X, 4100, 0..4100),
        case("more groups than a dimension has, along Y", 1, [8, 4104], Axis::Y, 4100, 0..4100),
        case("cut into pieces along X", 9, [13, 23], Axis::X, 17, 0..17).binding_bytes(4096),
        case("cut into pieces along Y", 9, [23, 13], Axis::Y, 29, 0..29).binding_bytes(4096),
        exact("some rows", some_rows, triangles(50, 20, 0..20, 7)),
        exact("some columns", some_columns, triangles(40, 20, 0..20, 5)),
        case("black and white", 1, [20, 30], Axis::X, 7, 0..7).given(0, board(20, 30)),
        exact("weights that overshoot are clamped", sharpened, Resample::table(&first, &[3; 10], &weights, 3)),
    ]
}

/// Black and white pixels, three of each in turn.
fn board(height: usize, width: usize) -> Result<Tensor> {
    let pixels = (0..height * width).map(|index| 0xff_ffff * (index / 3 % 2) as u32);
    Tensor::u32([height, width], pixels.collect())
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let axis = draw.one_of(&[Axis::X, Axis::Y]);
    let (frames, size, whole) = (draw.size(4), [draw.size(60), draw.size(60)], draw.size(100));
    let kept = if draw.chance() { draw.part(whole) } else { 0..whole };
    let case = case("random", frames, size, axis, whole, kept);
    draw.limited(case)
}
