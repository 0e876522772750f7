//! Frames from another program, through a pipe, as YUV4MPEG2: a camera, a network stream, whatever that program reads.

use std::fmt;
use std::io::{self, Read};

use super::colour::{Matrix, Range};
use super::source::{Frame, FrameSource, Information, PixelFormat, Sink, Watcher};
use crate::tensor::{Error, Result};

/// What to run before the pipe, for errors to name.
const SENDER: &str = "ffmpeg -i SOURCE -pix_fmt yuv420p -f yuv4mpegpipe - | tubelet …";

/// A stream of YUV4MPEG2 frames, 8-bit 4:2:0 with even sides. It can be [watched](FrameSource::watch) once; its length
/// is not known. A sender that ends within a frame has ended before it.
pub struct Pipe {
    name: &'static str,
    decoder: y4m::Decoder<Box<dyn Read + Send>>,
    information: Information,
}

impl Pipe {
    /// Reads the header of the stream on standard input.
    ///
    /// An error ([`File`](crate::tensor::ErrorKind::File)) for anything but such a stream.
    pub fn stdin() -> Result<Self> {
        Self::new("standard input", Box::new(io::stdin()))
    }

    fn new(name: &'static str, reader: Box<dyn Read + Send>) -> Result<Self> {
        let decoder = y4m::decode(reader)
            .map_err(|error| Error::file(format!("{name} is no YUV4MPEG2 stream ({error}): send one by `{SENDER}`")))?;
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
        let information = Information {
            height,
            width,
            frames: None,
            frames_per_second: (rate.num > 0 && rate.den > 0).then(|| rate.num as f64 / rate.den as f64),
            format: PixelFormat::Yuv420p {
                matrix: Matrix::Bt601,
                range: if full { Range::Full } else { Range::Limited },
            },
            rotation: 0,
            turned: 0,
            complaint: None,
            description: format!("YUV4MPEG2, {width}x{height} (width x height)"),
        };
        Ok(Self { name, decoder, information })
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
        for place in 0.. {
            let frame = match self.decoder.read_frame() {
                Ok(frame) => [frame.get_y_plane(), frame.get_u_plane(), frame.get_v_plane()].concat(),
                Err(y4m::Error::EOF) => return Ok(()),
                Err(error) => {
                    return Err(Error::file(format!("{} stopped being a YUV4MPEG2 stream: {error}", self.name)));
                }
            };
            let frame = Frame::new(height, width, format, frame)?;
            let time = |place: u64, rate: f64| place as f64 / rate;
            let frame = match frames_per_second {
                Some(rate) => frame.shown_at(time(place, rate), time(place + 1, rate)),
                None => frame,
            };
            if watcher(&frame)?.is_break() {
                return Ok(());
            }
        }
        Ok(())
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
        Pipe::new("the test", Box::new(io::Cursor::new(bytes)))
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
        assert_eq!(format, PixelFormat::Yuv420p { matrix: Matrix::Bt601, range: Range::Full });
        let mut seen = Vec::new();
        pipe.watch(&mut |frame| {
            seen.push(frame.bytes().to_vec());
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
        assert_eq!(seen, [[1; 12], [2; 12]]);
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
        let garbled = [stream("YUV4MPEG2 W4 H2 F25:1 C420"), b"GARBAGE\n".to_vec()].concat();
        let error = pipe(garbled).unwrap().watch(&mut |_| Ok(ControlFlow::Continue(()))).unwrap_err();
        assert!(error.to_string().contains("stopped being"), "{error}");
    }
}
