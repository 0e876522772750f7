//! A folder of videos, manifests and class names.

use std::io::Write;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};

use super::Motions;
use crate::files::{UnfinishedFolder, write_whole};
use crate::tensor::{Error, ErrorKind, Result};
use crate::video::VideoEncoder;

/// Writes clips as a folder:
///
/// - `classes.txt`: a class a line, in the order of the labels
/// - `train.csv`, `validation.csv`: `path,label,motion,scene`, as [`Manifest`](crate::eval::Manifest) reads tables
/// - `train/`, `validation/`: the videos
#[derive(Clone, Debug)]
pub struct MotionFiles {
    encoder: VideoEncoder,
    workers: usize,
}

/// A part of what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MotionSplit {
    /// `train` or `validation`.
    pub name: &'static str,
    /// How many.
    pub clips: usize,
    /// The manifest, relative to the folder.
    pub manifest: PathBuf,
}

impl MotionFiles {
    /// Videos that `encoder` writes, `workers` at a time.
    pub fn new(encoder: VideoEncoder, workers: usize) -> Self {
        Self { encoder, workers: workers.max(1) }
    }

    /// Writes `parts`, which are of the same classes, each under the name of its split. The folder appears when all of it
    /// is written. `progress` is told how many videos there are so far, and may break off.
    ///
    /// # Errors
    ///
    /// [`File`](crate::tensor::ErrorKind::File) where something is at `folder`, [`Interrupted`](ErrorKind::Interrupted) where
    /// `progress` broke off; what the encoder and the photographs say.
    pub fn write(
        &self,
        parts: &[Motions],
        folder: impl AsRef<Path>,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<Vec<MotionSplit>> {
        let folder = folder.as_ref();
        if folder.symlink_metadata().is_ok() {
            return Err(Error::file(format!("{} is there already; name a new folder, or remove it", folder.display())));
        }
        let unfinished = UnfinishedFolder::create(folder)?;
        let (mut splits, mut before) = (Vec::new(), 0);
        for motions in parts {
            self.write_videos(motions, unfinished.path(), &mut |written| progress(before + written))?;
            before += motions.len();
            splits.push(self.write_manifest(motions, unfinished.path())?);
        }
        let classes = parts.first().map_or(&[][..], Motions::classes);
        write_whole(unfinished.path().join("classes.txt"), |file| {
            classes.iter().try_for_each(|motion| writeln!(file, "{motion}"))
        })?;
        unfinished.put()?;
        Ok(splits)
    }

    /// `train/000012-pan-left.mp4`
    fn path(&self, motions: &Motions, index: usize) -> Result<String> {
        let (split, stem) = (motions.options().split.name(), motions.stem(index)?);
        Ok(format!("{split}/{stem}.{}", self.encoder.format().extension()))
    }

    fn write_manifest(&self, motions: &Motions, folder: &Path) -> Result<MotionSplit> {
        let name = motions.options().split.name();
        let manifest = PathBuf::from(format!("{name}.csv"));
        let row = |index: usize| {
            let (motion, label, scene) = motions.motion(index)?;
            Ok(format!("{},{label},{motion},{scene}", self.path(motions, index)?))
        };
        let rows: Vec<String> = (0..motions.len()).map(row).collect::<Result<_>>()?;
        write_whole(folder.join(&manifest), |file| {
            writeln!(file, "path,label,motion,scene")?;
            rows.iter().try_for_each(|row| writeln!(file, "{row}"))
        })?;
        Ok(MotionSplit { name, clips: motions.len(), manifest })
    }

    /// Computes and encodes all videos. The first error ends it.
    fn write_videos(
        &self,
        motions: &Motions,
        folder: &Path,
        progress: &mut dyn FnMut(usize) -> ControlFlow<()>,
    ) -> Result<()> {
        let split = folder.join(motions.options().split.name());
        std::fs::create_dir_all(&split).map_err(|error| Error::io("make the folder", &split, &error))?;
        let (next, over) = (AtomicUsize::new(0), AtomicBool::new(false));
        let work = |written: Sender<Result<()>>| {
            while !over.load(Ordering::Relaxed) {
                let index = next.fetch_add(1, Ordering::Relaxed);
                if index >= motions.len() {
                    break;
                }
                let outcome = self.write_video(motions, index, folder);
                over.fetch_or(outcome.is_err(), Ordering::Relaxed);
                if written.send(outcome).is_err() {
                    break;
                }
            }
        };
        std::thread::scope(|scope| {
            let (sender, written) = channel();
            for _ in 0..self.workers {
                let sender = sender.clone();
                scope.spawn(|| work(sender));
            }
            drop(sender);
            let (mut count, mut first) = (0, Ok(()));
            for outcome in written {
                count += 1;
                if progress(count).is_break() {
                    over.store(true, Ordering::Relaxed);
                    first = Err(Error::new(ErrorKind::Interrupted, "interrupted"));
                } else if first.is_ok() {
                    first = outcome;
                }
            }
            first
        })
    }

    fn write_video(&self, motions: &Motions, index: usize, folder: &Path) -> Result<()> {
        let labelled = motions.clip(index)?;
        self.encoder.write(&labelled.clip, folder.join(self.path(motions, index)?))
    }
}
