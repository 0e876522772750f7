//! Line plots: one drawing for vector and pixel files.

use std::io::Cursor;
use std::ops::Range;

use image::{ImageFormat, Rgb, imageops};
use plotters::backend::{DrawingBackend, SVGBackend};
use plotters::chart::{ChartBuilder, ChartContext, LabelAreaPosition};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::{DrawingArea, DrawingAreaErrorKind, IntoDrawingArea};
use plotters::element::{Circle, Rectangle, Text};
use plotters::prelude::Cartesian2d;
use plotters::series::LineSeries;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, IntoFont, RGBAColor, RGBColor, ShapeStyle, TextStyle};

use super::canvas::{Canvas, FADED_INK, INK, PAPER, Typeface};
use super::lines::Line;
use super::pixels::{LINE_HEIGHT, Pixels};
use crate::tensor::{Error, Result};

/// Width and height of a plot in points, of which a screen has one to two pixels each.
const SIZE: [u32; 2] = [960, 400];

/// Steps a point is divided into, since coordinates are whole numbers.
const STEPS: u32 = 4;

/// Pixels a point in pixel files: of the steps, which are averaged, so that edges are smooth.
const PIXELS: u32 = 2;

/// Sizes in points.
const MARGIN: u32 = 22;
const TITLE: u32 = 19;
const LABEL: u32 = 14;
const LEGEND_LINE: u32 = 23;
/// Where the plotted area begins, below the titles.
const TOP: u32 = 86;

/// What viewers of vector files write with: the typeface of pixel files where they have it.
const TYPEFACES: &str = "Noto Sans, system-ui, sans-serif";

/// Lines against time.
pub(super) struct Chart<'a> {
    pub(super) title: &'a str,
    pub(super) across: Axis,
    pub(super) up: Axis,
    /// The axis of time.
    pub(super) span: Range<f64>,
    /// The time of each value, ascending.
    pub(super) times: Vec<f64>,
    pub(super) lines: &'a [Line],
}

/// What an axis says.
pub(super) struct Axis {
    pub(super) title: String,
    /// Values are shares, written as percentages.
    pub(super) percent: bool,
}

impl Axis {
    pub(super) fn new(title: &str) -> Self {
        Self { title: title.into(), percent: false }
    }
}

/// What a plot is drawn on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    Paper,
    /// The page that it is part of.
    Transparent,
}

/// A plot as SVG.
pub(super) struct Svg {
    pub(super) text: String,
    /// Where each of the chart's times lies, as a share of the whole width.
    pub(super) times: Vec<f64>,
    /// From the top to the bottom of the plotted area, as shares of the whole height.
    pub(super) height: Range<f64>,
}

type Plotted<'a, B> = ChartContext<'a, B, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
type Drawn<T, B> = Result<T, DrawingAreaErrorKind<<B as DrawingBackend>::ErrorType>>;

impl Chart<'_> {
    /// As PNG.
    pub(super) fn png(&self) -> Result<Vec<u8>> {
        let [width, height] = SIZE.map(|side| STEPS * side);
        let mut canvas = Canvas::new(width, height)?;
        self.draw(&Pixels(&mut canvas).into_drawing_area()).map_err(failed)?;
        let picture = imageops::thumbnail(&canvas.image, SIZE[0] * PIXELS, SIZE[1] * PIXELS);
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, ImageFormat::Png).map_err(failed)?;
        Ok(bytes.into_inner())
    }

    /// As SVG.
    pub(super) fn svg(&self, ground: Ground) -> Result<Svg> {
        let [width, height] = SIZE.map(|side| STEPS * side);
        let mut text = String::new();
        let area = SVGBackend::with_string(&mut text, (width, height)).into_drawing_area();
        if ground == Ground::Paper {
            area.fill(&colour(PAPER)).map_err(failed)?;
        }
        let (times, rows) = self.draw(&area).map_err(failed)?;
        drop(area);
        let drawn = format!("<svg width=\"{width}\" height=\"{height}\"");
        let shown = format!("<svg width=\"{}\" height=\"{}\"", SIZE[0], SIZE[1]);
        let share = |pixel: i32, whole: u32| f64::from(pixel) / f64::from(whole);
        Ok(Svg {
            text: text.replacen(&drawn, &shown, 1),
            times: times.into_iter().map(|column| share(column, width)).collect(),
            height: share(rows.start, height)..share(rows.end, height),
        })
    }

    /// Draws everything; returns the column of each time and the rows of the plotted area.
    fn draw<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<(Vec<i32>, Range<i32>), B> {
        let (legend, names) = self.legend();
        let (plot, legend) = area.split_horizontally(steps(SIZE[0] - legend));
        self.draw_titles(area)?;
        let range = self.across_range();
        let mut plotted = ChartBuilder::on(&plot)
            .margin_left(steps(MARGIN))
            .margin_right(steps(MARGIN))
            .margin_top(steps(TOP))
            .margin_bottom(steps(10))
            .set_label_area_size(LabelAreaPosition::Left, steps(52))
            .set_label_area_size(LabelAreaPosition::Bottom, steps(48))
            .build_cartesian_2d(range.clone(), self.up_range())?;
        self.draw_axes(&mut plotted, range)?;
        self.draw_lines(&mut plotted)?;
        self.draw_legend(&legend, &names)?;
        let column = |time: &f64| plotted.backend_coord(&(*time, 0.0)).0;
        let columns = self.times.iter().map(column).collect();
        let rows = plotted.plotting_area().get_pixel_range().1;
        area.present()?;
        Ok((columns, rows))
    }

    /// The plot's title and, above its axis, what the values are.
    fn draw_titles<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>) -> Drawn<(), B> {
        let (words, size) = self.fitting_title();
        let title = text_style(size, INK, HPos::Left, VPos::Center);
        area.draw(&Text::new(words, (steps(MARGIN), steps(MARGIN + TITLE / 2)), title))?;
        let quantity = text_style(LABEL, FADED_INK, HPos::Left, VPos::Center);
        area.draw(&Text::new(self.up.title.as_str(), (steps(MARGIN), steps(TOP - 21)), quantity))
    }

    /// The title and its size in points: a long one is smaller, and what does not fit even then is cut.
    fn fitting_title(&self) -> (String, u32) {
        let room = (SIZE[0] - 2 * MARGIN) as f32;
        let Ok(typeface) = Typeface::new() else { return (self.title.to_owned(), TITLE) };
        let fits = |size: &u32| typeface.width(self.title, *size as f32) <= room;
        let size = (LABEL..=TITLE).rev().find(fits).unwrap_or(LABEL);
        (typeface.fitting(self.title, size as f32, room), size)
    }

    fn draw_axes<B: DrawingBackend>(&self, plotted: &mut Plotted<'_, B>, across: Range<f64>) -> Drawn<(), B> {
        let up = self.up_range();
        let digits = decimals(across.end - across.start, LABELS_ACROSS);
        let unit = if self.up.percent { 100.0 } else { 1.0 };
        let up_digits = decimals(unit * (up.end - up.start), LABELS_UP);
        let label = text_style(LABEL, FADED_INK, HPos::Center, VPos::Center);
        plotted
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(colour(INK).mix(0.0))
            .bold_line_style(line_style(colour(INK).mix(0.13), 1))
            .axis_style(line_style(colour(INK).mix(0.55), 1))
            .set_all_tick_mark_size(steps(5))
            .x_labels(LABELS_ACROSS)
            .y_labels(LABELS_UP)
            .x_label_formatter(&|time| format!("{time:.digits$}"))
            .y_label_formatter(&|value| match self.up.percent {
                true => format!("{:.up_digits$} %", 100.0 * value),
                false => format!("{value:.up_digits$}"),
            })
            .x_desc(&self.across.title)
            .label_style(label.clone())
            .axis_desc_style(label)
            .draw()
    }

    fn draw_lines<B: DrawingBackend>(&self, plotted: &mut Plotted<'_, B>) -> Drawn<(), B> {
        // The first line is the most important: it lies on top.
        for (index, line) in self.lines.iter().enumerate().rev() {
            let colour = line_colour(index, self.lines.len());
            let points: Vec<(f64, f64)> =
                self.times.iter().zip(&line.values).map(|(time, value)| (*time, f64::from(*value))).collect();
            if points.len() > 1 {
                plotted.draw_series(LineSeries::new(points.iter().copied(), line_style(colour.to_rgba(), 2)))?;
            }
            if points.len() <= MOST_MARKED {
                let mark = |point| Circle::new(point, steps(3), colour.filled());
                plotted.draw_series(points.into_iter().map(mark))?;
            }
        }
        Ok(())
    }

    /// The width of the legend in points, and the names as they fit.
    fn legend(&self) -> (u32, Vec<String>) {
        let Ok(typeface) = Typeface::new() else { return (MARGIN, Vec::new()) };
        let fitting = |line: &Line| typeface.fitting(&line.name, LABEL as f32, LONGEST_NAME);
        let names: Vec<String> = self.lines.iter().map(fitting).collect();
        let widest = names.iter().map(|name| typeface.width(name, LABEL as f32)).fold(0.0, f32::max);
        // A viewer's own typeface may be wider.
        ((1.15 * widest) as u32 + 34 + MARGIN, names)
    }

    fn draw_legend<B: DrawingBackend>(&self, area: &DrawingArea<B, Shift>, names: &[String]) -> Drawn<(), B> {
        for (index, name) in names.iter().enumerate() {
            let y = steps(TOP + 6 + LEGEND_LINE.min((SIZE[1] - TOP - 24) / names.len() as u32) * index as u32);
            let colour = line_colour(index, names.len());
            area.draw(&Rectangle::new([(0, y - steps(2)), (steps(18), y + steps(2))], colour.filled()))?;
            let style = text_style(LABEL, INK, HPos::Left, VPos::Center);
            area.draw(&Text::new(name.as_str(), (steps(27), y), style))?;
        }
        Ok(())
    }

    /// The axis of time; one that is a moment gets a second around it.
    fn across_range(&self) -> Range<f64> {
        let Range { start, end } = self.span;
        if start < end { start..end } else { start - 0.5..end + 0.5 }
    }

    /// From 0, or a round number below all values, to a round number above them.
    fn up_range(&self) -> Range<f64> {
        let values = || self.lines.iter().flat_map(|line| &line.values).map(|value| f64::from(*value));
        let (low, high) = (values().fold(0.0, f64::min), values().fold(0.0, f64::max));
        if low < high { 0.0 - round_above(-low, &ENDS)..round_above(high, &ENDS) } else { 0.0..1.0 }
    }
}

/// The least of `digits` times a power of ten that is not below `value`; 0 for 0. The last digit is 10.
fn round_above(value: f64, digits: &[f64]) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let power = 10f64.powf(value.log10().floor());
    let rounds = digits.iter().map(|digit| digit * power);
    rounds.into_iter().find(|round| *round >= value * (1.0 - F32_ROUNDING)).unwrap_or(value)
}

/// 0.3 in f32 is above 0.3.
const F32_ROUNDING: f64 = 1e-6;

/// Where axes end.
const ENDS: [f64; 11] = [1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0];
/// What lies between labels.
const INTERVALS: [f64; 4] = [1.0, 2.0, 5.0, 10.0];

/// Decimals that tell up to `labels` labels apart on an axis that is `length` long.
fn decimals(length: f64, labels: usize) -> usize {
    let interval = round_above(length / (labels + 1) as f64, &INTERVALS);
    (-(interval * (1.0 + F32_ROUNDING)).log10().floor()).clamp(0.0, 12.0) as usize
}

/// Line `index` of `lines`: colours of one kind for up to ten, then as many of a rainbow as are needed.
fn line_colour(index: usize, lines: usize) -> RGBColor {
    let colorous::Color { r, g, b } = match colorous::TABLEAU10.get(index) {
        Some(colour) if lines <= colorous::TABLEAU10.len() => *colour,
        _ => colorous::TURBO.eval_continuous(0.1 + 0.8 * index as f64 / (lines - 1).max(1) as f64),
    };
    RGBColor(r, g, b)
}

fn colour(Rgb([r, g, b]): Rgb<u8>) -> RGBColor {
    RGBColor(r, g, b)
}

fn line_style(color: RGBAColor, points: u32) -> ShapeStyle {
    ShapeStyle { color, filled: false, stroke_width: points * STEPS }
}

fn text_style(points: u32, ink: Rgb<u8>, h_pos: HPos, v_pos: VPos) -> TextStyle<'static> {
    let size = f64::from(LINE_HEIGHT) * f64::from(points * STEPS);
    (TYPEFACES, size).into_font().color(&colour(ink)).pos(Pos::new(h_pos, v_pos))
}

fn steps(points: u32) -> i32 {
    (STEPS * points) as i32
}

fn failed(error: impl std::fmt::Display) -> Error {
    Error::usage(format!("the plot cannot be drawn: {error}"))
}

/// Labels of an axis, at most.
const LABELS_ACROSS: usize = 12;
const LABELS_UP: usize = 8;

/// With more points than this, marks would hide the line.
const MOST_MARKED: usize = 80;

/// In points; a longer name is shortened.
const LONGEST_NAME: f32 = 230.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &str, values: &[f32]) -> Line {
        Line { name: name.into(), values: values.into() }
    }

    fn chart(lines: &[Line]) -> Chart<'_> {
        let times: Vec<f64> = (0..lines[0].values.len()).map(|time| time as f64).collect();
        let span = 0.0..times[times.len() - 1];
        Chart { title: "a plot", across: Axis::new("seconds"), up: Axis::new("share"), span, times, lines }
    }

    #[test]
    fn a_vector_plot_has_a_line_and_a_name_each_and_its_words_are_escaped() {
        let lines = [line("rising & <falling>", &[0.0, 1.0, 0.0]), line("level", &[0.5; 3])];
        let svg = chart(&lines).svg(Ground::Paper).unwrap();
        assert!(svg.text.starts_with("<svg width=\"960\" height=\"400\" viewBox=\"0 0 3840 1600\""), "{}", svg.text);
        for index in 0..2 {
            let RGBColor(r, g, b) = line_colour(index, 2);
            let stroke = format!("<polyline fill=\"none\" opacity=\"1\" stroke=\"#{r:02X}{g:02X}{b:02X}\"");
            assert_eq!(svg.text.matches(&stroke).count(), 1);
        }
        assert_eq!(svg.text.matches("<circle").count(), 6);
        for word in ["rising &amp; &lt;falling&gt;", "level", "seconds", "share", "a plot", "0.2", "2.0"] {
            assert!(svg.text.contains(&format!(">\n{word}\n</text>")), "{word} is missing");
        }
        assert_eq!(svg.text.matches("fill=\"#FFFFFF\"").count(), 1);
        assert!(!chart(&lines).svg(Ground::Transparent).unwrap().text.contains("#FFFFFF"));
    }

    #[test]
    fn places_are_where_the_points_are_drawn() {
        let lines = [line("", &[0.0, 1.0, 0.5])];
        let svg = chart(&lines).svg(Ground::Paper).unwrap();
        for time in &svg.times {
            let column = (time * 3840.0).round();
            assert!(svg.text.contains(&format!("<circle cx=\"{column}\"")), "{column}");
        }
        let (bottom, top) = ((svg.height.end * 1600.0).round(), (svg.height.start * 1600.0).round());
        for row in [bottom, top] {
            let near = |row: f64| svg.text.contains(&format!(" cy=\"{row}\""));
            assert!(near(row) || near(row - 1.0), "no point at row {row}");
        }
    }

    #[test]
    fn a_pixel_plot_is_as_the_vector_plot_says() {
        let lines = [line("falling", &[1.0, 0.5, 0.0])];
        let svg = chart(&lines).svg(Ground::Paper).unwrap();
        let picture = image::load_from_memory(&chart(&lines).png().unwrap()).unwrap().into_rgb8();
        assert_eq!(picture.dimensions(), (1920, 800));
        let pixel = |across: f64, down: f64| *picture.get_pixel((across * 1920.0) as u32, (down * 800.0) as u32);
        let RGBColor(r, g, b) = line_colour(0, 1);
        let middle = (svg.height.start + svg.height.end) / 2.0;
        assert_eq!(pixel(svg.times[1], middle), Rgb([r, g, b]));
        assert_eq!(pixel(svg.times[1], middle - 0.1), PAPER);
        // Halfway between the first two points, the line is a quarter down.
        let (between, quarter) = ((svg.times[0] + svg.times[1]) / 2.0, 0.75 * svg.height.start + 0.25 * svg.height.end);
        assert_eq!(pixel(between, quarter), Rgb([r, g, b]));
    }

    #[test]
    fn axes_end_at_round_numbers_around_all_values() {
        let range = |values: &[f32]| chart(&[line("", values)]).up_range();
        assert_eq!(range(&[0.11, 0.25]), 0.0..0.25);
        assert_eq!(range(&[0.61]), 0.0..0.8);
        assert_eq!(range(&[-3.0, 41.0]), -3.0..50.0);
        assert_eq!(range(&[0.0]), 0.0..1.0);
        assert!((range(&[0.3]).end - 0.3).abs() < 1e-9, "not 0.4, although 0.3 in f32 is above 0.3");
    }

    #[test]
    fn labels_have_the_decimals_that_tell_them_apart() {
        let lengths = [1.0, 100.0, 0.12, 2e-5, 0.5, 0.8];
        assert_eq!(lengths.map(|length| decimals(length, 8)), [1, 0, 2, 6, 1, 1]);
        assert_eq!([4.9, 20.0].map(|length| decimals(length, 12)), [1, 0]);
        for (length, shortest) in [(0.12, "0.02"), (0.6, "0.1"), (2.5, "0.5"), (40.0, "10")] {
            let lines = [line("", &[length])];
            let text = chart(&lines).svg(Ground::Paper).unwrap().text;
            assert!(text.contains(&format!(">\n{shortest}\n")), "{shortest} is missing on an axis of {length}");
        }
    }

    #[test]
    fn one_place_and_very_many_lines_can_be_plotted() {
        let many: Vec<Line> = (0..300).map(|index| line(&format!("line {index}"), &[0.1])).collect();
        let svg = chart(&many).svg(Ground::Paper).unwrap();
        assert_eq!(svg.text.matches("<circle").count(), 300);
        let colours: std::collections::BTreeSet<_> =
            (0..12).map(|index| format!("{:?}", line_colour(index, 12))).collect();
        assert_eq!(colours.len(), 12);
    }
}
