//! Files that appear whole, and what is left where they do not.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use super::*;
use crate::tensor::ErrorKind;

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_fails_leaves_the_old_file_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture.svg");
    write_whole(&path, |file| file.write_all(b"old")).unwrap();
    let error = write_whole(&path, |file| {
        file.write_all(b"half")?;
        assert_eq!(names(folder.path()).len(), 2);
        Err(std::io::Error::other("out of ink"))
    });
    assert!(error.unwrap_err().to_string().contains("out of ink"));
    assert_eq!(fs::read(&path).unwrap(), b"old");
    assert_eq!(names(folder.path()), ["picture.svg"]);
    write_whole(&path, |file| file.write_all(b"new")).unwrap();
    assert_eq!(fs::read(&path).unwrap(), b"new");
}

/// Who has opened the old file goes on reading it whole, for the new one takes its place and is not copied into it.
#[cfg(unix)]
#[test]
fn who_reads_the_old_file_never_sees_the_new_one() {
    use std::io::Read;
    use std::os::unix::fs::MetadataExt;

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    write_whole(&path, |file| file.write_all(&[b'o'; 10_000])).unwrap();
    let mut reader = File::open(&path).unwrap();
    let (mut first, mut rest) = ([0; 5_000], Vec::new());
    reader.read_exact(&mut first).unwrap();
    let mut written = 0;
    write_whole(&path, |file| {
        written = fs::metadata(folder.path().join(&names(folder.path())[0])).unwrap().ino();
        file.write_all(b"new")
    })
    .unwrap();
    reader.read_to_end(&mut rest).unwrap();
    assert_eq!((first.as_slice(), rest.as_slice()), ([b'o'; 5_000].as_slice(), [b'o'; 5_000].as_slice()));
    assert_eq!(fs::read(&path).unwrap(), b"new");
    assert_eq!(fs::metadata(&path).unwrap().ino(), written, "the file that was written is the one that is there");
}

#[test]
fn a_missing_folder_is_an_error_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("missing/picture.svg");
    for error in [write_whole(&place, |_| Ok(())).unwrap_err(), UnfinishedFolder::create(&place).unwrap_err()] {
        assert_eq!(error.kind(), ErrorKind::File);
        assert!(!error.to_string().contains('"') && !error.to_string().contains("unfinished"), "{error}");
    }
}

#[test]
fn a_folder_is_not_replaced_by_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let error = write_whole(folder.path(), |_| Ok(())).unwrap_err().to_string();
    assert!(error.contains("no file"), "{error}");
}

#[cfg(unix)]
#[test]
fn a_file_is_as_public_as_any_other() {
    use std::os::unix::fs::PermissionsExt;

    let folder = tempfile::tempdir().unwrap();
    let [file, plain, whole, plain_folder] = ["a", "b", "c", "d"].map(|name| folder.path().join(name));
    fs::write(&plain, "").unwrap();
    fs::create_dir(&plain_folder).unwrap();
    write_whole(&file, |_| Ok(())).unwrap();
    UnfinishedFolder::create(&whole).unwrap().put().unwrap();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
    assert_eq!(mode(&file), mode(&plain));
    assert_eq!(mode(&whole), mode(&plain_folder));
}

#[cfg(unix)]
#[test]
fn a_link_is_replaced_and_what_it_names_stays() {
    let folder = tempfile::tempdir().unwrap();
    let [link, target] = ["link", "target"].map(|name| folder.path().join(name));
    for there in [true, false] {
        if there {
            fs::write(&target, "mine").unwrap();
        }
        std::os::unix::fs::symlink(&target, &link).unwrap();
        write_whole(&link, |file| file.write_all(b"new")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_file());
        assert_eq!(fs::read(&link).unwrap(), b"new");
        assert_eq!(fs::read(&target).ok(), there.then(|| b"mine".to_vec()));
        fs::remove_file(&link).unwrap();
        let _ = fs::remove_file(&target);
    }
}

#[test]
fn a_folder_appears_with_all_its_files_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().join("model");
    let begun = UnfinishedFolder::create(&place).unwrap();
    write_whole(begun.path().join("config.json"), |file| file.write_all(b"{}")).unwrap();
    assert!(!place.exists());
    drop(begun);
    assert!(names(folder.path()).is_empty());
    let begun = UnfinishedFolder::create(&place).unwrap();
    write_whole(begun.path().join("config.json"), |file| file.write_all(b"{}")).unwrap();
    begun.put().unwrap();
    assert_eq!(names(folder.path()), ["model"]);
    assert_eq!(names(&place), ["config.json"]);
    let second = UnfinishedFolder::create(&place).unwrap();
    assert!(second.put().is_err());
    assert_eq!((names(folder.path()), names(&place)), (vec!["model".into()], vec!["config.json".into()]));
}

/// Files of killed processes, of this one, of people; links and pipes that are called as ours are.
#[test]
fn leftovers_are_removed_and_nothing_else_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let kept = [".tubelet-1234567.unfinished", ".tubelet-12345678.other", "tubelet-12345678.unfinished", "mine"];
    for name in kept {
        fs::write(path(name), name).unwrap();
    }
    fs::write(path(".tubelet-12345678.unfinished"), "left").unwrap();
    fs::create_dir_all(path(".tubelet-abcDEF12.unfinished/inside")).unwrap();
    let own = Unfinished::create(path("own")).unwrap();
    let own_folder = UnfinishedFolder::create(path("folder")).unwrap();
    leftovers::remove_now(folder.path());
    let left = names(folder.path());
    assert_eq!(left.len(), kept.len() + 2, "{left:?}");
    assert!(kept.iter().all(|name| left.iter().any(|left| left == name)), "{left:?}");
    own.finish().unwrap().put().unwrap();
    own_folder.put().unwrap();
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(path("mine"), path(".tubelet-87654321.unfinished")).unwrap();
        leftovers::remove_now(folder.path());
        assert_eq!(fs::read_to_string(path("mine")).unwrap(), "mine");
        assert!(fs::symlink_metadata(path(".tubelet-87654321.unfinished")).is_ok(), "nothing that others made");
    }
}

#[test]
fn what_another_process_is_writing_stays() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(".tubelet-12345678.unfinished");
    let other = File::create(&path).unwrap();
    other.lock().unwrap();
    leftovers::remove_now(folder.path());
    assert!(path.exists());
    drop(other);
    leftovers::remove_now(folder.path());
    assert!(!path.exists());
}

/// A writer that is killed leaves a piece of a line, and of a character, behind whole lines.
#[test]
fn lines_stay_whole_and_one_process_writes_them() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("lines");
    fs::write(&path, "one\ntwo\nthr\u{e9}".as_bytes().split_last().unwrap().1).unwrap();
    let (mut lines, text) = Lines::open(&path).unwrap();
    assert_eq!((text.as_str(), whole_lines(&text)), ("one\ntwo\nthr?", 8));
    let error = Lines::open(&path).unwrap_err();
    assert!(error.kind() == ErrorKind::Usage && error.to_string().contains("another process"), "{error}");
    lines.cut(whole_lines(&text)).unwrap();
    lines.append("three".into()).unwrap();
    assert_eq!(read_lines(&path).unwrap(), "one\ntwo\nthree\n");
    drop(lines);
    assert!(Lines::open(&path).is_ok());
    fs::write(&path, b"\xff\xfe\n").unwrap();
    assert_eq!(Lines::open(&path).unwrap_err().kind(), ErrorKind::File);
}
