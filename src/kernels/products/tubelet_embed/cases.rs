//! Shapes for the tubelet embedding.

use super::{ClipLayout, TubeletEmbed};
use crate::kernels::contract::{Case, Draw, FEW, Fill};
use crate::kernels::shader::{Precision, WorkgroupTile};
use crate::tensor::{Tensor, Tolerance};

/// One clip of `[F, Y, X]` pixels in three planes, with a bias, planar.
fn of(clip: [usize; 3], tubelet: [usize; 3], outputs: usize) -> TubeletEmbed {
    let [frames, rows, columns] = clip;
    TubeletEmbed { batch: 1, frames, rows, columns, planes: 3, tubelet, outputs, bias: true, layout: ClipLayout::Btchw }
}

fn interleaved(call: TubeletEmbed) -> TubeletEmbed {
    TubeletEmbed { layout: ClipLayout::Bthwc, ..call }
}

fn planes(planes: usize, call: TubeletEmbed) -> TubeletEmbed {
    TubeletEmbed { planes, ..call }
}

fn batch(batch: usize, call: TubeletEmbed) -> TubeletEmbed {
    TubeletEmbed { batch, ..call }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = shapes();
    cases.extend(pieces());
    cases.extend(poisoned());
    cases.extend(WorkgroupTile::ALL.into_iter().flat_map(edges));
    cases.extend(halves().map(|case| named("f16 weights", case).precision(Precision::F16Weights)));
    cases.extend(halves().map(|case| named("f16", case).precision(Precision::F16)));
    cases.extend(clips_of_halves().into_iter().map(|case| named("f16", case).precision(Precision::F16)));
    cases
}

/// At the edges of a tile of workgroups: so many tokens, of one row of tubelets.
fn edges(tile: WorkgroupTile) -> Vec<Case> {
    let WorkgroupTile { rows, columns, depth, .. } = tile;
    let tokens = |count: usize, width: usize, outputs| of([1, 2, count * width], [1, 2, width], outputs);
    let more = tokens(rows + 1, 4, columns + 4);
    let cases = [
        Case::new("a tile less one", tokens(rows - 1, 3, columns - 1)),
        Case::new("a tile and one", more.clone()),
        Case::new("groups in two dimensions", tokens(3 * rows, 4, 3 * columns)).workgroups(4),
        Case::new("f16 weights, a tile and one", more).precision(Precision::F16Weights),
    ];
    cases.into_iter().map(|case| named(&format!("{rows}×{columns}×{depth}"), case).at_edges_of(tile)).collect()
}

fn named(of: &str, case: Case) -> Case {
    Case { name: format!("{of}, {}", case.name), ..case }
}

/// Clips of halves, too.
fn clips_of_halves() -> Vec<Case> {
    let clip = of([5, 27, 33], [1, 4, 5], 21);
    let remainders = of([5, 9, 15], [2, 4, 4], 36);
    let mut cases = vec![
        Case::new("aligned tubelet, odd width", of([2, 16, 18], [2, 8, 8], 36)),
        Case::new("remainders dropped interleaved", batch(2, interleaved(remainders))),
        Case::new("ViT-B", of([32, 224, 224], [2, 16, 16], 768)).timed_only(),
        Case::new("ViT-B of fewer columns", of([32, 224, 224], [2, 16, 16], 48)),
        Case::new("ViT-B of fewer pixels", of([4, 160, 160], [2, 16, 16], 768)),
        Case::new("ViT-B of smaller tubelets", of([16, 56, 56], [1, 4, 4], 768)),
        Case::new("groups in two dimensions", batch(2, of([4, 32, 32], [2, 4, 4], 260))).workgroups(10),
        Case::new("cut between clips", batch(7, clip.clone())).binding_bytes(70_000),
        Case::new("cut in time", batch(2, clip.clone())).binding_bytes(20_000),
        Case::new("cut in time, aligned", batch(2, of([5, 28, 32], [2, 4, 4], 40))).binding_bytes(20_000),
        Case::new("cut in time, left as f16", batch(2, clip)).binding_bytes(20_000).leaving_halves(),
        Case::new("golden clip, left as f16", of([6, 8, 12], [2, 4, 4], 12)).leaving_halves(),
    ];
    cases.extend(poisoned());
    cases
}

/// Weights of halves.
fn halves() -> [Case; 4] {
    [
        Case::new("one element", planes(1, of([1, 1, 1], [1, 1, 1], 1))),
        Case::new("golden clip", of([6, 8, 12], [2, 4, 4], 12)),
        Case::new("odd tubelet", of([7, 23, 31], [3, 5, 7], 13)),
        Case::new("a tile of tokens and one", planes(1, of([65, 3, 4], [1, 3, 4], 65))),
    ]
}

fn shapes() -> Vec<Case> {
    let odd = of([7, 23, 31], [3, 5, 7], 13);
    let remainders = of([5, 9, 15], [2, 4, 4], 36);
    vec![
        Case::new("one element", planes(1, of([1, 1, 1], [1, 1, 1], 1))),
        Case::new("golden clip", of([6, 8, 12], [2, 4, 4], 12)),
        Case::new("golden clip interleaved", interleaved(of([6, 8, 12], [2, 4, 4], 12))),
        Case::new("without bias", TubeletEmbed { bias: false, ..of([6, 8, 12], [2, 4, 4], 12) }),
        Case::new("remainders dropped", batch(2, remainders.clone())),
        Case::new("remainders dropped interleaved", batch(2, interleaved(remainders))),
        Case::new("odd tubelet", odd.clone()),
        Case::new("odd tubelet interleaved", interleaved(odd)),
        Case::new("two planes", planes(2, interleaved(of([4, 16, 24], [2, 8, 8], 60)))),
        Case::new("five planes of single pixels", planes(5, of([2, 11, 13], [1, 1, 1], 50))),
        Case::new("single frames", batch(3, of([3, 32, 16], [1, 8, 8], 130))),
        Case::new("aligned tubelet, odd width", of([2, 16, 18], [2, 8, 8], 36)),
        Case::new("a tile of tokens and one", planes(1, of([65, 3, 4], [1, 3, 4], 65))),
        Case::new("ViT-B", of([32, 224, 224], [2, 16, 16], 768)).timed_only(),
        Case::new("ViT-B interleaved", interleaved(of([32, 224, 224], [2, 16, 16], 768))).timed_only(),
        Case::new("ViT-B of fewer columns", of([32, 224, 224], [2, 16, 16], 48)),
        Case::new("ViT-B of fewer columns interleaved", interleaved(of([32, 224, 224], [2, 16, 16], 48))),
        Case::new("ViT-B of smaller tubelets", of([16, 56, 56], [1, 4, 4], 768)),
        Case::new("ViT-B of smaller tubelets interleaved", interleaved(of([16, 56, 56], [1, 4, 4], 768))),
        Case::new("ViT-B of fewer pixels", of([4, 160, 160], [2, 16, 16], 768)),
        Case::new("groups in two dimensions", batch(2, of([4, 32, 32], [2, 4, 4], 260))).workgroups(10),
        Case::new("long sum", planes(1, of([2, 187, 188], [2, 187, 188], 3))).tolerance(Tolerance {
            // 70,312 additions one after the other, each off by half a unit of the last place.
            relative_l2: 1e-5,
            share_of_peak: 2e-5,
        }),
    ]
}

fn pieces() -> Vec<Case> {
    let clip = of([5, 27, 33], [1, 4, 5], 21);
    let pairs = of([5, 28, 32], [2, 4, 4], 40);
    vec![
        Case::new("cut between clips", batch(7, clip.clone())).binding_bytes(140_000),
        Case::new("cut in time", batch(2, clip.clone())).binding_bytes(30_000),
        Case::new("cut in time interleaved", batch(2, interleaved(clip))).binding_bytes(30_000),
        Case::new("cut for its output", batch(3, planes(1, of([8, 16, 16], [2, 4, 4], 300)))).binding_bytes(60_000),
        Case::new("cut between aligned clips", batch(5, pairs.clone())).binding_bytes(120_000),
        Case::new("cut in time, aligned", batch(2, pairs)).binding_bytes(40_000),
    ]
}

/// Whether the pixel at a frame, row and column is NaN.
type Poisoned = fn([usize; 3]) -> bool;

/// NaN in a pixel shows in its token alone, and nowhere when its tubelet is dropped.
fn poisoned() -> Vec<Case> {
    let call = of([5, 9, 15], [2, 4, 4], 20);
    let poison = |(name, call, poisoned): (&str, TubeletEmbed, Poisoned)| {
        let [planes, columns] = match call.layout {
            ClipLayout::Btchw => [call.planes, 1],
            ClipLayout::Bthwc => [1, call.planes],
        };
        let mut clip = Vec::new();
        for frame in 0..call.frames {
            for index in 0..planes * call.rows * call.columns * columns {
                let pixel = index / columns % (call.rows * call.columns);
                let here = poisoned([frame, pixel / call.columns, pixel % call.columns]);
                clip.push(if here { f32::NAN } else { (index as f32).sin() });
            }
        }
        Case::new(name, call).given(0, Tensor::f32([clip.len()], clip))
    };
    let dropped: Poisoned = |[frame, row, column]| frame > 3 || row > 7 || column > 11;
    let single: Poisoned = |pixel| pixel == [3, 7, 4];
    [
        ("NaN dropped with remainders", call.clone(), dropped),
        ("NaN dropped with interleaved remainders", interleaved(call.clone()), dropped),
        ("a NaN stays in its token", call.clone(), single),
        ("a NaN stays in its interleaved token", interleaved(call), single),
    ]
    .into_iter()
    .map(poison)
    .collect()
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let tubelet = [draw.size(3), draw.size(9), draw.size(9)];
    let grid = [draw.size(4), draw.size(6), draw.size(6)];
    let (planes, clips) = (draw.size(4), draw.size(3));
    let most = 3_000_000 / (grid.iter().chain(&tubelet).product::<usize>() * planes * clips);
    let outputs = draw.size(most.clamp(1, 200));
    // What fills no tubelet.
    let left = [draw.below(2), draw.below(3), draw.below(3)];
    let clip = std::array::from_fn(|axis| grid[axis] * tubelet[axis] + left[axis].min(tubelet[axis] - 1));
    let bias = draw.chance();
    let layout = draw.one_of(&[ClipLayout::Btchw, ClipLayout::Bthwc]);
    let call = TubeletEmbed { batch: clips, planes, bias, layout, ..of(clip, tubelet, outputs) };
    let mut case = Case::new("random", call);
    if clips * grid.iter().product::<usize>() * outputs < FEW {
        // Sums of values of one sign are not next to nothing.
        case.inputs.fill(Fill::Between(0.25, 1.0));
    }
    let case = draw.poisoned(case, 0);
    let precisions = [Precision::F32, Precision::F32, Precision::F16Weights, Precision::F16];
    let case = case.precision(draw.one_of(&precisions));
    draw.limited(case)
}
