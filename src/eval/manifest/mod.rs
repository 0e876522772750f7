//! Which videos are evaluated, and what they show.

mod class_folders;
mod confinement;
mod epic_kitchens;
mod found;
mod kinetics;
mod list;
mod something_something;
mod table;

use std::path::{Path, PathBuf};
use std::{fmt, ops::Range, str::FromStr};

pub use found::FoundClasses;
use found::Meaning;

use super::identity::Hash;
use super::text::{quoted, read_text};
use super::{ClassNames, Task};
use crate::tensor::{Error, Result, printable};
use crate::video::{FrameSource, OpenOptions, Segment};
use crate::vivit::Labelling;

/// How a manifest is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ManifestFormat {
    /// CSV with a header: `path` (relative to the manifest, or to the root), and `label`, a number or a class name; `labels`
    /// parted by `;` or `|` for a multi-label model, or a column for each of several heads, called as it is. Tabs or
    /// semicolons may part the columns.
    Table,
    /// A video and its label a line, without a header, parted by tabs, commas or spaces, as mmaction2, SlowFast and VideoMAE
    /// have it; or a folder of frames, how many there are, and the label. Several labels follow each other for a
    /// multi-label model.
    List,
    /// The annotations of Kinetics: `label,youtube_id,time_start,time_end[,split]`. Videos are called
    /// `ID_000001_000011.mp4` as usual, beside each other or in a folder a class, a split, or both.
    Kinetics,
    /// The annotations of Something-Something v2: a JSON list of `id` and `template`. Videos are called `ID.webm`.
    SomethingSomething,
    /// The annotations of EPIC-KITCHENS-100. Videos are cut and called as `narration_id`, or whole and called as
    /// `video_id`: files, or folders of all frames.
    EpicKitchens,
    /// A folder for each class, called as it is, that holds its videos; in subfolders too.
    ClassFolders,
}

impl ManifestFormat {
    /// Every format.
    pub const ALL: &'static [Self] =
        &[Self::Table, Self::List, Self::Kinetics, Self::SomethingSomething, Self::EpicKitchens, Self::ClassFolders];

    /// The name as it is written on a command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::List => "list",
            Self::Kinetics => "kinetics",
            Self::SomethingSomething => "something-something",
            Self::EpicKitchens => "epic-kitchens",
            Self::ClassFolders => "class-folders",
        }
    }
}

impl fmt::Display for ManifestFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ManifestFormat {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|format| format.name() == name.replace('_', "-")).ok_or_else(|| {
            let names = Self::ALL.iter().map(|one| one.name()).collect::<Vec<_>>().join(", ");
            Error::usage(format!("no manifest format is called {}; there are {names}", quoted(name)))
        })
    }
}

/// The part of a video that is meant, where it is not all.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Excerpt {
    /// The range in frames of the original video.
    pub frames: Option<Range<usize>>,
    /// The range in seconds.
    pub seconds: Option<Range<f64>>,
}

/// A video of a manifest.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Item {
    /// As the manifest names it.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// The part that is meant; `None` for all of it.
    pub part: Option<Excerpt>,
    /// One class a head, or any number of them for a multi-label task.
    pub labels: Vec<usize>,
    /// Why it is not to be opened: a manifest names a path outside the folder that it was confined to.
    pub refusal: Option<String>,
}

impl Item {
    /// A whole video.
    pub fn new(name: String, path: PathBuf, labels: Vec<usize>) -> Self {
        Self { name, path, part: None, labels, refusal: None }
    }

    /// Opens the video, or its part, as `options` say.
    ///
    /// A part of a file is found by its times where the manifest gives them and the file has some, since files are often
    /// not of the original rate; by its frame numbers otherwise.
    pub fn open(&self, options: &OpenOptions) -> Result<Box<dyn FrameSource>> {
        if let Some(refusal) = &self.refusal {
            return Err(Error::file(refusal.clone()));
        }
        // A manifest means a file, however it is called, and not what the program is fed with.
        let path = if self.path == Path::new("-") { Path::new("./-") } else { &self.path };
        let mut source = options.open(path)?;
        let Some(part) = &self.part else { return Ok(source) };
        let timed = source.times()?.is_some();
        let segment = match (&part.seconds, &part.frames) {
            (Some(seconds), _) if timed => Segment::from_seconds(source, seconds.clone()),
            (_, Some(frames)) => Segment::new(source, frames.clone()),
            _ => Err(Error::file("it has no times, so a part cannot be found by them")),
        };
        Ok(Box::new(segment.map_err(|error| error.within(self.path.display()))?))
    }
}

/// Labelled videos.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    format: ManifestFormat,
    items: Vec<Item>,
    names: ClassNames,
}

/// Where videos are looked for, and how labels are understood.
struct Reading<'a> {
    root: PathBuf,
    /// Whether the root was named, so that nothing outside it is meant.
    confined: bool,
    task: &'a Task,
    meaning: Meaning<'a>,
}

impl Manifest {
    /// Videos that a program lists itself, with the names of the classes that their labels are the numbers of.
    pub fn new(items: impl IntoIterator<Item = Item>, names: &ClassNames) -> Self {
        Self { format: ManifestFormat::List, items: items.into_iter().collect(), names: names.clone() }
    }

    /// Videos of which nothing is known but where they are.
    pub fn unlabelled(videos: impl IntoIterator<Item = PathBuf>, task: &Task) -> Self {
        let item = |path: PathBuf| Item::new(path.display().to_string(), path, Vec::new());
        Self::new(videos.into_iter().map(item), &ClassNames::none(task))
    }

    /// Reads the manifest at `path`, a file or a folder of class folders. Without a `format`, its beginning decides. Without a
    /// `root`, paths are relative to the folder that holds it; with one, the manifest names nothing outside it: see
    /// [`Item::refusal`].
    ///
    /// # Errors
    ///
    /// One sentence with the file and the line where a column is missing or a label is none of the task's.
    pub fn read(
        path: impl AsRef<Path>,
        format: Option<ManifestFormat>,
        root: Option<&Path>,
        task: &Task,
        names: &ClassNames,
    ) -> Result<Self> {
        let path = path.as_ref();
        let folder = root.or(path.parent()).unwrap_or(Path::new("")).to_owned();
        let meaning = Meaning::Known(names);
        let reading = Reading { root: folder, confined: root.is_some(), task, meaning };
        let (format, mut items) = reading.items(path, format)?;
        if let Some(root) = root {
            confinement::confine(root, &mut items);
        }
        match items.is_empty() {
            true => Err(Error::file(format!("{} lists no video", path.display()))),
            false => Ok(Self { format, items, names: names.clone() }),
        }
    }

    /// The same manifest with only these of its videos.
    pub(crate) fn of_items(&self, items: Vec<Item>) -> Self {
        Self { format: self.format, items, names: self.names.clone() }
    }

    /// How it was written.
    pub fn format(&self) -> ManifestFormat {
        self.format
    }

    /// The class names by which it was read.
    pub fn names(&self) -> &ClassNames {
        &self.names
    }

    /// Videos that lie outside `root` although their paths do not say so: links lead there.
    pub fn linked_outside(&self, root: impl AsRef<Path>) -> Vec<&Item> {
        confinement::linked_outside(root.as_ref(), &self.items)
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
fn detect(text: &str) -> ManifestFormat {
    if text.trim_start().starts_with('[') {
        return ManifestFormat::SomethingSomething;
    }
    let header = text.lines().next().unwrap_or("");
    let has = |column: &str| titles(header, table::separator(header)).iter().any(|title| title == column);
    if has("youtube_id") {
        ManifestFormat::Kinetics
    } else if has("narration_id") {
        ManifestFormat::EpicKitchens
    } else if !table::is_header(header) && list::is_list(text) {
        ManifestFormat::List
    } else {
        ManifestFormat::Table
    }
}

/// What the columns of a header are called, in small letters.
fn titles(header: &str, separator: char) -> Vec<String> {
    header.split(separator).map(|title| title.trim().trim_matches('"').to_lowercase()).collect()
}

/// Characters of a header in a sentence.
const LONGEST_HEADER: usize = 200;

/// A table with named columns.
struct Table {
    header: csv::StringRecord,
    /// Each with its line.
    rows: Vec<(u64, csv::StringRecord)>,
}

impl Table {
    fn parse(text: &str) -> Result<Self> {
        let separator = table::separator(text.lines().next().unwrap_or("")) as u8;
        let mut reader =
            csv::ReaderBuilder::new().delimiter(separator).trim(csv::Trim::All).from_reader(text.as_bytes());
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

    /// The index of the first of these columns that is there.
    fn find(&self, names: &[&str]) -> Option<usize> {
        names.iter().find_map(|name| self.header.iter().position(|title| title.eq_ignore_ascii_case(name)))
    }

    /// As [`Self::find`]; an error where none is there.
    fn column(&self, names: &[&str]) -> Result<usize> {
        self.find(names).ok_or_else(|| {
            let header = printable(&self.header.iter().collect::<Vec<_>>().join(", "), LONGEST_HEADER);
            let names = names.join(" or ");
            Error::file(format!("line 1: there is no column {names}; the columns are {header}"))
        })
    }

    /// The items of all rows; errors get their line.
    fn items(&self, of: impl Fn(&csv::StringRecord) -> Result<Item>) -> Result<Vec<Item>> {
        self.rows.iter().map(|(line, row)| of(row).map_err(|error| error.within(format!("line {line}")))).collect()
    }
}

impl Reading<'_> {
    /// The videos of the manifest at `path`, and how it is written.
    fn items(&self, path: &Path, format: Option<ManifestFormat>) -> Result<(ManifestFormat, Vec<Item>)> {
        if path.is_dir() || format == Some(ManifestFormat::ClassFolders) {
            let items = class_folders::read(self, path)?;
            return Ok((ManifestFormat::ClassFolders, items));
        }
        let text = read_text(path)?;
        let format = format.unwrap_or_else(|| detect(&text));
        let items = match format {
            ManifestFormat::Table => table::read(self, &text),
            ManifestFormat::List => list::read(self, &text),
            ManifestFormat::Kinetics => kinetics::read(self, &text),
            ManifestFormat::SomethingSomething => something_something::read(self, &text),
            ManifestFormat::EpicKitchens => epic_kitchens::read(self, &text),
            ManifestFormat::ClassFolders => class_folders::read(self, path),
        };
        Ok((format, items.map_err(|error| error.within(path.display()))?))
    }

    /// The class of a head that a label means.
    fn class(&self, head: usize, label: &str) -> Result<usize> {
        self.meaning.class(head, &self.task.heads()[head], label)
    }

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
        if self.task.is_multiple() {
            return self.several_labels(row[columns[0]].split([';', '|']));
        }
        columns.iter().enumerate().map(|(head, column)| self.class(head, &row[*column])).collect()
    }

    /// The labels of a video of a multi-label task.
    fn several_labels<'t>(&self, texts: impl Iterator<Item = &'t str>) -> Result<Vec<usize>> {
        let texts = texts.map(str::trim).filter(|text| !text.is_empty());
        let mut labels: Vec<usize> = texts.map(|text| self.class(0, text)).collect::<Result<_>>()?;
        labels.sort_unstable();
        labels.dedup();
        Ok(labels)
    }

    /// Where a video of this name is: below the root, or in the user's own folder where it begins with `~/`.
    fn path(&self, name: &str) -> PathBuf {
        let path = self.root.join(name);
        match name.strip_prefix("~/").zip(std::env::home_dir()) {
            Some((rest, home)) if !self.confined && !path.exists() => home.join(rest),
            _ => path,
        }
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
        true => Err(Error::file(format!("{} is no name of a video", quoted(text)))),
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
