//! Files that appear whole or not at all.

use std::path::Path;

use tempfile::NamedTempFile;

use crate::tensor::{Error, Result};

/// Lets `write` fill a temporary file beside `path`, then puts it in the place of `path`: whoever looks there finds the
/// old file or the whole new one.
///
/// An error ([`File`](crate::tensor::ErrorKind::File) or [`Io`](crate::tensor::ErrorKind::Io)) where the folder is
/// missing or cannot be written to, or where `write` fails; the old file then stays.
pub fn write_whole(path: &Path, write: impl FnOnce(&mut NamedTempFile) -> std::io::Result<()>) -> Result<()> {
    let failed = |error: &std::io::Error| Error::io("write", path, error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = new_file().tempfile_in(folder).map_err(|error| failed(&error))?;
    let permissions = file.as_file().metadata().map_err(|error| failed(&error))?.permissions();
    write(&mut file).map_err(|error| failed(&error))?;
    // What writes to the path, not to the file, may have put a private file of its own there.
    std::fs::set_permissions(file.path(), permissions).map_err(|error| failed(&error))?;
    file.persist(path).map_err(|error| failed(&error.error))?;
    Ok(())
}

/// A temporary file that is as private as any other new file: what it becomes is no secret.
fn new_file<'a>() -> tempfile::Builder<'a, 'a> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder
}

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
    use std::io::Write;

    use super::*;
    use crate::tensor::ErrorKind;

    #[test]
    fn what_fails_leaves_the_old_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.svg");
        write_whole(&path, |file| file.write_all(b"old")).unwrap();
        let error = write_whole(&path, |file| {
            file.write_all(b"half")?;
            Err(std::io::Error::other("out of ink"))
        });
        assert!(error.unwrap_err().to_string().contains("out of ink"));
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        write_whole(&path, |file| file.write_all(b"new")).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_replaced_while_it_is_written_is_as_public_as_any_other() {
        use std::os::unix::fs::PermissionsExt;

        let folder = tempfile::tempdir().unwrap();
        let (path, plain) = (folder.path().join("map.safetensors"), folder.path().join("plain"));
        std::fs::write(&plain, "").unwrap();
        write_whole(&path, |file| {
            let private = NamedTempFile::new_in(folder.path())?;
            private.persist(file.path()).map(drop).map_err(|error| error.error)
        })
        .unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain));
    }

    #[test]
    fn a_missing_folder_is_an_error_of_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let error = write_whole(&folder.path().join("missing/picture.svg"), |_| Ok(())).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::File);
    }

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
