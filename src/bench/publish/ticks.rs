//! Round numbers along logarithmic axes.

/// What numbers of a power of ten are labelled, the most first.
const DIGITS: [&[f64]; 4] = [&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];

/// Round numbers from `low` to `high`, as many as there can be up to `most`.
pub(super) fn logarithmic([low, high]: [f64; 2], most: usize) -> Vec<f64> {
    let powers = low.log10().floor() as i32..=high.log10().ceil() as i32;
    let within = |digits: &[f64], step: usize| -> Vec<f64> {
        let numbers = powers
            .clone()
            .filter(|power| power.rem_euclid(step as i32) == 0)
            .flat_map(|power| digits.iter().map(move |digit| scaled(*digit, power)));
        numbers.filter(|number| (low..=high).contains(number)).collect()
    };
    let every_power = DIGITS.iter().map(|digits| within(digits, 1));
    let fewer = (2..=MOST_POWERS).map(|step| within(&[1.0], step));
    every_power.chain(fewer).find(|ticks| ticks.len() <= most).unwrap_or_default()
}

/// The number nearest to `digit` times this power of ten: 0.3, where 3 times 0.1 is a little more.
fn scaled(digit: f64, power: i32) -> f64 {
    if power < 0 { digit / 10f64.powi(-power) } else { digit * 10f64.powi(power) }
}

/// More powers of ten than lie between any two times.
const MOST_POWERS: usize = 40;

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

/// Where labels stand that want to be at `wanted`: in the same order, `gap` apart, between `top` and `bottom` as long as
/// there is room.
pub(super) fn spread(wanted: &[f64], gap: f64, [top, bottom]: [f64; 2]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by(|a, b| wanted[*a].total_cmp(&wanted[*b]));
    let mut places = wanted.to_vec();
    let mut least = top;
    for &index in &order {
        places[index] = places[index].max(least);
        least = places[index] + gap;
    }
    let mut most = bottom;
    for &index in order.iter().rev() {
        places[index] = places[index].min(most);
        most = places[index] - gap;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(logarithmic([1.0, 10.0], 6), [1.0, 2.0, 5.0, 10.0]);
        assert_eq!(logarithmic([0.9, 1200.0], 6), [1.0, 10.0, 100.0, 1000.0]);
        assert_eq!(logarithmic([2.1, 6.5], 6), [3.0, 4.0, 5.0, 6.0]);
        assert_eq!(logarithmic([0.09, 3.5], 4), [0.1, 0.3, 1.0, 3.0]);
        let far = logarithmic([1e-9, 1e9], 6);
        assert!(far.len() <= 6 && far.len() >= 3, "{far:?}");
    }

    #[test]
    fn labels_keep_apart_and_in_order() {
        assert_eq!(spread(&[50.0, 10.0, 52.0], 16.0, [0.0, 100.0]), [50.0, 10.0, 66.0]);
        assert_eq!(spread(&[95.0, 99.0], 16.0, [0.0, 100.0]), [84.0, 100.0]);
        assert_eq!(apart(&[1.0, 2.0, 10.0], 5.0, |value| value), [2.0, 10.0]);
    }
}
