//! How videos are opened.

use std::time::Duration;
use std::{fmt, str::FromStr};
#[cfg(feature = "video")]
use std::{path::Path, time::Instant};

#[cfg(feature = "video")]
use super::FrameSource;
use super::Matrix;
use crate::tensor::{Error, Result};

/// How a video is opened, and what may happen on the way. The default reads the named file and nothing else, for as long as
/// it takes, takes what decodes of a damaged video, and leaves frames unturned, as in the training of the published models.
#[derive(Clone, Debug, Default, PartialEq)]
#[must_use]
pub struct OpenOptions {
    pub(super) references: bool,
    pub(super) strict: bool,
    pub(super) timeout: Option<Duration>,
    pub(super) rotation: Rotation,
    pub(super) matrix: Option<Matrix>,
}

impl OpenOptions {
    /// The default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether a video may name other files or addresses to be read: playlists, lists of parts, references in containers.
    pub fn allow_references(self, references: bool) -> Self {
        Self { references, ..self }
    }

    /// Whether a video is refused where a part of it is damaged or missing.
    pub fn strict(self, strict: bool) -> Self {
        Self { strict, ..self }
    }

    /// The longest that opening and decoding one video may take together; without it there is no limit.
    pub fn timeout(self, timeout: Option<Duration>) -> Self {
        Self { timeout, ..self }
    }

    /// How frames are turned.
    pub fn rotation(self, rotation: Rotation) -> Self {
        Self { rotation, ..self }
    }

    /// The matrix of a source that does not state one, such as a pipe.
    pub fn matrix(self, matrix: Option<Matrix>) -> Self {
        Self { matrix, ..self }
    }
}

/// How frames are turned before anything else is done with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Not at all, whatever the file says, as in the training of the published models.
    #[default]
    None,
    /// As a player turns them: by the display matrix of a video, by the EXIF orientation of a picture.
    Auto,
    /// Clockwise by 90, 180 or 270 degrees, whatever the file says.
    Clockwise(u32),
}

impl FromStr for Rotation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" | "0" => Ok(Self::None),
            "90" | "180" | "270" => Ok(Self::Clockwise(text.parse().unwrap_or(0))),
            _ => Err(Error::usage(format!("frames are turned by auto, none, 90, 180 or 270 degrees, not {text:?}"))),
        }
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Auto => f.write_str("auto"),
            Self::Clockwise(degrees) => write!(f, "{degrees}"),
        }
    }
}

/// When reading a video has to be over.
#[cfg(feature = "video")]
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Option<(Instant, Duration)>);

#[cfg(feature = "video")]
impl Deadline {
    pub(super) fn after(timeout: Option<Duration>) -> Self {
        Self(timeout.map(|timeout| (Instant::now() + timeout, timeout)))
    }

    /// What is left; `None` where there is no limit.
    pub(super) fn left(self) -> Option<Duration> {
        self.0.map(|(end, _)| end.saturating_duration_since(Instant::now()))
    }

    /// An error where the time is over.
    pub(super) fn check(self, path: &Path) -> Result<()> {
        match self.left() {
            Some(Duration::ZERO) => Err(self.passed(path)),
            _ => Ok(()),
        }
    }

    /// The error of a time that is over.
    pub(super) fn passed(self, path: &Path) -> Error {
        let seconds = self.0.map_or(0.0, |(_, timeout)| timeout.as_secs_f64());
        Error::file(format!("{} could not be read within {seconds} seconds", path.display()))
    }
}

#[cfg(feature = "video")]
impl OpenOptions {
    /// Opens whatever `path` is: see [`open`](super::open).
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Box<dyn FrameSource>> {
        super::open_with(path.as_ref(), self)
    }
}
