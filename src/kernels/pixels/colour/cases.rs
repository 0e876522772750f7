//! Frames to convert.

use super::wgsl::INVOCATIONS;
use super::{Coefficients, Colour, ColourFormat};
use crate::kernels::contract::{Case, Draw};
use crate::tensor::Tensor;

/// Untagged video.
const BT601_LIMITED: Coefficients =
    Coefficients { luma: 9539, offset: 128, red_v: 13_075, green_u: -3209, green_v: -6660, blue_u: 16_525 };
const BT601_FULL: Coefficients =
    Coefficients { luma: 8192, offset: 0, red_v: 11_485, green_u: -2819, green_v: -5850, blue_u: 14_516 };
const BT709_LIMITED: Coefficients =
    Coefficients { luma: 9539, offset: 128, red_v: 14_686, green_u: -1747, green_v: -4366, blue_u: 17_305 };
const BT709_FULL: Coefficients =
    Coefficients { luma: 8192, offset: 0, red_v: 12_901, green_u: -1534, green_v: -3835, blue_u: 15_201 };

fn case(name: &str, frames: usize, size: [usize; 2], format: ColourFormat) -> Case {
    Case::new(name, Colour { frames, size, format })
}

pub(super) fn cases() -> Vec<Case> {
    let group = 2 * INVOCATIONS as usize;
    let yuv = |name: &str, frames, size| case(name, frames, size, ColourFormat::Yuv420p(BT601_LIMITED));
    let rgb = |name: &str, frames, size| case(name, frames, size, ColourFormat::Rgb24);
    let rgba = |name: &str, frames, size, row_words| case(name, frames, size, ColourFormat::Rgba8 { row_words });
    let bgra = |name: &str, frames, size, row_words| case(name, frames, size, ColourFormat::Bgra8 { row_words });
    let mut cases = vec![
        yuv("yuv420p, one block", 1, [2, 2]),
        yuv("yuv420p, planes that begin within a word", 3, [6, 10]),
        yuv("yuv420p, a column of blocks", 2, [74, 2]),
        yuv("yuv420p, a group less one", 1, [2, group - 2]),
        yuv("yuv420p, a group and one", 1, [2, group + 2]),
        yuv("yuv420p, 720p", 2, [720, 1280]),
        yuv("yuv420p, 1080p clip", 8, [1080, 1920]).timed(),
        yuv("yuv420p, cut into pieces", 11, [14, 22]).binding_bytes(4096),
        case("yuv420p, BT.601 full", 1, [62, 94], ColourFormat::Yuv420p(BT601_FULL)),
        case("yuv420p, BT.709 limited", 1, [62, 94], ColourFormat::Yuv420p(BT709_LIMITED)),
        case("yuv420p, BT.709 full", 1, [62, 94], ColourFormat::Yuv420p(BT709_FULL)),
        rgb("rgb24, one pixel", 1, [1, 1]),
        rgb("rgb24, two pixels a frame", 3, [1, 2]),
        rgb("rgb24, three pixels a frame", 3, [3, 1]),
        rgb("rgb24, odd sides", 4, [181, 321]),
        rgb("rgb24, a group less one", 1, [1, 2 * group - 1]),
        rgb("rgb24, a group and one", 1, [1, 2 * group + 1]),
        rgb("rgb24, 1080p clip", 8, [1080, 1920]).timed(),
        rgb("rgb24, cut into pieces", 11, [13, 7]).binding_bytes(2048),
        rgb("rgb24, more groups than a dimension has", 1, [4100, 4100]),
        rgba("rgba8, one pixel", 1, [1, 1], 1),
        rgba("rgba8, a pixel in a row of a texture", 3, [1, 1], 64),
        rgba("rgba8, odd sides", 4, [181, 321], 321),
        rgba("rgba8, odd sides, rows filled up", 4, [181, 321], 384),
        rgba("rgba8, a group less one", 1, [1, 2 * group - 1], 2 * group),
        rgba("rgba8, a group and one", 1, [1, 2 * group + 1], 2 * group + 1),
        rgba("rgba8, 1080p clip", 8, [1080, 1920], 1920).timed(),
        rgba("rgba8, cut into pieces", 11, [13, 7], 9).binding_bytes(2048),
        rgba("rgba8, more groups than a dimension has", 1, [4100, 4100], 4101),
        bgra("bgra8, one pixel", 1, [1, 1], 1),
        bgra("bgra8, odd sides, rows filled up", 3, [61, 33], 64),
        bgra("bgra8, cut into pieces", 11, [13, 7], 7).binding_bytes(2048),
    ];
    for (name, coefficients) in [("BT.601 limited", BT601_LIMITED), ("BT.709 full", BT709_FULL)] {
        let sweep = case(&format!("yuv420p, every chroma, {name}"), 1, [512, 512], ColourFormat::Yuv420p(coefficients));
        cases.push(sweep.given(0, Tensor::u32([1, 512 * 512 / 4 * 3 / 2], every_chroma())));
    }
    cases
}

/// A frame of 512×512 pixels in which u counts along X, v along Y, and y goes through all bytes.
fn every_chroma() -> Vec<u32> {
    let y = (0..512 * 512u32).map(|index| (index * 89 % 256) as u8);
    let u = (0..256 * 256u32).map(|index| (index % 256) as u8);
    let v = (0..256 * 256u32).map(|index| (index / 256) as u8);
    let bytes: Vec<u8> = y.chain(u).chain(v).collect();
    bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect()
}

pub(super) fn random(draw: &mut Draw) -> Case {
    let (frames, height) = (draw.size(4), draw.size(70));
    let (width, gap) = (draw.size(200), draw.below(70));
    let row_words = width + gap;
    let formats = [
        ColourFormat::Rgb24,
        ColourFormat::Rgba8 { row_words },
        ColourFormat::Bgra8 { row_words },
        ColourFormat::Yuv420p(BT601_LIMITED),
        ColourFormat::Yuv420p(BT709_FULL),
    ];
    let format = draw.one_of(&formats);
    let even = if matches!(format, ColourFormat::Yuv420p(_)) { 2 } else { 1 };
    let case = case("random", frames, [even * height, even * width], format);
    draw.limited(case)
}
