//! A quantity against steps: thinned honestly, and smoothed.

/// The values of the finite steps of a column of a plot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bin {
    /// The middle of the steps in it.
    pub(super) step: f64,
    pub(super) low: f64,
    pub(super) high: f64,
}

/// From the least to the greatest of `points` (step, value), steps ascending, in each of up to `most` columns of equal
/// width. Where there are no more points than columns, each is one of its own. Values that are not finite are in none.
pub(super) fn thinned(points: &[[f64; 2]], most: usize) -> Vec<Bin> {
    let finite = || points.iter().filter(|[_, value]| value.is_finite());
    let (Some([first, _]), Some([last, _])) = (finite().next(), finite().next_back()) else { return Vec::new() };
    let columns = if points.len() <= most { usize::MAX } else { most.max(1) };
    let column = |step: f64| ((step - first) / (last - first + 1.0) * columns as f64) as usize;
    let mut bins: Vec<(usize, [f64; 2], Bin)> = Vec::new();
    for &[step, value] in finite() {
        let own = column(step);
        match bins.last_mut() {
            Some((same, [begin, _], bin)) if *same == own => {
                (bin.low, bin.high) = (bin.low.min(value), bin.high.max(value));
                bin.step = (*begin + step) / 2.0;
            }
            _ => bins.push((own, [step, value], Bin { step, low: value, high: value })),
        }
    }
    bins.into_iter().map(|(_, _, bin)| bin).collect()
}

/// How many steps [`smoothed`] is a mean over, about.
pub(super) fn span(points: usize) -> usize {
    (points / 50).clamp(1, 500)
}

/// The exponential mean of `points` over about `span` of them, its beginning unbiased. Values that are not finite are
/// left out.
pub(super) fn smoothed(points: &[[f64; 2]], span: usize) -> Vec<[f64; 2]> {
    let kept = 1.0 - 2.0 / (span as f64 + 1.0);
    let (mut sum, mut weight) = (0.0, 0.0);
    let finite = points.iter().filter(|[_, value]| value.is_finite());
    let mean = finite.map(|&[step, value]| {
        sum = kept * sum + value;
        weight = kept * weight + 1.0;
        [step, sum / weight]
    });
    mean.collect()
}

/// Every how many of `points` one is drawn so that there are up to `most`, and the last one always.
pub(super) fn picked(points: Vec<[f64; 2]>, most: usize) -> Vec<[f64; 2]> {
    let stride = points.len().div_ceil(most.max(1)).max(1);
    let last = points.len().saturating_sub(1);
    points
        .into_iter()
        .enumerate()
        .filter(|(index, _)| index % stride == 0 || *index == last)
        .map(|(_, at)| at)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One outlier among very many stays in sight, at its height.
    #[test]
    fn no_outlier_is_lost_by_thinning() {
        let points: Vec<_> =
            (1..=100_000).map(|step| [f64::from(step), if step == 77_777 { 9.0 } else { 1.0 }]).collect();
        let bins = thinned(&points, 300);
        assert!(bins.len() <= 300 && bins.len() > 290, "{}", bins.len());
        let seen: Vec<_> = bins.iter().filter(|bin| bin.high == 9.0).collect();
        assert!(seen.len() == 1 && (seen[0].step - 77_777.0).abs() < 400.0 && seen[0].low == 1.0, "{seen:?}");
    }

    #[test]
    fn few_points_stay_as_they_are_and_what_is_no_number_is_left_out() {
        let bins = thinned(&[[1.0, 3.0], [2.0, f64::NAN], [3.0, 1.0]], 300);
        assert_eq!(bins, [Bin { step: 1.0, low: 3.0, high: 3.0 }, Bin { step: 3.0, low: 1.0, high: 1.0 }]);
        assert!(thinned(&[], 300).is_empty() && thinned(&[[1.0, f64::NAN]], 300).is_empty());
        let mean = smoothed(&[[1.0, 4.0], [2.0, f64::INFINITY], [3.0, 4.0]], 3);
        assert_eq!(mean, [[1.0, 4.0], [3.0, 4.0]]);
    }

    #[test]
    fn the_mean_follows_and_its_beginning_is_unbiased() {
        let points: Vec<_> = (0..1000).map(|step| [f64::from(step), if step < 500 { 2.0 } else { 4.0 }]).collect();
        let mean = smoothed(&points, span(points.len()));
        assert!((mean[0][1] - 2.0).abs() < 1e-12 && (mean[999][1] - 4.0).abs() < 1e-9);
        assert!(mean[505][1] > 2.3 && mean[505][1] < 3.7, "{}", mean[505][1]);
        assert_eq!(smoothed(&points, 1)[700], [700.0, 4.0]);
        let picked = picked(points, 300);
        assert!(picked.len() <= 301 && picked.last() == Some(&[999.0, 4.0]));
    }
}
