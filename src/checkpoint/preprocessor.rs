//! The file that says how clips were prepared for a model.

use serde_json::Value;

use super::location::Location;
use super::stored::StoredFile;
use crate::tensor::{Error, Result};
use crate::video::Preprocessing;

/// What `VivitVideoProcessor` writes, since release 5 of the `transformers` library.
pub(super) const VIDEO: &str = "video_preprocessor_config.json";
/// What `VivitImageProcessor` writes, and every release before.
pub(super) const IMAGE: &str = "preprocessor_config.json";
/// What a processor of several parts writes, each below its name.
pub(super) const PARTS: &str = "processor_config.json";
/// All three.
pub(super) const NAMES: [&str; 3] = [PARTS, VIDEO, IMAGE];

/// The file beside a model's weights that says how clips were prepared for it.
///
/// Where there are several, the one that the library's `AutoVideoProcessor` and its pipeline take decides: the
/// `video_processor` in `processor_config.json`, else `video_preprocessor_config.json`, else `preprocessor_config.json`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreprocessorFile {
    /// The file's name, without its folder: what messages call it.
    pub name: String,
    /// Its text; of a `processor_config.json` the part that decides.
    pub text: String,
}

impl PreprocessorFile {
    /// The file called `name`, without its folder, and its text.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { name: name.into(), text: text.into() }
    }

    /// The file that decides at `location`, and a note where another one says something else.
    pub(super) fn find(location: &Location) -> Result<(Option<Self>, Option<String>)> {
        let parts = location.find(PARTS).map(|file| parts(&file)).transpose()?.unwrap_or_default();
        let file = |name: &str| {
            let text = location.find(name).map(|file| file.text()).transpose()?;
            Ok(text.map(|text| Self { name: name.into(), text }))
        };
        let [of_videos, of_images] = parts.map(|text| text.map(|text| Self { name: PARTS.into(), text }));
        let mut found = [of_videos, file(VIDEO)?, of_images, file(IMAGE)?].into_iter().flatten();
        let Some(first) = found.next() else { return Ok((None, None)) };
        let differs = |other: &Self| first.preprocessing().ok() != other.preprocessing().ok();
        let note = found
            .find(differs)
            .map(|other| format!("{} decides how clips are prepared; {} says something else", first.name, other.name));
        Ok((Some(first), note))
    }

    /// The name under which its text is a file of its own.
    pub(super) fn own_name(&self) -> &'static str {
        let is_video = || self.text.contains("\"video_processor_type\"");
        if self.name == VIDEO || is_video() { VIDEO } else { IMAGE }
    }

    /// The preprocessing that it describes.
    ///
    /// # Errors
    ///
    /// As [`Preprocessing::from_hugging_face`], with the file's name.
    pub fn preprocessing(&self) -> Result<Preprocessing> {
        let preprocessing = match self.name == VIDEO {
            true => Preprocessing::from_hugging_face_video(&self.text),
            false => Preprocessing::from_hugging_face(&self.text),
        };
        preprocessing.map_err(|error| error.within(&self.name))
    }
}

/// The parts of a `processor_config.json` about videos and about pictures.
fn parts(file: &StoredFile) -> Result<[Option<String>; 2]> {
    let fields: Value = serde_json::from_str(&file.text()?)
        .map_err(|error| Error::file(format!("{} is not JSON ({error}): download it again", file.display())))?;
    Ok(["video_processor", "image_processor"].map(|part| fields.get(part).map(Value::to_string)))
}
