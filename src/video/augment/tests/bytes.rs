//! Equal to the authors' outputs byte for byte.

use super::*;
use crate::video::augment::distortion::{grey, smoothed};
use crate::video::augment::place::{jittered, placed};
use crate::video::augment::{Augmentation, Oddities, RandAugment};

fn magnitude(case: &Value) -> u32 {
    u32::try_from(number(&case["magnitude"])).unwrap()
}

/// The cases of a group whose output differs.
fn differing(cases: &Value, input: impl Fn(&Value) -> RgbFrames) -> Vec<String> {
    let differs = |case: &&Value| {
        let mut frames = input(case);
        RandAugment::new(1, magnitude(case)).distort(&mut frames, distortion(case));
        sha256(&frames.bytes) != text(&case["sha256"])
    };
    let cases = cases.as_array().unwrap();
    cases
        .iter()
        .filter(differs)
        .map(|case| format!("{}, {} at {}", case["clip"], case["op"], case["magnitude"]))
        .collect()
}

#[test]
fn operations_are_those_of_rand_augment() {
    let (arrays, cases) = (Arrays::read(), cases("operations"));
    assert_eq!(cases.as_array().unwrap().len(), 191);
    let differing = differing(&cases, |case| arrays.frames(&format!("operations.{}", text(&case["clip"]))));
    assert!(differing.is_empty(), "{differing:#?}");
}

/// A clip of so many pixels that the constant of Contrast is white.
#[test]
fn operations_on_a_large_clip_are_those_of_rand_augment() {
    let big = cases("big");
    let [frames, height, width] = [0, 1, 2].map(|axis| number(&big["shape"][axis]));
    let mut bytes = Vec::new();
    for t in 0..frames {
        for y in 0..height {
            for x in 0..width {
                bytes.extend((0..3).map(|c| ((7 * t + 3 * y + 5 * x + 11 * c + (y * x) % 13) % 230 + 9) as u8));
            }
        }
    }
    assert_eq!(sha256(&bytes), text(&big["input_sha256"]));
    let differing = differing(&big["cases"], |_| RgbFrames { size: [height, width], bytes: bytes.clone() });
    assert!(differing.is_empty(), "{differing:#?}");
}

#[test]
fn operations_follow_one_another() {
    let arrays = Arrays::read();
    for (index, case) in cases("layers").as_array().unwrap().iter().enumerate() {
        let mut frames = arrays.frames("operations.smooth");
        for layer in case["layers"].as_array().unwrap() {
            RandAugment::new(2, magnitude(case)).distort(&mut frames, distortion(layer));
        }
        assert_eq!(sha256(&frames.bytes), text(&case["sha256"]), "case {index}: {case}");
    }
}

#[test]
fn grey_and_the_smoothed_picture_are_tensorflows() {
    let arrays = Arrays::read();
    for (clip, expected) in cases("grey").as_object().unwrap() {
        let frames = arrays.frames(&format!("operations.{clip}"));
        let grey: Vec<u8> = frames.pixels().iter().map(|pixel| grey(*pixel, &Oddities::ALL)).collect();
        assert_eq!(sha256(&grey), text(expected), "{clip}");
    }
    for (clip, expected) in cases("smoothed").as_object().unwrap() {
        let frames = arrays.frames(&format!("operations.{clip}"));
        assert_eq!(sha256(&smoothed(&frames, &Oddities::ALL)), text(expected), "{clip}");
    }
}

#[test]
fn places_are_those_of_dmvr() {
    let arrays = Arrays::read();
    for case in cases("spatial").as_array().unwrap() {
        let clip = arrays.clip(&format!("spatial.{}", text(&case["clip"])));
        let size = [clip.frames()[0].height(), clip.frames()[0].width()];
        let resized = Augmentation::default().short_edge(number(&case["short_edge"])).resized(size).unwrap();
        assert_eq!(resized, pair(&case["resized"]), "{case}");
        let drawn = place(case, resized);
        assert_eq!(drawn.jittered, Some(pair(&case["jittered"])), "{case}");
        let whole = |jittered: Option<[usize; 2]>| {
            let whole = DrawnAugmentation { jittered, offset: [0, 0], flipped: false, ..drawn.clone() };
            sha256(&placed(&clip, &whole, jittered.unwrap_or(resized)).unwrap().bytes)
        };
        assert_eq!(whole(None), text(&case["resized_sha256"]), "{case}");
        if let Some(expected) = case["jittered_sha256"].as_str() {
            assert_eq!(whole(drawn.jittered), expected, "{case}");
        }
        let crop = number(&case["crop"]);
        let seen = placed(&clip, &drawn, [crop, crop]).unwrap();
        assert_eq!(sha256(&seen.bytes), text(&case["sha256"]), "{case}");
        for (name, zero_centred) in [("values_sha256", true), ("zero_one_sha256", false)] {
            if let Some(expected) = case[name].as_str() {
                assert_eq!(hash_of_floats(&seen.values(zero_centred)), expected, "{name} of {case}");
            }
        }
    }
}

#[test]
fn sizes_of_real_videos_are_tensorflows() {
    for case in cases("sizes").as_array().unwrap() {
        let augmentation = Augmentation::default().short_edge(number(&case[2]));
        let resized = augmentation.resized(pair(case)).unwrap();
        assert_eq!(resized, pair(&case[3]), "{case}");
        let scales = [float(&case[4][0]), float(&case[4][1])];
        assert_eq!(jittered(resized, scales), pair(&case[5]), "{case}");
    }
}

#[test]
fn frames_are_those_of_dmvr() {
    for case in cases("frames").as_array().unwrap() {
        let [total, frames, stride, below, start] = [0, 1, 2, 3, 4].map(|index| number(&case[index]));
        let augmentation = Augmentation::default().frames(frames).stride(stride);
        assert_eq!(augmentation.first_frames(total), below, "{case}");
        let indices = crate::video::Sampling::From { frames, stride, start }.indices(total).unwrap().remove(0);
        let bytes: Vec<u8> = indices.iter().flat_map(|index| u32::try_from(*index).unwrap().to_le_bytes()).collect();
        assert_eq!(sha256(&bytes)[..16], *text(&case[5]), "{case}: {indices:?}");
    }
}

/// A clip of three frames of 2×4 pixels.
fn small() -> RgbFrames {
    RgbFrames { size: [2, 4], bytes: (0..72).map(|byte| (byte * 37 % 251) as u8).collect() }
}

fn distorted(magnitude: u32, distortion: Distortion, oddities: Oddities) -> Vec<u8> {
    let mut frames = small();
    RandAugment::new(1, magnitude).oddities(oddities).distort(&mut frames, distortion);
    frames.bytes
}

/// Each switch changes its own operation, to what the name says.
#[test]
fn without_oddities_operations_are_what_their_names_say() {
    let original = small().bytes;
    let plain = |magnitude, distortion| distorted(magnitude, distortion, Oddities::NONE);
    assert_eq!(plain(15, Distortion::Solarize), original);
    assert_eq!(plain(10, Distortion::Solarize), original);
    let inverted: Vec<u8> = original.iter().map(|byte| 255 - byte).collect();
    assert_eq!(distorted(20, Distortion::Solarize, Oddities::ALL), inverted);
    assert_eq!(plain(23, Distortion::Posterize), original);
    assert_eq!(plain(1, Distortion::Posterize), [0; 72]);
    let one_bit: Vec<u8> = original.iter().map(|byte| byte & 128).collect();
    for magnitude in [1, 23] {
        assert_eq!(distorted(magnitude, Distortion::Posterize, Oddities::ALL), one_bit);
    }
    // Frames of two rows are nothing but edge.
    assert_eq!(plain(20, Distortion::Sharpness), original);
    assert_ne!(distorted(20, Distortion::Sharpness, Oddities::ALL), original);
    let cutout = Distortion::Cutout { centre: [1, 2] };
    assert_eq!((plain(15, cutout), distorted(15, cutout, Oddities::ALL)), (vec![128; 72], vec![0; 72]));
    // The mean grey, in exact arithmetic rounded once a pixel.
    let grey = |pixel: &[u8]| {
        (0.2989 * f64::from(pixel[0]) + 0.587 * f64::from(pixel[1]) + 0.114 * f64::from(pixel[2])).round()
    };
    let mean = (original.chunks(3).map(grey).sum::<f64>() / 24.0).round() as f32;
    let contrast = |byte: &u8| (mean + 1.9 * (f32::from(*byte) - mean)).clamp(0.0, 255.0) as u8;
    assert_eq!(plain(10, Distortion::Contrast), original.iter().map(contrast).collect::<Vec<_>>());
    assert_ne!(distorted(10, Distortion::Contrast, Oddities::ALL), plain(10, Distortion::Contrast));
    assert_eq!(crate::video::augment::distortion::grey([255; 3], &Oddities::NONE), 255);
    assert_ne!(distorted(15, Distortion::Colour, Oddities::ALL), plain(15, Distortion::Colour));
}
