//! A plot with two logarithmic axes: what is drawn, and where everything lies on a wide and on a narrow screen.

use serde::Serialize;

use super::amounts;
use super::series::is_positive;
use super::ticks::apart;
use crate::report::ticks::{logarithmic, spread};

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

/// Where everything lies, in pixels of a screen of `width`.
#[derive(Serialize)]
pub(super) struct Plot {
    screen: &'static str,
    title: String,
    width: f64,
    height: f64,
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    across: String,
    up: String,
    columns: Vec<Tick>,
    rows: Vec<Tick>,
    ceilings: Vec<DrawnCeiling>,
    curves: Vec<DrawnCurve>,
}

#[derive(Serialize)]
struct Tick {
    at: f64,
    label: String,
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
    label: Option<Label>,
}

#[derive(Serialize)]
struct Mark {
    path: String,
    range: Option<[f64; 3]>,
    title: String,
}

#[derive(Serialize)]
struct Label {
    text: String,
    exponent: Option<String>,
    x: f64,
    y: f64,
    /// From the last mark to the label.
    leader: [f64; 4],
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

/// Sizes of a screen, in pixels.
struct Screen {
    name: &'static str,
    width: f64,
    height: f64,
    left: f64,
    /// Labels across, at most, and room for each.
    tick: f64,
    rows: usize,
    /// Between labels of curves.
    gap: f64,
    wide: bool,
}

const SCREENS: [Screen; 2] = [
    Screen { name: "wide", width: 900.0, height: 440.0, left: 76.0, tick: 64.0, rows: 7, gap: 32.0, wide: true },
    Screen { name: "narrow", width: 350.0, height: 330.0, left: 62.0, tick: 48.0, rows: 6, gap: 15.0, wide: false },
];

const TOP: f64 = 34.0;
const BOTTOM: f64 = 50.0;
/// The width of a letter beside a line, and of what lies between line and letter.
const LETTER: f64 = 7.2;
const LEADER: f64 = 22.0;

impl Figure {
    /// On a wide and on a narrow screen; nothing where there is nothing to draw.
    pub(super) fn plots(&self) -> Vec<Plot> {
        let Some(span) = self.span() else { return Vec::new() };
        SCREENS.iter().map(|screen| self.on(screen, &span)).collect()
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

    fn on(&self, screen: &Screen, span: &[[f64; 2]; 2]) -> Plot {
        let names = self.curves.iter().map(|curve| screen.name_of(curve).chars().count());
        let labels = LEADER + 10.0 + LETTER * names.max().unwrap_or(0) as f64;
        let [left, right] = [screen.left, (screen.width - labels).max(0.5 * screen.width).round()];
        let area = Area { left, right, top: TOP, bottom: screen.height - BOTTOM, span: *span };
        let place = |point: &[f64; 2]| area.place(*point);
        let tick = |axis: &Axis, at: f64, value: f64| Tick { at, label: axis.unit.write(value) };
        let columns = self.across.columns(screen, &area);
        let unit = self.up.unit.multiple(span[1][1]);
        let rows = logarithmic(span[1].map(|end| end / unit), screen.rows).into_iter().map(|value| value * unit);
        Plot {
            screen: screen.name,
            title: self.title.clone(),
            width: screen.width,
            height: screen.height,
            left,
            right,
            top: area.top,
            bottom: area.bottom,
            across: self.across.title.to_owned(),
            up: self.up.title.to_owned(),
            columns: columns
                .into_iter()
                .map(|value| tick(&self.across, place(&[value, span[1][0]])[0], value))
                .collect(),
            rows: rows.map(|value| tick(&self.up, place(&[span[0][0], value])[1], value)).collect(),
            ceilings: self.ceilings.iter().filter_map(|ceiling| area.ceiling(ceiling)).collect(),
            curves: self.drawn(screen, &area),
        }
    }

    fn drawn(&self, screen: &Screen, area: &Area) -> Vec<DrawnCurve> {
        let last = |curve: &Curve| curve.spots.last().map(|spot| area.place(spot.at));
        let ends: Vec<[f64; 2]> =
            self.curves.iter().map(|curve| last(curve).unwrap_or([area.right, area.bottom])).collect();
        let wanted: Vec<f64> = ends.iter().map(|end| end[1]).collect();
        let places = spread(&wanted, screen.gap, [area.top + 6.0, area.bottom - 6.0]);
        let curves = self.curves.iter().zip(ends).zip(places);
        curves.map(|((curve, end), y)| area.curve(curve, screen.name_of(curve), end, tenths(y), screen.wide)).collect()
    }
}

impl Screen {
    fn name_of<'a>(&self, curve: &'a Curve) -> &'a str {
        if self.wide { &curve.name } else { &curve.short }
    }
}

impl Axis {
    /// What is labelled across.
    fn columns(&self, screen: &Screen, area: &Area) -> Vec<f64> {
        let most = ((area.right - area.left) / screen.tick) as usize;
        match self.ticks.is_empty() {
            true => logarithmic(area.span[0], most.max(2)),
            false => apart(&self.ticks, screen.tick, |value| area.place([value, area.span[1][0]])[0]),
        }
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

/// The plotted area, and what it spans along both axes.
struct Area {
    left: f64,
    right: f64,
    top: f64,
    bottom: f64,
    span: [[f64; 2]; 2],
}

impl Area {
    fn place(&self, point: [f64; 2]) -> [f64; 2] {
        let share = |axis: usize| {
            let [low, high] = self.span[axis];
            (point[axis].ln() - low.ln()) / (high.ln() - low.ln())
        };
        let x = self.left + share(0) * (self.right - self.left);
        [tenths(x), tenths(self.bottom - share(1) * (self.bottom - self.top))]
    }

    fn line(&self, points: impl Iterator<Item = [f64; 2]>) -> String {
        let places = points.map(|point| self.place(point)).map(|[x, y]| format!("{x},{y}"));
        places.collect::<Vec<_>>().join(" ")
    }

    fn ceiling(&self, ceiling: &Ceiling) -> Option<DrawnCeiling> {
        let [first, last] = [ceiling.points.first()?, ceiling.points.last()?].map(|point| self.place(*point));
        let points = self.line(ceiling.points.iter().copied());
        let (x, y, anchor) = match ceiling.at_right {
            true => (last[0] - 4.0, last[1] - 7.0, "end"),
            false => (first[0] + 22.0, first[1] - 8.0, "start"),
        };
        Some(DrawnCeiling { points, name: ceiling.name.clone(), x: tenths(x), y: tenths(y), anchor })
    }

    fn curve(&self, curve: &Curve, name: &str, [x, y]: [f64; 2], label: f64, wide: bool) -> DrawnCurve {
        let fit = curve.fit.map(|(ends, _)| ends.map(|end| self.place(end)));
        let exponent = curve.fit.filter(|_| wide).map(|(_, exponent)| format!("{exponent:.2}"));
        let start = self.right + 6.0;
        let leader = [x + 7.0, y, start + LEADER - 12.0, label];
        let text = Label { text: name.to_owned(), exponent, x: start + LEADER - 8.0, y: label + 4.0, leader };
        DrawnCurve {
            colour: curve.colour,
            line: curve.joined.then(|| self.line(curve.spots.iter().map(|spot| spot.at))),
            fit: fit.map(|[[a, b], [c, d]]| [a, b, c, d]),
            marks: curve.spots.iter().map(|spot| self.mark(spot, curve.colour)).collect(),
            label: (!name.is_empty()).then_some(text),
        }
    }

    fn mark(&self, spot: &Spot, colour: usize) -> Mark {
        let place = self.place(spot.at);
        let row = |y: f64| self.place([spot.at[0], y])[1];
        let range = spot.range.map(|[low, high]| [place[0], row(low), row(high)]);
        Mark { path: mark(place, colour), range, title: spot.title.clone() }
    }
}

/// A tenth of a pixel is more than is seen.
fn tenths(value: f64) -> f64 {
    (10.0 * value).round() / 10.0
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
                assert!((plot.left..=plot.right).contains(&point[0]) && (plot.top..=plot.bottom).contains(&point[1]));
            }
            assert!(plot.curves[0].label.as_ref().is_some_and(|label| label.x > plot.right && label.x < plot.width));
            assert!(plot.columns.iter().any(|tick| tick.label == "400"), "{}", plot.screen);
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
        let labels: Vec<_> = plots[0].rows.iter().map(|tick| &*tick.label).collect();
        assert_eq!(labels, ["10 MiB", "20 MiB", "50 MiB"]);
    }

    #[test]
    fn ticks_are_written_short() {
        assert_eq!([0.01, 2e-3, 0.5].map(|value| Unit::Seconds.write(value)), ["10 ms", "2 ms", "500 ms"]);
        assert_eq!(Unit::OperationsPerSecond.write(2e13), "20 T");
        assert_eq!((Unit::Number.write(3136.0), Unit::Number.write(0.5)), ("3,136".into(), "0.5".into()));
    }
}
