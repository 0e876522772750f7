//! What is told of a run that was resumed.

use super::{begun, text};
use crate::train::report::{RunEnding, RunHeader, RunRecord, RunReport, StepRecord, sample};

/// However often it was resumed, the page is that of the whole training: its model, when it began, and how long it took.
#[test]
fn a_resumed_run_keeps_its_name_its_beginning_and_the_time_it_has_taken() {
    let folder = tempfile::tempdir().unwrap();
    let header = sample::header(8, 4);
    let (model, begun_at) = (header.model.clone(), header.time);
    let mut report = begun(folder.path(), 4, 8);
    report.end(RunEnding { time: begun_at + 10.0, ..RunEnding::stopped(4, "interrupted") }).unwrap();
    drop(report);
    // A day later, from a checkpoint; steps 5 and 6 take 7 seconds.
    let day = 86_400.0;
    let later = RunHeader { model: "from checkpoints/step-4".into(), time: begun_at + day, ..header.clone() };
    let mut report = RunReport::resume(folder.path(), later, 4).unwrap();
    for step in 5..=6 {
        let time = begun_at + day + 3.5 * (step - 4) as f64;
        report.step(StepRecord { time, ..sample::step(step, 8, 4) }).unwrap();
    }
    assert_eq!((&report.record().header().model, report.record().header().time), (&model, begun_at));
    assert_eq!(report.record().seconds(), 17.0);
    drop(report);
    assert!(!text(folder.path()).contains("checkpoints/step-4"));
    // Killed, and resumed once more: what was done then is not counted.
    let again = RunHeader { time: begun_at + 2.0 * day, ..header };
    let mut report = RunReport::resume(folder.path(), again, 6).unwrap();
    assert_eq!((report.record().seconds(), report.record().last_begun()), (17.0, begun_at + 2.0 * day));
    report.end(RunEnding { time: begun_at + 2.0 * day + 3.0, ..RunEnding::done(6) }).unwrap();
    let page = std::fs::read_to_string(folder.path().join("training.html")).unwrap();
    for expected in [
        "<dt>time</dt><dd>20 s</dd>",
        "<dt>begun</dt><dd>2030-03-17 17:46:40 UTC</dd>",
        "<dt>resumed after</dt><dd>step 6, 2030-03-19 17:46:40 UTC</dd>",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert_eq!(&RunRecord::read(folder.path().join("steps.jsonl")).unwrap(), report.record());
}
