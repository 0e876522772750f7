//! How the numbers of a training are written.

use crate::report::amounts::{NONE, three_digits};
use crate::tensor::{LONGEST_TEXT, printable};

/// A text of somebody else's on one line.
pub(super) fn plain(text: &str) -> String {
    printable(text, LONGEST_TEXT)
}

/// A loss or a norm: three digits, or that it is none.
pub(super) fn number(value: f32) -> String {
    match value {
        value if value.is_nan() => "not a number".to_owned(),
        value if value.is_infinite() => "infinite".to_owned(),
        value => three_digits(value.into()),
    }
}

/// A learning rate: `1.00e-4` for small ones.
pub(super) fn rate(value: f64) -> String {
    if value != 0.0 && value.abs() < 1e-2 { format!("{value:.2e}") } else { three_digits(value) }
}

/// A share with a decimal, as accuracies are compared by it: `81.3 %`.
pub(super) fn share(value: f64) -> String {
    if value.is_finite() { format!("{:.1} %", 100.0 * value) } else { NONE.to_owned() }
}

/// How long something takes: `2 d 3 h`, `1 h 5 min`, `25 min`, `3 min 20 s`, `12 s`, `250 ms`.
pub(super) fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return NONE.to_owned();
    }
    let whole = seconds.round() as u64;
    let [minutes, hours, days] = [60, 3600, 86_400];
    match whole {
        _ if seconds < 1.0 => format!("{:.0} ms", 1000.0 * seconds),
        whole if whole < minutes => format!("{whole} s"),
        whole if whole < 10 * minutes => format!("{} min {} s", whole / minutes, whole % minutes),
        whole if whole < hours => format!("{} min", whole / minutes),
        whole if whole < days => format!("{} h {} min", whole / hours, whole % hours / minutes),
        whole => format!("{} d {} h", whole / days, whole % days / hours),
    }
}

/// A moment, given in seconds since 1970: `2026-01-31 12:00:00 UTC`.
pub(super) fn moment(seconds: f64) -> String {
    // No file is of the year 5138, but one may say so.
    let since = std::time::Duration::from_secs_f64(seconds.clamp(0.0, 1e11));
    let text = humantime::format_rfc3339_seconds(std::time::UNIX_EPOCH + since).to_string();
    text.replace('T', " ").replace('Z', " UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_short_and_rates_have_their_digits() {
        assert_eq!(
            [0.25, 12.4, 200.0, 1530.0, 3900.0, 183_600.0, -1.0].map(duration),
            ["250 ms", "12 s", "3 min 20 s", "25 min", "1 h 5 min", "2 d 3 h", "–"]
        );
        assert_eq!([1e-4, 0.05, 0.0].map(rate), ["1.00e-4", "0.0500", "0.00"]);
        assert_eq!([f32::NAN, f32::INFINITY, 2.4026].map(number), ["not a number", "infinite", "2.40"]);
        assert_eq!((share(0.8125), moment(0.0)), ("81.2 %".into(), "1970-01-01 00:00:00 UTC".into()));
    }
}
