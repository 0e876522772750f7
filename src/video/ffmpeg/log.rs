//! What `ffmpeg` says on stderr while it decodes: the stream it reads, each frame as the decoder gave it, complaints.
//!
//! A raw pipe carries no sizes, formats or times, and what a container announces may be wrong. The filter `showinfo`
//! reports them of each frame as it leaves the decoder; the format of its lines is that of FFmpeg 5.1 to 9.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read};
use std::sync::mpsc::{Receiver, Sender, channel};

use super::stream::Stream;

/// The options that make `ffmpeg` say what is read here.
pub(super) const OPTIONS: [&str; 5] = ["-hide_banner", "-nostats", "-nostdin", "-loglevel", "repeat+level+info"];

/// The filter that reports each frame.
pub(super) const FILTER: &str = "showinfo=checksum=0";

/// One thing that was said.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Said {
    /// The stream that is decoded; once, before its frames.
    Stream(Stream),
    /// The frame that comes next.
    Frame(Report),
    /// An error of FFmpeg's.
    Complaint(String),
}

/// A frame as it leaves the decoder.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Report {
    /// When it is shown, in units of `time_base`.
    pub(super) pts: Option<i64>,
    /// Seconds, as numerator and denominator.
    pub(super) time_base: (i64, i64),
    pub(super) height: usize,
    pub(super) width: usize,
    /// What FFmpeg calls the pixel format.
    pub(super) format: String,
    pub(super) interlaced: bool,
    /// What FFmpeg calls the range of its bytes, `tv` or `pc`.
    pub(super) range: String,
    /// What FFmpeg calls the matrix from Y′CbCr to RGB.
    pub(super) matrix: String,
}

/// Complaints between two frames that are passed on. A damaged stream is the cause of thousands.
const MOST_COMPLAINTS: usize = 2;

/// Bytes of a line that are read; a longer line is the dump of something that nobody asked for.
const MOST_LINE: u64 = 4096;

/// What is said on `stderr`, as it is said. It is read at once in a thread of its own: FFmpeg would wait for a reader of
/// its complaints while we wait for the frame. Reports cannot run far ahead of the frames in the pipe.
pub(super) fn listen(stderr: impl Read + Send + 'static) -> Receiver<Said> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut listener = Listener::new(sender);
        let mut reader = BufReader::new(stderr);
        let mut line = Vec::new();
        while matches!(read_line(&mut reader, &mut line), Ok(true)) {
            if !listener.hear(String::from_utf8_lossy(&line).trim_end()) {
                return;
            }
        }
    });
    receiver
}

/// Reads a line up to [`MOST_LINE`] bytes and drops the rest of it; false at the end.
fn read_line(reader: &mut impl BufRead, line: &mut Vec<u8>) -> std::io::Result<bool> {
    line.clear();
    if reader.by_ref().take(MOST_LINE).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    while line.last() != Some(&b'\n') {
        let rest = reader.fill_buf()?;
        let end = rest.iter().position(|byte| *byte == b'\n');
        let (length, over) = (end.map_or(rest.len(), |end| end + 1), end.is_some() || rest.is_empty());
        reader.consume(length);
        if over {
            break;
        }
    }
    Ok(true)
}

/// What has been heard so far.
struct Listener {
    sender: Sender<Said>,
    /// Since the last frame.
    complaints: usize,
    /// The input's streams by FFmpeg's name for them, `0:1`, and the last one named.
    streams: HashMap<String, Stream>,
    current: String,
    /// Seconds of the whole input.
    duration: Option<f64>,
    time_base: (i64, i64),
    /// A frame whose colours are not reported yet.
    pending: Option<Report>,
}

impl Listener {
    fn new(sender: Sender<Said>) -> Self {
        Self {
            sender,
            complaints: 0,
            streams: HashMap::new(),
            current: String::new(),
            duration: None,
            time_base: (0, 1),
            pending: None,
        }
    }

    /// Takes a line; false where nobody listens any more.
    fn hear(&mut self, line: &str) -> bool {
        let Line { component, level, text } = Line::new(line);
        match level {
            "error" | "fatal" | "panic" if is_of_our_output(text) => true,
            "error" | "fatal" | "panic" => {
                self.complaints += 1;
                self.complaints > MOST_COMPLAINTS || self.say(Said::Complaint(text.trim().to_owned()))
            }
            _ if component.starts_with("Parsed_showinfo") => self.hear_of_frame(text.trim()),
            _ => self.hear_of_input(text),
        }
    }

    fn say(&self, said: Said) -> bool {
        self.sender.send(said).is_ok()
    }

    fn hear_of_frame(&mut self, text: &str) -> bool {
        if let Some(config) = text.strip_prefix("config in time_base: ") {
            let (base, rest) = config.split_once(',').unwrap_or((config, ""));
            self.time_base = fraction(base, '/').unwrap_or((0, 1));
            let rate = rest.trim().strip_prefix("frame_rate: ").and_then(|rate| fraction(rate, '/'));
            return self.say_stream(rate);
        }
        if text.starts_with("n:") {
            self.pending = report(text, self.time_base);
        } else if text.contains("color_range:")
            && let Some(mut report) = self.pending.take()
        {
            let fields = fields(text);
            let field = |name: &str| fields.get(name).copied().unwrap_or("unknown").to_owned();
            (report.range, report.matrix) = (field("color_range"), field("color_space"));
            self.complaints = 0;
            return self.say(Said::Frame(report));
        }
        true
    }

    /// The stream is known once the filter is set up, and said once: a change of size sets it up anew.
    fn say_stream(&mut self, rate: Option<(i64, i64)>) -> bool {
        let Some(mut stream) = self.streams.remove(&self.current) else { return true };
        stream.duration = stream.duration.or(self.duration);
        // The line of the stream rounds its rate; the filter's is exact, but the nominal one where frames vary.
        let exact = rate.map(|(numerator, denominator)| numerator as f64 / denominator as f64);
        stream.frames_per_second = match (stream.frames_per_second, exact) {
            (Some(rounded), Some(exact)) if (rounded - exact).abs() <= 0.005 * exact => Some(exact),
            (rounded, _) => rounded,
        };
        self.say(Said::Stream(stream))
    }

    fn hear_of_input(&mut self, text: &str) -> bool {
        let text = text.trim();
        if let Some(rest) = text.strip_prefix("Stream #") {
            match rest.split_once(" -> ") {
                Some((input, _)) => self.current = input.to_owned(),
                None => self.hear_of_stream(rest),
            }
        } else if let Some(rest) = text.strip_prefix("Duration: ") {
            self.duration = rest.split(',').next().and_then(clock_seconds);
        } else if let Some(rest) = text.strip_prefix("displaymatrix: rotation of ") {
            let degrees: Option<f64> = rest.split(' ').next().and_then(|degrees| degrees.parse().ok());
            if let (Some(degrees), Some(stream)) = (degrees, self.streams.get_mut(&self.current)) {
                stream.turn_by_matrix(degrees);
            }
        }
        true
    }

    /// `0:0[0x1](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(progressive), 92x62 [SAR 1:1 DAR 46:31], 10 fps, …`
    fn hear_of_stream(&mut self, rest: &str) {
        let Some((head, body)) = rest.split_once(": ") else { return };
        let name: String = head.chars().take_while(|c| c.is_ascii_digit() || *c == ':').collect();
        self.current = name.trim_end_matches(':').to_owned();
        let Some(video) = body.strip_prefix("Video: ") else { return };
        let mut parts = video.split(", ");
        let coding = parts.next().unwrap_or_default();
        let (codec, more) = coding.split_once(' ').unwrap_or((coding, ""));
        let profile = more.strip_prefix('(').and_then(|more| more.split_once(')')).map(|(profile, _)| profile);
        let rate = parts.find_map(|part| part.strip_suffix(" fps")).and_then(|rate| rate.parse().ok());
        let stream = Stream {
            codec: codec.to_owned(),
            // A tag such as avc1 / 0x31637661 stands in brackets too.
            profile: profile.filter(|profile| !profile.contains(" / 0x")).map(str::to_owned),
            frames_per_second: rate.filter(|rate: &f64| rate.is_finite() && *rate > 0.0),
            ..Stream::default()
        };
        self.streams.entry(self.current.clone()).or_insert(stream);
    }
}

/// Complaints of what writes the pipe, which has no times: frames whose time stamps go back are no damage.
fn is_of_our_output(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.contains("non monotonically increasing dts") || text.contains("non-monotonic dts")
}

/// A line in its parts: `[h264 @ 0x55] [error] no frame!`
struct Line<'a> {
    component: &'a str,
    level: &'a str,
    text: &'a str,
}

impl<'a> Line<'a> {
    fn new(line: &'a str) -> Self {
        const LEVELS: [&str; 9] = ["panic", "fatal", "error", "warning", "info", "verbose", "debug", "trace", "quiet"];
        let (mut component, mut level, mut text) = ("", "", line);
        while let Some((name, rest)) = text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            let rest = rest.strip_prefix(' ').unwrap_or(rest);
            if LEVELS.contains(&name) {
                (level, text) = (name, rest);
                break;
            }
            (component, text) = (name, rest);
        }
        if level.is_empty() { Self { component: "", level: "", text: line } } else { Self { component, level, text } }
    }
}

/// `n:   0 pts:   512 pts_time:0.04 … fmt:yuv420p … s:96x62 i:P iskey:1 type:I`
fn report(text: &str, time_base: (i64, i64)) -> Option<Report> {
    let fields = fields(text);
    let (width, height) = fraction(fields.get("s")?, 'x')?;
    Some(Report {
        pts: fields.get("pts").and_then(|pts| pts.parse().ok()),
        time_base,
        height: usize::try_from(height).ok()?,
        width: usize::try_from(width).ok()?,
        format: (*fields.get("fmt")?).to_owned(),
        interlaced: matches!(fields.get("i").copied(), Some("T" | "B")),
        ..Report::default()
    })
}

/// `name:value` or `name: value`, parted by spaces.
fn fields(text: &str) -> HashMap<&str, &str> {
    let mut fields = HashMap::new();
    let mut words = text.split_whitespace().peekable();
    while let Some(word) = words.next() {
        let Some((name, value)) = word.split_once(':') else { continue };
        let value = if value.is_empty() { words.next().unwrap_or_default() } else { value };
        fields.insert(name, value);
    }
    fields
}

/// Two whole numbers, the second positive.
pub(super) fn fraction(text: &str, between: char) -> Option<(i64, i64)> {
    let (numerator, denominator) = text.trim().split_once(between)?;
    let pair: (i64, i64) = (numerator.parse().ok()?, denominator.parse().ok()?);
    (pair.1 > 0).then_some(pair)
}

/// `00:01:02.50` in seconds.
fn clock_seconds(text: &str) -> Option<f64> {
    let parts: Option<Vec<f64>> = text.trim().split(':').map(|part| part.parse().ok()).collect();
    parts.filter(|parts| parts.len() == 3).map(|parts| parts.iter().fold(0.0, |sum, part| 60.0 * sum + part))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(lines: &str) -> Vec<Said> {
        listen(std::io::Cursor::new(lines.to_owned().into_bytes())).into_iter().collect()
    }

    const FFMPEG_5: &str = "\
[info] Input #0, mov,mp4,m4a,3gp,3g2,mj2, from 'file:a.mp4':
[info]   Duration: 00:01:06.50, start: 0.000000, bitrate: 41 kb/s
[info]   Stream #0:0[0x1](eng): Audio: aac (LC) (mp4a / 0x6134706D), 48000 Hz, stereo, fltp, 128 kb/s (default)
[info]   Stream #0:1[0x2](und): Video: h264 (High) (avc1 / 0x31637661), yuv420p(tv, bt709, progressive), 92x62 \
[SAR 1:1 DAR 46:31], 39 kb/s, 29.97 fps, 29.97 tbr, 30k tbn (default)
[info]     Side data:
[info]       displaymatrix: rotation of -90.00 degrees
[info] Stream mapping:
[info]   Stream #0:1 -> #0:0 (h264 (native) -> rawvideo (native))
[Parsed_showinfo_0 @ 0x5607] [info] config in time_base: 1/30000, frame_rate: 30000/1001
[info] Output #0, rawvideo, to 'pipe:1':
[info]   Stream #0:0(und): Video: rawvideo (I420 / 0x30323449), yuv420p(progressive), 96x62, 714 kb/s, 10 fps
[Parsed_showinfo_0 @ 0x5607] [info] n:   0 pts:   1001 pts_time:0.0333667 pos:       48 fmt:yuv420p sar:1/1 s:96x62 i:P \
iskey:1 type:I \n\
[Parsed_showinfo_0 @ 0x5607] [info]   side data - User Data=ab
[Parsed_showinfo_0 @ 0x5607] [info] color_range:tv color_space:bt709 color_primaries:unknown color_trc:unknown
[h264 @ 0x5607] [error] no frame!
";

    #[test]
    fn the_stream_then_its_frames_and_complaints() {
        let said = heard(FFMPEG_5);
        let [Said::Stream(stream), Said::Frame(frame), Said::Complaint(complaint)] = &said[..] else {
            panic!("{said:?}");
        };
        assert_eq!((stream.codec.as_str(), stream.profile.as_deref()), ("h264", Some("High")));
        assert_eq!((stream.rotation, stream.duration), (90, Some(66.5)));
        assert_eq!(stream.frames_per_second, Some(30000.0 / 1001.0));
        let expected = Report {
            pts: Some(1001),
            time_base: (1, 30000),
            height: 62,
            width: 96,
            format: "yuv420p".into(),
            interlaced: false,
            range: "tv".into(),
            matrix: "bt709".into(),
        };
        assert_eq!(frame, &expected);
        assert_eq!(complaint, "no frame!");
    }

    #[test]
    fn newer_programs_name_more_components_and_fields() {
        let said = heard(
            "[Parsed_showinfo_0 @ 0x1] [info] config in time_base: 1/10, frame_rate: 10/1\n\
             [vist#0:0/h264 @ 0x2] [dec:h264 @ 0x3] [error] Decoding error: Invalid data\n\
             [Parsed_showinfo_0 @ 0x1] [info] n:   3 pts:NOPTS pts_time:NOPTS duration:      1 duration_time:0.1 \
             fmt:yuv444p cl:left sar:1/1 s:64x48 i:T iskey:0 type:B\n\
             [Parsed_showinfo_0 @ 0x1] [info] color_range:unknown color_space:unknown color_primaries:unknown\n",
        );
        let [Said::Complaint(complaint), Said::Frame(frame)] = &said[..] else { panic!("{said:?}") };
        assert_eq!(complaint, "Decoding error: Invalid data");
        assert_eq!((frame.pts, frame.interlaced, frame.width, frame.format.as_str()), (None, true, 64, "yuv444p"));
    }

    #[test]
    fn complaints_about_our_own_pipe_and_endless_lines_are_passed_over() {
        let noise = "x".repeat(1 << 20);
        let said = heard(&format!(
            "[rawvideo @ 0x1] [error] Application provided invalid, non monotonically increasing dts to muxer\n\
             [Parsed_showinfo_0 @ 0x1] [info] User Data={noise}\n[error] the end"
        ));
        assert_eq!(said, [Said::Complaint("the end".into())]);
    }
}
