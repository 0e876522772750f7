//! What a file's name says of its contents.

use std::path::Path;

use crate::tensor::{Error, Result};

/// The extension of `path` as one of `formats`; an error ([`Usage`](crate::tensor::ErrorKind::Usage)) that lists them
/// where it is none.
pub(super) fn format_of<F: Copy>(path: &Path, formats: &[(&str, F)]) -> Result<F> {
    let extension = path.extension().unwrap_or_default();
    let found = formats.iter().find(|(name, _)| extension.eq_ignore_ascii_case(name));
    found.map(|&(_, format)| format).ok_or_else(|| {
        let known: Vec<String> = formats.iter().map(|(name, _)| format!(".{name}")).collect();
        Error::usage(format!("{} must end in one of {}: that is what can be drawn", path.display(), known.join(", ")))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::ErrorKind;

    #[test]
    fn an_unknown_extension_is_wrong_use_and_the_known_ones_are_listed() {
        let formats = [("gif", 1), ("png", 2)];
        assert_eq!(format_of(Path::new("a.b/x.PNG"), &formats).unwrap(), 2);
        for path in ["x.tiff", "png", "x"] {
            let error = format_of(Path::new(path), &formats).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.to_string().contains(".gif, .png"), "{error}");
        }
    }
}
