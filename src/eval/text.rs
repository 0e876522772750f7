//! Text files of strangers.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::tensor::{Error, Result, printable};

/// More than any list of videos has.
const MOST_BYTES: u64 = 1 << 30;

/// The text of a file, without the mark that some programs begin it with.
///
/// An error, apart from those of reading, for what is not UTF-8 and for more than a gibibyte.
pub(super) fn read_text(path: &Path) -> Result<String> {
    let (failed, shown) = (|error| Error::io("read", path, &error), path.display());
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).map_err(failed)?;
    if bytes.len() as u64 > MOST_BYTES {
        return Err(Error::file(format!("{shown} has more than a gibibyte, which is no list")));
    }
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(Error::file(format!("{shown} is UTF-16 text; save it as UTF-8")));
    }
    if bytes.starts_with("\u{feff}".as_bytes()) {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|_| Error::file(format!("{shown} is not UTF-8 text")))
}

/// A part of a file in a sentence: `"text"`.
pub(super) fn quoted(text: &str) -> String {
    /// Characters that tell what is meant.
    const SHOWN: usize = 80;
    format!("\"{}\"", printable(text, SHOWN))
}
