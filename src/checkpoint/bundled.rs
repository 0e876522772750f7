//! The models that are part of the library itself.

use std::borrow::Cow;
use std::path::Path;

use super::location::Location;
use super::stored::StoredFile;
use super::weights::{self, WHOLE};
use super::{Checkpoint, Hints, open, read};
use crate::tensor::{Error, Result};

/// A file by the name that it has in a model's folder.
type File = (&'static str, &'static [u8]);

/// The model of a folder below `models/`, by the names of its files.
macro_rules! model {
    ($name:literal: $($file:literal),+) => {
        ($name, &[$(($file, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/", $name, "/", $file)))),+])
    };
}

/// Every model by its name.
static MODELS: &[(&str, &[File])] =
    &[model!("motions": "config.json", "model.safetensors", "preprocessor_config.json")];

/// The names of the models that are part of the library itself. [`load`](super::load) and all else that loads a checkpoint by
/// its name takes them, too.
///
/// ```
/// for name in tubelet::checkpoint::bundled_names() {
///     let checkpoint = tubelet::checkpoint::bundled(name)?;
///     println!("{name}: {}, {:?}", checkpoint.config, checkpoint.labels);
/// }
/// # Ok::<(), tubelet::Error>(())
/// ```
pub fn bundled_names() -> impl Iterator<Item = &'static str> {
    MODELS.iter().map(|(name, _)| *name)
}

/// Loads a model that is part of the library itself: no file and no network is needed.
///
/// `motions` says how things, or the camera, move.
///
/// ```
/// let checkpoint = tubelet::checkpoint::bundled("motions")?;
/// assert!(checkpoint.labels.is_some_and(|names| names.iter().any(|name| name == "pan left")));
/// # Ok::<(), tubelet::Error>(())
/// ```
///
/// # Errors
///
/// [`Usage`](crate::tensor::ErrorKind::Usage) where no such model has that name.
pub fn bundled(name: &str) -> Result<Checkpoint> {
    let mut location = located(name).ok_or_else(|| {
        let names: Vec<_> = bundled_names().collect();
        Error::usage(format!("no bundled model is called \"{name}\"; there are: {}", names.join(", ")))
    })?;
    let arrays = open(&mut location)?;
    read(location, arrays, &Hints::default())
}

/// The files of the bundled model `name`, where there is one. A note tells of a folder of a model that has the same name.
pub(super) fn locate(name: &str) -> Option<Location> {
    let mut location = located(name)?;
    if weights::open(&mut Location::folder(Path::new(name))).is_ok() {
        location.notes.push(format!("{name} is the bundled model; the folder of that name is ./{name}"));
    }
    Some(location)
}

fn located(name: &str) -> Option<Location> {
    let (name, files) = MODELS.iter().find(|(known, _)| *known == name)?;
    let files = files.iter().map(|(file, bytes)| ((*file).to_owned(), Cow::Borrowed(*bytes)));
    Some(Location::in_memory(StoredFile::in_memory(name, WHOLE, files), name))
}
