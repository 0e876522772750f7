//! Frames from another program, through a pipe, as YUV4MPEG2: a camera, a network stream, whatever that program reads.

use std::{
    fmt,
    io::{self, Read},
    path::Path,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    time::Duration,
};

use super::colour::{ColourRange, Matrix};
use super::limits::{MOST_MOVING, check_memory, check_size};
use super::opening::{Deadline, OpenOptions};
use super::source::{Frame, FrameSource, Information, PixelFormat, Sink, Watcher};
use crate::tensor::{Error, Result};

/// What to run before the pipe, for errors to name.
const SENDER: &str = "ffmpeg -i SOURCE -pix_fmt yuv420p -f yuv4mpegpipe - | tubelet …";

/// A stream of YUV4MPEG2 frames, 8-bit 4:2:0 with even sides. It can be [watched](FrameSource::watch) once; its length
/// is not known. A sender that ends within a frame has ended before it, of which the
/// [complaint](Information::complaint) tells; where the options are strict, that is an error.
///
/// The format does not state a matrix: BT.601 is assumed, as FFmpeg does, unless [`OpenOptions::matrix`] says otherwise.
/// Frames are shown one after the other at the rate of the header. As a pipe may have no end,
/// [`OpenOptions::timeout`] is the longest wait for its header, and for each frame.
pub struct Pipe {
    name: &'static str,
    options: OpenOptions,
    decoder: y4m::Decoder<Box<dyn Read + Send>>,
    arrival: Arc<Mutex<Arrival>>,
    information: Information,
}

/// What of a stream has arrived, and when more has to.
struct Arrival {
    bytes: u64,
    deadline: Deadline,
}

fn locked(arrival: &Mutex<Arrival>) -> MutexGuard<'_, Arrival> {
    arrival.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Pipe {
    /// Reads the header of the stream on standard input.
    ///
    /// An error ([`File`](crate::tensor::ErrorKind::File)) for anything but such a stream.
    pub fn stdin() -> Result<Self> {
        Self::stdin_with(&OpenOptions::new())
    }

    pub(super) fn stdin_with(options: &OpenOptions) -> Result<Self> {
        Self::new("standard input", io::stdin(), options)
    }

    fn new(name: &'static str, reader: impl Read + Send + 'static, options: &OpenOptions) -> Result<Self> {
        let arrival = Arc::new(Mutex::new(Arrival { bytes: 0, deadline: Deadline::after(options.timeout) }));
        let reader: Box<dyn Read + Send> = match options.timeout {
            None => Box::new(Arriving { reader, arrival: arrival.clone() }),
            Some(_) => Box::new(Arriving { reader: Ahead::of(reader, arrival.clone()), arrival: arrival.clone() }),
        };
        let refused = |error: y4m::Error| match error {
            y4m::Error::IoError(error) => failed(name, &error, &arrival),
            error => Error::file(format!("{name} is no YUV4MPEG2 stream ({error}): send one by `{SENDER}`")),
        };
        let mut reader = reader;
        let header = header(&mut reader).map_err(|error| refused(error.into()))?;
        if let Some(claimed) = claimed(&header) {
            check_size(claimed, MOST_MOVING, Path::new(name))?;
            check_memory(2 * PixelFormat::Rgb24.bytes(claimed[0], claimed[1]), Path::new(name))?;
        }
        let decoder = y4m::decode(Box::new(io::Cursor::new(header).chain(reader)) as Box<dyn Read + Send>);
        let decoder = decoder.map_err(refused)?;
        let (height, width) = (decoder.get_height(), decoder.get_width());
        use y4m::Colorspace::{C420, C420jpeg, C420mpeg2, C420paldv};
        let eight_bits = matches!(decoder.get_colorspace(), C420 | C420jpeg | C420mpeg2 | C420paldv);
        if !eight_bits || height == 0 || width == 0 || height % 2 == 1 || width % 2 == 1 {
            return Err(Error::file(format!(
                "{name} has frames of {width}x{height} in {:?}, but only 8-bit 4:2:0 with even sides is read: send it by \
                 `{SENDER}`",
                decoder.get_colorspace()
            )));
        }
        let full = decoder.get_raw_params().split(|byte| *byte == b' ').any(|tag| tag == b"XCOLORRANGE=FULL");
        let rate = decoder.get_framerate();
        let matrix = options.matrix.unwrap_or(Matrix::Bt601);
        let assumed = if options.matrix.is_none() { ", assumed as a pipe does not state it" } else { "" };
        let information = Information {
            height,
            width,
            frames: None,
            frames_per_second: (rate.num > 0 && rate.den > 0).then(|| rate.num as f64 / rate.den as f64),
            format: PixelFormat::Yuv420p { matrix, range: if full { ColourRange::Full } else { ColourRange::Limited } },
            rotation: 0,
            turned: 0,
            complaint: None,
            description: format!("YUV4MPEG2, {width}x{height} (width x height), matrix {matrix}{assumed}"),
        };
        Ok(Self { name, options: options.clone(), decoder, arrival, information })
    }

    /// The planes of frame `index`; `None` where the stream has ended.
    fn next(&mut self, index: u64) -> Result<Option<Vec<u8>>> {
        let before = {
            let mut arrival = locked(&self.arrival);
            arrival.deadline = Deadline::after(self.options.timeout);
            arrival.bytes
        };
        let (name, problem) = match self.decoder.read_frame() {
            Ok(frame) => return Ok(Some([frame.get_y_plane(), frame.get_u_plane(), frame.get_v_plane()].concat())),
            Err(y4m::Error::EOF) if locked(&self.arrival).bytes > before => {
                (self.name, format!("ended within frame {index}"))
            }
            Err(y4m::Error::EOF) if index > 0 => return Ok(None),
            Err(y4m::Error::EOF) => (self.name, "ended before its first frame".to_owned()),
            Err(y4m::Error::IoError(error)) => return Err(failed(self.name, &error, &self.arrival)),
            Err(error) => (self.name, format!("stopped being a YUV4MPEG2 stream at frame {index}: {error}")),
        };
        let complaint = format!("{name} {problem}");
        if index == 0 || self.options.strict {
            return Err(Error::file(complaint));
        }
        self.information.complaint = Some(complaint);
        Ok(None)
    }

    fn unknown_length(&self) -> Error {
        Error::usage(format!(
            "frames of {} come one after the other and cannot be counted or chosen from: classify it with --sliding, or \
             write it to a file first",
            self.name
        ))
    }
}

impl FrameSource for Pipe {
    fn information(&self) -> &Information {
        &self.information
    }

    fn frame_count(&mut self) -> Result<usize> {
        Err(self.unknown_length())
    }

    fn visit(&mut self, _: &[usize], _: &mut Sink<'_>) -> Result<()> {
        Err(self.unknown_length())
    }

    fn watch(&mut self, watcher: &mut Watcher<'_>) -> Result<()> {
        let Information { height, width, format, frames_per_second, .. } = self.information;
        for index in 0u64.. {
            let Some(planes) = self.next(index)? else { break };
            let frame = Frame::new(height, width, format, planes)?;
            let frame = match frames_per_second {
                Some(rate) => frame.shown_at(index as f64 / rate, (index + 1) as f64 / rate),
                None => frame,
            };
            if watcher(&frame)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

/// The first line of the stream, as far as it can be one.
fn header(reader: &mut dyn Read) -> io::Result<Vec<u8>> {
    const LONGEST: usize = 1024;
    let (mut line, mut byte) = (Vec::new(), [0]);
    while line.len() < LONGEST && !line.ends_with(b"\n") && reader.read(&mut byte)? == 1 {
        line.extend(byte);
    }
    Ok(line)
}

/// The size [Y, X] that a header claims, before anything is multiplied.
fn claimed(header: &[u8]) -> Option<[usize; 2]> {
    let text = String::from_utf8_lossy(header);
    let side = |tag| {
        let mut values = text.split_ascii_whitespace().filter_map(|word| word.strip_prefix(tag));
        values.next_back()?.parse().ok()
    };
    Some([side('H')?, side('W')?])
}

fn failed(name: &str, error: &io::Error, arrival: &Mutex<Arrival>) -> Error {
    match error.kind() {
        io::ErrorKind::TimedOut => locked(arrival).deadline.passed(Path::new(name)),
        _ => Error::io("read", Path::new(name), error),
    }
}

/// A reader that says how much has arrived.
struct Arriving<R> {
    reader: R,
    arrival: Arc<Mutex<Arrival>>,
}

impl<R: Read> Read for Arriving<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.reader.read(bytes)?;
        locked(&self.arrival).bytes += count as u64;
        Ok(count)
    }
}

/// What a thread reads ahead, waited for until the deadline only. A thread that waits for a sender who does not send
/// is left behind.
struct Ahead {
    chunks: Receiver<io::Result<Vec<u8>>>,
    chunk: io::Cursor<Vec<u8>>,
    arrival: Arc<Mutex<Arrival>>,
}

impl Ahead {
    fn of(mut reader: impl Read + Send + 'static, arrival: Arc<Mutex<Arrival>>) -> Self {
        const CHUNK: usize = 1 << 16;
        const CHUNKS: usize = 16;
        let (sender, chunks) = sync_channel(CHUNKS);
        std::thread::spawn(move || {
            loop {
                let mut chunk = vec![0; CHUNK];
                let read = reader.read(&mut chunk).map(|count| {
                    chunk.truncate(count);
                    chunk
                });
                let over = match &read {
                    Ok(chunk) => chunk.is_empty(),
                    Err(error) => error.kind() != io::ErrorKind::Interrupted,
                };
                if sender.send(read).is_err() || over {
                    break;
                }
            }
        });
        Self { chunks, chunk: io::Cursor::default(), arrival }
    }
}

impl Read for Ahead {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let count = self.chunk.read(bytes)?;
        if count > 0 || bytes.is_empty() {
            return Ok(count);
        }
        let left = locked(&self.arrival).deadline.left().unwrap_or(Duration::MAX);
        match self.chunks.recv_timeout(left) {
            Ok(chunk) => self.chunk = io::Cursor::new(chunk?),
            Err(RecvTimeoutError::Timeout) => return Err(io::ErrorKind::TimedOut.into()),
            Err(RecvTimeoutError::Disconnected) => return Ok(0),
        }
        self.chunk.read(bytes)
    }
}

impl fmt::Debug for Pipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pipe({}, {})", self.name, self.information.description)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::tensor::ErrorKind;

    fn pipe(bytes: Vec<u8>) -> Result<Pipe> {
        Pipe::new("the test", io::Cursor::new(bytes), &OpenOptions::new())
    }

    /// The frames that can be watched, and how that ends.
    fn watched(pipe: &mut Pipe) -> (Vec<Frame>, Result<()>) {
        let mut seen = Vec::new();
        let outcome = pipe.watch(&mut |frame| {
            seen.push(frame.clone());
            Ok(ControlFlow::Continue(()))
        });
        (seen, outcome)
    }

    /// Two frames of 4×2 pixels, the bytes of each alike.
    fn stream(header: &str) -> Vec<u8> {
        let frame = |value| [b"FRAME\n".as_slice(), &[value; 12]].concat();
        [header.as_bytes(), b"\n", &frame(1), &frame(2)].concat()
    }

    #[test]
    fn frames_come_as_they_are_sent() {
        let mut pipe = pipe(stream("YUV4MPEG2 W4 H2 F30000:1001 Ip C420jpeg XCOLORRANGE=FULL")).unwrap();
        let Information { height, width, frames_per_second, format, .. } = pipe.information().clone();
        assert_eq!((height, width), (2, 4));
        assert!((frames_per_second.unwrap() - 29.97).abs() < 0.01);
        assert_eq!(format, PixelFormat::Yuv420p { matrix: Matrix::Bt601, range: ColourRange::Full });
        let (seen, outcome) = watched(&mut pipe);
        assert!(outcome.is_ok() && pipe.information().complaint.is_none());
        assert_eq!(seen.iter().map(Frame::as_bytes).collect::<Vec<_>>(), [[1; 12], [2; 12]]);
        let [start, end] = seen[1].shown().unwrap();
        assert!((start - 0.033_366_7).abs() < 1e-6 && (end - 0.066_733_3).abs() < 1e-6, "{start} {end}");
    }

    #[test]
    fn the_matrix_is_assumed_or_told() {
        let header = "YUV4MPEG2 W4 H2 F25:1 C420jpeg";
        let matrix = |options: &OpenOptions| {
            let pipe = Pipe::new("the test", io::Cursor::new(stream(header)), options).unwrap();
            (pipe.information().format, pipe.information().description.clone())
        };
        let format = |matrix| PixelFormat::Yuv420p { matrix, range: ColourRange::Limited };
        let (assumed, description) = matrix(&OpenOptions::new());
        assert!(
            assumed == format(Matrix::Bt601)
                && description.ends_with("matrix bt601, assumed as a pipe does not state it")
        );
        for told in [Matrix::Bt601, Matrix::Bt709] {
            let (stated, description) = matrix(&OpenOptions::new().matrix(Some(told)));
            assert!(stated == format(told) && description.ends_with(&format!("matrix {told}")), "{description}");
        }
    }

    /// What a pipe of a file gives is what the file gives, once the pipe is told the matrix that the file states.
    #[test]
    fn a_pipe_of_a_file_is_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        let ffmpeg = |arguments: &str| {
            let mut command = std::process::Command::new("ffmpeg");
            command.args(["-v", "error", "-nostdin"]).args(arguments.split(' '));
            let made = command.output().expect("these tests need the program ffmpeg");
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
            made.stdout
        };
        let clip = path.display();
        for (tags, matrix) in [("bt709", Some(Matrix::Bt709)), ("smpte170m", None)] {
            ffmpeg(&format!(
                "-f lavfi -i testsrc2=s=96x64:r=25:d=0.4 -pix_fmt yuv420p -c:v libx264 -colorspace {tags} -color_primaries \
                 {tags} -color_trc {tags} -y {clip}"
            ));
            let sent = ffmpeg(&format!("-i {clip} -pix_fmt yuv420p -f yuv4mpegpipe -"));
            let options = OpenOptions::new().matrix(matrix);
            let (piped, outcome) = watched(&mut Pipe::new("the test", io::Cursor::new(sent), &options).unwrap());
            let mut file = crate::video::open(&path).unwrap();
            let all: Vec<_> = (0..file.frame_count().unwrap()).collect();
            let frames = file.read(&all).unwrap();
            assert!(outcome.is_ok() && piped.len() == 10 && frames.len() == 10);
            for (piped, frame) in piped.iter().zip(&frames) {
                assert!(piped.format() == frame.format() && piped.as_bytes() == frame.as_bytes(), "{tags}");
            }
        }
    }

    #[test]
    fn a_sender_that_ends_early_leaves_a_complaint() {
        let header = "YUV4MPEG2 W4 H2 F25:1 C420";
        let whole = stream(header);
        for (missing, frames) in [(1, 1), (13, 1), (17, 1)] {
            let bytes = whole[..whole.len() - missing].to_vec();
            let mut lenient = pipe(bytes.clone()).unwrap();
            let (seen, outcome) = watched(&mut lenient);
            assert!(outcome.is_ok() && seen.len() == frames, "{missing}: {outcome:?}");
            assert_eq!(lenient.information().complaint.as_deref(), Some("the test ended within frame 1"), "{missing}");
            let mut strict = Pipe::new("the test", io::Cursor::new(bytes), &OpenOptions::new().strict(true)).unwrap();
            assert_eq!(watched(&mut strict).1.unwrap_err().kind(), ErrorKind::File);
        }
        for empty in [format!("{header}\n"), format!("{header}\nFRAME\n"), format!("{header}\nFRAM")] {
            let error = watched(&mut pipe(empty.into_bytes()).unwrap()).1.unwrap_err();
            assert!(error.kind() == ErrorKind::File && error.to_string().contains("the test ended"), "{error}");
        }
        let garbled = [whole.clone(), b"GARBAGE\n".to_vec()].concat();
        let mut garbled = pipe(garbled).unwrap();
        assert_eq!(watched(&mut garbled).0.len(), 2);
        assert!(
            garbled.information().complaint.as_ref().unwrap().contains("stopped being a YUV4MPEG2 stream at frame 2")
        );
    }

    /// Sends bytes, and then nothing for a long time.
    struct Stalled(io::Cursor<Vec<u8>>);

    impl Read for Stalled {
        fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
            let count = self.0.read(bytes)?;
            if count == 0 {
                std::thread::sleep(Duration::from_secs(60));
            }
            Ok(count)
        }
    }

    #[test]
    fn a_sender_that_stalls_is_given_up() {
        let options = OpenOptions::new().timeout(Some(Duration::from_millis(300)));
        let header = "YUV4MPEG2 W4 H2 F25:1 C420";
        let start = std::time::Instant::now();
        let stalled = |bytes: &[u8]| Pipe::new("the test", Stalled(io::Cursor::new(bytes.to_vec())), &options);
        let error = stalled(b"YUV4MPEG2 W4").unwrap_err();
        assert!(error.to_string().contains("could not be read within 0.3 seconds"), "{error}");
        let (seen, outcome) = watched(&mut stalled(&stream(header)).unwrap());
        assert_eq!(seen.len(), 2);
        let error = outcome.unwrap_err();
        assert!(error.to_string().contains("could not be read within 0.3 seconds"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(20));
        let mut whole = Pipe::new("the test", io::Cursor::new(stream(header)), &options).unwrap();
        assert!(matches!(watched(&mut whole), (seen, Ok(())) if seen.len() == 2));
    }

    #[test]
    fn an_absurd_size_is_refused() {
        for size in ["W16386 H2", "W65536 H65536", "W9999999999999 H9999999999999", "W18446744073709551615 H2"] {
            let error = pipe(format!("YUV4MPEG2 {size} F25:1\n").into_bytes()).unwrap_err();
            assert!(error.kind() == ErrorKind::File && error.to_string().contains("claims frames of"), "{error}");
        }
    }

    #[test]
    fn a_pipe_is_not_counted() {
        let mut pipe = pipe(stream("YUV4MPEG2 W4 H2 F25:1")).unwrap();
        assert_eq!(pipe.frame_count().unwrap_err().kind(), ErrorKind::Usage);
        assert!(pipe.read(&[0]).is_err());
    }

    #[test]
    fn what_cannot_be_read_says_how_to_send_it() {
        for (bytes, culprit) in [
            (Vec::new(), "no YUV4MPEG2 stream"),
            (b"hello".to_vec(), "no YUV4MPEG2 stream"),
            (stream("YUV4MPEG2 W4 H2 F25:1 C444"), "C444"),
            (stream("YUV4MPEG2 W3 H2 F25:1 C420"), "3x2"),
            (stream("YUV4MPEG2 W0 H2 F25:1 C420"), "no YUV4MPEG2 stream"),
        ] {
            let error = pipe(bytes).unwrap_err();
            assert!(error.to_string().contains(culprit) && error.to_string().contains("-f yuv4mpegpipe"), "{error}");
        }
    }
}
