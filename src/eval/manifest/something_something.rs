//! The annotations of Something-Something v2.

use std::path::PathBuf;

use serde::Deserialize;

use super::{Item, Reading, files, name};
use crate::tensor::{Error, Result};

#[derive(Deserialize)]
struct Annotation {
    id: String,
    /// The class, with placeholders in square brackets. The field `label` has the placeholders filled in.
    template: Option<String>,
}

pub(super) fn read(reading: &Reading<'_>, text: &str) -> Result<Vec<Item>> {
    let annotations: Vec<Annotation> = serde_json::from_str(text)
        .map_err(|error| Error::file(format!("no list of objects with id and template: {error}")))?;
    let folders = [PathBuf::new(), "20bn-something-something-v2".into()];
    let [head] = &reading.task.heads()[..] else {
        return Err(Error::usage("these annotations have one label a video, but the model has several heads"));
    };
    let item = |(place, annotation): (usize, &Annotation)| {
        let within = |error: Error| error.within(format!("entry {}", place + 1));
        let template = annotation
            .template
            .as_ref()
            .ok_or_else(|| within(Error::file("there is no template; annotations of the test set have no classes")))?;
        let name = name(&annotation.id).map_err(within)?;
        let label = reading.names.class(0, head, template).map_err(within)?;
        let path = reading.find(&files(&folders, &name, &[".webm", ".mp4"]));
        Ok(Item { name, path, part: None, labels: vec![label] })
    };
    annotations.iter().enumerate().map(item).collect()
}
