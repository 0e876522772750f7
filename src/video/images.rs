//! Still pictures as frames: a folder of them, or a single one.

use std::{
    cmp::Ordering,
    path::{Path, PathBuf},
};

use super::opening::{Deadline, OpenOptions, Rotation, check_regular, within};
use super::picture::{decoded, format_of, layout, moves, none};
use super::rotation::Turn;
use super::source::{FrameSource, Information, PixelFormat, Sink, Wanted};
use crate::tensor::{Error, Result};

/// Whether `path` is named like a still picture.
pub(super) fn is_named_still(path: &Path) -> bool {
    STILLS.iter().any(|extension| super::has_extension(path, extension))
}

/// Extensions of the files in a folder that are its frames.
const STILLS: [&str; 12] = ["png", "jpg", "jpeg", "jfif", "webp", "bmp", "tif", "tiff", "ppm", "pgm", "pnm", "qoi"];

/// Still pictures of one size, each a frame: PNG, JPEG, WebP, BMP, TIFF, PNM or QOI, by their contents.
///
/// Transparency is dropped, not blended, as Pillow's `convert("RGB")` does. Pictures lie as they are stored unless
/// [`Rotation::Auto`] asks for their EXIF orientation. Of a TIFF with several pages the first is read.
///
/// A JPEG does not have one right value for each byte. These are zune-jpeg's, which come close to those of libjpeg-turbo
/// (Pillow, OpenCV) without being equal: no byte differs by more than 4 of 255. With chroma at half resolution (4:2:0)
/// 28 % of the bytes differ, 11 % by more than 1, and the mean is higher by 0.2; at 4:2:2 14 % differ, at 4:4:4 2 %, of
/// grey pictures 1 %. Whether a JPEG is progressive makes no difference.
#[derive(Debug)]
pub struct Images {
    files: Vec<PathBuf>,
    upright: bool,
    deadline: Deadline,
    information: Information,
}

impl Images {
    /// One still picture as a video of one frame.
    pub fn still(path: impl AsRef<Path>) -> Result<Self> {
        let options = OpenOptions::new();
        Self::still_with(path.as_ref(), &options, Deadline::after(options.timeout))
    }

    /// The pictures of a folder in natural order of their names: `frame2.png` before `frame10.png`. Their extensions
    /// say which files are frames, their contents what they are. Links are followed, wherever they lead, as data sets
    /// are often made of links; what is no file in the end, such as a named pipe, is an error and never opened.
    ///
    /// An error ([`File`](crate::tensor::ErrorKind::File)) for a folder without pictures, and naming the first one that
    /// is animated or whose size differs from the first one's.
    pub fn folder(path: impl AsRef<Path>) -> Result<Self> {
        let options = OpenOptions::new();
        Self::folder_with(path.as_ref(), &options, Deadline::after(options.timeout))
    }

    pub(super) fn still_with(path: &Path, options: &OpenOptions, deadline: Deadline) -> Result<Self> {
        let (upright, file) = (options.rotation == Rotation::Auto, path.to_owned());
        within(deadline, path, move || Self::of_files(vec![file], "still image", upright, deadline))
    }

    pub(super) fn folder_with(path: &Path, options: &OpenOptions, deadline: Deadline) -> Result<Self> {
        let (upright, folder) = (options.rotation == Rotation::Auto, path.to_owned());
        within(deadline, path, move || Self::of_files(pictures_in(&folder)?, "folder of images", upright, deadline))
    }

    fn of_files(files: Vec<PathBuf>, kind: &str, upright: bool, deadline: Deadline) -> Result<Self> {
        let (first, turn) = laid(&files[0], upright)?;
        for file in &files[1..] {
            deadline.check(file)?;
            let ([height, width], _) = laid(file, upright)?;
            if [height, width] != first {
                return Err(Error::file(format!(
                    "{} is {width}x{height} (width x height), but {} is {}x{}; the images of a video have one size",
                    file.display(),
                    files[0].display(),
                    first[1],
                    first[0]
                )));
            }
        }
        let [height, width] = first;
        let mirrored = if turn.mirrored() { ", its orientation is mirrored" } else { "" };
        let information = Information {
            height,
            width,
            frames: Some(files.len()),
            frames_per_second: None,
            format: PixelFormat::Rgb24,
            rotation: turn.degrees(),
            turned: if upright { turn.degrees() } else { 0 },
            complaint: None,
            description: format!("{kind}, {width}x{height} (width x height){mirrored}"),
        };
        Ok(Self { files, upright, deadline, information })
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
        self.deadline = self.deadline.again();
        for index in wanted.indices() {
            let (file, upright) = (self.files[index].clone(), self.upright);
            let frame = within(self.deadline, &self.files[index], move || decoded(&file, upright))?;
            wanted.deliver(index, &frame, sink)?;
        }
        Ok(())
    }
}

/// The files of a folder that are pictures, of any sizes, in natural order of their names.
pub(crate) fn pictures_in(folder: &Path) -> Result<Vec<PathBuf>> {
    let io_error = |error: std::io::Error| Error::io("list", folder, &error);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(io_error)? {
        let file = entry.map_err(io_error)?.path();
        if is_named_still(&file) && !name(&file).starts_with('.') && !file.is_dir() {
            check_regular(&file)?;
            files.push(file);
        }
    }
    files.sort_by(|a, b| natural_order(&name(a), &name(b)).then_with(|| a.cmp(b)));
    if files.is_empty() {
        let extensions = STILLS.join(", ");
        return Err(Error::file(format!("folder {} holds no images ({extensions})", folder.display())));
    }
    Ok(files)
}

/// [Y, X] of a picture as it comes, and how a viewer turns it.
fn laid(path: &Path, upright: bool) -> Result<([usize; 2], Turn)> {
    let format = format_of(path)?.ok_or_else(|| none(path))?;
    if moves(path, format)? {
        return Err(Error::file(format!(
            "{} is an animation, which is a video of its own and no still image",
            path.display()
        )));
    }
    let (size, turn) = layout(path, format)?;
    Ok((if upright { turn.size(size) } else { size }, turn))
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
    use std::fs::File;

    use image::{ImageEncoder, RgbImage, RgbaImage, codecs::png::PngEncoder};

    use super::*;
    use crate::{
        tensor::ErrorKind,
        video::{self, Frame},
    };

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
        let greys: Vec<u8> = video.read(&[2, 0, 1, 2]).unwrap().iter().map(|frame| frame.as_bytes()[0]).collect();
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
        assert_eq!(video.read(&[0]).unwrap()[0].as_bytes(), [1, 2, 3, 1, 2, 3, 1, 2, 3]);
    }

    #[test]
    fn each_picture_of_a_folder_lies_as_it_says() {
        let folder = tempfile::tempdir().unwrap();
        for (name, [width, height], orientation) in [("1.png", [4, 2], 1), ("2.png", [2, 4], 6)] {
            let mut encoder = PngEncoder::new(File::create(folder.path().join(name)).unwrap());
            let entry = [0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
            encoder.set_exif_metadata([b"II*\0\x08\0\0\0\x01\0".as_slice(), &entry, &[0; 4]].concat()).unwrap();
            RgbImage::from_fn(width, height, |x, y| image::Rgb([(10 * y + x) as u8; 3]))
                .write_with_encoder(encoder)
                .unwrap();
        }
        let error = video::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("2.png is 2x4"), "{error}");
        let mut video = OpenOptions::new().rotation(Rotation::Auto).open(folder.path()).unwrap();
        let frames = video.read(&[0, 1]).unwrap();
        let greys = |frame: &Frame| frame.as_bytes().iter().step_by(3).copied().collect::<Vec<u8>>();
        assert_eq!(greys(&frames[0]), [0, 1, 2, 3, 10, 11, 12, 13]);
        assert_eq!(greys(&frames[1]), [30, 20, 10, 0, 31, 21, 11, 1]);
    }

    #[test]
    fn the_time_limit_holds_for_pictures() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path().join("1.png"), 4, 2, 0);
        let options = OpenOptions::new().timeout(Some(std::time::Duration::ZERO));
        for path in [folder.path().to_owned(), folder.path().join("1.png")] {
            let error = options.open(path).unwrap_err();
            assert!(error.to_string().contains("could not be read within 0 seconds"), "{error}");
        }
        let late = Deadline::after(Some(std::time::Duration::ZERO));
        let mut video = Images::folder(folder.path()).unwrap();
        video.deadline = late;
        assert!(video.read(&[0]).unwrap_err().to_string().contains("could not be read within"));
    }

    #[test]
    fn an_animation_among_the_pictures_of_a_folder_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        save(folder.path().join("1.png"), 4, 2, 0);
        RgbImage::from_pixel(4, 2, image::Rgb([0; 3])).save(folder.path().join("2.gif")).unwrap();
        std::fs::rename(folder.path().join("2.gif"), folder.path().join("2.png")).unwrap();
        let error = video::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("2.png is an animation"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_follows_links_to_files_only() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        save(outside.path().join("far.png"), 4, 2, 7);
        save(folder.path().join("1.png"), 4, 2, 6);
        let link = |target: PathBuf| std::os::unix::fs::symlink(target, folder.path().join("2.png")).unwrap();
        link(outside.path().join("far.png"));
        let frames = video::open(folder.path()).unwrap().read(&[0, 1]).unwrap();
        assert_eq!([frames[0].as_bytes()[0], frames[1].as_bytes()[0]], [6, 7]);
        std::fs::remove_file(folder.path().join("2.png")).unwrap();
        link("/dev/zero".into());
        let error = video::open(folder.path()).unwrap_err();
        assert!(error.kind() == ErrorKind::File && error.to_string().contains("2.png is a device"), "{error}");
        std::fs::remove_file(folder.path().join("2.png")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(folder.path().join("2.png")).status().unwrap().success());
        let error = video::open(folder.path()).unwrap_err();
        assert!(error.to_string().contains("2.png is a named pipe"), "{error}");
    }
}
