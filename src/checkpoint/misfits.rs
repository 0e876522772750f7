//! The error for weights that do not fit a configuration: the cause, every tensor concerned, what to do.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::path::Path;

use super::disagreements::{counted, listed};
use crate::tensor::{LONGEST_TEXT, printable};

/// Lines of a list; what exceeds them shares the last one.
const MOST_LINES: usize = 24;

/// What is wrong with one tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Fault {
    Missing,
    Unexpected,
    Shape,
    Type,
    Several,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Missing => "missing",
            Self::Unexpected => "unexpected",
            Self::Shape => "wrong shape",
            Self::Type => "wrong type",
            Self::Several => "stored under several names",
        })
    }
}

/// One tensor that does not fit.
#[derive(Debug)]
pub(super) struct Misfit {
    pub(super) fault: Fault,
    /// Its stored name.
    pub(super) name: String,
    /// What follows the name in a sentence.
    pub(super) detail: String,
}

/// All that does not fit.
#[derive(Debug)]
pub(super) struct Misfits {
    pub(super) all: Vec<Misfit>,
    /// The names of all tensors that should be there.
    pub(super) expected: Vec<String>,
    /// The names of all that are.
    pub(super) stored: Vec<String>,
}

impl Misfits {
    /// A line for each misfit, where one line stands for the same fault in several layers and for layers of which all
    /// tensors have it.
    pub(super) fn lines(&self) -> Vec<String> {
        list(&self.all, self.expected.iter().map(String::as_str), self.stored.iter().map(String::as_str))
    }

    /// A note on tensors that are of no use in the file at `path`.
    pub(super) fn note(&self, path: &Path) -> String {
        /// Lines of the list of them that make a sentence.
        const MOST_NAMED: usize = 12;
        let unexpected = format!("{}: ", Fault::Unexpected);
        let mut named: Vec<_> = self
            .lines()
            .iter()
            .flat_map(|line| line.split("; "))
            .map(|line| printable(line.trim_start_matches(unexpected.as_str()), 120))
            .collect();
        if let Some(rest) = named.len().checked_sub(MOST_NAMED).filter(|rest| *rest > 0) {
            named.truncate(MOST_NAMED);
            named.push(format!("{rest} more"));
        }
        let (number, file) = (self.all.len(), path.display());
        let tensors = counted(number, "tensor", "s");
        format!("{file} holds {tensors} that the model does not use: {}", listed(&named))
    }

    /// Whether all misfits are unexpected tensors.
    pub(super) fn are_all_unexpected(&self) -> bool {
        self.all.iter().all(|misfit| misfit.fault == Fault::Unexpected)
    }

    /// How often there is each fault, for people: `1 tensor missing, 3 unexpected`.
    pub(super) fn census(&self) -> String {
        census(&self.all)
    }
}

/// How many tensors each layer has: by its path up to the layer, and its number.
struct Layers<'a>(HashMap<(&'a str, usize), usize>);

impl<'a> Layers<'a> {
    fn of(names: impl Iterator<Item = &'a str>) -> Self {
        let mut layers = HashMap::new();
        names.filter_map(layer).for_each(|(path, number, _)| *layers.entry((path, number)).or_default() += 1);
        Self(layers)
    }

    fn tensors(&self, path: &str, number: usize) -> usize {
        self.0.get(&(path, number)).copied().unwrap_or(0)
    }
}

/// The name of a layer's tensor in parts: before the layer's number, the number, behind it:
/// `encoder.layer.`, 3, `.output.dense.bias` or `Transformer/encoderblock_`, 3, `/LayerNorm_0/bias`.
pub(super) fn layer(name: &str) -> Option<(&str, usize, &str)> {
    let mut start = 0;
    for part in name.split_inclusive(['.', '/']) {
        let part_name = part.trim_end_matches(['.', '/']);
        let digits = part_name.strip_prefix(FLAX_BLOCK).unwrap_or(part_name);
        let end = start + part_name.len();
        let first = end - digits.len();
        if let Ok(number) = digits.parse::<usize>()
            && first > 0
            && number.to_string() == digits
        {
            return Some((&name[..first], number, &name[end..]));
        }
        start += part.len();
    }
    None
}

/// What Flax models call a layer, before its number.
const FLAX_BLOCK: &str = "encoderblock_";

/// [`Misfits::lines`].
fn list<'a>(
    misfits: &'a [Misfit],
    expected: impl Iterator<Item = &'a str>,
    stored: impl Iterator<Item = &'a str>,
) -> Vec<String> {
    let totals = [(Fault::Missing, Layers::of(expected)), (Fault::Unexpected, Layers::of(stored))];
    let faulty = totals.map(|(fault, total)| {
        let named = misfits.iter().filter(|misfit| misfit.fault == fault).map(|misfit| misfit.name.as_str());
        (fault, total, Layers::of(named))
    });
    let whole = |fault, path, number| {
        let (_, total, faulty) = faulty.iter().find(|(known, ..)| *known == fault)?;
        let tensors = total.tensors(path, number);
        (tensors > 1 && faulty.tensors(path, number) == tensors).then_some(tensors)
    };
    let mut groups: Vec<Group> = Vec::new();
    let mut indices = HashMap::new();
    for Misfit { fault, name, detail } in misfits {
        let (text, number) = match layer(name) {
            None => ([name.clone(), detail.clone()], None),
            Some((path, number, rest)) => (
                match whole(*fault, path, number) {
                    Some(tensors) => [format!("all {tensors} tensors of {path}"), String::new()],
                    None => [path.to_owned(), format!("{rest}{detail}").replace(&format!(".{number}."), ".{}.")],
                },
                Some(number),
            ),
        };
        let index = *indices.entry((*fault, text.clone())).or_insert_with(|| {
            groups.push(Group { fault: *fault, text, numbers: BTreeSet::new() });
            groups.len() - 1
        });
        groups[index].numbers.extend(number);
    }
    bounded(groups.iter().map(|group| printable(&group.to_string(), LONGEST_TEXT)).collect())
}

/// The same fault in several layers.
struct Group {
    fault: Fault,
    /// What is said before and after the layers' numbers; `{}` stands for them.
    text: [String; 2],
    numbers: BTreeSet<usize>,
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = runs(&self.numbers);
        let [before, after] = &self.text;
        write!(f, "{}: {before}{numbers}{}", self.fault, after.replace("{}", &numbers))
    }
}

/// Numbers for people: `3`, `{0..11}`, `{0, 2..5}`.
fn runs(numbers: &BTreeSet<usize>) -> String {
    let mut runs: Vec<[usize; 2]> = Vec::new();
    for &number in numbers {
        match runs.last_mut() {
            Some([_, last]) if *last + 1 == number => *last = number,
            _ => runs.push([number; 2]),
        }
    }
    let text = |&[first, last]: &[usize; 2]| match first == last {
        true => first.to_string(),
        false => format!("{first}..{last}"),
    };
    let joined = runs.iter().map(text).collect::<Vec<_>>().join(", ");
    if numbers.len() > 1 { format!("{{{joined}}}") } else { joined }
}

fn bounded(mut lines: Vec<String>) -> Vec<String> {
    if lines.len() > MOST_LINES {
        let rest = lines.split_off(MOST_LINES - 1);
        lines.push(rest.join("; "));
    }
    lines
}

/// [`Misfits::census`].
fn census(misfits: &[Misfit]) -> String {
    let faults = [Fault::Missing, Fault::Unexpected, Fault::Shape, Fault::Type, Fault::Several];
    let counted = faults.into_iter().filter_map(|fault| {
        let number = misfits.iter().filter(|misfit| misfit.fault == fault).count();
        (number > 0).then_some((number, fault))
    });
    let counted = counted.enumerate().map(|(index, (number, fault))| match (index, number) {
        (0, 1) => format!("1 tensor {fault}"),
        (0, _) => format!("{number} tensors {fault}"),
        _ => format!("{number} {fault}"),
    });
    counted.collect::<Vec<_>>().join(", ").replace("wrong", "of wrong")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn misfits(fault: Fault, names: &[String], detail: &str) -> Vec<Misfit> {
        names.iter().map(|name| Misfit { fault, name: name.clone(), detail: detail.into() }).collect()
    }

    fn names(layers: impl Iterator<Item = usize>, tensors: &[&str]) -> Vec<String> {
        layers.flat_map(|layer| tensors.iter().map(move |tensor| format!("encoder.layer.{layer}.{tensor}"))).collect()
    }

    fn listed(misfits: &[Misfit], all: &[String]) -> Vec<String> {
        let all = || all.iter().map(String::as_str);
        list(misfits, all(), all())
    }

    #[test]
    fn whole_layers_are_one_line() {
        let all = names(0..99, &["a.weight", "a.bias"]);
        let missing = misfits(Fault::Missing, &all[6..], " of shape [4]");
        assert_eq!(listed(&missing, &all), ["missing: all 2 tensors of encoder.layer.{3..98}"]);
        let missing = misfits(Fault::Missing, &all[2..4], " of shape [4]");
        assert_eq!(listed(&missing, &all), ["missing: all 2 tensors of encoder.layer.1"]);
        let missing = misfits(Fault::Missing, &all[2..5], " of shape [4]");
        assert_eq!(
            listed(&missing, &all),
            ["missing: all 2 tensors of encoder.layer.1", "missing: encoder.layer.2.a.weight of shape [4]"]
        );
    }

    #[test]
    fn the_same_misfit_in_several_layers_is_one_line() {
        let all = names([0, 2, 3, 4, 7].into_iter(), &["a.weight", "a.bias"]);
        let odd: Vec<_> = all.iter().filter(|name| name.ends_with("bias")).cloned().collect();
        let wrong = misfits(Fault::Shape, &odd, " is [4], expected [5]");
        assert_eq!(listed(&wrong, &all), ["wrong shape: encoder.layer.{0, 2..4, 7}.a.bias is [4], expected [5]"]);
        let mut several = misfits(Fault::Several, &names(0..1, &["a"]), ", layers.0.a");
        several.extend(misfits(Fault::Several, &names(1..2, &["a"]), ", layers.1.a"));
        assert_eq!(listed(&several, &all), ["stored under several names: encoder.layer.{0..1}.a, layers.{0..1}.a"]);
    }

    #[test]
    fn a_long_list_names_all_in_few_lines() {
        let all: Vec<_> = (0..100).map(|number| format!("tensor_{number}")).collect();
        let lines = listed(&misfits(Fault::Unexpected, &all, ""), &all);
        assert_eq!(lines.len(), MOST_LINES);
        let text = lines.join("; ");
        assert!(all.iter().all(|name| text.split("; ").any(|line| line == format!("unexpected: {name}"))), "{text}");
    }

    #[test]
    fn control_characters_of_names_are_not_printed() {
        let all = ["\u{1b}[31mred\nline".to_owned()];
        assert_eq!(listed(&misfits(Fault::Unexpected, &all, ""), &all), ["unexpected: red line"]);
    }

    #[test]
    fn faults_are_counted() {
        let mut all = misfits(Fault::Shape, &names(0..2, &["a"]), "");
        assert_eq!(census(&all), "2 tensors of wrong shape");
        all.extend(misfits(Fault::Missing, &names(0..1, &["a"]), ""));
        assert_eq!(census(&all), "1 tensor missing, 2 of wrong shape");
    }
}
