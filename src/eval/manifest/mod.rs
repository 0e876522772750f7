//! Which videos are evaluated, and what they show.

mod epic_kitchens;
mod kinetics;
mod something_something;
mod table;

use std::path::{Path, PathBuf};
use std::{fmt, ops::Range, str::FromStr};

use super::identity::Hash;
use super::{ClassNames, Task};
use crate::tensor::{Error, Result};
use crate::video::{FrameSource, OpenOptions, Segment};
use crate::vivit::Labelling;

/// How a manifest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CSV with a header: `path` (relative to the manifest, or to the root), and `label`, a number or a class name; `labels`
    /// parted by `;` or `|` for a multi-label model, or a column for each of several heads, called as it is.
    Table,
    /// The annotations of Kinetics: `label,youtube_id,time_start,time_end[,split]`. Videos are called
    /// `ID_000001_000011.mp4` as usual, beside each other or in a folder a class, a split, or both.
    Kinetics,
    /// The annotations of Something-Something v2: a JSON list of `id` and `template`. Videos are called `ID.webm`.
    SomethingSomething,
    /// The annotations of EPIC-KITCHENS-100. Videos are cut and called as `narration_id`, or whole and called as
    /// `video_id`: files, or folders of all frames.
    EpicKitchens,
}

impl Format {
    /// Every format.
    pub const ALL: [Self; 4] = [Self::Table, Self::Kinetics, Self::SomethingSomething, Self::EpicKitchens];

    /// The name as it is written on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Kinetics => "kinetics",
            Self::SomethingSomething => "something-something",
            Self::EpicKitchens => "epic-kitchens",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name.replace('_', "-")).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::usage(format!("no manifest format is called {name:?}; there are {names}"))
        })
    }
}

/// The part of a video that is meant, where it is not all.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// In frames of the original video.
    pub frames: Option<Range<usize>>,
    /// In seconds.
    pub seconds: Option<Range<f64>>,
}

/// A video of a manifest.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// As the manifest names it.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// The part that is meant; `None` for all of it.
    pub part: Option<Part>,
    /// One class a head, or any number of them for a multi-label task.
    pub labels: Vec<usize>,
}

impl Item {
    /// Opens the video, or its part, as `options` say.
    ///
    /// A part of a file is found by its times where the manifest gives them and the file states a rate, since files are
    /// often not of the original rate; by its frame numbers otherwise.
    pub fn open(&self, options: &OpenOptions) -> Result<Box<dyn FrameSource>> {
        let source = options.open(&self.path)?;
        let Some(part) = &self.part else { return Ok(source) };
        let timed = part.seconds.as_ref().zip(source.information().frames_per_second);
        let frames = match (timed, &part.frames) {
            (Some((seconds, rate)), _) => {
                (seconds.start * rate).round() as usize..(seconds.end * rate).round() as usize
            }
            (None, Some(frames)) => frames.clone(),
            (None, None) => {
                let path = self.path.display();
                return Err(Error::file(format!(
                    "{path} states no frame rate, so a part cannot be found by its times"
                )));
            }
        };
        Ok(Box::new(Segment::new(source, frames).map_err(|error| error.within(self.path.display()))?))
    }
}

/// Labelled videos.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    format: Format,
    items: Vec<Item>,
}

/// Where videos are looked for, and how labels are understood.
struct Reading<'a> {
    root: PathBuf,
    task: &'a Task,
    names: &'a ClassNames,
}

impl Manifest {
    /// Reads the manifest at `path`. Without a `format`, its beginning decides; without a `root`, paths are relative to
    /// the folder that holds it.
    ///
    /// # Errors
    ///
    /// One sentence with the file and the line where a column is missing or a label is none of the task's.
    pub fn read(
        path: &Path,
        format: Option<Format>,
        root: Option<&Path>,
        task: &Task,
        names: &ClassNames,
    ) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|error| match error.kind() {
            std::io::ErrorKind::InvalidData => Error::file(format!("{} is not UTF-8 text", path.display())),
            _ => Error::io("read", path, &error),
        })?;
        let text = text.trim_start_matches('\u{feff}');
        let root = root.or(path.parent()).unwrap_or(Path::new("")).to_owned();
        let reading = Reading { root, task, names };
        let format = format.unwrap_or_else(|| detect(text));
        let items = match format {
            Format::Table => table::read(&reading, text),
            Format::Kinetics => kinetics::read(&reading, text),
            Format::SomethingSomething => something_something::read(&reading, text),
            Format::EpicKitchens => epic_kitchens::read(&reading, text),
        };
        let items = items.map_err(|error| error.within(path.display()))?;
        match items.is_empty() {
            true => Err(Error::file(format!("{} lists no video", path.display()))),
            false => Ok(Self { format, items }),
        }
    }

    /// How it was written.
    pub fn format(&self) -> Format {
        self.format
    }

    /// The videos.
    pub fn items(&self) -> &[Item] {
        &self.items
    }

    /// A hash of names and labels, wherever the videos are.
    pub fn fingerprint(&self) -> String {
        let mut hash = Hash::new();
        for item in &self.items {
            hash.add(item.name.as_bytes());
            item.labels.iter().for_each(|label| hash.add(&(*label as u64).to_le_bytes()));
        }
        hash.to_string()
    }

    /// An error where not one of the videos exists: the root is another.
    pub fn check_root(&self) -> Result<()> {
        match self.items.iter().any(|item| item.path.exists()) {
            true => Ok(()),
            false => Err(Error::file(format!(
                "none of the {} videos of the manifest exists, the first would be {}; say where they are with --root",
                self.items.len(),
                self.items.first().map_or(Path::new(""), |item| item.path.as_path()).display()
            ))),
        }
    }
}

/// The format of a manifest that begins as `text` does; a table where it is none of the others.
fn detect(text: &str) -> Format {
    if text.trim_start().starts_with('[') {
        return Format::SomethingSomething;
    }
    let header = text.lines().next().unwrap_or("");
    let has = |column: &str| header.split(',').any(|title| title.trim().trim_matches('"') == column);
    if has("youtube_id") {
        Format::Kinetics
    } else if has("narration_id") {
        Format::EpicKitchens
    } else {
        Format::Table
    }
}

/// A table with named columns.
struct Table {
    header: csv::StringRecord,
    /// Each with its line.
    rows: Vec<(u64, csv::StringRecord)>,
}

impl Table {
    fn parse(text: &str) -> Result<Self> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let line = |position: Option<&csv::Position>| position.map_or(0, csv::Position::line);
        let broken = |error: csv::Error| match error.kind() {
            csv::ErrorKind::UnequalLengths { pos, expected_len, len } => {
                Error::file(format!("line {}: {len} fields, but the header has {expected_len}", line(pos.as_ref())))
            }
            _ => Error::file(error.to_string()),
        };
        let header = reader.headers().map_err(broken)?.clone();
        let rows = reader.into_records().map(|record| {
            let record = record.map_err(broken)?;
            Ok((line(record.position()), record))
        });
        Ok(Self { header, rows: rows.collect::<Result<_>>()? })
    }

    /// The place of the first of these columns that is there.
    fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.header.iter().position(|title| title == *name))
    }

    /// As [`Self::find`]; an error where none is there.
    fn column(&self, names: &[&str]) -> Result<usize> {
        self.find(names).ok_or_else(|| {
            let header = self.header.iter().collect::<Vec<_>>().join(", ");
            Error::file(format!("line 1: there is no column {}; the columns are {header}", names.join(" or ")))
        })
    }

    /// The items of all rows; errors get their line.
    fn items(&self, of: impl Fn(&csv::StringRecord) -> Result<Item>) -> Result<Vec<Item>> {
        self.rows.iter().map(|(line, row)| of(row).map_err(|error| error.within(format!("line {line}")))).collect()
    }
}

impl Reading<'_> {
    /// The columns of the heads' labels; each may be called in several ways.
    fn label_columns(&self, table: &Table) -> Result<Vec<usize>> {
        match self.task.labelling() {
            Labelling::Single | Labelling::Regression => Ok(vec![table.column(&["label", "class"])?]),
            Labelling::Multiple => Ok(vec![table.column(&["labels", "label", "class"])?]),
            Labelling::Heads(heads) => {
                heads.iter().map(|head| table.column(&[&format!("{}_class", head.name), &head.name])).collect()
            }
        }
    }

    /// The labels in the columns of a row.
    fn labels(&self, columns: &[usize], row: &csv::StringRecord) -> Result<Vec<usize>> {
        let heads = self.task.heads();
        if self.task.is_multiple() {
            let parts = row[columns[0]].split([';', '|']).map(str::trim).filter(|part| !part.is_empty());
            let mut labels: Vec<usize> =
                parts.map(|part| self.names.class(0, &heads[0], part)).collect::<Result<_>>()?;
            labels.sort_unstable();
            labels.dedup();
            return Ok(labels);
        }
        let label = |(place, column): (usize, &usize)| self.names.class(place, &heads[place], &row[*column]);
        columns.iter().enumerate().map(label).collect()
    }

    /// The first of `candidates` below the root that exists; the first of all where none does.
    fn find(&self, candidates: &[PathBuf]) -> PathBuf {
        let paths = candidates.iter().map(|candidate| self.root.join(candidate));
        let existing = paths.clone().find(|path| path.exists());
        existing.or_else(|| paths.clone().next()).unwrap_or_default()
    }
}

/// A name that must not break the lines of results.
fn name(text: &str) -> Result<String> {
    match text.is_empty() || text.contains(['\r', '\n']) {
        true => Err(Error::file(format!("{text:?} is no name of a video"))),
        false => Ok(text.to_owned()),
    }
}

/// `stem` with the endings that videos of data sets have, the usual one first.
fn files(folders: &[PathBuf], stem: &str, endings: &[&str]) -> Vec<PathBuf> {
    let of = |folder: &PathBuf| endings.iter().map(move |ending| (folder.clone(), ending)).collect::<Vec<_>>();
    folders.iter().flat_map(of).map(|(folder, ending)| folder.join(format!("{stem}{ending}"))).collect()
}

#[cfg(test)]
mod tests;
