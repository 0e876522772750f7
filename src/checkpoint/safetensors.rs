//! One `.safetensors` file: its header, checked, and its arrays, read one at a time.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::TensorInfo;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};

use super::arrays::{ArrayFile, Arrays, Dtype, GIT_LFS_POINTER, Run, git_lfs_pointer, zeroed};
use super::reason::reason;
use super::stored::StoredFile;
use crate::tensor::{Error, Result, Shape, Tensor};

/// Bytes before the header: its length.
const LENGTH_BYTES: u64 = 8;
/// The format's own bound on its header, in bytes.
const LONGEST_HEADER: u64 = 100_000_000;

/// An open file whose header holds what it promises.
#[derive(Debug)]
pub(super) struct SafetensorsFile {
    file: ArrayFile,
    /// Where the first tensor begins, in bytes from the start.
    data: u64,
    tensors: HashMap<String, TensorInfo>,
}

impl SafetensorsFile {
    /// Opens a file and checks its header: every tensor lies within the file, none overlaps another, no name comes
    /// twice.
    pub(super) fn open(file: &StoredFile) -> Result<Self> {
        let mut opened = file.open()?;
        let damaged = |reason: String| {
            Error::file(format!("{} is damaged ({reason}): copy or download it again", file.display()))
        };
        let read = |error: std::io::Error| Error::io("read", file.path(), &error);
        let size = opened.size().map_err(read)?;
        let header_size = match header_size(&mut opened, size).map_err(read)? {
            Ok(header_size) => header_size,
            Err(Opening::GitLfs) => return Err(git_lfs_pointer(file)),
            Err(Opening::Damaged(reason)) => return Err(damaged(reason)),
        };
        let mut header = zeroed(header_size as usize).map_err(read)?;
        opened.read_exact(&mut header).map_err(read)?;
        let data = LENGTH_BYTES + header_size;
        let Header(entries) = serde_json::from_slice(&header)
            .map_err(|error| damaged(format!("its header is not a list of tensors: {}", reason(&error))))?;
        let tensors = checked(entries, size - data).map_err(damaged)?;
        Ok(Self { file: ArrayFile::new(file, opened), data, tensors })
    }
}

impl Arrays for SafetensorsFile {
    fn path(&self) -> &Path {
        &self.file.path
    }

    fn names(&self) -> Vec<&str> {
        self.tensors.keys().map(String::as_str).collect()
    }

    fn shape(&self, name: &str) -> Option<Shape> {
        self.tensors.get(name).map(|info| info.shape.as_slice().into())
    }

    fn dtype(&self, name: &str) -> Option<Dtype> {
        self.tensors.get(name).map(|info| dtype(info.dtype))
    }

    fn tensor(&self, name: &str) -> Result<Tensor> {
        let info = self.tensors.get(name).ok_or_else(|| self.file.holds_no(name))?;
        let run = Run { start: self.data + info.data_offsets.0 as u64, elements: info.shape.iter().product() };
        self.file.tensor(name, info.shape.as_slice().into(), &dtype(info.dtype), &[run])
    }
}

fn dtype(stored: safetensors::Dtype) -> Dtype {
    match stored {
        safetensors::Dtype::F16 => Dtype::F16,
        safetensors::Dtype::BF16 => Dtype::Bf16,
        safetensors::Dtype::F32 => Dtype::F32,
        safetensors::Dtype::F64 => Dtype::F64,
        other => Dtype::Other(other.to_string()),
    }
}

/// Why the first bytes of a file are not those of a safetensors file.
enum Opening {
    GitLfs,
    Damaged(String),
}

/// The length of the header, in bytes, where a file of `size` bytes can hold it.
fn header_size(file: &mut impl Read, size: u64) -> std::io::Result<Result<u64, Opening>> {
    if size < LENGTH_BYTES {
        return Ok(Err(Opening::Damaged(match size {
            0 => "it is empty".into(),
            _ => format!("it has only {size} bytes"),
        })));
    }
    let mut length = [0; LENGTH_BYTES as usize];
    file.read_exact(&mut length)?;
    if &length == GIT_LFS_POINTER {
        return Ok(Err(Opening::GitLfs));
    }
    let length = u64::from_le_bytes(length);
    let rest = size - LENGTH_BYTES;
    Ok(if length > rest {
        Err(Opening::Damaged(format!("it claims a header of {length} bytes where only {rest} follow")))
    } else if length > LONGEST_HEADER {
        Err(Opening::Damaged(format!("it claims a header of {length} bytes, more than the format allows")))
    } else {
        Ok(length)
    })
}

/// The tensors by name, or what is wrong with them in a file that holds `size` bytes of them.
fn checked(mut entries: Vec<(String, TensorInfo)>, size: u64) -> Result<HashMap<String, TensorInfo>, String> {
    entries.sort_by(|(a, _), (b, _)| a.cmp(b));
    if let Some(pair) = entries.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(format!("tensor `{}` is listed twice", pair[0].0));
    }
    entries.sort_by_key(|(_, info)| info.data_offsets);
    let mut end = 0;
    for (name, info) in &entries {
        let (start, stop) = info.data_offsets;
        let bits = info.shape.iter().try_fold(info.dtype.bitsize(), |bits, &axis| bits.checked_mul(axis));
        if stop < start || bits.is_none() || bits != (stop - start).checked_mul(8) {
            return Err(format!(
                "tensor `{name}` lies at bytes {start} to {stop}, which is not the size of {} elements in shape {}",
                info.dtype,
                Shape::from(info.shape.as_slice())
            ));
        }
        if start < end {
            return Err(format!("tensor `{name}` begins at byte {start}, inside the tensor before it"));
        }
        if start > end {
            return Err(format!("bytes {end} to {start}, before tensor `{name}`, belong to no tensor"));
        }
        if stop as u64 > size {
            return Err(format!("tensor `{name}` ends at byte {stop} of {size}: the file is cut short"));
        }
        end = stop;
    }
    if (end as u64) < size {
        return Err(format!("{} bytes at its end belong to no tensor", size - end as u64));
    }
    Ok(entries.into_iter().collect())
}

/// The entries of a header, repeated names included.
struct Header(Vec<(String, TensorInfo)>);

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Header;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a map from names to tensors")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Header, M::Error> {
                let mut entries = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name == "__metadata__" {
                        map.next_value::<serde::de::IgnoredAny>()?;
                    } else {
                        entries.push((name, map.next_value()?));
                    }
                }
                Ok(Header(entries))
            }
        }

        deserializer.deserialize_map(Entries)
    }
}
