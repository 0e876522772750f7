//! What the plots of pages have in common: an area with labelled axes, where a point lies in it, and the names beside its
//! lines, on a wide and on a narrow screen. `plot_frame.html` draws the axes, `plot_name.html` the name of a line.

use serde::Serialize;

use super::ticks::spread;

/// Sizes of a screen, in pixels.
pub(crate) struct Screen {
    pub(crate) wide: bool,
    pub(crate) width: f64,
    pub(crate) height: f64,
    /// Where the plotted area begins.
    pub(crate) left: f64,
    /// Room for a label across.
    pub(crate) tick: f64,
    /// Labels up, at most.
    pub(crate) rows: usize,
    /// Between the names of lines.
    pub(crate) gap: f64,
    /// What lies beside the plotted area besides the letters of names.
    pub(crate) margin: f64,
    /// The plotted area's share of the width, at least: names that are longer run over the edge.
    pub(crate) least: f64,
}

/// Above and below the plotted area.
const TOP: f64 = 34.0;
const BOTTOM: f64 = 50.0;
/// The width of a letter beside a line, and of what lies between area and letter.
const LETTER: f64 = 7.2;
const LEADER: f64 = 20.0;

/// What an axis spans, from end to end.
#[derive(Clone, Copy)]
pub(crate) enum Span {
    Linear([f64; 2]),
    Logarithmic([f64; 2]),
}

impl Span {
    /// How much of the axis lies before `value`: 0 at its beginning, 1 at its end.
    fn share(self, value: f64) -> f64 {
        let [low, high, value] = match self {
            Self::Linear([low, high]) => [low, high, value],
            Self::Logarithmic([low, high]) => [low, high, value].map(f64::ln),
        };
        (value - low) / (high - low)
    }
}

/// The plotted area of a screen, and what its axes span.
pub(crate) struct Area<'a> {
    pub(crate) screen: &'a Screen,
    /// Where it ends.
    pub(crate) right: f64,
    pub(crate) bottom: f64,
    across: Span,
    up: Span,
}

/// What is drawn around an area: its axes, and what they say.
#[derive(Serialize)]
pub(crate) struct Frame {
    screen: &'static str,
    title: String,
    pub(crate) width: f64,
    height: f64,
    pub(crate) left: f64,
    pub(crate) right: f64,
    pub(crate) top: f64,
    pub(crate) bottom: f64,
    across: String,
    up: String,
    pub(crate) columns: Vec<Tick>,
    pub(crate) rows: Vec<Tick>,
}

/// What is written at a place of an axis.
#[derive(Serialize)]
pub(crate) struct Tick {
    pub(crate) at: f64,
    pub(crate) label: String,
}

/// The name of a line, and where it stands.
#[derive(Serialize)]
pub(crate) struct Name {
    pub(crate) text: String,
    pub(crate) x: f64,
    y: f64,
    /// From the end of the line to the name.
    leader: [f64; 4],
}

impl<'a> Area<'a> {
    /// Beside names of at most so many `letters`.
    pub(crate) fn new(screen: &'a Screen, letters: usize, [across, up]: [Span; 2]) -> Self {
        let right = screen.width - (screen.margin + LETTER * letters as f64);
        let right = right.max(screen.least * screen.width).round();
        Self { screen, right, bottom: screen.height - BOTTOM, across, up }
    }

    /// From its left to its right end.
    pub(crate) fn width(&self) -> f64 {
        self.right - self.screen.left
    }

    /// How many labels there is room for across.
    pub(crate) fn most_columns(&self) -> usize {
        ((self.width() / self.screen.tick) as usize).max(2)
    }

    pub(crate) fn x(&self, value: f64) -> f64 {
        tenths(self.screen.left + self.across.share(value) * self.width())
    }

    pub(crate) fn y(&self, value: f64) -> f64 {
        self.height(self.up.share(value))
    }

    fn height(&self, share: f64) -> f64 {
        tenths(self.bottom - share * (self.bottom - TOP))
    }

    pub(crate) fn place(&self, [across, up]: [f64; 2]) -> [f64; 2] {
        [self.x(across), self.y(up)]
    }

    /// The same, at an end of the axis up where the point lies beyond it.
    pub(crate) fn nearest_place(&self, [across, up]: [f64; 2]) -> [f64; 2] {
        [self.x(across), self.height(self.up.share(up).clamp(0.0, 1.0))]
    }

    /// The axes with their titles, and the values that are labelled along them.
    pub(crate) fn frame(
        &self,
        title: &str,
        [across, up]: [&str; 2],
        columns: impl IntoIterator<Item = (f64, String)>,
        rows: impl IntoIterator<Item = (f64, String)>,
    ) -> Frame {
        Frame {
            screen: if self.screen.wide { "wide" } else { "narrow" },
            title: title.to_owned(),
            width: self.screen.width,
            height: self.screen.height,
            left: self.screen.left,
            right: self.right,
            top: TOP,
            bottom: self.bottom,
            across: across.to_owned(),
            up: up.to_owned(),
            columns: columns.into_iter().map(|(value, label)| Tick { at: self.x(value), label }).collect(),
            rows: rows.into_iter().map(|(value, label)| Tick { at: self.y(value), label }).collect(),
        }
    }

    /// The names of lines beside where these end, apart from each other. `clear` is left free around the end of a line.
    pub(crate) fn names(&self, lines: &[(&str, [f64; 2])], clear: f64) -> Vec<Name> {
        let wanted: Vec<f64> = lines.iter().map(|(_, end)| end[1]).collect();
        let heights = spread(&wanted, self.screen.gap, [TOP + 6.0, self.bottom - 6.0]);
        let left = self.right + LEADER;
        let names = lines.iter().zip(heights).map(|((text, [x, y]), height)| Name {
            text: (*text).to_owned(),
            x: left,
            y: tenths(height + 4.0),
            leader: [x + clear, *y, left - 4.0, tenths(height)],
        });
        names.collect()
    }
}

/// What a `polyline` goes through.
pub(crate) fn points(places: impl IntoIterator<Item = [f64; 2]>) -> String {
    places.into_iter().map(|[x, y]| format!("{x},{y}")).collect::<Vec<_>>().join(" ")
}

/// A tenth of a pixel is more than is seen.
pub(crate) fn tenths(value: f64) -> f64 {
    (10.0 * value).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCREEN: Screen = Screen {
        wide: true,
        width: 300.0,
        height: 184.0,
        left: 50.0,
        tick: 60.0,
        rows: 5,
        gap: 16.0,
        margin: 30.0,
        least: 0.5,
    };

    #[test]
    fn points_lie_by_their_axes_and_those_beyond_at_an_end() {
        let area = Area::new(&SCREEN, 0, [Span::Linear([0.0, 10.0]), Span::Logarithmic([1.0, 100.0])]);
        assert_eq!((area.width(), area.most_columns()), (220.0, 3));
        assert_eq!(area.place([5.0, 10.0]), [160.0, 84.0]);
        assert_eq!([[0.0, 0.0], [10.0, 1e9]].map(|point| area.nearest_place(point)), [[50.0, 134.0], [270.0, 34.0]]);
        assert_eq!(points([[5.0, 10.0], [0.0, 1.0]].map(|point| area.place(point))), "160,84 50,134");
    }

    #[test]
    fn names_stand_apart_beside_the_area_and_leave_it_half_of_the_width() {
        let spans = [Span::Linear([0.0, 1.0]), Span::Linear([0.0, 1.0])];
        let area = Area::new(&SCREEN, 100, spans);
        assert_eq!(area.right, 150.0);
        let [first, second] = &area.names(&[("first", [140.0, 80.0]), ("second", [140.0, 82.0])], 7.0)[..] else {
            panic!("two lines have two names")
        };
        assert_eq!((first.text.as_str(), first.x, first.y), ("first", 170.0, 84.0));
        assert_eq!((second.y, second.leader), (100.0, [147.0, 82.0, 166.0, 96.0]));
    }
}
