//! Frames from `ffmpeg`, each with the size, format and time that the decoder gave it.

use std::sync::mpsc::Receiver;

use super::clock::Clock;
use super::complaints::Complaints;
use super::input::{Input, List, STREAM};
use super::log::{self, Report, Said};
use super::process::Running;
use super::stream::Stream;
use crate::tensor::{Error, ErrorKind, Result};
use crate::video::source::{Frame, PixelFormat};
use crate::video::{ColourRange, Matrix};

/// Where decoding begins.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Start {
    /// With the first frame.
    Beginning,
    /// Where the container finds a way in at or before this time, in seconds after it starts.
    At(f64),
}

/// How frames come out of the pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Piped {
    /// As they are stored: 8-bit 4:2:0.
    Stored,
    /// Converted to RGB by FFmpeg, interlaced frames by their fields.
    Rgb,
}

/// A decoder at work, one frame ahead: when a frame ends is known when the next begins.
pub(super) struct Decoding {
    input: Input,
    start: Start,
    piped: Piped,
    running: Running,
    said: Receiver<Said>,
    clock: Clock,
    /// Frames that have been taken.
    taken: usize,
    next: Option<Report>,
    pub(super) stream: Stream,
    pub(super) complaints: Complaints,
}

/// A frame and its time by the container's clock.
pub(super) struct Decoded {
    pub(super) frame: Frame,
    pub(super) report: Report,
}

impl Decoding {
    /// Begins, and waits for the first frame to be decoded.
    ///
    /// An error for what is no video, and for one without a frame that can be decoded.
    pub(super) fn start(input: &Input, start: Start) -> Result<Self> {
        let mut decoding = Self::start_piped(input, start, Piped::Stored)?;
        decoding.next = decoding.report()?;
        if decoding.next.is_none() {
            return Err(decoding.nothing()?);
        }
        Ok(decoding)
    }

    fn start_piped(input: &Input, start: Start, piped: Piped) -> Result<Self> {
        let mut general = log::OPTIONS.to_vec();
        // As the container has it: what FFmpeg does about jumps depends on how far it has read.
        general.extend(["-copyts", "-noautorotate"]);
        general.extend(["-filter_threads", "1"]);
        let mut entry: Vec<String> = Vec::new();
        if input.short {
            entry.extend(["-threads", "1"].map(str::to_owned));
        }
        if let Start::At(time) = start {
            entry.extend(["-noaccurate_seek".to_owned(), "-ss".to_owned(), format!("{time:.6}")]);
        }
        let entry: Vec<&str> = entry.iter().map(String::as_str).collect();
        let mut command = input.command(&input.programs.ffmpeg, &general, &entry);
        let filters = match piped {
            Piped::Stored => log::FILTER.to_owned(),
            Piped::Rgb => format!("{},scale=interl=-1,format=rgb24", log::FILTER),
        };
        command.args(["-map", &format!("0:{STREAM}"), "-vf", &filters, "-noautoscale", "-fps_mode", "passthrough"]);
        // Small frames would wait in FFmpeg's buffer for others while we wait for them.
        command.args(["-flush_packets", "1", "-f", "rawvideo", "pipe:1"]);
        let (running, stderr) = Running::start(command, &input.path, input.deadline)?;
        Ok(Self {
            input: input.clone(),
            start,
            piped,
            running,
            said: log::listen(stderr),
            clock: Clock::default(),
            taken: 0,
            next: None,
            stream: Stream::default(),
            complaints: Complaints::default(),
        })
    }

    /// What is reported of the next frame.
    pub(super) fn upcoming(&self) -> Option<&Report> {
        self.next.as_ref()
    }

    /// The next frame, into `spare` where its memory suffices; `None` at the end.
    pub(super) fn next(&mut self, spare: Vec<u8>) -> Result<Option<Decoded>> {
        let Some(mut report) = self.next.take() else { return Ok(None) };
        if self.piped == Piped::Stored && stored_as(&report).is_err() {
            match self.convert()? {
                Some(again) => report = again,
                None => return Ok(None),
            }
        }
        let format = match self.piped {
            Piped::Stored => stored_as(&report).map_err(Error::file)?,
            Piped::Rgb => PixelFormat::Rgb24,
        };
        let Some(bytes) = self.read(&report, format, spare)? else { return Ok(None) };
        let frame = Frame::new(report.height, report.width, format, bytes)?;
        self.taken += 1;
        let start = self.clock.start_of(&report);
        self.next = self.report()?;
        let end = self.clock.end_of(start, self.next.as_ref());
        let frame = frame.shown_at(start, end);
        Ok(Some(Decoded { frame, report }))
    }

    /// Begins again with frames converted to RGB, from the frame on that cannot be had otherwise: its report.
    fn convert(&mut self) -> Result<Option<Report>> {
        let again = Self::start_piped(&self.input, self.start, Piped::Rgb)?;
        let Self { taken, clock, .. } = std::mem::replace(self, again);
        let mut spare = Vec::new();
        for _ in 0..taken {
            let Some(report) = self.report()? else { return Ok(None) };
            match self.read(&report, PixelFormat::Rgb24, spare)? {
                Some(bytes) => spare = bytes,
                None => return Ok(None),
            }
        }
        let report = self.report()?;
        (self.taken, self.clock) = (taken, if taken == 0 { self.clock.clone() } else { clock });
        Ok(report)
    }

    /// Waits for the next report; what is said before it is kept.
    fn report(&mut self) -> Result<Option<Report>> {
        loop {
            match self.said.recv() {
                Ok(Said::Frame(report)) => return Ok(Some(report)),
                Ok(Said::Stream(stream)) => {
                    if self.taken == 0 {
                        self.clock = Clock::new(stream.frames_per_second);
                    }
                    self.stream = stream;
                }
                Ok(Said::Complaint(complaint)) => self.complaints.add(complaint),
                Err(_) => return self.end().map(|()| None),
            }
        }
    }

    /// A program that fails after it has delivered frames has said why.
    fn end(&mut self) -> Result<()> {
        if !self.running.finish()? && self.complaints.first().is_none() {
            self.complaints.add("it failed without saying why".to_owned());
        }
        Ok(())
    }

    fn read(&mut self, report: &Report, format: PixelFormat, mut bytes: Vec<u8>) -> Result<Option<Vec<u8>>> {
        let size = format.bytes(report.height, report.width);
        bytes.clear();
        bytes.try_reserve_exact(size).map_err(|_| self.too_large(report))?;
        bytes.resize(size, 0);
        if self.running.fill(&mut bytes)? {
            return Ok(Some(bytes));
        }
        self.complaints.add("it ended within a frame".to_owned());
        self.end()?;
        Ok(None)
    }

    fn too_large(&self, report: &Report) -> Error {
        let (path, width, height) = (self.input.path.display(), report.width, report.height);
        Error::new(
            ErrorKind::OutOfMemory,
            format!("there is no memory for a frame of {width}x{height} pixels of {path}"),
        )
    }

    /// Why nothing could be decoded.
    fn nothing(&mut self) -> Result<Error> {
        let path = self.input.path.display();
        let content = self.running.finish()?;
        let said = self.complaints.last().unwrap_or_default();
        let list = self.input.list();
        Ok(Error::file(match self.complaints.first() {
            Some(_) if self.input.references && list == Some(List::Playlist) => format!(
                "ffmpeg cannot read the playlist {path}: {said}; newer versions of it read playlists by the name .m3u8 only"
            ),
            Some(first) if !self.input.references && (list.is_some() || first.contains("Format not on whitelist")) => {
                format!(
                    "{path} is no video in itself: it is of a format that names other files, or of an unknown one; what it \
                 names is read only where references are allowed (--allow-references)"
                )
            }
            Some(first) if first.contains("matches no streams") => format!("{path} has no video stream"),
            Some(_) if content => format!("{path} holds no frame that can be decoded{}", self.complaints.said()),
            Some(_) => {
                let given = self.input.argument().to_string_lossy().into_owned();
                let reason = said.strip_prefix("Error opening input file ").unwrap_or(said);
                // FFmpeg begins with the path as it was given.
                let reason = reason.strip_prefix(&format!("{given}: ")).unwrap_or(reason);
                format!("ffmpeg cannot read {path} as a video: {reason}")
            }
            None if content => format!("{path} holds no frame that can be decoded"),
            None => format!("ffmpeg failed to read {path} without saying why"),
        }))
    }
}

/// 8-bit 4:2:0 planes as they are stored, or why FFmpeg has to convert them.
pub(super) fn stored_as(report: &Report) -> Result<PixelFormat, String> {
    let range = match (report.format.as_str(), report.range.as_str()) {
        ("yuvj420p", _) | ("yuv420p", "pc") => ColourRange::Full,
        ("yuv420p", _) => ColourRange::Limited,
        (other, _) => return Err(format!("{other} is not 8-bit 4:2:0")),
    };
    let matrix = match report.matrix.as_str() {
        "unknown" | "unspecified" | "smpte170m" | "bt470bg" => Matrix::Bt601,
        "bt709" => Matrix::Bt709,
        other => return Err(format!("its matrix is {other}")),
    };
    if report.width % 2 == 1 || report.height % 2 == 1 {
        return Err("a side is odd".to_owned());
    }
    if report.interlaced {
        return Err("its frames are interlaced".to_owned());
    }
    Ok(PixelFormat::Yuv420p { matrix, range })
}
