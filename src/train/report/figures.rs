//! The plots of a run.

use serde::Serialize;

use super::curve::span;
use super::plot::{Curve, Figure, Look, Plot, Scale};
use super::record::{EvaluationRecord, RunRecord, StepRecord};
use super::words;
use crate::report::amounts::{counted, grouped};

/// A plot for each kind of screen.
#[derive(Serialize)]
pub(super) struct FigureSection {
    heading: &'static str,
    sentence: String,
    plots: Vec<Plot>,
    /// Steps whose value is no number.
    lost: usize,
}

/// Colours: of the steps, and of the first curve of evaluations.
const TRAINING: usize = 0;
const EVALUATION: usize = 1;
/// Colours that tell curves apart.
const COLOURS: usize = 8;
/// Epochs that are marked, at most.
const MOST_EPOCHS: u64 = 20;

/// All plots of a run that have something to show or to say.
pub(super) fn all(record: &RunRecord) -> Vec<FigureSection> {
    let figures =
        [loss(record), accuracy(record), precision(record), rate(record), gradient_norm(record), throughput(record)];
    figures.into_iter().filter(|figure| !figure.plots.is_empty() || figure.lost > 0).collect()
}

fn loss(record: &RunRecord) -> FigureSection {
    let training = of_steps(record, "training", |step| Some(step.loss.into()));
    let evaluation = record.evaluations().iter().map(|evaluation| [evaluation.step as f64, evaluation.loss.into()]);
    let lost: Vec<f64> = lost(&training);
    let sentence = match lost.first() {
        None => smoothing(record),
        Some(first) => {
            let (steps, first) = (counted(lost.len(), "step"), grouped(*first as u64));
            format!("The loss of {steps} is not a number, the first of them step {first}. {}", smoothing(record))
        }
    };
    let curves = with_evaluations(training, vec![("evaluation".to_owned(), evaluation.collect())]);
    section(record, "Loss", sentence, "loss", Scale::Linear, curves, lost)
}

fn accuracy(record: &RunRecord) -> FigureSection {
    let training = of_steps(record, "training", |step| step.accuracy.map(f64::from));
    let mut evaluations = Vec::new();
    for (index, names) in record.header().heads.iter().enumerate() {
        let points = |value: &dyn Fn(&super::HeadEvaluation) -> Option<f64>| -> Vec<[f64; 2]> {
            let values = record.evaluations().iter();
            values
                .filter_map(|evaluation| Some([evaluation.step as f64, value(evaluation.heads.get(index)?)?]))
                .collect()
        };
        let head = words::plain(&names.head);
        let name = |figure: &str| if head.is_empty() { figure.to_owned() } else { format!("{head} {figure}") };
        evaluations.push((name("top-1"), points(&|head| Some(head.top_1))));
        evaluations.push((name("top-5"), points(&|head| head.top_5)));
    }
    let sentence = "Of the batches, where labels are hard, and of evaluations: the share of clips whose label is the most \
        probable class (top-1) or among the first five (top-5).";
    section(
        record,
        "Accuracy",
        sentence.to_owned(),
        "accuracy",
        Scale::Share,
        with_evaluations(training, evaluations),
        Vec::new(),
    )
}

fn precision(record: &RunRecord) -> FigureSection {
    let evaluations = record.evaluations().iter();
    let point = |evaluation: &EvaluationRecord| Some([evaluation.step as f64, evaluation.mean_average_precision?]);
    let points: Vec<_> = evaluations.filter_map(point).collect();
    let curve = Curve { name: "mAP".to_owned(), colour: EVALUATION, points, look: Look::Marked };
    let curves = if curve.points.is_empty() { Vec::new() } else { vec![curve] };
    let sentence =
        "Of evaluations: the mean over all classes (mAP) of the area under precision against recall, where the \
        videos are taken from the highest logit of the class down."
            .to_owned();
    section(record, "Mean average precision", sentence, "mAP", Scale::Share, curves, Vec::new())
}

fn rate(record: &RunRecord) -> FigureSection {
    let points = record.steps().iter().map(|step| [step.step as f64, step.rate]).collect();
    let curve = Curve { name: "rate".to_owned(), colour: TRAINING, points, look: Look::Line };
    section(record, "Learning rate", String::new(), "rate", Scale::Linear, vec![curve], Vec::new())
}

fn gradient_norm(record: &RunRecord) -> FigureSection {
    let curve = of_steps(record, "norm", |step| step.gradient_norm.map(f64::from));
    let lost = lost(&curve);
    let positive = || curve.points.iter().map(|[_, norm]| *norm).filter(|norm| *norm > 0.0 && norm.is_finite());
    let (low, high) = (positive().fold(f64::INFINITY, f64::min), positive().fold(0.0, f64::max));
    /// From here on, small norms could not be told apart beside large ones.
    const WIDE: f64 = 20.0;
    let scale = if high > WIDE * low { Scale::Logarithmic } else { Scale::Linear };
    let sentence = "The norm of all gradients together, before clipping.".to_owned();
    section(record, "Gradient norm", sentence, "norm", scale, vec![curve], lost)
}

fn throughput(record: &RunRecord) -> FigureSection {
    let curve = of_steps(record, "clips/s", |step| Some(step.clips_per_second));
    let [data, compute] = [|step: &StepRecord| step.data_seconds, |step: &StepRecord| step.compute_seconds]
        .map(|seconds| median(record.steps().iter().map(seconds).collect()));
    let (data, compute) = (words::duration(data), words::duration(compute));
    let sentence = format!("In the median step, {data} are waited for clips, and computing takes {compute}.");
    section(record, "Throughput", sentence, "clips a second", Scale::Linear, vec![curve], Vec::new())
}

fn smoothing(record: &RunRecord) -> String {
    match span(record.steps().len()) {
        1 => "Of each step, and of evaluations.".to_owned(),
        span => format!(
            "The line is an exponential mean over about {span} steps; the pale band runs from the least to the greatest of the \
            steps in each column."
        ),
    }
}

/// What each step has, smoothed.
fn of_steps(record: &RunRecord, name: &str, value: impl Fn(&StepRecord) -> Option<f64>) -> Curve {
    let points: Vec<_> = record.steps().iter().filter_map(|step| Some([step.step as f64, value(step)?])).collect();
    let look = Look::Smoothed(span(points.len()));
    Curve { name: name.to_owned(), colour: TRAINING, points, look }
}

/// The curve of the steps and those of evaluations, of which empty ones are left out.
fn with_evaluations(training: Curve, evaluations: Vec<(String, Vec<[f64; 2]>)>) -> Vec<Curve> {
    let evaluations = evaluations.into_iter().zip(EVALUATION..).map(|((name, points), colour)| Curve {
        name,
        colour: colour % COLOURS,
        points,
        look: Look::Marked,
    });
    std::iter::once(training).chain(evaluations).filter(|curve| !curve.points.is_empty()).collect()
}

/// Steps whose value is no finite number.
fn lost(curve: &Curve) -> Vec<f64> {
    curve.points.iter().filter(|[_, value]| !value.is_finite()).map(|[step, _]| *step).collect()
}

fn section(
    record: &RunRecord,
    heading: &'static str,
    sentence: String,
    up: &'static str,
    scale: Scale,
    curves: Vec<Curve>,
    lost: Vec<f64>,
) -> FigureSection {
    let first = record.steps().first().map_or(0, |step| step.step - 1);
    let last = record.evaluations().last().map_or(0, |evaluation| evaluation.step).max(record.last_step());
    let (epochs, stride) = epochs(record);
    let steps = [first as f64, last.max(first + 1) as f64];
    let title = format!("{} against steps", heading.to_lowercase());
    let figure = Figure { title, up, scale, steps, curves, epochs, stride, lost };
    FigureSection { heading, sentence, plots: figure.plots(), lost: figure.lost.len() }
}

/// The last steps of epochs after which another one began, of every how many epochs.
fn epochs(record: &RunRecord) -> (Vec<f64>, u64) {
    let pairs = record.steps().windows(2).filter(|pair| pair[0].epoch != pair[1].epoch);
    let ends: Vec<(u64, f64)> = pairs.map(|pair| (pair[0].epoch, pair[0].step as f64)).collect();
    let strides = [1, 2, 5].into_iter().chain((1..).map(|tens| 10 * tens));
    let fits = |stride: &u64| ends.len() as u64 / stride <= MOST_EPOCHS;
    let stride = strides.into_iter().find(fits).unwrap_or(1);
    (ends.into_iter().filter(|(epoch, _)| epoch % stride == 0).map(|(_, step)| step).collect(), stride)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
