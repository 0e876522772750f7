//! A plot of quantities against steps: what is drawn, and where everything lies on a wide and on a narrow screen.

use serde::Serialize;

use super::curve::{picked, smoothed, thinned};
use super::words;
use crate::report::amounts::{grouped, percent};
use crate::report::ticks::{interval, linear, logarithmic, spread};

/// What is to be drawn.
pub(super) struct Figure {
    /// What is to be seen, for those who cannot.
    pub(super) title: String,
    pub(super) up: &'static str,
    pub(super) scale: Scale,
    /// The first and the last step.
    pub(super) steps: [f64; 2],
    pub(super) curves: Vec<Curve>,
    /// The steps that begin an epoch, and of every how many epochs.
    pub(super) epochs: Vec<f64>,
    pub(super) stride: u64,
    /// Steps whose value is no number.
    pub(super) lost: Vec<f64>,
}

/// How values lie along the axis, and how they are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Scale {
    /// From 0 or below the least to above the greatest.
    Linear,
    /// Shares, from 0 to at most 1.
    Share,
    Logarithmic,
}

/// A quantity.
pub(super) struct Curve {
    pub(super) name: String,
    /// Of the page's colours.
    pub(super) colour: usize,
    /// Step and value, ascending.
    pub(super) points: Vec<[f64; 2]>,
    pub(super) look: Look,
}

/// How a quantity is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The steps as a pale band, and their mean over about so many of them as a line.
    Smoothed(usize),
    /// A line through all.
    Line,
    /// A line with a mark at each.
    Marked,
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
    up: &'static str,
    columns: Vec<Tick>,
    rows: Vec<Tick>,
    epochs: Vec<f64>,
    curves: Vec<DrawnCurve>,
    lost: Vec<Tick>,
}

#[derive(Serialize)]
struct Tick {
    at: f64,
    label: String,
}

#[derive(Serialize)]
struct DrawnCurve {
    colour: usize,
    band: Option<String>,
    line: String,
    marks: Vec<Mark>,
    name: String,
    label: [f64; 2],
    /// From the end of the line to the label.
    leader: [f64; 4],
}

#[derive(Serialize)]
struct Mark {
    x: f64,
    y: f64,
    title: String,
}

/// Sizes of a screen, in pixels.
struct Screen {
    name: &'static str,
    width: f64,
    height: f64,
    left: f64,
    /// Room for a label across.
    tick: f64,
    rows: usize,
}

const SCREENS: [Screen; 2] = [
    Screen { name: "wide", width: 900.0, height: 300.0, left: 66.0, tick: 84.0, rows: 6 },
    Screen { name: "narrow", width: 350.0, height: 250.0, left: 54.0, tick: 46.0, rows: 6 },
];

const TOP: f64 = 34.0;
const BOTTOM: f64 = 50.0;
/// Between labels of curves.
const GAP: f64 = 16.0;
/// The width of a letter beside a line, and of what lies between line and letter.
const LETTER: f64 = 7.2;
const LEADER: f64 = 20.0;
/// Pixels a column of thinned steps is wide.
const COLUMN: f64 = 2.0;
/// More marks than these would hide each other, and more steps without a number say nothing more.
const MOST_MARKS: usize = 120;
const MOST_LOST: usize = 40;

impl Figure {
    /// On a wide and on a narrow screen; nothing where no curve has a value.
    pub(super) fn plots(&self) -> Vec<Plot> {
        let Some(range) = self.range() else { return Vec::new() };
        SCREENS.iter().map(|screen| self.on(screen, range)).collect()
    }

    /// From the least to the greatest value that the axis spans.
    fn range(&self) -> Option<[f64; 2]> {
        let shown = |value: &f64| value.is_finite() && (self.scale != Scale::Logarithmic || *value > 0.0);
        let values = || self.curves.iter().flat_map(|curve| &curve.points).map(|[_, value]| *value).filter(shown);
        let (low, high) = (values().fold(f64::INFINITY, f64::min), values().fold(f64::NEG_INFINITY, f64::max));
        if low > high {
            return None;
        }
        Some(match self.scale {
            Scale::Logarithmic => [low / 1.3, high * 1.3],
            Scale::Share => [0.0, (1.08 * high).clamp(0.1, 1.0)],
            Scale::Linear => {
                let low = if low >= 0.0 && low < 0.7 * high { 0.0 } else { low };
                // Equal values lie in the middle, and zeros on the axis.
                let margin = match high - low {
                    0.0 if high == 0.0 => 1.0,
                    0.0 => 0.1 * high.abs(),
                    length => 0.05 * length,
                };
                [if low == 0.0 { low } else { low - margin }, high + margin]
            }
        })
    }

    fn on(&self, screen: &Screen, range: [f64; 2]) -> Plot {
        let longest = self.curves.iter().map(|curve| curve.name.chars().count()).max().unwrap_or(0);
        let right = screen.width - LEADER - 14.0 - LETTER * longest as f64;
        let right = right.max(0.55 * screen.width).round();
        let area = Area {
            left: screen.left,
            right,
            bottom: screen.height - BOTTOM,
            across: self.steps,
            range,
            scale: self.scale,
        };
        let most = ((right - screen.left) / screen.tick) as usize;
        let tick = |at: f64, label: String| Tick { at, label };
        let whole = linear(self.steps, most.max(2)).into_iter().filter(|step| step.fract() == 0.0);
        let lost = self
            .lost
            .iter()
            .take(MOST_LOST)
            .map(|step| tick(area.x(*step), format!("step {}: not a number", grouped(*step as u64))));
        Plot {
            screen: screen.name,
            title: self.title.clone(),
            width: screen.width,
            height: screen.height,
            left: screen.left,
            right,
            top: TOP,
            bottom: area.bottom,
            across: self.across(),
            up: self.up,
            columns: whole.map(|step| tick(area.x(step), grouped(step as u64))).collect(),
            rows: self.rows(range, screen.rows).into_iter().map(|(value, label)| tick(area.y(value), label)).collect(),
            epochs: self.epochs.iter().map(|step| area.x(*step)).collect(),
            curves: self.drawn(&area),
            lost: lost.collect(),
        }
    }

    fn across(&self) -> String {
        match (self.epochs.is_empty(), self.stride) {
            (true, _) => "step".to_owned(),
            (false, 1) => "step (dotted: each epoch)".to_owned(),
            (false, stride) => format!("step (dotted: every {stride} epochs)"),
        }
    }

    /// The values that are labelled, and how.
    fn rows(&self, range: [f64; 2], most: usize) -> Vec<(f64, String)> {
        let values = match self.scale {
            Scale::Logarithmic => logarithmic(range, most),
            Scale::Linear | Scale::Share => linear(range, most),
        };
        let between = interval(range, most).unwrap_or(1.0);
        let write = |value: f64| match self.scale {
            Scale::Share if between >= 0.01 => format!("{:.0} %", 100.0 * value),
            Scale::Share => percent(value),
            Scale::Linear => decimal(value, between),
            Scale::Logarithmic => decimal(value, value),
        };
        values.into_iter().map(|value| (value, write(value))).collect()
    }

    fn drawn(&self, area: &Area) -> Vec<DrawnCurve> {
        let lines: Vec<_> = self.curves.iter().map(|curve| area.line(curve)).collect();
        let start = [area.left, area.bottom];
        let ends: Vec<[f64; 2]> = lines.iter().map(|line| line.last().copied().unwrap_or(start)).collect();
        let wanted: Vec<f64> = ends.iter().map(|end| end[1]).collect();
        let heights = spread(&wanted, GAP, [TOP + 6.0, area.bottom - 6.0]);
        let parts = self.curves.iter().zip(lines).zip(ends).zip(heights);
        let drawn = parts.map(|(((curve, line), [x, y]), height)| DrawnCurve {
            colour: curve.colour,
            band: matches!(curve.look, Look::Smoothed(_)).then(|| path(&area.band(curve))),
            line: path(&line),
            marks: area.marks(curve),
            name: curve.name.clone(),
            label: [area.right + LEADER, tenths(height + 4.0)],
            leader: [x + 4.0, y, area.right + LEADER - 4.0, tenths(height)],
        });
        drawn.collect()
    }
}

/// A number on an axis whose labels are this far apart, short: `0.25`, `1,000`, `5e-5`.
fn decimal(value: f64, between: f64) -> String {
    let digits = (-between.log10().floor()).clamp(0.0, 20.0) as usize;
    match value.abs() {
        0.0 => "0".to_owned(),
        _ if between < 1e-3 => {
            let text = format!("{value:.1e}");
            text.replace(".0e", "e")
        }
        large if large >= 1e6 => format!("{value:.0e}"),
        large if digits == 0 && value > 0.0 => grouped(large.round() as u64),
        _ => format!("{value:.digits$}"),
    }
}

/// The plotted area, and what it spans along both axes.
struct Area {
    left: f64,
    right: f64,
    bottom: f64,
    across: [f64; 2],
    range: [f64; 2],
    scale: Scale,
}

impl Area {
    fn x(&self, step: f64) -> f64 {
        let [first, last] = self.across;
        tenths(self.left + (step - first) / (last - first) * (self.right - self.left))
    }

    fn y(&self, value: f64) -> f64 {
        let [low, high] = self.range;
        let share = match self.scale {
            Scale::Logarithmic => (value.ln() - low.ln()) / (high.ln() - low.ln()),
            Scale::Linear | Scale::Share => (value - low) / (high - low),
        };
        tenths(self.bottom - share.clamp(0.0, 1.0) * (self.bottom - TOP))
    }

    fn place(&self, [step, value]: [f64; 2]) -> [f64; 2] {
        [self.x(step), self.y(value)]
    }

    /// Up to how many columns steps are thinned to.
    fn columns(&self) -> usize {
        ((self.right - self.left) / COLUMN) as usize
    }

    fn line(&self, curve: &Curve) -> Vec<[f64; 2]> {
        let points = match curve.look {
            Look::Smoothed(span) => smoothed(&curve.points, span),
            Look::Line | Look::Marked => curve.points.iter().copied().filter(|[_, value]| value.is_finite()).collect(),
        };
        picked(points, self.columns()).into_iter().map(|point| self.place(point)).collect()
    }

    /// Down and up through all columns.
    fn band(&self, curve: &Curve) -> Vec<[f64; 2]> {
        let bins = thinned(&curve.points, self.columns());
        let ends = bins.iter().enumerate().flat_map(|(index, bin)| {
            let ends = if index % 2 == 0 { [bin.low, bin.high] } else { [bin.high, bin.low] };
            ends.map(|value| self.place([bin.step, value]))
        });
        let mut points: Vec<_> = ends.collect();
        points.dedup();
        points
    }

    fn marks(&self, curve: &Curve) -> Vec<Mark> {
        let finite: Vec<_> = curve.points.iter().copied().filter(|[_, value]| value.is_finite()).collect();
        // A line through one point is not seen.
        if curve.look != Look::Marked && finite.len() > 1 {
            return Vec::new();
        }
        let mark = |[step, value]: [f64; 2]| {
            let [x, y] = self.place([step, value]);
            let said = if self.scale == Scale::Share { words::share(value) } else { words::number(value as f32) };
            Mark { x, y, title: format!("{}, step {}: {said}", curve.name, grouped(step as u64)) }
        };
        picked(finite, MOST_MARKS).into_iter().map(mark).collect()
    }
}

fn path(points: &[[f64; 2]]) -> String {
    points.iter().map(|[x, y]| format!("{x},{y}")).collect::<Vec<_>>().join(" ")
}

/// A tenth of a pixel is more than is seen.
fn tenths(value: f64) -> f64 {
    (10.0 * value).round() / 10.0
}
