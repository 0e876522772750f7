//! The annotations of EPIC-KITCHENS-100.

use std::ops::Range;
use std::path::PathBuf;

use super::{Excerpt, Item, Reading, Table, files, name};
use crate::eval::text::quoted;
use crate::tensor::{Error, Result};

/// Of cut and of whole videos; those of the data set are called `.MP4`.
const ENDINGS: [&str; 3] = [".mp4", ".MP4", ".webm"];

pub(super) fn read(reading: &Reading<'_>, text: &str) -> Result<Vec<Item>> {
    let table = Table::parse(text)?;
    let (narration, video) = (table.column(&["narration_id"])?, table.column(&["video_id"])?);
    let participant = table.find(&["participant_id"]);
    let pair = |start: &str, stop: &str| table.find(&[start]).zip(table.find(&[stop]));
    let (frames, times) = (pair("start_frame", "stop_frame"), pair("start_timestamp", "stop_timestamp"));
    if frames.is_none() && times.is_none() {
        table.column(&["start_frame", "start_timestamp"])?;
    }
    let labels = reading.label_columns(&table)?;
    table.items(|row| {
        let (name, video) = (name(&row[narration])?, PathBuf::from(&row[video]));
        let labels = reading.labels(&labels, row)?;
        let kitchen = participant.map_or_else(PathBuf::new, |column| PathBuf::from(&row[column]));
        let cut = files(&[PathBuf::new(), kitchen.clone(), video.clone()], &name, &ENDINGS);
        if let Some(path) = cut.iter().map(|path| reading.root.join(path)).find(|path| path.exists()) {
            return Ok(Item::new(name, path, labels));
        }
        let stem = video.display().to_string();
        let folders = [PathBuf::new(), kitchen.clone(), kitchen.join("videos")];
        let folder_of_frames = kitchen.join("rgb_frames").join(&video);
        let mut whole = vec![folder_of_frames, kitchen.join(&video), video];
        whole.extend(files(&folders, &stem, &ENDINGS));
        let path = reading.find(&whole);
        let part = Excerpt {
            frames: frames.map(|(start, stop)| frame_range(&row[start], &row[stop])).transpose()?,
            seconds: times.map(|(start, stop)| Ok(seconds(&row[start])?..seconds(&row[stop])?)).transpose()?,
        };
        Ok(Item { part: Some(part), ..Item::new(name, path, labels) })
    })
}

/// Frames are counted from 1 in the annotations, and the last is meant too.
fn frame_range(start: &str, stop: &str) -> Result<Range<usize>> {
    let number = |text: &str| {
        text.parse::<usize>()
            .map_err(|_| Error::file(format!("{} is no number of a frame, counted from 1", quoted(text))))
    };
    Ok(number(start)?.saturating_sub(1)..number(stop)?)
}

/// `00:01:02.50` in seconds.
fn seconds(text: &str) -> Result<f64> {
    let parts = text.split(':').map(|part| part.parse::<f64>().ok().filter(|part| (0.0..1e6).contains(part)));
    let parts: Option<Vec<f64>> = parts.collect();
    let total =
        parts.filter(|parts| parts.len() <= 3).map(|parts| parts.iter().fold(0.0, |sum, part| 60.0 * sum + part));
    total.ok_or_else(|| Error::file(format!("{} is no time such as 00:01:02.50", quoted(text))))
}
