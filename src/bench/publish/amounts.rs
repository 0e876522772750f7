//! Numbers as people read them: three digits and a unit.

pub(super) use crate::report::amounts::{NONE, counted, grouped, percent, three_digits};

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

/// A relative error: `3.1e-7`; 0 where every bit agrees.
pub(super) fn error(relative: f64) -> String {
    match relative {
        0.0 => "0".to_owned(),
        relative if relative.is_finite() => format!("{relative:.1e}"),
        _ => "∞".to_owned(),
    }
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
        assert_eq!([3.21, 0.0456, 7.89e-4, 1.2e-8].map(seconds), ["3.21 s", "45.6 ms", "789 µs", "12.0 ns"]);
        assert_eq!(operations_per_second(5.43e13), "54.3 TFLOP/s");
        assert_eq!(bytes_per_second(3.35e12), "3.35 TB/s");
        assert_eq!([340 << 20, 17, 1 << 30].map(bytes), ["340 MiB", "17.0 bytes", "1.00 GiB"]);
    }

    #[test]
    fn what_is_no_number_is_a_dash() {
        assert_eq!(
            (seconds(f64::NAN), percent(f64::INFINITY), error(f64::INFINITY)),
            ("–".into(), "–".into(), "∞".into())
        );
    }
}
