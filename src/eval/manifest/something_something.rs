//! The annotations of Something-Something v2.

use std::path::PathBuf;

use serde::Deserialize;
use serde_json::Value;

use super::{Item, Reading, files, name};
use crate::tensor::{Error, Result};

#[derive(Deserialize)]
struct Annotation {
    /// Text as it is published, a number as programs write it that read it so.
    id: Value,
    /// The class, with placeholders in square brackets. The field `label` has the placeholders filled in.
    template: Option<String>,
}

pub(super) fn read(reading: &Reading<'_>, text: &str) -> Result<Vec<Item>> {
    let annotations: Vec<Annotation> = serde_json::from_str(text)
        .map_err(|error| Error::file(format!("no list of objects with id and template: {error}")))?;
    let folders = [PathBuf::new(), "20bn-something-something-v2".into()];
    if reading.task.heads().len() != 1 {
        return Err(Error::usage("these annotations have one label a video, but the model has several heads"));
    }
    let item = |(index, annotation): (usize, &Annotation)| {
        let within = |error: Error| error.within(format!("entry {}", index + 1));
        let template = annotation
            .template
            .as_ref()
            .ok_or_else(|| within(Error::file("there is no template; annotations of the test set have no classes")))?;
        let name = id(&annotation.id).and_then(|id| name(&id)).map_err(within)?;
        let label = reading.class(0, template).map_err(within)?;
        let path = reading.find(&files(&folders, &name, &[".webm", ".mp4"]));
        Ok(Item::new(name, path, vec![label]))
    };
    annotations.iter().enumerate().map(item).collect()
}

fn id(id: &Value) -> Result<String> {
    match id {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) if number.is_u64() => Ok(number.to_string()),
        _ => Err(Error::file("the id is neither text nor a whole number")),
    }
}
