//! Equal to the authors' floats: bit for bit where their arithmetic is ours, else within the recorded bounds.

use super::*;
use crate::kernels::ClipLayout;
use crate::tensor::Tensor;
use crate::video::augment::colour_jitter::{brighten, saturate, stretch, to_grey, turn_hue};
use crate::video::augment::{Augmentation, ColourJitter, DrawnColour, RandAugment, mixup, one_hot, smoothed};

fn drawn_colour(case: &Value) -> DrawnColour {
    DrawnColour {
        brightness: float(&case["brightness"]),
        saturation: float(&case["saturation"]),
        contrast: float(&case["contrast"]),
        hue: float(&case["hue"]),
    }
}

/// Every thirteenth pixel.
fn sampled(values: &[f32]) -> Vec<f32> {
    values.as_chunks::<3>().0.iter().step_by(13).flatten().copied().collect()
}

fn assert_near(found: &[f32], expected: &[f32], bound: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let worst = found.iter().zip(expected).map(|(found, expected)| (found - expected).abs()).fold(0.0, f32::max);
    assert!(worst <= bound, "{what}: {worst:e} of at most {bound:e}");
}

#[test]
fn colours_change_as_in_dmvr() {
    let (arrays, group) = (Arrays::read(), cases("colour"));
    let cases = group["cases"].as_array().unwrap();
    assert_eq!(cases.len(), 30);
    for case in cases {
        let frames = arrays.frames(&format!("colour.{}", text(&case["clip"])));
        let zero_centred = case["zero_centred"].as_bool().unwrap();
        let mut values = frames.values(zero_centred);
        if case["augmented"].as_bool().unwrap() {
            drawn_colour(case).change(&mut values, frames.size[0] * frames.size[1], zero_centred);
        }
        if case["dropped"].as_bool().unwrap() {
            to_grey(&mut values);
        }
        let expected = arrays.floats(&format!("colour.output.{}", text(&case["name"])));
        assert_near(&sampled(&values), &expected, 2e-6, text(&case["name"]));
    }
}

/// Each stage, in its order; the later ones meet values outside [0, 1].
#[test]
fn stages_of_colour_change_are_those_of_dmvr() {
    let (arrays, group) = (Arrays::read(), cases("colour"));
    let cases = group["cases"].as_array().unwrap().iter().filter(|case| !case["stages"]["hue"].is_null());
    let mut stages = 0;
    for case in cases {
        let frames = arrays.frames(&format!("colour.{}", text(&case["clip"])));
        let (drawn, pixels) = (drawn_colour(case), frames.size[0] * frames.size[1]);
        let mut values = frames.values(false);
        let mut check = |values: &[f32], stage: &str, bound| {
            let name = text(&case["stages"][stage]);
            assert_near(&sampled(values), &arrays.floats(name), bound, name);
            stages += 1;
        };
        brighten(&mut values, drawn.brightness);
        check(&values, "brightness", 3e-7);
        saturate(&mut values, drawn.saturation);
        check(&values, "saturation", 2e-6);
        stretch(&mut values, pixels, drawn.contrast);
        check(&values, "contrast", 2e-6);
        turn_hue(&mut values, drawn.hue);
        check(&values, "hue", 2e-6);
    }
    assert_eq!(stages, 16);
}

/// From the frames of a video to the model's values, as scenic chains the stages.
#[test]
fn the_pipeline_is_scenics() {
    let arrays = Arrays::read();
    for case in cases("pipeline").as_array().unwrap() {
        let clip = arrays.clip(&format!("spatial.{}", text(&case["clip"])));
        let crop = number(&case["crop"]);
        let augmentation = Augmentation::default().short_edge(number(&case["short_edge"])).crop([crop, crop]);
        let resized = augmentation.resized([clip.frames()[0].height(), clip.frames()[0].width()]).unwrap();
        let mut drawn = place(case, resized);
        if let Some(layers) = case["layers"].as_array() {
            let magnitude = u32::try_from(number(&case["magnitude"])).unwrap();
            drawn.distortions = layers.iter().map(distortion).collect();
            let augmentation = augmentation.rand_augment(RandAugment::new(layers.len(), magnitude));
            let values = augmentation.apply(&drawn, &clip, ClipLayout::Bthwc).unwrap();
            assert_eq!(hash_of_floats(values.as_f32().unwrap()), text(&case["sha256"]), "{case}");
        } else {
            drawn.colour = case["augmented"].as_bool().unwrap().then(|| drawn_colour(&case["colour"]));
            drawn.grey = case["dropped"].as_bool().unwrap();
            let augmentation = augmentation.colour_jitter(ColourJitter::default());
            let values = augmentation.apply(&drawn, &clip, ClipLayout::Bthwc).unwrap();
            let expected = arrays.floats(text(&case["values"]));
            assert_near(&sampled(values.as_f32().unwrap()), &expected, 4e-6, text(&case["values"]));
        }
    }
}

#[test]
fn layouts_hold_the_same_values() {
    let (clip, crop) = (Arrays::read().clip("spatial.wide"), [28, 20]);
    let augmentation = Augmentation::default().short_edge(32).crop(crop);
    let drawn = augmentation.draw([40, 56], &crate::video::augment::Draws::new(1, 2), 3).unwrap();
    let [last, planar] = [ClipLayout::Bthwc, ClipLayout::Btchw].map(|layout| augmentation.apply(&drawn, &clip, layout));
    let (last, planar) = (last.unwrap(), planar.unwrap());
    assert_eq!((last.shape().axes(), planar.shape().axes()), (&[1, 2, 28, 20, 3][..], &[1, 2, 3, 28, 20][..]));
    let (last, planar) = (last.as_f32().unwrap(), planar.as_f32().unwrap());
    for (index, value) in last.iter().enumerate() {
        let (frame, pixel, plane) = (index / (560 * 3), index / 3 % 560, index % 3);
        assert_eq!(planar[(frame * 3 + plane) * 560 + pixel], *value, "{index}");
    }
}

#[test]
fn mixed_and_smoothed_batches_are_scenics() {
    let arrays = Arrays::read();
    for case in cases("mixup").as_array().unwrap() {
        let (shape, bytes) = arrays.array(&format!("mixup.B{}", case["batch"]));
        let values = RgbFrames { size: [shape[2], shape[3]], bytes }.values(true);
        let share = float(&case["share"]);
        let mixed = mixup(&Tensor::f32(shape, values).unwrap(), share).unwrap();
        assert_eq!(hash_of_floats(mixed.as_f32().unwrap()), text(&case["sha256"]), "{case}");
        let labels: Vec<usize> = case["labels"].as_array().unwrap().iter().map(number).collect();
        let targets = mixup(&one_hot(&labels, 10).unwrap(), share).unwrap();
        assert_eq!(hash_of_floats(targets.as_f32().unwrap()), text(&case["labels_sha256"]), "{case}");
        for (smoothing, expected) in case["smoothed"].as_object().unwrap() {
            let smoothed = smoothed(&targets, smoothing.parse().unwrap()).unwrap();
            assert_eq!(hash_of_floats(smoothed.as_f32().unwrap()), text(expected), "{smoothing} of {case}");
        }
    }
}

#[test]
fn what_cannot_be_mixed_or_smoothed_is_an_error() {
    let rows = one_hot(&[1, 0], 3).unwrap();
    assert_eq!(rows.as_f32().unwrap(), [0.0, 1.0, 0.0, 1.0, 0.0, 0.0]);
    assert!(one_hot(&[3], 3).is_err() && one_hot(&[], 3).is_err());
    for part in [-0.1, 1.1, f32::NAN] {
        assert!(mixup(&rows, part).is_err() && smoothed(&rows, part.into()).is_err(), "{part}");
    }
    assert!(mixup(&Tensor::u32([2], vec![0, 1]).unwrap(), 0.5).is_err());
}
