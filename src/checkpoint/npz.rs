//! One `.npz` file: a ZIP archive of NumPy arrays, compressed or not, read one at a time.

use std::collections::HashMap;
use std::fmt;
use std::io::{BufReader, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use zip::ZipArchive;

use super::arrays::{Arrays, Dtype, Run, floats, zeroed};
use super::stored::{Opened, StoredFile};
use crate::tensor::{Error, LONGEST_TEXT, Result, Shape, Tensor, printable};

/// Extension of the files of arrays within the archive.
const SUFFIX: &str = ".npy";
/// What a NumPy array begins with.
const MAGIC: &[u8] = b"\x93NUMPY";
/// Bytes of the longest header: NumPy writes 128, and a few thousand for structures.
const LONGEST_HEADER: u64 = 1 << 16;

/// An open archive whose arrays have the sizes that their headers promise.
pub(super) struct NpzFile {
    path: PathBuf,
    archive: Mutex<ZipArchive<BufReader<Opened>>>,
    arrays: HashMap<String, StoredArray>,
}

/// One array of an archive.
struct StoredArray {
    /// Its index in the archive.
    index: usize,
    header: Header,
}

/// What stands before an array's elements.
#[derive(Debug, PartialEq)]
struct Header {
    /// Its own length in bytes.
    bytes: u64,
    shape: Shape,
    dtype: Dtype,
    order: Order,
}

/// How the elements lie.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct Order {
    /// The first axis varies fastest (Fortran's order).
    first_axis_fastest: bool,
    /// The most significant byte comes first.
    big_endian: bool,
}

impl NpzFile {
    /// Opens an archive and reads the headers of its arrays.
    pub(super) fn open(file: &StoredFile) -> Result<Self> {
        let path = file.path();
        let mut archive = ZipArchive::new(BufReader::new(file.open()?)).map_err(|error| damaged(path, error))?;
        let repeated = || damaged(path, "two of its arrays have the same name");
        if archive.has_duplicate_names() {
            return Err(repeated());
        }
        let mut arrays = HashMap::new();
        for index in 0..archive.len() {
            let mut member = archive.by_index(index).map_err(|error| damaged(path, error))?;
            let name = member.name().map_err(|error| damaged(path, error))?.into_owned();
            if let Some(name) = name.strip_suffix(SUFFIX) {
                let size = member.size();
                let header = Header::read(&mut member, size)
                    .map_err(|reason| damaged(path, format!("array `{name}` {reason}")))?;
                if arrays.insert(name.to_owned(), StoredArray { index, header }).is_some() {
                    return Err(repeated());
                }
            }
        }
        if arrays.is_empty() {
            return Err(Error::file(format!(
                "{} is an archive without NumPy arrays: if PyTorch wrote it, save its weights as safetensors",
                path.display()
            )));
        }
        Ok(Self { path: path.to_owned(), archive: Mutex::new(archive), arrays })
    }

    /// The elements of an array; `None` where their type is not read.
    fn read(&self, StoredArray { index, header }: &StoredArray) -> Result<Option<Vec<f32>>> {
        let Some(size) = header.file_size() else { return Ok(None) };
        let damaged = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::OutOfMemory => Error::io("read", &self.path, &error),
            _ => damaged(&self.path, error),
        };
        let mut archive = self.archive.lock().unwrap_or_else(PoisonError::into_inner);
        let member = archive.by_index(*index).map_err(|error| damaged(error.into()))?;
        // No more is unpacked than the header promises, and no memory is taken for what does not come.
        let mut bytes = Vec::new();
        let unpacked = member.take(size + 1).read_to_end(&mut bytes).map_err(damaged)?;
        if unpacked as u64 != size {
            return Err(damaged(std::io::Error::other(format!("an array of {size} bytes unpacks to another size"))));
        }
        let elements = &mut bytes[header.bytes as usize..];
        if let (true, Some(element)) = (header.order.big_endian, header.dtype.bytes()) {
            elements.chunks_exact_mut(element).for_each(<[u8]>::reverse);
        }
        let run = Run { start: header.bytes, elements: header.shape.elements() };
        let floats = floats(&mut Cursor::new(bytes), run, &header.dtype).map_err(damaged)?;
        match header.order.first_axis_fastest {
            true => floats.map(|floats| last_axis_fastest(&floats, header.shape.axes())).transpose().map_err(damaged),
            false => Ok(floats),
        }
    }
}

/// The elements of an array of those `axes` in the order of their indices, from an order in which the first axis varies
/// fastest.
fn last_axis_fastest(stored: &[f32], axes: &[usize]) -> std::io::Result<Vec<f32>> {
    let mut values = zeroed(stored.len())?;
    let strides: Vec<_> = axes.iter().scan(1, |stride, axis| Some(std::mem::replace(stride, *stride * axis))).collect();
    let mut indices = vec![0; axes.len()];
    let mut offset = 0;
    for value in &mut values {
        *value = stored[offset];
        for axis in (0..axes.len()).rev() {
            indices[axis] += 1;
            offset += strides[axis];
            if indices[axis] < axes[axis] {
                break;
            }
            offset -= strides[axis] * axes[axis];
            indices[axis] = 0;
        }
    }
    Ok(values)
}

fn damaged(path: &Path, reason: impl fmt::Display) -> Error {
    let reason = printable(&reason.to_string(), LONGEST_TEXT);
    Error::file(format!("{} is damaged ({reason}): copy or download it again", path.display()))
}

impl fmt::Debug for NpzFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NpzFile").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Arrays for NpzFile {
    fn path(&self) -> &Path {
        &self.path
    }

    fn names(&self) -> Vec<&str> {
        self.arrays.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<Shape> {
        self.arrays.get(name).map(|array| array.header.shape.clone())
    }

    fn dtype(&self, name: &str) -> Option<Dtype> {
        self.arrays.get(name).map(|array| array.header.dtype.clone())
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        let path = self.path.display();
        let array = self.arrays.get(name).ok_or_else(|| Error::usage(format!("{path} holds no array `{name}`")))?;
        let Header { shape, dtype, .. } = &array.header;
        let values = self.read(array)?.ok_or_else(|| {
            Error::file(format!(
                "array `{name}` of {path} has elements of type {dtype}, but only F16, BF16, F32 and F64 are read"
            ))
        })?;
        Tensor::f32(shape.clone(), values)
    }
}

impl Header {
    /// The header that a file of `size` bytes begins with; what is wrong with it ends a sentence about the array.
    fn read(file: &mut impl Read, size: u64) -> Result<Self, String> {
        let mut start = [0; 12];
        let foreign = |_| "is no NumPy array".to_owned();
        file.read_exact(&mut start[..10]).map_err(foreign)?;
        let length = match start.strip_prefix(MAGIC) {
            Some(&[1, _, a, b, ..]) => u64::from(u16::from_le_bytes([a, b])),
            Some(&[2 | 3, ..]) => {
                file.read_exact(&mut start[10..]).map_err(foreign)?;
                u64::from(u32::from_le_bytes([start[8], start[9], start[10], start[11]]))
            }
            _ => return Err("is no NumPy array".into()),
        };
        let mut text = Vec::new();
        let read = file.take(length.min(LONGEST_HEADER)).read_to_end(&mut text);
        if read.map_err(|error| error.to_string())? as u64 != length {
            return Err("ends within its header".into());
        }
        let text = std::str::from_utf8(&text).map_err(|_| "has a header that is not text")?;
        let (dtype, order, shape) = described(text).ok_or_else(|| format!("has the header {}", text.trim()))?;
        let header = Self { bytes: length + if start[6] == 1 { 10 } else { 12 }, shape, dtype, order };
        header.check(size)?;
        Ok(header)
    }

    /// An error where the elements do not fill the rest of a file of `size` bytes. Of types that are not read they must
    /// be no more than can be counted.
    fn check(&self, size: u64) -> Result<(), String> {
        let fits = match self.dtype.bytes() {
            Some(_) => self.file_size() == Some(size),
            None => self.shape.axes().iter().try_fold(1usize, |elements, &axis| elements.checked_mul(axis)).is_some(),
        };
        match fits {
            true => Ok(()),
            false => {
                Err(format!("has {size} bytes, which is not the size of {} elements in {}", self.dtype, self.shape))
            }
        }
    }

    /// The size of a file of this header and its elements, where it can be told.
    fn file_size(&self) -> Option<u64> {
        let element = self.dtype.bytes()? as u64;
        let elements = self.shape.axes().iter().try_fold(element, |bytes, &axis| bytes.checked_mul(axis as u64))?;
        elements.checked_add(self.bytes).filter(|size| *size < u64::MAX)
    }
}

/// The type, order and shape in a header's text, `{'descr': '<f4', 'fortran_order': False, 'shape': (24, 40), }`.
fn described(text: &str) -> Option<(Dtype, Order, Shape)> {
    let after = |key: &str| Some(text.split_once(&format!("'{key}':"))?.1.trim_start());
    let axes = after("shape")?.strip_prefix('(')?.split_once(')')?.0;
    let axes = axes.split(',').map(str::trim).filter(|axis| !axis.is_empty());
    let shape = axes.map(|axis| axis.parse().ok()).collect::<Option<Vec<usize>>>()?;
    let descr = after("descr")?;
    let name = descr.strip_prefix('\'').and_then(|rest| rest.split_once('\'')).map_or("a structure", |(name, _)| name);
    let order =
        Order { first_axis_fastest: after("fortran_order")?.starts_with("True"), big_endian: name.starts_with('>') };
    let dtype = match name.strip_prefix(['<', '>', '=']) {
        Some("f2") => Dtype::F16,
        Some("f4") => Dtype::F32,
        Some("f8") => Dtype::F64,
        // NumPy knows no bfloat16 and keeps it as two bytes of anything.
        None if name == "|V2" => Dtype::Bf16,
        _ => Dtype::Other(name.into()),
    };
    Some((dtype, order, shape.into()))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use zip::write::SimpleFileOptions;
    use zip::{CompressionMethod, ZipWriter};

    use super::*;

    /// A NumPy file with this header, padded, and these bytes.
    fn npy(header: &str, elements: &[u8]) -> Vec<u8> {
        let header = format!("{header:<117}\n");
        [MAGIC, &[1, 0], &(header.len() as u16).to_le_bytes(), header.as_bytes(), elements].concat()
    }

    fn archive(members: &[(&str, Vec<u8>)], method: CompressionMethod) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let mut writer = ZipWriter::new(&mut file);
        for (name, bytes) in members {
            writer.start_file(*name, SimpleFileOptions::default().compression_method(method)).unwrap();
            writer.write_all(bytes).unwrap();
        }
        writer.finish().unwrap();
        file
    }

    const SINGLE: &str = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }";

    fn single() -> Vec<u8> {
        npy(SINGLE, bytemuck::cast_slice(&[1.5f32, -2.0]))
    }

    #[test]
    fn arrays_are_read_compressed_or_not() {
        for method in [CompressionMethod::Stored, CompressionMethod::Deflated] {
            let half = npy("{'descr': '|V2', 'fortran_order': False, 'shape': (), }", &[0x40, 0x40]);
            let members = [("a/b.npy", single()), ("c.npy", half), ("readme.txt", b"no array".to_vec())];
            let file = archive(&members, method);
            let npz = NpzFile::open(&StoredFile::on_disk(file.path())).unwrap();
            assert_eq!(npz.tensor("a/b").unwrap(), Tensor::f32([1, 2], vec![1.5, -2.0]).unwrap());
            assert_eq!(npz.tensor("c").unwrap(), Tensor::f32([0; 0], vec![3.0]).unwrap());
            assert_eq!(npz.names().len(), 2);
            assert!(npz.tensor("readme").is_err());
        }
    }

    #[test]
    fn what_is_not_read_is_named() {
        let step = npy("{'descr': '<i4', 'fortran_order': False, 'shape': (), }", &[7, 0, 0, 0]);
        let complex = npy("{'descr': '>c8', 'fortran_order': True, 'shape': (1, ), }", &[0; 8]);
        let file = archive(&[("step.npy", step), ("complex.npy", complex)], CompressionMethod::Stored);
        let npz = NpzFile::open(&StoredFile::on_disk(file.path())).unwrap();
        assert_eq!(npz.dtype("step"), Some(Dtype::Other("<i4".into())));
        let error = npz.tensor("complex").unwrap_err().to_string();
        assert!(error.contains("`complex`") && error.contains("type >c8"), "{error}");
    }

    /// Elements that say where they are: their indices as decimal digits.
    fn labelled(axes: [usize; 3]) -> Vec<f32> {
        let [a, b, c] = axes;
        (0..a * b * c).map(|at| (at / (b * c) * 100 + at / c % b * 10 + at % c) as f32).collect()
    }

    #[test]
    fn every_order_of_axes_and_bytes_is_the_same_array() {
        let axes = [2, 3, 4];
        let values = labelled(axes);
        let of_fortran: Vec<f32> = (0..24).map(|at| values[at % 2 * 12 + at / 2 % 3 * 4 + at / 6]).collect();
        let mut members = Vec::new();
        for (order, values) in [("False", &values), ("True", &of_fortran)] {
            let floats = |bytes: fn(f32) -> Vec<u8>| values.iter().copied().flat_map(bytes).collect::<Vec<_>>();
            for (descr, bytes) in [
                ("<f4", floats(|value| value.to_le_bytes().into())),
                ("=f4", floats(|value| value.to_le_bytes().into())),
                (">f4", floats(|value| value.to_be_bytes().into())),
                (">f8", floats(|value| f64::from(value).to_be_bytes().into())),
                (">f2", floats(|value| half::f16::from_f32(value).to_be_bytes().into())),
                ("|V2", floats(|value| half::bf16::from_f32(value).to_le_bytes().into())),
            ] {
                let header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': (2, 3, 4), }}");
                members.push((format!("{descr} {order}.npy"), npy(&header, &bytes)));
            }
        }
        let members: Vec<_> = members.iter().map(|(name, bytes)| (name.as_str(), bytes.clone())).collect();
        let file = archive(&members, CompressionMethod::Deflated);
        let npz = NpzFile::open(&StoredFile::on_disk(file.path())).unwrap();
        assert_eq!(npz.names().len(), 12);
        for name in npz.names() {
            assert_eq!(npz.tensor(name).unwrap(), Tensor::f32(axes, values.clone()).unwrap(), "{name}");
        }
    }

    #[test]
    fn order_does_not_matter_where_there_is_one_axis_or_none() {
        let line = npy("{'descr': '>f4', 'fortran_order': True, 'shape': (2,), }", &[0x3f, 0x80, 0, 0, 0x40, 0, 0, 0]);
        let number = npy("{'descr': '>f4', 'fortran_order': True, 'shape': (), }", &[0x40, 0, 0, 0]);
        let nothing = npy("{'descr': '>f4', 'fortran_order': True, 'shape': (3, 0), }", &[]);
        let members = [("line.npy", line), ("number.npy", number), ("nothing.npy", nothing)];
        let file = archive(&members, CompressionMethod::Stored);
        let npz = NpzFile::open(&StoredFile::on_disk(file.path())).unwrap();
        assert_eq!(npz.tensor("line").unwrap(), Tensor::f32([2], vec![1.0, 2.0]).unwrap());
        assert_eq!(npz.tensor("number").unwrap(), Tensor::f32([0; 0], vec![2.0]).unwrap());
        assert_eq!(npz.tensor("nothing").unwrap(), Tensor::f32([3, 0], vec![]).unwrap());
    }

    #[test]
    fn damage_is_said_in_one_sentence() {
        let cut = single()[..single().len() - 1].to_vec();
        let huge = npy("{'descr': '<f4', 'fortran_order': False, 'shape': (9223372036854775807, 9), }", &[]);
        for (bytes, culprit) in [
            (cut, "which is not the size of F32 elements in [1, 2]"),
            (huge, "which is not the size of"),
            (b"\x93NUMPY\x01\x00\xff\xff{".to_vec(), "ends within its header"),
            (b"GIF89a".to_vec(), "is no NumPy array"),
            (npy("{'descr': '<f4'}", &[]), "has the header {'descr': '<f4'}"),
        ] {
            let file = archive(&[("a.npy", bytes)], CompressionMethod::Deflated);
            let error = NpzFile::open(&StoredFile::on_disk(file.path())).unwrap_err().to_string();
            assert!(error.contains("array `a` ") && error.contains(culprit), "{error}");
        }
        let uncounted = npy("{'descr': '<i8', 'fortran_order': False, 'shape': (1099511627776, 1099511627776), }", &[]);
        let file = archive(&[("a.npy", uncounted)], CompressionMethod::Stored);
        let error = NpzFile::open(&StoredFile::on_disk(file.path())).unwrap_err().to_string();
        assert!(error.contains("not the size of <i8 elements in [1099511627776, 1099511627776]"), "{error}");
        let pickled = archive(&[("archive/data.pkl", vec![0x80, 2])], CompressionMethod::Stored);
        let error = NpzFile::open(&StoredFile::on_disk(pickled.path())).unwrap_err().to_string();
        assert!(error.contains("without NumPy arrays"), "{error}");
        let file = archive(&[("a.npy", single())], CompressionMethod::Stored);
        let mut bytes = std::fs::read(file.path()).unwrap();
        let offset = bytes.windows(4).position(|window| window == 1.5f32.to_le_bytes()).unwrap();
        bytes[offset] ^= 1;
        std::fs::write(file.path(), &bytes).unwrap();
        let error = NpzFile::open(&StoredFile::on_disk(file.path())).unwrap().tensor("a").unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
        std::fs::write(file.path(), &bytes[..bytes.len() - 30]).unwrap();
        assert!(NpzFile::open(&StoredFile::on_disk(file.path())).unwrap_err().to_string().contains("is damaged"));
    }

    /// An archive in whose directory and contents the bytes `old` read `new`.
    fn forged(
        members: &[(&str, Vec<u8>)],
        method: CompressionMethod,
        old: &[u8],
        new: &[u8],
    ) -> tempfile::NamedTempFile {
        let file = archive(members, method);
        let mut bytes = std::fs::read(file.path()).unwrap();
        let offsets: Vec<_> = (0..bytes.len()).filter(|&offset| bytes[offset..].starts_with(old)).collect();
        assert!(!offsets.is_empty());
        offsets.into_iter().for_each(|offset| bytes[offset..offset + new.len()].copy_from_slice(new));
        std::fs::write(file.path(), bytes).unwrap();
        file
    }

    #[test]
    fn an_array_that_unpacks_to_another_size_is_refused() {
        let claimed = (single().len() as u32).to_le_bytes();
        let bomb = [single(), vec![0; 1 << 24]].concat();
        let actual = (bomb.len() as u32).to_le_bytes();
        let file = forged(&[("a.npy", bomb)], CompressionMethod::Deflated, &actual, &claimed);
        let error = NpzFile::open(&StoredFile::on_disk(file.path())).unwrap().tensor("a").unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
        let vast = SINGLE.replace("(1, 2)", "(268435456, )");
        let header = npy(&vast, &[]);
        let claimed = (header.len() as u32 + (1 << 30)).to_le_bytes();
        let actual = (header.len() as u32).to_le_bytes();
        let file = forged(&[("a.npy", header)], CompressionMethod::Deflated, &actual, &claimed);
        let error = NpzFile::open(&StoredFile::on_disk(file.path())).unwrap().tensor("a").unwrap_err().to_string();
        assert!(error.contains("is damaged"), "{error}");
    }

    #[test]
    fn an_array_that_is_there_twice_is_refused() {
        let members = [("a.npy", single()), ("b.npy", single())];
        let file = forged(&members, CompressionMethod::Stored, b"b.npy", b"a.npy");
        let error = NpzFile::open(&StoredFile::on_disk(file.path())).unwrap_err().to_string();
        assert!(error.contains("two of its arrays have the same name"), "{error}");
    }
}
