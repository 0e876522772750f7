//! One picture file: what it holds by its contents, its size and orientation, its pixels, all within limits.

use std::{
    fs::File,
    io::{BufRead, BufReader, Cursor, Read, Seek},
    path::Path,
};

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits,
    codecs::{png::PngDecoder, webp::WebPDecoder},
    metadata::Orientation,
};

use super::limits::{MOST_BYTES, MOST_SIDE, check_memory, check_size};
use super::rotation::Turn;
use super::source::{Frame, PixelFormat};
use crate::tensor::{Error, Result};

/// Formats that are read, whatever a file is called.
const FORMATS: [ImageFormat; 8] = [
    ImageFormat::Png,
    ImageFormat::Jpeg,
    ImageFormat::Gif,
    ImageFormat::WebP,
    ImageFormat::Bmp,
    ImageFormat::Tiff,
    ImageFormat::Pnm,
    ImageFormat::Qoi,
];

/// Bytes that tell all formats from each other.
const SIGNATURE: u64 = 32;

/// The longest file of a picture: half as large again as the largest one without any compression.
const MOST_COMPRESSED: u64 = 3 << 30;

/// The format of the picture that the file holds by its first bytes; `None` where it holds no picture.
pub(super) fn format_of(path: &Path) -> Result<Option<ImageFormat>> {
    let mut start = Vec::new();
    let opened = File::open(path).map_err(|error| Error::io("open", path, &error))?;
    opened.take(SIGNATURE).read_to_end(&mut start).map_err(|error| Error::io("read", path, &error))?;
    Ok(image::guess_format(&start).ok().filter(|format| FORMATS.contains(format)))
}

/// Whether a picture of this format may be several that follow each other in time.
pub(super) fn moves(path: &Path, format: ImageFormat) -> Result<bool> {
    let file = opened(path)?;
    match format {
        ImageFormat::Gif => Ok(true),
        ImageFormat::WebP => WebPDecoder::new(file).map(|decoder| decoder.has_animation()),
        ImageFormat::Png => PngDecoder::new(file).and_then(|decoder| decoder.is_apng()),
        _ => Ok(false),
    }
    .map_err(|error| damaged(path, &error))
}

/// [Y, X] of a picture as it is stored, and how a viewer turns it.
pub(super) fn layout(path: &Path, format: ImageFormat) -> Result<([usize; 2], Turn)> {
    let mut decoder = decoder(opened(path)?, path, format)?;
    let (width, height) = decoder.dimensions();
    Ok(([height as usize, width as usize], Turn::of(orientation(&mut decoder))))
}

/// The picture, turned by its orientation where `upright`, else as it is stored.
pub(super) fn decoded(path: &Path, upright: bool) -> Result<Frame> {
    let (format, bytes) = contents(path)?;
    if format == ImageFormat::Jpeg && !ends_as_jpeg(&bytes) {
        return Err(Error::file(format!("{} is truncated: the JPEG has no end", path.display())));
    }
    let mut decoder = decoder(Cursor::new(bytes), path, format)?;
    let turn = if upright { Turn::of(orientation(&mut decoder)) } else { Turn::default() };
    let pixels = u64::from(decoder.dimensions().0) * u64::from(decoder.dimensions().1);
    // The decoded picture, and what it becomes where it is not RGB bytes.
    check_memory((decoder.total_bytes() + pixels * 3) as usize, path)?;
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| damaged(path, &error))?;
    turn.apply(rgb(picture)?)
}

/// The format and the bytes of a picture file.
pub(super) fn contents(path: &Path) -> Result<(ImageFormat, Vec<u8>)> {
    let format = format_of(path)?.ok_or_else(|| none(path))?;
    let mut file = opened(path)?;
    let io_error = |error| Error::io("read", path, &error);
    check_memory(file.get_ref().metadata().map_err(io_error)?.len() as usize, path)?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).map_err(io_error)?;
    Ok((format, bytes))
}

pub(super) fn none(path: &Path) -> Error {
    Error::file(format!("{} holds no picture that can be decoded", path.display()))
}

fn opened(path: &Path) -> Result<BufReader<File>> {
    let file = File::open(path).map_err(|error| Error::io("open", path, &error))?;
    let length = file.metadata().map_err(|error| Error::io("read", path, &error))?.len();
    if length > MOST_COMPRESSED {
        let gigabytes = MOST_COMPRESSED >> 30;
        return Err(Error::file(format!("{} is longer than any picture, {gigabytes} GiB", path.display())));
    }
    Ok(BufReader::new(file))
}

fn decoder<R: BufRead + Seek + 'static>(
    reader: R,
    path: &Path,
    format: ImageFormat,
) -> Result<impl ImageDecoder + use<R>> {
    let mut reader = ImageReader::with_format(reader, format);
    reader.limits(limits());
    let decoder = reader.into_decoder().map_err(|error| damaged(path, &error))?;
    let (width, height) = decoder.dimensions();
    check_size([height as usize, width as usize], MOST_SIDE * MOST_SIDE, path)?;
    Ok(decoder)
}

pub(super) fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_BYTES);
    limits
}

/// What the picture's EXIF data say; a picture that has none, or none that can be read, stands as it is.
pub(super) fn orientation(decoder: &mut impl ImageDecoder) -> Orientation {
    let exif = decoder.exif_metadata().ok().flatten();
    let orientation = match &exif {
        Some(chunk) => Orientation::from_exif_chunk(chunk.strip_prefix(b"Exif\0\0".as_slice()).unwrap_or(chunk)),
        None => decoder.orientation().ok(),
    };
    orientation.unwrap_or(Orientation::NoTransforms)
}

pub(super) fn rgb(picture: DynamicImage) -> Result<Frame> {
    let picture = picture.into_rgb8();
    let (width, height) = picture.dimensions();
    Frame::new(height as usize, width as usize, PixelFormat::Rgb24, picture.into_raw())
}

pub(super) fn damaged(path: &Path, error: &ImageError) -> Error {
    let path = path.display();
    Error::file(match error {
        ImageError::Limits(_) => format!("{path} takes more than {} GiB to decode", MOST_BYTES >> 30),
        _ => format!("{path} cannot be decoded: {error}"),
    })
}

/// Whether the JPEG goes on to its end. A decoder fills up with grey what is missing of one that was cut short.
fn ends_as_jpeg(bytes: &[u8]) -> bool {
    const END: u8 = 0xD9;
    let mut rest = bytes;
    // Within the compressed pixels 0xFF is followed by 0 or stands for a marker; before a marker it may be repeated.
    while let Some(start) = rest.windows(2).position(|pair| pair[0] == 0xFF && !matches!(pair[1], 0 | 0xFF)) {
        let marker = rest[start + 1];
        rest = &rest[start + 2..];
        match (marker, rest) {
            (END, _) => return true,
            // Start of the picture, restart within it: markers without a segment.
            (0x01 | 0xD0..=0xD8, _) => {}
            (_, &[high, low, ..]) => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                rest = rest.get(length..).unwrap_or_default();
            }
            _ => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use image::{ImageEncoder, RgbImage, codecs::jpeg::JpegEncoder, codecs::webp::WebPEncoder};
    use tempfile::TempDir;

    use super::*;
    use crate::tensor::ErrorKind;
    use crate::video::{self, OpenOptions, Rotation};

    fn case(name: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/cases").join(name)
    }

    fn written(folder: &TempDir, name: &str, bytes: &[u8]) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }

    /// Runs ffmpeg with the arguments, split at spaces, and `output` as the last one.
    fn ffmpeg(arguments: &str, output: &Path) -> Vec<u8> {
        let mut command = std::process::Command::new("ffmpeg");
        command.args(["-v", "error", "-nostdin", "-y"]).args(arguments.split(' ')).arg(output);
        assert!(command.status().expect("these tests need the program ffmpeg").success(), "{arguments}");
        std::fs::read(output).unwrap()
    }

    /// A picture with much detail.
    fn noise() -> RgbImage {
        let mut state = 1u32;
        RgbImage::from_fn(96, 64, |_, _| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            image::Rgb([(state >> 8) as u8, (state >> 16) as u8, (state >> 24) as u8])
        })
    }

    #[test]
    fn contents_decide_and_not_names() {
        let folder = tempfile::tempdir().unwrap();
        for (kind, name) in ["png", "jpg", "webp", "bmp", "tiff", "ppm", "qoi"]
            .iter()
            .zip(["a.jpg", "b.png", "c", "d.mp4", "e", "f", "g"])
        {
            let path = folder.path().join(name);
            noise().save_with_format(&path, ImageFormat::from_extension(kind).unwrap()).unwrap();
            let mut video = video::open(&path).unwrap();
            assert_eq!((video.frame_count().unwrap(), video.information().width), (1, 96), "{kind}");
            let close = video.read(&[0]).unwrap()[0].as_bytes() == noise().as_raw();
            assert!(close || *kind == "jpg", "{kind}");
        }
    }

    #[test]
    fn jpeg_pictures_one_after_the_other_are_a_video() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mjpeg");
        ffmpeg("-f lavfi -i testsrc=s=96x64:r=10:d=0.5 -c:v mjpeg -f mjpeg", &path);
        assert_eq!(video::open(&path).unwrap().frame_count().unwrap(), 5);
    }

    #[test]
    fn a_picture_named_wrongly_or_not_a_picture_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let video = folder.path().join("clip.mp4");
        ffmpeg("-f lavfi -i testsrc=s=96x64:r=10:d=0.5 -pix_fmt yuv420p", &video);
        std::fs::rename(&video, folder.path().join("clip.png")).unwrap();
        assert_eq!(video::open(folder.path().join("clip.png")).unwrap().frame_count().unwrap(), 5);
        let error = video::open(written(&folder, "letter.jpg", b"hello")).unwrap_err();
        assert!(error.to_string().contains("letter.jpg holds no picture that can be decoded"), "{error}");
    }

    #[test]
    fn a_name_with_a_percent_sign_is_one_file() {
        let folder = tempfile::tempdir().unwrap();
        for (name, green) in [("f%d.bmp", 200), ("f0.bmp", 0), ("f1.bmp", 1), ("%03d/f%d.bmp", 100)] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            RgbImage::from_pixel(16, 16, image::Rgb([0, green, 0])).save(path).unwrap();
        }
        for (name, green) in [("f%d.bmp", 200), ("%03d/f%d.bmp", 100), ("%03d", 100)] {
            let mut video = video::open(folder.path().join(name)).unwrap();
            assert_eq!(video.frame_count().unwrap(), 1, "{name}");
            assert_eq!(video.read(&[0]).unwrap()[0].as_bytes()[..3], [0, green, 0], "{name}");
        }
    }

    #[test]
    fn a_picture_cut_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut pictures: Vec<(String, Vec<u8>)> = ["png", "jpg", "webp", "bmp", "tiff", "ppm", "qoi"]
            .map(|kind| {
                let path = folder.path().join(format!("whole.{kind}"));
                noise().save(&path).unwrap();
                (kind.to_owned(), std::fs::read(&path).unwrap())
            })
            .into();
        let source = "-f lavfi -i testsrc=s=96x64:d=0.1 -frames:v 1";
        pictures.push(("lossy.webp".into(), ffmpeg(&format!("{source} -c:v libwebp"), &folder.path().join("x.webp"))));
        for (name, bytes) in &pictures {
            for missing in [bytes.len() / 2, 300, 20] {
                let path = written(&folder, "cut", &bytes[..bytes.len() - missing]);
                let outcome = video::open(&path).and_then(|mut video| video.read(&[0]));
                let error = outcome.err().unwrap_or_else(|| panic!("{name} without {missing} bytes was read"));
                assert_eq!(error.kind(), ErrorKind::File, "{name}: {error}");
            }
            let path = written(&folder, "whole", bytes);
            assert!(video::open(&path).and_then(|mut video| video.read(&[0])).is_ok(), "{name}");
        }
        let error = decoded(&case("jpeg-truncated/cut.jpg"), false).unwrap_err();
        assert!(error.kind() == ErrorKind::File && error.to_string().contains("cut.jpg is truncated"), "{error}");
    }

    #[test]
    fn a_progressive_jpeg_cut_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let whole = std::fs::read(case("jpeg/progressive.jpg")).unwrap();
        assert!(decoded(&case("jpeg/progressive.jpg"), false).is_ok());
        for missing in [2, 30, 300, whole.len() / 2] {
            let error = decoded(&written(&folder, "cut.jpg", &whole[..whole.len() - missing]), false).unwrap_err();
            assert!(error.to_string().contains("truncated"), "{error}");
        }
    }

    #[test]
    fn a_whole_jpeg_may_have_restarts_and_bytes_after_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, 90).encode_image(&noise()).unwrap();
        let whole = decoded(&written(&folder, "whole.jpg", &bytes), false).unwrap();
        bytes.extend([0; 500]);
        assert!(decoded(&written(&folder, "padded.jpg", &bytes), false).unwrap() == whole);
        let restarts = std::fs::read(case("jpeg/restarts.jpg")).unwrap();
        assert!(restarts.windows(2).any(|pair| pair == [0xFF, 0xD1]), "no restart marker");
        assert!(decoded(&case("jpeg/restarts.jpg"), false).is_ok());
    }

    /// What the docs of `Images` promise.
    #[test]
    fn a_jpeg_is_close_to_what_pillow_decodes() {
        for (name, bytes_allowed) in [("restarts", 0.15), ("progressive", 0.15)] {
            let ours = decoded(&case(&format!("jpeg/{name}.jpg")), false).unwrap();
            let pillow = video::open(case(&format!("jpeg/{name}.npy"))).unwrap().read(&[0]).unwrap();
            let pairs =
                || ours.as_bytes().iter().zip(pillow[0].as_bytes()).map(|(ours, pillow)| ours.abs_diff(*pillow));
            assert!(pairs().all(|difference| difference <= 4), "{name}");
            let far = pairs().filter(|difference| *difference > 1).count() as f64 / ours.as_bytes().len() as f64;
            assert!(far <= bytes_allowed, "{name}: {far}");
        }
    }

    /// Headers with next to nothing behind them.
    fn claims(width: u32, height: u32) -> [(&'static str, Vec<u8>); 6] {
        let gif = |width: u16, height: u16| {
            let mut bytes = b"GIF89a".to_vec();
            bytes.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
            bytes.extend([0x80, 0, 0, 0, 0, 0, 255, 255, 255, 0x2C, 0, 0, 0, 0]);
            bytes.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
            bytes.extend([0, 2, 2, 0x44, 1, 0, 0x3B]);
            bytes
        };
        let mut bmp = b"BM\x3A\0\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0".to_vec();
        bmp.extend([width.to_le_bytes(), height.to_le_bytes()].concat());
        bmp.extend([1, 0, 24, 0].iter().chain(&[0; 28]));
        let pnm = format!("P6 {width} {height} 255\n").into_bytes();
        let qoi = [b"qoif".as_slice(), &width.to_be_bytes(), &height.to_be_bytes(), &[3, 0], &[0; 64]].concat();
        // Everything but the size is that of a picture of one pixel.
        let mut png = Vec::new();
        let small = RgbImage::new(1, 1);
        small.write_with_encoder(image::codecs::png::PngEncoder::new(&mut png)).unwrap();
        png.splice(16..24, [width.to_be_bytes(), height.to_be_bytes()].concat());
        let checksum = crc32(&png[12..29]).to_be_bytes();
        png.splice(29..33, checksum);
        let mut tiff = tiff(&small, [0x12, 0x01, 3, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
        tiff.splice(18..20, (width as u16).to_le_bytes());
        tiff.splice(30..32, (height as u16).to_le_bytes());
        tiff.splice(114..116, (height as u16).to_le_bytes());
        [
            ("png", png),
            ("tiff", tiff),
            ("gif", gif(width as u16, height as u16)),
            ("bmp", bmp),
            ("ppm", pnm),
            ("qoi", qoi),
        ]
    }

    /// The checksum of a PNG's chunk.
    fn crc32(bytes: &[u8]) -> u32 {
        let step = |sum: u32| if sum & 1 == 1 { 0xEDB8_8320 ^ (sum >> 1) } else { sum >> 1 };
        !bytes.iter().fold(!0, |sum, byte| (0..8).fold(sum ^ u32::from(*byte), |sum, _| step(sum)))
    }

    #[test]
    fn an_absurd_size_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for side in [65_535, 20_000] {
            for (kind, bytes) in claims(side, side) {
                let error = video::open(written(&folder, "claim", &bytes)).unwrap_err();
                assert_eq!(error.kind(), ErrorKind::File, "{kind}");
                assert!(error.to_string().contains(&format!("{side}x{side}")), "{kind}: {error}");
            }
        }
        for name in ["big", "mid"] {
            let error = video::open(case(&format!("gif-65535/{name}.gif"))).unwrap_err();
            assert!(error.kind() == ErrorKind::File && error.to_string().contains("claims frames of"), "{error}");
        }
    }

    #[test]
    fn long_sides_are_read() {
        let folder = tempfile::tempdir().unwrap();
        for (kind, [width, height]) in [("png", [16_384, 3]), ("webp", [2, 16_383]), ("gif", [16_384, 2])] {
            let path = folder.path().join(format!("long.{kind}"));
            RgbImage::from_pixel(width, height, image::Rgb([9; 3])).save(&path).unwrap();
            assert_eq!(video::open(&path).unwrap().read(&[0]).unwrap()[0].width(), width as usize, "{kind}");
        }
    }

    /// Two rows of three pixels, told by their red.
    const STORED: [u8; 6] = [10, 20, 30, 40, 50, 60];

    /// [X, Y] and reds of the picture as `PIL.ImageOps.exif_transpose` shows it, by orientation from 1 on.
    const SHOWN: [([usize; 2], [u8; 6]); 8] = [
        ([3, 2], [10, 20, 30, 40, 50, 60]),
        ([3, 2], [30, 20, 10, 60, 50, 40]),
        ([3, 2], [60, 50, 40, 30, 20, 10]),
        ([3, 2], [40, 50, 60, 10, 20, 30]),
        ([2, 3], [10, 40, 20, 50, 30, 60]),
        ([2, 3], [40, 10, 50, 20, 60, 30]),
        ([2, 3], [60, 30, 50, 20, 40, 10]),
        ([2, 3], [30, 60, 20, 50, 10, 40]),
    ];

    fn with_orientation(kind: &str, orientation: u8) -> Vec<u8> {
        let picture = RgbImage::from_fn(3, 2, |x, y| image::Rgb([STORED[(3 * y + x) as usize], 0, 0]));
        let entry = [0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
        let exif = [b"II*\0\x08\0\0\0\x01\0".as_slice(), &entry, &[0; 4]].concat();
        let mut bytes = Vec::new();
        match kind {
            "png" => {
                let mut encoder = image::codecs::png::PngEncoder::new(&mut bytes);
                encoder.set_exif_metadata(exif).unwrap();
                picture.write_with_encoder(encoder).unwrap();
            }
            "webp" => {
                let mut encoder = WebPEncoder::new_lossless(&mut bytes);
                encoder.set_exif_metadata(exif).unwrap();
                picture.write_with_encoder(encoder).unwrap();
            }
            _ => bytes = tiff(&picture, entry),
        }
        bytes
    }

    /// An uncompressed TIFF of one strip.
    fn tiff(picture: &RgbImage, orientation: [u8; 12]) -> Vec<u8> {
        let short = |tag: u16, value: u16| {
            let mut entry = [tag.to_le_bytes(), [3, 0], [1, 0], [0, 0], value.to_le_bytes(), [0, 0]].concat();
            entry.truncate(12);
            entry
        };
        let (pixels, entries) = (picture.as_raw(), 10);
        let values = (8 + 2 + 12 * entries + 4) as u16;
        let mut bytes = b"II*\0\x08\0\0\0".to_vec();
        bytes.extend([entries as u8, 0]);
        bytes.extend(short(256, picture.width() as u16));
        bytes.extend(short(257, picture.height() as u16));
        bytes.extend([2, 1, 3, 0, 3, 0, 0, 0, values as u8, 0, 0, 0]);
        bytes.extend(short(259, 1));
        bytes.extend(short(262, 2));
        bytes.extend(short(273, values + 6));
        bytes.extend(orientation);
        bytes.extend(short(277, 3));
        bytes.extend(short(278, picture.height() as u16));
        bytes.extend(short(279, pixels.len() as u16));
        bytes.extend([0, 0, 0, 0, 8, 0, 8, 0, 8, 0]);
        bytes.extend(pixels);
        bytes
    }

    fn opened(path: &Path, rotation: Rotation) -> (Box<dyn video::FrameSource>, Frame) {
        let mut video = OpenOptions::new().rotation(rotation).open(path).unwrap();
        let frame = video.read(&[0]).unwrap().remove(0);
        (video, frame)
    }

    fn reds(frame: &Frame) -> Vec<u8> {
        frame.as_bytes().iter().step_by(3).copied().collect()
    }

    #[test]
    fn an_orientation_is_obeyed_where_that_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        for kind in ["png", "webp", "tiff"] {
            for (orientation, ([width, height], shown)) in (1..).zip(SHOWN) {
                let path = written(&folder, "turned", &with_orientation(kind, orientation));
                let (video, frame) = opened(&path, Rotation::None);
                assert_eq!((frame.width(), reds(&frame)), (3, STORED.to_vec()), "{kind} {orientation}");
                let degrees = [0, 0, 180, 180, 270, 90, 90, 270][orientation as usize - 1];
                let information = video.information();
                assert_eq!((information.rotation, information.turned), (degrees, 0), "{kind} {orientation}");
                let (video, frame) = opened(&path, Rotation::Auto);
                let information = video.information();
                assert_eq!([information.width, information.height], [width, height], "{kind} {orientation}");
                assert_eq!([frame.width(), frame.height()], [width, height], "{kind} {orientation}");
                assert_eq!(reds(&frame), shown, "{kind} {orientation}");
                assert_eq!((information.rotation, information.turned), (degrees, degrees), "{kind} {orientation}");
                let (_, frame) = opened(&path, Rotation::Clockwise90);
                assert_eq!(reds(&frame), SHOWN[5].1, "{kind} {orientation}, by 90 whatever the file says");
            }
        }
    }

    #[test]
    fn a_jpeg_has_an_orientation_too() {
        let folder = tempfile::tempdir().unwrap();
        let plain = noise();
        for orientation in 1..=8 {
            let entry = [0x12, 0x01, 3, 0, 1, 0, 0, 0, orientation, 0, 0, 0];
            let exif = [b"II*\0\x08\0\0\0\x01\0".as_slice(), &entry, &[0; 4]].concat();
            let mut bytes = Vec::new();
            let mut encoder = JpegEncoder::new(&mut bytes);
            encoder.set_exif_metadata(exif).unwrap();
            plain.write_with_encoder(encoder).unwrap();
            let path = written(&folder, "turned.jpg", &bytes);
            let (_, stored) = opened(&path, Rotation::None);
            let (_, shown) = opened(&path, Rotation::Auto);
            let turn = Turn::of(Orientation::from_exif(orientation).unwrap());
            assert!(
                shown == turn.apply(stored.clone()).unwrap() && (orientation == 1 || shown != stored),
                "{orientation}"
            );
        }
    }
}
