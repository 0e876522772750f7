//! Which videos: one, several, those in folders, those in a list.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Read;
use std::path::{Path, PathBuf};

use clap::ValueHint;
use tubelet::eval::Shard;
use tubelet::tensor::{Error, Result};
use tubelet::video::videos_in;

use super::arguments::at_least_one;
use super::eval::{MostFailed, default_workers};

/// Their heading in the help.
const MANY: &str = "Many videos";

/// Which videos, and how many of them are read.
#[derive(clap::Args)]
pub(super) struct VideosArguments {
    /// Video files, folders of images, GIFs, images, or .npy of [T,H,W,3] bytes; folders that hold videos stand for these,
    /// in subfolders too.
    #[arg(value_name = "VIDEO", value_hint = ValueHint::AnyPath, required_unless_present = "list")]
    videos: Vec<PathBuf>,
    /// Also the videos whose paths this file holds, one a line; - for standard input.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, help_heading = MANY)]
    list: Option<PathBuf>,
    /// The paths of --list are parted by NUL, as `find -print0` writes them.
    #[arg(long, requires = "list", help_heading = MANY, hide_short_help = true)]
    null: bool,
    /// Only one part of the videos: 2/3 is the second of three.
    #[arg(long, value_name = "I/N", default_value_t = Shard::WHOLE, hide_default_value = true, help_heading = MANY)]
    pub(super) shard: Shard,
    /// Go on with an --output that is there, or begin where there is none.
    #[arg(long, requires = "output", help_heading = MANY)]
    pub(super) resume: bool,
    /// With --resume: try those again that failed.
    #[arg(long, requires = "resume", help_heading = MANY, hide_short_help = true)]
    pub(super) retry_failed: bool,
    /// End where more videos than these fail: a number, or a share of all such as 5%.
    #[arg(long, value_name = "N", help_heading = MANY, hide_short_help = true)]
    max_failed: Option<MostFailed>,
    /// Threads that decode videos.
    #[arg(long, value_name = "N", default_value_t = default_workers(), hide_default_value = true,
        value_parser = at_least_one, help_heading = MANY, hide_short_help = true)]
    pub(super) workers: usize,
}

/// The videos that were asked for.
pub(super) enum Asked {
    One(PathBuf),
    /// Several, or those of a folder or a list, however many it holds.
    Many(Vec<PathBuf>),
}

impl VideosArguments {
    /// An error where a folder or a list cannot be read, or holds no videos.
    pub(super) fn asked(&self) -> Result<Asked> {
        if let (None, [only]) = (&self.list, self.videos.as_slice())
            && in_folder(only)?.is_none()
            && self.shard == Shard::WHOLE
            && !self.resume
        {
            return Ok(Asked::One(only.clone()));
        }
        let mut videos = Vec::new();
        for video in &self.videos {
            match in_folder(video)? {
                Some(inside) => videos.extend(inside),
                None => videos.push(video.clone()),
            }
        }
        if let Some(list) = &self.list {
            videos.extend(listed(list, self.null)?);
        }
        if videos.iter().any(|video| video == Path::new("-")) {
            return Err(Error::usage("a pipe (-) has no known end: read it alone, by `tubelet classify - --sliding`"));
        }
        Ok(Asked::Many(videos))
    }

    /// Only one video, for what is made for one.
    pub(super) fn only(&self, why: &str) -> Result<PathBuf> {
        match self.asked()? {
            Asked::One(video) => Ok(video),
            Asked::Many(_) => Err(Error::usage(format!("{why} takes one video"))),
        }
    }

    /// The videos of this part that are not `done`, with their indices among all.
    pub(super) fn remaining(&self, videos: Vec<PathBuf>, done: &BTreeSet<usize>) -> Vec<(usize, PathBuf)> {
        let remains = |(row, _): &(usize, PathBuf)| self.shard.contains(*row) && !done.contains(row);
        videos.into_iter().enumerate().filter(remains).collect()
    }

    /// How many of `videos` videos may fail.
    pub(super) fn most_failed(&self, videos: usize) -> usize {
        self.max_failed.map_or(usize::MAX, |most| most.of(videos))
    }
}

/// The videos in a folder and its subfolders, in the order of their names; `None` for what is not such a folder.
fn in_folder(folder: &Path) -> Result<Option<Vec<PathBuf>>> {
    let inside = if folder.is_dir() { videos_in(folder)? } else { None };
    // Whoever opens an empty folder reports it.
    Ok(inside.filter(|videos| !videos.is_empty()))
}

/// The longest list that is read: millions of paths.
const LONGEST_LIST: u64 = 1 << 30;

/// The paths in a list, relative to the folder that the program was started in.
fn listed(list: &Path, null: bool) -> Result<Vec<PathBuf>> {
    let failed = |error: std::io::Error| Error::io("read", list, &error);
    let mut bytes = Vec::new();
    let read = match list == Path::new("-") {
        true => std::io::stdin().lock().take(LONGEST_LIST + 1).read_to_end(&mut bytes),
        false => std::fs::File::open(list).and_then(|file| file.take(LONGEST_LIST + 1).read_to_end(&mut bytes)),
    };
    if read.map_err(failed)? as u64 > LONGEST_LIST {
        return Err(Error::file(format!("{} is too long for a list of videos", list.display())));
    }
    let lines = bytes.split(|byte| if null { *byte == 0 } else { *byte == b'\n' });
    let lines = lines.map(|line| if null { line } else { line.strip_suffix(b"\r").unwrap_or(line) });
    let paths: Vec<_> = lines.filter(|line| !line.is_empty()).map(path).collect::<Result<_>>()?;
    match paths.is_empty() {
        true => Err(Error::file(format!("{} lists no video", list.display()))),
        false => Ok(paths),
    }
}

#[cfg(unix)]
fn path(bytes: &[u8]) -> Result<PathBuf> {
    Ok(<OsString as std::os::unix::ffi::OsStringExt>::from_vec(bytes.to_vec()).into())
}

#[cfg(not(unix))]
fn path(bytes: &[u8]) -> Result<PathBuf> {
    let text = String::from_utf8(bytes.to_vec());
    text.map(|text| OsString::from(text).into()).map_err(|_| Error::file("a path of the list is not UTF-8 text"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_images_are_videos_and_others_hold_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["b/2.MP4", "b/frames/1.png", "b/notes.txt", "a.webm", "b/.hidden.mp4", "empty/readme"] {
            std::fs::create_dir_all(path(name).parent().unwrap()).unwrap();
            std::fs::write(path(name), "").unwrap();
        }
        let found = in_folder(folder.path()).unwrap();
        assert_eq!(found, Some(vec![path("a.webm"), path("b/2.MP4"), path("b/frames")]));
        for one in ["b/frames", "a.webm", "empty", "missing"] {
            assert_eq!(in_folder(&path(one)).unwrap(), None, "{one}");
        }
    }

    #[test]
    fn lists_are_of_lines_or_parted_by_nul() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list");
        std::fs::write(&list, "a b.mp4\r\n\nc.mp4").unwrap();
        assert_eq!(listed(&list, false).unwrap(), [Path::new("a b.mp4"), Path::new("c.mp4")]);
        std::fs::write(&list, "a\nb.mp4\0c.mp4\0").unwrap();
        assert_eq!(listed(&list, true).unwrap(), [Path::new("a\nb.mp4"), Path::new("c.mp4")]);
        std::fs::write(&list, "\n").unwrap();
        assert!(listed(&list, false).unwrap_err().to_string().contains("lists no video"));
    }
}
