//! A made-up run, as a real one could be.

use super::record::{Entry, RunEnding};
use super::record::{EvaluationRecord, HeadEvaluation, RunHeader, RunRecord, StepRecord, TrainedHead};

/// When it began.
const TIME: f64 = 1.9e9;

pub(super) const CLASSES: [&str; 10] = [
    "moves left",
    "moves right",
    "moves up",
    "moves down",
    "grows",
    "shrinks",
    "turns clockwise",
    "turns anticlockwise",
    "approaches <b>& quickly</b>",
    "stays",
];

pub(super) fn header(steps: u64, epochs: u64) -> RunHeader {
    let names = CLASSES.map(str::to_owned).to_vec();
    let recipe = "# motions, in miniature\nmodel = \"factorised-encoder\"\n\n[optimiser]\nkind = \"sgd\"\nmomentum = 0.9\n\
        rate = 0.1\nwarm_up = 2.5\nclip = 1.0\n\n[regularisers]\n  stochastic_depth = 0.1\n  label_smoothing = 0.1\n  note = \"<script>alert(1)</script>\"\n";
    let header = RunHeader::new("factorised-encoder vit-ti/16x2 <from scratch>", "llvmpipe & friends", recipe);
    let header = RunHeader { version: "0.1.0".into(), time: TIME, ..header };
    header.length(steps, epochs).seed(42).commit("7c79b72".to_owned()).heads(vec![TrainedHead::new("", names)])
}

/// The noise of a step: the same each time, between -1 and 1.
fn noise(step: u64) -> f64 {
    let mixed = (step ^ (step << 7)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 40) as f64 / f64::from(1 << 23) - 1.0
}

pub(super) fn step(step: u64, steps: u64, epochs: u64) -> StepRecord {
    let done = step as f64 / steps as f64;
    let loss = 0.35 + 2.0 * (-4.0 * done).exp() + (0.25 * (-2.0 * done).exp() + 0.05) * noise(step);
    let accuracy = (1.0 - (-5.0 * done).exp()) * 0.9 + 0.1 + 0.08 * noise(step + 7);
    let warm_up = (done / 0.08).min(1.0);
    let rate = 0.1 * warm_up * 0.5 * (1.0 + (std::f64::consts::PI * done).cos());
    let norm = 1.5 * (1.0 + noise(step + 3)).exp() * if step.is_multiple_of(97) { 12.0 } else { 1.0 };
    let clips = 16.0 / (0.26 + 0.02 * noise(step + 1) + if step.is_multiple_of(211) { 0.6 } else { 0.0 });
    StepRecord {
        step,
        epoch: 1 + (step - 1) * epochs / steps,
        time: TIME + 0.3 * step as f64,
        loss: loss as f32,
        accuracy: Some(accuracy.clamp(0.0, 1.0) as f32),
        rate,
        gradient_norm: Some(norm as f32),
        clips_per_second: clips,
        data_seconds: 0.012,
        compute_seconds: 0.25,
    }
}

pub(super) fn evaluation(step: u64, steps: u64, epoch: u64) -> EvaluationRecord {
    let done = step as f64 / steps as f64;
    let right = 10.0 + 88.0 * (1.0 - (-4.0 * done).exp());
    let mut counts = Vec::new();
    for label in 0..CLASSES.len() as u64 {
        let own = (right * (1.0 - 0.03 * label as f64)) as u64;
        let left = 100 - own;
        // Mirrored and reversed pairs are confused first.
        counts.extend([
            [label, label, own],
            [label, label ^ 1, left * 2 / 3],
            [label, (label + 3) % 10, left - left * 2 / 3],
        ]);
    }
    let head = HeadEvaluation::new(counts).top_5((0.6 + 0.4 * done).min(0.995));
    let loss = 0.5 + 1.8 * (-3.5 * done).exp();
    EvaluationRecord { time: TIME + 0.3 * step as f64, ..EvaluationRecord::new(step, epoch, 1000, loss as f32) }
        .heads(vec![head])
}

/// A run of so many steps, of which `done` are done, with an evaluation each epoch.
pub(super) fn run(done: u64, steps: u64, epochs: u64) -> RunRecord {
    let mut record = RunRecord::new(header(steps, epochs));
    for number in 1..=done {
        record.add(Entry::Step(step(number, steps, epochs))).unwrap();
        if number % (steps / epochs).max(1) == 0 {
            record.add(Entry::Evaluation(evaluation(number, steps, number * epochs / steps))).unwrap();
        }
    }
    if done == steps {
        record.add(Entry::End(RunEnding { time: TIME + 0.3 * steps as f64, ..RunEnding::done(steps) })).unwrap();
    }
    record
}
