//! Rows of results, as lines of text.

use std::path::Path;

use serde_json::{Map, Value};

use super::text::quoted;
use super::{Prediction, TOP, Task, Top};
use crate::tensor::{Error, ErrorKind, Result, printable};
use crate::vivit::LabelHead;

/// The result of one video.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Row {
    /// The video's index in the manifest, from 0.
    pub row: usize,
    /// The video as the manifest names it.
    pub path: String,
    /// One class a head, or any number of them for a multi-label task; none where they are not known.
    pub labels: Vec<usize>,
    /// Time that decoding and computing took.
    pub seconds: f64,
    /// What the model says, or why the video could not be read.
    pub outcome: VideoOutcome,
}

impl Row {
    /// The outcome of the manifest's video `row`, counted from 0, which it calls `path`; without labels.
    pub fn new(row: usize, path: impl Into<String>, outcome: VideoOutcome) -> Self {
        Self { row, path: path.into(), labels: Vec::new(), seconds: 0.0, outcome }
    }

    /// One class a head, or any number of them for a multi-label task.
    #[must_use]
    pub fn labels(self, labels: Vec<usize>) -> Self {
        Self { labels, ..self }
    }

    /// Time that decoding and computing took.
    #[must_use]
    pub fn seconds(self, seconds: f64) -> Self {
        Self { seconds, ..self }
    }
}

/// The outcome of one video.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum VideoOutcome {
    /// What the model says of it.
    Done(Prediction),
    /// Why it could not be read.
    Failed(String),
}

/// How rows are written; [`Results`](super::Results) says what they hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// A header and a line a video; lists are parted by semicolons. `logits` are there for multi-label tasks only, whose
    /// figure needs them. A text that a spreadsheet would take for a formula, beginning with `=`, `+`, `-` or `@`, has an
    /// apostrophe before it.
    Csv,
    /// A JSON object a video, with all fields.
    JsonLines,
}

/// What a field of a row holds.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    List,
    /// A list of texts without semicolons.
    Names,
}

impl Encoding {
    /// By the name's ending, `.csv` or `.jsonl`.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let is = |extension: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension));
        if is("csv") {
            return Ok(Self::Csv);
        }
        match is("jsonl") {
            true => Ok(Self::JsonLines),
            false => Err(Error::usage(format!("the output {} must end in .csv or .jsonl", path.display()))),
        }
    }

    /// The line that a file begins with, without its end.
    pub(super) fn header(self, task: &Task) -> Result<Option<String>> {
        let names = fields(task, self).into_iter().map(|(name, _)| name);
        match self {
            Self::Csv => csv_line(names).map(Some),
            Self::JsonLines => Ok(None),
        }
    }

    /// A row as a line, without its end.
    pub(super) fn line(self, task: &Task, row: &Row) -> Result<String> {
        let object = to_object(task, row);
        match self {
            Self::JsonLines => serde_json::to_string(&object).map_err(|error| unwritable(&error)),
            Self::Csv => csv_line(fields(task, self).iter().map(|(name, kind)| cell(*kind, object.get(name)))),
        }
    }

    /// The row in a line.
    pub(super) fn parse(self, task: &Task, line: &str) -> Result<Row> {
        let object = match self {
            Self::JsonLines => serde_json::from_str(line).map_err(|error| Error::file(error.to_string()))?,
            Self::Csv => csv_object(&fields(task, self), line)?,
        };
        from_object(task, self, &object)
    }
}

fn unwritable(error: &dyn std::fmt::Display) -> Error {
    Error::new(ErrorKind::Io, format!("a row of results cannot be written: {error}"))
}

/// The fields of a row in their order.
fn fields(task: &Task, encoding: Encoding) -> Vec<(String, Kind)> {
    let mut fields: Vec<_> = [
        ("row", Kind::Number),
        ("path", Kind::Text),
        ("status", Kind::Text),
        ("error", Kind::Text),
        ("seconds", Kind::Number),
    ]
    .map(|(name, kind)| (name.to_owned(), kind))
    .to_vec();
    let top = |name: &str| {
        let field = |what: &str, kind| (format!("{name}_{what}"), kind);
        [field("top5", Kind::List), field("names", Kind::Names), field("scores", Kind::List)]
    };
    for head in task.heads() {
        if task.has_labels() {
            fields.push(match task.is_multiple() {
                true => ("labels".to_owned(), Kind::List),
                false => (head.name.clone(), Kind::Number),
            });
        }
        fields.extend(top(&head.name));
    }
    fields.extend(task.joint().iter().flat_map(|joint| top(&joint.name)));
    if has_logits(task, encoding) {
        fields.push(("logits".to_owned(), Kind::List));
    }
    fields
}

/// Whether rows hold all logits.
fn has_logits(task: &Task, encoding: Encoding) -> bool {
    task.is_multiple() || encoding == Encoding::JsonLines
}

fn to_object(task: &Task, row: &Row) -> Map<String, Value> {
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| _ = object.insert(name.to_owned(), value);
    put("row", row.row.into());
    put("path", printable(&row.path, LONGEST_PATH).into());
    let (prediction, error) = match &row.outcome {
        VideoOutcome::Done(prediction) => (Some(prediction), None),
        // Rows are lines, so nothing in them may end one.
        VideoOutcome::Failed(reason) => (None, Some(printable(reason, usize::MAX))),
    };
    put("status", if error.is_none() { "ok" } else { "failed" }.into());
    put("error", error.into());
    put("seconds", ((row.seconds * 1e3).round() / 1e3).into());
    let tops = prediction.map_or(&[][..], |prediction| &prediction.tops);
    for (index, head) in task.heads().iter().chain(&task.joint()).enumerate() {
        if task.is_multiple() && task.has_labels() {
            put("labels", row.labels.clone().into());
        } else if let Some(label) = row.labels.get(index) {
            put(&head.name, (*label).into());
        }
        let top = tops.get(index);
        put(&format!("{}_top5", head.name), top.map(|top| top.indices.clone()).into());
        put(&format!("{}_names", head.name), top.map(|top| top.names.clone()).into());
        put(&format!("{}_scores", head.name), top.map(|top| floats(&top.scores)).into());
    }
    put("logits", prediction.map(|prediction| floats(&prediction.logits)).into());
    object
}

/// Characters of a path that any system takes.
const LONGEST_PATH: usize = 4096;

/// A row's fields, as they are read.
struct Fields<'a>(&'a Map<String, Value>);

impl<'a> Fields<'a> {
    fn get<T>(&self, name: &str, read: impl Fn(&'a Value) -> Option<T>) -> Result<T> {
        let value = self.0.get(name).and_then(read);
        value.ok_or_else(|| Error::file(format!("the field {name} is missing, or is not what it should be")))
    }

    fn text(&self, name: &str) -> Result<&'a str> {
        self.get(name, Value::as_str)
    }

    fn index(&self, name: &str) -> Result<usize> {
        self.get(name, index)
    }

    fn indices(&self, name: &str) -> Result<Vec<usize>> {
        self.get(name, |value| value.as_array()?.iter().map(index).collect())
    }

    fn texts(&self, name: &str) -> Result<Vec<String>> {
        self.get(name, |value| value.as_array()?.iter().map(|text| text.as_str().map(str::to_owned)).collect())
    }

    fn floats(&self, name: &str) -> Result<Vec<f32>> {
        self.get(name, |value| value.as_array()?.iter().map(float).collect())
    }

    /// The logits of `classes` classes.
    fn logits(&self, classes: usize) -> Result<Vec<f32>> {
        let logits = self.floats("logits")?;
        match logits.len() == classes {
            true => Ok(logits),
            false => Err(Error::file(format!("it has {} logits, but there are {classes} classes", logits.len()))),
        }
    }

    fn top(&self, LabelHead { name, classes }: &LabelHead) -> Result<Top> {
        let [indices, names, scores] = ["top5", "names", "scores"].map(|what| format!("{name}_{what}"));
        let top = Top { indices: self.indices(&indices)?, scores: self.floats(&scores)?, names: self.texts(&names)? };
        let count = TOP.min(*classes);
        if !top.names.is_empty() && top.names.len() != count {
            return Err(Error::file(format!("{names} are not {count} names")));
        }
        if top.indices.len() != count || top.scores.len() != count {
            return Err(Error::file(format!("{indices} and {scores} are not {count} classes and their scores")));
        }
        match top.indices.iter().find(|index| *index >= classes) {
            Some(index) => Err(Error::file(format!("{indices} names class {index}, but {name} has {classes}"))),
            None => Ok(top),
        }
    }
}

fn from_object(task: &Task, encoding: Encoding, object: &Map<String, Value>) -> Result<Row> {
    let fields = Fields(object);
    let heads = task.heads();
    let labels = match task.is_multiple() {
        _ if !task.has_labels() => Vec::new(),
        true => fields.indices("labels")?,
        false => heads.iter().map(|head| fields.index(&head.name)).collect::<Result<_>>()?,
    };
    task.check_labels(&labels)?;
    let outcome = match fields.text("status")? {
        "failed" => VideoOutcome::Failed(fields.text("error")?.to_owned()),
        "ok" => VideoOutcome::Done(Prediction {
            tops: heads.iter().chain(&task.joint()).map(|head| fields.top(head)).collect::<Result<_>>()?,
            logits: if has_logits(task, encoding) { fields.logits(task.classes())? } else { Vec::new() },
        }),
        other => return Err(Error::file(format!("the status is {}, neither ok nor failed", quoted(other)))),
    };
    let path = fields.text("path")?.to_owned();
    Ok(Row { row: fields.index("row")?, path, labels, seconds: fields.get("seconds", Value::as_f64)?, outcome })
}

fn index(value: &Value) -> Option<usize> {
    usize::try_from(value.as_u64()?).ok()
}

/// Floats with the digits that they need and no more, from which the same ones are read.
fn floats(values: &[f32]) -> Vec<Value> {
    values.iter().map(|value| value.to_string().parse::<f64>().map_or(Value::Null, Value::from)).collect()
}

/// By way of the digits, lest the number be rounded twice.
fn float(value: &Value) -> Option<f32> {
    value.as_number()?.to_string().parse().ok()
}

fn cell(kind: Kind, value: Option<&Value>) -> String {
    let bare = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let cell = match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::Array(values)) => values.iter().map(bare).collect::<Vec<_>>().join(";"),
        Some(value) => bare(value),
    };
    match kind {
        Kind::Text | Kind::Names if is_formula(&cell) => format!("'{cell}"),
        _ => cell,
    }
}

/// Whether a spreadsheet takes the text for a formula, or would seem to have taken it for one.
fn is_formula(text: &str) -> bool {
    text.trim_start_matches('\'').starts_with(['=', '+', '-', '@'])
}

/// The text of a cell, as [`cell`] was given it.
fn text(cell: &str) -> &str {
    cell.strip_prefix('\'').filter(|text| is_formula(text)).unwrap_or(cell)
}

fn csv_line(cells: impl Iterator<Item = String>) -> Result<String> {
    let mut writer = csv::WriterBuilder::new().from_writer(Vec::new());
    writer.write_record(cells.collect::<Vec<_>>()).map_err(|error| unwritable(&error))?;
    let bytes = writer.into_inner().map_err(|error| unwritable(&error))?;
    let line = String::from_utf8(bytes).map_err(|error| unwritable(&error))?;
    Ok(line.trim_end_matches('\n').to_owned())
}

fn csv_object(fields: &[(String, Kind)], line: &str) -> Result<Map<String, Value>> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(line.as_bytes());
    let record = reader.records().next().and_then(std::result::Result::ok).unwrap_or_default();
    if record.len() != fields.len() {
        return Err(Error::file(format!("it has {} fields instead of {}", record.len(), fields.len())));
    }
    let value = |kind: Kind, cell: &str| match kind {
        Kind::Text => Some(text(cell).into()),
        Kind::Names if cell.is_empty() => Some(Value::Array(Vec::new())),
        Kind::Names => Some(text(cell).split(';').collect()),
        Kind::Number => serde_json::from_str(cell).ok(),
        Kind::List => serde_json::from_str(&format!("[{}]", cell.replace(';', ","))).ok(),
    };
    let fields = fields.iter().zip(&record);
    Ok(fields.filter_map(|((name, kind), cell)| Some((name.clone(), value(*kind, cell)?))).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::vivit::Labelling;

    fn tasks() -> [Task; 3] {
        let head = |name: &str, classes| LabelHead { name: name.to_owned(), classes };
        [
            Task::new(Labelling::Single, 7).unwrap(),
            Task::new(Labelling::Multiple, 7).unwrap(),
            Task::new(Labelling::Heads(vec![head("verb", 3), head("noun", 4)]), 7).unwrap(),
        ]
    }

    fn row(task: &Task, logits: &[f32], path: &str) -> Row {
        let labels = if task.is_multiple() { vec![6, 0, 2] } else { vec![2; task.heads().len()] };
        let outcome = VideoOutcome::Done(Prediction::new(task, logits.to_vec(), None).unwrap());
        Row { row: 12, path: path.to_owned(), labels, seconds: 0.125, outcome }
    }

    #[test]
    fn lines_are_legible() {
        let [single, _, heads] = tasks();
        let logits = [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 0.1];
        let header = Encoding::Csv.header(&heads).unwrap().unwrap();
        assert_eq!(
            header,
            "row,path,status,error,seconds,verb,verb_top5,verb_names,verb_scores,noun,noun_top5,noun_names,noun_scores,\
             action_top5,action_names,action_scores"
        );
        let line = Encoding::Csv.line(&single, &row(&single, &logits, "a, b.mp4")).unwrap();
        assert!(line.starts_with("12,\"a, b.mp4\",ok,,0.125,2,5;4;3;2;1,,0.63"), "{line}");
        let line = Encoding::JsonLines.line(&single, &row(&single, &logits, "a.mp4")).unwrap();
        assert!(line.starts_with(r#"{"row":12,"path":"a.mp4","status":"ok","error":null,"seconds":0.125,"label":2,"#));
        assert!(line.ends_with(r#""logits":[0.0,1.0,2.0,3.0,4.0,5.0,0.1]}"#), "{line}");
    }

    #[test]
    fn failures_keep_their_reason_on_one_line() {
        for task in tasks() {
            for encoding in [Encoding::Csv, Encoding::JsonLines] {
                let failed = VideoOutcome::Failed("cut off,\nffmpeg says: \"eof\"\r\n".into());
                let failed = Row { outcome: failed, ..row(&task, &[0.0; 7], "x.mp4") };
                let line = encoding.line(&task, &failed).unwrap();
                assert!(!line.contains('\n'));
                let read = encoding.parse(&task, &line).unwrap();
                assert_eq!(read.outcome, VideoOutcome::Failed("cut off, ffmpeg says: \"eof\"  ".into()));
                assert_eq!(read.labels, failed.labels);
            }
        }
    }

    #[test]
    fn names_stand_beside_their_classes() {
        let names = ["=cmd|'/c calc'!A0", "a;b", "\u{1b}[31mred\u{202e}", "d", "e", "f", "'-g"].map(str::to_owned);
        for task in tasks() {
            let logits: Vec<f32> = (0..7).map(|class| 7.0 - class as f32).collect();
            let prediction = Prediction::new(&task, logits, Some(&names)).unwrap();
            if task.heads().len() == 1 {
                assert_eq!(prediction.tops[0].names, ["=cmd|'/c calc'!A0", "a,b", "red", "d", "e"]);
            } else {
                assert_eq!(prediction.tops[2].names[0], "=cmd|'/c calc'!A0, d");
            }
            let labels = if task.is_multiple() { vec![1] } else { vec![0; task.heads().len()] };
            let outcome = VideoOutcome::Done(prediction);
            let row = Row { row: 0, path: "-x.mp4".into(), labels, seconds: 0.0, outcome };
            let line = Encoding::Csv.line(&task, &row).unwrap();
            assert!(line.contains(",'=cmd") || line.contains(",\"'=cmd"), "{line}");
            assert!(line.starts_with("0,'-x.mp4,ok"), "{line}");
            for encoding in [Encoding::Csv, Encoding::JsonLines] {
                let read = encoding.parse(&task, &encoding.line(&task, &row).unwrap()).unwrap();
                let (VideoOutcome::Done(read), VideoOutcome::Done(written)) = (read.outcome, &row.outcome) else {
                    panic!()
                };
                assert_eq!(read.tops, written.tops);
            }
        }
    }

    #[test]
    fn formulas_are_told_from_texts() {
        for (given, written) in [("a-b", "a-b"), ("-b", "'-b"), ("'-b", "''-b"), ("'b", "'b"), ("@", "'@"), ("'", "'")]
        {
            let cell = cell(Kind::Text, Some(&given.into()));
            assert_eq!((cell.as_str(), text(&cell)), (written, given));
        }
        assert_eq!(cell(Kind::Number, Some(&(-1).into())), "-1");
    }

    #[test]
    fn damaged_lines_are_errors() {
        let [single, ..] = tasks();
        for encoding in [Encoding::Csv, Encoding::JsonLines] {
            let line = encoding.line(&single, &row(&single, &[0.0; 7], "x.mp4")).unwrap();
            for damaged in [line.replace("ok", "fine"), line.replacen("12", "-1", 1), line[..line.len() / 2].to_owned()]
            {
                assert!(encoding.parse(&single, &damaged).is_err(), "{damaged}");
            }
        }
        assert!(Encoding::of("a.txt".as_ref()).is_err());
        assert_eq!(Encoding::of("a.JSONL".as_ref()).unwrap(), Encoding::JsonLines);
    }

    #[test]
    fn logits_and_classes_that_the_task_does_not_have_are_errors() {
        let logits = [6.0, 5.0, 4.0, 3.0, 2.0, 1.0, 0.5];
        let [single, multiple, _] = tasks();
        let refused = |encoding: Encoding, task: &Task, from: &str, to: &str| {
            let line = encoding.line(task, &row(task, &logits, "x.mp4")).unwrap();
            assert!(encoding.parse(task, &line).is_ok() && line.contains(from), "{line}");
            encoding.parse(task, &line.replacen(from, to, 1)).unwrap_err().to_string()
        };
        for (encoding, task, more) in [
            (Encoding::JsonLines, &single, "1.0,0.5,0.25"),
            (Encoding::JsonLines, &multiple, "1.0,0.5,0.25"),
            (Encoding::Csv, &multiple, "1.0;0.5;0.25"),
        ] {
            let last = &more[..7];
            assert!(refused(encoding, task, last, more).contains("8 logits"));
            assert!(refused(encoding, task, last, &more[..3]).contains("6 logits"));
        }
        for task in [&single, &multiple] {
            assert!(refused(Encoding::JsonLines, task, "\"logits\"", "\"others\"").contains("logits is missing"));
        }
        assert!(refused(Encoding::Csv, &single, "0;1;2;3;4", "0;1;2;3;7").contains("names class 7"));
        assert!(refused(Encoding::Csv, &single, "0;1;2;3;4", "0;1;2;3").contains("not 5 classes"));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            logits in prop::collection::vec(-1e30f32..1e30, 7), small in -1f32..1.0, path in "[ -~é映]{1,20}",
        ) {
            let logits: Vec<f32> = logits.into_iter().enumerate().map(|(n, x)| if n % 2 == 0 { x } else { x * 1e-30 + small }).collect();
            for task in tasks() {
                let row = row(&task, &logits, &path);
                let line = Encoding::JsonLines.line(&task, &row).unwrap();
                prop_assert_eq!(&Encoding::JsonLines.parse(&task, &line).unwrap(), &row);
                let line = Encoding::Csv.line(&task, &row).unwrap();
                let mut read = Encoding::Csv.parse(&task, &line).unwrap();
                if let (VideoOutcome::Done(read), VideoOutcome::Done(written)) = (&mut read.outcome, &row.outcome)
                    && !task.is_multiple()
                {
                    prop_assert!(read.logits.is_empty());
                    read.logits = written.logits.clone();
                }
                prop_assert_eq!(&read, &row);
            }
        }
    }
}
