//! A folder of videos for each class.

use std::path::Path;

use super::{Item, Reading, kinetics, name};
use crate::tensor::{Error, Result};
use crate::video::videos_in;

/// The videos below `folder`, class by class in the order of their names. A video is called by its path from there, with `/`
/// on every system.
pub(super) fn read(reading: &Reading<'_>, folder: &Path) -> Result<Vec<Item>> {
    if reading.confined {
        return Err(Error::usage(format!("{} holds its videos itself; leave the root out", folder.display())));
    }
    if reading.task.heads().len() != 1 {
        return Err(Error::usage("a class folder gives a video one label, but the model has several heads"));
    }
    let mut items = Vec::new();
    for class in classes(folder)? {
        let below = folder.join(&class);
        let label = reading.class(0, &class).map_err(|error| error.within(below.display()))?;
        let videos = videos_in(&below)?.ok_or_else(|| {
            Error::file(format!(
                "{} holds pictures, not videos; a folder of frames is a video and lies inside the folder of its class",
                below.display()
            ))
        })?;
        for path in videos {
            let inside = path.strip_prefix(folder).unwrap_or(&path);
            let parts: Vec<_> = inside.iter().map(|part| part.to_string_lossy()).collect();
            items.push(Item::new(name(&parts.join("/"))?, path, vec![label]));
        }
    }
    Ok(items)
}

/// The names of the folders in `folder`, in the order of their bytes, which is the same everywhere.
fn classes(folder: &Path) -> Result<Vec<String>> {
    let failed = |error: std::io::Error| Error::io("read", folder, &error);
    let mut classes = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let is_hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if is_hidden || !entry.path().is_dir() {
            continue;
        }
        classes.push(entry.file_name().into_string().map_err(|name| {
            Error::file(format!("the folder {} in {} is no name of a class", name.display(), folder.display()))
        })?);
    }
    classes.sort_unstable();
    if !classes.is_empty() && classes.iter().all(|class| kinetics::is_split(class)) {
        return Err(Error::file(format!(
            "{} holds the parts of a data set ({}), not classes; name one of these folders",
            folder.display(),
            classes.join(", ")
        )));
    }
    Ok(classes)
}
