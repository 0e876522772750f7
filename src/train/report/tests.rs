//! Records that are killed and resumed, event files, and pages.

mod documented;
mod resumed;

use std::path::{Path, PathBuf};

use super::page::{html, written_at};
use super::record::Entry;
use super::*;
use crate::report::document::tests::assert_elements_close;
use crate::tensor::ErrorKind;

fn text(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("steps.jsonl")).unwrap()
}

fn steps(record: &RunRecord) -> Vec<u64> {
    record.steps().iter().map(|step| step.step).collect()
}

/// A run of `total` steps, of which the first `done` are written into `folder`, two an epoch.
fn begun(folder: &Path, done: u64, total: u64) -> RunReport {
    let mut report = RunReport::begin(folder, sample::header(total, total / 2)).unwrap();
    go_on(&mut report, 1..=done, total);
    report
}

fn go_on(report: &mut RunReport, steps: std::ops::RangeInclusive<u64>, total: u64) {
    for step in steps {
        report.step(sample::step(step, total, total / 2)).unwrap();
        if step % 2 == 0 {
            report.evaluation(sample::evaluation(step, total, step / 2)).unwrap();
        }
    }
}

#[test]
fn what_is_written_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = begun(folder.path(), 4, 4);
    report.end(RunEnding::done(4)).unwrap();
    let read = RunRecord::read(folder.path().join("steps.jsonl")).unwrap();
    assert_eq!(&read, report.record());
    assert_eq!((read.state(), read.steps().len(), read.evaluations().len()), (RunState::Done, 4, 2));
    let lines: Vec<serde_json::Value> =
        text(folder.path()).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<_> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["run", "step", "step", "evaluation", "step", "step", "evaluation", "end"]);
    assert_eq!((&lines[0]["seed"], &lines[1]["step"]), (&42.into(), &1.into()));
    assert_eq!(lines[3]["heads"][0]["counts"][0][0], 0);
}

/// Wherever a process is killed, what it leaves is the record of whole lines, and the run goes on as if it had not been.
#[test]
fn a_killed_run_leaves_whole_lines_and_goes_on() {
    let whole = tempfile::tempdir().unwrap();
    let report = begun(whole.path(), 8, 8);
    let (expected, full) = (report.record().clone(), text(whole.path()));
    drop(report);
    let after_checkpoint = full.match_indices('\n').nth(6).unwrap().0 + 1;
    for killed_at in (after_checkpoint..full.len()).step_by(37) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("steps.jsonl");
        std::fs::write(&path, &full[..killed_at]).unwrap();
        assert!(RunRecord::read(&path).is_ok(), "killed at {killed_at}");
        // The checkpoint is of step 4, whose evaluation is there.
        let mut report = RunReport::resume(folder.path(), sample::header(8, 4), 4).unwrap();
        assert_eq!(steps(report.record()), [1, 2, 3, 4]);
        assert_eq!(report.record().evaluations().len(), 2);
        go_on(&mut report, 5..=8, 8);
        assert_eq!(report.record().steps(), expected.steps());
        assert_eq!(report.record().evaluations(), expected.evaluations());
        assert_eq!(&RunRecord::read(&path).unwrap(), report.record(), "killed at {killed_at}");
    }
}

#[test]
fn a_run_is_resumed_from_a_checkpoint_before_its_last_resumption() {
    let folder = tempfile::tempdir().unwrap();
    drop(begun(folder.path(), 4, 8));
    drop(RunReport::resume(folder.path(), sample::header(8, 4), 3).unwrap());
    let mut report = RunReport::resume(folder.path(), sample::header(8, 4), 1).unwrap();
    report.step(sample::step(2, 8, 4)).unwrap();
    assert_eq!((steps(report.record()), report.record().header().resumed_after), (vec![1, 2], 1));
    drop(report);
    assert_eq!(text(folder.path()).matches("\"kind\":\"run\"").count(), 2);
    // An evaluation that is made again stands once.
    let mut report = RunReport::resume(folder.path(), sample::header(8, 4), 2).unwrap();
    for _ in 0..2 {
        report.evaluation(sample::evaluation(2, 8, 1)).unwrap();
    }
    drop(report);
    assert_eq!(RunRecord::read(folder.path().join("steps.jsonl")).unwrap().evaluations().len(), 1);
}

#[test]
fn what_is_no_record_or_does_not_follow_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("steps.jsonl");
    let mut report = begun(folder.path(), 2, 4);
    let again = RunReport::begin(folder.path(), sample::header(4, 2)).unwrap_err();
    assert!(again.to_string().contains("another process"), "{again}");
    assert_eq!(report.step(sample::step(2, 4, 2)).unwrap_err().kind(), ErrorKind::Usage);
    let mut wrong = sample::evaluation(2, 4, 1);
    wrong.heads[0].counts.push([0, 10, 1]);
    assert!(report.evaluation(wrong).unwrap_err().to_string().contains("class 10"));
    assert_eq!(report.evaluation(EvaluationRecord::new(2, 1, 1, 0.0)).unwrap_err().kind(), ErrorKind::Usage);
    drop(report);
    assert_eq!(RunReport::begin(folder.path(), sample::header(4, 2)).unwrap_err().kind(), ErrorKind::Usage);
    let other = sample::header(4, 2).heads(vec![TrainedHead::new("", vec!["a".into()])]);
    assert!(RunReport::resume(folder.path(), other, 2).unwrap_err().to_string().contains("other classes"));
    assert_eq!(steps(&RunRecord::read(&path).unwrap()), [1, 2], "a refusal cuts nothing");
    for (damaged, expected) in [("", "empty"), ("{\"kind\":\"what\"}\n", "line 1"), ("\n", "line 1")] {
        std::fs::write(&path, damaged).unwrap();
        let error = RunRecord::read(&path).unwrap_err();
        assert!(error.kind() == ErrorKind::File && error.to_string().contains(expected), "{error}");
    }
}

#[test]
fn a_loss_that_is_no_number_is_recorded_and_shown_as_such() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = begun(folder.path(), 3, 8);
    let lost = |step, loss| StepRecord { loss, gradient_norm: Some(f32::INFINITY), ..sample::step(step, 8, 4) };
    report.step(lost(4, f32::NAN)).unwrap();
    report.end(RunEnding::stopped(4, "the loss is not a number in layer 2")).unwrap();
    assert!(text(folder.path()).contains("\"loss\":\"NaN\"") && text(folder.path()).contains("\"inf\""));
    let read = RunRecord::read(folder.path().join("steps.jsonl")).unwrap();
    assert!(read.steps()[3].loss.is_nan() && read.steps()[3].gradient_norm == Some(f32::INFINITY));
    let page = std::fs::read_to_string(folder.path().join("training.html")).unwrap();
    for expected in [
        "The loss of 1 step is not a number, the first of them step 4",
        "Stopped after step 4 of 8: the loss is not a number in layer 2.",
        "step 4: not a number",
        "class=\"lost\"",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(!page.contains("NaN") && !page.contains("http-equiv"));
    assert!(read.headline().contains("loss not a number"), "{}", read.headline());
    // Nothing but what is none: still a page.
    let mut record = RunRecord::new(sample::header(8, 4));
    record.add(Entry::Step(lost(1, f32::NAN))).unwrap();
    assert!(html(&record).unwrap().contains("The loss of 1 step is not a number"));
}

#[test]
fn the_page_says_everything_and_needs_nothing_from_elsewhere() {
    let record = sample::run(700, 1000, 10);
    let page = html(&record).unwrap();
    assert_elements_close(&page);
    for expected in [
        "Training factorised-encoder vit-ti&#x2f;16x2 &lt;from scratch&gt;",
        "llvmpipe &amp; friends",
        "approaches &lt;b&gt;&amp; quickly&lt;&#x2f;b&gt;",
        "note = &quot;&lt;script&gt;alert(1)&lt;&#x2f;script&gt;&quot;",
        "\n  stochastic_depth = 0.1",
        "Step 700 of 1,000, about 1 min 30 s left.",
        "http-equiv=\"refresh\"",
        "Loss",
        "Accuracy",
        "Learning rate",
        "Gradient norm",
        "Throughput",
        "Confusion matrix",
        "Most often confused",
        "moves left as moves right",
        "Evaluations",
        "best top-1",
        "(dotted: each epoch)",
        "prefers-color-scheme: dark",
        "7c79b72",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    for outside in
        ["http:", "https:", "src=", "url(", "@import", "<link", "<iframe", "<script", "NaN", "none%", "inf\""]
    {
        assert!(!page.contains(outside), "{outside}");
    }
    // Five plots and a matrix, each for two screens.
    assert_eq!((page.matches("<svg class=\"wide").count(), page.matches("<svg class=\"narrow").count()), (6, 6));
    let done = html(&sample::run(1000, 1000, 10)).unwrap();
    assert!(done.contains("Done after 1,000 steps.") && !done.contains("http-equiv"));
    assert!(
        record.progress().starts_with("step 700 of 1,000, 1 min 30 s left; epoch 7 of 10  loss "),
        "{}",
        record.progress()
    );
}

/// The title is short enough for a tab; the sizes stand below it.
#[test]
fn the_title_is_short_and_the_sizes_stand_below() {
    let config = crate::vivit::Config::named("vit-ti/16x2").unwrap();
    let model = format!("{config}, begun from random weights");
    let page = html(&RunRecord::new(RunHeader { model, ..sample::header(10, 1) })).unwrap();
    let inside = |element: &str| page.split_once(element).and_then(|(_, rest)| rest.split('<').next()).unwrap();
    let title = inside("<h1>");
    assert!(title.starts_with("Training ViViT ") && title.len() < 50, "{title}");
    assert_eq!(inside("<title>"), title);
    let details = inside("<p class=\"details\">");
    assert!(details.starts_with("ViViT ") && details.ends_with(", begun from random weights"), "{details}");
}

/// Nobody can say of a run that was killed that it was: its page says when it was last written, and what that may mean.
#[test]
fn the_page_of_a_killed_run_says_when_it_was_written() {
    let page = written_at(&sample::run(700, 1000, 10), 86_400.0).unwrap();
    assert_elements_close(&page);
    for expected in [
        "running at 1970-01-02 00:00:00 UTC</span>Step 700 of 1,000",
        "If 1970-01-02 00:00:00 UTC is long past, the run may have been interrupted",
        "--resume goes on from its last checkpoint",
    ] {
        assert!(page.contains(expected), "{expected}");
    }
    let done = html(&sample::run(1000, 1000, 10)).unwrap();
    assert!(done.contains(">done</span>") && !done.contains("interrupted") && !done.contains("--resume"));
    // Killed after its third step, the run goes on in the same page.
    let folder = tempfile::tempdir().unwrap();
    drop(begun(folder.path(), 3, 8));
    let page = || std::fs::read_to_string(folder.path().join("training.html")).unwrap();
    assert!(page().contains("may have been interrupted"));
    let mut report = RunReport::resume(folder.path(), sample::header(8, 4), 2).unwrap();
    assert!(page().contains("Step 2 of 8") && page().contains("resumed after"));
    go_on(&mut report, 3..=8, 8);
    report.end(RunEnding::done(8)).unwrap();
    assert!(page().contains("Done after 8 steps.") && !page().contains("may have been interrupted"));
}

#[test]
fn a_run_of_no_step_and_of_one_are_pages_too() {
    assert!(html(&RunRecord::new(sample::header(10, 1))).unwrap().contains("No step is done yet."));
    let one = sample::run(1, 1, 1);
    let page = html(&one).unwrap();
    assert_elements_close(&page);
    assert!(page.contains("Done after 1 step."));
    assert_eq!(page.matches("<svg class=\"wide").count(), 6);
    assert!(!page.contains("NaN"));
}

#[test]
fn very_many_steps_and_classes_make_a_small_page() {
    let record = sample::run(100_000, 100_000, 100);
    let page = html(&record).unwrap();
    assert!(page.len() < 2_000_000, "{} bytes", page.len());
    assert!(page.contains("exponential mean over about 500 steps") && page.contains("every 5 epochs"));
    let names: Vec<String> = (0..600).map(|class| format!("class {class}")).collect();
    let header =
        sample::header(10, 1).heads(vec![TrainedHead::new("verb", names.clone()), TrainedHead::new("noun", names)]);
    let mut record = RunRecord::new(header);
    let counts: Vec<_> =
        (0..600).flat_map(|label| (0..60).map(move |other| [label, (label + other) % 600, 5])).collect();
    let heads = vec![HeadEvaluation::new(counts.clone()), HeadEvaluation::new(counts)];
    record.add(Entry::Evaluation(EvaluationRecord::new(1, 1, 180_000, 1.0).heads(heads))).unwrap();
    let page = html(&record).unwrap();
    assert!(page.len() < 2_000_000 && page.contains("all other classes"), "{} bytes", page.len());
}

fn event_files(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut events: Vec<_> = files.filter(|path| path.display().to_string().contains("tfevents")).collect();
    events.sort();
    events
}

/// CRC-32C bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    let step = |crc: u32| if crc & 1 == 1 { (crc >> 1) ^ 0x82f6_3b78 } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), |crc, _| step(crc)))
}

/// The records of a file, every frame of which is whole.
fn records(path: &Path) -> Vec<Vec<u8>> {
    assert_eq!(crc(b"123456789"), 0xe306_9283, "the check value of CRC-32C");
    let masked = |bytes: &[u8]| ((crc(bytes) >> 15) | (crc(bytes) << 17)).wrapping_add(0xa282_ead8).to_le_bytes();
    // So begin the files of TensorBoard's own writer, whose first event has 24 bytes.
    assert_eq!(masked(&24u64.to_le_bytes()), [0xa3, 0x7f, 0x4b, 0x22]);
    let bytes = std::fs::read(path).unwrap();
    let (mut rest, mut records) = (bytes.as_slice(), Vec::new());
    while !rest.is_empty() {
        let (length, behind) = rest.split_at(8);
        let (check, behind) = behind.split_at(4);
        let (record, behind) = behind.split_at(u64::from_le_bytes(length.try_into().unwrap()) as usize);
        let (record_check, behind) = behind.split_at(4);
        assert_eq!((check, record_check), (masked(length).as_slice(), masked(record).as_slice()));
        records.push(record.to_vec());
        rest = behind;
    }
    records
}

/// The fields of a protocol buffer: number and bytes, those of a number little-endian.
fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
    let varint = |bytes: &mut &[u8]| {
        let end = bytes.iter().position(|byte| byte & 0x80 == 0).unwrap();
        let value = bytes[..=end].iter().rev().fold(0, |value, byte| value << 7 | u64::from(byte & 0x7f));
        *bytes = &bytes[end + 1..];
        value
    };
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes);
        let content = match key & 7 {
            0 => varint(&mut bytes).to_le_bytes().to_vec(),
            wire => {
                let length = match wire {
                    1 => 8,
                    5 => 4,
                    2 => varint(&mut bytes) as usize,
                    _ => panic!("wire {wire}"),
                };
                let (content, behind) = bytes.split_at(length);
                bytes = behind;
                content.to_vec()
            }
        };
        fields.push((key >> 3, content));
    }
    fields
}

fn field(message: &[u8], number: u64) -> Option<Vec<u8>> {
    fields(message).into_iter().find(|(own, _)| *own == number).map(|(_, content)| content)
}

/// Step and the figures by their tags.
fn figures(event: &[u8]) -> (u64, Vec<(String, f32)>) {
    let step = u64::from_le_bytes(field(event, 2).unwrap().try_into().unwrap());
    let summary = field(event, 5).unwrap_or_default();
    let value = |(_, value): (u64, Vec<u8>)| {
        let tag = String::from_utf8(field(&value, 1).unwrap()).unwrap();
        (tag, f32::from_le_bytes(field(&value, 2).unwrap().try_into().unwrap()))
    };
    (step, fields(&summary).into_iter().map(value).collect())
}

/// Read by a reader that shares nothing with the writer.
#[test]
fn event_files_hold_every_figure_and_a_resumed_run_begins_another() {
    let folder = tempfile::tempdir().unwrap();
    let report = begun(folder.path(), 4, 8);
    let first = records(&event_files(folder.path())[0]);
    assert_eq!(field(&first[0], 3).unwrap(), b"brain.Event:2");
    assert_eq!(first.len(), 1 + 4 + 2);
    let (step, values) = figures(&first[1]);
    let loss = report.record().steps()[0].loss;
    assert!(step == 1 && values.contains(&("train/loss".into(), loss)), "{values:?}");
    for tag in ["train/accuracy", "train/rate", "train/gradient_norm", "train/clips_per_second"] {
        assert!(values.iter().any(|(own, _)| own == tag), "{tag}");
    }
    let (step, values) = figures(&first[3]);
    let tags: Vec<_> = values.iter().map(|(tag, _)| tag.as_str()).collect();
    assert_eq!((step, tags), (2, vec!["evaluation/loss", "evaluation/top-1", "evaluation/top-5"]));
    drop(report);
    let mut report = RunReport::resume(folder.path(), sample::header(8, 4), 3).unwrap();
    go_on(&mut report, 4..=4, 8);
    let files = event_files(folder.path());
    assert_eq!(files.len(), 2);
    assert_eq!(records(&files[0]), first, "the first file stays as it is");
    let second = records(&files[1]);
    let session = field(&second[1], 7).unwrap();
    assert_eq!((figures(&second[1]).0, field(&session, 1).unwrap()[0]), (4, 1), "a session starts at step 4");
    assert_eq!(figures(&second[2]).0, 4);
}

/// Videos with any number of labels have no heads: what is found of them is a mean average precision.
#[test]
fn a_mean_average_precision_is_in_all_files() {
    let folder = tempfile::tempdir().unwrap();
    let mut report = RunReport::begin(folder.path(), sample::header(4, 2).heads(Vec::new())).unwrap();
    for (step, mean) in [(2, Some(0.4375)), (4, None)] {
        report.step(sample::step(step, 4, 2)).unwrap();
        let evaluation = EvaluationRecord::new(step, step / 2, 12, 1.5).mean_average_precision(mean);
        report.evaluation(evaluation).unwrap();
    }
    report.end(RunEnding::done(4)).unwrap();
    let read = RunRecord::read(folder.path().join("steps.jsonl")).unwrap();
    assert_eq!(read.evaluations()[0].mean_average_precision, Some(0.4375));
    assert_eq!(text(folder.path()).matches("\"mean_average_precision\":0.4375").count(), 1);
    let page = std::fs::read_to_string(folder.path().join("training.html")).unwrap();
    assert_elements_close(&page);
    for expected in ["Mean average precision", "best mAP", "43.8 %, after step 2", "<th>mAP</th>"] {
        assert!(page.contains(expected), "{expected}");
    }
    assert!(!page.contains("top-1</th>") && !page.contains("best top-1"));
    let events = records(&event_files(folder.path())[0]);
    let (step, values) = figures(&events[2]);
    assert_eq!((step, values), (2, vec![("evaluation/loss".into(), 1.5), ("evaluation/mAP".into(), 0.4375)]));
}

/// Written where `TUBELET_SAMPLE_TRAINING` says, to be looked at.
#[test]
fn the_sample_can_be_looked_at() {
    let Some(folder) = std::env::var_os("TUBELET_SAMPLE_TRAINING").map(PathBuf::from) else { return };
    for (name, record) in
        [("running", sample::run(7000, 10_000, 30)), ("done", sample::run(40, 40, 4)), ("one", sample::run(1, 1, 1))]
    {
        record.write_page(folder.join(format!("{name}.html"))).unwrap();
    }
    let mut report = RunReport::begin(&folder, sample::header(200, 10)).unwrap();
    for step in 1..=60 {
        report.step(sample::step(step, 200, 10)).unwrap();
    }
    report.step(StepRecord { loss: f32::NAN, ..sample::step(61, 200, 10) }).unwrap();
    report.evaluation(sample::evaluation(61, 200, 3)).unwrap();
    report.end(RunEnding::stopped(61, "the loss is not a number from layer 3 on")).unwrap();
    drop(report);
    let mut report = RunReport::resume(&folder, sample::header(200, 10), 40).unwrap();
    report.step(sample::step(41, 200, 10)).unwrap();
}
