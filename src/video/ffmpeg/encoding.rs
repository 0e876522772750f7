//! Frames into a video file, by the `ffmpeg` program.

use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use shared_child::SharedChild;

use super::process::at_work;
use crate::tensor::{Error, ErrorKind, Result};

/// How `ffmpeg` is asked to write frames of one size.
#[derive(Clone, Debug)]
pub(in crate::video) struct Encoding {
    codec: &'static Codec,
    /// [Y, X].
    size: [usize; 2],
    rate: f64,
}

/// An encoder of FFmpeg.
#[derive(Debug)]
struct Codec {
    name: &'static str,
    arguments: &'static [&'static str],
}

/// Conversion as readers undo it where a file says nothing else: BT.601, limited range, chroma in 4:2:0.
const AS_STORED: [&str; 6] = [
    "-vf",
    "scale=out_color_matrix=bt601:out_range=tv:flags=accurate_rnd+full_chroma_int,format=yuv420p",
    "-colorspace",
    "smpte170m",
    "-color_range",
    "tv",
];

/// Encoders whose losses nobody sees, the best first.
const LOSSY: [Codec; 2] = [
    Codec { name: "libx264", arguments: &["-preset", "medium", "-crf", "10", "-movflags", "+faststart"] },
    Codec { name: "mpeg4", arguments: &["-q:v", "2", "-movflags", "+faststart"] },
];

const LOSSLESS: Codec = Codec { name: "ffv1", arguments: &["-level", "3", "-g", "1", "-pix_fmt", "bgr0"] };

impl Encoding {
    /// With the best encoder that there is.
    pub(in crate::video) fn lossy(size: [usize; 2], rate: f64) -> Result<Self> {
        Self::first_of(&LOSSY, size, rate)
    }

    /// With an encoder that keeps every byte.
    pub(in crate::video) fn lossless(size: [usize; 2], rate: f64) -> Result<Self> {
        Self::first_of(std::slice::from_ref(&LOSSLESS), size, rate)
    }

    fn first_of(codecs: &'static [Codec], size: [usize; 2], rate: f64) -> Result<Self> {
        let listed = Command::new(PROGRAM)
            .args(["-v", "error", "-hide_banner", "-encoders"])
            .stdin(Stdio::null())
            .output()
            .map_err(|error| not_started(&error))?;
        let text = String::from_utf8_lossy(&listed.stdout);
        // ` V....D libx264   H.264…`
        let is_there = |codec: &&Codec| text.lines().any(|line| line.split_whitespace().nth(1) == Some(codec.name));
        let codec = codecs.iter().find(is_there).ok_or_else(|| {
            let names = codecs.iter().map(|codec| codec.name).collect::<Vec<_>>().join(" nor ");
            Error::unsupported(format!("this {PROGRAM} has no encoder {names}; npy files are written without it"))
        })?;
        Ok(Self { codec, size, rate })
    }

    /// The encoder's name.
    pub(in crate::video) fn codec(&self) -> &str {
        self.codec.name
    }

    /// Writes `frames`, RGB bytes, as the file at `path`.
    pub(in crate::video) fn write(&self, path: &Path, frames: &[&[u8]]) -> Result<()> {
        let mut command = self.command(path);
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let child = Arc::new(SharedChild::spawn(&mut command).map_err(|error| not_started(&error))?);
        at_work(|programs| programs.push(Arc::downgrade(&child)));
        let fed = match child.take_stdin() {
            // The end of the pipe is the end of the video.
            Some(mut pipe) => frames.iter().try_for_each(|frame| pipe.write_all(frame)),
            None => Ok(()),
        };
        let mut said = String::new();
        if let Some(mut stderr) = child.take_stderr() {
            // What it says is for an error alone.
            let _ = stderr.read_to_string(&mut said);
        }
        let status = child.wait().map_err(|error| Error::io("write", path, &error))?;
        match fed {
            Ok(()) if status.success() => Ok(()),
            fed => {
                // Half a video is none. It may not even have been begun.
                let _ = std::fs::remove_file(path);
                let pipe = fed.err().map_or(format!("it ended with {status}"), |error| error.to_string());
                let first = said.lines().find(|line| !line.trim().is_empty()).unwrap_or(&pipe);
                Err(Error::new(ErrorKind::Io, format!("{PROGRAM} cannot write {}: {first}", path.display())))
            }
        }
    }

    fn command(&self, path: &Path) -> Command {
        let [height, width] = self.size;
        let (size, rate) = (format!("{width}x{height}"), self.rate.to_string());
        let mut command = Command::new(PROGRAM);
        command.args(["-v", "error", "-hide_banner", "-f", "rawvideo", "-pix_fmt", "rgb24"]);
        command.args(["-s", &size, "-r", &rate, "-i", "pipe:0"]);
        // One thread each: there are as many programs as the machine can use.
        command.args(["-threads", "1", "-c:v", self.codec.name]).args(self.codec.arguments);
        if self.codec.name != LOSSLESS.name {
            command.args(AS_STORED);
        }
        // Nothing of the day or of the program's version.
        command.args(["-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1", "-y"]);
        let mut argument = std::ffi::OsString::from("file:");
        argument.push(path);
        command.arg(argument);
        command
    }
}

const PROGRAM: &str = "ffmpeg";

fn not_started(error: &io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::NotFound => Error::unsupported(format!(
            "writing videos needs the program {PROGRAM}, which is not installed; `apt-get install ffmpeg`, \
             `brew install ffmpeg` or ffmpeg.org have it. Arrays (npy) are written without it"
        )),
        _ => Error::new(ErrorKind::Io, format!("{PROGRAM} cannot be started: {error}")),
    }
}
