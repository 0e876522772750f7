//! Round numbers along axes, and labels that keep apart.

/// What numbers of a power of ten are labelled, the most first.
const DIGITS: [&[f64]; 4] = [&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0], &[1.0, 2.0, 5.0], &[1.0, 3.0], &[1.0]];

/// Round numbers from `low` to `high` along a logarithmic axis, as many as there can be up to `most`.
pub(crate) fn logarithmic([low, high]: [f64; 2], most: usize) -> Vec<f64> {
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

/// Multiples of 1, 2 or 5 times a power of ten from `low` to `high`, as many as there can be up to `most`; none where the
/// two are no ascending finite numbers.
pub(crate) fn linear(range: [f64; 2], most: usize) -> Vec<f64> {
    let Some(interval) = interval(range, most) else { return Vec::new() };
    let (first, count) = multiples(range, interval);
    (0..count).map(|index| (first + index as f64) * interval).map(tidy(interval)).collect()
}

/// What lies between the numbers that [`linear`] gives; `None` where it gives none.
pub(crate) fn interval(range: [f64; 2], most: usize) -> Option<f64> {
    let least = (range[1] - range[0]) / (most + 1) as f64;
    if !least.is_normal() || least < 0.0 {
        return None;
    }
    let power = least.log10().floor() as i32;
    let mut intervals =
        [power, power + 1].into_iter().flat_map(|power| [1.0, 2.0, 5.0].map(|digit| scaled(digit, power)));
    intervals.find(|interval| (1..=most).contains(&multiples(range, *interval).1))
}

/// The first multiple of `interval` in a range, and how many there are.
fn multiples([low, high]: [f64; 2], interval: f64) -> (f64, usize) {
    // What rounding has pushed beyond an end still lies at it.
    let (first, last) = ((low / interval - 1e-9).ceil(), (high / interval + 1e-9).floor());
    (first, (last - first + 1.0).max(0.0) as usize)
}

/// Rounds away what a sum of intervals is too much or too little: 0.30000000000000004 is 0.3.
fn tidy(interval: f64) -> impl Fn(f64) -> f64 {
    let decimals = (3.0 - interval.log10().floor()).clamp(0.0, 300.0) as i32;
    move |value| if decimals < 16 { (value * 10f64.powi(decimals)).round() / 10f64.powi(decimals) } else { value }
}

/// The number nearest to `digit` times this power of ten: 0.3, where 3 times 0.1 is a little more.
fn scaled(digit: f64, power: i32) -> f64 {
    if power < 0 { digit / 10f64.powi(-power) } else { digit * 10f64.powi(power) }
}

/// More powers of ten than lie between any two times.
const MOST_POWERS: usize = 40;

/// Where labels stand that want to be at `wanted`: in the same order, `gap` apart, between `top` and `bottom` as long as
/// there is room.
pub(crate) fn spread(wanted: &[f64], gap: f64, [top, bottom]: [f64; 2]) -> Vec<f64> {
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
    fn multiples_are_round_and_few() {
        assert_eq!(linear([0.0, 1.0], 6), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(linear([0.0, 3.1], 8), [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0]);
        assert_eq!(linear([7.0, 95.0], 4), [20.0, 40.0, 60.0, 80.0]);
        assert_eq!(linear([0.0, 7000.0], 4), [0.0, 2000.0, 4000.0, 6000.0]);
        assert_eq!(linear([0.0, 3e-4], 4), [0.0, 1e-4, 2e-4, 3e-4]);
        assert_eq!(linear([-2.0, 2.0], 5), [-2.0, -1.0, 0.0, 1.0, 2.0]);
        assert!(
            [1.0, f64::NAN, f64::INFINITY, 0.5, 1.0 + f64::MIN_POSITIVE]
                .iter()
                .all(|end| linear([1.0, *end], 5).is_empty())
        );
        assert!(linear([0.0, f64::MIN_POSITIVE], 9).is_empty());
    }

    #[test]
    fn labels_keep_apart_and_in_order() {
        assert_eq!(spread(&[50.0, 10.0, 52.0], 16.0, [0.0, 100.0]), [50.0, 10.0, 66.0]);
        assert_eq!(spread(&[95.0, 99.0], 16.0, [0.0, 100.0]), [84.0, 100.0]);
    }
}
