//! Where everything of a confusion matrix lies.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use image::{ImageFormat, Rgba, RgbaImage};
use serde::Serialize;

use super::ConfusionMatrix;
use crate::report::amounts::{grouped, percent};
use crate::report::canvas::Typeface;
use crate::report::ticks::linear;
use crate::tensor::{Error, LONGEST_TEXT, Result, printable};

/// A matrix on a screen, all lengths in its pixels.
#[derive(Serialize)]
pub(crate) struct DrawnMatrix {
    screen: &'static str,
    pub(super) title: Option<String>,
    pub(super) width: f64,
    pub(super) height: f64,
    /// The upper left corner of the squares, the side of all and of each of them.
    pub(super) left: f64,
    pub(super) top: f64,
    pub(super) side: f64,
    pub(super) cell: f64,
    /// Of the numbers in squares.
    pub(super) size: f64,
    pub(super) rows: Vec<Label>,
    pub(super) columns: Vec<Label>,
    pub(super) cells: Vec<Cell>,
    /// All squares as one picture, as a data address, where there are too many of them for a page.
    picture: Option<String>,
}

/// A class beside its row or above its column.
#[derive(Serialize)]
pub(super) struct Label {
    pub(super) at: f64,
    pub(super) text: String,
}

/// A square of a pair that occurs.
#[derive(Serialize)]
pub(super) struct Cell {
    pub(super) x: f64,
    pub(super) y: f64,
    /// From 0, paper, to 1, the hue: the larger, the larger the share of the label's videos.
    pub(super) shade: f64,
    /// How many videos, where there is room for it.
    pub(super) videos: Option<String>,
    title: String,
}

/// Sizes of a screen, in pixels.
struct Screen {
    name: &'static str,
    /// Of the squares and of the names beside them, at most.
    side: f64,
    names: f64,
    /// Of a square, at most.
    cell: f64,
}

const WIDE: Screen = Screen { name: "wide", side: 600.0, names: 230.0, cell: 46.0 };
const NARROW: Screen = Screen { name: "narrow", side: 230.0, names: 104.0, cell: 40.0 };

/// With more classes, names would be smaller than can be read.
const MOST_NAMED: usize = 48;
/// With more classes, a page holds a picture of the squares.
const MOST_SQUARES: usize = 64;
/// With more classes, a square is less than a pixel in any picture.
const MOST_CLASSES: usize = 4096;
/// Em of names, and of what stands above the columns.
pub(super) const LETTERS: f64 = 12.0;
/// Above the squares: the title of the axis, and the numbers of the columns.
const ABOVE: f64 = 44.0;
const TITLE: f64 = 30.0;
/// The least side of a square whose column is numbered one by one.
const NUMBERED: f64 = 15.0;
/// The hue of squares: it shows on light and on dark paper.
pub(super) const HUE: [u8; 3] = [68, 87, 214];

impl DrawnMatrix {
    /// For a file of its own.
    pub(super) fn alone(matrix: &ConfusionMatrix) -> Result<Self> {
        check(matrix)?;
        let title = printable(&matrix.title, LONGEST_TEXT);
        Self::on(&WIDE, matrix, (!title.is_empty()).then_some(title))
    }

    /// For a page, on a wide and on a narrow screen.
    pub(crate) fn for_page(matrix: &ConfusionMatrix) -> Result<Vec<Self>> {
        check(matrix)?;
        let drawn = [WIDE, NARROW].iter().map(|screen| {
            let mut drawn = Self::on(screen, matrix, None)?;
            if matrix.classes.len() > MOST_SQUARES {
                (drawn.cells, drawn.picture) = (Vec::new(), Some(picture(matrix)?));
            }
            Ok(drawn)
        });
        drawn.collect()
    }

    fn on(screen: &Screen, matrix: &ConfusionMatrix, title: Option<String>) -> Result<Self> {
        let classes = matrix.classes.len();
        let cell = (screen.side / classes as f64).min(screen.cell);
        let side = cell * classes as f64;
        let names = names(screen, matrix)?;
        let left = names.iter().map(|(_, width)| width + 12.0).fold(40.0, f64::max).ceil();
        let top = ABOVE + if title.is_some() { TITLE } else { 0.0 };
        let size = (0.38 * cell).min(13.0);
        let middle = |index: usize| (index as f64 + 0.5) * cell;
        let label = |at: f64, text: String| Label { at: tenths(at), text };
        let ticks: Vec<usize> = match cell >= NUMBERED {
            true => (0..classes).collect(),
            false => linear([0.0, (classes - 1) as f64], (side / 50.0) as usize)
                .into_iter()
                .filter(|class| class.fract() == 0.0)
                .map(|class| class as usize)
                .collect(),
        };
        let rows = match names.is_empty() {
            true => ticks.iter().map(|class| label(top + middle(*class), class.to_string())).collect(),
            false => names.into_iter().enumerate().map(|(class, (name, _))| label(top + middle(class), name)).collect(),
        };
        let columns = ticks.iter().map(|class| label(left + middle(*class), class.to_string())).collect();
        let mut drawn = Self {
            screen: screen.name,
            title,
            width: (left + side + 10.0).max(screen.side.min(320.0)),
            height: top + side + 10.0,
            left,
            top,
            side,
            cell,
            size,
            rows,
            columns,
            cells: Vec::new(),
            picture: None,
        };
        drawn.cells = drawn.cells(matrix);
        Ok(drawn)
    }

    fn cells(&self, matrix: &ConfusionMatrix) -> Vec<Cell> {
        let name = |class: usize| printable(&matrix.classes[class], LONGEST_TEXT);
        let cell = |label: usize, class: usize, videos: u64, shown: u64| {
            let [x, y] = self.corner(label, class).map(tenths);
            let (share, count) = (videos as f64 / shown.max(1) as f64, grouped(videos));
            let fits = self.size >= 6.0 && 0.62 * self.size * count.len() as f64 <= self.cell;
            let (label, class, of) = (name(label), name(class), grouped(shown));
            let title = format!("{label} as {class}: {count} of {of}, {}", percent(share));
            Cell {
                x,
                y,
                shade: (1000.0 * shade(share, matrix.classes.len())).round() / 1000.0,
                videos: fits.then_some(count),
                title,
            }
        };
        let labels = (0..matrix.classes.len()).map(|label| (label, matrix.shown(label)));
        let cells = labels.flat_map(|(label, shown)| {
            let some = matrix.of(label).filter(|(_, videos)| *videos > 0);
            some.map(move |(class, videos)| cell(label, class, videos, shown)).collect::<Vec<_>>()
        });
        cells.collect()
    }

    /// The upper left corner of a square.
    pub(super) fn corner(&self, label: usize, class: usize) -> [f64; 2] {
        [self.left + class as f64 * self.cell, self.top + label as f64 * self.cell]
    }
}

fn check(matrix: &ConfusionMatrix) -> Result<()> {
    match matrix.classes.len() {
        1..=MOST_CLASSES => Ok(()),
        classes => Err(Error::usage(format!("a confusion matrix of {classes} classes cannot be drawn"))),
    }
}

/// The names beside the rows with their numbers, and how wide they are; none where there are too many.
fn names(screen: &Screen, matrix: &ConfusionMatrix) -> Result<Vec<(String, f64)>> {
    let classes = matrix.classes.len();
    if classes > MOST_NAMED || (screen.side / classes as f64) < 0.9 * LETTERS {
        return Ok(Vec::new());
    }
    let typeface = Typeface::new()?;
    let (size, most) = (LETTERS as f32, screen.names as f32);
    let name = |(class, name): (usize, &String)| {
        let number = format!("  {class}");
        let room = most - typeface.width(&number, size);
        let text = typeface.fitting(&printable(name, LONGEST_TEXT), size, room) + &number;
        // A viewer's own typeface may be wider.
        let width = 1.2 * f64::from(typeface.width(&text, size));
        (text, width)
    };
    Ok(matrix.classes.iter().enumerate().map(name).collect())
}

/// A pixel a pair, as a data address.
fn picture(matrix: &ConfusionMatrix) -> Result<String> {
    let classes = matrix.classes.len() as u32;
    let [r, g, b] = HUE;
    let mut picture = RgbaImage::from_pixel(classes, classes, Rgba([r, g, b, 0]));
    for label in 0..matrix.classes.len() {
        let shown = matrix.shown(label);
        for (class, videos) in matrix.of(label) {
            let share = videos as f64 / shown.max(1) as f64;
            picture.put_pixel(
                class as u32,
                label as u32,
                Rgba([r, g, b, (255.0 * shade(share, matrix.classes.len())).round() as u8]),
            );
        }
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    let written = picture.write_to(&mut bytes, ImageFormat::Png);
    written.map_err(|error| Error::usage(format!("the confusion matrix cannot be drawn: {error}")))?;
    Ok(format!("data:image/png;base64,{}", BASE64.encode(bytes.into_inner())))
}

/// How dark a share is. Single squares among very many would not be seen, so there small shares are darker.
fn shade(share: f64, classes: usize) -> f64 {
    if classes > MOST_SQUARES { share.sqrt() } else { share }
}

/// A tenth of a pixel is more than is seen.
fn tenths(value: f64) -> f64 {
    (10.0 * value).round() / 10.0
}
