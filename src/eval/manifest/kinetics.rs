//! The annotations of Kinetics.

use std::path::PathBuf;

use super::{Item, Reading, Table, files, name};
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
            folders.extend(folders.clone().into_iter().map(|folder| PathBuf::from(split).join(folder)));
        }
        let path = reading.find(&files(&folders, &stem, &ENDINGS));
        Ok(Item { name: stem, path, part: None, labels: reading.labels(&labels, row)? })
    })
}

/// A whole second, however it is written: `12`, or `12.0`.
fn second(text: &str) -> Result<u64> {
    let seconds = text.parse::<f64>().ok().filter(|seconds| (0.0..1e6).contains(seconds));
    seconds.map(|seconds| seconds as u64).ok_or_else(|| Error::file(format!("{text:?} is no time in seconds")))
}
