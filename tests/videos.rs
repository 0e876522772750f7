//! Videos as people have them, each with the frames and values that other programs find in it.

mod common;

use std::path::{Path, PathBuf};

use common::small::prepared_by_references;
use serde_json::Value;
use tubelet::kernels::ClipLayout;
use tubelet::video::{self, Preset, Sampling};

fn case(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases").join(name)
}

/// What is right, as recorded beside the video.
fn expected(name: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(case(name).join("expected.json")).unwrap()).unwrap()
}

/// The means of each frame and colour of the clip that `tubelet clip VIDEO --frames 8 --size 32 --uniform` writes, and the
/// frames it is of.
fn means(path: &Path) -> (Vec<usize>, Vec<[f64; 3]>) {
    let mut source = video::open(path).unwrap();
    let clip = source.clip(&Sampling::Uniform { frames: 8 }).unwrap();
    let preprocessing = Preset::HfCorrected.preprocessing([32, 32]).unwrap();
    let values = prepared_by_references(&clip, &preprocessing, ClipLayout::Btchw).unwrap();
    let planes: Vec<f64> = values
        .as_f32()
        .unwrap()
        .chunks(32 * 32)
        .map(|plane| plane.iter().map(|value| f64::from(*value)).sum::<f64>() / plane.len() as f64)
        .collect();
    (clip.indices().to_vec(), planes.chunks(3).map(|frame| [frame[0], frame[1], frame[2]]).collect())
}

#[test]
fn values_are_those_of_other_programs() {
    for (name, file) in [
        ("cut-matroska", "k_cut.mkv"),
        ("h264-left-crop", "croptl.mp4"),
        ("odd-timestamps", "badpts.mkv"),
        ("size-changes-midway", "change.h264"),
        ("ts-begins-mid-gop", "og_head.ts"),
    ] {
        let expected = expected(name);
        let (indices, means) = means(&case(name).join(file));
        let wanted: Vec<usize> = serde_json::from_value(expected["indices"].clone()).unwrap();
        assert_eq!(indices, wanted, "{name}");
        let wanted: Vec<[f64; 3]> = serde_json::from_value(expected["means_of_each_frame_and_colour"].clone()).unwrap();
        let tolerance = expected["tolerance_of_means"].as_f64().unwrap();
        assert_eq!(means.len(), wanted.len(), "{name}");
        for (frame, (found, wanted)) in means.iter().zip(&wanted).enumerate() {
            for (found, wanted) in found.iter().zip(wanted) {
                assert!((found - wanted).abs() < tolerance, "frame {frame} of {name}: {found}, not {wanted}");
            }
        }
    }
}

#[test]
fn odd_time_stamps_are_no_damage() {
    let mut source = video::open(case("odd-timestamps").join("badpts.mkv")).unwrap();
    assert_eq!(source.frame_count().unwrap(), 60);
    assert_eq!(source.information().complaint, None);
}
