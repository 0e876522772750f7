//! Videos whose answers are known.

use serde_json::Value;
use tubelet::{Device, Result, Vivit, video};

use crate::common::data;

/// A video as it is sent, and the best five classes of it alone, as JSON.
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) classes: Value,
}

/// The model that servers of these tests have.
pub(crate) const MODEL: &str = "hf-tiny";

/// Several videos of different kinds, sizes and lengths, with their answers on this device.
pub(crate) fn known(device: &Device) -> Result<Vec<Known>> {
    let model = Vivit::load(device, &data(MODEL).display().to_string())?;
    let arrays = [([16, 36, 48], 1), ([9, 32, 32], 2), ([40, 64, 33], 3), ([1, 50, 70], 4), ([16, 36, 48], 5)];
    let arrays = arrays.map(|(shape, seed)| (format!("array {seed}"), array(shape, seed)));
    let files = ["cases/animated-webp/anim.webp", "cases/animations/composed.gif", "cases/jpeg/progressive.jpg"];
    // One that takes ffmpeg is slow beside the others.
    let files = files.into_iter().chain(["cases/hf-multi-label/base.mp4"]);
    let files = files.map(|file| (file.to_owned(), std::fs::read(data(file)).expect("test data are complete")));
    let known: Vec<Known> = arrays
        .into_iter()
        .chain(files)
        .map(|(name, bytes)| {
            let file = tempfile::NamedTempFile::new().expect("there is a folder for temporary files");
            std::fs::write(file.path(), &bytes).expect("it has room");
            let clip = video::open(file.path())?.clip(&model.sampling())?;
            Ok(Known { name, bytes, classes: shown(&model.classify(&clip)?.top(5)) })
        })
        .collect::<Result<_>>()?;
    for (index, video) in known.iter().enumerate() {
        let twin = known[..index].iter().find(|other| other.classes == video.classes);
        assert!(twin.is_none(), "{} and {} have the same answer", video.name, twin.map_or("", |twin| &twin.name));
    }
    Ok(known)
}

/// Classes as they are read from an answer: the digits that were printed.
pub(crate) fn shown(classes: &[tubelet::Class]) -> Value {
    let text = serde_json::to_string(classes).expect("classes are JSON");
    serde_json::from_str(&text).expect("JSON is read as it is written")
}

/// A NumPy array of frames, `[T, Y, X, 3]`: coloured waves, others for another seed.
pub(crate) fn array([frames, height, width]: [usize; 3], seed: usize) -> Vec<u8> {
    let header = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({frames}, {height}, {width}, 3), }}");
    let header = format!("{header:<117}\n");
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    let value = |t: usize, y: usize, x: usize, plane: usize| {
        let phase = (seed * (plane + 2) * x + (seed + plane) * y + 3 * t * seed) as f32 / 40.0;
        (127.5 + 127.5 * (phase + seed as f32).sin()) as u8
    };
    for (t, y) in (0..frames).flat_map(|t| (0..height).map(move |y| (t, y))) {
        bytes.extend((0..width).flat_map(|x| [0, 1, 2].map(|plane| value(t, y, x, plane))));
    }
    bytes
}
