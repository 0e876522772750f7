//! Pictures to crop, pad and look up.

use super::Normalise;
use super::wgsl::INVOCATIONS;
use crate::kernels::clip_layout::ClipLayout;
use crate::kernels::contract::{Case, Draw, Fill};
use crate::tensor::Tensor;

fn case(name: &str, call: Normalise) -> Case {
    Case::new(name, call).fill(0, Fill::Words(1 << 24))
}

/// One clip of `frames` pictures taken as they are.
fn whole(frames: usize, picture: [usize; 2]) -> Normalise {
    Normalise { clips: 1, frames, picture, crop: picture, offset: [0, 0], layout: ClipLayout::Btchw }
}

pub(super) fn cases() -> Vec<Case> {
    let group = INVOCATIONS as usize;
    let last = |call: Normalise| Normalise { layout: ClipLayout::Bthwc, ..call };
    let crop = Normalise { crop: [224, 224], offset: [16, 115], ..whole(32, [256, 455]) };
    let padded = Normalise { crop: [31, 40], offset: [-5, -10], ..whole(2, [20, 21]) };
    let corner = Normalise { crop: [9, 9], offset: [15, -4], ..whole(3, [20, 21]) };
    let beside = Normalise { crop: [3, 5], offset: [0, 21], ..whole(1, [20, 21]) };
    let clips = Normalise { clips: 3, ..whole(4, [9, 10]) };
    let cut = Normalise { clips: 3, crop: [7, 6], offset: [-1, 3], ..whole(5, [9, 11]) };
    let mut cases = vec![
        case("one pixel", whole(1, [1, 1])),
        case("one pixel, planes last", last(whole(1, [1, 1]))),
        case("the crop of a clip", crop.clone()).timed(),
        case("the crop of a clip, planes last", last(crop)).timed(),
        case("padded on all sides", padded.clone()),
        case("padded on all sides, planes last", last(padded)),
        case("a corner", corner),
        case("nothing but padding", beside),
        case("several clips", clips.clone()),
        case("several clips, planes last", last(clips)),
        case("a group less one", whole(1, [1, group - 1])),
        case("a group and one", whole(1, [group + 1, 1])),
        case("odd sides", last(whole(3, [181, 321]))),
        case("more groups than a dimension has", whole(1, [2050, 2050])),
        case("cut into pieces", cut.clone()).binding_bytes(4096),
        case("cut into pieces, planes last", last(cut)).binding_bytes(4096),
    ];
    let values = (0..3 * 256).map(|index| if index == 300 { f32::NAN } else { (index as f32 - 400.0) / 127.5 });
    cases.push(case("a value that is NaN", whole(1, [40, 50])).given(1, Tensor::f32([3, 256], values.collect())));
    cases
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (clips, frames) = (draw.size(3), draw.size(4));
    let picture = [draw.size(60), draw.size(60)];
    let (crop, offset) = match draw.chance() {
        false => (picture, [0, 0]),
        true => ([draw.size(60), draw.size(60)], [draw.below(70) as i32 - 5, draw.below(70) as i32 - 5]),
    };
    let layout = draw.one_of(&[ClipLayout::Btchw, ClipLayout::Bthwc]);
    let case = case("random", Normalise { clips, crop, offset, layout, ..whole(frames, picture) });
    let case = draw.poisoned(case, 1);
    draw.limited(case)
}
