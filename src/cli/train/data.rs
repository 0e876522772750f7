//! The videos of a training, and what their labels mean.

use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use tubelet::eval::{ClassNames, Manifest, ManifestFormat, Task};
use tubelet::motions::Split;
use tubelet::tensor::{Error, Result};
use tubelet::train::{CachedClips, ClipSource, ClipStart, ManifestClips, MotionClips, Recipe, ValidationSplit};
use tubelet::video::augment::Augmentation;
use tubelet::vivit::{LabelHead, Labelling};

use crate::cli::known::known;
use crate::cli::motions::MotionArguments;
use crate::cli::output;
use crate::cli::video::{OpenArguments, counted};

/// Which videos, and what they show.
#[derive(clap::Args)]
pub(super) struct DataArguments {
    /// The videos and their labels, as for `tubelet eval`: a manifest, or a folder that holds a folder of videos for each class.
    #[arg(required_unless_present = "motions")]
    manifest: Option<PathBuf>,
    #[command(flatten)]
    motions: MotionArguments,
    /// The classes: how many, or their names parted by commas. Without it those that the labels name.
    #[arg(long, value_name = "N|NAMES")]
    classes: Option<String>,
    /// Class names: a text file with a class a line, a JSON list or map, or a CSV with the columns id and name.
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Videos have any number of labels, each of which applies or not.
    #[arg(long, conflicts_with_all = ["head", "motions"], hide_short_help = true)]
    multi_label: bool,
    /// A head of several, such as noun=300. May be repeated; a video has one label of each.
    #[arg(long, value_name = "NAME=CLASSES", value_parser = head, conflicts_with_all = ["classes", "motions"],
        hide_short_help = true)]
    head: Vec<LabelHead>,
    /// Videos to evaluate on after each epoch: another manifest, a share of the videos that is then not trained on, or none.
    /// Without it a fifth. Beside the clips of --motions so many more are made.
    #[arg(long, value_name = "MANIFEST|SHARE")]
    validation: Option<Validation>,
    /// How the manifest is written, instead of by its beginning: table, list, kinetics, something-something, epic-kitchens,
    /// class-folders.
    #[arg(long, value_parser = known::<ManifestFormat>(ManifestFormat::ALL.iter().map(|one| one.name())),
        hide_possible_values = true, hide_short_help = true, conflicts_with = "motions")]
    format: Option<ManifestFormat>,
    /// Where the videos are, instead of beside the manifest. Videos that the manifest names outside it are not read.
    #[arg(long, value_name = "DIR", hide_short_help = true, conflicts_with = "motions")]
    root: Option<PathBuf>,
    #[command(flatten)]
    opening: OpenArguments,
}

/// What is evaluated on.
#[derive(Clone, Debug, PartialEq)]
enum Validation {
    None,
    Share(f64),
    Manifest(PathBuf),
}

impl FromStr for Validation {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.parse::<f64>() {
            _ if text == "none" => Self::None,
            Ok(0.0) => Self::None,
            Ok(share) => Self::Share(share),
            Err(_) => Self::Manifest(text.into()),
        })
    }
}

/// `noun=300`.
fn head(text: &str) -> Result<LabelHead, String> {
    let parsed = text.split_once('=').and_then(|(name, classes)| Some((name.trim(), classes.trim().parse().ok()?)));
    match parsed {
        Some((name, classes)) if !name.is_empty() && classes > 0 => Ok(LabelHead { name: name.to_owned(), classes }),
        _ => Err("it must be a name and a number of classes, such as noun=300".to_owned()),
    }
}

/// What the labels of a training mean.
pub(super) struct Meaning {
    pub(super) task: Task,
    pub(super) names: ClassNames,
}

/// The videos of a training.
pub(super) struct Videos {
    pub(super) training: Arc<dyn ClipSource>,
    pub(super) validation: Option<Arc<dyn ClipSource>>,
}

impl DataArguments {
    /// How videos are opened.
    pub(super) fn opening(&self) -> &OpenArguments {
        &self.opening
    }

    /// What labels mean: as the head that stays has them, else as is told, else as the manifest names them.
    pub(super) fn meaning(&self, kept: Option<(Task, Option<Vec<String>>)>) -> Result<Meaning> {
        let (task, names) = match kept {
            Some(kept) => kept,
            None => self.told()?,
        };
        let names = match (&self.labels, names) {
            (Some(file), _) => ClassNames::read(file, &task)?,
            (None, Some(names)) => ClassNames::new(&task, names)?,
            (None, None) => ClassNames::none(&task),
        };
        Ok(Meaning { task, names })
    }

    fn told(&self) -> Result<(Task, Option<Vec<String>>)> {
        if !self.head.is_empty() {
            let classes = self.head.iter().map(|head| head.classes).sum();
            return Ok((Task::new(Labelling::Heads(self.head.clone()), classes)?, None));
        }
        let (count, names) = match &self.classes {
            None if self.multi_label => {
                return Err(Error::usage(
                    "say how many classes there are where videos have several labels: --classes N",
                ));
            }
            None if self.motions.is_given() => {
                let names = self.motions.classes();
                (names.len(), Some(names))
            }
            None => {
                let found = Manifest::find_classes(self.manifest()?, self.format)?;
                (found.count, found.names)
            }
            Some(text) => match text.trim().parse::<usize>() {
                Ok(count) => (count, None),
                Err(_) => {
                    let names: Vec<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
                    (names.len(), Some(names))
                }
            },
        };
        if count == 1 && !self.multi_label {
            return Err(Error::usage(
                "there is one class alone, and nothing to tell it from: name two at least, or --multi-label",
            ));
        }
        let labelling = if self.multi_label { Labelling::Multiple } else { Labelling::Single };
        Ok((Task::new(labelling, count)?, names))
    }

    fn manifest(&self) -> Result<&Path> {
        self.manifest.as_deref().ok_or_else(|| Error::usage("no videos: name a MANIFEST, or --motions SETS"))
    }

    /// The videos to learn from, and those to evaluate on.
    pub(super) fn videos(&self, meaning: &Meaning, recipe: &Recipe) -> Result<Videos> {
        if self.motions.is_given() {
            return self.made(meaning, recipe);
        }
        let manifest = self.read(self.manifest()?, meaning)?;
        let (training, validation) = match &self.validation {
            Some(Validation::None) => (manifest, None),
            Some(Validation::Manifest(path)) => (manifest, Some(self.read(path, meaning)?)),
            Some(Validation::Share(share)) => apart(&manifest, *share, meaning)?,
            None => apart(&manifest, USUAL_SHARE, meaning).unwrap_or_else(|_| {
                output::note("the videos are too few to keep some apart, so the model is not evaluated");
                (manifest, None)
            }),
        };
        let source = |manifest: &Manifest| self.source(manifest, recipe);
        Ok(Videos { training: source(&training), validation: validation.as_ref().map(source) })
    }

    /// Clips that the program makes, those to evaluate on beside those to learn from.
    fn made(&self, meaning: &Meaning, recipe: &Recipe) -> Result<Videos> {
        let made = |split, clips| -> Result<Arc<dyn ClipSource>> {
            let motions = self.motions.made(split, clips, spanned(recipe), recipe.augmentation.crop)?;
            Ok(kept(Arc::new(MotionClips::named(motions, &meaning.task, &meaning.names)?), recipe))
        };
        let held_out = |share: f64| match share > 0.0 && share < 1.0 {
            true => made(Split::Validation, ((share * self.motions.clips() as f64) as usize).max(1)),
            false => Err(Error::usage(format!("{share} is no share of the clips: it must be above 0 and below 1"))),
        };
        let validation = match &self.validation {
            Some(Validation::None) => None,
            Some(Validation::Manifest(path)) => Some(self.source(&self.read(path, meaning)?, recipe)),
            Some(Validation::Share(share)) => Some(held_out(*share)?),
            None => Some(held_out(USUAL_SHARE)?),
        };
        Ok(Videos { training: made(Split::Training, self.motions.clips())?, validation })
    }

    /// What is learnt from, for whoever has the model later.
    pub(super) fn described(&self, videos: &Videos, meaning: &Meaning, recipe: &Recipe) -> Result<String> {
        let data = match self.motions.is_given() {
            true => self.motions.described(spanned(recipe), recipe.augmentation.crop),
            false => self.manifest()?.display().to_string(),
        };
        let (count, classes) = (counted(videos.training.count(), "video"), counted(meaning.task.classes(), "class"));
        Ok(format!("{data}: {count} of {classes}"))
    }

    fn source(&self, manifest: &Manifest, recipe: &Recipe) -> Arc<dyn ClipSource> {
        kept(Arc::new(ManifestClips::new(manifest, self.opening.options())), recipe)
    }

    fn read(&self, path: &Path, meaning: &Meaning) -> Result<Manifest> {
        let root = self.root.as_deref();
        let manifest = Manifest::read(path, self.format, root, &meaning.task, &meaning.names)?;
        manifest.check_root()?;
        Ok(manifest)
    }
}

/// Clips of which as many frames are kept, once decoded, as the recipe has memory for.
fn kept(clips: Arc<dyn ClipSource>, recipe: &Recipe) -> Arc<dyn ClipSource> {
    match recipe.loading.cache_mib {
        0 => clips,
        mib => Arc::new(CachedClips::new(clips, mib)),
    }
}

/// How many frames of a video one of the model's clips spans.
fn spanned(recipe: &Recipe) -> usize {
    let Augmentation { frames, stride, .. } = recipe.augmentation;
    match recipe.clip_start {
        ClipStart::Spread => frames,
        _ => frames.saturating_mul(stride),
    }
}

/// The share of the videos that is kept apart unless it is told.
const USUAL_SHARE: f64 = 0.2;

/// A part of the videos apart, to evaluate on.
fn apart(manifest: &Manifest, share: f64, meaning: &Meaning) -> Result<(Manifest, Option<Manifest>)> {
    let split = ValidationSplit::new(manifest, share)?;
    let unlearnt = split.classes_without_training(&meaning.task);
    let (all, held) = (manifest.items().len(), split.validation.items().len());
    output::note(&format!(
        "{held} of {} are kept to evaluate on; --validation names others, or none",
        counted(all, "video")
    ));
    if !unlearnt.is_empty() {
        let count = counted(unlearnt.len(), "class");
        output::note(&format!("{count} would be evaluated on and never learnt: name another share"));
    }
    Ok((split.training, Some(split.validation)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn validation_is_a_share_or_a_manifest() {
        for (text, expected) in [
            ("none", Validation::None),
            ("0", Validation::None),
            ("0.25", Validation::Share(0.25)),
            ("val.csv", Validation::Manifest("val.csv".into())),
        ] {
            assert_eq!(text.parse::<Validation>(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_head_is_a_name_and_a_number() {
        assert_eq!(head("noun=300"), Ok(LabelHead { name: "noun".to_owned(), classes: 300 }));
        for text in ["", "noun", "=3", "noun=0", "noun=x"] {
            assert!(head(text).is_err(), "{text}");
        }
    }
}
