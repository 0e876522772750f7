//! Writes msgpack files as Flax does.

use std::collections::BTreeMap;

use rmp::encode::{write_array_len, write_bin, write_bool, write_ext_meta, write_map_len, write_str, write_uint};

/// One leaf of the tree.
#[derive(Clone)]
pub(crate) enum Leaf {
    Whole(u64),
    Array { dtype: &'static str, shape: Vec<usize>, data: Vec<u8>, elements_in_chunk: Option<usize> },
}

impl Leaf {
    pub(crate) fn array(dtype: &'static str, shape: &[usize], data: Vec<u8>) -> Self {
        Self::Array { dtype, shape: shape.to_vec(), data, elements_in_chunk: None }
    }

    /// In chunks of that many elements where it has more.
    pub(crate) fn in_chunks(self, elements: usize) -> Self {
        match self {
            Self::Array { dtype, shape, data, .. } => {
                let chunks = shape.iter().product::<usize>() > elements;
                Self::Array { dtype, shape, data, elements_in_chunk: chunks.then_some(elements) }
            }
            whole => whole,
        }
    }

    /// 32-bit floats as elements of another type.
    pub(crate) fn converted(self, dtype: &'static str, convert: impl Fn(f32) -> Vec<u8>) -> Self {
        match self {
            Self::Array { shape, data, elements_in_chunk, .. } => {
                let data = bytemuck::pod_collect_to_vec::<u8, f32>(&data).into_iter().flat_map(convert).collect();
                Self::Array { dtype, shape, data, elements_in_chunk }
            }
            whole => whole,
        }
    }

    fn write(&self, file: &mut Vec<u8>) {
        match self {
            Self::Whole(number) => drop(write_uint(file, *number).unwrap()),
            Self::Array { dtype, shape, data, elements_in_chunk: None } => write_array(file, dtype, shape, data),
            Self::Array { dtype, shape, data, elements_in_chunk: Some(elements) } => {
                write_map_len(file, 3).unwrap();
                write_str(file, "__msgpack_chunked_array__").unwrap();
                write_bool(file, true).unwrap();
                write_str(file, "shape").unwrap();
                write_map_len(file, shape.len() as u32).unwrap();
                for (axis, size) in shape.iter().enumerate() {
                    write_str(file, &axis.to_string()).unwrap();
                    write_uint(file, *size as u64).unwrap();
                }
                write_str(file, "chunks").unwrap();
                let size = data.len() / shape.iter().product::<usize>();
                let chunks: Vec<_> = data.chunks(elements * size).collect();
                write_map_len(file, chunks.len() as u32).unwrap();
                for (index, chunk) in chunks.into_iter().enumerate() {
                    write_str(file, &index.to_string()).unwrap();
                    write_array(file, dtype, &[chunk.len() / size], chunk);
                }
            }
        }
    }
}

fn write_array(file: &mut Vec<u8>, dtype: &str, shape: &[usize], data: &[u8]) {
    let mut payload = Vec::new();
    write_array_len(&mut payload, 3).unwrap();
    write_array_len(&mut payload, shape.len() as u32).unwrap();
    for size in shape {
        write_uint(&mut payload, *size as u64).unwrap();
    }
    write_str(&mut payload, dtype).unwrap();
    write_bin(&mut payload, data).unwrap();
    write_ext_meta(file, payload.len() as u32, 1).unwrap();
    file.extend(payload);
}

/// The leaves by their paths, joined by `/`, as nested maps.
pub(crate) fn flax_file(leaves: &[(String, Leaf)]) -> Vec<u8> {
    let mut file = Vec::new();
    let leaves: Vec<_> = leaves.iter().map(|(path, leaf)| (path.as_str(), leaf)).collect();
    write_map(&mut file, &leaves);
    file
}

fn write_map(file: &mut Vec<u8>, leaves: &[(&str, &Leaf)]) {
    let mut entries: BTreeMap<&str, Vec<(&str, &Leaf)>> = BTreeMap::new();
    for (path, leaf) in leaves {
        let (key, rest) = path.split_once('/').unwrap_or((path, ""));
        entries.entry(key).or_default().push((rest, leaf));
    }
    write_map_len(file, entries.len() as u32).unwrap();
    for (key, leaves) in entries {
        write_str(file, key).unwrap();
        match leaves.as_slice() {
            [("", leaf)] => leaf.write(file),
            leaves => write_map(file, leaves),
        }
    }
}
