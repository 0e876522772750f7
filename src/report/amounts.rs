//! Numbers as people read them: three digits that count.

/// What stands where there is no number.
pub(crate) const NONE: &str = "–";

/// A number with three digits that count: `0.0123`, `1.23`, `12.3`, `123`, `1235`.
pub(crate) fn three_digits(value: f64) -> String {
    if !value.is_finite() {
        return NONE.to_owned();
    }
    let magnitude = if value == 0.0 { 0 } else { value.abs().log10().floor() as i32 };
    format!("{value:.0$}", (2 - magnitude).clamp(0, 12) as usize)
}

/// A share: `49 %`, `3.1 %`.
pub(crate) fn percent(share: f64) -> String {
    match 100.0 * share {
        percent if !percent.is_finite() => NONE.to_owned(),
        percent if percent.abs() < 9.95 => format!("{percent:.1} %"),
        percent => format!("{percent:.0} %"),
    }
}

/// A number with its digits in groups of three: `6,272`.
pub(crate) fn grouped(number: u64) -> String {
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
pub(crate) fn counted(number: usize, thing: &str) -> String {
    format!("{} {thing}{}", grouped(number as u64), if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(
            [0.01234, 1.234, 12.34, 123.4, 1234.6, 0.0].map(three_digits),
            ["0.0123", "1.23", "12.3", "123", "1235", "0.00"]
        );
        assert_eq!([0.494, 0.0312].map(percent), ["49 %", "3.1 %"]);
        assert_eq!([0, 999, 6272, 1_234_567].map(grouped), ["0", "999", "6,272", "1,234,567"]);
        assert_eq!((counted(1, "row"), counted(2000, "row")), ("1 row".into(), "2,000 rows".into()));
        assert_eq!((three_digits(f64::NAN), percent(f64::INFINITY)), ("–".into(), "–".into()));
    }
}
