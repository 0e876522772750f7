//! The confusion matrices of an evaluation, as pictures.

use std::path::{Path, PathBuf};

use tubelet::eval::{ClassNames, Metrics, Task};
use tubelet::report::ConfusionMatrix;
use tubelet::tensor::{Error, Result};

use super::super::files;

/// Extensions of pictures.
const EXTENSIONS: &[&str] = &["svg", "png"];

/// Refuses what cannot be drawn, before anything is computed.
pub(super) fn check(path: &Path, task: &Task, read: &[&Path]) -> Result<()> {
    files::check_output(path, EXTENSIONS, read)?;
    match Metrics::new(task).confusion().is_empty() {
        true => {
            Err(Error::usage("a multi-label model has no confusion matrix: a video may show several classes at once"))
        }
        false => Ok(()),
    }
}

/// Draws the matrix of each head; those of several heads into files with the heads' names. Classes without names are
/// numbered.
pub(super) fn write(path: &Path, title: &str, task: &Task, names: &ClassNames, metrics: &Metrics) -> Result<()> {
    let heads = task.heads();
    for (index, (head, counts)) in heads.iter().zip(metrics.confusion()).enumerate() {
        let name = |class: usize| names.name(index, class).map_or_else(|| format!("class {class}"), str::to_owned);
        let title = if heads.len() == 1 { title.to_owned() } else { format!("{}: {title}", head.name) };
        let mut matrix = ConfusionMatrix::new(title, (0..head.classes).map(name).collect());
        for [label, class, videos] in counts {
            matrix.add(label as usize, class as usize, videos)?;
        }
        matrix.write(if heads.len() == 1 { path.to_owned() } else { of_head(path, &head.name) })?;
    }
    Ok(())
}

/// `a.svg` of the head `noun` is `a.noun.svg`. A name that is no name of a file is left to the numbers and letters in it.
fn of_head(path: &Path, head: &str) -> PathBuf {
    let extension = path.extension().unwrap_or_default().to_string_lossy();
    let head: String = head.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
    path.with_extension(format!("{head}.{extension}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_has_a_file_of_its_own_in_the_same_folder() {
        assert_eq!(of_head(Path::new("a/b.svg"), "noun"), Path::new("a/b.noun.svg"));
        assert_eq!(of_head(Path::new("b.png"), "../x y"), Path::new("b.---x-y.png"));
    }
}
