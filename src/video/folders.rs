//! Folders that hold videos.

use std::path::{Path, PathBuf};

use crate::tensor::{Error, Result};

/// Extensions of video files.
const VIDEOS: [&str; 22] = [
    "mp4", "m4v", "mkv", "webm", "avi", "mov", "mpg", "mpeg", "mp2", "ts", "mts", "m2ts", "wmv", "asf", "flv", "ogv",
    "ogg", "3gp", "vob", "y4m", "gif", "npy",
];
/// Extensions of the images in a folder that is one video.
const IMAGES: [&str; 4] = ["png", "jpg", "jpeg", "webp"];

/// The videos in a folder and its subfolders, in the order of their names; `None` for a folder of images, which is a video
/// itself. Links to folders are not followed.
#[doc(hidden)]
pub fn videos_in(folder: &Path) -> Result<Option<Vec<PathBuf>>> {
    let failed = |error: &std::io::Error| Error::io("read", folder, error);
    let entries = std::fs::read_dir(folder).map_err(|error| failed(&error))?;
    let mut entries: Vec<_> = entries.collect::<Result<_, _>>().map_err(|error| failed(&error))?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    entries.retain(|entry| !entry.file_name().to_string_lossy().starts_with('.'));
    if entries.iter().any(|entry| ends_in(&entry.path(), &IMAGES)) {
        return Ok(None);
    }
    let mut videos = Vec::new();
    for entry in entries {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            match videos_in(&path)? {
                Some(inside) => videos.extend(inside),
                None => videos.push(path),
            }
        } else if ends_in(&path, &VIDEOS) {
            videos.push(path);
        }
    }
    Ok(Some(videos))
}

fn ends_in(path: &Path, extensions: &[&str]) -> bool {
    let own = path.extension().unwrap_or_default();
    extensions.iter().any(|extension| own.eq_ignore_ascii_case(extension))
}
