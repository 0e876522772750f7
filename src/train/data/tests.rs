//! Splits, caches, clips in memory and those that the program makes.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::eval::{ClassNames, Item, Manifest, Task};
use crate::motions::{MotionFiles, MotionOptions, MotionSet, Motions};
use crate::tensor::ErrorKind;
use crate::train::{Loader, LoaderOptions};
use crate::video::augment::Augmentation;
use crate::video::{Clip, OpenOptions, Sampling, VideoEncoder, VideoFormat};
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

fn motions(sets: &[MotionSet]) -> Motions {
    Motions::new(MotionOptions::new(sets).clips(2).frames(6).size([24, 24]).seed(5)).unwrap()
}

/// A training sees what it would see if the clips were written and read again.
#[test]
fn motions_from_memory_are_those_of_files() {
    let room = tempfile::tempdir().unwrap();
    let folder = room.path().join("motions");
    let files = MotionFiles::new(VideoEncoder::new(VideoFormat::Npy, [24, 24], 25.0).unwrap(), 2);
    let sets = [MotionSet::Shapes, MotionSet::Camera];
    files.write(&[motions(&sets)], &folder, &mut |_| ControlFlow::Continue(())).unwrap();
    let task = Task::new(Labelling::Single, 20).unwrap();
    let names = ClassNames::read(folder.join("classes.txt"), &task).unwrap();
    let manifest = Manifest::read(folder.join("train.csv"), None, None, &task, &names).unwrap();
    let augmentation = Augmentation::default().frames(3).stride(2).short_edge(24).crop([16, 16]);
    let batches = |source: Arc<dyn ClipSource>, workers| -> Vec<_> {
        let options = LoaderOptions::new(augmentation.clone()).seed(3).batch(8).workers(workers);
        let mut loader = Loader::new(source, &task, options).unwrap();
        (0..7).map(|_| loader.next_batch().unwrap()).collect()
    };
    let expected = batches(Arc::new(ManifestClips::new(&manifest, OpenOptions::new())), 1);
    for workers in [1, 3] {
        assert_eq!(batches(Arc::new(MotionClips::new(motions(&sets))), workers), expected, "{workers} threads");
    }
    assert_ne!(batches(Arc::new(MotionClips::new(motions(&[sets[1], sets[0]]))), 1), expected);
}

#[test]
fn motions_have_the_labels_of_a_model() {
    let camera = || motions(&[MotionSet::Camera]);
    let task = Task::new(Labelling::Single, 20).unwrap();
    let both = motions(&[MotionSet::Shapes, MotionSet::Camera]);
    let names = both.classes().iter().map(|motion| motion.name().to_owned()).collect();
    let names = ClassNames::new(&task, names).unwrap();
    let of = |clips: MotionClips| (0..clips.count()).map(|index| clips.labels(index)).collect::<Vec<_>>();
    let own: Vec<_> = (0..20).map(|index| vec![index % 10]).collect();
    assert_eq!(of(MotionClips::new(camera())), own);
    assert_eq!(of(MotionClips::named(camera(), &task, &ClassNames::none(&task)).unwrap()), own);
    let shifted: Vec<_> = (0..20).map(|index| vec![10 + index % 10]).collect();
    assert_eq!(of(MotionClips::named(camera(), &task, &names).unwrap()), shifted);

    let ten = Task::new(Labelling::Single, 10).unwrap();
    let refused = |motions, names: &ClassNames| MotionClips::named(motions, &ten, names).unwrap_err().to_string();
    assert!(refused(both, &ClassNames::none(&ten)).contains("label 10 is beyond 10 classes"));
    let others = ClassNames::new(&ten, (0..10).map(|class| format!("class {class}")).collect()).unwrap();
    assert!(refused(camera(), &others).contains("pan left"));
    let clips = MotionClips::new(camera());
    assert!(clips.open(20).is_err() && clips.labels(20).is_empty() && clips.name(20).is_empty());
}
