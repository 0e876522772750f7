//! The confusion matrices of the last evaluation, and what can be read off them.

use serde::Serialize;

use super::record::{EvaluationRecord, HeadEvaluation, RunRecord, TrainedHead};
use super::words;
use crate::report::ConfusionMatrix;
use crate::report::amounts::{counted, grouped};
use crate::report::confusion::DrawnMatrix;
use crate::tensor::Result;

/// What the last evaluation says of a head.
#[derive(Serialize)]
pub(super) struct MatrixSection {
    heading: String,
    sentence: String,
    drawn: Vec<DrawnMatrix>,
    confused: Vec<ConfusedPair>,
    /// The classes that are recognised worst, or all; then the others.
    classes: Vec<ClassRow>,
    others: Vec<ClassRow>,
}

#[derive(Serialize)]
struct ConfusedPair {
    label: String,
    class: String,
    clips: String,
    share: String,
}

#[derive(Serialize)]
struct ClassRow {
    name: String,
    clips: String,
    right: String,
    /// Per cent of the label's clips that are recognised; `None` where there are no clips.
    width: Option<f64>,
}

/// Pairs and classes that are shown at once.
const MOST_PAIRS: usize = 8;
const MOST_CLASSES: usize = 20;

impl MatrixSection {
    /// Of each head, of the last evaluation.
    pub(super) fn all(record: &RunRecord) -> Result<Vec<Self>> {
        let Some(evaluation) = record.evaluations().last() else { return Ok(Vec::new()) };
        let heads = record.header().heads.iter().zip(&evaluation.heads);
        let some = heads.filter(|(names, head)| !names.classes.is_empty() && !head.counts.is_empty());
        some.map(|(names, head)| Self::of(names, head, evaluation)).collect()
    }

    fn of(names: &TrainedHead, head: &HeadEvaluation, evaluation: &EvaluationRecord) -> Result<Self> {
        let mut matrix = ConfusionMatrix::new(words::plain(&names.head), names.classes.clone());
        for [label, class, clips] in &head.counts {
            matrix.add(*label as usize, *class as usize, *clips)?;
        }
        let of_head = if names.head.is_empty() { String::new() } else { format!(" of {}", words::plain(&names.head)) };
        let clips = counted(head.counts.iter().map(|[_, _, clips]| *clips as usize).sum(), "clip");
        let (step, top_1) = (grouped(evaluation.step), words::share(head.top_1));
        let mut classes: Vec<usize> = (0..names.classes.len()).collect();
        if classes.len() > MOST_CLASSES {
            // Classes without clips last: there is nothing to see of them.
            let recall = |class: &usize| matrix.recall(*class).unwrap_or(2.0);
            classes.sort_by(|a, b| recall(a).total_cmp(&recall(b)));
        }
        let mut classes: Vec<_> = classes.into_iter().map(|class| ClassRow::of(&matrix, class)).collect();
        let others = classes.split_off(classes.len().min(MOST_CLASSES));
        let confused = matrix.confused(MOST_PAIRS).into_iter().map(|pair| ConfusedPair::of(&matrix, pair));
        Ok(Self {
            heading: format!("Confusion matrix{of_head}"),
            sentence: format!(
                "The evaluation after step {step}: {clips}, of which {top_1} are recognised. A row is a label, a column what \
                its clips were taken for: the darker, the larger their share."
            ),
            drawn: DrawnMatrix::for_page(&matrix)?,
            confused: confused.collect(),
            classes,
            others,
        })
    }
}

impl ConfusedPair {
    fn of(matrix: &ConfusionMatrix, (label, class, clips): (usize, usize, u64)) -> Self {
        let share = words::share(clips as f64 / matrix.shown(label) as f64);
        let [label, class] = [label, class].map(|class| words::plain(&matrix.classes()[class]));
        Self { label, class, clips: grouped(clips), share }
    }
}

impl ClassRow {
    fn of(matrix: &ConfusionMatrix, class: usize) -> Self {
        let recall = matrix.recall(class);
        Self {
            name: words::plain(&matrix.classes()[class]),
            clips: grouped(matrix.shown(class)),
            right: recall.map_or_else(|| crate::report::amounts::NONE.to_owned(), words::share),
            width: recall.map(|recall| (1000.0 * recall).round() / 10.0),
        }
    }
}
