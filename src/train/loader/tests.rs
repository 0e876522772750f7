//! Batches of clips in memory and of a real video.

use std::path::Path;
use std::time::Duration;

use super::*;
use crate::eval::{Excerpt, Item, Manifest};
use crate::kernels::ClipLayout;
use crate::train::{CachedClips, ClipStart, HeldClips, ManifestClips, Remainder};
use crate::video::augment::{Augmentation, ColourJitter, RandAugment, ScaleJitter, mixup};
use crate::video::{Clip, FrameSource, OpenOptions};
use crate::vivit::Labelling;

const CLASSES: usize = 5;

fn task() -> Task {
    Task::new(Labelling::Single, CLASSES).unwrap()
}

/// Clips that differ in every pixel.
fn held(count: usize) -> HeldClips {
    let clip = |number: usize| {
        let byte = |place: usize| (((place + number * 7919) as f32 * 0.61).sin() * 127.0 + 128.0) as u8;
        let bytes: Vec<u8> = (0..9 * 20 * 26 * 3).map(byte).collect();
        Clip::from_rgb(&bytes, [20, 26]).unwrap()
    };
    HeldClips::new((0..count).map(|number| (clip(number), vec![number % CLASSES])))
}

/// Clips of which some cannot be read, and of which some take longer than others.
#[derive(Debug)]
struct Troubled {
    clips: HeldClips,
    broken: Vec<usize>,
    kind: ErrorKind,
}

impl Troubled {
    fn new(count: usize, broken: &[usize]) -> Self {
        Self { clips: held(count), broken: broken.to_vec(), kind: ErrorKind::File }
    }
}

impl ClipSource for Troubled {
    fn count(&self) -> usize {
        self.clips.count()
    }

    fn name(&self, index: usize) -> String {
        self.clips.name(index)
    }

    fn labels(&self, index: usize) -> Vec<usize> {
        self.clips.labels(index)
    }

    fn open(&self, index: usize) -> Result<Box<dyn FrameSource>> {
        std::thread::sleep(Duration::from_millis(index as u64 * 7 % 5));
        match self.broken.contains(&index) {
            true => Err(Error::new(self.kind, "it is broken")),
            false => self.clips.open(index),
        }
    }
}

fn augmentation() -> Augmentation {
    Augmentation::default()
        .frames(4)
        .stride(2)
        .short_edge(18)
        .crop([16, 16])
        .flip(0.5)
        .scale_jitter(ScaleJitter::new(0.9, 1.3))
        .colour_jitter(ColourJitter::default())
        .mixup(0.4)
}

fn options() -> LoaderOptions {
    LoaderOptions::new(augmentation()).seed(3).batch(4).device_batch(2).workers(2)
}

fn loader(source: impl ClipSource + 'static, options: LoaderOptions) -> Loader {
    Loader::new(Arc::new(source), &task(), options).unwrap()
}

fn batches(loader: &mut Loader, count: usize) -> Vec<Batch> {
    (0..count).map(|_| loader.next_batch().unwrap()).collect()
}

/// Three epochs, of three batches each.
const BATCHES: usize = 9;

#[test]
fn any_number_of_threads_gives_the_same_bytes() {
    let of = |workers| batches(&mut loader(Troubled::new(13, &[]), options().workers(workers)), BATCHES);
    let expected = of(1);
    assert_eq!(expected[0].clips.shape().axes(), [4, 4, 16, 16, 3]);
    assert!(expected[0].clips.as_f32().unwrap().iter().all(|value| (-1.0..=1.0).contains(value)));
    for workers in [0, 2, 7] {
        assert_eq!(of(workers), expected, "{workers} threads");
    }
    let other = batches(&mut loader(held(13), options().seed(4)), 1);
    assert_ne!(other[0].clips, expected[0].clips);
}

#[test]
fn a_resumed_training_sees_what_an_uninterrupted_one_sees() {
    let mut uninterrupted = loader(held(13), options());
    let mut seen = Vec::new();
    for _ in 0..BATCHES {
        let position = serde_json::to_string(uninterrupted.position()).unwrap();
        seen.push((position, uninterrupted.step(), uninterrupted.next_batch().unwrap()));
    }
    for first in [1, 2, 3, 5] {
        let mut resumed = loader(held(13), options().workers(3));
        resumed.resume(&serde_json::from_str(&seen[first].0).unwrap()).unwrap();
        assert_eq!(resumed.step(), seen[first].1);
        assert_eq!(batches(&mut resumed, 2), [seen[first].2.clone(), seen[first + 1].2.clone()], "from {first}");
    }
    // Back again, in the same loader.
    uninterrupted.resume(&serde_json::from_str(&seen[4].0).unwrap()).unwrap();
    assert_eq!(uninterrupted.next_batch().unwrap(), seen[4].2);
}

#[test]
fn positions_of_other_clips_are_refused() {
    let position = loader(held(13), options()).position().clone();
    let refused = loader(held(14), options()).resume(&position).unwrap_err();
    assert!(refused.to_string().contains("other clips"), "{refused}");
    let beyond = Position { batch: 3, ..position };
    let refused = loader(held(13), options()).resume(&beyond).unwrap_err();
    assert!(refused.to_string().contains("no batch 3 in an epoch of 3"), "{refused}");
}

#[test]
fn an_epoch_shows_every_clip_once_in_an_order_of_its_own() {
    let mut loader = loader(held(12), options());
    let mut epochs = Vec::new();
    for _ in 0..3 {
        let batches = batches(&mut loader, 3);
        assert_eq!(batches.iter().map(|batch| batch.ends_epoch).collect::<Vec<_>>(), [false, false, true]);
        let indices = batches.iter().flat_map(|batch| batch.indices.clone()).collect::<Vec<_>>();
        let labels = batches.iter().flat_map(|batch| batch.labels.concat()).collect::<Vec<_>>();
        assert_eq!(labels, indices.iter().map(|index| index % CLASSES).collect::<Vec<_>>());
        let mut sorted = indices.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..12).collect::<Vec<_>>());
        epochs.push(indices);
    }
    assert!(epochs[0] != epochs[1] && epochs[1] != epochs[2]);
    assert_eq!((loader.position().epoch, loader.position().batch, loader.step()), (3, 0, 9));
}

#[test]
fn a_remainder_makes_a_smaller_batch_where_it_is_kept() {
    let mut kept = loader(held(13), options().remainder(Remainder::Keep));
    assert_eq!(kept.batches(), 4);
    let last = batches(&mut kept, 4).pop().unwrap();
    assert_eq!(
        (last.clips.shape().axes()[0], last.targets.shape().axes(), last.ends_epoch),
        (1, &[1, CLASSES][..], true)
    );
    let error = Loader::new(Arc::new(held(3)), &task(), options()).unwrap_err().to_string();
    assert!(error.contains("3 clips are too few for a batch of 4"), "{error}");
}

/// The share of a pair is drawn for each device, and is the same for clips and targets.
#[test]
fn mixup_mixes_within_a_device() {
    let unmixed = LoaderOptions { augmentation: augmentation().mixup(None), ..options() };
    let (mixed, unmixed) = (batches(&mut loader(held(13), options()), 3), batches(&mut loader(held(13), unmixed), 3));
    let draws = Draws::new(3, 0);
    for (number, (mixed, unmixed)) in mixed.iter().zip(&unmixed).enumerate() {
        let mixed = mixed.micro_batches(2).map(Result::unwrap);
        for (device, (mixed, unmixed)) in mixed.zip(unmixed.micro_batches(2).map(Result::unwrap)).enumerate() {
            let share = augmentation().mixup_share(&draws, (2 * number + device) as u64).unwrap().unwrap();
            assert_eq!(mixed.clips, mixup(&unmixed.clips, share).unwrap());
            assert_eq!(mixed.targets, mixup(&unmixed.targets, share).unwrap());
        }
    }
    assert!(unmixed[0].targets.as_f32().unwrap().iter().all(|target| *target == 0.0 || *target == 1.0));
    assert_ne!(mixed[0].targets, unmixed[0].targets);
}

#[test]
fn a_clip_that_cannot_be_read_fails_its_batch() {
    let mut loader = loader(Troubled::new(4, &[2]), options());
    for _ in 0..2 {
        let error = loader.next_batch().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::File);
        assert!(error.to_string().starts_with("clip 2 cannot be read (it is broken); repair"), "{error}");
        assert_eq!((loader.step(), loader.failed().len()), (0, 0));
    }
}

#[test]
fn clips_that_may_fail_are_replaced_alike_by_any_number_of_threads() {
    let of = |workers| {
        let mut loader = loader(Troubled::new(13, &[2, 5, 11]), options().workers(workers).most_failed(3));
        let batches = batches(&mut loader, BATCHES);
        let failed: Vec<_> = loader.failed().map(|(name, reason)| format!("{name}: {reason}")).collect();
        (batches, failed)
    };
    let (expected, failed) = of(1);
    assert_eq!(failed, ["clip 2: it is broken", "clip 5: it is broken", "clip 11: it is broken"]);
    assert!(expected.iter().all(|batch| batch.indices.iter().all(|index| ![2, 5, 11].contains(index))));
    assert_eq!(of(4), (expected.clone(), failed));
    // What could be read is where it is without failures.
    let whole = batches(&mut loader(held(13), options()), BATCHES);
    for (found, whole) in expected.iter().zip(&whole) {
        let kept = found.indices.iter().zip(&whole.indices).filter(|(_, whole)| ![2, 5, 11].contains(*whole));
        assert!(kept.into_iter().all(|(found, whole)| found == whole));
    }
    let mut few = loader(Troubled::new(13, &[2, 5, 11]), options().most_failed(2));
    let error = (0..BATCHES).find_map(|_| few.next_batch().err()).unwrap().to_string();
    assert!(error.contains("number 3, more than the 2 that may fail"), "{error}");
}

#[test]
fn what_is_not_a_clips_fault_ends_it() {
    let all: Vec<usize> = (0..4).collect();
    let none = loader(Troubled::new(4, &all), options().most_failed(9)).next_batch().unwrap_err().to_string();
    assert!(none.contains("none of the 4 clips can be read; the last: it is broken"), "{none}");
    let interrupted = Troubled { kind: ErrorKind::Interrupted, ..Troubled::new(4, &[1]) };
    let error = loader(interrupted, options().most_failed(9)).next_batch().unwrap_err();
    assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Interrupted, "clip 1: it is broken"));
}

#[test]
fn labels_and_options_that_cannot_be_are_refused() {
    let refused = |options: LoaderOptions| Loader::new(Arc::new(held(8)), &task(), options).unwrap_err().to_string();
    assert!(refused(options().batch(0)).contains("at least one clip"));
    assert!(refused(options().device_batch(3)).contains("not whole batches of 3"));
    assert!(refused(options().device_batch(1)).contains("mixed with itself"));
    let few = Task::new(Labelling::Single, 4).unwrap();
    let error = Loader::new(Arc::new(held(8)), &few, options()).unwrap_err().to_string();
    assert!(error.starts_with("clip 4: label 4 is beyond 4 classes"), "{error}");
}

/// Two parts of a real video.
fn real(cached: bool) -> Arc<dyn ClipSource> {
    let video = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/video/bigbuckbunny.mp4");
    let item = |start: usize, label| {
        let part = Excerpt { frames: Some(start..start + 20), seconds: None };
        Item { part: Some(part), ..Item::new(format!("part {start}"), video.clone(), vec![label]) }
    };
    let manifest = Manifest::unlabelled([], &task()).of_items(vec![item(0, 1), item(100, 4)]);
    let clips: Arc<dyn ClipSource> = Arc::new(ManifestClips::new(&manifest, OpenOptions::new()));
    if cached { Arc::new(CachedClips::new(clips, 64)) } else { clips }
}

#[test]
fn clips_of_a_real_video_are_the_same_from_the_cache() {
    let augmentation = Augmentation::default().frames(4).stride(3).short_edge(36).crop([32, 32]).flip(0.5);
    let augmentation = augmentation.rand_augment(RandAugment::new(2, 15));
    let options = LoaderOptions::new(augmentation).batch(2).workers(2).layout(ClipLayout::Btchw);
    let of = |cached| {
        let mut loader = Loader::new(real(cached), &task(), options.clone()).unwrap();
        batches(&mut loader, 2)
    };
    let expected = of(false);
    assert_eq!(expected[0].clips.shape().axes(), [2, 4, 3, 32, 32]);
    assert_eq!(expected[0].targets.as_f32().unwrap().iter().filter(|target| **target == 1.0).count(), 2);
    assert_ne!(expected[0].clips, expected[1].clips);
    assert_eq!(of(true), expected);
}

#[test]
fn clips_begin_where_they_are_told_to() {
    let plain = Augmentation::default().frames(3).stride(1).short_edge(16).crop([16, 16]);
    let bytes: Vec<u8> = (0..9u8).flat_map(|frame| vec![frame * 20; 16 * 16 * 3]).collect();
    let clip = Clip::from_rgb(&bytes, [16, 16]).unwrap();
    let frames = |start| {
        let options = LoaderOptions::new(plain.clone().zero_centred(false)).clip_start(start);
        let clips = HeldClips::new([(clip.clone(), vec![0])]);
        let batch = loader(clips, options).next_batch().unwrap();
        let values = batch.clips.as_f32().unwrap();
        values.iter().step_by(16 * 16 * 3).map(|value| (value * 255.0 / 20.0).round() as usize).collect::<Vec<_>>()
    };
    assert_eq!(frames(ClipStart::Central), [3, 4, 5]);
    assert_eq!(frames(ClipStart::Spread), [0, 4, 8]);
    let random = frames(ClipStart::Random);
    assert!(random.windows(2).all(|pair| pair[1] == pair[0] + 1), "{random:?}");
}
