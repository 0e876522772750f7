//! Video files, decoded by the `ffmpeg` and `ffprobe` programs, version 5.1 or newer.
//!
//! Frames are piped as raw bytes: 8-bit 4:2:0 video with even sides as it is stored, all else converted to RGB by
//! FFmpeg. Frames are neither repeated nor dropped to even out a variable frame rate, and not turned.

mod probe;
mod process;

use std::{
    ffi::OsString,
    io::Read,
    path::{Path, PathBuf},
    process::Command,
};

use self::{probe::probe, process::Running};
use super::opening::{Deadline, OpenOptions};
use super::source::{Frame, FrameSource, Information, Sink, Wanted, Watcher};
use crate::tensor::{Error, Result};

/// The first stream that is a video rather than a cover picture.
const STREAM: &str = "V:0";

/// The two programs.
#[derive(Clone, Debug)]
struct Programs {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
}

impl Default for Programs {
    fn default() -> Self {
        Self { ffmpeg: "ffmpeg".into(), ffprobe: "ffprobe".into() }
    }
}

/// A video file.
#[derive(Debug)]
pub struct VideoFile {
    programs: Programs,
    path: PathBuf,
    information: Information,
    /// What FFmpeg calls the format that frames are piped in.
    pipe_format: &'static str,
    /// Frames that the header announces.
    announced: Option<usize>,
}

impl VideoFile {
    /// Asks `ffprobe` what the file holds.
    ///
    /// An error ([`Unsupported`](crate::tensor::ErrorKind::Unsupported)) where the programs are not installed,
    /// [`File`](crate::tensor::ErrorKind::File) where the file is not a video.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::open_with(path.as_ref(), &OpenOptions::new())
    }

    pub(super) fn open_with(path: &Path, options: &OpenOptions) -> Result<Self> {
        Deadline::after(options.timeout).check(path)?;
        Self::open_by(Programs::default(), path)
    }

    fn open_by(programs: Programs, path: &Path) -> Result<Self> {
        std::fs::File::open(path).map_err(|error| Error::io("open", path, &error))?;
        let stream = probe(&programs, path)?;
        let (format, pipe_format, conversion) = stream.piped_as();
        let information = Information {
            height: stream.height,
            width: stream.width,
            frames: None,
            frames_per_second: stream.frames_per_second(),
            format,
            rotation: stream.rotation(),
            turned: 0,
            complaint: None,
            description: stream.description(conversion),
        };
        Ok(Self { programs, path: path.into(), information, pipe_format, announced: stream.announced_frames() })
    }

    /// `ffmpeg` decoding the stream, with the arguments that say where the frames go.
    fn decode(&self, input_options: &[&str], output: &[&str]) -> Result<Running> {
        let mut command = Command::new(&self.programs.ffmpeg);
        command.args(["-v", "error", "-nostdin", "-noautorotate"]).args(input_options);
        command.arg("-i").arg(input_argument(&self.path));
        command.args(["-map", &format!("0:{STREAM}"), "-fps_mode", "passthrough"]).args(output);
        Running::start(command, &self.path)
    }

    /// Counts the frames by decoding all of them: headers lie.
    fn count(&mut self) -> Result<usize> {
        let mut ffmpeg = self.decode(&["-nostats", "-progress", "pipe:1"], &["-f", "null", "-"])?;
        let mut report = String::new();
        ffmpeg.stdout.read_to_string(&mut report).map_err(|error| Error::io("decode", &self.path, &error))?;
        let complaint = ffmpeg.finish()?;
        let mut counts = report.lines().filter_map(|line| line.strip_prefix("frame="));
        let count: usize = counts.next_back().and_then(|count| count.trim().parse().ok()).unwrap_or(0);
        let path = self.path.display();
        if count == 0 {
            return Err(Error::file(format!("{path} holds no frame that can be decoded{}", said(&complaint))));
        }
        match self.announced {
            Some(announced) if count < announced && !complaint.is_empty() => Err(Error::file(format!(
                "{path} is truncated or damaged: it announces {announced} frames, but {count} can be decoded{}",
                said(&complaint)
            ))),
            _ => {
                self.information.complaint = (!complaint.is_empty()).then_some(complaint);
                Ok(count)
            }
        }
    }
}

impl FrameSource for VideoFile {
    fn information(&self) -> &Information {
        &self.information
    }

    fn frame_count(&mut self) -> Result<usize> {
        if let Some(frames) = self.information.frames {
            return Ok(frames);
        }
        let frames = self.count()?;
        self.information.frames = Some(frames);
        Ok(frames)
    }

    fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        let wanted = Wanted::new(indices);
        let Some(last) = wanted.last() else { return Ok(()) };
        let &Information { height, width, format, .. } = &self.information;
        let mut ffmpeg = self.decode(&[], &["-f", "rawvideo", "-pix_fmt", self.pipe_format, "pipe:1"])?;
        let mut bytes = vec![0; format.bytes(height, width)];
        for index in 0..=last {
            if !ffmpeg.fill(&mut bytes)? {
                let complaint = ffmpeg.finish()?;
                return wanted.check(index, self.path.display()).map_err(|error| match complaint.as_str() {
                    "" => error,
                    _ => Error::file(format!("{error}{}", said(&complaint))),
                });
            }
            if wanted.contains(index) {
                let frame = Frame::new(height, width, format, std::mem::take(&mut bytes))?;
                wanted.deliver(index, &frame, sink)?;
                bytes = frame.into_bytes();
            }
        }
        Ok(())
    }

    fn watch(&mut self, watcher: &mut Watcher<'_>) -> Result<()> {
        let &Information { height, width, format, .. } = &self.information;
        let mut ffmpeg = self.decode(&[], &["-f", "rawvideo", "-pix_fmt", self.pipe_format, "pipe:1"])?;
        let mut bytes = vec![0; format.bytes(height, width)];
        while ffmpeg.fill(&mut bytes)? {
            let frame = Frame::new(height, width, format, std::mem::take(&mut bytes))?;
            if watcher(&frame)?.is_break() {
                return Ok(());
            }
            bytes = frame.into_bytes();
        }
        let complaint = ffmpeg.finish()?;
        self.information.complaint = (!complaint.is_empty()).then_some(complaint);
        Ok(())
    }
}

/// The file as an argument: `file:` keeps a path that begins with `-` or holds a `:` from being read otherwise.
fn input_argument(path: &Path) -> OsString {
    let mut argument = OsString::from("file:");
    argument.push(path);
    argument
}

/// The words of FFmpeg as the end of a sentence.
fn said(complaint: &str) -> String {
    if complaint.is_empty() { String::new() } else { format!("; ffmpeg says: {complaint}") }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use tempfile::TempDir;

    use super::{probe::Stream, process::last_line, *};
    use crate::tensor::ErrorKind;
    use crate::video::reference::{self, sha256};
    use crate::video::{Matrix, PixelFormat, Range};

    const CLIP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/video/bigbuckbunny.mp4");

    fn recorded() -> serde_json::Value {
        serde_json::from_str(include_str!("../../tests/data/video/frames.json")).unwrap()
    }

    /// Runs ffmpeg with the arguments, split at spaces, and `output` as the last one; its standard output.
    fn ffmpeg(arguments: &str, output: &Path) -> Vec<u8> {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-y"]).args(arguments.split(' ')).arg(output);
        let made = command.output().expect("these tests need the program ffmpeg");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        made.stdout
    }

    /// A short lossless video made by ffmpeg from its test picture.
    fn synthetic(folder: &TempDir, size: &str, encoding: &str) -> VideoFile {
        let path = folder.path().join("clip: 1.mkv");
        ffmpeg(&format!("-f lavfi -i testsrc=s={size}:r=10:d=0.5 -c:v ffv1 {encoding}"), &path);
        VideoFile::open(&path).unwrap()
    }

    /// RGB bytes of all frames as ffmpeg converts them.
    fn converted(path: &Path) -> Vec<u8> {
        let input = input_argument(path).into_string().unwrap();
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-noautorotate", "-i", &input]);
        let made = command.args(["-f", "rawvideo", "-pix_fmt", "rgb24", "pipe:1"]).output().unwrap();
        assert!(made.status.success());
        made.stdout
    }

    #[test]
    fn every_frame_of_the_clip_is_exact() {
        let mut video = VideoFile::open(CLIP).unwrap();
        assert_eq!(video.frame_count().unwrap(), 132);
        let recorded = recorded();
        let mut seen = 0;
        video
            .visit(&(0..132).collect::<Vec<_>>(), &mut |position, frame| {
                let hash = |key: &str| recorded["frames"][position][key].as_str().unwrap().to_owned();
                assert_eq!(sha256(frame.bytes()), hash("yuv420p_sha256"), "planes of frame {position}");
                if position % 33 == 0 || position == 131 {
                    assert_eq!(sha256(&reference::rgb(frame)), hash("rgb24_pyav_sha256"), "RGB of frame {position}");
                }
                seen += 1;
                Ok(())
            })
            .unwrap();
        assert_eq!(seen, 132);
    }

    #[test]
    fn the_clip_is_described() {
        let video = VideoFile::open(CLIP).unwrap();
        let information = video.information();
        assert_eq!((information.height, information.width, information.rotation), (720, 1280, 0));
        assert_eq!(information.frames_per_second, Some(25.0));
        assert_eq!(information.format, PixelFormat::Yuv420p { matrix: Matrix::Bt601, range: Range::Limited });
        assert_eq!(information.description, "h264 Main, 1280x720 (width x height), yuv420p");
    }

    #[test]
    fn frames_come_in_the_order_of_the_indices() {
        let mut video = VideoFile::open(CLIP).unwrap();
        let frames = video.read(&[7, 2, 7, 0]).unwrap();
        let hashes: Vec<String> = frames.iter().map(|frame| sha256(frame.bytes())).collect();
        let expected = [7, 2, 7, 0].map(|index| recorded()["frames"][index]["yuv420p_sha256"].clone());
        assert_eq!(hashes, expected);
        assert!(video.read(&[]).unwrap().is_empty());
    }

    #[test]
    fn frames_go_by_in_order_until_enough_are_seen() {
        let mut video = VideoFile::open(CLIP).unwrap();
        let recorded = recorded();
        let mut seen = 0;
        let watcher: &mut Watcher<'_> = &mut |frame| {
            assert_eq!(sha256(frame.bytes()), recorded["frames"][seen]["yuv420p_sha256"].as_str().unwrap());
            seen += 1;
            Ok(if seen == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
        };
        video.watch(watcher).unwrap();
        assert_eq!((seen, video.information().frames), (3, None), "nothing was counted");
        let mut all = 0;
        let count: &mut Watcher<'_> = &mut |_| {
            all += 1;
            Ok(ControlFlow::Continue(()))
        };
        video.watch(count).unwrap();
        assert_eq!(all, 132);
    }

    #[test]
    fn a_frame_beyond_the_end_is_an_error() {
        let error = VideoFile::open(CLIP).unwrap().read(&[132]).unwrap_err();
        assert!(error.to_string().contains("frame 132 was asked for") && error.to_string().contains("132 frames"));
    }

    #[test]
    fn an_error_of_the_sink_ends_the_reading() {
        let mut video = VideoFile::open(CLIP).unwrap();
        let error = video.visit(&[0, 1], &mut |_, _| Err(Error::usage("enough"))).unwrap_err();
        assert_eq!(error.to_string(), "enough");
    }

    #[test]
    fn tagged_planes_become_the_colours_of_ffmpeg() {
        for (encoding, matrix, range) in [
            ("-pix_fmt yuv420p", Matrix::Bt601, Range::Limited),
            ("-pix_fmt yuv420p -colorspace smpte170m", Matrix::Bt601, Range::Limited),
            ("-pix_fmt yuv420p -colorspace bt470bg", Matrix::Bt601, Range::Limited),
            ("-pix_fmt yuv420p -colorspace bt709", Matrix::Bt709, Range::Limited),
            ("-pix_fmt yuv420p -colorspace bt709 -color_range pc", Matrix::Bt709, Range::Full),
            ("-pix_fmt yuv420p -color_range pc", Matrix::Bt601, Range::Full),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut video = synthetic(&folder, "64x48", encoding);
            assert_eq!(video.information().format, PixelFormat::Yuv420p { matrix, range }, "{encoding}");
            let frames = video.read(&[0, 1, 2, 3, 4]).unwrap();
            let rgb: Vec<u8> = frames.iter().flat_map(reference::rgb).collect();
            assert!(rgb == converted(&video.path), "colours of {encoding}");
        }
    }

    #[test]
    fn everything_else_is_converted_by_ffmpeg_and_says_why() {
        for (size, encoding, reason) in [
            ("63x48", "-pix_fmt yuv420p", "a side is odd"),
            ("64x48", "-pix_fmt yuv444p", "yuv444p is not 8-bit 4:2:0"),
            ("64x48", "-pix_fmt yuv420p10le", "yuv420p10le is not 8-bit 4:2:0"),
            ("64x48", "-pix_fmt yuv420p -colorspace bt2020nc", "its matrix is bt2020nc"),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let mut video = synthetic(&folder, size, encoding);
            assert_eq!(video.information().format, PixelFormat::Rgb24);
            let description = &video.information().description;
            assert!(description.ends_with(&format!("converted to RGB by ffmpeg: {reason}")), "{description}");
            assert_eq!(video.frame_count().unwrap(), 5);
            let frames = video.read(&[0, 1, 2, 3, 4]).unwrap();
            let rgb: Vec<u8> = frames.into_iter().flat_map(Frame::into_bytes).collect();
            assert!(rgb == converted(&video.path), "colours of {encoding}");
        }
    }

    #[test]
    fn full_range_jpeg_pictures_keep_their_range() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.avi");
        ffmpeg("-f lavfi -i testsrc=s=64x48:r=10:d=0.2 -c:v mjpeg -pix_fmt yuvj420p", &path);
        let mut video = VideoFile::open(&path).unwrap();
        assert!(matches!(video.information().format, PixelFormat::Yuv420p { range: Range::Full, .. }));
        let rgb: Vec<u8> = video.read(&[0, 1]).unwrap().iter().flat_map(reference::rgb).collect();
        assert!(rgb == converted(&path));
    }

    #[test]
    fn rotation_is_recorded_and_not_applied() {
        let stream = |json: &str| serde_json::from_str::<Stream>(json).unwrap().rotation();
        assert_eq!(stream(r#"{"side_data_list": [{"side_data_type": "Display Matrix", "rotation": -90}]}"#), 90);
        assert_eq!(stream(r#"{"tags": {"rotate": "270"}}"#), 270);
        assert_eq!(stream("{}"), 0);
    }

    #[test]
    fn a_cut_file_has_the_frames_of_the_cut() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cut.mp4");
        ffmpeg(&format!("-ss 1.3 -i {CLIP} -c copy -an"), &path);
        let mut video = VideoFile::open(&path).unwrap();
        let frames = video.frame_count().unwrap();
        assert!(frames < 132, "{frames}");
        assert!(video.read(&[frames - 1]).is_ok() && video.read(&[frames]).is_err());
    }

    fn error_of(name: &str, make: impl FnOnce(&Path)) -> Error {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        make(&path);
        VideoFile::open(&path).and_then(|mut video| video.frame_count()).unwrap_err()
    }

    #[test]
    fn a_truncated_file_is_an_error() {
        let error = error_of("truncated.mp4", |path| {
            ffmpeg(&format!("-i {CLIP} -c copy -an -movflags faststart"), path);
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
            let error = VideoFile::open(path).unwrap().read(&[131]).unwrap_err();
            assert!(error.kind() == ErrorKind::File && error.to_string().contains("ffmpeg says: "), "{error}");
        });
        assert_eq!(error.kind(), ErrorKind::File);
        assert!(error.to_string().contains("is truncated or damaged: it announces 132 frames"), "{error}");
        let error = error_of("headless.mp4", |path| {
            let bytes = std::fs::read(CLIP).unwrap();
            std::fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        });
        assert!(error.to_string().contains("cannot read") && error.kind() == ErrorKind::File, "{error}");
    }

    #[test]
    fn what_is_not_a_video_is_an_error() {
        let error = error_of("letter.mp4", |path| std::fs::write(path, "hello").unwrap());
        assert!(error.to_string().contains("letter.mp4 as a video: "), "{error}");
        let error = error_of("sound.wav", |path| drop(ffmpeg("-f lavfi -i sine=d=0.1", path)));
        assert!(error.to_string().ends_with("sound.wav has no video stream"), "{error}");
        let error = error_of("empty.y4m", |path| std::fs::write(path, "YUV4MPEG2 W64 H48 F25:1 C420jpeg\n").unwrap());
        assert_eq!(error.kind(), ErrorKind::File, "{error}");
        let error = VideoFile::open("no-such-file.mp4").unwrap_err();
        assert!(error.kind() == ErrorKind::File && error.to_string().starts_with("cannot open no-such-file.mp4"));
    }

    #[test]
    fn a_missing_program_says_how_to_install_it() {
        let programs = Programs { ffprobe: "no-such-ffprobe".into(), ..Programs::default() };
        let error = VideoFile::open_by(programs, CLIP.as_ref()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains("apt-get install ffmpeg"), "{error}");
        let mut video = VideoFile::open(CLIP).unwrap();
        video.programs.ffmpeg = "no-such-ffmpeg".into();
        assert_eq!(video.read(&[0]).unwrap_err().kind(), ErrorKind::Unsupported);
    }

    #[cfg(unix)]
    #[test]
    fn a_killed_program_is_an_error() {
        let mut video = VideoFile::open(CLIP).unwrap();
        video.programs.ffmpeg = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/video/killed.sh").into();
        let error = video.read(&[0]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Io);
        assert!(error.to_string().contains("was killed while reading"), "{error}");
        assert_eq!(video.frame_count().unwrap_err().kind(), ErrorKind::Io);
    }

    #[test]
    fn the_last_complaint_is_kept() {
        assert_eq!(last_line(&b"first\n second \xff\n\n"[..]), "second \u{fffd}");
    }

    #[test]
    fn a_path_is_never_taken_for_an_option() {
        assert_eq!(input_argument("-y.mp4".as_ref()), "file:-y.mp4");
    }
}
