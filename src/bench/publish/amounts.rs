//! Numbers as people read them: three digits and a unit.

/// What stands where there is no number.
pub(super) const NONE: &str = "–";

/// A number with three digits that count: `0.0123`, `1.23`, `12.3`, `123`, `1235`.
pub(super) fn three_digits(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    format!("{value:.0$}", (2 - magnitude).clamp(0, 12) as usize)
}

/// Seconds: `3.21 s`, `45.6 ms`, `789 µs`, `12.0 ns`.
pub(super) fn seconds(seconds: f64) -> String {
    scaled(seconds, &[(1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns")])
}

/// Operations a second: `27.3 GFLOP/s`.
pub(super) fn operations_per_second(rate: f64) -> String {
    scaled(rate, &[(1e12, "TFLOP/s"), (1e9, "GFLOP/s"), (1e6, "MFLOP/s")])
}

/// Bytes a second: `3.35 TB/s`.
pub(super) fn bytes_per_second(rate: f64) -> String {
    scaled(rate, &[(1e12, "TB/s"), (1e9, "GB/s"), (1e6, "MB/s")])
}

/// Bytes: `340 MiB`.
pub(super) fn bytes(bytes: u64) -> String {
    let (kibi, bytes) = (1024.0, bytes as f64);
    scaled(bytes, &[(kibi * kibi * kibi, "GiB"), (kibi * kibi, "MiB"), (kibi, "KiB"), (1.0, "bytes")])
}

/// A share: `49 %`, `3.1 %`.
pub(super) fn percent(share: f64) -> String {
    match 100.0 * share {
        percent if !percent.is_finite() => NONE.to_owned(),
        percent if percent.abs() < 9.95 => format!("{percent:.1} %"),
        percent => format!("{percent:.0} %"),
    }
}

/// A relative error: `3.1e-7`; 0 where every bit agrees.
pub(super) fn error(relative: f64) -> String {
    match relative {
        0.0 => "0".to_owned(),
        relative if relative.is_finite() => format!("{relative:.1e}"),
        _ => "∞".to_owned(),
    }
}

/// A number with its digits in groups of three: `6,272`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 row`, `2 rows`.
pub(super) fn counted(number: usize, thing: &str) -> String {
    format!("{} {thing}{}", grouped(number as u64), if number == 1 { "" } else { "s" })
}

/// In the first unit that `value` reaches, or the last.
fn scaled(value: f64, units: &[(f64, &str)]) -> String {
    let Some(last) = units.last() else { return three_digits(value) };
    // What rounds up to a unit has reached it.
    let (unit, name) = units.iter().find(|(unit, _)| value.abs() >= 0.9995 * unit).unwrap_or(last);
    if value.is_finite() { format!("{} {name}", three_digits(value / unit)) } else { NONE.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_a_unit() {
        assert_eq!(
            [0.01234, 1.234, 12.34, 123.4, 1234.6, 0.0].map(three_digits),
            ["0.0123", "1.23", "12.3", "123", "1235", "0.00"]
        );
        assert_eq!([3.21, 0.0456, 7.89e-4, 1.2e-8].map(seconds), ["3.21 s", "45.6 ms", "789 µs", "12.0 ns"]);
        assert_eq!(operations_per_second(5.43e13), "54.3 TFLOP/s");
        assert_eq!(bytes_per_second(3.35e12), "3.35 TB/s");
        assert_eq!([340 << 20, 17, 1 << 30].map(bytes), ["340 MiB", "17.0 bytes", "1.00 GiB"]);
        assert_eq!([0.494, 0.0312].map(percent), ["49 %", "3.1 %"]);
        assert_eq!([0, 999, 6272, 1_234_567].map(grouped), ["0", "999", "6,272", "1,234,567"]);
    }

    #[test]
    fn what_is_no_number_is_a_dash() {
        assert_eq!(
            (seconds(f64::NAN), percent(f64::INFINITY), error(f64::INFINITY)),
            ("–".into(), "–".into(), "∞".into())
        );
    }
}
