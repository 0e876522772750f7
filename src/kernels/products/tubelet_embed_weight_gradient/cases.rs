//! Shapes for the gradient of the tubelet embedding's weight.

use super::{TubeletEmbed, TubeletEmbedWeightGradient};
use crate::kernels::clip_layout::ClipLayout;
use crate::kernels::contract::{Case, Draw, FEW, Fill};
use crate::kernels::products::columns::ROWS;
use crate::tensor::{Tensor, Tolerance};

/// One clip of `[F, Y, X]` pixels in three planes, planar.
fn of(clip: [usize; 3], tubelet: [usize; 3], outputs: usize) -> TubeletEmbed {
    let [frames, rows, columns] = clip;
    TubeletEmbed::new(ClipLayout::Btchw, frames, [rows, columns], 3, tubelet, outputs)
}

fn interleaved(call: TubeletEmbed) -> TubeletEmbed {
    TubeletEmbed { layout: ClipLayout::Bthwc, ..call }
}

fn planes(planes: usize, call: TubeletEmbed) -> TubeletEmbed {
    TubeletEmbed { planes, ..call }
}

fn case(name: &str, embedding: TubeletEmbed) -> Case {
    Case::new(name, TubeletEmbedWeightGradient::new(embedding))
}

/// Sums of so many terms of either sign that they have rounded more than 2e-6 of themselves away.
const LONG: Tolerance = Tolerance { relative_l2: 1e-5, share_of_peak: 2e-5 };

pub(super) fn cases() -> Vec<Case> {
    let mut cases = shapes();
    cases.extend(sizes_of_vit_b());
    cases.extend(pieces());
    cases.extend(poisoned());
    cases
}

fn shapes() -> Vec<Case> {
    let odd = of([7, 23, 31], [3, 5, 7], 13);
    let remainders = of([5, 9, 15], [2, 4, 4], 36).batch(2);
    vec![
        case("one element", planes(1, of([1, 1, 1], [1, 1, 1], 1))),
        case("golden clip", of([6, 8, 12], [2, 4, 4], 12)),
        case("golden clip interleaved", interleaved(of([6, 8, 12], [2, 4, 4], 12))),
        case("remainders dropped", remainders.clone()),
        case("remainders dropped interleaved", interleaved(remainders)),
        case("odd tubelet", odd.clone()),
        case("odd tubelet interleaved", interleaved(odd)),
        case("two planes", planes(2, interleaved(of([4, 16, 24], [2, 8, 8], 60)))),
        case("five planes of single pixels", planes(5, of([2, 11, 13], [1, 1, 1], 50))),
        case("single frames", of([3, 32, 16], [1, 8, 8], 130).batch(3)),
        case("aligned tubelet, odd width", of([2, 16, 18], [2, 8, 8], 36)),
        case("a tile", planes(1, of([4, 16, 16], [1, 8, 8], 64))),
        case("a tile less one", planes(1, of([3, 35, 18], [1, 7, 9], 63))),
        case("a quad more than a tile", planes(1, of([3, 17, 8], [1, 17, 4], 68))),
        case("a tubelet that is the clip", of([2, 37, 38], [2, 37, 38], 3)),
    ]
}

fn sizes_of_vit_b() -> Vec<Case> {
    let clip = |outputs| of([32, 224, 224], [2, 16, 16], outputs);
    vec![
        case("ViT-B", clip(768)).timed_only(),
        case("ViT-B interleaved", interleaved(clip(768))).timed_only(),
        case("ViT-B of fewer columns", clip(36)).tolerance(LONG),
        case("ViT-B of fewer columns interleaved", interleaved(clip(36))).tolerance(LONG),
        case("ViT-B of fewer pixels", of([4, 160, 160], [2, 16, 16], 768)),
        case("ViT-B of smaller tubelets", of([16, 56, 56], [1, 4, 4], 768)).tolerance(LONG),
    ]
}

fn pieces() -> Vec<Case> {
    let clip = of([5, 27, 33], [1, 4, 5], 21);
    let pairs = of([5, 28, 32], [2, 4, 4], 40);
    let pixels = |clip, outputs| planes(1, of(clip, [1, 1, 1], outputs));
    vec![
        case("a launch ends within a clip", pixels([3, 48, 47], 7).batch(2)).tolerance(LONG),
        case("a launch ends within a temporal index", pixels([1, 70, ROWS / 64], 5).batch(2)).tolerance(LONG),
        case("more tokens than iterations", pixels([1, 260, 260], 3)).tolerance(LONG),
        case("groups in two dimensions", of([4, 32, 32], [2, 8, 8], 300)).workgroups(20),
        case("cut between clips", clip.clone().batch(7)).binding_bytes(140_000),
        case("cut in time", clip.clone().batch(2)).binding_bytes(30_000),
        case("cut in time interleaved", interleaved(clip.batch(2))).binding_bytes(30_000),
        case("cut between aligned clips", pairs.clone().batch(5)).binding_bytes(120_000),
        case("cut in time, aligned", pairs.batch(2)).binding_bytes(40_000),
        case("cut along columns", planes(1, of([4, 16, 16], [2, 8, 8], 300))).binding_bytes(60_000),
        case("cut along odd columns", planes(1, of([4, 15, 21], [2, 5, 7], 301))).binding_bytes(30_000),
    ]
}

/// A NaN shows in its column or in its element of the tubelet, and nowhere where its tubelet is dropped.
fn poisoned() -> Vec<Case> {
    let call = of([5, 9, 15], [2, 4, 4], 20);
    let numbers = |count: usize, nan: usize| -> Vec<f32> {
        (0..count).map(|index| if index == nan { f32::NAN } else { (index as f32).sin() }).collect()
    };
    let pixels = call.frames * call.frame();
    let given = |name, input, values: Vec<f32>, call: TubeletEmbed| {
        case(name, call).given(input, Tensor::f32([values.len()], values))
    };
    vec![
        given("NaN in the gradient", 0, numbers(call.tokens() * call.outputs, 67), call.clone()),
        given("NaN in a tubelet", 1, numbers(pixels, 2 * call.frame() + 5 * call.columns + 6), call.clone()),
        given("NaN in an interleaved tubelet", 1, numbers(pixels, 2 * call.frame() + 100), interleaved(call.clone())),
        given("NaN in a pixel of no tubelet", 1, numbers(pixels, pixels - 1), call),
    ]
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let tubelet = [draw.size(3), draw.size(9), draw.size(9)];
    let grid = [draw.size(4), draw.size(6), draw.size(6)];
    let (count, clips) = (draw.size(4), draw.size(3));
    let most = 3_000_000 / (grid.iter().chain(&tubelet).product::<usize>() * count * clips);
    let outputs = draw.size(most.clamp(1, 200));
    // What fills no tubelet.
    let left = [draw.below(2), draw.below(3), draw.below(3)];
    let clip = std::array::from_fn(|axis| grid[axis] * tubelet[axis] + left[axis].min(tubelet[axis] - 1));
    let layout = draw.one_of(&[ClipLayout::Btchw, ClipLayout::Bthwc]);
    let call = TubeletEmbed { planes: count, layout, ..of(clip, tubelet, outputs).batch(clips) };
    let case = case("random", call.clone());
    // The sum of products of one sign is not next to nothing.
    let positive = Fill::Between(0.25, 1.0);
    let few = outputs * call.inner() < FEW;
    let case = if few { case.fill(0, positive.clone()).fill(1, positive) } else { case };
    let input = draw.below(2);
    let case = draw.poisoned(case, input);
    draw.limited(case)
}
