//! Video files, decoded by the `ffmpeg` and `ffprobe` programs, version 5.1 or newer; 5.1 and 9.0 were tried.
//!
//! Frames are piped as raw bytes: 8-bit 4:2:0 progressive video with even sides as it is stored, all else converted to RGB
//! by FFmpeg. Size, format and time come from the decoder with each frame. Frames are neither repeated nor dropped to even
//! out a variable frame rate, and not turned.
//!
//! A short file is decoded once, by one program. Of a long one the packets are listed first; then decoding begins near the
//! frames that are wanted.

mod clock;
mod complaints;
mod decoding;
mod encoding;
mod index;
mod input;
mod log;
mod process;
mod random_access;
mod stream;

use std::path::Path;

pub(super) use self::encoding::Encoding;
pub use self::process::end_programs;
use self::{
    complaints::Complaints,
    decoding::{Decoding, Start, stored_as},
    index::Index,
    input::Input,
    log::Report,
    stream::Stream,
};
use super::opening::OpenOptions;
use super::source::{Frame, FrameSource, Information, PixelFormat, Sink, Wanted, Watcher};
use crate::tensor::{Error, Result};

/// Bytes of a file that is decoded as a whole: decoding more takes longer than another program takes to start.
const SHORT: u64 = 2 << 20;

/// Bytes of decoded frames that are kept of a short file.
const KEPT: usize = 256 << 20;

/// Frames that are decoded rather than passed over by starting another program.
const WORTH_DECODING: usize = 300;

/// A video file.
#[derive(Debug)]
pub struct VideoFile {
    input: Input,
    strict: bool,
    information: Information,
    content: Content,
}

/// What is known of the frames.
enum Content {
    /// Nothing yet.
    Unread,
    /// Decoding has begun.
    Begun(Box<Decoding>),
    /// All of them.
    Kept(Vec<Frame>),
    /// Where they are.
    Indexed(Index),
    /// From when until when each is shown; they have been decoded and forgotten.
    Counted(Vec<[f64; 2]>),
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Unread => "Unread",
            Self::Begun(_) => "Begun",
            Self::Kept(_) => "Kept",
            Self::Indexed(_) => "Indexed",
            Self::Counted(_) => "Counted",
        })
    }
}

impl VideoFile {
    /// Opens the file and decodes its first frame, or lists the packets of a long one.
    ///
    /// An error ([`Unsupported`](crate::tensor::ErrorKind::Unsupported)) where the programs are not installed,
    /// [`File`](crate::tensor::ErrorKind::File) where the file is not a video.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path.as_ref(), &OpenOptions::new())
    }

    pub(super) fn open_with(path: &Path, options: &OpenOptions) -> Result<Self> {
        Self::open_input(Input::new(path, options), options.strict, SHORT)
    }

    /// A file of at most `short` bytes is decoded as a whole.
    fn open_input(mut input: Input, strict: bool, short: u64) -> Result<Self> {
        let bytes = std::fs::metadata(&input.path).map_err(|error| Error::io("open", &input.path, &error))?.len();
        input.short = bytes <= short;
        // Whether a file is whole is known when all of it has been decoded. A list has no packets of its own.
        if bytes > short
            && !strict
            && !input.references
            && let Some(index) = Index::read(&input)?
        {
            let announced =
                Report { height: index.height, width: index.width, format: index.format.clone(), ..Report::default() };
            let mut information = information(&index.stream, &announced)?;
            information.frames = Some(index.frames());
            return Ok(Self { input, strict, information, content: Content::Indexed(index) });
        }
        let decoding = Decoding::start(&input, Start::Beginning)?;
        let information = match decoding.upcoming() {
            Some(first) => information(&decoding.stream, first)?,
            None => return Err(Error::file(format!("{} holds no frame", input.path.display()))),
        };
        Ok(Self { input, strict, information, content: Content::Begun(Box::new(decoding)) })
    }

    /// Decodes all frames, and keeps them where they are not too many.
    fn decode_all(&mut self, decoding: &mut Decoding) -> Result<Content> {
        let (mut frames, mut bytes, mut times) = (Some(Vec::new()), 0, Vec::new());
        let mut spare = Vec::new();
        while let Some(decoded) = decoding.next(std::mem::take(&mut spare))? {
            let frame = decoded.frame;
            times.extend(frame.shown());
            bytes += frame.as_bytes().len();
            match &mut frames {
                Some(frames) if bytes <= KEPT => frames.push(frame),
                _ => {
                    frames = None;
                    spare = frame.into_bytes();
                }
            }
        }
        let end = times.last().map(|[_, end]| *end);
        self.finish(times.len(), end.unwrap_or(0.0), &decoding.stream, &decoding.complaints)?;
        Ok(frames.map_or(Content::Counted(times), Content::Kept))
    }

    /// Notes that all frames have been decoded, and whether there should have been more.
    fn finish(&mut self, frames: usize, end: f64, stream: &Stream, complaints: &Complaints) -> Result<()> {
        let path = self.input.path.display();
        if frames == 0 {
            return Err(Error::file(format!("{path} holds no frame that can be decoded{}", complaints.said())));
        }
        self.information.frames = Some(frames);
        self.information.complaint = complaints.first().map(|_| {
            let whole = stream.duration.filter(|duration| *duration > end);
            let of = whole.map_or(String::new(), |whole| format!(" of {whole:.1}"));
            let count = if frames == 1 { "1 frame".to_owned() } else { format!("{frames} frames") };
            format!(
                "the video is damaged or incomplete: {count}, {end:.1}{of} seconds, could be decoded{}",
                complaints.said()
            )
        });
        match &self.information.complaint {
            Some(complaint) if self.strict => Err(Error::file(format!("{path}: {complaint}"))),
            _ => Ok(()),
        }
    }

    /// Gives a reading its time. A decoder that has waited for the caller too long will be stopped, so another one is needed.
    fn allow_time(&mut self) {
        if self.input.deadline.is_near() {
            self.input.deadline = self.input.deadline.again();
            if let Content::Begun(_) = self.content {
                self.content = Content::Unread;
            }
        }
    }

    /// Decoding from the beginning: the one that has begun with opening, where it is still there.
    fn begin(&mut self) -> Result<Box<Decoding>> {
        match std::mem::replace(&mut self.content, Content::Unread) {
            Content::Begun(decoding) => Ok(decoding),
            _ => Decoding::start(&self.input, Start::Beginning).map(Box::new),
        }
    }

    /// What is known of the frames once they have been counted.
    fn counted(&mut self) -> Result<&Content> {
        self.allow_time();
        if let Content::Begun(_) | Content::Unread = self.content {
            let mut decoding = self.begin()?;
            self.content = self.decode_all(&mut decoding)?;
        }
        Ok(&self.content)
    }

    /// Delivers wanted frames by decoding from the beginning.
    fn visit_from_the_beginning(&self, wanted: &Wanted, sink: &mut Sink<'_>) -> Result<()> {
        let Some(last) = wanted.last() else { return Ok(()) };
        let mut decoding = Decoding::start(&self.input, Start::Beginning)?;
        let mut spare = Vec::new();
        for frame in 0..=last {
            let Some(decoded) = decoding.next(std::mem::take(&mut spare))? else {
                return wanted
                    .check(frame, self.input.path.display())
                    .map_err(|error| Error::file(format!("{error}{}", decoding.complaints.said())));
            };
            if wanted.contains(frame) {
                wanted.deliver(frame, &decoded.frame, sink)?;
            }
            spare = decoded.frame.into_bytes();
        }
        Ok(())
    }

    /// Delivers wanted frames by decoding near them; false where the frames are not those of the index.
    fn visit_indexed(&mut self, wanted: &Wanted, sink: &mut Sink<'_>) -> Result<bool> {
        let Content::Indexed(index) = &self.content else { return Ok(false) };
        let mut near: Option<Near> = None;
        let (mut seen, mut complaints) = (None, Complaints::default());
        for frame in wanted.indices() {
            let (start, right_from) = index.way_to(frame);
            if near.as_ref().is_none_or(|near| right_from > near.next + WORTH_DECODING) {
                near = Some(Near::start(&self.input, start, right_from)?);
            }
            let Some(near) = &mut near else { return Ok(false) };
            let Some(picture) = near.frame(frame, index)? else { return Ok(false) };
            seen.get_or_insert_with(|| near.seen.clone());
            if let Some(complaint) = near.decoding.complaints.first() {
                complaints.add(complaint.to_owned());
            }
            let [start, end] = index.shown(frame);
            wanted.deliver(frame, &picture.shown_at(start, end), sink)?;
        }
        if let Some((stream, report)) = seen {
            let frames = Some(index.frames());
            let complaint =
                complaints.first().map(|first| format!("a part of the video is damaged; ffmpeg says: {first}"));
            self.information = Information { frames, complaint, ..information(&stream, &report)? };
        }
        Ok(true)
    }
}

/// Decoding near the frames that are wanted.
struct Near {
    decoding: Decoding,
    /// The frame from which on all are as if decoding had begun at the beginning.
    right_from: usize,
    /// The frame that comes next, once the first right one has been found.
    next: usize,
    found: bool,
    spare: Vec<u8>,
    /// The stream and its first right frame.
    seen: (Stream, Report),
}

impl Near {
    fn start(input: &Input, start: Start, right_from: usize) -> Result<Self> {
        let decoding = Decoding::start(input, start)?;
        let seen = (decoding.stream.clone(), Report::default());
        Ok(Self { decoding, right_from, next: right_from, found: false, spare: Vec::new(), seen })
    }

    /// Frame `wanted`; `None` where the frames that come are not those of `index`.
    fn frame(&mut self, wanted: usize, index: &Index) -> Result<Option<Frame>> {
        while let Some(decoded) = self.decoding.next(std::mem::take(&mut self.spare))? {
            let found = decoded.report.pts.and_then(|pts| index.frame_at(pts, decoded.report.time_base));
            match (self.found, found) {
                (false, Some(found))
                    if found == self.right_from || index.begins_late(self.right_from, found, wanted) =>
                {
                    // What was wrong before is due to beginning in the middle.
                    self.decoding.complaints = Complaints::default();
                    (self.found, self.next, self.seen.1) = (true, found, decoded.report);
                }
                (false, Some(found)) if found > self.right_from => return Ok(None),
                (false, _) => {
                    self.spare = decoded.frame.into_bytes();
                    continue;
                }
                (true, Some(found)) if found == self.next => {}
                (true, _) => return Ok(None),
            }
            self.next += 1;
            if self.next == wanted + 1 {
                return Ok(Some(decoded.frame));
            }
            self.spare = decoded.frame.into_bytes();
        }
        Ok(None)
    }
}

/// What is known of a video by its stream and first frame.
fn information(stream: &Stream, first: &Report) -> Result<Information> {
    let stored = stored_as(first);
    let conversion = match &stored {
        Ok(_) => String::new(),
        Err(reason) => format!(", converted to RGB by ffmpeg: {reason}"),
    };
    let Report { height, width, format, .. } = first;
    Ok(Information {
        height: *height,
        width: *width,
        frames: None,
        frames_per_second: stream.frames_per_second,
        format: stored.unwrap_or(PixelFormat::Rgb24),
        rotation: stream.rotation,
        turned: 0,
        complaint: None,
        description: format!("{}, {width}x{height} (width x height), {format}{conversion}", stream.coding()),
    })
}

impl FrameSource for VideoFile {
    fn information(&self) -> &Information {
        &self.information
    }

    fn frame_count(&mut self) -> Result<usize> {
        self.counted()?;
        Ok(self.information.frames.unwrap_or(0))
    }

    fn times(&mut self) -> Result<Option<Vec<[f64; 2]>>> {
        Ok(match self.counted()? {
            Content::Kept(frames) => frames.iter().map(Frame::shown).collect(),
            Content::Indexed(index) => Some((0..index.frames()).map(|frame| index.shown(frame)).collect()),
            Content::Counted(times) => Some(times.clone()),
            Content::Begun(_) | Content::Unread => None,
        })
    }

    fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        let wanted = Wanted::new(indices);
        let total = self.frame_count()?;
        wanted.check(total, self.input.path.display())?;
        if let Content::Kept(frames) = &self.content {
            return wanted.indices().try_for_each(|index| wanted.deliver(index, &frames[index], sink));
        }
        if let Content::Indexed(_) = &self.content {
            if self.visit_indexed(&wanted, sink)? {
                return Ok(());
            }
            // Packets are not frames here after all: they have to be decoded to count them.
            self.content = Content::Unread;
            return self.visit(indices, sink);
        }
        self.visit_from_the_beginning(&wanted, sink)
    }

    fn watch(&mut self, watcher: &mut Watcher<'_>) -> Result<()> {
        self.allow_time();
        if let Content::Kept(frames) = &self.content {
            for frame in frames {
                if watcher(frame)?.is_break() {
                    break;
                }
            }
            return Ok(());
        }
        let mut decoding = self.begin()?;
        let (mut spare, mut frames, mut end) = (Vec::new(), 0, 0.0);
        while let Some(decoded) = decoding.next(std::mem::take(&mut spare))? {
            (frames, end) = (frames + 1, decoded.frame.shown().map_or(end, |[_, end]| end));
            if watcher(&decoded.frame)?.is_break() {
                return Ok(());
            }
            spare = decoded.frame.into_bytes();
        }
        self.finish(frames, end, &decoding.stream, &decoding.complaints)
    }
}

#[cfg(test)]
mod tests;
