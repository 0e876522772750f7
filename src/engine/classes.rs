//! What a model says of a clip.

use crate::tensor::{Error, ErrorKind, Result};

/// One class of a clip.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Class {
    /// Its place in the head's output.
    pub index: usize,
    /// Its name, or `class 7` where the checkpoint has none.
    pub name: String,
    /// Softmax over all classes.
    pub probability: f32,
    /// The head's output.
    pub logit: f32,
}

/// What a model says of a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct Classes(Vec<Class>);

impl Classes {
    pub(super) fn new(logits: &[f32], probabilities: &[f32], labels: Option<&[String]>) -> Result<Self> {
        if let Some(place) = logits.iter().position(|logit| !logit.is_finite()) {
            return Err(Error::new(
                ErrorKind::Device,
                format!(
                    "the model's output for class {place} is {}: a damaged checkpoint or a faulty device",
                    logits[place]
                ),
            ));
        }
        let name = |index: usize| match labels.and_then(|labels| labels.get(index)) {
            Some(name) => name.clone(),
            None => format!("class {index}"),
        };
        let classes = logits.iter().zip(probabilities).enumerate();
        Ok(Self(
            classes
                .map(|(index, (&logit, &probability))| Class { index, name: name(index), probability, logit })
                .collect(),
        ))
    }

    /// All classes, in the head's order.
    pub fn all(&self) -> &[Class] {
        &self.0
    }

    /// The `count` most probable classes, the most probable first.
    pub fn top(&self, count: usize) -> Vec<Class> {
        let mut classes = self.0.clone();
        classes.sort_by(|a, b| b.logit.total_cmp(&a.logit).then(a.index.cmp(&b.index)));
        classes.truncate(count);
        classes
    }
}
