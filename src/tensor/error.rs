//! The one error type of the crate.

use std::fmt;

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What a caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The caller asked for something that makes no sense (a shape, an option, a name): ask differently.
    Usage,
    /// A file or folder is missing, damaged, or does not say what it should.
    File,
    /// No device answers the request: install a driver or choose another device.
    NoDevice,
    /// The device went away (driver reset, unplugged, destroyed): open it again.
    DeviceLost,
    /// The device or the host ran out of memory: use smaller clips, fewer at a time, or another device.
    OutOfMemory,
    /// This device, build or version cannot do what was asked; another may.
    Unsupported,
    /// The driver or the device refused or failed what should have worked.
    Device,
    /// Reading or writing failed for a reason outside the files' contents (permissions, a full disk, the network).
    Io,
    /// The caller cancelled it.
    Interrupted,
}

/// In a few words: `wrong use`, `file`, `no device`.
impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Usage => "wrong use",
            Self::File => "file",
            Self::NoDevice => "no device",
            Self::DeviceLost => "device lost",
            Self::OutOfMemory => "out of memory",
            Self::Unsupported => "unsupported",
            Self::Device => "device",
            Self::Io => "input or output",
            Self::Interrupted => "interrupted",
        })
    }
}

/// An error with one clear sentence: what, where, and what to do.
///
/// [`Error::kind`] says what a program can do about it; the text is for people.
/// The type is small (one pointer) and can be sent between threads. `{:?}` is the sentence, too: it is what a `main` that
/// returns an error prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Error(Box<Inner>);

#[derive(Clone, PartialEq, Eq)]
struct Inner {
    kind: ErrorKind,
    message: String,
}

impl Error {
    /// An error of `kind` with its sentence. Kernels and frame sources written outside the crate use it too.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner { kind, message: message.into() }))
    }

    /// [`ErrorKind::Usage`] with its sentence.
    pub fn usage(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Usage, message)
    }

    /// [`ErrorKind::File`] with its sentence.
    pub fn file(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::File, message)
    }

    /// [`ErrorKind::Unsupported`] with its sentence.
    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Unsupported, message)
    }

    /// A failed operation on `path`: [`ErrorKind::File`] where the path does not exist, [`ErrorKind::OutOfMemory`] where
    /// the host has too little memory, else [`ErrorKind::Io`].
    pub fn io(action: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        let kind = match error.kind() {
            std::io::ErrorKind::NotFound => ErrorKind::File,
            std::io::ErrorKind::OutOfMemory => ErrorKind::OutOfMemory,
            _ => ErrorKind::Io,
        };
        Self::new(kind, format!("cannot {action} {}: {error}", path.display()))
    }

    /// What a caller can do about it.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The same error, its sentence preceded by where it happened.
    #[must_use]
    pub fn within(mut self, context: impl fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {}
