//! Frames in image files: a folder of them, an animated GIF, a still.
//!
//! Transparency is dropped, not blended, as Pillow's `convert("RGB")` does; an orientation tag is not applied.

use std::{
    cmp::Ordering,
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use image::{AnimationDecoder, DynamicImage, Frames, ImageReader, codecs::gif::GifDecoder};

use super::source::{Frame, FrameSource, Information, PixelFormat, Sink, Wanted};
use crate::tensor::{Error, Result};

/// Extensions of files that are one frame each.
const STILLS: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// Whether the name of `path` is that of a still image.
pub(super) fn is_still(path: &Path) -> bool {
    STILLS.iter().any(|extension| super::has_extension(path, extension))
}

/// Still images of one size, each a frame.
#[derive(Debug)]
pub struct Images {
    files: Vec<PathBuf>,
    information: Information,
}

impl Images {
    /// One still image as a video of one frame.
    pub fn still(path: impl AsRef<Path>) -> Result<Self> {
        Self::of_files(vec![path.as_ref().into()], "still image")
    }

    /// The PNG, JPEG and WebP files of a folder in natural order of their names: `frame2.png` before `frame10.png`.
    ///
    /// An error ([`File`](crate::tensor::ErrorKind::File)) for a folder without images, and naming the first image
    /// whose size differs from the first one's.
    pub fn folder(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let io_error = |error: std::io::Error| Error::io("list", path, &error);
        let mut files = Vec::new();
        for entry in std::fs::read_dir(path).map_err(io_error)? {
            let file = entry.map_err(io_error)?.path();
            let hidden = name(&file).starts_with('.');
            if !hidden && is_still(&file) && file.is_file() {
                files.push(file);
            }
        }
        files.sort_by(|a, b| natural_order(&name(a), &name(b)).then_with(|| a.cmp(b)));
        if files.is_empty() {
            let extensions = STILLS.join(", ");
            return Err(Error::file(format!("folder {} holds no images ({extensions})", path.display())));
        }
        Self::of_files(files, "folder of images")
    }

    fn of_files(files: Vec<PathBuf>, kind: &str) -> Result<Self> {
        let [height, width] = size(&files[0])?;
        for file in &files[1..] {
            let [other_height, other_width] = size(file)?;
            if (other_height, other_width) != (height, width) {
                return Err(Error::file(format!(
                    "{} is {other_width}x{other_height} (width x height), but {} is {width}x{height}; \
                     the images of a video have one size",
                    file.display(),
                    files[0].display()
                )));
            }
        }
        let information = Information {
            height,
            width,
            frames: Some(files.len()),
            frames_per_second: None,
            format: PixelFormat::Rgb24,
            rotation: 0,
            turned: 0,
            complaint: None,
            description: format!("{kind}, {width}x{height} (width x height)"),
        };
        Ok(Self { files, information })
    }
}

impl FrameSource for Images {
    fn information(&self) -> &Information {
        &self.information
    }

    fn frame_count(&mut self) -> Result<usize> {
        Ok(self.files.len())
    }

    fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        let wanted = Wanted::new(indices);
        wanted.check(self.files.len(), &self.information.description)?;
        for index in wanted.indices() {
            let file = &self.files[index];
            let picture = reader(file)?.decode().map_err(|error| damaged(file, &error))?;
            wanted.deliver(index, &rgb(picture)?, sink)?;
        }
        Ok(())
    }
}

/// An animated GIF, its pictures composed as a viewer shows them.
#[derive(Debug)]
pub struct Gif {
    path: PathBuf,
    information: Information,
}

impl Gif {
    /// Decodes the first picture.
    ///
    /// An error ([`File`](crate::tensor::ErrorKind::File)) for what is not a GIF, or holds no picture.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let first = pictures(path)?.next();
        let first = first.ok_or_else(|| Error::file(format!("{} holds no frame", path.display())))?;
        let first = first.map_err(|error| damaged(path, &error))?;
        let (milliseconds, divisor) = first.delay().numer_denom_ms();
        let rate = 1000.0 * f64::from(divisor) / f64::from(milliseconds);
        let (width, height) = first.buffer().dimensions();
        let information = Information {
            height: height as usize,
            width: width as usize,
            frames: None,
            frames_per_second: rate.is_finite().then_some(rate),
            format: PixelFormat::Rgb24,
            rotation: 0,
            turned: 0,
            complaint: None,
            description: format!("GIF, {width}x{height} (width x height)"),
        };
        Ok(Self { path: path.into(), information })
    }
}

impl FrameSource for Gif {
    fn information(&self) -> &Information {
        &self.information
    }

    fn frame_count(&mut self) -> Result<usize> {
        if let Some(frames) = self.information.frames {
            return Ok(frames);
        }
        let mut frames = 0;
        for picture in pictures(&self.path)? {
            picture.map_err(|error| damaged(&self.path, &error))?;
            frames += 1;
        }
        self.information.frames = Some(frames);
        Ok(frames)
    }

    fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        let wanted = Wanted::new(indices);
        let Some(last) = wanted.last() else { return Ok(()) };
        let mut decoded = 0;
        for picture in pictures(&self.path)?.take(last + 1) {
            let picture = picture.map_err(|error| damaged(&self.path, &error))?;
            if wanted.contains(decoded) {
                wanted.deliver(decoded, &rgb(DynamicImage::ImageRgba8(picture.into_buffer()))?, sink)?;
            }
            decoded += 1;
        }
        wanted.check(decoded, self.path.display())
    }
}

fn pictures(path: &Path) -> Result<Frames<'static>> {
    let file = File::open(path).map_err(|error| Error::io("open", path, &error))?;
    let decoder = GifDecoder::new(BufReader::new(file)).map_err(|error| damaged(path, &error))?;
    Ok(decoder.into_frames())
}

/// The file's contents decide what it is, not its name.
fn reader(path: &Path) -> Result<ImageReader<BufReader<File>>> {
    ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(|error| Error::io("read", path, &error))
}

/// [Y, X] of an image file.
fn size(path: &Path) -> Result<[usize; 2]> {
    let (width, height) = reader(path)?.into_dimensions().map_err(|error| damaged(path, &error))?;
    Ok([height as usize, width as usize])
}

fn rgb(picture: DynamicImage) -> Result<Frame> {
    let picture = picture.into_rgb8();
    let (width, height) = picture.dimensions();
    Frame::new(height as usize, width as usize, PixelFormat::Rgb24, picture.into_raw())
}

fn damaged(path: &Path, error: &image::ImageError) -> Error {
    Error::file(format!("{} cannot be decoded: {error}", path.display()))
}

fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Digits compare as numbers, everything else byte by byte.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        let (number, other) = (leading_digits(a), leading_digits(b));
        let order = match (number, other) {
            (0, _) | (_, 0) => a.first().cmp(&b.first()),
            _ => {
                let (x, y) = (without_zeros(&a[..number]), without_zeros(&b[..other]));
                x.len().cmp(&y.len()).then_with(|| x.cmp(y))
            }
        };
        if order.is_ne() || a.is_empty() {
            return order;
        }
        (a, b) = (&a[number.max(1)..], &b[other.max(1)..]);
    }
}

fn leading_digits(text: &[u8]) -> usize {
    text.iter().take_while(|byte| byte.is_ascii_digit()).count()
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let zeros = digits.iter().take_while(|&&digit| digit == b'0').count();
    &digits[zeros..]
}

#[cfg(test)]
mod tests {
    use image::{Delay, RgbImage, RgbaImage, codecs::gif::GifEncoder};

    use super::*;
    use crate::{tensor::ErrorKind, video};

    fn save(path: impl AsRef<Path>, width: u32, height: u32, grey: u8) {
        RgbImage::from_pixel(width, height, image::Rgb([grey; 3])).save(path).unwrap();
    }

    #[test]
    fn names_sort_as_people_count() {
        let mut names = ["b", "a10", "a9.png", "a", "a010", "10", "9", "a2b1"];
        names.sort_by(|a, b| natural_order(a, b).then_with(|| a.cmp(b)));
        assert_eq!(names, ["9", "10", "a", "a2b1", "a9.png", "a010", "a10", "b"]);
    }

    #[test]
    fn a_folder_is_a_video_in_natural_order() {
        let folder = tempfile::tempdir().unwrap();
        for (name, grey) in [("f10.png", 10), ("f9.png", 9), ("F100.webp", 100), (".hidden.png", 1)] {
            save(folder.path().join(name), 4, 2, grey);
        }
        std::fs::write(folder.path().join("notes.txt"), "no image").unwrap();
        let mut video = video::open(folder.path()).unwrap();
        assert_eq!((video.frame_count().unwrap(), video.information().width, video.information().height), (3, 4, 2));
        let greys: Vec<u8> = video.read(&[2, 0, 1, 2]).unwrap().iter().map(|frame| frame.bytes()[0]).collect();
        assert_eq!(greys, [10, 100, 9, 10]);
        assert!(video.read(&[3]).is_err());
    }

    #[test]
    fn images_of_two_sizes_are_an_error_that_names_the_odd_one() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path().join("1.png"), 4, 2, 0);
        save(folder.path().join("2.png"), 4, 3, 0);
        let error = video::open(folder.path()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::File);
        assert!(error.to_string().contains("2.png is 4x3 (width x height)"), "{error}");
    }

    #[test]
    fn a_folder_without_images_and_a_damaged_image_are_errors() {
        let folder = tempfile::tempdir().unwrap();
        assert!(video::open(folder.path()).unwrap_err().to_string().contains("holds no images"));
        let path = folder.path().join("letter.png");
        std::fs::write(&path, "hello").unwrap();
        assert_eq!(video::open(&path).unwrap_err().kind(), ErrorKind::File);
        assert_eq!(video::open(folder.path().join("missing.jpg")).unwrap_err().kind(), ErrorKind::File);
    }

    #[test]
    fn a_still_is_one_frame_and_loses_its_transparency() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("still.PNG");
        RgbaImage::from_pixel(3, 1, image::Rgba([1, 2, 3, 0])).save(&path).unwrap();
        let mut video = video::open(&path).unwrap();
        assert_eq!(video.frame_count().unwrap(), 1);
        assert_eq!(video.read(&[0]).unwrap()[0].bytes(), [1, 2, 3, 1, 2, 3, 1, 2, 3]);
    }

    fn animation(path: &Path, greys: &[u8]) {
        let mut encoder = GifEncoder::new(File::create(path).unwrap());
        for &grey in greys {
            let picture = RgbaImage::from_pixel(5, 3, image::Rgba([grey, grey, grey, 255]));
            let delay = Delay::from_numer_denom_ms(40, 1);
            encoder.encode_frame(image::Frame::from_parts(picture, 0, 0, delay)).unwrap();
        }
    }

    #[test]
    fn a_gif_is_counted_and_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.gif");
        animation(&path, &[0, 50, 100, 150]);
        let mut video = video::open(&path).unwrap();
        assert_eq!(video.information().frames_per_second, Some(25.0));
        assert_eq!(video.frame_count().unwrap(), 4);
        let greys: Vec<u8> = video.read(&[3, 1]).unwrap().iter().map(|frame| frame.bytes()[0]).collect();
        assert_eq!(greys, [150, 50]);
        assert!(video.read(&[4]).unwrap_err().to_string().contains("4 frames"));
    }

    #[test]
    fn a_truncated_gif_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.gif");
        animation(&path, &[0, 50, 100, 150]);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 12]).unwrap();
        let error = video::open(&path).and_then(|mut video| video.frame_count()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::File, "{error}");
    }
}
