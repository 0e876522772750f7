//! A program at work on a file.

use std::{
    io::{self, BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    thread::JoinHandle,
};

use crate::tensor::{Error, ErrorKind, Result};

/// A program at work on a file. Killed when dropped.
pub(super) struct Running {
    program: String,
    path: PathBuf,
    child: Child,
    pub(super) stdout: ChildStdout,
    /// Reads what the program complains of, so that it never waits for a reader, and keeps the last line.
    complaints: Option<JoinHandle<String>>,
}

impl Running {
    pub(super) fn start(mut command: Command, path: &Path) -> Result<Self> {
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| not_started(&program, path, &error))?;
        let (Some(stdout), Some(stderr)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Error::new(ErrorKind::Io, format!("the output of {program} cannot be read")));
        };
        let complaints = Some(std::thread::spawn(move || last_line(stderr)));
        Ok(Self { program, path: path.into(), child, stdout, complaints })
    }

    /// Fills `bytes` from the program's output; false where the output ended before the first of them.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<bool> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.stdout.read(&mut bytes[filled..]) {
                Ok(0) if filled == 0 => return Ok(false),
                Ok(0) => {
                    self.finish()?;
                    return Err(Error::file(format!(
                        "{} ended within a frame of {}",
                        self.program,
                        self.path.display()
                    )));
                }
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(Error::io("decode", &self.path, &error)),
            }
        }
        Ok(true)
    }

    /// Waits for the program's end; its last complaint, empty where it had none. An error where it failed.
    pub(super) fn finish(&mut self) -> Result<String> {
        let status = self.child.wait().map_err(|error| Error::io("decode", &self.path, &error))?;
        let complaint = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        if status.success() { Ok(complaint) } else { Err(self.failed(status, &complaint)) }
    }

    fn failed(&self, status: ExitStatus, complaint: &str) -> Error {
        let (program, path) = (&self.program, self.path.display());
        match status.code() {
            None => Error::new(ErrorKind::Io, format!("{program} was killed while reading {path} ({status})")),
            Some(_) if complaint.is_empty() => {
                Error::file(format!("{program} failed to read {path} ({status}) without saying why"))
            }
            Some(_) => {
                // FFmpeg begins with the path as it was given.
                let reason = complaint.strip_prefix(&format!("file:{path}: ")).unwrap_or(complaint);
                Error::file(format!("{program} cannot read {path} as a video: {reason}"))
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn not_started(program: &str, path: &Path, error: &io::Error) -> Error {
    let path = path.display();
    match error.kind() {
        io::ErrorKind::NotFound => Error::unsupported(format!(
            "reading {path} needs the program {program}, which is not installed; `apt-get install ffmpeg`, \
             `brew install ffmpeg` or ffmpeg.org have it"
        )),
        _ => Error::new(ErrorKind::Io, format!("{program} cannot be started to read {path}: {error}")),
    }
}

pub(super) fn last_line(stderr: impl Read) -> String {
    let mut last = String::new();
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    while matches!(reader.read_until(b'\n', &mut line), Ok(1..)) {
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        if !text.is_empty() {
            last = text;
        }
        line.clear();
    }
    last
}
