//! Class names, from the files in which data sets publish them.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use serde_json::Value;

use super::Task;
use super::text::{quoted, read_text};
use crate::tensor::{Error, Result};
use crate::vivit::{LabelHead, Labelling};

/// The names of each head's classes; a head may have none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClassNames {
    heads: Vec<Names>,
}

/// The names of one head's classes, in order.
#[derive(Clone, Debug, Default, PartialEq)]
struct Names {
    names: Vec<String>,
    /// The class of each name in its plain form; `None` for a form that several names share.
    by_name: HashMap<String, Option<usize>>,
}

impl ClassNames {
    /// No names: only numbers are understood.
    pub fn none(task: &Task) -> Self {
        Self { heads: vec![Names::default(); task.heads().len()] }
    }

    /// The names of all classes in the order of the logits, those of several heads one after the other.
    ///
    /// An error where there are more or fewer than classes.
    pub fn new(task: &Task, names: Vec<String>) -> Result<Self> {
        let heads = task.heads();
        let classes: usize = heads.iter().map(|head| head.classes).sum();
        if names.len() != classes {
            let found = names.len();
            return Err(Error::file(format!("there are {found} names, but the model has {classes} classes")));
        }
        let mut names = names.into_iter();
        let heads = heads.iter().map(|head| Names::new(head, names.by_ref().take(head.classes).collect()));
        Ok(Self { heads: heads.collect::<Result<_>>()? })
    }

    /// Reads class names from a file:
    ///
    /// - text: a class a line, in the order of the logits
    /// - `.json`: a list, or an object from names to numbers (Something-Something), from numbers to names (`id2label`),
    ///   or holding `id2label` (a model's `config.json`); for several heads an object with one of these for each
    /// - `.csv`: a column `id` and one of `name`, `key`, `label` (Kinetics, EPIC-KITCHENS-100)
    ///
    /// # Errors
    ///
    /// A file that is none of these, or has more or fewer names than the model has classes.
    pub fn read(path: impl AsRef<Path>, task: &Task) -> Result<Self> {
        let path = path.as_ref();
        let text = read_text(path)?;
        let is = |extension: &str| path.extension().is_some_and(|found| found.eq_ignore_ascii_case(extension));
        let names = if is("json") {
            Self::from_json(&text, task)
        } else if is("csv") {
            from_csv(&text).and_then(|names| Self::new(task, names))
        } else {
            let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
            Self::new(task, lines.map(str::to_owned).collect())
        };
        names.map_err(|error| error.within(path.display()))
    }

    fn from_json(text: &str, task: &Task) -> Result<Self> {
        let value: Value = serde_json::from_str(text).map_err(|error| Error::file(format!("no JSON: {error}")))?;
        match task.labelling() {
            Labelling::Heads(heads) => {
                let of = |head: &LabelHead| {
                    let value = value.get(&head.name).ok_or_else(|| {
                        Error::file(format!("there is no key {:?}; names are needed for {}", head.name, known(heads)))
                    })?;
                    Names::new(head, list(value)?)
                };
                Ok(Self { heads: heads.iter().map(of).collect::<Result<_>>()? })
            }
            _ => Self::new(task, list(value.get("id2label").unwrap_or(&value))?),
        }
    }

    /// The name of a class, where it has one.
    pub fn name(&self, head: usize, class: usize) -> Option<&str> {
        self.heads.get(head)?.names.get(class).map(String::as_str)
    }

    /// The names of all classes in the order of the logits; `None` where a head has none.
    pub fn all(&self) -> Option<Vec<String>> {
        let known = !self.heads.is_empty() && self.heads.iter().all(|head| !head.names.is_empty());
        known.then(|| self.heads.iter().flat_map(|head| head.names.clone()).collect())
    }

    /// The class that `text` means: a name, whatever its case, underscores, quotes and square brackets, else a number.
    pub(crate) fn class(&self, index: usize, head: &LabelHead, text: &str) -> Result<usize> {
        let text = text.trim();
        let names = self.heads.get(index);
        match names.and_then(|names| names.find(text)) {
            Some(Some(class)) => return Ok(class),
            Some(None) => {
                let (head, text) = (&head.name, quoted(text));
                return Err(Error::file(format!("the {head} {text} could be several classes")));
            }
            None => {}
        }
        match text.parse::<usize>() {
            Ok(class) if class < head.classes => Ok(class),
            Ok(class) => Err(Error::file(format!(
                "{} {class} is beyond the model's {} classes, which are counted from 0",
                head.name, head.classes
            ))),
            Err(_) if names.is_none_or(|names| names.names.is_empty()) => Err(Error::file(format!(
                "{} {} is no number, and there are no class names to look it up in; give them with --labels FILE",
                head.name,
                quoted(text)
            ))),
            Err(_) => Err(Error::file(format!(
                "{} {} is neither a number nor a known class name; other names can be given with --labels FILE",
                head.name,
                quoted(text)
            ))),
        }
    }
}

impl Names {
    fn new(head: &LabelHead, names: Vec<String>) -> Result<Self> {
        if names.len() != head.classes {
            let (found, wanted) = (names.len(), head.classes);
            return Err(Error::file(format!(
                "there are {found} names, but the model's {} has {wanted} classes",
                head.name
            )));
        }
        let mut by_name = HashMap::new();
        for (class, name) in names.iter().enumerate() {
            by_name.entry(plain(name)).and_modify(|known| *known = None).or_insert(Some(class));
        }
        Ok(Self { names, by_name })
    }

    fn find(&self, text: &str) -> Option<Option<usize>> {
        let exact = self.names.iter().position(|name| name == text);
        exact.map(Some).or_else(|| self.by_name.get(&plain(text)).copied())
    }
}

/// A name without what data sets write it with in one file and without in another: capitals, underscores, the brackets
/// of Something-Something's placeholders, quotes.
fn plain(name: &str) -> String {
    let kept = name.chars().filter(|next| !matches!(next, '[' | ']' | '"'));
    let spaced: String = kept.map(|next| if next == '_' { ' ' } else { next }).collect();
    spaced.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

fn known(heads: &[LabelHead]) -> String {
    heads.iter().map(|head| head.name.as_str()).collect::<Vec<_>>().join(", ")
}

/// Names in the order of their classes.
fn list(value: &Value) -> Result<Vec<String>> {
    let wrong = || Error::file("class names are a list, or an object of names and numbers, counted from 0");
    let text = |value: &Value| value.as_str().map(str::to_owned).ok_or_else(wrong);
    let object = match value {
        Value::Array(names) => return names.iter().map(text).collect(),
        Value::Object(object) => object,
        _ => return Err(wrong()),
    };
    let number = |value: &Value| value.as_u64().or_else(|| value.as_str()?.parse().ok());
    let numbered = object.iter().map(|(key, value)| match (number(value), key.parse()) {
        (Some(number), _) => Ok((number, key.clone())),
        (None, Ok(number)) => Ok((number, text(value)?)),
        (None, Err(_)) => Err(wrong()),
    });
    in_order(numbered.collect::<Result<_>>()?)
}

fn in_order(numbered: Vec<(u64, String)>) -> Result<Vec<String>> {
    let count = numbered.len();
    let names: BTreeMap<u64, String> = numbered.into_iter().collect();
    match names.last_key_value() {
        Some((last, _)) if names.len() == count && *last + 1 == count as u64 => Ok(names.into_values().collect()),
        _ => Err(Error::file(format!("{count} classes must have the numbers 0 to {}", count.saturating_sub(1)))),
    }
}

fn from_csv(text: &str) -> Result<Vec<String>> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let broken = |error: csv::Error| Error::file(format!("no table: {error}"));
    let header = reader.headers().map_err(broken)?.clone();
    let column = |names: &[&str]| names.iter().find_map(|name| header.iter().position(|title| title == *name));
    let (Some(id), Some(name)) = (column(&["id"]), column(&["name", "key", "label"])) else {
        return Err(Error::file("a table of class names has a column id and one of name, key, label"));
    };
    let numbered = reader.records().map(|record| {
        let record = record.map_err(broken)?;
        let id =
            record[id].parse().map_err(|_| Error::file(format!("{} is no number of a class", quoted(&record[id]))))?;
        Ok((id, record[name].to_owned()))
    });
    in_order(numbered.collect::<Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(name: &str, text: &str, task: &Task) -> Result<ClassNames> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        ClassNames::read(&path, task)
    }

    fn pair() -> Task {
        let head = |name: &str| LabelHead { name: name.to_owned(), classes: 2 };
        Task::new(Labelling::Heads(vec![head("noun"), head("verb")]), 4).unwrap()
    }

    #[test]
    fn every_way_of_writing_a_list() {
        let task = Task::new(Labelling::Single, 3).unwrap();
        for (file, text) in [
            ("names.txt", "tap\nopen door\r\n\ncut\n"),
            ("names.json", r#"["tap", "open door", "cut"]"#),
            ("labels.json", r#"{"open door": "1", "cut": "2", "tap": "0"}"#),
            ("map.json", r#"{"2": "cut", "0": "tap", "1": "open door"}"#),
            ("config.json", r#"{"id2label": {"2": "cut", "0": "tap", "1": "open door"}, "hidden_size": 768}"#),
            ("classes.csv", "id,key,instances\n0,tap,\"['tap']\"\n2,cut,[]\n1,open door,[]\n"),
        ] {
            let names = read(file, text, &task).unwrap();
            let found: Vec<_> = (0..4).map(|class| names.name(0, class)).collect();
            assert_eq!(found, [Some("tap"), Some("open door"), Some("cut"), None], "{file}");
        }
        let names = read("both.json", r#"{"verb": ["cut", "open"], "noun": {"tap": 1, "door": 0}}"#, &pair()).unwrap();
        assert_eq!((names.name(0, 1), names.name(1, 0)), (Some("tap"), Some("cut")));
        let names = read("both.txt", "door\ntap\ncut\nopen\n", &pair()).unwrap();
        assert_eq!((names.name(0, 1), names.name(1, 0)), (Some("tap"), Some("cut")));
    }

    #[test]
    fn names_are_found_however_they_are_written() {
        let head = LabelHead { name: "label".into(), classes: 4 };
        let task = Task::new(Labelling::Single, 4).unwrap();
        let names = ["massaging person's head", "Moving something up", "7", "a_b"].map(str::to_owned).to_vec();
        let names = ClassNames::new(&task, names).unwrap();
        let class = |text: &str| names.class(0, &head, text);
        assert_eq!(class("\"massaging_person's_head\"").unwrap(), 0);
        assert_eq!(class("Moving [something] up").unwrap(), 1);
        // A name that is a number wins over the number.
        assert_eq!(class("7").unwrap(), 2);
        assert_eq!(class(" 3 ").unwrap(), 3);
        for (text, part) in [("8", "beyond"), ("walking", "neither"), ("-1", "neither")] {
            assert!(class(text).unwrap_err().to_string().contains(part), "{text}");
        }
        let names = ClassNames::new(&task, ["A b", "a_b", "c", "d"].map(str::to_owned).to_vec()).unwrap();
        assert_eq!(names.class(0, &head, "a_b").unwrap(), 1);
        assert!(names.class(0, &head, "a B").unwrap_err().to_string().contains("several"));
        let none = ClassNames::none(&task).class(0, &head, "walking").unwrap_err();
        assert!(none.to_string().contains("--labels"), "{none}");
    }

    #[test]
    fn lists_that_do_not_fit_are_errors() {
        let task = Task::new(Labelling::Single, 3).unwrap();
        for (file, text, part) in [
            ("names.txt", "a\nb\n", "2 names"),
            ("names.json", "{", "no JSON"),
            ("names.json", "7", "a list"),
            ("names.json", r#"{"a": 0, "b": 1, "c": 3}"#, "0 to 2"),
            ("names.json", r#"{"a": 0, "b": 1, "c": 1}"#, "0 to 2"),
            ("names.json", r#"{"a": "b"}"#, "a list"),
            ("names.csv", "number,name\n", "column id"),
            ("names.csv", "id,name\nx,y\n", "no number"),
        ] {
            let error = read(file, text, &task).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains(file), "{error}");
        }
        assert!(read("names.json", r#"{"noun": ["a", "b"]}"#, &pair()).unwrap_err().to_string().contains("\"verb\""));
        let wrong = read("names.json", r#"{"noun": ["a", "b"], "verb": ["c"]}"#, &pair()).unwrap_err().to_string();
        assert!(wrong.contains("1 names, but the model's verb has 2 classes"), "{wrong}");
    }
}
