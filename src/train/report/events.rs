//! The record for TensorBoard: a file of events, each a protocol buffer in a frame of length and checksums (TFRecord).
//!
//! A run that is resumed begins a new file. Its first event says from which step on what other files of the folder hold is
//! outdated, and TensorBoard leaves that out.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind as IoErrorKind, Write};
use std::path::{Path, PathBuf};

use crc::{CRC_32_ISCSI, Crc};
use quick_protobuf::Writer;

use super::record::{Entry, EvaluationRecord, RunHeader, StepRecord, now};
use crate::tensor::{Error, Result};

/// A file of events that is being written.
#[derive(Debug)]
pub(super) struct EventFile {
    path: PathBuf,
    file: File,
}

/// Keys of protocol buffers: the field's number, and in the last three bits how its value is written.
mod key {
    const VARINT: u32 = 0;
    const EIGHT_BYTES: u32 = 1;
    const BYTES: u32 = 2;
    const FOUR_BYTES: u32 = 5;

    /// Of an event: `wall_time`, `step`, `file_version`, `summary`, `session_log`.
    pub(super) const TIME: u32 = 1 << 3 | EIGHT_BYTES;
    pub(super) const STEP: u32 = 2 << 3 | VARINT;
    pub(super) const FILE_VERSION: u32 = 3 << 3 | BYTES;
    pub(super) const SUMMARY: u32 = 5 << 3 | BYTES;
    pub(super) const SESSION: u32 = 7 << 3 | BYTES;
    /// Of a summary: `value`; of that: `tag`, `simple_value`.
    pub(super) const VALUE: u32 = 1 << 3 | BYTES;
    pub(super) const TAG: u32 = 1 << 3 | BYTES;
    pub(super) const SIMPLE_VALUE: u32 = 2 << 3 | FOUR_BYTES;
    /// Of a session log: `status`.
    pub(super) const STATUS: u32 = 1 << 3 | VARINT;
}

/// The first event of every file holds this.
const FILE_VERSION: &str = "brain.Event:2";
/// The status of a session that starts.
const START: i32 = 1;

impl EventFile {
    /// Begins a new file in `folder` for a run that goes on after step [`RunHeader::resumed_after`].
    pub(super) fn create(folder: &Path, header: &RunHeader) -> Result<Self> {
        let (path, file) = new_file(folder)?;
        let mut events = Self { path, file };
        events.add(now(), 0, key::FILE_VERSION, FILE_VERSION.as_bytes())?;
        if header.resumed_after > 0 {
            let session = message(|fields| fields.write_with_tag(key::STATUS, |value| value.write_enum(START)))?;
            events.add(now(), header.resumed_after + 1, key::SESSION, &session)?;
        }
        Ok(events)
    }

    /// Adds the figures of a step or an evaluation; of what else a record has there are none.
    pub(super) fn append(&mut self, entry: &Entry, header: &RunHeader) -> Result<()> {
        let (time, figures) = match entry {
            Entry::Step(step) => (step.time, of_step(step)),
            Entry::Evaluation(evaluation) => (evaluation.time, of_evaluation(evaluation, header)),
            Entry::Run(_) | Entry::End(_) => return Ok(()),
        };
        let summary = message(|summary| {
            figures.iter().try_for_each(|(tag, value)| {
                let figure = message(|fields| {
                    fields.write_with_tag(key::TAG, |field| field.write_string(tag))?;
                    fields.write_with_tag(key::SIMPLE_VALUE, |field| field.write_float(*value))
                });
                let figure = figure.map_err(|error| quick_protobuf::Error::Message(error.to_string()))?;
                summary.write_with_tag(key::VALUE, |field| field.write_bytes(&figure))
            })
        })?;
        self.add(time, entry.step(), key::SUMMARY, &summary)
    }

    /// Adds an event; it is in the file when this returns.
    fn add(&mut self, time: f64, step: u64, what: u32, content: &[u8]) -> Result<()> {
        let event = message(|fields| {
            fields.write_with_tag(key::TIME, |field| field.write_double(time))?;
            fields.write_with_tag(key::STEP, |field| field.write_int64(step as i64))?;
            fields.write_with_tag(what, |field| field.write_bytes(content))
        })?;
        self.file.write_all(&framed(&event)).map_err(|error| Error::io("write", &self.path, &error))
    }
}

/// A file of a name that nobody has yet: TensorBoard reads those of a folder in the order of their names.
fn new_file(folder: &Path) -> Result<(PathBuf, File)> {
    let mut seconds = now() as u64;
    loop {
        let path = folder.join(format!("events.out.tfevents.{seconds:010}.tubelet"));
        match OpenOptions::new().append(true).create_new(true).open(&path) {
            Ok(file) => return Ok((path, file)),
            Err(error) if error.kind() == IoErrorKind::AlreadyExists => seconds += 1,
            Err(error) => return Err(Error::io("write", &path, &error)),
        }
    }
}

fn of_step(step: &StepRecord) -> Vec<(String, f32)> {
    let mut figures = vec![
        ("train/loss", step.loss),
        ("train/rate", step.rate as f32),
        ("train/clips_per_second", step.clips_per_second as f32),
        ("train/data_seconds", step.data_seconds as f32),
        ("train/compute_seconds", step.compute_seconds as f32),
    ];
    figures.extend(step.accuracy.map(|accuracy| ("train/accuracy", accuracy)));
    figures.extend(step.gradient_norm.map(|norm| ("train/gradient_norm", norm)));
    figures.into_iter().map(|(tag, value)| (tag.to_owned(), value)).collect()
}

fn of_evaluation(evaluation: &EvaluationRecord, header: &RunHeader) -> Vec<(String, f32)> {
    let mut figures = vec![("evaluation/loss".to_owned(), evaluation.loss)];
    for (head, names) in evaluation.heads.iter().zip(&header.heads) {
        let prefix = if names.head.is_empty() { String::new() } else { format!("{}_", names.head) };
        figures.push((format!("evaluation/{prefix}top-1"), head.top_1 as f32));
        figures.extend(head.top_5.map(|top_5| (format!("evaluation/{prefix}top-5"), top_5 as f32)));
    }
    figures.extend(evaluation.mean_average_precision.map(|mean| ("evaluation/mAP".to_owned(), mean as f32)));
    figures
}

/// A protocol buffer of the fields that `write` writes.
fn message(write: impl FnOnce(&mut Writer<&mut Vec<u8>>) -> quick_protobuf::Result<()>) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let written = write(&mut Writer::new(&mut bytes));
    written.map_err(|error| Error::usage(format!("an event cannot be written: {error}")))?;
    Ok(bytes)
}

/// The frame of a record: its length in 8 bytes, their checksum, its bytes, their checksum.
fn framed(record: &[u8]) -> Vec<u8> {
    let length = (record.len() as u64).to_le_bytes();
    [&length, &checksum(&length).to_le_bytes()[..], record, &checksum(record).to_le_bytes()].concat()
}

/// CRC-32C, turned and shifted, since the CRC of what contains a CRC is a weak one.
fn checksum(bytes: &[u8]) -> u32 {
    const CASTAGNOLI: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
    const SHIFT: u32 = 0xa282_ead8;
    CASTAGNOLI.checksum(bytes).rotate_right(15).wrapping_add(SHIFT)
}
