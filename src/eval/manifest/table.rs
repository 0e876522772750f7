//! Plain tables.

use super::{Item, Reading, Table, name};
use crate::tensor::Result;

pub(super) fn read(reading: &Reading<'_>, text: &str) -> Result<Vec<Item>> {
    let table = Table::parse(text)?;
    let path = table.column(&["path", "video", "file"])?;
    let labels = reading.label_columns(&table)?;
    table.items(|row| {
        let name = name(&row[path])?;
        Ok(Item { path: reading.root.join(&name), part: None, labels: reading.labels(&labels, row)?, name })
    })
}
