//! Plain tables.

use super::{Item, Reading, Table, name, titles};
use crate::tensor::Result;

/// Names that the column of the videos may have.
const PATHS: [&str; 3] = ["path", "video", "file"];
/// Names that the column of the labels may have, for a model without named heads.
const LABELS: [&str; 3] = ["label", "labels", "class"];

pub(super) fn read(reading: &Reading<'_>, text: &str) -> Result<Vec<Item>> {
    let table = Table::parse(text)?;
    let path = table.column(&PATHS)?;
    let labels = reading.label_columns(&table)?;
    table.items(|row| {
        let name = name(&row[path])?;
        Ok(Item::new(name.clone(), reading.path(&name), reading.labels(&labels, row)?))
    })
}

/// What parts the columns of a table with this header: a comma, unless the titles stand between tabs or semicolons.
pub(super) fn separator(header: &str) -> char {
    let parts = |separator: &char| titles(header, *separator).len() > 1;
    [',', '\t', ';'].into_iter().find(|separator| parts(separator) && is_titled(header, *separator)).unwrap_or(',')
}

/// Whether a line names columns rather than a video.
pub(super) fn is_header(line: &str) -> bool {
    is_titled(line, separator(line))
}

fn is_titled(header: &str, separator: char) -> bool {
    titles(header, separator).iter().any(|title| PATHS.iter().chain(&LABELS).any(|known| title == known))
}
