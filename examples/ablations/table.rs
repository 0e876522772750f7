//! The table in Markdown, and where it is written.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use tubelet::Result;
use tubelet::tensor::Error;

use crate::grid::{Part, Row};
use crate::training::Outcome;

/// The marks between which a page has the table.
const BEGIN: &str = "<!-- ablations: ";
const END: &str = "<!-- end of ablations -->";

const HEADER: &str = "\
|  | what | top-1 on held-out dots | last training loss | parameters | seconds a step |
|---|---|---|---|---|---|
";

/// A row for each of `rows`, and for the base one more in each part where it is what nothing was added to; then what the
/// numbers are of. `images` are the image models.
pub(crate) fn markdown(rows: &[(&Row, Vec<Outcome>)], images: &[Outcome]) -> String {
    let mut text = HEADER.to_owned();
    let base = rows.iter().find(|(row, _)| row.is_base());
    let mut last = None;
    for (row, outcomes) in rows {
        if last != Some(row.part) {
            if let (Some((_, outcomes)), Some(title)) = (base, row.part.base()) {
                text += &line(row.part, title, outcomes);
            }
            last = Some(row.part);
        }
        text += &line(row.part, row.title, outcomes);
    }
    text + &told(rows, images)
}

fn line(part: Part, title: &str, outcomes: &[Outcome]) -> String {
    let of = |value: fn(&Outcome) -> f64| outcomes.iter().map(value).collect::<Vec<_>>();
    let parameters = outcomes.first().map_or(0, |outcome| outcome.parameters);
    format!(
        "| {} | {title} | {} % | {} | {:.3} M | {:.3} |\n",
        part.title(),
        spread(&of(|outcome| 100.0 * outcome.top_1), 1),
        spread(&of(|outcome| outcome.loss), 3),
        parameters as f64 / 1e6,
        mean(&of(|outcome| outcome.step_seconds)),
    )
}

/// What the numbers are of, in a few sentences.
fn told(rows: &[(&Row, Vec<Outcome>)], images: &[Outcome]) -> String {
    let all = || rows.iter().flat_map(|(_, outcomes)| outcomes);
    let Some(first) = all().next() else { return String::new() };
    let [training, held_out] = first.clips;
    let devices: BTreeSet<&str> = all().map(|outcome| outcome.device.as_str()).collect();
    let devices = devices.into_iter().collect::<Vec<_>>().join(" and ");
    let seeds = rows.first().map_or(0, |(_, outcomes)| outcomes.len());
    let steps = first.recipe.lines().find_map(|line| line.strip_prefix("steps = ")).unwrap_or("?");
    let mut text = format!(
        "\nSeeds of a row: {seeds}; mean ± standard deviation over them. Steps of a run: {steps}. Clips to learn from: {training}; \
         held out: {held_out}, of which chance finds 10 %. Device: {devices}.\n"
    );
    if !images.is_empty() {
        let right: Vec<f64> = images.iter().map(|outcome| 100.0 * outcome.top_1).collect();
        let _ = writeln!(
            text,
            "The image models say of {} % of held-out pictures which scene they are of.",
            spread(&right, 1)
        );
    }
    text
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// The mean and, of several values, their standard deviation as of a sample, to so many decimals.
fn spread(values: &[f64], decimals: usize) -> String {
    let mean = mean(values);
    if values.len() < 2 {
        return format!("{mean:.decimals$}");
    }
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    let deviation = (squares / (values.len() - 1) as f64).sqrt();
    format!("{mean:.decimals$} ± {deviation:.decimals$}")
}

/// Writes a file that appears whole or not at all.
pub(crate) fn write(path: &Path, text: &str) -> Result<()> {
    let beside = path.with_extension("unfinished");
    let written = fs::write(&beside, text).and_then(|()| fs::rename(&beside, path));
    written.map_err(|error| Error::io("write", path, &error))
}

/// Writes the table into a page, between its marks.
pub(crate) fn write_between_marks(page: &Path, table: &str) -> Result<()> {
    let text = fs::read_to_string(page).map_err(|error| Error::io("read", page, &error))?;
    let replaced = replaced(&text, table).ok_or_else(|| {
        Error::usage(format!(
            "{} has no place for the table: a line that begins with {BEGIN}, and {END}",
            page.display()
        ))
    })?;
    write(page, &replaced)
}

/// The page with another table; `None` where it has no marks.
fn replaced(page: &str, table: &str) -> Option<String> {
    let begin = page.find(BEGIN)?;
    let first = begin + page[begin..].find('\n')? + 1;
    let last = first + page[first..].find(END)?;
    Some(format!("{}\n{table}\n{}", &page[..first], &page[last..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grid::ROWS;

    fn outcome(top_1: f64) -> Outcome {
        Outcome {
            recipe: "seed = 1\nsteps = 800\n".to_owned(),
            clips: [5000, 1000],
            device: "a device".to_owned(),
            top_1,
            loss: 1.0 - top_1,
            parameters: 452_084,
            step_seconds: 0.25,
        }
    }

    #[test]
    fn the_base_stands_in_every_part() {
        let rows: Vec<_> = ROWS.iter().map(|row| (row, vec![outcome(0.5), outcome(0.6), outcome(0.7)])).collect();
        let text = markdown(&rows, &[outcome(0.5)]);
        let joint = "| model | 1, joint space-time attention | 60.0 ± 10.0 % | 0.400 ± 0.100 | 0.452 M | 0.250 |\n";
        assert!(text.contains(joint), "{text}");
        assert_eq!(text.matches("(the same runs)").count(), 2, "{text}");
        assert_eq!(text.lines().filter(|line| line.starts_with("| ")).count(), ROWS.len() + 3, "{text}");
        assert!(text.contains("Steps of a run: 800.") && text.contains("say of 50.0 %"), "{text}");
        // Without the base there is nothing to compare with.
        assert!(!markdown(&rows[4..], &[]).contains("same runs"));
    }

    #[test]
    fn a_table_takes_the_place_of_another() {
        let page = "# Title\n\n<!-- ablations: how -->\n\nold\n\n<!-- end of ablations -->\n\nText.\n";
        let once = replaced(page, "new\n").unwrap();
        assert_eq!(once, "# Title\n\n<!-- ablations: how -->\n\nnew\n\n<!-- end of ablations -->\n\nText.\n");
        assert_eq!(replaced(&once, "new\n").unwrap(), once);
        assert_eq!(replaced("# Title\n", "new\n"), None);
    }

    #[test]
    fn one_value_has_no_deviation() {
        assert_eq!((spread(&[1.26], 1), spread(&[1.0, 3.0], 2)), ("1.3".to_owned(), "2.00 ± 1.41".to_owned()));
    }
}
