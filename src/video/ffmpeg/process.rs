//! A program at work on a file.

use std::{
    io::{self, Read},
    path::{Path, PathBuf},
    process::{ChildStderr, ChildStdout, Command, ExitStatus, Stdio},
    sync::{
        Arc, Mutex, PoisonError, Weak,
        mpsc::{RecvTimeoutError, Sender, channel},
    },
};

use shared_child::SharedChild;

use crate::tensor::{Error, ErrorKind, Result};
use crate::video::opening::Deadline;

/// A program at work on a file. Killed when dropped, and when the time is over.
pub(super) struct Running {
    program: String,
    path: PathBuf,
    deadline: Deadline,
    child: Arc<SharedChild>,
    pub(super) stdout: ChildStdout,
    /// Ends the watching thread when it is dropped.
    _watched: Option<Sender<()>>,
}

impl Running {
    /// Starts `command`; what it says on stderr is for the caller to read.
    pub(super) fn start(mut command: Command, path: &Path, deadline: Deadline) -> Result<(Self, ChildStderr)> {
        deadline.check(path)?;
        let program = command.get_program().to_string_lossy().into_owned();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = SharedChild::spawn(&mut command).map_err(|error| not_started(&program, path, &error))?;
        let (Some(stdout), Some(stderr)) = (child.take_stdout(), child.take_stderr()) else {
            return Err(Error::new(ErrorKind::Io, format!("the output of {program} cannot be read")));
        };
        let child = Arc::new(child);
        at_work(|programs| programs.push(Arc::downgrade(&child)));
        let _watched = watch(&child, deadline);
        Ok((Self { program, path: path.into(), deadline, child, stdout, _watched }, stderr))
    }

    /// Fills `bytes` from the program's output; false where the output ends before they are full.
    pub(super) fn fill(&mut self, bytes: &mut [u8]) -> Result<bool> {
        match self.stdout.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(Error::io("decode", &self.path, &error)),
        }
    }

    /// Waits for the program's end; whether it succeeded. An error where it was killed, or had no more time.
    pub(super) fn finish(&mut self) -> Result<bool> {
        let status = self.child.wait().map_err(|error| Error::io("decode", &self.path, &error))?;
        self.deadline.check(&self.path)?;
        match status.code() {
            Some(code) => Ok(code == 0),
            None => Err(self.killed(status)),
        }
    }

    fn killed(&self, status: ExitStatus) -> Error {
        let (program, path) = (&self.program, self.path.display());
        Error::new(ErrorKind::Io, format!("{program} was killed while reading {path} ({status})"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail only where the program has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All programs at work.
pub(super) fn at_work(with: impl FnOnce(&mut Vec<Weak<SharedChild>>)) {
    static PROGRAMS: Mutex<Vec<Weak<SharedChild>>> = Mutex::new(Vec::new());
    let mut programs = PROGRAMS.lock().unwrap_or_else(PoisonError::into_inner);
    programs.retain(|program| program.strong_count() > 0);
    with(&mut programs);
}

/// Ends all programs that decode or encode videos for this process, whose readers then find an end or an error: for a program that is
/// about to end at a signal.
pub fn end_programs() {
    at_work(|programs| {
        for program in programs.iter().filter_map(Weak::upgrade) {
            // It may have ended by itself just now.
            let _ = program.kill();
        }
    });
}

/// Kills `child` when the time is over, unless what is returned is dropped before.
fn watch(child: &Arc<SharedChild>, deadline: Deadline) -> Option<Sender<()>> {
    let left = deadline.left()?;
    let (sender, receiver) = channel();
    let child = Arc::clone(child);
    std::thread::spawn(move || {
        if receiver.recv_timeout(left) == Err(RecvTimeoutError::Timeout) {
            // It may have ended by itself just now.
            let _ = child.kill();
        }
    });
    Some(sender)
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
