//! Recipes as they are written down, and what is wrong with some.

use super::Arrays;
use crate::kernels::ClipLayout;
use crate::tensor::ErrorKind;
use crate::video::augment::{
    Augmentation, ColourJitter, DrawnAugmentation, Draws, Oddities, RandAugment, ReleasedAugmentation, ScaleJitter,
};

/// Spec §6.1, §8.1 and §8.2.
#[test]
fn released_augmentations_have_the_papers_values() {
    let of = |name: &str| name.parse::<ReleasedAugmentation>().unwrap().augmentation();
    for name in ["k400", "k600", "mit"] {
        let augmentation = of(name);
        assert_eq!((augmentation.frames, augmentation.stride, augmentation.short_edge), (32, 2, 256));
        let colour = augmentation.colour_jitter.unwrap();
        assert_eq!((augmentation.crop, colour.probability, colour.grey), ([224, 224], 0.8, 0.1));
        assert_eq!((augmentation.mixup, augmentation.label_smoothing), (None, 0.0));
        assert_eq!(augmentation.rand_augment, None);
    }
    for (name, edge, crop, magnitude, smoothing, alpha) in
        [("ek100", 256, 224, 15, 0.2, 0.1), ("ssv2", 288, 256, 20, 0.3, 0.3)]
    {
        let augmentation = of(name);
        assert_eq!((augmentation.frames, augmentation.stride, augmentation.short_edge), (32, 1, edge));
        assert_eq!((augmentation.crop, augmentation.colour_jitter), ([crop, crop], None));
        assert_eq!(augmentation.rand_augment, Some(RandAugment::new(2, magnitude)));
        assert_eq!((augmentation.label_smoothing, augmentation.mixup), (smoothing, Some(alpha)));
    }
    for released in ReleasedAugmentation::ALL {
        let augmentation = released.augmentation();
        augmentation.validate().unwrap();
        assert_eq!((augmentation.flip, augmentation.zero_centred), (0.5, true));
        assert_eq!(augmentation.scale_jitter, Some(ScaleJitter::new(0.9, 1.33)));
    }
}

#[test]
fn a_recipe_survives_text() {
    for released in ReleasedAugmentation::ALL {
        let augmentation = released.augmentation();
        let text = serde_json::to_string(&augmentation).unwrap();
        assert_eq!(serde_json::from_str::<Augmentation>(&text).unwrap(), augmentation, "{text}");
    }
    let empty: Augmentation = serde_json::from_str("{}").unwrap();
    assert_eq!(empty, Augmentation::default());
    let text = r#"{"flip": 0.5, "rand_augment": {"layers": 1, "magnitude": 9, "oddities": {"wrapped_bits": false}}}"#;
    let rand = serde_json::from_str::<Augmentation>(text).unwrap().rand_augment.unwrap();
    let mut oddities = Oddities::ALL;
    oddities.wrapped_bits = false;
    assert_eq!(rand, RandAugment::new(1, 9).oddities(oddities));
    for unknown in [
        r#"{"flips": 0.5}"#,
        r#"{"rand_augment": {"layers": 1, "magnitude": 9, "probability": 1}}"#,
        r#"{"rand_augment": {"layers": 1}}"#,
        r#"{"scale_jitter": {"least": 0.9, "most": 1.3, "mean": 1}}"#,
        r#"{"colour_jitter": {"gamma": 1}}"#,
    ] {
        assert!(serde_json::from_str::<Augmentation>(unknown).is_err(), "{unknown}");
    }
}

#[test]
fn what_cannot_be_done_is_an_error() {
    let good = Augmentation::default();
    let colour = ColourJitter::default();
    for bad in [
        good.clone().frames(0),
        good.clone().stride(0),
        good.clone().crop([0, 224]),
        good.clone().short_edge(0),
        good.clone().flip(1.5),
        good.clone().flip(f64::NAN),
        good.clone().label_smoothing(-0.1),
        good.clone().mixup(0.0),
        good.clone().mixup(f64::INFINITY),
        good.clone().crop([224, 257]),
        good.clone().scale_jitter(ScaleJitter::new(0.8, 1.2)),
        good.clone().scale_jitter(ScaleJitter::new(1.2, 0.9)),
        good.clone().scale_jitter(ScaleJitter::new(0.9, f64::INFINITY)),
        good.clone().scale_jitter(ScaleJitter::new(0.9, 1.2).probability(2.0)),
        good.clone().colour_jitter(colour.grey(-1.0)),
        good.clone().colour_jitter(colour).rand_augment(RandAugment::new(2, 15)),
    ] {
        assert_eq!(bad.validate().unwrap_err().kind(), ErrorKind::Usage, "{bad:?}");
        assert!(bad.draw([300, 400], &Draws::new(0, 0), 0).is_err(), "{bad:?}");
    }
    // 0.9 · 256 = 230.4
    assert!(good.clone().scale_jitter(ScaleJitter::new(0.9, 1.33)).crop([230, 230]).validate().is_ok());
    assert!(good.scale_jitter(ScaleJitter::new(0.9, 1.33)).crop([231, 230]).validate().is_err());
}

#[test]
fn what_was_drawn_for_other_frames_is_an_error_where_it_does_not_fit() {
    let clip = Arrays::read().clip("spatial.wide");
    let augmentation = Augmentation::default().short_edge(32).crop([28, 28]).rand_augment(RandAugment::new(1, 15));
    let drawn = augmentation.draw([40, 56], &Draws::new(0, 0), 0).unwrap();
    assert!(augmentation.apply(&drawn, &clip, ClipLayout::Bthwc).is_ok());
    let outside = DrawnAugmentation { offset: [40, 0], ..drawn.clone() };
    assert!(augmentation.apply(&outside, &clip, ClipLayout::Bthwc).is_err());
    let outside = DrawnAugmentation { offset: [usize::MAX, 0], ..drawn.clone() };
    assert!(augmentation.apply(&outside, &clip, ClipLayout::Bthwc).is_err());
    let huge = DrawnAugmentation { resized: [1 << 20, 1 << 20], ..drawn.clone() };
    assert!(
        augmentation.apply(&DrawnAugmentation { jittered: Some([40, 56]), ..huge }, &clip, ClipLayout::Bthwc).is_err()
    );
    assert!(augmentation.rand_augment(None).apply(&drawn, &clip, ClipLayout::Bthwc).is_err());
}

/// What was drawn survives text, and the clip with it.
#[test]
fn a_drawn_augmentation_is_the_same_again() {
    let clip = Arrays::read().clip("spatial.tall");
    let augmentation = ReleasedAugmentation::Ssv2.augmentation().short_edge(32).crop([28, 28]);
    for number in 0..30 {
        let drawn = augmentation.draw([51, 38], &Draws::new(9, 3), number).unwrap();
        let text = serde_json::to_string(&drawn).unwrap();
        let again: DrawnAugmentation = serde_json::from_str(&text).unwrap();
        assert_eq!(again, drawn, "{text}");
        assert_eq!(augmentation.draw([51, 38], &Draws::new(9, 3), number).unwrap(), drawn);
        let values = |drawn| augmentation.apply(drawn, &clip, ClipLayout::Btchw).unwrap();
        assert_eq!(values(&again), values(&drawn));
    }
}
