//! The videos of an evaluation, and how they are opened.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use tubelet::eval::{ClassNames, Decode, Item, Manifest};
use tubelet::tensor::{Error, ErrorKind, Result};
use tubelet::train::{ClipSource, MotionClips};
use tubelet::video::{Clip, FrameSource, OpenOptions, Sampling};

use super::super::interruption::interrupted;
use super::super::output;
use super::super::video::counted;

/// Labelled videos, of files or made by the program.
pub(super) struct Videos {
    pub(super) manifest: Manifest,
    /// What those that the program makes are called together.
    pub(super) motions: Option<String>,
    open: Arc<Open>,
}

type Open = dyn Fn(&Item) -> Result<Box<dyn FrameSource>> + Send + Sync;

impl Videos {
    /// Files, below the root where there is one.
    pub(super) fn of_files(manifest: Manifest, root: Option<&Path>, options: OpenOptions) -> Result<Self> {
        manifest.check_root()?;
        root.iter().for_each(|root| say_links(&manifest, root));
        Ok(Self { manifest, motions: None, open: Arc::new(move |item: &Item| item.open(&options)) })
    }

    /// Clips that are computed as they are asked for.
    pub(super) fn of_motions(clips: MotionClips, names: &ClassNames) -> Self {
        let item = |index: usize| {
            let name = clips.name(index);
            Item::new(name.clone(), name.into(), clips.labels(index))
        };
        let manifest = Manifest::new((0..clips.count()).map(item), names);
        // Each is called by all that decides what it shows, then by its own number.
        let motions =
            manifest.items().first().and_then(|item| item.name.rsplit_once('/')).map(|(all, _)| all.to_owned());
        let named = manifest.items().iter().enumerate().map(|(index, item)| (item.name.clone(), index));
        let indices: HashMap<String, usize> = named.collect();
        let open = move |item: &Item| match indices.get(&item.name) {
            Some(index) => clips.open(*index),
            None => Err(Error::usage(format!("there is no clip {}", item.name))),
        };
        Self { manifest, motions, open: Arc::new(open) }
    }

    /// What decodes a video to the clips of all views.
    pub(super) fn decode(&self, sampling: Sampling) -> Decode<Vec<Clip>> {
        let open = Arc::clone(&self.open);
        Box::new(move |item| {
            let clips = open(item).and_then(|mut source| source.clips(&sampling));
            match interrupted() {
                // Ctrl-C ends decoders, too, which is no fault of the video.
                true => Err(Error::new(ErrorKind::Interrupted, "interrupted")),
                false => clips,
            }
        })
    }
}

/// Says which videos are read although they do not lie where they seem to.
fn say_links(manifest: &Manifest, root: &Path) {
    let linked = manifest.linked_outside(root);
    if let Some(first) = linked.first() {
        let (videos, root) = (counted(linked.len(), "video"), root.display());
        output::note(&format!("links lead out of {root} to {videos}, the first {}", first.path.display()));
    }
}
