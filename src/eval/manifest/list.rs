//! Lists without a header: a video and its label a line.

use super::{Excerpt, Item, Reading, name};
use crate::tensor::{Error, Result};
use crate::vivit::Labelling;

/// Whether the first line of `text` is a path and a label: a number at its end, or something before a separator that looks
/// like a path.
pub(super) fn is_list(text: &str) -> bool {
    let Some(first) = text.lines().map(str::trim).find(|line| !line.is_empty()) else { return false };
    let fields = Separator::of(text).fields(first);
    let [path @ .., label] = &fields[..] else { return false };
    let like_a_path = |field: &String| field.contains(['.', '/', '\\']);
    !path.is_empty() && (is_number(label) || path.iter().any(like_a_path))
}

pub(super) fn read(reading: &Reading<'_>, text: &str) -> Result<Vec<Item>> {
    if let Labelling::Heads(heads) = reading.task.labelling() {
        let heads: Vec<&str> = heads.iter().map(|head| head.name.as_str()).collect();
        return Err(Error::file(format!(
            "a list without a header has one label a video, but the model has the heads {}: give a table with the header \
             path,{}",
            heads.join(", "),
            heads.join(",")
        )));
    }
    let separator = Separator::of(text);
    let lines: Vec<_> = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).collect();
    let counted = counts_frames(reading, separator, &lines);
    let item = |(number, line): &(usize, &str)| {
        item(reading, separator.fields(line.trim()), separator, counted)
            .map_err(|error| error.within(format!("line {}", number + 1)))
    };
    lines.iter().map(item).collect()
}

/// What parts the fields of all lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Separator {
    Tab,
    Comma,
    Space,
}

impl Separator {
    fn of(text: &str) -> Self {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).peekable();
        let all = |part: char| {
            let mut lines = lines.clone();
            lines.all(|line| line.contains(part))
        };
        let separator = if all('\t') {
            Self::Tab
        } else if all(',') {
            Self::Comma
        } else {
            Self::Space
        };
        lines.peek().map_or(Self::Comma, |_| separator)
    }

    fn fields(self, line: &str) -> Vec<String> {
        let delimiter = match self {
            Self::Tab => b'\t',
            Self::Comma => b',',
            Self::Space => b' ',
        };
        let mut reader = csv::ReaderBuilder::new().delimiter(delimiter).has_headers(false).from_reader(line.as_bytes());
        let record = reader.records().next().and_then(std::result::Result::ok).unwrap_or_default();
        let fields = record.iter().map(|field| field.trim().to_owned());
        match self {
            Self::Space => fields.filter(|field| !field.is_empty()).collect(),
            Self::Tab | Self::Comma => fields.collect(),
        }
    }

    /// A path that the separator may have cut.
    fn join(self, fields: &[String]) -> String {
        fields.join(if self == Self::Comma { "," } else { " " })
    }
}

fn is_number(field: &str) -> bool {
    !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether each line has a number of frames between a folder and its label, as lists of extracted frames do.
fn counts_frames(reading: &Reading<'_>, separator: Separator, lines: &[(usize, &str)]) -> bool {
    let fields: Vec<Vec<String>> = lines.iter().map(|(_, line)| separator.fields(line.trim())).collect();
    let counted = |fields: &Vec<String>| fields.len() >= 3 && is_number(&fields[1]);
    fields.iter().all(counted) && fields.iter().any(|fields| reading.path(&fields[0]).is_dir())
}

fn item(reading: &Reading<'_>, fields: Vec<String>, separator: Separator, counted: bool) -> Result<Item> {
    if fields.len() < 2 {
        return Err(Error::file(
            "this is neither a path and its label, nor is there a header with the columns path and label",
        ));
    }
    let (named, labels) = match (counted, reading.task.is_multiple()) {
        (true, _) => (1, 2),
        (false, false) => (fields.len() - 1, fields.len() - 1),
        (false, true) => {
            let labels = labels_at_the_end(reading, &fields);
            (labels, labels)
        }
    };
    let name = name(&separator.join(&fields[..named]))?;
    let labels = &fields[labels..];
    let labels = match (&reading.task.heads()[..], labels) {
        _ if reading.task.is_multiple() => {
            reading.several_labels(labels.iter().flat_map(|field| field.split([';', '|', ','])))?
        }
        ([_], [label]) => vec![reading.class(0, label)?],
        _ => return Err(Error::file(format!("there are {} labels, but the model gives one", labels.len()))),
    };
    let mut item = Item::new(name.clone(), reading.path(&name), labels);
    if counted {
        let frames = fields[1].parse().map_err(|_| Error::file("the number of frames is beyond all measure"))?;
        item.part = Some(Excerpt { frames: Some(0..frames), seconds: None });
    }
    Ok(item)
}

/// Where the labels of a multi-label model begin: the last field is one, and so are those before it that can be.
fn labels_at_the_end(reading: &Reading<'_>, fields: &[String]) -> usize {
    let is_label = |field: &String| {
        let mut parts = field.split([';', '|', ',']).filter(|part| !part.trim().is_empty());
        parts.all(|part| is_number(part.trim()) || reading.class(0, part).is_ok())
    };
    let labels = fields[1..fields.len() - 1].iter().rev().take_while(|field| is_label(field)).count();
    fields.len() - 1 - labels
}
