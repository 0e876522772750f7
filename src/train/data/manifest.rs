//! The videos of a manifest.

use super::ClipSource;
use crate::eval::{Item, Manifest};
use crate::tensor::Result;
use crate::video::{FrameSource, OpenOptions};

/// The videos of a manifest, decoded whenever they are asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct ManifestClips {
    items: Vec<Item>,
    options: OpenOptions,
}

impl ManifestClips {
    /// The videos of `manifest`, opened as `options` say.
    pub fn new(manifest: &Manifest, options: OpenOptions) -> Self {
        Self { items: manifest.items().to_vec(), options }
    }
}

impl ClipSource for ManifestClips {
    fn count(&self) -> usize {
        self.items.len()
    }

    fn name(&self, index: usize) -> String {
        self.items[index].name.clone()
    }

    fn labels(&self, index: usize) -> Vec<usize> {
        self.items[index].labels.clone()
    }

    fn open(&self, index: usize) -> Result<Box<dyn FrameSource>> {
        self.items[index].open(&self.options)
    }
}
