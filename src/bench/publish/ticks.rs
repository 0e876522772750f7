//! Which sizes are labelled along an axis.

/// Of `values`, those that lie at least `gap` apart after `position`, the last one first of all.
pub(super) fn apart(values: &[f64], gap: f64, position: impl Fn(f64) -> f64) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let mut kept: Vec<f64> = Vec::new();
    for value in sorted.into_iter().rev() {
        if kept.last().is_none_or(|last| (position(*last) - position(value)).abs() >= gap) {
            kept.push(value);
        }
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_too_near_to_a_larger_one_are_left_out() {
        assert_eq!(apart(&[1.0, 2.0, 10.0], 5.0, |value| value), [2.0, 10.0]);
    }
}
