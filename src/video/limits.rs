//! How large the frames of a file may be, whatever it claims.

use std::path::Path;

use crate::tensor::{Error, ErrorKind, Result};

/// The longest side of a frame: what graphics devices take as a texture, and twice that of 8K video.
pub(super) const MOST_SIDE: usize = 16_384;

/// Pixels of an animation's canvas or a frame of a pipe, 8192×8192: twice an 8K frame. Several are held at once.
pub(super) const MOST_MOVING: usize = 1 << 26;

/// Bytes that decoding one picture may take, as many as the largest one in eight bytes a pixel.
pub(super) const MOST_BYTES: u64 = 2 << 30;

/// An error where `path` claims frames of more than [`MOST_SIDE`] pixels a side, or `most` pixels in all.
pub(super) fn check_size([height, width]: [usize; 2], most: usize, path: &Path) -> Result<()> {
    if height <= MOST_SIDE && width <= MOST_SIDE && height * width <= most {
        return Ok(());
    }
    let megapixels = most / 1_000_000;
    Err(Error::file(format!(
        "{} claims frames of {width}x{height} pixels (width x height), but at most {MOST_SIDE} a side and {megapixels} \
         megapixels in all are read",
        path.display()
    )))
}

/// An error ([`OutOfMemory`](ErrorKind::OutOfMemory)) where there is no memory for `bytes` of `path`, found before something
/// takes them that would end the process.
pub(super) fn check_memory(bytes: usize, path: &Path) -> Result<()> {
    Vec::<u8>::new().try_reserve_exact(bytes).map_err(|_| {
        let megabytes = bytes.div_ceil(1 << 20);
        Error::new(
            ErrorKind::OutOfMemory,
            format!("there is no memory for the {megabytes} MiB that {} takes", path.display()),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_held_against_both_limits() {
        let allowed = |height, width, most| check_size([height, width], most, Path::new("x")).is_ok();
        assert!(allowed(4320, 7680, MOST_MOVING) && allowed(16_384, 4096, MOST_MOVING));
        assert!(!allowed(16_384, 4097, MOST_MOVING) && !allowed(1, 16_385, usize::MAX));
        let error = check_size([65_535, 65_535], MOST_MOVING, Path::new("a.gif")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::File);
        assert!(error.to_string().starts_with("a.gif claims frames of 65535x65535 pixels"), "{error}");
    }

    #[test]
    fn memory_that_there_is_not_is_an_error() {
        let error = check_memory(usize::MAX / 4, Path::new("x")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::OutOfMemory, "{error}");
        assert!(check_memory(1000, Path::new("x")).is_ok());
    }
}
