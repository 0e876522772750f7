//! Where the frames of a long file are: its packets, by `ffprobe`, without decoding.

use std::io::{BufRead, BufReader, Read};

use super::clock::Clock;
use super::decoding::Start;
use super::input::{Input, STREAM};
use super::log::fraction;
use super::process::Running;
use super::random_access;
use super::stream::Stream;
use crate::tensor::Result;

/// A packet of the stream, in the order of decoding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Packet {
    /// When its frame is shown, in units of the index's time base.
    pub(super) pts: i64,
    /// Whether decoding may begin with it, as the container says.
    pub(super) key: bool,
    /// Offset of its bytes in the file, where it is known.
    pub(super) position: Option<u64>,
    pub(super) bytes: u64,
}

/// The frames of a file in the order in which they are shown, each with where decoding it begins.
///
/// A packet is a frame in most files, and time stamps tell their order. Where that is not so there is no index; what it
/// says is checked against the frames as they are decoded.
#[derive(Clone, Debug)]
pub(super) struct Index {
    pub(super) stream: Stream,
    /// As the container announces them.
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) format: String,
    /// When the container starts by its own clock, in seconds; `ffmpeg` seeks from there.
    container_start: f64,
    /// Seconds to look for a frame's packets before its time: what a container without an index of its own needs.
    early: f64,
    time_base: (i64, i64),
    /// Time stamps, ascending.
    stamps: Vec<i64>,
    /// Frames with which decoding may begin, ascending, with whether all that follow are known to be right.
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    frame: usize,
    /// No later frame needs one before this.
    closed: bool,
}

/// Codecs of which a packet is a frame. Others hide frames that are never shown, such as VP8, or pack several together.
const A_PACKET_A_FRAME: [&str; 14] = [
    "h264",
    "hevc",
    "vvc",
    "vp9",
    "av1",
    "mpeg2video",
    "mpeg1video",
    "mjpeg",
    "prores",
    "dnxhd",
    "ffv1",
    "dvvideo",
    "huffyuv",
    "theora",
];

/// Codecs whose key frames forget all that was before them.
const KEYS_ARE_CLOSED: [&str; 2] = ["vp9", "av1"];

/// Seconds. A transport stream is entered anywhere, and a packet comes before its frame is shown.
const EARLY: f64 = 1.0;

/// Packets of an index: 46 hours at 60 frames a second.
const MOST_PACKETS: usize = 10_000_000;

/// Bytes of a line.
const MOST_LINE: u64 = 4096;

/// What `ffprobe` says of a file.
#[derive(Default)]
struct Probed {
    packets: Vec<Packet>,
    /// Whether some packet is not a whole frame with a time of its own.
    irregular: bool,
    stream: Stream,
    height: usize,
    width: usize,
    format: String,
    time_base: Option<(i64, i64)>,
    container: String,
    container_start: f64,
}

impl Index {
    /// Reads the packets of `input`; `None` where they do not tell its frames, or where the file is damaged: it has to be
    /// decoded to know.
    pub(super) fn read(input: &Input) -> Result<Option<Self>> {
        const ENTRIES: &str = "packet=pts,flags,size,pos:\
            stream=codec_name,profile,width,height,pix_fmt,avg_frame_rate,time_base,duration:\
            stream_side_data=rotation:stream_tags=rotate:format=start_time,duration,format_name";
        let general = ["-v", "error", "-select_streams", STREAM, "-show_entries", ENTRIES, "-of", "compact"];
        let command = input.command(&input.programs.ffprobe, &general, &[]);
        let (mut running, mut stderr) = Running::start(command, &input.path, input.deadline)?;
        let complained = std::thread::spawn(move || {
            let mut byte = [0];
            let complained = matches!(stderr.read(&mut byte), Ok(1));
            // The rest is read too, so that the program never waits for it.
            std::io::copy(&mut stderr, &mut std::io::sink()).map(|_| complained).unwrap_or(true)
        });
        let probed = Probed::read(BufReader::new(&mut running.stdout));
        if probed.irregular {
            return Ok(None);
        }
        let content = running.finish()?;
        let complained = complained.join().unwrap_or(true);
        if !content || complained { Ok(None) } else { Ok(probed.index(input)) }
    }

    /// Loses a frame, as an index that is wrong.
    #[cfg(test)]
    pub(super) fn forget(&mut self, frame: usize) {
        self.stamps.remove(frame);
        self.entries.retain(|entry| entry.frame < frame);
    }

    /// Number of frames.
    pub(super) fn frames(&self) -> usize {
        self.stamps.len()
    }

    /// The frame with this time stamp.
    pub(super) fn frame_at(&self, pts: i64, time_base: (i64, i64)) -> Option<usize> {
        if time_base != self.time_base {
            return None;
        }
        self.stamps.binary_search(&pts).ok()
    }

    /// From when until when each frame is shown, in seconds after the first.
    pub(super) fn shown(&self, frame: usize) -> [f64; 2] {
        let seconds = |frame: usize| Clock::seconds(self.stamps[frame], self.stamps[0], self.time_base);
        let last = self.stamps.len() - 1;
        match frame {
            frame if frame < last => [seconds(frame), seconds(frame + 1)],
            0 => [0.0, self.stream.frames_per_second.map_or(0.0, f64::recip)],
            _ => [seconds(last), 2.0 * seconds(last) - seconds(last - 1)],
        }
    }

    /// Whether a decoder that was to begin with frame `entry` may give `found` as its first frame, where `wanted` is wanted:
    /// that of H.264 holds frames back until they are refreshed as a whole.
    pub(super) fn begins_late(&self, entry: usize, found: usize, wanted: usize) -> bool {
        self.stream.codec == "h264" && found > entry && found <= wanted
    }

    /// Where to begin so that `frame` is as if all had been decoded, and the frame from which on all are.
    pub(super) fn way_to(&self, frame: usize) -> (Start, usize) {
        let after = self.entries.partition_point(|entry| entry.frame <= frame);
        let entry = match after.checked_sub(1).map(|index| (index, self.entries[index])) {
            Some((_, entry)) if entry.closed => entry.frame,
            // A frame after it may need one before it: the group before has all that this one needs.
            Some((index, _)) if index > 0 => self.entries[index - 1].frame,
            _ => 0,
        };
        if entry == 0 {
            return (Start::Beginning, 0);
        }
        // Half a frame later, so that rounding does not lead to the entry before.
        let [stamp, next] = [entry, (entry + 1).min(self.frames() - 1)].map(|frame| self.stamps[frame] as f64);
        let (numerator, denominator) = self.time_base;
        let seconds = (stamp + next) / 2.0 * numerator as f64 / denominator as f64 - self.container_start - self.early;
        (Start::At(seconds.max(0.0)), entry)
    }
}

impl Probed {
    fn read(mut lines: impl BufRead) -> Self {
        let mut probed = Self::default();
        let mut line = Vec::new();
        while !probed.irregular {
            line.clear();
            match lines.by_ref().take(MOST_LINE).read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(_) if line.last() == Some(&b'\n') => probed.take(String::from_utf8_lossy(&line).trim_end()),
                // Too long for what was asked for, or not to be read.
                _ => probed.irregular = true,
            }
        }
        probed
    }

    /// A line such as `packet|pts=512|size=1554|pos=108274|flags=K_`.
    fn take(&mut self, line: &str) {
        let (section, rest) = line.split_once('|').unwrap_or((line, ""));
        let fields = || rest.split('|').filter_map(|field| field.split_once('='));
        match section {
            "packet" => {
                let packet = packet(fields());
                self.irregular |= packet.is_none() || self.packets.len() == MOST_PACKETS;
                self.packets.extend(packet.flatten());
            }
            "stream" => fields().for_each(|(name, value)| self.stream_field(name, value)),
            "format" => {
                for (name, value) in fields() {
                    match name {
                        "duration" => self.stream.duration = self.stream.duration.or(value.parse().ok()),
                        "start_time" => self.container_start = value.parse().unwrap_or(0.0),
                        "format_name" => self.container = value.to_owned(),
                        _ => {}
                    }
                }
            }
            _ => {}
        }
    }

    fn stream_field(&mut self, name: &str, value: &str) {
        let number = || value.parse().unwrap_or(0);
        // Tags and side data carry the names of their sections in front.
        match name.rsplit(':').next().unwrap_or(name) {
            "codec_name" => self.stream.codec = value.to_owned(),
            "profile" if value != "unknown" => self.stream.profile = Some(value.to_owned()),
            "width" => self.width = number(),
            "height" => self.height = number(),
            "pix_fmt" => self.format = value.to_owned(),
            "time_base" => self.time_base = fraction(value, '/'),
            "duration" => self.stream.duration = value.parse().ok(),
            "rotation" => {
                if let Ok(degrees) = value.parse() {
                    self.stream.turn_by_matrix(degrees);
                }
            }
            "avg_frame_rate" => {
                let rate = fraction(value, '/').map(|(numerator, denominator)| numerator as f64 / denominator as f64);
                self.stream.frames_per_second = rate.filter(|rate| *rate > 0.0);
            }
            _ => {}
        }
    }

    /// The frames in the order in which they are shown; `None` where packets do not tell it.
    fn index(self, input: &Input) -> Option<Index> {
        let first = self.packets.first()?;
        let codec = self.stream.codec.as_str();
        // Frames shown before the first packet's need what is not there: a file that begins within a group.
        if !first.key || !A_PACKET_A_FRAME.contains(&codec) || self.packets.iter().any(|packet| packet.pts < first.pts)
        {
            return None;
        }
        let mut stamps: Vec<i64> = self.packets.iter().map(|packet| packet.pts).collect();
        stamps.sort_unstable();
        if stamps.windows(2).any(|pair| pair[0] == pair[1]) {
            return None;
        }
        let all_keys = self.packets.iter().all(|packet| packet.key);
        let closed = all_keys || KEYS_ARE_CLOSED.contains(&codec);
        let mut access = random_access::Reader::open(input, codec, &self.container);
        let keys = self.packets.iter().filter(|packet| packet.key);
        let entries = keys.map(|packet| {
            let frame = stamps.binary_search(&packet.pts).ok()?;
            Some(Entry { frame, closed: closed || access.as_mut().is_some_and(|access| access.is_closed(packet)) })
        });
        // Key frames that are shown in another order than they are decoded in have no use here.
        let entries: Vec<Entry> = entries.collect::<Option<_>>()?;
        if entries.windows(2).any(|pair| pair[0].frame >= pair[1].frame) {
            return None;
        }
        let indexed = self.container.split(',').any(|name| matches!(name, "mp4" | "matroska"));
        let early = if indexed { 0.0 } else { EARLY };
        let Self { stream, height, width, format, time_base, container_start, .. } = self;
        Some(Index { stream, height, width, format, container_start, early, time_base: time_base?, stamps, entries })
    }
}

/// A packet from its fields: `None` where its frame has no time or is damaged, `Some(None)` where it is not shown.
fn packet<'a>(fields: impl Iterator<Item = (&'a str, &'a str)>) -> Option<Option<Packet>> {
    let (mut pts, mut flags, mut position, mut bytes) = (None, "", None, 0);
    for (name, value) in fields {
        match name {
            "pts" => pts = value.parse().ok(),
            "flags" => flags = value,
            "pos" => position = value.parse().ok(),
            "size" => bytes = value.parse().unwrap_or(0),
            _ => {}
        }
    }
    if flags.contains('D') {
        return Some(None);
    }
    let key = flags.contains('K');
    pts.filter(|_| !flags.contains('C')).map(|pts| Some(Packet { pts, key, position, bytes }))
}
