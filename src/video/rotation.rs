//! Frames as a player shows them: turned, and mirrored.

use image::metadata::Orientation;

use super::opening::Rotation;
use super::source::{Frame, FrameSource, Information, PixelFormat, Sink, Wanted, Watcher};
use crate::tensor::{Error, Result};

/// One of the eight ways to lay a frame: mirrored left to right or not, then turned clockwise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Turn {
    mirrored: bool,
    quarters: u32,
}

impl Turn {
    /// Clockwise by `degrees`; a degree more or less, as cameras write, is a right angle still.
    ///
    /// An error ([`Unsupported`](crate::tensor::ErrorKind::Unsupported)) for all else.
    fn clockwise(degrees: u32) -> Result<Self> {
        let quarters = (degrees + 45) / 90;
        if degrees.abs_diff(90 * quarters) > 1 {
            return Err(Error::unsupported(format!(
                "frames are turned by right angles only, not by {degrees}°: take them unturned"
            )));
        }
        Ok(Self::quarters(quarters % 4))
    }

    /// Clockwise by so many right angles, fewer than four.
    fn quarters(quarters: u32) -> Self {
        Self { mirrored: false, quarters }
    }

    pub(super) fn of(orientation: Orientation) -> Self {
        let (mirrored, quarters) = match orientation {
            Orientation::NoTransforms => (false, 0),
            Orientation::FlipHorizontal => (true, 0),
            Orientation::Rotate180 => (false, 2),
            Orientation::FlipVertical => (true, 2),
            Orientation::Rotate90FlipH => (true, 3),
            Orientation::Rotate90 => (false, 1),
            Orientation::Rotate270FlipH => (true, 1),
            Orientation::Rotate270 => (false, 3),
        };
        Self { mirrored, quarters }
    }

    pub(super) fn degrees(self) -> u32 {
        90 * self.quarters
    }

    pub(super) fn mirrored(self) -> bool {
        self.mirrored
    }

    /// [Y, X] of a frame of [Y, X].
    pub(super) fn size(self, [height, width]: [usize; 2]) -> [usize; 2] {
        if self.quarters % 2 == 1 { [width, height] } else { [height, width] }
    }

    pub(super) fn apply(self, frame: Frame) -> Result<Frame> {
        if self == Self::default() {
            return Ok(frame);
        }
        let (size, format) = ([frame.height(), frame.width()], frame.format());
        let bytes = match format {
            PixelFormat::Rgb24 => self.plane::<3>(frame.as_bytes().as_chunks().0, size).into_flattened(),
            PixelFormat::Yuv420p { .. } => {
                let half = size.map(|side| side / 2);
                let (luma, chroma) = frame.as_bytes().as_chunks().0.split_at(size[0] * size[1]);
                let (u, v) = chroma.split_at(half[0] * half[1]);
                [self.plane::<1>(luma, size), self.plane(u, half), self.plane(v, half)].concat().into_flattened()
            }
        };
        let [height, width] = self.size(size);
        let turned = Frame::new(height, width, format, bytes)?;
        Ok(match frame.shown() {
            Some([start, end]) => turned.shown_at(start, end),
            None => turned,
        })
    }

    /// The pixels [Y, X] of a plane in their new order.
    fn plane<const BYTES: usize>(self, pixels: &[[u8; BYTES]], size: [usize; 2]) -> Vec<[u8; BYTES]> {
        let [height, width] = size;
        let [rows, columns] = self.size(size);
        let position = |row: usize, column: usize| {
            let (y, x) = match self.quarters {
                0 => (row, column),
                1 => (height - 1 - column, row),
                2 => (height - 1 - row, width - 1 - column),
                _ => (column, width - 1 - row),
            };
            y * width + if self.mirrored { width - 1 - x } else { x }
        };
        (0..rows).flat_map(|row| (0..columns).map(move |column| pixels[position(row, column)])).collect()
    }
}

/// `source` with frames as `rotation` wants them; pictures, which have an orientation each, are turned when they are
/// decoded.
pub(super) fn turned(source: Box<dyn FrameSource>, rotation: Rotation) -> Result<Box<dyn FrameSource>> {
    let &Information { rotation: stated, turned, .. } = source.information();
    let turn = match rotation {
        Rotation::None => Turn::default(),
        Rotation::Clockwise90 => Turn::quarters(1),
        Rotation::Clockwise180 => Turn::quarters(2),
        Rotation::Clockwise270 => Turn::quarters(3),
        Rotation::Auto => Turn::clockwise((stated + 360 - turned) % 360)?,
    };
    if turn == Turn::default() { Ok(source) } else { Ok(Box::new(Turned::new(source, turn))) }
}

/// A video whose frames are all turned.
#[derive(Debug)]
struct Turned {
    source: Box<dyn FrameSource>,
    turn: Turn,
    information: Information,
}

impl Turned {
    fn new(source: Box<dyn FrameSource>, turn: Turn) -> Self {
        let information = described(source.information(), turn);
        Self { source, turn, information }
    }

    /// What has been found out by `outcome` about the source holds for the turned frames too.
    fn after<T>(&mut self, outcome: Result<T>) -> Result<T> {
        self.information = described(self.source.information(), self.turn);
        outcome
    }
}

fn described(source: &Information, turn: Turn) -> Information {
    let [height, width] = turn.size([source.height, source.width]);
    let turned = (source.turned + turn.degrees()) % 360;
    let description = format!("{}, turned by {}°", source.description, turn.degrees());
    Information { height, width, turned, description, ..source.clone() }
}

impl FrameSource for Turned {
    fn information(&self) -> &Information {
        &self.information
    }

    fn frame_count(&mut self) -> Result<usize> {
        let count = self.source.frame_count();
        self.after(count)
    }

    fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        let (wanted, turn) = (Wanted::new(indices), self.turn);
        let distinct: Vec<_> = wanted.indices().collect();
        let visited = self.source.visit(&distinct, &mut |position, frame| {
            wanted.deliver(distinct[position], &turn.apply(frame.clone())?, sink)
        });
        self.after(visited)
    }

    fn times(&mut self) -> Result<Option<Vec<[f64; 2]>>> {
        let times = self.source.times();
        self.after(times)
    }

    fn watch(&mut self, watcher: &mut Watcher<'_>) -> Result<()> {
        let turn = self.turn;
        let watched = self.source.watch(&mut |frame| watcher(&turn.apply(frame.clone())?));
        self.after(watched)
    }
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;
    use std::path::Path;
    use std::process::Command;

    use super::*;
    use crate::video::{self, OpenOptions};

    /// A video of three frames by ffmpeg; `turned` says how players turn it.
    fn video_file(path: &Path, pixels: &str, turned: Option<u32>) {
        let source =
            format!("-v error -nostdin -y -f lavfi -i testsrc=s=64x48:r=10:d=0.3 -pix_fmt {pixels} -c:v libx264 -qp 0");
        let made = Command::new("ffmpeg").args(source.split(' ')).arg(path).status();
        assert!(made.expect("these tests need the program ffmpeg").success());
        let Some(degrees) = turned else { return };
        let plain = path.with_extension("plain.mp4");
        std::fs::rename(path, &plain).unwrap();
        let tag = format!("rotate={}", (360 - degrees) % 360);
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-y", "-i"]).arg(plain).args(["-c", "copy", "-metadata:s:v:0", &tag]);
        assert!(command.arg(path).status().unwrap().success());
    }

    /// The planes or RGB bytes of all frames as ffmpeg gives them, turned as `options` say.
    fn by_ffmpeg(path: &Path, pixels: &str, before: &[&str], after: &[&str]) -> Vec<u8> {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin"]).args(before).arg("-i").arg(path).args(after);
        let made = command.args(["-f", "rawvideo", "-pix_fmt", pixels, "pipe:1"]).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        made.stdout
    }

    fn bytes_of(video: &mut dyn FrameSource) -> Vec<u8> {
        let all: Vec<_> = (0..video.frame_count().unwrap()).collect();
        video.read(&all).unwrap().into_iter().flat_map(Frame::into_bytes).collect()
    }

    #[test]
    fn a_video_is_turned_as_ffmpeg_turns_it() {
        let folder = tempfile::tempdir().unwrap();
        for (pixels, stored) in [("yuv420p", "yuv420p"), ("yuv444p", "rgb24")] {
            for degrees in [90, 180, 270] {
                let path = folder.path().join(format!("{pixels}{degrees}.mp4"));
                video_file(&path, pixels, Some(degrees));
                let mut unturned = video::open(&path).unwrap();
                assert_eq!((unturned.information().rotation, unturned.information().turned), (degrees, 0));
                assert!(bytes_of(&mut *unturned) == by_ffmpeg(&path, stored, &["-noautorotate"], &[]));
                let mut video = OpenOptions::new().rotation(Rotation::Auto).open(&path).unwrap();
                let &Information { height, width, turned, .. } = video.information();
                assert_eq!(([width, height], turned), (if degrees == 180 { [64, 48] } else { [48, 64] }, degrees));
                // Turning before the conversion to RGB is not turning after it where chroma is shared by pixels.
                let expected = match stored {
                    "rgb24" => by_ffmpeg(&path, "rgb24", &["-noautorotate"], &["-vf", filter(degrees)]),
                    _ => by_ffmpeg(&path, stored, &[], &[]),
                };
                assert!(bytes_of(&mut *video) == expected, "{pixels} by {degrees}");
            }
        }
    }

    fn filter(degrees: u32) -> &'static str {
        match degrees {
            90 => "format=rgb24,transpose=clock",
            180 => "format=rgb24,hflip,vflip",
            _ => "format=rgb24,transpose=cclock",
        }
    }

    #[test]
    fn any_source_is_turned_by_what_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        video_file(&path, "yuv420p", Some(90));
        for (degrees, filter) in [(90, "transpose=clock"), (180, "hflip,vflip"), (270, "transpose=cclock")] {
            let mut video = OpenOptions::new().rotation(degrees.to_string().parse().unwrap()).open(&path).unwrap();
            let expected = by_ffmpeg(&path, "yuv420p", &["-noautorotate"], &["-vf", filter]);
            assert!(bytes_of(&mut *video) == expected, "{degrees}");
            assert_eq!((video.information().turned, video.information().rotation), (degrees, 90));
            assert!(video.information().description.ends_with(&format!(", turned by {degrees}°")));
        }
    }

    /// A source whose size changes, which complains at the end.
    #[derive(Debug)]
    struct Changing(Information);

    fn changing() -> Box<dyn FrameSource> {
        let information = Information {
            height: 2,
            width: 4,
            frames: None,
            frames_per_second: None,
            format: PixelFormat::Rgb24,
            rotation: 90,
            turned: 0,
            complaint: None,
            description: "changing".into(),
        };
        Box::new(Changing(information))
    }

    impl FrameSource for Changing {
        fn information(&self) -> &Information {
            &self.0
        }

        fn frame_count(&mut self) -> Result<usize> {
            self.0.frames = Some(2);
            self.0.complaint = Some("it is damaged".into());
            Ok(2)
        }

        fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()> {
            let wanted = Wanted::new(indices);
            for (index, [height, width]) in [[2, 4], [1, 3]].into_iter().enumerate() {
                let bytes = (0..3 * height * width).map(|byte| (byte / 3) as u8).collect();
                let frame = Frame::new(height, width, PixelFormat::Rgb24, bytes)?.shown_at(index as f64, 2.0);
                wanted.deliver(index, &frame, sink)?;
            }
            Ok(())
        }

        fn times(&mut self) -> Result<Option<Vec<[f64; 2]>>> {
            Ok(Some(vec![[0.0, 1.0], [1.0, 2.0]]))
        }
    }

    #[test]
    fn each_frame_is_turned_by_its_own_size() {
        let mut video = turned(changing(), Rotation::Auto).unwrap();
        let frames = video.read(&[1, 0, 1]).unwrap();
        let described = |frame: &Frame| {
            let greys: Vec<u8> = frame.as_bytes().iter().step_by(3).copied().collect();
            ([frame.height(), frame.width()], greys, frame.shown())
        };
        assert_eq!(described(&frames[0]), ([3, 1], vec![0, 1, 2], Some([1.0, 2.0])));
        assert_eq!(described(&frames[1]), ([4, 2], vec![4, 0, 5, 1, 6, 2, 7, 3], Some([0.0, 2.0])));
        assert!(frames[0] == frames[2]);
    }

    #[test]
    fn what_is_known_of_the_source_is_known_of_the_turned_frames() {
        let mut video = turned(changing(), Rotation::Clockwise270).unwrap();
        assert_eq!((video.information().height, video.information().complaint.as_ref()), (4, None));
        assert_eq!(video.frame_count().unwrap(), 2);
        assert_eq!(video.information().complaint.as_deref(), Some("it is damaged"));
        assert_eq!(video.information().frames, Some(2));
        assert_eq!(video.times().unwrap().unwrap().len(), 2);
        let mut seen = 0;
        let watched = video.watch(&mut |frame| {
            seen += frame.height();
            Ok(ControlFlow::Break(()))
        });
        assert!(watched.is_ok() && seen == 4);
    }

    #[test]
    fn only_right_angles_are_turned() {
        for (degrees, quarters) in [(0, 0), (1, 0), (89, 1), (91, 1), (180, 2), (270, 3), (359, 0)] {
            assert_eq!(Turn::clockwise(degrees).unwrap(), Turn { mirrored: false, quarters }, "{degrees}");
        }
        assert!(Turn::clockwise(45).is_err() && Turn::clockwise(92).is_err());
    }
}
