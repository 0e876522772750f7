//! Where the arrays of a msgpack file lie.
//!
//! Flax writes one map of maps with text keys. An array is an extension of type 1 (of type 3 where it is a single
//! number) whose payload is msgpack again: `[shape, name of the element type, bytes]`. What is too long for one
//! extension is a map instead: `{"__msgpack_chunked_array__": true, "shape": …, "chunks": {"0": array, …}}`.

use std::collections::HashMap;
use std::io::{self, BufReader, ErrorKind, Read, Seek};

use rmp::Marker;

use crate::checkpoint::arrays::{Dtype, Run};
use crate::tensor::{LONGEST_TEXT, Shape, printable};

/// Extension types of Flax that are arrays.
pub(super) const ARRAY: i8 = 1;
const NUMBER: i8 = 3;
/// The key of a map that is an array in chunks; always the first.
const CHUNKED: &str = "__msgpack_chunked_array__";

/// Maps and lists within one another: no model nests more, and a walk through them needs no deeper stack.
const DEEPEST: usize = 64;
/// More arrays than any training state has.
const MOST_ARRAYS: usize = 1 << 16;
/// Bytes of the longest name, its path included; with the bound above, names take up little memory.
const LONGEST_NAME: usize = 1024;
/// More axes than any array has.
const MOST_AXES: u64 = 32;

/// One array in the file.
#[derive(Debug)]
pub(super) struct StoredArray {
    pub(super) shape: Shape,
    pub(super) dtype: Dtype,
    /// Where its elements lie, row-major.
    pub(super) runs: Vec<Run>,
}

/// Why a file's arrays cannot be listed.
#[derive(Debug)]
pub(super) enum Fault {
    Unreadable(io::Error),
    /// It begins with these bytes, and not as it should.
    OtherFormat([u8; 8]),
    /// The sentence in brackets says how.
    Damaged(String),
}

type Result<T, E = Fault> = std::result::Result<T, E>;

fn damaged<T>(reason: impl Into<String>) -> Result<T> {
    Err(Fault::Damaged(reason.into()))
}

/// The arrays in a `file` of `size` bytes, by their path joined with `/`.
pub(super) fn scan(file: impl Read + Seek, size: u64) -> Result<HashMap<String, StoredArray>> {
    let mut walk = Walk { file: BufReader::new(file), position: 0, size, arrays: HashMap::new() };
    if size == 0 {
        return damaged("it is empty");
    }
    walk.expect_map()?;
    walk.node(&mut String::new(), 0)?;
    match size - walk.position {
        0 => Ok(walk.arrays),
        rest => damaged(format!("{rest} bytes follow its end")),
    }
}

/// One msgpack value without its contents, which follow in the file.
enum Value {
    Map(u64),
    List(u64),
    Text(u64),
    Bytes(u64),
    Extension {
        kind: i8,
        bytes: u64,
    },
    Whole(u64),
    /// Anything else, already passed.
    Other,
}

struct Walk<R> {
    file: BufReader<R>,
    /// Bytes from the start of the file.
    position: u64,
    size: u64,
    arrays: HashMap<String, StoredArray>,
}

impl<R: Read + Seek> Walk<R> {
    /// Refuses a file of which the first byte is no map.
    fn expect_map(&mut self) -> Result<()> {
        let mut start = [0; 8];
        let length = usize::try_from(self.size).unwrap_or(usize::MAX).min(start.len());
        self.file.read_exact(&mut start[..length]).map_err(Fault::Unreadable)?;
        self.file.seek_relative(-(length as i64)).map_err(Fault::Unreadable)?;
        match Marker::from_u8(start[0]) {
            Marker::FixMap(_) | Marker::Map16 | Marker::Map32 => Ok(()),
            _ => Err(Fault::OtherFormat(start)),
        }
    }

    /// Walks through the value at the position, which has the name `path`.
    fn node(&mut self, path: &mut String, depth: usize) -> Result<()> {
        if depth > DEEPEST {
            return damaged(format!("more than {DEEPEST} maps lie within one another at byte {}", self.position));
        }
        match self.value()? {
            Value::Map(entries) => self.map(entries, path, depth),
            Value::List(entries) => (0..entries).try_for_each(|index| self.within(path, &index.to_string(), depth)),
            Value::Extension { kind: ARRAY | NUMBER, bytes } => {
                let array = self.array(bytes, path)?;
                self.insert(path, array)
            }
            Value::Text(bytes) | Value::Bytes(bytes) | Value::Extension { bytes, .. } => self.skip(bytes),
            Value::Whole(_) | Value::Other => Ok(()),
        }
    }

    fn map(&mut self, entries: u64, path: &mut String, depth: usize) -> Result<()> {
        for entry in 0..entries {
            let key = self.key(path)?;
            if entry == 0 && key == CHUNKED {
                let array = self.chunked(entries, path)?;
                return self.insert(path, array);
            }
            self.within(path, &key, depth)?;
        }
        Ok(())
    }

    /// Walks through the value called `key` in the map or list called `path`.
    fn within(&mut self, path: &mut String, key: &str, depth: usize) -> Result<()> {
        let length = path.len();
        if length > 0 {
            path.push('/');
        }
        path.push_str(key);
        if path.len() > LONGEST_NAME {
            return damaged(format!("a name of more than {LONGEST_NAME} bytes ends at byte {}", self.position));
        }
        self.node(path, depth + 1)?;
        path.truncate(length);
        Ok(())
    }

    fn insert(&mut self, path: &str, array: StoredArray) -> Result<()> {
        if self.arrays.len() == MOST_ARRAYS {
            return damaged(format!("it holds more than {MOST_ARRAYS} arrays"));
        }
        match self.arrays.insert(path.to_owned(), array) {
            None => Ok(()),
            Some(_) => damaged(format!("array `{path}` is there twice")),
        }
    }

    /// The array whose payload of that many `bytes` begins at the position.
    fn array(&mut self, bytes: u64, path: &str) -> Result<StoredArray> {
        let end = self.end(bytes)?;
        let Value::List(3) = self.value()? else {
            return damaged(format!("array `{path}` is not made of a shape, a type and bytes"));
        };
        let shape = self.shape(path)?;
        let dtype = match self.value()? {
            Value::Text(bytes) => dtype(&self.text(bytes)?),
            _ => return damaged(format!("array `{path}` has no element type")),
        };
        let (Value::Bytes(bytes) | Value::Text(bytes)) = self.value()? else {
            return damaged(format!("array `{path}` has no bytes"));
        };
        if self.position + bytes != end {
            return damaged(format!("array `{path}` does not end at byte {end}, as it promises"));
        }
        let elements = elements(&shape).filter(|&elements| match dtype.bytes() {
            Some(size) => elements.checked_mul(size).map(|bytes| bytes as u64) == Some(bytes),
            None => elements as u64 <= bytes,
        });
        let Some(elements) = elements else {
            return damaged(format!(
                "array `{path}` has {bytes} bytes, which is not the size of {dtype} elements in shape {shape}"
            ));
        };
        let run = Run { start: self.position, elements };
        self.skip(bytes)?;
        Ok(StoredArray { shape, dtype, runs: vec![run] })
    }

    /// The sizes of axes in the list at the position, or in the map by their numbers.
    fn shape(&mut self, path: &str) -> Result<Shape> {
        let (axes, numbered) = match self.value()? {
            Value::List(axes) => (axes, false),
            Value::Map(axes) => (axes, true),
            _ => return damaged(format!("array `{path}` has no shape")),
        };
        if axes > MOST_AXES {
            return damaged(format!("array `{path}` claims {axes} axes"));
        }
        let mut shape = Vec::new();
        for axis in 0..axes {
            if numbered && self.key(path)? != axis.to_string() {
                return damaged(format!("array `{path}` has no size of axis {axis}"));
            }
            let size = match self.value()? {
                Value::Whole(size) => usize::try_from(size).ok(),
                _ => None,
            };
            let Some(size) = size else {
                return damaged(format!("array `{path}` has an axis whose size is no whole number"));
            };
            shape.push(size);
        }
        Ok(shape.into())
    }

    /// The array in chunks whose map of that many `entries` begins with the value at the position.
    fn chunked(&mut self, entries: u64, path: &str) -> Result<StoredArray> {
        let parts = |_| Fault::Damaged(format!("array `{path}` is not made of a shape and chunks"));
        let expect = |walk: &mut Self, wanted: &str| match walk.key(path)? == wanted {
            true => Ok(()),
            false => Err(parts(())),
        };
        let Value::Other = self.value()? else { return Err(parts(())) };
        if entries != 3 {
            return Err(parts(()));
        }
        expect(self, "shape")?;
        let shape = self.shape(path)?;
        expect(self, "chunks")?;
        let Value::Map(count) = self.value()? else { return Err(parts(())) };
        let mut runs = Vec::new();
        let mut dtype = None;
        for index in 0..count {
            let name = format!("{path}/{index}");
            if self.key(path)? != index.to_string() {
                return damaged(format!("array `{path}` has no chunk {index}"));
            }
            let Value::Extension { kind: ARRAY, bytes } = self.value()? else {
                return damaged(format!("chunk {index} of array `{path}` is no array"));
            };
            let chunk = self.array(bytes, &name)?;
            if *dtype.get_or_insert(chunk.dtype.clone()) != chunk.dtype {
                return damaged(format!("the chunks of array `{path}` are of several types"));
            }
            runs.extend(chunk.runs);
        }
        let held = runs.iter().try_fold(0usize, |sum, run: &Run| sum.checked_add(run.elements));
        let Some(dtype) = dtype.filter(|_| held.is_some() && held == elements(&shape)) else {
            return damaged(format!("the chunks of array `{path}` are not the size of its shape {shape}"));
        };
        Ok(StoredArray { shape, dtype, runs })
    }

    /// The key at the position, in the map called `path`.
    fn key(&mut self, path: &str) -> Result<String> {
        let start = self.position;
        match self.value()? {
            Value::Text(bytes) => self.text(bytes),
            _ => damaged(format!("a key of `{path}`, at byte {start}, is no text")),
        }
    }

    fn text(&mut self, bytes: u64) -> Result<String> {
        let start = self.position;
        if bytes > LONGEST_NAME as u64 {
            return damaged(format!("the name at byte {start} claims {bytes} bytes"));
        }
        let mut text = vec![0; bytes as usize];
        self.read(&mut text)?;
        String::from_utf8(text).or_else(|_| damaged(format!("the name at byte {start} is not UTF-8")))
    }

    /// Reads one value up to where its contents begin.
    fn value(&mut self) -> Result<Value> {
        let start = self.position;
        let marker = Marker::from_u8(self.number::<1>()? as u8);
        Ok(match marker {
            Marker::FixMap(entries) => Value::Map(entries.into()),
            Marker::Map16 => Value::Map(self.number::<2>()?),
            Marker::Map32 => Value::Map(self.number::<4>()?),
            Marker::FixArray(entries) => Value::List(entries.into()),
            Marker::Array16 => Value::List(self.number::<2>()?),
            Marker::Array32 => Value::List(self.number::<4>()?),
            Marker::FixStr(bytes) => Value::Text(bytes.into()),
            Marker::Str8 => Value::Text(self.number::<1>()?),
            Marker::Str16 => Value::Text(self.number::<2>()?),
            Marker::Str32 => Value::Text(self.number::<4>()?),
            Marker::Bin8 => Value::Bytes(self.number::<1>()?),
            Marker::Bin16 => Value::Bytes(self.number::<2>()?),
            Marker::Bin32 => Value::Bytes(self.number::<4>()?),
            Marker::FixExt1 => self.extension(1)?,
            Marker::FixExt2 => self.extension(2)?,
            Marker::FixExt4 => self.extension(4)?,
            Marker::FixExt8 => self.extension(8)?,
            Marker::FixExt16 => self.extension(16)?,
            Marker::Ext8 => self.sized_extension::<1>()?,
            Marker::Ext16 => self.sized_extension::<2>()?,
            Marker::Ext32 => self.sized_extension::<4>()?,
            Marker::FixPos(number) => Value::Whole(number.into()),
            Marker::U8 => Value::Whole(self.number::<1>()?),
            Marker::U16 => Value::Whole(self.number::<2>()?),
            Marker::U32 => Value::Whole(self.number::<4>()?),
            Marker::U64 => Value::Whole(self.number::<8>()?),
            Marker::Null | Marker::True | Marker::False | Marker::FixNeg(_) => Value::Other,
            Marker::I8 => self.passed(1)?,
            Marker::I16 => self.passed(2)?,
            Marker::I32 | Marker::F32 => self.passed(4)?,
            Marker::I64 | Marker::F64 => self.passed(8)?,
            Marker::Reserved => return damaged(format!("byte {start} begins no msgpack value")),
        })
    }

    fn extension(&mut self, bytes: u64) -> Result<Value> {
        Ok(Value::Extension { kind: self.number::<1>()? as i8, bytes })
    }

    fn sized_extension<const N: usize>(&mut self) -> Result<Value> {
        let bytes = self.number::<N>()?;
        self.extension(bytes)
    }

    fn passed(&mut self, bytes: u64) -> Result<Value> {
        self.skip(bytes)?;
        Ok(Value::Other)
    }

    /// The big-endian number of `N` bytes at the position.
    fn number<const N: usize>(&mut self) -> Result<u64> {
        let mut bytes = [0; N];
        self.read(&mut bytes)?;
        Ok(bytes.iter().fold(0, |number, &byte| number << 8 | u64::from(byte)))
    }

    fn read(&mut self, bytes: &mut [u8]) -> Result<()> {
        let end = self.end(bytes.len() as u64)?;
        self.file.read_exact(bytes).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => Fault::Damaged("it became shorter while it was read".into()),
            _ => Fault::Unreadable(error),
        })?;
        self.position = end;
        Ok(())
    }

    fn skip(&mut self, bytes: u64) -> Result<()> {
        let end = self.end(bytes)?;
        // A file's size, and with it every offset, fits i64.
        self.file.seek_relative(bytes as i64).map_err(Fault::Unreadable)?;
        self.position = end;
        Ok(())
    }

    /// Where what begins at the position ends after `bytes`, within the file.
    fn end(&self, bytes: u64) -> Result<u64> {
        let rest = self.size - self.position;
        if bytes > rest {
            return damaged(format!(
                "byte {} begins what takes {bytes} bytes where only {rest} follow: the file is cut short",
                self.position
            ));
        }
        Ok(self.position + bytes)
    }
}

/// The elements of an array; `None` where their number is too large for an index, even with no element along an axis.
fn elements(shape: &Shape) -> Option<usize> {
    shape.axes().iter().try_fold(1usize, |product, &axis| product.checked_mul(axis.max(1)))?;
    Some(shape.elements())
}

fn dtype(name: &str) -> Dtype {
    match name {
        "float16" => Dtype::F16,
        "bfloat16" => Dtype::Bf16,
        "float32" => Dtype::F32,
        "float64" => Dtype::F64,
        other => Dtype::Other(printable(other, LONGEST_TEXT)),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::io::Cursor;
    use std::sync::LazyLock;

    use proptest::prelude::*;

    use super::*;

    /// A training state as scenic wrote it.
    static FILE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::read(root.join("tests/data/scenic-model1-sampling/checkpoint")).unwrap()
    });

    /// The places in it that are not elements of arrays.
    static STRUCTURE: LazyLock<Vec<usize>> = LazyLock::new(|| {
        let mut elements = HashSet::new();
        for array in scanned(&FILE).unwrap().values() {
            for run in &array.runs {
                let start = run.start as usize;
                elements.extend(start..start + run.elements * array.dtype.bytes().unwrap_or(4));
            }
        }
        (0..FILE.len()).filter(|place| !elements.contains(place)).collect()
    });

    fn scanned(bytes: &[u8]) -> Result<HashMap<String, StoredArray>> {
        scan(Cursor::new(bytes), bytes.len() as u64)
    }

    fn refusal(bytes: &[u8]) -> String {
        match scanned(bytes) {
            Err(Fault::Damaged(reason)) => reason,
            other => panic!("{other:?}"),
        }
    }

    /// A file that ends early, at any place of its structure or next to one, is refused.
    #[test]
    fn every_truncation_is_refused() {
        assert!(STRUCTURE.len() > 2000);
        for &place in STRUCTURE.iter() {
            for length in [place, place + 1] {
                if length < FILE.len() {
                    assert!(scanned(&FILE[..length]).is_err(), "{length}");
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Whatever bytes are changed, no more is believed than the file holds.
        #[test]
        fn changed_bytes_never_lead_out_of_the_file(changes in prop::collection::vec((0usize..1 << 20, any::<u8>()), 1..4)) {
            let mut bytes = FILE.clone();
            for (place, byte) in changes {
                bytes[STRUCTURE[place % STRUCTURE.len()]] = byte;
            }
            for array in scanned(&bytes).into_iter().flat_map(HashMap::into_values) {
                let Some(size) = array.dtype.bytes() else { continue };
                prop_assert_eq!(array.runs.iter().map(|run| run.elements).sum::<usize>(), array.shape.elements());
                for run in array.runs {
                    prop_assert!(run.start + (run.elements * size) as u64 <= bytes.len() as u64);
                }
            }
        }

        #[test]
        fn random_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 1..200)) {
            bytes[0] = 0x80 | bytes[0] & 0x0f;
            drop(scanned(&bytes));
        }
    }

    /// A text of at most 31 bytes.
    fn text(text: &str) -> Vec<u8> {
        [&[0xa0 | text.len() as u8], text.as_bytes()].concat()
    }

    /// A map of up to 15 entries.
    fn map(entries: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let contents: Vec<_> = entries.iter().flat_map(|(key, value)| [text(key), value.clone()].concat()).collect();
        [vec![0x80 | entries.len() as u8], contents].concat()
    }

    /// An extension of type 1 with this payload of fewer than 256 bytes.
    fn extension(payload: &[u8]) -> Vec<u8> {
        [&[0xc7, payload.len() as u8, 1], payload].concat()
    }

    /// The payload of an array of one axis, all of whose elements are zero.
    fn array(size: u8, dtype: &str, bytes: u8) -> Vec<u8> {
        extension(&[&[0x93, 0x91, size], text(dtype).as_slice(), &[0xc4, bytes], &vec![0; bytes.into()]].concat())
    }

    #[test]
    fn each_lie_is_named() {
        let one = |value: Vec<u8>| map(&[("a", value)]);
        let deep = [[0x81, 0xa1, b'a'].repeat(100), vec![0xc0]].concat();
        let long_key = [&[0x81, 0xda, 0xff, 0xff], [b'a'; 0xffff].as_slice(), &[0xc0]].concat();
        let chunked = |shape: u8, chunks: &[(&str, Vec<u8>)]| {
            one(map(&[(CHUNKED, vec![0xc3]), ("shape", vec![0x91, shape]), ("chunks", map(chunks))]))
        };
        for (bytes, culprit) in [
            (vec![0xdf, 0xff, 0xff, 0xff, 0xff], "where only 0 follow: the file is cut short"),
            (one(vec![0xdf, 0xff, 0xff, 0xff, 0xff]), "cut short"),
            (one(vec![0xc6, 0xff, 0xff, 0xff, 0xff]), "takes 4294967295 bytes where only 0 follow"),
            (one(vec![0xc9, 0xff, 0xff, 0xff, 0xff, 1]), "takes 4294967295 bytes where only 0 follow"),
            (deep, "more than 64 maps lie within one another"),
            (long_key, "claims 65535 bytes"),
            (one(vec![0xc1]), "begins no msgpack value"),
            (vec![0x81, 0x05, 0xc0], "is no text"),
            (vec![0x81, 0xa1, 0xff, 0xc0], "is not UTF-8"),
            (map(&[("a", array(1, "float32", 4)), ("a", array(1, "float32", 4))]), "array `a` is there twice"),
            (one(array(2, "float32", 4)), "array `a` has 4 bytes, which is not the size of F32 elements in shape [2]"),
            (one(array(101, "int4", 100)), "100 bytes, which is not the size of int4 elements in shape"),
            (one(array(2, "bfloat16", 8)), "8 bytes, which is not the size of BF16 elements"),
            (one(extension(&[0x91, 0x01])), "is not made of a shape, a type and bytes"),
            (one(extension(&[0x93, 0xc0, 0xc0, 0xc0])), "has no shape"),
            (one(extension(&[0x93, 0x91, 0xff, 0xc0, 0xc0])), "size is no whole number"),
            (one(extension(&[0x93, 0xdc, 0xff, 0xff])), "claims 65535 axes"),
            (one(extension(&[0x93, 0x90, 0xc0, 0xc0])), "has no element type"),
            (one(extension(&[&[0x93, 0x90], text("float32").as_slice(), &[0xc0]].concat())), "has no bytes"),
            (one(extension(&[&[0x93, 0x90], text("float32").as_slice(), &[0xc4, 0]].concat())), "0 bytes, which is"),
            (
                one(extension(&[&[0x93, 0x90], text("float32").as_slice(), &[0xc4, 4, 0, 0, 0, 0, 0]].concat())),
                "does not end at byte",
            ),
            (chunked(3, &[("0", array(2, "float32", 8))]), "the chunks of array `a` are not the size of its shape [3]"),
            (chunked(2, &[("1", array(2, "float32", 8))]), "has no chunk 0"),
            (chunked(2, &[("0", vec![0xc0])]), "chunk 0 of array `a` is no array"),
            (
                chunked(2, &[("0", array(1, "float32", 4)), ("1", array(1, "float16", 2))]),
                "the chunks of array `a` are of several types",
            ),
            (one(map(&[(CHUNKED, vec![0xc3]), ("shape", vec![0x90])])), "is not made of a shape and chunks"),
            ([one(vec![0xc0]), vec![0]].concat(), "1 bytes follow its end"),
        ] {
            let reason = refusal(&bytes);
            assert!(reason.contains(culprit), "{reason}, not: {culprit}");
        }
    }

    #[test]
    fn sizes_whose_product_overflows_are_refused_even_without_elements() {
        let axis = [0xcf, 0, 0, 1, 0, 0, 0, 0, 0];
        let payload = [&[0x93, 0x93], &axis[..], &axis, &[0], text("float32").as_slice(), &[0xc4, 0]].concat();
        let reason = refusal(&map(&[("a", extension(&payload))]));
        assert!(
            reason.contains("is not the size of F32 elements in shape [1099511627776, 1099511627776, 0]"),
            "{reason}"
        );
    }

    #[test]
    fn what_is_no_array_is_passed_over() {
        let file = map(&[
            ("nil", vec![0xc0]),
            ("numbers", vec![0x93, 0xd3, 0, 0, 0, 0, 0, 0, 0, 0, 0xcb, 0, 0, 0, 0, 0, 0, 0, 0, 0xe0]),
            ("text", text("text")),
            ("complex", vec![0xd4, 2, 0]),
            ("number", [&[0xc7, 16, 3, 0x93, 0x90], text("float32").as_slice(), &[0xc4, 4, 0, 0, 0, 0]].concat()),
            ("map", map(&[("list", [vec![0x91], array(1, "int8", 1)].concat())])),
        ]);
        let arrays = scanned(&file).unwrap_or_else(|fault| panic!("{fault:?}"));
        let mut names: Vec<_> = arrays.keys().collect();
        names.sort();
        assert_eq!(names, ["map/list/0", "number"]);
        assert_eq!(arrays["map/list/0"].dtype, Dtype::Other("int8".into()));
        assert_eq!(arrays["number"].shape.axes(), [0usize; 0]);
    }
}
