//! Splits, caches and clips in memory.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::eval::{Item, Manifest, Task};
use crate::tensor::ErrorKind;
use crate::video::{Clip, Sampling};
use crate::vivit::Labelling;

fn task() -> Task {
    Task::new(Labelling::Single, 10).unwrap()
}

/// Videos called by their numbers, in ten classes.
fn manifest(folder: &str, numbers: impl Iterator<Item = usize>) -> Manifest {
    let item = |number: usize| {
        let name = format!("clip_{number:05}.mp4");
        Item::new(name.clone(), PathBuf::from(folder).join(name), vec![number % 10])
    };
    Manifest::unlabelled([], &task()).of_items(numbers.map(item).collect())
}

fn names(manifest: &Manifest) -> BTreeSet<String> {
    manifest.items().iter().map(|item| item.name.clone()).collect()
}

#[test]
fn a_video_stays_in_its_part_when_others_come() {
    let few = ValidationSplit::new(&manifest("a", 0..500), 0.2).unwrap();
    let many = ValidationSplit::new(&manifest("elsewhere/b", (0..1000).rev()), 0.2).unwrap();
    assert!(names(&few.validation).is_subset(&names(&many.validation)));
    assert!(names(&few.training).is_subset(&names(&many.training)));
    assert_eq!(many.training.items().len() + many.validation.items().len(), 1000);
    let share = many.validation.items().len();
    assert!((160..=240).contains(&share), "{share} of 1000");
    // A larger share has all of a smaller one.
    let half = ValidationSplit::new(&manifest("a", 0..500), 0.5).unwrap();
    assert!(names(&few.validation).is_subset(&names(&half.validation)));
    assert!(few.classes_without_training(&task()).is_empty());
}

#[test]
fn classes_that_are_never_learnt_are_told() {
    let split = ValidationSplit::new(&manifest("a", 0..500), 0.2).unwrap();
    let class = split.validation.items()[0].labels[0];
    let others = split.training.items().iter().filter(|item| item.labels != [class]).cloned().collect();
    let lacking = ValidationSplit { training: split.training.of_items(others), ..split };
    assert_eq!(lacking.classes_without_training(&task()), BTreeSet::from([(0, class)]));
}

#[test]
fn parts_of_one_video_stay_together() {
    let mut whole = manifest("a", 0..200);
    let part = |number: usize| {
        let path = PathBuf::from(format!("videos/P{:02}.MP4", number / 20));
        let part = crate::eval::Excerpt { frames: Some(number..number + 9), seconds: None };
        Item { part: Some(part), ..Item::new(format!("P_{number}"), path, vec![0]) }
    };
    whole = whole.of_items((0..200).map(part).collect());
    let split = ValidationSplit::new(&whole, 0.4).unwrap();
    let paths = |manifest: &Manifest| manifest.items().iter().map(|item| item.path.clone()).collect::<BTreeSet<_>>();
    assert!(paths(&split.training).is_disjoint(&paths(&split.validation)));
}

#[test]
fn parts_without_videos_are_refused() {
    for (count, share, part) in
        [(1, 0.5, "none would be left"), (9, 0.0, "above 0"), (9, 1.0, "below 1"), (9, f64::NAN, "0.2")]
    {
        let error = ValidationSplit::new(&manifest("a", 0..count), share).unwrap_err();
        assert!(error.kind() == ErrorKind::Usage && error.to_string().contains(part), "{error}");
    }
}

fn held(frames: usize) -> HeldClips {
    let clip = |number: u8| {
        let bytes = (0..frames * 8 * 8 * 3).map(|place| (place as u8).wrapping_add(number)).collect::<Vec<_>>();
        Clip::from_rgb(&bytes, [8, 8]).unwrap()
    };
    HeldClips::new((0..3).map(|number| (clip(number), vec![usize::from(number)])))
}

#[test]
fn clips_in_memory_are_videos() {
    let clips = held(6);
    assert_eq!((clips.count(), clips.name(2), clips.labels(2)), (3, "clip 2".to_owned(), vec![2]));
    let mut video = clips.open(1).unwrap();
    assert_eq!(video.frame_count().unwrap(), 6);
    let clip = video.clip(&Sampling::From { frames: 4, stride: 2, start: 1 }).unwrap();
    assert_eq!(clip.indices(), [1, 3, 5, 1]);
    assert_eq!(clip.frames()[3], clip.frames()[0]);
    assert!(video.read(&[6]).is_err() && clips.open(3).is_err());
}

#[test]
fn a_cache_keeps_what_fits() {
    // A clip has 1 MiB and a little less than a half.
    let clips: Arc<dyn ClipSource> = Arc::new(held(7800));
    let cached = CachedClips::new(Arc::clone(&clips), 3);
    let sampling = Sampling::central(8);
    for index in [0, 1, 2, 1, 0, 2] {
        let expected = clips.open(index).unwrap().clip(&sampling).unwrap();
        assert_eq!(cached.open(index).unwrap().clip(&sampling).unwrap(), expected);
        assert_eq!((cached.name(index), cached.labels(index)), (clips.name(index), clips.labels(index)));
    }
    let (videos, bytes) = cached.kept();
    assert_eq!((videos, bytes), (2, 2 * 7800 * 8 * 8 * 3));
    assert_eq!(CachedClips::new(clips, 0).kept(), (0, 0));
}
