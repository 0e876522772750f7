//! Heat maps over the frames of a clip.

use std::io::Write;
use std::path::Path;

use super::extension::format_of;
use super::scene::Scene;
use super::{Look, Profile, animation, page, sheet};
use crate::files::write_whole;
use crate::tensor::{Result, Tensor};
use crate::video::Frame;

/// Heat maps over the frames of a clip, one map per temporal index.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Overlay {
    /// What is to be seen, in a few words.
    pub title: String,
    /// What else there is to know, each with its name: the model, the layer, the head, the query.
    pub facts: Vec<(String, String)>,
    /// What the model saw: F frames, RGB, of one size, resized and cropped. F is a multiple of T.
    pub frames: Vec<Frame>,
    /// The time of each frame in the video, in seconds, where it is known.
    pub seconds: Option<Vec<f64>>,
    /// `[T, rows, columns]`: what each token gets. Temporal index t covers frames t·F/T up to (t + 1)·F/T.
    pub maps: Tensor,
    /// The token [t, row, column] that the maps are of: its square is outlined, brightly where its own index is shown.
    pub query: Option<[usize; 3]>,
    /// T values each, shown below the frames of an `.html` page.
    pub profile: Option<Profile>,
    /// How the numbers of a map become colours.
    pub look: Look,
    /// The pace of animations. Without it the real one, or where the frames' times are not known, 8 frames a second.
    pub frames_per_second: Option<f64>,
}

/// What an [`Overlay`] can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PictureFormat {
    /// `.gif`: an animation that repeats, frames beside overlays.
    Gif,
    /// `.png`: a sheet with one frame of every temporal index, above it as it was.
    Png,
    /// `.webp`: the same sheet, lossless.
    Webp,
    /// `.html`: a page in one file, with a slider over time.
    Html,
}

impl PictureFormat {
    /// The format that the extension of `path` names.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) that lists the possible ones for any other.
    pub fn of(path: impl AsRef<Path>) -> Result<Self> {
        format_of(path.as_ref(), &[("gif", Self::Gif), ("png", Self::Png), ("webp", Self::Webp), ("html", Self::Html)])
    }
}

impl Overlay {
    /// Maps over frames, with the default look and nothing else said.
    pub fn new(title: impl Into<String>, frames: Vec<Frame>, maps: Tensor) -> Self {
        Self {
            title: title.into(),
            facts: Vec::new(),
            frames,
            seconds: None,
            maps,
            query: None,
            profile: None,
            look: Look::default(),
            frames_per_second: None,
        }
    }

    /// What else there is to know, each with its name.
    #[must_use]
    pub fn facts(self, facts: Vec<(String, String)>) -> Self {
        Self { facts, ..self }
    }

    /// The time of each frame in the video, in seconds, where it is known.
    #[must_use]
    pub fn seconds(self, seconds: impl Into<Option<Vec<f64>>>) -> Self {
        Self { seconds: seconds.into(), ..self }
    }

    /// Outlines the token [t, row, column] that the maps are of.
    #[must_use]
    pub fn query(self, query: impl Into<Option<[usize; 3]>>) -> Self {
        Self { query: query.into(), ..self }
    }

    /// Shows these lines below the frames of an `.html` page.
    #[must_use]
    pub fn profile(self, profile: impl Into<Option<Profile>>) -> Self {
        Self { profile: profile.into(), ..self }
    }

    /// How the numbers of a map become colours.
    #[must_use]
    pub fn look(self, look: Look) -> Self {
        Self { look, ..self }
    }

    /// The pace of animations; `None` for the real one, or where the frames' times are not known, 8 frames a second.
    #[must_use]
    pub fn frames_per_second(self, frames_per_second: impl Into<Option<f64>>) -> Self {
        Self { frames_per_second: frames_per_second.into(), ..self }
    }

    /// Draws into `path`, as what its extension says ([`PictureFormat`]).
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) for another extension, for frames, times and maps that do
    /// not belong together, for maps that are not finite and for settings out of range; an error of the file where it
    /// cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        let format = PictureFormat::of(path)?;
        let bytes = self.draw(format)?;
        write_whole(path, |file| file.write_all(&bytes))
    }

    /// The bytes of the file that [`write`](Self::write) would write.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn draw(&self, format: PictureFormat) -> Result<Vec<u8>> {
        let scene = Scene::of(self)?;
        match format {
            PictureFormat::Gif => animation::gif(&scene),
            PictureFormat::Png => sheet::png(&scene),
            PictureFormat::Webp => sheet::webp(&scene),
            PictureFormat::Html => page::html(&scene),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::scene::tests::hot_diagonal;
    use crate::tensor::ErrorKind;

    #[test]
    fn every_format_is_written_as_what_its_name_says() {
        let folder = tempfile::tempdir().unwrap();
        let overlay = hot_diagonal(2, 2);
        for (name, start) in [("a.gif", b"GIF8"), ("a.PNG", b"\x89PNG"), ("a.webp", b"RIFF"), ("a.html", b"<!do")] {
            let path = folder.path().join(name);
            overlay.write(&path).unwrap();
            let bytes = std::fs::read(&path).unwrap();
            assert!(bytes.starts_with(start), "{name}");
            assert_eq!(bytes, overlay.draw(PictureFormat::of(&path).unwrap()).unwrap());
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 4);
    }

    #[test]
    fn another_extension_is_wrong_use_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let error = hot_diagonal(2, 2).write(folder.path().join("a.mp4")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(".gif, .png, .webp, .html"), "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
