//! What the clips of a scene have in common.

use std::path::PathBuf;
use std::sync::Arc;

use super::camera::CameraScene;
use super::dots::DotScene;
use super::drawing::Drawing;
use super::motion::{Axis, MotionSet};
use super::options::MotionOptions;
use super::random::{Random, scattered};
use super::raster::Edges;
use super::shapes::ShapeScene;
use super::{photographs, texture};
use crate::tensor::Result;

/// Noise of a sensor in steps of 255, at most.
const MOST_NOISE: f32 = 4.0;

/// Everything that clips of a scene have in common.
pub(super) struct Scene {
    pub(super) content: Content,
    noise_seed: u32,
    noise: f32,
}

/// What moves.
pub(super) enum Content {
    Shapes(Box<ShapeScene>),
    Dots(Box<DotScene>),
    Camera(Box<CameraScene>),
}

impl std::fmt::Debug for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Scene {{ noise: {} }}", self.noise)
    }
}

impl Scene {
    /// Draws scene `number` of a set before any mirror. What is drawn depends on no other set.
    pub(super) fn draw(
        set: MotionSet,
        number: usize,
        options: &MotionOptions,
        photographs: &[PathBuf],
    ) -> Result<Self> {
        let MotionOptions { frames, seed, .. } = *options;
        let size = options.frame_size();
        let key = key(set, options, number);
        let mut random = Random::new(seed, &key);
        let (noise_seed, noise) = (random.word(), random.between([0.0, MOST_NOISE]));
        // Twice as fine as what a camera shows of it, and more.
        let texture_side = (3 * size.rows.max(size.columns)).next_power_of_two();
        let content = match (set, photographs) {
            (MotionSet::Shapes, _) => {
                Content::Shapes(Box::new(ShapeScene::draw(&mut random, texture_side, size, frames)))
            }
            (MotionSet::Dots, _) => Content::Dots(Box::new(DotScene::draw(&mut random, seed, &key, size, frames))),
            (MotionSet::Camera, files) => {
                let (picture, edges) = match files {
                    [] => (texture::draw(&mut random, texture_side), Edges::Repeat),
                    files => (photographs::read(&files[number % files.len()], size)?, Edges::Mirror),
                };
                let picture = Arc::new(picture);
                Content::Camera(Box::new(CameraScene::draw(&mut random, picture, edges, size, frames)))
            }
        };
        Ok(Self { content, noise_seed, noise })
    }

    /// Bytes of its pictures.
    pub(super) fn bytes(&self) -> usize {
        match &self.content {
            Content::Shapes(scene) => scene.bytes(),
            Content::Camera(scene) => scene.bytes(),
            Content::Dots(_) => 0,
        }
    }

    /// RGB bytes of all frames while something moves along `axis`.
    pub(super) fn frames(&self, axis: Axis, count: usize) -> Vec<Vec<u8>> {
        let time = |frame: usize| frame as f32 / (count - 1) as f32;
        let bytes = |frame: usize, drawing: &Drawing| {
            drawing.bytes(scattered(self.noise_seed, [axis as u32, frame as u32]), self.noise)
        };
        match &self.content {
            Content::Shapes(scene) => (0..count).map(|frame| bytes(frame, &scene.frame(axis, time(frame)))).collect(),
            Content::Camera(scene) => (0..count).map(|frame| bytes(frame, &scene.frame(axis, time(frame)))).collect(),
            Content::Dots(scene) => {
                scene.frames(axis, count).iter().enumerate().map(|(frame, drawing)| bytes(frame, drawing)).collect()
            }
        }
    }
}

/// What the random numbers of scene `number` of a set belong to.
pub(super) fn key(set: MotionSet, options: &MotionOptions, number: usize) -> [u64; 3] {
    [set as u64, options.split as u64, number as u64]
}
