//! The annotations of Kinetics.

use std::path::PathBuf;

use super::{Item, Reading, Table, files, name};
use crate::eval::text::quoted;
use crate::tensor::{Error, Result};

/// As videos are cut and stored by the usual tools; the first is that of the published archives.
const ENDINGS: [&str; 4] = [".mp4", ".mkv", ".webm", ".avi"];

pub(super) fn read(reading: &Reading<'_>, text: &str) -> Result<Vec<Item>> {
    let table = Table::parse(text)?;
    let [id, start, end] = ["youtube_id", "time_start", "time_end"].map(|title| table.column(&[title]));
    let (id, start, end, split) = (id?, start?, end?, table.find(&["split"]));
    let (labels, label) = (reading.label_columns(&table)?, table.column(&["label"])?);
    table.items(|row| {
        let stem = name(&format!("{}_{:06}_{:06}", &row[id], second(&row[start])?, second(&row[end])?))?;
        let class = row[label].trim_matches('"');
        let mut folders = vec![PathBuf::new(), class.into(), class.replace(' ', "_").into()];
        if let Some(split) = split.map(|split| &row[split]) {
            let below =
                |split: &str| folders.iter().map(|folder| PathBuf::from(split).join(folder)).collect::<Vec<_>>();
            let below: Vec<_> = split_folders(split).into_iter().flat_map(below).collect();
            folders.extend(below);
        }
        let path = reading.find(&files(&folders, &stem, &ENDINGS));
        Ok(Item::new(stem, path, reading.labels(&labels, row)?))
    })
}

/// What folders of each split are called by those who publish the data set and those who download it.
const SPLITS: [&[&str]; 3] =
    [&["train", "training"], &["val", "validate", "validation", "valid"], &["test", "testing"]];

/// Whether a folder of this name holds a split.
pub(super) fn is_split(folder: &str) -> bool {
    SPLITS.iter().any(|names| names.contains(&folder))
}

/// The folders that may hold a split, the one called as it first.
fn split_folders(split: &str) -> Vec<&str> {
    let known = SPLITS.iter().find(|names| names.contains(&split));
    let others = known.into_iter().flat_map(|names| names.iter().copied()).filter(|name| *name != split);
    [split].into_iter().chain(others).collect()
}

/// A whole second, however it is written: `12`, or `12.0`.
fn second(text: &str) -> Result<u64> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..1e6).contains(seconds));
    seconds.map(|seconds| seconds as u64).ok_or_else(|| Error::file(format!("{} is no time in seconds", quoted(text))))
}
