//! Lines over time.

use std::io::Write;
use std::path::Path;

use super::chart::{Axis, Chart, Ground};
use super::extension::format_of;
use crate::files::write_whole;
use crate::tensor::{Error, Result};

/// A named line of a plot.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Line {
    /// What the legend calls it: a class, a head, a query.
    pub name: String,
    /// Its value at each point in time.
    pub values: Vec<f32>,
}

impl Line {
    /// A line that the legend calls `name`, through these values.
    pub fn new(name: impl Into<String>, values: Vec<f32>) -> Self {
        Self { name: name.into(), values }
    }
}

/// A value per temporal index: how much each moment gets of what is given.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Profile {
    /// What is to be seen, in a few words.
    pub title: String,
    /// What the values are: `attention`.
    pub quantity: String,
    /// T values each.
    pub lines: Vec<Line>,
    /// The middle of what each temporal index covers, in seconds; without it they are numbered.
    pub seconds: Option<Vec<f64>>,
}

/// The probabilities of classes in each window of a long video.
///
/// ```no_run
/// use tubelet::report::{Line, Timeline};
///
/// let jumping = Line::new("jumping", vec![0.1, 0.7, 0.4]);
/// Timeline::new("a film", vec![[0.0, 2.0], [1.0, 3.0], [2.0, 4.0]], vec![jumping]).write("film.svg")?;
/// # Ok::<(), tubelet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Timeline {
    /// What is to be seen, in a few words.
    pub title: String,
    /// Start and end of each window in seconds.
    pub windows: Vec<[f64; 2]>,
    /// The classes, each with its probability in every window, from 0 to 1.
    pub classes: Vec<Line>,
}

/// What a [`Profile`] or a [`Timeline`] can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlotFormat {
    /// `.svg`: stays sharp at any size.
    Svg,
    /// `.png`.
    Png,
}

impl PlotFormat {
    /// The format that the extension of `path` names.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) that lists the possible ones for any other.
    pub fn of(path: impl AsRef<Path>) -> Result<Self> {
        format_of(path.as_ref(), &[("svg", Self::Svg), ("png", Self::Png)])
    }
}

impl Profile {
    /// `lines` of `quantity`, numbered by temporal index.
    pub fn new(title: impl Into<String>, quantity: impl Into<String>, lines: Vec<Line>) -> Self {
        Self { title: title.into(), quantity: quantity.into(), lines, seconds: None }
    }

    /// The middle of what each temporal index covers, in seconds; `None` numbers them.
    #[must_use]
    pub fn seconds(self, seconds: impl Into<Option<Vec<f64>>>) -> Self {
        Self { seconds: seconds.into(), ..self }
    }

    /// Draws into `path`, as what its extension says ([`PlotFormat`]).
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) for another extension and for lines that are empty, not
    /// finite or not as long as each other or the times; an error of the file where it cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        write(path.as_ref(), &self.chart()?)
    }

    pub(super) fn chart(&self) -> Result<Chart<'_>> {
        let indices = self.lines.first().map_or(0, |line| line.values.len());
        let numbered = || (0..indices).map(|index| index as f64).collect();
        check_lines(&self.lines, self.seconds.as_ref().map_or(indices, Vec::len))?;
        let times = check_times(self.seconds.clone().unwrap_or_else(numbered))?;
        let (first, last) = (times[0], times[times.len() - 1]);
        let step = (last - first) / (times.len() - 1).max(1) as f64;
        Ok(Chart {
            title: &self.title,
            across: Axis::new(if self.seconds.is_some() { "seconds" } else { "temporal index" }),
            up: Axis::new(&self.quantity),
            // Half a step before the first point and after the last.
            span: first - step / 2.0..last + step / 2.0,
            times,
            lines: &self.lines,
        })
    }
}

impl Timeline {
    /// `classes` over `windows`, each from its start to its end in seconds.
    pub fn new(title: impl Into<String>, windows: Vec<[f64; 2]>, classes: Vec<Line>) -> Self {
        Self { title: title.into(), windows, classes }
    }

    /// Draws into `path`, as what its extension says ([`PlotFormat`]). Each window is a point at its middle.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) for another extension, for a window that ends before it
    /// starts, for classes that have not one finite probability per window; an error of the file where it cannot be
    /// written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        write(path.as_ref(), &self.chart()?)
    }

    fn chart(&self) -> Result<Chart<'_>> {
        check_lines(&self.classes, self.windows.len())?;
        if let Some([start, end]) = self.windows.iter().find(|[start, end]| start > end) {
            return Err(Error::usage(format!("a window from {start} s to {end} s ends before it starts")));
        }
        let times = check_times(self.windows.iter().map(|[start, end]| (start + end) / 2.0).collect())?;
        let ([start, end], [_, last]) = (self.windows[0], self.windows[self.windows.len() - 1]);
        Ok(Chart {
            title: &self.title,
            across: Axis::new(&format!("seconds (middle of each window of {:.2} s)", end - start)),
            up: Axis { percent: true, ..Axis::new("probability") },
            span: start..last,
            times,
            lines: &self.classes,
        })
    }
}

fn write(path: &Path, chart: &Chart<'_>) -> Result<()> {
    let bytes = match PlotFormat::of(path)? {
        PlotFormat::Svg => chart.svg(Ground::Paper)?.text.into_bytes(),
        PlotFormat::Png => chart.png()?,
    };
    write_whole(path, |file| file.write_all(&bytes))
}

fn check_lines(lines: &[Line], times: usize) -> Result<()> {
    if lines.is_empty() || times == 0 {
        return Err(Error::usage("there is no line to plot"));
    }
    for Line { name, values } in lines {
        if values.len() != times {
            return Err(Error::usage(format!("{name} has {} values for {times} points in time", values.len())));
        }
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(Error::usage(format!("{name} cannot be plotted: its value {index} is {}", values[index])));
        }
    }
    Ok(())
}

fn check_times(times: Vec<f64>) -> Result<Vec<f64>> {
    match times.windows(2).all(|pair| pair[0] <= pair[1]) && times.iter().all(|time| time.is_finite()) {
        true => Ok(times),
        false => Err(Error::usage(format!("points in time that do not ascend cannot be plotted: {times:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::ErrorKind;

    fn timeline(windows: &[[f64; 2]], values: &[f32]) -> Timeline {
        let classes = vec![Line { name: "archery".into(), values: values.into() }];
        Timeline { title: "a day".into(), windows: windows.into(), classes }
    }

    fn profile(values: &[f32], seconds: Option<&[f64]>) -> Profile {
        let lines = vec![Line { name: "head 0".into(), values: values.into() }];
        Profile { title: "when".into(), quantity: "attention".into(), lines, seconds: seconds.map(<[f64]>::to_vec) }
    }

    #[test]
    fn a_window_is_a_point_at_its_middle_and_the_axis_covers_all_of_them() {
        let timeline = timeline(&[[0.0, 2.0], [1.0, 3.0], [2.0, 4.0]], &[0.1, 0.2, 0.9]);
        let chart = timeline.chart().unwrap();
        assert_eq!((chart.times, chart.span), (vec![1.0, 2.0, 3.0], 0.0..4.0));
        assert!(chart.across.title.contains("2.00 s") && chart.up.percent);
    }

    #[test]
    fn temporal_indices_are_numbered_where_their_times_are_not_known() {
        let (known, unknown) = (profile(&[0.1, 0.2], Some(&[1.0, 3.0])), profile(&[0.1, 0.2], None));
        let chart = known.chart().unwrap();
        assert_eq!((chart.times, chart.span, chart.across.title.as_str()), (vec![1.0, 3.0], 0.0..4.0, "seconds"));
        let chart = unknown.chart().unwrap();
        assert_eq!(
            (chart.times, chart.span, chart.across.title.as_str()),
            (vec![0.0, 1.0], -0.5..1.5, "temporal index")
        );
    }

    #[test]
    fn both_formats_are_written_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let timeline = timeline(&[[0.0, 2.0]], &[0.5]);
        let start = |name: &str| {
            timeline.write(folder.path().join(name)).unwrap();
            std::fs::read(folder.path().join(name)).unwrap()[..4].to_vec()
        };
        assert_eq!((start("a.svg"), start("a.png")), (b"<svg".to_vec(), b"\x89PNG".to_vec()));
        let error = timeline.write(folder.path().join("a.gif")).unwrap_err();
        assert!(error.kind() == ErrorKind::Usage && error.to_string().contains(".svg, .png"), "{error}");
    }

    #[test]
    fn what_is_no_line_is_refused() {
        let message = |chart: Result<Chart<'_>>| {
            let error = chart.err().unwrap();
            assert_eq!(error.kind(), ErrorKind::Usage);
            error.to_string()
        };
        assert!(message(timeline(&[[0.0, 2.0]], &[0.5, 0.6]).chart()).contains("archery has 2 values for 1"));
        assert!(message(timeline(&[], &[]).chart()).contains("no line"));
        assert!(message(timeline(&[[0.0, 1.0]], &[f32::NAN]).chart()).contains("value 0 is NaN"));
        assert!(message(timeline(&[[2.0, 1.0]], &[0.5]).chart()).contains("ends before it starts"));
        assert!(message(timeline(&[[2.0, 3.0], [1.0, 2.0]], &[0.5; 2]).chart()).contains("do not ascend"));
        assert!(message(profile(&[0.1], Some(&[f64::INFINITY])).chart()).contains("do not ascend"));
        assert!(message(profile(&[0.1], Some(&[1.0, 2.0])).chart()).contains("1 values for 2"));
    }
}
