//! A plot of quantities against steps: what is drawn, and where everything lies on a wide and on a narrow screen.

use serde::Serialize;

use super::curve::{picked, smoothed, thinned};
use super::words;
use crate::report::amounts::{grouped, percent};
use crate::report::plot::{self, Area, Frame, Name, Screen, Span, Tick};
use crate::report::ticks::{interval, linear, logarithmic};

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

/// Where everything lies on a screen.
#[derive(Serialize)]
pub(super) struct Plot {
    #[serde(flatten)]
    frame: Frame,
    epochs: Vec<f64>,
    curves: Vec<DrawnCurve>,
    lost: Vec<Tick>,
}

#[derive(Serialize)]
struct DrawnCurve {
    colour: usize,
    band: Option<String>,
    line: String,
    marks: Vec<Mark>,
    name: Name,
}

#[derive(Serialize)]
struct Mark {
    x: f64,
    y: f64,
    title: String,
}

const SCREENS: [Screen; 2] =
    [Screen { wide: true, width: 900.0, height: 300.0, left: 66.0, tick: 84.0, ..NARROW }, NARROW];
const NARROW: Screen = Screen {
    wide: false,
    width: 350.0,
    height: 250.0,
    left: 54.0,
    tick: 46.0,
    rows: 6,
    gap: 16.0,
    margin: 34.0,
    least: 0.55,
};
/// From the end of a line to what leads to its name.
const CLEAR: f64 = 4.0;
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
        let letters = self.curves.iter().map(|curve| curve.name.chars().count()).max().unwrap_or(0);
        let up = if self.scale == Scale::Logarithmic { Span::Logarithmic(range) } else { Span::Linear(range) };
        let area = Area::new(screen, letters, [Span::Linear(self.steps), up]);
        let whole = linear(self.steps, area.most_columns()).into_iter().filter(|step| step.fract() == 0.0);
        let lost =
            |step: &f64| Tick { at: area.x(*step), label: format!("step {}: not a number", grouped(*step as u64)) };
        Plot {
            frame: area.frame(
                &self.title,
                [&self.across(), self.up],
                whole.map(|step| (step, grouped(step as u64))),
                self.rows(range, screen.rows),
            ),
            epochs: self.epochs.iter().map(|step| area.x(*step)).collect(),
            curves: self.drawn(&area),
            lost: self.lost.iter().take(MOST_LOST).map(lost).collect(),
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

    fn drawn(&self, area: &Area<'_>) -> Vec<DrawnCurve> {
        let lines: Vec<_> = self.curves.iter().map(|curve| curve.line(area)).collect();
        let end = |line: &Vec<[f64; 2]>| line.last().copied().unwrap_or([area.screen.left, area.bottom]);
        let ends: Vec<_> = self.curves.iter().map(|curve| curve.name.as_str()).zip(lines.iter().map(end)).collect();
        let parts = self.curves.iter().zip(area.names(&ends, CLEAR)).zip(lines);
        let drawn = parts.map(|((curve, name), line)| DrawnCurve {
            colour: curve.colour,
            band: matches!(curve.look, Look::Smoothed(_)).then(|| plot::points(curve.band(area))),
            line: plot::points(line),
            marks: curve.marks(area, self.scale),
            name,
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

/// Up to how many columns steps are thinned to.
fn columns(area: &Area<'_>) -> usize {
    (area.width() / COLUMN) as usize
}

impl Curve {
    fn line(&self, area: &Area<'_>) -> Vec<[f64; 2]> {
        let points = match self.look {
            Look::Smoothed(span) => smoothed(&self.points, span),
            Look::Line | Look::Marked => self.finite(),
        };
        picked(points, columns(area)).into_iter().map(|point| area.nearest_place(point)).collect()
    }

    fn finite(&self) -> Vec<[f64; 2]> {
        self.points.iter().copied().filter(|[_, value]| value.is_finite()).collect()
    }

    /// Down and up through all columns.
    fn band(&self, area: &Area<'_>) -> Vec<[f64; 2]> {
        let bins = thinned(&self.points, columns(area));
        let ends = bins.iter().enumerate().flat_map(|(index, bin)| {
            let ends = if index % 2 == 0 { [bin.low, bin.high] } else { [bin.high, bin.low] };
            ends.map(|value| area.nearest_place([bin.step, value]))
        });
        let mut places: Vec<_> = ends.collect();
        places.dedup();
        places
    }

    fn marks(&self, area: &Area<'_>, scale: Scale) -> Vec<Mark> {
        let finite = self.finite();
        // A line through one point is not seen.
        if self.look != Look::Marked && finite.len() > 1 {
            return Vec::new();
        }
        let mark = |[step, value]: [f64; 2]| {
            let [x, y] = area.nearest_place([step, value]);
            let said = if scale == Scale::Share { words::share(value) } else { words::number(value as f32) };
            Mark { x, y, title: format!("{}, step {}: {said}", self.name, grouped(step as u64)) }
        };
        picked(finite, MOST_MARKS).into_iter().map(mark).collect()
    }
}
