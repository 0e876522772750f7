//! Confusion matrices: for which class the videos of each class were taken.

mod drawn;
mod pixels;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;

use minijinja::context;
use minijinja::value::Serde;

use super::document;
use super::lines::PlotFormat;
use crate::files::write_whole;
use crate::tensor::{Error, Result};

pub(crate) use drawn::DrawnMatrix;

/// How many videos of each class were taken for each class.
///
/// ```no_run
/// use tubelet::report::ConfusionMatrix;
///
/// let mut matrix = ConfusionMatrix::new("ten clips", vec!["archery".into(), "bowling".into()]);
/// matrix.add(0, 0, 6)?;
/// matrix.add(0, 1, 4)?;
/// assert_eq!(matrix.recall(0), Some(0.6));
/// matrix.write("confusion.svg")?;
/// # Ok::<(), tubelet::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct ConfusionMatrix {
    title: String,
    classes: Vec<String>,
    /// By label and class.
    videos: BTreeMap<(usize, usize), u64>,
}

impl ConfusionMatrix {
    /// No videos yet, of classes of these names.
    pub fn new(title: impl Into<String>, classes: Vec<String>) -> Self {
        Self { title: title.into(), classes, videos: BTreeMap::new() }
    }

    /// Adds so many videos of class `label` that were taken for `class`; an error ([`Usage`](crate::tensor::ErrorKind::Usage))
    /// for a class that is none.
    pub fn add(&mut self, label: usize, class: usize, videos: u64) -> Result<()> {
        let (most, classes) = (label.max(class), self.classes.len());
        if most >= classes {
            return Err(Error::usage(format!("class {most} is none of the {classes} of a confusion matrix")));
        }
        *self.videos.entry((label, class)).or_default() += videos;
        Ok(())
    }

    /// What is to be seen, in a few words.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// How many videos of class `label` were taken for `class`.
    pub fn videos(&self, label: usize, class: usize) -> u64 {
        self.videos.get(&(label, class)).copied().unwrap_or(0)
    }

    /// How many videos there are of class `label`.
    pub fn shown(&self, label: usize) -> u64 {
        self.of(label).map(|(_, videos)| videos).sum()
    }

    /// The share of the videos of class `label` that were recognised; `None` where there are none.
    pub fn recall(&self, label: usize) -> Option<f64> {
        let shown = self.shown(label);
        (shown > 0).then(|| self.videos(label, label) as f64 / shown as f64)
    }

    /// The `most` pairs of label and class that are confused most often with how often, the most frequent first.
    pub fn confused(&self, most: usize) -> Vec<(usize, usize, u64)> {
        let pairs = self.videos.iter().filter(|((label, class), videos)| label != class && **videos > 0);
        let mut pairs: Vec<_> = pairs.map(|((label, class), videos)| (*label, *class, *videos)).collect();
        pairs.sort_by_key(|(label, class, videos)| (std::cmp::Reverse(*videos), *label, *class));
        pairs.truncate(most);
        pairs
    }

    /// The classes that videos of class `label` were taken for, and how many.
    fn of(&self, label: usize) -> impl Iterator<Item = (usize, u64)> {
        self.videos.range((label, 0)..=(label, usize::MAX)).map(|((_, class), videos)| (*class, *videos))
    }

    /// Draws into `path`, as what its extension says ([`PlotFormat`]): a row a label, a column a class, the
    /// darker, the larger the share of the label's videos that were taken for that class.
    ///
    /// An error ([`Usage`](crate::tensor::ErrorKind::Usage)) for another extension, for no classes and for more than a
    /// picture can show (4096); an error of the file where it cannot be written.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let (path, drawn) = (path.as_ref(), DrawnMatrix::alone(self)?);
        let bytes = match PlotFormat::of(path)? {
            PlotFormat::Svg => svg(&drawn)?.into_bytes(),
            PlotFormat::Png => pixels::png(&drawn)?,
        };
        write_whole(path, |file| file.write_all(&bytes))
    }
}

/// What draws a matrix within a page.
pub(crate) const TEMPLATE: (&str, &str) = ("confusion.html", include_str!("confusion.html"));

fn svg(matrix: &DrawnMatrix) -> Result<String> {
    document::render(&[TEMPLATE], context! { matrix => minijinja::Value::from(Serde(matrix)), alone => true })
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;
    use crate::report::document::tests::assert_elements_close;
    use crate::tensor::ErrorKind;

    fn matrix() -> ConfusionMatrix {
        let names = ["archery", "<bowling> & \"co\"", "climbing"].map(str::to_owned);
        let mut matrix = ConfusionMatrix::new("three & more", names.to_vec());
        for (label, class, videos) in [(0, 0, 8), (0, 1, 2), (1, 1, 5), (2, 0, 3), (2, 2, 1), (2, 2, 1)] {
            matrix.add(label, class, videos).unwrap();
        }
        matrix
    }

    #[test]
    fn videos_are_counted_by_label_and_class() {
        let matrix = matrix();
        assert_eq!((matrix.shown(0), matrix.videos(2, 2), matrix.videos(1, 0)), (10, 2, 0));
        assert_eq!([0, 1, 2].map(|label| matrix.recall(label)), [Some(0.8), Some(1.0), Some(0.4)]);
        assert_eq!(matrix.confused(5), [(2, 0, 3), (0, 1, 2)]);
        assert_eq!(ConfusionMatrix::new("", vec!["a".into()]).recall(0), None);
        assert_eq!(matrix.clone().add(0, 3, 1).unwrap_err().kind(), ErrorKind::Usage);
    }

    #[test]
    fn both_pictures_show_the_shares_and_words_are_escaped() {
        let folder = tempfile::tempdir().unwrap();
        let [svg, png] = ["a.svg", "a.png"].map(|name| folder.path().join(name));
        matrix().write(&svg).unwrap();
        let text = std::fs::read_to_string(&svg).unwrap();
        assert_elements_close(&text);
        assert!(text.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\"") && text.contains("three &amp; more"));
        assert!(text.contains("&lt;bowling&gt; &amp; &quot;co&quot;") && text.contains("archery as &lt;bowling&gt;"));
        assert_eq!(text.matches("class=\"cell\"").count(), 5);
        matrix().write(&png).unwrap();
        let picture = image::open(&png).unwrap().into_rgb8();
        let drawn = DrawnMatrix::alone(&matrix()).unwrap();
        let pixel = |label: usize, class: usize| {
            let [x, y] = drawn.corner(label, class).map(|at| (pixels::SCALE * (at + 3.0)) as u32);
            *picture.get_pixel(x, y)
        };
        let dark = |Rgb([r, _, _]): Rgb<u8>| u32::from(255 - r);
        assert!(dark(pixel(1, 1)) > dark(pixel(0, 0)) && dark(pixel(0, 0)) > dark(pixel(0, 1)));
        assert_eq!(dark(pixel(1, 0)), 0);
        assert!(matrix().write(folder.path().join("a.gif")).is_err());
    }

    #[test]
    fn very_many_classes_are_drawn_and_none_are_refused() {
        let mut matrix = ConfusionMatrix::new("400", (0..400).map(|class| format!("class {class}")).collect());
        (0..400).for_each(|label| matrix.add(label, (7 * label) % 400, 3).unwrap());
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.svg", "a.png"] {
            matrix.write(folder.path().join(name)).unwrap();
        }
        let error = ConfusionMatrix::new("none", Vec::new()).write(folder.path().join("b.svg")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage);
    }
}
