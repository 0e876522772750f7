//! Frames in a NumPy array file.

use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
};

use npyz::{DType, NpyHeader, Order, TypeChar, WriterBuilder};

use super::limits::{MOST_SIDE, check_memory, check_size};
use super::source::{Frame, FrameSource, Information, PixelFormat, Sink, Wanted};
use crate::files::write_whole;
use crate::tensor::{Error, Result};

/// A `.npy` file of RGB bytes, `[F, Y, X, 3]`.
#[derive(Debug)]
pub struct NpyArray {
    path: PathBuf,
    file: File,
    /// Where the first frame begins, in bytes.
    start: u64,
    frames: usize,
    information: Information,
}

impl NpyArray {
    /// Reads the header.
    ///
    /// An error ([`File`](crate::tensor::ErrorKind::File)) for anything but a complete C-ordered array `[F, Y, X, 3]`
    /// of unsigned bytes.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let io_error = |error: io::Error| Error::io("read", path, &error);
        check_npy(path)?;
        let mut file = File::open(path).map_err(io_error)?;
        let header = NpyHeader::from_reader(&mut file)
            .map_err(|error| Error::file(format!("{} is not a NumPy array: {error}", path.display())))?;
        let [frames, height, width] = shape(&header).map_err(|error| error.within(path.display()))?;
        check_size([height, width], MOST_SIDE * MOST_SIDE, path)?;
        let start = file.stream_position().map_err(io_error)?;
        let stored = file.metadata().map_err(io_error)?.len();
        let expected = [frames, height, width, 3].iter().try_fold(1u64, |bytes, &side| bytes.checked_mul(side as u64));
        if expected.is_none_or(|bytes| bytes > stored.saturating_sub(start)) {
            return Err(Error::file(format!("{} is shorter than its header says; it is truncated", path.display())));
        }
        let information = Information {
            height,
            width,
            frames: Some(frames),
            frames_per_second: None,
            format: PixelFormat::Rgb24,
            rotation: 0,
            turned: 0,
            complaint: None,
            description: format!("NumPy array of {frames} RGB frames, {width}x{height} (width x height)"),
        };
        Ok(Self { path: path.into(), file, start, frames, information })
    }
}

/// Whether the file begins as NumPy arrays do.
pub(super) fn is_array(path: &Path) -> Result<bool> {
    const SIGNATURE: &[u8] = b"\x93NUMPY";
    let mut start = Vec::new();
    let file = File::open(path).map_err(|error| Error::io("open", path, &error))?;
    file.take(SIGNATURE.len() as u64).read_to_end(&mut start).map_err(|error| Error::io("read", path, &error))?;
    Ok(start == SIGNATURE)
}

/// An error for a `.npy` file whose header is cut off or whose axes multiply to more than any file holds; the reader
/// checks the rest, but trusts that product.
#[doc(hidden)]
pub fn check_npy(path: impl AsRef<Path>) -> Result<()> {
    let path = path.as_ref();
    let io_error = |error: io::Error| Error::io("read", path, &error);
    let mut start = Vec::new();
    File::open(path).map_err(io_error)?.take(LONGEST_HEADER).read_to_end(&mut start).map_err(io_error)?;
    let text = String::from_utf8_lossy(&start);
    let axes = text.split_once("'shape'").and_then(|(_, rest)| rest.split_once('(')?.1.split_once(')'));
    let Some((axes, _)) = axes else {
        return Err(Error::file(format!("{} is no readable .npy file: it states no shape", path.display())));
    };
    let elements = axes.split(',').map(str::trim).filter(|axis| !axis.is_empty()).try_fold(1u64, |product, axis| {
        product.checked_mul(axis.trim_end_matches('L').parse().ok()?).filter(|product| *product < 1 << 48)
    });
    match elements {
        Some(_) => Ok(()),
        None => Err(Error::file(format!("{} says it has axes ({axes}), which no file holds", path.display()))),
    }
}

/// Writes frames of RGB bytes of `size` [Y, X] as a file at `path`.
pub(super) fn write(path: &Path, frames: &[&[u8]], size: [usize; 2]) -> Result<()> {
    let shape = [frames.len() as u64, size[0] as u64, size[1] as u64, 3];
    write_whole(path, |file| {
        let mut writer = npyz::WriteOptions::new().default_dtype().shape(&shape).writer(file).begin_nd()?;
        frames.iter().try_for_each(|frame| writer.extend(frame.iter().copied()))?;
        writer.finish()
    })
}

/// NumPy writes headers of 128 bytes, and of a few thousand for structures.
const LONGEST_HEADER: u64 = 1 << 16;

/// The sides [F, Y, X], none of them 0.
fn shape(header: &NpyHeader) -> Result<[usize; 3]> {
    let bytes =
        matches!(header.dtype(), DType::Plain(kind) if kind.type_char() == TypeChar::Uint && kind.size_field() == 1);
    let sides: Vec<usize> = header.shape().iter().filter_map(|&side| usize::try_from(side).ok()).collect();
    match sides[..] {
        [frames, height, width, 3]
            if bytes && header.order() == Order::C && frames * height.min(1) * width.min(1) > 0 =>
        {
            Ok([frames, height, width])
        }
        _ => Err(Error::file(format!(
            "frames are C-ordered unsigned bytes of shape [frames, height, width, 3], but the array holds {} ({:?} order) \
             of shape {:?}",
            header.dtype().descr(),
            header.order(),
            header.shape()
        ))),
    }
}

impl FrameSource for NpyArray {
    fn information(&self) -> &Information {
        &self.information
    }

    fn frame_count(&mut self) -> Result<usize> {
        Ok(self.frames)
    }

    fn visit(&mut self, indices: &[usize], sink: &mut Sink<'_>) -> Result<()> {
        let wanted = Wanted::new(indices);
        wanted.check(self.frames, self.path.display())?;
        let &Information { height, width, format, .. } = &self.information;
        check_memory(format.bytes(height, width), &self.path)?;
        for index in wanted.indices() {
            let mut bytes = vec![0; format.bytes(height, width)];
            let position = self.start + index as u64 * bytes.len() as u64;
            self.file
                .seek(SeekFrom::Start(position))
                .and_then(|_| self.file.read_exact(&mut bytes))
                .map_err(|error| Error::io("read", &self.path, &error))?;
            wanted.deliver(index, &Frame::new(height, width, format, bytes)?, sink)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use npyz::{AutoSerialize, Serialize, WriterBuilder};

    use super::*;
    use crate::{tensor::ErrorKind, video};

    fn save<T: Serialize + AutoSerialize>(path: &Path, shape: &[u64], order: Order, values: impl Iterator<Item = T>) {
        let options = npyz::WriteOptions::new().default_dtype().shape(shape).order(order);
        let mut writer = options.writer(File::create(path).unwrap()).begin_nd().unwrap();
        writer.extend(values).unwrap();
        writer.finish().unwrap();
    }

    #[test]
    fn frames_are_read_from_their_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.npy");
        save(&path, &[5, 2, 3, 3], Order::C, 0..90u8);
        let mut video = video::open(&path).unwrap();
        assert_eq!((video.frame_count().unwrap(), video.information().height, video.information().width), (5, 2, 3));
        let frames = video.read(&[4, 0, 4]).unwrap();
        assert_eq!(frames[0].as_bytes(), (72..90).collect::<Vec<u8>>());
        assert_eq!(frames[1].as_bytes(), (0..18).collect::<Vec<u8>>());
        assert_eq!(frames[2], frames[0]);
        assert!(video.read(&[5]).is_err());
    }

    #[test]
    fn sides_beyond_any_frame_are_refused() {
        let error = refused(|path| save(path, &[1, 1, 16_385, 3], Order::C, std::iter::repeat_n(0u8, 16_385 * 3)));
        assert!(error.contains("claims frames of 16385x1 pixels"), "{error}");
    }

    #[test]
    fn an_array_is_told_by_its_contents() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.mp4");
        save(&path, &[5, 2, 3, 3], Order::C, 0..90u8);
        assert_eq!(video::open(&path).unwrap().frame_count().unwrap(), 5);
    }

    fn refused(make: impl FnOnce(&Path)) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.npy");
        make(&path);
        let error = NpyArray::open(&path).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::File, "{error}");
        error.to_string()
    }

    #[test]
    fn axes_beyond_any_file_are_refused() {
        let header = |axes: &str| {
            let text = format!("{{'descr': '|u1', 'fortran_order': False, 'shape': ({axes}), }}");
            let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
            bytes.extend((text.len() as u16).to_le_bytes());
            bytes.extend(text.bytes());
            refused(|path| std::fs::write(path, bytes).unwrap())
        };
        assert!(header("4611686018427387904, 4, 4, 3").contains("no file holds"));
        assert!(header("99999999999999999999999, 1, 1, 3").contains("no file holds"));
        assert!(header("281474976710655, 1, 1, 1").contains("clip.npy"));
    }

    #[test]
    fn other_arrays_are_refused() {
        let floats = refused(|path| save(path, &[1, 1, 2, 3], Order::C, [0f32; 6].into_iter()));
        assert!(floats.contains("'<f4'") && floats.contains("clip.npy"), "{floats}");
        let planes = refused(|path| save(path, &[1, 3, 1, 2], Order::C, 0..6u8));
        assert!(planes.contains("[1, 3, 1, 2]"), "{planes}");
        assert!(refused(|path| save(path, &[2, 1, 1, 3], Order::Fortran, 0..6u8)).contains("Fortran"));
        refused(|path| save(path, &[0, 4, 4, 3], Order::C, 0..0u8));
        assert!(refused(|path| std::fs::write(path, "hello").unwrap()).contains("no readable .npy file"));
    }

    #[test]
    fn a_truncated_array_is_refused() {
        let error = refused(|path| {
            save(path, &[5, 2, 3, 3], Order::C, 0..90u8);
            let bytes = std::fs::read(path).unwrap();
            std::fs::write(path, &bytes[..bytes.len() - 1]).unwrap();
        });
        assert!(error.contains("truncated"), "{error}");
    }
}
