//! The authors' own bytes and values for given draws, and the distributions of ours.
//!
//! `tests/data/augment/cases.json` has hashes of scenic's and DMVR's outputs, `arrays.safetensors` their inputs, and of
//! outputs in floats every thirteenth pixel.

mod bytes;
mod distributions;
mod recipes;
mod values;

use safetensors::SafeTensors;
use serde_json::Value;

use super::frames::RgbFrames;
use super::{Distortion, DrawnAugmentation};
use crate::video::Clip;
use crate::video::reference::sha256;

fn path(name: &str) -> String {
    format!("{}/tests/data/augment/{name}", env!("CARGO_MANIFEST_DIR"))
}

/// The cases of a group.
fn cases(group: &str) -> Value {
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(path("cases.json")).unwrap()).unwrap();
    cases[group].clone()
}

struct Arrays(Vec<u8>);

impl Arrays {
    fn read() -> Self {
        Self(std::fs::read(path("arrays.safetensors")).unwrap())
    }

    fn array(&self, name: &str) -> (Vec<usize>, Vec<u8>) {
        let tensors = SafeTensors::deserialize(&self.0).unwrap();
        let tensor = tensors.tensor(name).unwrap();
        (tensor.shape().to_vec(), tensor.data().to_vec())
    }

    fn floats(&self, name: &str) -> Vec<f32> {
        self.array(name).1.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
    }

    fn frames(&self, name: &str) -> RgbFrames {
        let (shape, bytes) = self.array(name);
        RgbFrames { size: [shape[1], shape[2]], bytes }
    }

    fn clip(&self, name: &str) -> Clip {
        let frames = self.frames(name);
        Clip::from_rgb(&frames.bytes, frames.size).unwrap()
    }
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap()).unwrap()
}

fn float(value: &Value) -> f32 {
    value.as_f64().unwrap() as f32
}

fn pair(value: &Value) -> [usize; 2] {
    [number(&value[0]), number(&value[1])]
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// The operation that scenic calls `name`.
fn distortion(case: &Value) -> Distortion {
    match text(&case["op"]) {
        "Cutout" => Distortion::Cutout { centre: pair(&case["centre"]) },
        "Color" => Distortion::Colour,
        name => {
            let named = |one: &&Distortion| format!("{one:?}").eq_ignore_ascii_case(name);
            *Distortion::ALL.iter().find(named).unwrap()
        }
    }
}

/// What the frames of a case of `spatial` or `pipeline` become.
fn place(case: &Value, resized: [usize; 2]) -> DrawnAugmentation {
    let scales = [float(&case["scales"][0]), float(&case["scales"][1])];
    DrawnAugmentation {
        resized,
        jittered: Some(super::place::jittered(resized, scales)),
        offset: pair(&case["offset"]),
        flipped: case["flip"].as_bool().unwrap(),
        distortions: Vec::new(),
        colour: None,
        grey: false,
    }
}

fn hash_of_floats(values: &[f32]) -> String {
    sha256(&values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<_>>())
}
