//! A plot with two logarithmic axes: what is drawn, and where everything lies on a wide and on a narrow screen.

use serde::Serialize;

use super::amounts;
use super::series::is_positive;
use super::ticks::apart;
use crate::report::plot::{Area, Frame, Name, Screen, Span, points, tenths};
use crate::report::ticks::logarithmic;

/// What is to be drawn.
pub(super) struct Figure {
    /// What is to be seen, for those who cannot.
    pub(super) title: String,
    pub(super) across: Axis,
    pub(super) up: Axis,
    pub(super) curves: Vec<Curve>,
    pub(super) ceilings: Vec<Ceiling>,
}

/// An axis.
pub(super) struct Axis {
    pub(super) title: &'static str,
    pub(super) unit: Unit,
    /// What is labelled; round numbers where there is nothing.
    pub(super) ticks: Vec<f64>,
}

/// How numbers on an axis are written.
#[derive(Clone, Copy)]
pub(super) enum Unit {
    Number,
    Seconds,
    OperationsPerSecond,
    Bytes,
}

/// A line with its marks, or marks alone.
pub(super) struct Curve {
    /// Beside the line on a wide screen, and on a narrow one.
    pub(super) name: String,
    pub(super) short: String,
    /// Of the page's colours and marks.
    pub(super) colour: usize,
    pub(super) joined: bool,
    pub(super) spots: Vec<Spot>,
    /// The ends of the law that is fitted to it, and its exponent.
    pub(super) fit: Option<([[f64; 2]; 2], f64)>,
}

/// A mark.
pub(super) struct Spot {
    pub(super) at: [f64; 2],
    /// From where to where most samples lie.
    pub(super) range: Option<[f64; 2]>,
    /// What is said when it is pointed at.
    pub(super) title: String,
}

/// What nothing can exceed.
pub(super) struct Ceiling {
    pub(super) name: String,
    /// From left to right.
    pub(super) points: Vec<[f64; 2]>,
    /// Whether its name stands at its right end, above it; else beside its left end.
    pub(super) at_right: bool,
}

/// Where everything lies on a screen.
#[derive(Serialize)]
pub(super) struct Plot {
    #[serde(flatten)]
    frame: Frame,
    ceilings: Vec<DrawnCeiling>,
    curves: Vec<DrawnCurve>,
}

#[derive(Serialize)]
struct DrawnCeiling {
    points: String,
    name: String,
    x: f64,
    y: f64,
    anchor: &'static str,
}

#[derive(Serialize)]
struct DrawnCurve {
    colour: usize,
    line: Option<String>,
    fit: Option<[f64; 4]>,
    marks: Vec<Mark>,
    name: Option<Name>,
    exponent: Option<String>,
}

#[derive(Serialize)]
struct Mark {
    path: String,
    range: Option<[f64; 3]>,
    title: String,
}

/// The forms of marks, one a colour, so that lines differ without colours, too.
const MARKS: [&str; 5] = [
    "m-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0z",
    "m-3.6,-3.6h7.2v7.2h-7.2z",
    "m0,-4.8l4.6,8h-9.2z",
    "m0,-5.2l5.2,5.2l-5.2,5.2l-5.2,-5.2z",
    "m0,4.8l4.6,-8h-9.2z",
];

/// The form of the marks of a colour, at a place.
pub(super) fn mark([x, y]: [f64; 2], colour: usize) -> String {
    format!("M{x},{y}{}", MARKS[colour % MARKS.len()])
}

const SCREENS: [Screen; 2] =
    [Screen { wide: true, width: 900.0, height: 440.0, left: 76.0, tick: 64.0, rows: 7, gap: 32.0, ..NARROW }, NARROW];
const NARROW: Screen = Screen {
    wide: false,
    width: 350.0,
    height: 330.0,
    left: 62.0,
    tick: 48.0,
    rows: 6,
    gap: 15.0,
    margin: 32.0,
    least: 0.5,
};
/// From the middle of a line's last mark to what leads to its name.
const CLEAR: f64 = 7.0;

impl Figure {
    /// On a wide and on a narrow screen; nothing where there is nothing to draw.
    pub(super) fn plots(&self) -> Vec<Plot> {
        let Some(span) = self.span() else { return Vec::new() };
        SCREENS.iter().map(|screen| self.on(screen, span)).collect()
    }

    /// From the least to the greatest of everything, along both axes, with a margin.
    fn span(&self) -> Option<[[f64; 2]; 2]> {
        let spots = self.curves.iter().flat_map(|curve| &curve.spots);
        let spots = spots.flat_map(|spot| spot.range.iter().flatten().map(|y| [spot.at[0], *y]).chain([spot.at]));
        let ceilings = self.ceilings.iter().flat_map(|ceiling| ceiling.points.iter().copied());
        let points: Vec<[f64; 2]> = spots.chain(ceilings).filter(|at| at.iter().copied().all(is_positive)).collect();
        if points.is_empty() {
            return None;
        }
        Some([0, 1].map(|axis| {
            let values = || points.iter().map(|point| point[axis].ln());
            let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
            let margin = (0.05 * (high - low)).max(0.1);
            [(low - margin).exp(), (high + margin).exp()]
        }))
    }

    fn on(&self, screen: &Screen, span: [[f64; 2]; 2]) -> Plot {
        let letters = self.curves.iter().map(|curve| curve.name_on(screen).chars().count()).max().unwrap_or(0);
        let area = Area::new(screen, letters, span.map(Span::Logarithmic));
        let columns = self.across.columns(&area, span[0]);
        let unit = self.up.unit.multiple(span[1][1]);
        let rows = logarithmic(span[1].map(|end| end / unit), screen.rows).into_iter().map(|value| value * unit);
        let labelled = |axis: &Axis, value: f64| (value, axis.unit.write(value));
        Plot {
            frame: area.frame(
                &self.title,
                [self.across.title, self.up.title],
                columns.into_iter().map(|value| labelled(&self.across, value)),
                rows.map(|value| labelled(&self.up, value)),
            ),
            ceilings: self.ceilings.iter().filter_map(|ceiling| ceiling.drawn(&area)).collect(),
            curves: self.drawn(&area),
        }
    }

    fn drawn(&self, area: &Area<'_>) -> Vec<DrawnCurve> {
        let end = |curve: &Curve| curve.spots.last().map_or([area.right, area.bottom], |spot| area.place(spot.at));
        let lines: Vec<_> = self.curves.iter().map(|curve| (curve.name_on(area.screen), end(curve))).collect();
        let names = area.names(&lines, CLEAR);
        self.curves.iter().zip(names).map(|(curve, name)| curve.drawn(area, name)).collect()
    }
}

impl Axis {
    /// What is labelled across an area that spans these values.
    fn columns(&self, area: &Area<'_>, span: [f64; 2]) -> Vec<f64> {
        match self.ticks.is_empty() {
            true => logarithmic(span, area.most_columns()),
            false => apart(&self.ticks, area.screen.tick, |value| area.x(value)),
        }
    }
}

impl Curve {
    fn name_on(&self, screen: &Screen) -> &str {
        if screen.wide { &self.name } else { &self.short }
    }

    fn drawn(&self, area: &Area<'_>, name: Name) -> DrawnCurve {
        let fit = self.fit.map(|(ends, _)| ends.map(|end| area.place(end)));
        let exponent = self.fit.filter(|_| area.screen.wide).map(|(_, exponent)| format!("{exponent:.2}"));
        DrawnCurve {
            colour: self.colour,
            line: self.joined.then(|| points(self.spots.iter().map(|spot| area.place(spot.at)))),
            fit: fit.map(|[[a, b], [c, d]]| [a, b, c, d]),
            marks: self.spots.iter().map(|spot| spot.drawn(area, self.colour)).collect(),
            name: (!name.text.is_empty()).then_some(name),
            exponent,
        }
    }
}

impl Spot {
    fn drawn(&self, area: &Area<'_>, colour: usize) -> Mark {
        let place = area.place(self.at);
        let range = self.range.map(|[low, high]| [place[0], area.y(low), area.y(high)]);
        Mark { path: mark(place, colour), range, title: self.title.clone() }
    }
}

impl Ceiling {
    fn drawn(&self, area: &Area<'_>) -> Option<DrawnCeiling> {
        let [first, last] = [self.points.first()?, self.points.last()?].map(|point| area.place(*point));
        let (x, y, anchor) = match self.at_right {
            true => (last[0] - 4.0, last[1] - 7.0, "end"),
            false => (first[0] + 22.0, first[1] - 8.0, "start"),
        };
        let points = points(self.points.iter().map(|point| area.place(*point)));
        Some(DrawnCeiling { points, name: self.name.clone(), x: tenths(x), y: tenths(y), anchor })
    }
}

impl Unit {
    /// What a number like `largest` is written as a multiple of, by which round ones are told.
    fn multiple(self, largest: f64) -> f64 {
        match self {
            Self::Bytes => 1024f64.powf(largest.max(1.0).log(1024.0).floor()),
            Self::Number | Self::Seconds | Self::OperationsPerSecond => 1.0,
        }
    }

    fn write(self, value: f64) -> String {
        let text = match self {
            Self::Number if value >= 10.0 => return amounts::grouped(value.round() as u64),
            Self::Number => return format!("{value}"),
            Self::Seconds => amounts::seconds(value),
            Self::OperationsPerSecond => amounts::operations_per_second(value).replace("FLOP/s", ""),
            Self::Bytes => amounts::bytes(value.round() as u64),
        };
        // Round numbers need no digits behind the point.
        let (number, unit) = text.split_once(' ').unwrap_or((&text, ""));
        let number = if number.contains('.') { number.trim_end_matches('0').trim_end_matches('.') } else { number };
        format!("{number} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(points: &[[f64; 2]]) -> Figure {
        let spot = |at: &[f64; 2]| Spot { at: *at, range: Some([0.9 * at[1], 1.1 * at[1]]), title: "a mark".into() };
        let curve = Curve {
            name: "a line".into(),
            short: "l".into(),
            colour: 1,
            joined: true,
            spots: points.iter().map(spot).collect(),
            fit: None,
        };
        Figure {
            title: "a figure".into(),
            across: Axis { title: "tokens", unit: Unit::Number, ticks: points.iter().map(|point| point[0]).collect() },
            up: Axis { title: "seconds", unit: Unit::Seconds, ticks: Vec::new() },
            curves: vec![curve],
            ceilings: Vec::new(),
        }
    }

    #[test]
    fn equal_factors_are_equal_distances_and_more_is_right_and_up() {
        for plot in figure(&[[100.0, 0.01], [200.0, 0.02], [400.0, 0.04]]).plots() {
            let line = plot.curves[0].line.clone().unwrap();
            let points: Vec<Vec<f64>> =
                line.split(' ').map(|point| point.split(',').map(|number| number.parse().unwrap()).collect()).collect();
            let steps = [0, 1].map(|axis| [points[1][axis] - points[0][axis], points[2][axis] - points[1][axis]]);
            for [first, second] in steps {
                assert!((first - second).abs() < 0.3, "{line}");
            }
            assert!(steps[0][0] > 0.0 && steps[1][0] < 0.0, "{line}");
            for point in points {
                let Frame { left, right, top, bottom, .. } = plot.frame;
                assert!((left..=right).contains(&point[0]) && (top..=bottom).contains(&point[1]));
            }
            let frame = plot.frame;
            assert!(plot.curves[0].name.as_ref().is_some_and(|name| name.x > frame.right && name.x < frame.width));
            assert!(frame.columns.iter().any(|tick| tick.label == "400"), "a screen {} wide", frame.width);
        }
    }

    #[test]
    fn one_point_and_none_are_drawn_without_numbers_that_are_none() {
        let text = serde_json::to_string(&figure(&[[784.0, 0.02]]).plots()).unwrap();
        assert!(!text.contains("\"at\":null") && !text.contains("[null") && !text.contains("NaN"), "{text}");
        assert!(figure(&[]).plots().is_empty() && figure(&[[784.0, f64::NAN]]).plots().len() < 3);
    }

    #[test]
    fn memory_is_labelled_in_round_multiples() {
        let [least, most] = [10.0, 70.0].map(|amount| amount * 1024.0 * 1024.0);
        let mut figure = figure(&[[1.0, least], [2.0, most]]);
        figure.up.unit = Unit::Bytes;
        let plots = figure.plots();
        let labels: Vec<_> = plots[0].frame.rows.iter().map(|tick| &*tick.label).collect();
        assert_eq!(labels, ["10 MiB", "20 MiB", "50 MiB"]);
    }

    #[test]
    fn ticks_are_written_short() {
        assert_eq!([0.01, 2e-3, 0.5].map(|value| Unit::Seconds.write(value)), ["10 ms", "2 ms", "500 ms"]);
        assert_eq!(Unit::OperationsPerSecond.write(2e13), "20 T");
        assert_eq!((Unit::Number.write(3136.0), Unit::Number.write(0.5)), ("3,136".into(), "0.5".into()));
    }
}
