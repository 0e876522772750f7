//! How videos are opened.

use std::time::Duration;
use std::{fmt, str::FromStr};
#[cfg(feature = "video")]
use std::{
    fs::FileType,
    path::Path,
    sync::mpsc::{self, RecvTimeoutError},
    time::Instant,
};

#[cfg(feature = "video")]
use super::FrameSource;
use super::Matrix;
use crate::tensor::{Error, Result};

/// How a video is opened, and what may happen on the way. The default reads the named file and nothing else, for as long as
/// it takes, takes what decodes of a damaged video, and leaves frames unturned, as in the training of the published models.
///
/// ```no_run
/// use std::time::Duration;
/// use tubelet::video::{OpenOptions, Rotation};
///
/// let options = OpenOptions::new().rotation(Rotation::Auto).timeout(Some(Duration::from_secs(20)));
/// let source = options.open("clip.mp4")?;
/// println!("{}", source.information().description);
/// # Ok::<(), tubelet::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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

    /// The longest that opening a video may take, and that each reading of its frames may; without it there is no limit. Of a
    /// pipe, which may have no end, the longest wait for its header and for each frame.
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
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Rotation {
    /// Not at all, whatever the file says, as in the training of the published models.
    #[default]
    None,
    /// As a player turns them: by the display matrix of a video, by the EXIF orientation of a picture.
    Auto,
    /// Clockwise by a right angle, whatever the file says.
    Clockwise90,
    /// By two, whatever the file says.
    Clockwise180,
    /// Clockwise by three, whatever the file says.
    Clockwise270,
}

impl FromStr for Rotation {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "auto" => Ok(Self::Auto),
            "none" | "0" => Ok(Self::None),
            "90" => Ok(Self::Clockwise90),
            "180" => Ok(Self::Clockwise180),
            "270" => Ok(Self::Clockwise270),
            _ => Err(Error::usage(format!("frames are turned by auto, none, 90, 180 or 270 degrees, not by {text}"))),
        }
    }
}

impl fmt::Display for Rotation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "none",
            Self::Auto => "auto",
            Self::Clockwise90 => "90",
            Self::Clockwise180 => "180",
            Self::Clockwise270 => "270",
        })
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

    /// As long again from now on: what a caller did between two calls does not count.
    pub(super) fn again(self) -> Self {
        Self::after(self.0.map(|(_, timeout)| timeout))
    }

    /// Whether more than half of the time is over.
    pub(super) fn is_near(self) -> bool {
        self.0.is_some_and(|(end, timeout)| end.saturating_duration_since(Instant::now()) < timeout / 2)
    }

    /// The time that is left; `None` where there is no limit.
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

/// What `work` on `path` gives, or an error where it is not done in time. Work that nothing can interrupt, such as opening
/// a file of a mount that does not answer, is then left behind in its thread.
#[cfg(feature = "video")]
pub(super) fn within<T: Send + 'static>(
    deadline: Deadline,
    path: &Path,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    deadline.check(path)?;
    let Some(left) = deadline.left() else { return work() };
    let (sender, receiver) = mpsc::sync_channel(1);
    // The result has no taker where the time was over.
    std::thread::spawn(move || drop(sender.send(work())));
    receiver.recv_timeout(left).unwrap_or_else(|error| match error {
        RecvTimeoutError::Timeout => Err(deadline.passed(path)),
        RecvTimeoutError::Disconnected => Err(Error::file(format!("reading {} broke off", path.display()))),
    })
}

/// An error for a path that is neither a file nor a folder, before it is opened: opening a named pipe waits for a writer,
/// and a device may give bytes for ever. Links are followed.
#[cfg(feature = "video")]
pub(super) fn check_regular(path: &Path) -> Result<()> {
    let kind = std::fs::metadata(path).map_err(|error| Error::io("open", path, &error))?.file_type();
    if kind.is_file() || kind.is_dir() {
        return Ok(());
    }
    let (path, kind) = (path.display(), name_of(kind));
    Err(Error::file(format!(
        "{path} is {kind}, not a file or folder; frames are piped in as YUV4MPEG2 under the name -"
    )))
}

#[cfg(all(feature = "video", unix))]
fn name_of(kind: FileType) -> &'static str {
    use std::os::unix::fs::FileTypeExt;
    match kind {
        kind if kind.is_fifo() => "a named pipe",
        kind if kind.is_socket() => "a socket",
        _ => "a device",
    }
}

#[cfg(all(feature = "video", not(unix)))]
fn name_of(_: FileType) -> &'static str {
    "something else"
}

#[cfg(feature = "video")]
impl OpenOptions {
    /// Opens whatever `path` is: see [`open`](super::open).
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Box<dyn FrameSource>> {
        super::open_with(path.as_ref(), self)
    }
}

#[cfg(all(test, feature = "video"))]
mod tests {
    use super::*;
    use crate::tensor::ErrorKind;

    #[test]
    fn work_is_given_up_when_its_time_is_over() {
        let path = Path::new("slow.mp4");
        let slow = || {
            std::thread::sleep(Duration::from_secs(20));
            Ok(1)
        };
        let start = Instant::now();
        let error = within(Deadline::after(Some(Duration::from_millis(50))), path, slow).unwrap_err();
        assert!(error.to_string().starts_with("slow.mp4 could not be read within 0.05 seconds"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn work_in_time_gives_its_result() {
        for deadline in [Deadline::after(None), Deadline::after(Some(Duration::from_secs(60)))] {
            assert_eq!(within(deadline, Path::new("x"), || Ok(7)).unwrap(), 7);
            assert!(within::<()>(deadline, Path::new("x"), || Err(Error::usage("no"))).is_err());
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_is_no_file_is_refused_before_it_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("clip.mp4");
        assert!(std::process::Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        let socket = folder.path().join("clip.png");
        let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
        let link = folder.path().join("clip.npy");
        std::os::unix::fs::symlink(&fifo, &link).unwrap();
        let device = "/dev/zero".into();
        for (path, kind) in
            [(&fifo, "a named pipe"), (&link, "a named pipe"), (&socket, "a socket"), (&device, "a device")]
        {
            let error = crate::video::open(path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::File);
            assert!(error.to_string().contains(&format!(" is {kind}, not a file")), "{error}");
        }
        assert!(crate::video::open(folder.path().join("missing")).unwrap_err().to_string().starts_with("cannot open"));
    }
}
