//! What a format of checkpoints defines.

use super::arrays::Arrays;
use super::fit::Convention;
use super::location::Location;
use super::stored::StoredFile;
use super::{Checkpoint, Described, Hints};
use crate::kernels::ClipLayout;
use crate::tensor::Result;
use crate::video::Preset;
use crate::vivit::Config;

/// How the files of one format are told and read.
pub(super) struct Format {
    /// Whether arrays of these names are of this format.
    pub(super) recognises: fn(&[&str]) -> bool,
    /// The field of a `config.json` that this format alone has.
    pub(super) field: &'static str,
    /// Whose files they are, in a few words.
    pub(super) owner: &'static str,
    /// What a `config.json` alone describes; its preprocessor is looked for elsewhere.
    pub(super) read_config: fn(&StoredFile) -> Result<Described>,
    /// Loads the checkpoint at a location, with its weights in the arrays.
    pub(super) load: fn(Location, Box<dyn Arrays>, &Hints) -> Result<Checkpoint>,
    /// The arrays of a known model, and how they are called.
    pub(super) convention: fn(Box<dyn Arrays>, &Config) -> Called,
}

/// Arrays and how they are called.
pub(super) type Called = (Box<dyn Arrays>, Box<dyn Convention>);

/// What models of one provenance have in common.
pub(super) struct Usage {
    /// The provenance's name.
    pub(super) name: &'static str,
    /// The order of the axes of their clips.
    pub(super) layout: ClipLayout,
    /// How their clips are prepared where neither the user nor the model says otherwise.
    pub(super) preset: Preset,
}
