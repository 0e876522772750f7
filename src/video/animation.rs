//! Animated pictures: GIF, animated WebP, APNG.

use std::{
    io::Cursor,
    path::{Path, PathBuf},
    sync::Arc,
};

use image::{
    AnimationDecoder, Delay, DynamicImage, Frames, ImageDecoder, ImageFormat,
    codecs::{gif::GifDecoder, png::PngDecoder, webp::WebPDecoder},
};

use super::limits::{MOST_MOVING, check_memory, check_size};
use super::opening::{Deadline, OpenOptions, Rotation, within};
use super::picture::{contents, damaged, limits, orientation, rgb};
use super::rotation::Turn;
use super::source::{Frame, FrameSource, Information, PixelFormat, Sink, Wanted};
use super::webp::Composed;
use crate::tensor::{Error, Result};

/// Bytes of decoded frames that an animation keeps, so that it need not be decoded again: 12 s of 480p at 20 frames a
/// second. A longer one is decoded once to count its frames and once for each reading.
const KEPT_BYTES: usize = 256 << 20;

/// Delays up to this, in milliseconds, are shown for [`SHOWN_INSTEAD`], as browsers do: they stand for "as fast as you
/// can" in files made for the machines of their time.
const TOO_SHORT: f64 = 10.0;
const SHOWN_INSTEAD: f64 = 100.0;

/// An animated GIF, WebP or PNG, by its contents: its pictures composed as a viewer shows them, each for its delay.
pub struct Animation {
    path: PathBuf,
    turn: Turn,
    deadline: Deadline,
    information: Information,
    /// From when until when each frame is shown.
    times: Vec<[f64; 2]>,
    /// All frames, or none where they are too many to be kept.
    kept: Vec<Frame>,
}

impl std::fmt::Debug for Animation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Animation({}, {})", self.path.display(), self.information.description)
    }
}

impl Animation {
    /// Decodes the animation, which says how many frames it has and how long they last.
    ///
    /// An error ([`File`](crate::tensor::ErrorKind::File)) for what is no animation, or has no whole picture. One that
    /// breaks off has those before, and a [complaint](Information::complaint).
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let options = OpenOptions::new();
        Self::open_with(path.as_ref(), &options, Deadline::after(options.timeout))
    }

    pub(super) fn open_with(path: &Path, options: &OpenOptions, deadline: Deadline) -> Result<Self> {
        Self::keeping(path, options, deadline, KEPT_BYTES)
    }

    fn keeping(path: &Path, options: &OpenOptions, deadline: Deadline, most: usize) -> Result<Self> {
        let Player { format, stated, turn: upright, frames } = Player::start(path, deadline)?;
        let turn = if options.rotation == Rotation::Auto { upright } else { Turn::default() };
        let (mut kept, mut bytes, mut times, mut complaint) = (Vec::new(), 0, Vec::new(), None);
        for frame in timed(path, turn, frames) {
            deadline.check(path)?;
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) if times.is_empty() || options.strict => return Err(error),
                Err(error) => {
                    complaint = Some(format!("it breaks off after {} whole pictures: {error}", times.len()));
                    break;
                }
            };
            times.extend(frame.shown());
            bytes += frame.as_bytes().len();
            if bytes <= most {
                kept.push(frame);
            } else {
                kept = Vec::new();
            }
        }
        let Some([_, end]) = times.last() else {
            return Err(Error::file(format!("{} holds no frame", path.display())));
        };
        let [height, width] = turn.size(stated);
        let information = Information {
            height,
            width,
            frames: Some(times.len()),
            frames_per_second: Some(times.len() as f64 / end),
            format: PixelFormat::Rgb24,
            rotation: upright.degrees(),
            turned: turn.degrees(),
            complaint,
            description: format!("{format}, {width}x{height} (width x height)"),
        };
        Ok(Self { path: path.into(), turn, deadline, information, times, kept })
    }
}

impl FrameSource for Animation {
    fn information(&self) -> &Information {
        &self.information
    }

    fn frame_count(&mut self) -> Result<usize> {
        Ok(self.times.len())
    }

    fn times(&mut self) -> Result<Option<Vec<[f64; 2]>>> {
        Ok(Some(self.times.clone()))
    }

    fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        let wanted = Wanted::new(indices);
        wanted.check(self.times.len(), self.path.display())?;
        let Some(last) = wanted.last() else { return Ok(()) };
        if !self.kept.is_empty() {
            return wanted.indices().try_for_each(|index| wanted.deliver(index, &self.kept[index], sink));
        }
        self.deadline = self.deadline.again();
        let player = Player::start(&self.path, self.deadline)?;
        let mut read = 0;
        for (index, frame) in timed(&self.path, self.turn, player.frames).take(last + 1).enumerate() {
            self.deadline.check(&self.path)?;
            wanted.deliver(index, &frame?, sink)?;
            read = index + 1;
        }
        wanted.check(read, self.path.display())
    }
}

/// The composed pictures of a file in their order.
struct Player {
    format: &'static str,
    /// [Y, X] of each.
    stated: [usize; 2],
    /// How a viewer turns them.
    turn: Turn,
    frames: Frames<'static>,
}

impl Player {
    fn start(path: &Path, deadline: Deadline) -> Result<Self> {
        let file = path.to_owned();
        let (kind, bytes) = within(deadline, path, move || contents(&file))?;
        let bytes: Arc<[u8]> = bytes.into();
        let reader = Cursor::new(bytes.clone());
        let damaged = |error| damaged(path, &error);
        match kind {
            ImageFormat::Gif => {
                let decoder = GifDecoder::new(reader).map_err(damaged)?;
                Self::of(path, "GIF", decoder, |decoder| Ok(decoder.into_frames()))
            }
            ImageFormat::WebP => {
                let decoder = WebPDecoder::new(reader).map_err(damaged)?;
                if !decoder.has_animation() {
                    return Err(still(path));
                }
                Self::of(path, "animated WebP", decoder, |decoder| {
                    let (width, height) = decoder.dimensions();
                    Ok(Frames::new(Box::new(Composed::new(bytes, width, height))))
                })
            }
            ImageFormat::Png => {
                let decoder = PngDecoder::with_limits(reader, limits()).map_err(damaged)?;
                if !decoder.is_apng().map_err(damaged)? {
                    return Err(still(path));
                }
                Self::of(path, "animated PNG", decoder, |decoder| Ok(decoder.apng().map_err(damaged)?.into_frames()))
            }
            _ => Err(still(path)),
        }
    }

    fn of<D: ImageDecoder>(
        path: &Path,
        format: &'static str,
        mut decoder: D,
        frames: impl FnOnce(D) -> Result<Frames<'static>>,
    ) -> Result<Self> {
        let (width, height) = decoder.dimensions();
        let stated = [height as usize, width as usize];
        check_size(stated, MOST_MOVING, path)?;
        // The canvas, what it was before, the picture laid on it, and the frame, in four bytes a pixel.
        check_memory(4 * 4 * stated[0] * stated[1], path)?;
        decoder.set_limits(limits()).map_err(|error| damaged(path, &error))?;
        let turn = Turn::of(orientation(&mut decoder));
        Ok(Self { format, stated, turn, frames: frames(decoder)? })
    }
}

fn still(path: &Path) -> Error {
    Error::file(format!("{} is a still picture, not an animation", path.display()))
}

/// `pictures` as frames that know when they are shown.
fn timed<'a>(path: &'a Path, turn: Turn, pictures: Frames<'a>) -> impl Iterator<Item = Result<Frame>> + 'a {
    let mut start = 0.0;
    pictures.map(move |picture| {
        let picture = picture.map_err(|error| damaged(path, &error))?;
        let end = start + seconds(picture.delay());
        let frame = turn.apply(rgb(DynamicImage::ImageRgba8(picture.into_buffer()))?)?.shown_at(start, end);
        start = end;
        Ok(frame)
    })
}

fn seconds(delay: Delay) -> f64 {
    let (numerator, denominator) = delay.numer_denom_ms();
    let milliseconds = f64::from(numerator) / f64::from(denominator);
    let shown = if milliseconds > TOO_SHORT { milliseconds } else { SHOWN_INSTEAD };
    shown / 1000.0
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use image::{Rgba, RgbaImage, codecs::gif::GifEncoder};

    use super::*;
    use crate::{tensor::ErrorKind, video};

    /// A GIF of grey pictures, each with its delay in milliseconds.
    fn gif(path: &Path, pictures: &[(u8, u32)]) {
        let mut encoder = GifEncoder::new(File::create(path).unwrap());
        for &(grey, milliseconds) in pictures {
            let picture = RgbaImage::from_pixel(5, 3, Rgba([grey, grey, grey, 255]));
            let delay = Delay::from_numer_denom_ms(milliseconds, 1);
            encoder.encode_frame(image::Frame::from_parts(picture, 0, 0, delay)).unwrap();
        }
    }

    const FOUR: [(u8, u32); 4] = [(0, 40), (50, 80), (100, 40), (150, 0)];

    fn case(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases").join(name)
    }

    fn greys(frames: &[Frame]) -> Vec<u8> {
        frames.iter().map(|frame| frame.as_bytes()[0]).collect()
    }

    #[test]
    fn a_gif_is_counted_and_read_whatever_its_name() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["clip.gif", "clip.png", "clip"] {
            let path = folder.path().join(name);
            gif(&path, &FOUR);
            let mut video = video::open(&path).unwrap();
            assert_eq!(video.frame_count().unwrap(), 4);
            assert_eq!(greys(&video.read(&[3, 1]).unwrap()), [150, 50]);
            assert!(video.read(&[4]).unwrap_err().to_string().contains("4 frames"));
        }
    }

    #[test]
    fn frames_last_as_long_as_their_delays() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.gif");
        gif(&path, &FOUR);
        let mut video = video::open(&path).unwrap();
        let ends: Vec<f64> = video.read(&[0, 1, 2, 3]).unwrap().iter().map(|frame| frame.shown().unwrap()[1]).collect();
        for (end, expected) in ends.iter().zip([0.04, 0.12, 0.16, 0.26]) {
            assert!((end - expected).abs() < 1e-9, "{ends:?}");
        }
        let times = video.times().unwrap().unwrap();
        assert_eq!(times.iter().map(|[_, end]| *end).collect::<Vec<_>>(), ends);
        assert!((video.information().frames_per_second.unwrap() - 4.0 / 0.26).abs() < 1e-9);
    }

    #[test]
    fn a_long_animation_is_read_without_being_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.gif");
        gif(&path, &FOUR);
        let mut kept = Animation::open(&path).unwrap();
        let mut read = Animation::keeping(&path, &OpenOptions::new(), Deadline::after(None), 100).unwrap();
        assert!(kept.kept.len() == 4 && read.kept.is_empty());
        for indices in [vec![3, 1, 3], vec![0], vec![]] {
            assert!(kept.read(&indices).unwrap() == read.read(&indices).unwrap());
        }
        assert!(read.read(&[4]).is_err());
    }

    #[test]
    fn what_comes_before_the_end_of_an_animation_cut_short_is_used() {
        let folder = tempfile::tempdir().unwrap();
        gif(&folder.path().join("clip.gif"), &FOUR);
        let made = ["clip.gif", "clip.apng"].map(|name| folder.path().join(name));
        let source = "-v error -nostdin -y -f lavfi -i testsrc=s=64x48:r=10:d=0.5";
        let status = std::process::Command::new("ffmpeg").args(source.split(' ')).arg(&made[1]).status();
        assert!(status.expect("these tests need the program ffmpeg").success());
        for whole in made.into_iter().chain([case("animated-webp/anim.webp")]) {
            let bytes = std::fs::read(&whole).unwrap();
            let frames = video::open(&whole).unwrap().read(&[0, 1]).unwrap();
            let path = folder.path().join("cut");
            std::fs::write(&path, &bytes[..bytes.len() * 3 / 4]).unwrap();
            let mut cut = video::open(&path).unwrap();
            let count = cut.frame_count().unwrap();
            let complaint = cut.information().complaint.clone().unwrap();
            assert!(count >= 2 && cut.read(&[0, 1]).unwrap() == frames, "{}", whole.display());
            assert!(complaint.starts_with(&format!("it breaks off after {count} whole pictures")), "{complaint}");
            let error = OpenOptions::new().strict(true).open(&path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::File, "{error}");
            std::fs::write(&path, &bytes[..bytes.len() / 8]).unwrap();
            assert_eq!(video::open(&path).unwrap_err().kind(), ErrorKind::File);
        }
    }

    #[test]
    fn an_animated_webp_has_all_its_frames() {
        let mut video = video::open(case("animated-webp/anim.webp")).unwrap();
        assert_eq!(video.frame_count().unwrap(), 6);
        let frames = video.read(&[0, 1, 2, 3, 4, 5]).unwrap();
        assert!(frames.windows(2).all(|pair| pair[0] != pair[1]));
    }

    /// Pictures laid on each other in every way that the formats know: replaced and blended, kept, removed and undone. What
    /// is to come of it is Pillow's and libwebp's, and for APNG the specification's, which leaves rounding open.
    #[test]
    fn pictures_are_composed_as_a_viewer_does() {
        for (name, tolerance) in [("composed.gif", 0), ("composed.webp", 0), ("lossy.webp", 0), ("composed.png", 1)] {
            let mut video = video::open(case(&format!("animations/{name}"))).unwrap();
            let mut expected = video::open(case(&format!("animations/{name}.npy"))).unwrap();
            let count = video.frame_count().unwrap();
            assert_eq!(count, expected.frame_count().unwrap(), "{name}");
            for index in 0..count {
                let (frame, expected) = (video.read(&[index]).unwrap(), expected.read(&[index]).unwrap());
                let mut bytes = frame[0].as_bytes().iter().zip(expected[0].as_bytes()).enumerate();
                let different = bytes.find(|(_, (byte, expected))| byte.abs_diff(**expected) > tolerance);
                assert_eq!(different, None, "frame {index} of {name}");
            }
        }
    }

    #[test]
    fn a_frame_larger_than_its_canvas_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.gif");
        let mut bytes = b"GIF89a\x04\0\x04\0\x80\0\0\0\0\0\xFF\xFF\xFF\x2C\0\0\0\0".to_vec();
        bytes.extend([0xFF; 4]);
        bytes.extend([0, 2, 2, 0x44, 1, 0, 0x3B]);
        std::fs::write(&path, bytes).unwrap();
        let error = video::open(&path).unwrap_err();
        assert!(error.kind() == ErrorKind::File && error.to_string().contains("GiB to decode"), "{error}");
    }

    #[test]
    fn the_time_limit_holds_between_frames() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.gif");
        gif(&path, &FOUR);
        let options = OpenOptions::new().timeout(Some(std::time::Duration::ZERO));
        let error = options.open(&path).unwrap_err();
        assert!(error.to_string().contains("could not be read within 0 seconds"), "{error}");
    }
}
