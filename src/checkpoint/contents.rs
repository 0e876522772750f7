//! What the files of a checkpoint hold, whether or not it is a model.

use serde::Serialize;

use super::{Hub, weights};
use crate::tensor::{LONGEST_TEXT, Result, printable};

/// One array of a checkpoint's files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ArrayInfo {
    /// Its stored name, without what cannot be printed.
    pub name: String,
    /// Its shape, as it is stored.
    pub shape: Vec<usize>,
    /// The type of its elements.
    pub dtype: String,
}

impl ArrayInfo {
    /// An array of elements of type `dtype`.
    pub fn new(name: impl Into<String>, shape: Vec<usize>, dtype: impl Into<String>) -> Self {
        Self { name: name.into(), shape, dtype: dtype.into() }
    }

    /// Its number of elements.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }
}

/// The arrays of a checkpoint's files, in natural order of their names.
///
/// ```no_run
/// use tubelet::checkpoint::{Hub, contents};
///
/// for array in contents("model.safetensors", &Hub::from_env())? {
///     println!("{} {:?} {}", array.name, array.shape, array.dtype);
/// }
/// # Ok::<(), tubelet::Error>(())
/// ```
///
/// # Errors
///
/// Where there is no such checkpoint, or its files are damaged.
pub fn contents(name_or_path: &str, hub: &Hub) -> Result<Vec<ArrayInfo>> {
    let mut location = hub.locate(name_or_path)?;
    let arrays = weights::open(&mut location)?;
    let info = |name: &str| ArrayInfo {
        name: printable(name, LONGEST_TEXT),
        shape: arrays.shape(name).map_or(Vec::new(), |shape| shape.axes().to_vec()),
        dtype: arrays.dtype(name).map_or(String::new(), |dtype| printable(&dtype.to_string(), LONGEST_TEXT)),
    };
    let mut infos: Vec<_> = arrays.names().into_iter().map(info).collect();
    infos.sort_by_cached_key(|info| natural(&info.name));
    Ok(infos)
}

/// A name as words and numbers, so that block 10 comes after block 9.
fn natural(name: &str) -> Vec<(String, u64)> {
    let mut parts = vec![(String::new(), 0u64)];
    let mut in_number = false;
    for letter in name.chars() {
        let digit = letter.to_digit(10);
        if digit.is_none() && in_number {
            parts.push((String::new(), 0));
        }
        in_number = digit.is_some();
        if let Some((word, number)) = parts.last_mut() {
            match digit {
                Some(digit) => *number = number.saturating_mul(10).saturating_add(u64::from(digit)),
                None => word.push(letter),
            }
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_in_the_order_of_their_numbers() {
        let mut names = ["block_10.a", "block_9.b", "block_9.a", "block", "a2b10", "a2b9"];
        names.sort_by_cached_key(|name| natural(name));
        assert_eq!(names, ["a2b9", "a2b10", "block", "block_9.a", "block_9.b", "block_10.a"]);
    }
}
