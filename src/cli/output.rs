//! What the program prints: results on stdout, everything else on stderr.

use std::io::{IsTerminal, Write};
use std::ops::ControlFlow;
use std::time::Duration;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use tracing_subscriber::EnvFilter;
use tubelet::tensor::{Error, ErrorKind, Result, printable};

/// Prints `text` and a newline to stdout. A reader that has heard enough (`| head`) is no error.
pub(super) fn print(text: &str) -> Result<()> {
    line(text).map(drop)
}

/// As [`print`], of one line of many: a break says that nobody reads any more.
pub(super) fn line(text: &str) -> Result<ControlFlow<()>> {
    match writeln!(anstream::stdout().lock(), "{}", text.trim_end()) {
        Ok(()) => Ok(ControlFlow::Continue(())),
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
        Err(error) => Err(Error::new(ErrorKind::Io, format!("cannot write to stdout: {error}"))),
    }
}

/// Prints `value` as JSON to stdout.
fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Error::new(ErrorKind::Io, format!("the result cannot be written as JSON: {error}")))?;
    print(&text)
}

/// As [`line`], of `value` as JSON.
pub(super) fn json_line(value: &impl Serialize) -> Result<ControlFlow<()>> {
    let text = serde_json::to_string(value)
        .map_err(|error| Error::new(ErrorKind::Io, format!("the result cannot be written as JSON: {error}")))?;
    line(&text)
}

/// Says on stderr what went wrong.
pub(super) fn complain(sentence: &str) {
    let (red, sentence) = (anstyle::AnsiColor::Red.on_default().bold(), lines(sentence));
    let _ = writeln!(anstream::stderr().lock(), "{red}error{red:#}: {sentence}");
}

/// Says on stderr what the user should know.
pub(super) fn note(sentence: &str) {
    let (yellow, sentence) = (anstyle::AnsiColor::Yellow.on_default().bold(), lines(sentence));
    let _ = writeln!(anstream::stderr().lock(), "{yellow}note{yellow:#}: {sentence}");
}

/// Says on stderr how far something is.
pub(super) fn tell(sentence: &str) {
    let _ = writeln!(anstream::stderr().lock(), "{}", lines(sentence));
}

/// What is said, without what texts of files in it may do to a terminal.
fn lines(text: &str) -> String {
    /// Characters of a line on the screen.
    const LONGEST: usize = 4000;
    text.lines().map(|line| printable(line, LONGEST)).collect::<Vec<_>>().join("\n")
}

/// Logs to stderr: warnings, with `-v` what happens, with `-vv` the device's messages too. `RUST_LOG` wins.
pub(super) fn start_log(verbose: u8) {
    let default = match verbose {
        0 => "error,tubelet=warn",
        1 => "warn,tubelet=debug",
        _ => "info,tubelet=trace",
    };
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = log.with_ansi(std::io::stderr().is_terminal()).try_init();
}

/// Prints `report` as JSON or, by `describe`, for people.
pub(super) fn report<R: Serialize>(json: bool, report: &R, describe: impl FnOnce(&R) -> String) -> Result<()> {
    if json { print_json(report) } else { print(&describe(report)) }
}

/// A table without lines; columns whose header begins with a space are aligned right. On a terminal it is wrapped to
/// the terminal's width.
pub(super) fn table(header: &[&str]) -> Table {
    let mut table = plain_table();
    table.set_header(header.iter().map(|title| title.trim()));
    for (column, title) in table.column_iter_mut().zip(header) {
        column.set_padding((0, 2));
        if title.starts_with(' ') {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A number with its digits in groups of three: `88,954,000`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let first = (digits.len() - 1) % 3 + 1;
    let (head, tail) = digits.split_at(first);
    tail.as_bytes().chunks(3).fold(head.to_owned(), |text, group| format!("{text},{}", String::from_utf8_lossy(group)))
}

/// Facts under each other, each after its title.
pub(super) fn fields<const N: usize>(facts: [(&str, String); N]) -> String {
    self::facts(&facts)
}

/// As [`fields`], of as many facts as there are.
pub(super) fn facts(facts: &[(&str, String)]) -> String {
    let mut table = plain_table();
    // Names of files and of classes are other people's texts.
    let plain = |fact: &str| fact.lines().map(|line| printable(line, usize::MAX)).collect::<Vec<_>>().join("\n");
    table.add_rows(facts.iter().map(|(title, fact)| [(*title).to_owned(), plain(fact)]));
    table.column_iter_mut().for_each(|column| _ = column.set_padding((0, 2)));
    table.trim_fmt()
}

fn plain_table() -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let arrangement = arrangement(table.width());
    table.set_content_arrangement(arrangement);
    table
}

/// Wrapped to `width` columns; a terminal that says it has none does not know.
fn arrangement(width: Option<u16>) -> ContentArrangement {
    if width == Some(0) { ContentArrangement::Disabled } else { ContentArrangement::Dynamic }
}

/// A bar of up to `width` characters for a share between 0 and 1, in eighths of a character.
pub(super) fn bar(share: f32, width: usize) -> String {
    const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];
    let eighths = (share.clamp(0.0, 1.0) * (8 * width) as f32).round() as usize;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8]);
    }
    let missing = width - bar.chars().count().min(width);
    bar + &" ".repeat(missing)
}

/// A duration with three digits: `3.21 s`, `45.6 ms`, `789 µs`.
pub(super) fn seconds(duration: Duration) -> String {
    let (value, unit) = match duration.as_secs_f64() {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s => (s * 1e6, "µs"),
    };
    format!("{} {unit}", three_digits(value))
}

/// A duration in the two largest units that matter: `2 h 5 min`, `1 min 20 s`, `7 s`.
pub(super) fn roughly(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round() as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    let parts = [(hours, "h"), (minutes, "min"), (seconds, "s")];
    let parts = parts.into_iter().skip_while(|(number, _)| *number == 0).take(2).filter(|(number, _)| *number > 0);
    let text = parts.map(|(number, unit)| format!("{number} {unit}")).collect::<Vec<_>>().join(" ");
    if text.is_empty() { "0 s".to_owned() } else { text }
}

/// Bytes with three digits in units of 1024: `34.2 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut value = bytes as f64;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} B") } else { format!("{} {}", three_digits(value), UNITS[unit]) }
}

/// `value` with about three significant digits.
pub(super) fn three_digits(value: f64) -> String {
    match value.abs() {
        magnitude if magnitude >= 99.95 => format!("{value:.0}"),
        magnitude if magnitude >= 9.995 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_have_their_width() {
        for share in [0.0, 0.01, 0.5, 0.999, 1.0, 7.0, f32::NAN] {
            assert_eq!(bar(share, 20).chars().count(), 20, "{share}");
        }
        assert!(bar(1.0, 4).ends_with('█'));
        assert_eq!(bar(0.5, 4), "██  ");
    }

    #[test]
    fn a_terminal_of_no_width_wraps_nothing() {
        for (width, lines) in [(0, 1), (12, 4), (80, 1)] {
            let mut table = plain_table();
            table.set_width(width).set_content_arrangement(arrangement(Some(width)));
            table.add_row(["model", "one two three"]);
            assert_eq!(table.trim_fmt().lines().count(), lines, "{table}");
        }
    }

    #[test]
    fn facts_stand_in_a_column() {
        let facts = fields([("a", "one\ntwo".to_owned()), ("long title", "three".to_owned())]);
        assert_eq!(facts, "a           one\n            two\nlong title  three");
    }

    #[test]
    fn quantities_have_three_digits() {
        assert_eq!(seconds(Duration::from_micros(45_600)), "45.6 ms");
        let roughly = [0, 7, 80, 3600, 7500, 100_000].map(|seconds| roughly(Duration::from_secs(seconds)));
        assert_eq!(roughly, ["0 s", "7 s", "1 min 20 s", "1 h", "2 h 5 min", "27 h 46 min"]);
        assert_eq!(bytes(1024 * 1024 * 3 / 2), "1.50 MiB");
        assert_eq!(three_digits(1234.5), "1234");
        assert_eq!([0, 999, 1000, 88_954_000].map(grouped), ["0", "999", "1,000", "88,954,000"]);
    }
}
