use super::super::sample::{self, Noise};
use super::*;

/// A result of rows whose samples come from `noise`, each row scaled by `factor`.
fn noisy(rows: usize, mut samples: impl FnMut(usize) -> Vec<f64>) -> Benchmark {
    let mut benchmark = sample::benchmark();
    benchmark.devices.truncate(1);
    benchmark.rows = (0..rows).map(|index| sample::kernel_row(&format!("case {index}"), samples(index))).collect();
    benchmark
}

fn verdicts(before: &Benchmark, after: &Benchmark) -> Vec<ComparedVerdict> {
    compare(before, after).rows.into_iter().map(|row| row.verdict).collect()
}

fn count(verdicts: &[ComparedVerdict], verdict: &ComparedVerdict) -> usize {
    verdicts.iter().filter(|other| *other == verdict).count()
}

/// How samples are in a run of some kind.
#[derive(Clone, Copy)]
struct Kind {
    count: usize,
    scatter: f64,
    correlation: f64,
    /// By how much the last sample lies above the first.
    drift: f64,
}

fn samples(noise: &mut Noise, kind: Kind, level: f64) -> Vec<f64> {
    let samples = noise.samples(kind.count, level, kind.scatter, kind.correlation);
    let drift = |index: usize| 1.0 + kind.drift * index as f64 / kind.count as f64;
    samples.iter().enumerate().map(|(index, sample)| sample * drift(index)).collect()
}

#[test]
fn two_runs_of_the_same_program_are_noise() {
    let mut noise = Noise::new(11);
    for kind in [
        Kind { count: 20, scatter: 0.005, correlation: 0.0, drift: 0.0 },
        Kind { count: 20, scatter: 0.05, correlation: 0.0, drift: 0.0 },
        Kind { count: 5, scatter: 0.03, correlation: 0.0, drift: 0.0 },
        Kind { count: 3, scatter: 0.02, correlation: 0.0, drift: 0.0 },
        Kind { count: 40, scatter: 0.03, correlation: 0.8, drift: 0.0 },
        Kind { count: 20, scatter: 0.03, correlation: 0.7, drift: 0.08 },
    ] {
        for _ in 0..20 {
            let [before, after] = [0, 1].map(|_| noisy(50, |_| samples(&mut noise, kind, 0.01)));
            let verdicts = verdicts(&before, &after);
            let found = 50 - count(&verdicts, &ComparedVerdict::Noise);
            assert!(found <= 1, "{found} changes of 50: {} samples, scatter {}", kind.count, kind.scatter);
        }
    }
}

/// The clock of the second run is 1.5 % slower throughout: heat, or another process.
#[test]
fn quiet_runs_a_little_apart_are_noise() {
    let mut noise = Noise::new(5);
    let kind = Kind { count: 50, scatter: 0.001, correlation: 0.0, drift: 0.0 };
    let [before, after] = [0.01, 0.01015].map(|level| noisy(50, |_| samples(&mut noise, kind, level)));
    assert_eq!(count(&verdicts(&before, &after), &ComparedVerdict::Noise), 50);
}

#[test]
fn a_slowdown_of_a_tenth_is_found_and_its_size_told() {
    let mut noise = Noise::new(23);
    for kind in [
        Kind { count: 20, scatter: 0.01, correlation: 0.0, drift: 0.0 },
        Kind { count: 20, scatter: 0.01, correlation: 0.3, drift: 0.0 },
        Kind { count: 20, scatter: 0.005, correlation: 0.0, drift: 0.02 },
        Kind { count: 5, scatter: 0.005, correlation: 0.0, drift: 0.0 },
    ] {
        let before = noisy(20, |_| samples(&mut noise, kind, 0.01));
        let after = noisy(20, |index| samples(&mut noise, kind, if index == 7 { 0.011 } else { 0.01 }));
        let comparison = compare(&before, &after);
        let row = &comparison.rows[7];
        let [low, high] = row.interval.unwrap();
        assert_eq!(row.verdict, ComparedVerdict::Slower, "{} samples: {row:?}", kind.count);
        assert!((1.07..1.13).contains(&row.ratio.unwrap()) && low < row.ratio.unwrap() && row.ratio.unwrap() < high);
        assert_eq!(comparison.rows.iter().filter(|row| row.verdict == ComparedVerdict::Noise).count(), 19);
        assert_eq!(compare(&after, &before).rows[7].verdict, ComparedVerdict::Faster);
    }
}

#[test]
fn an_outlier_or_two_change_nothing() {
    let mut noise = Noise::new(2);
    let kind = Kind { count: 20, scatter: 0.01, correlation: 0.0, drift: 0.0 };
    let mut with_outliers = |level: f64| {
        noisy(1, |_| {
            let mut samples = samples(&mut noise, kind, level);
            (samples[3], samples[11]) = (0.3, 0.2);
            samples
        })
    };
    let (before, same, slower) = (with_outliers(0.01), with_outliers(0.01), with_outliers(0.011));
    assert_eq!(verdicts(&before, &same), [ComparedVerdict::Noise]);
    assert_eq!(verdicts(&before, &slower), [ComparedVerdict::Slower]);
}

#[test]
fn ceilings_that_moved_raise_the_floor() {
    let mut noise = Noise::new(9);
    let kind = Kind { count: 20, scatter: 0.005, correlation: 0.0, drift: 0.0 };
    let before = noisy(1, |_| samples(&mut noise, kind, 0.01));
    let mut after = noisy(1, |_| samples(&mut noise, kind, 0.011));
    assert_eq!(verdicts(&before, &after), [ComparedVerdict::Slower]);
    after.devices[0].after.operations_per_second *= 0.85;
    let comparison = compare(&before, &after);
    assert_eq!(comparison.rows[0].verdict, ComparedVerdict::Noise);
    assert!(comparison.rows[0].floor.unwrap() > 0.17, "{:?}", comparison.rows[0].floor);
    assert!(comparison.notes.iter().any(|note| note.contains("21 % apart")), "{:?}", comparison.notes);
}

#[test]
fn what_cannot_be_compared_says_why() {
    let of = |samples: &[f64]| noisy(1, |_| samples.to_vec());
    let reason = |before: &Benchmark, after: &Benchmark| match verdicts(before, after).remove(0) {
        ComparedVerdict::NotComparable { reason } => reason,
        verdict => panic!("{verdict}"),
    };
    let quiet = of(&[1.0, 1.01, 1.02]);
    let mut other = quiet.clone();
    other.settings.checks = !other.settings.checks;
    assert!(reason(&quiet, &other).contains("run-time checks"));
    let mut other = quiet.clone();
    other.settings.cold = true;
    assert!(reason(&quiet, &other).contains("cold"));
    let mut other = quiet.clone();
    if let RowOutcome::Measured(measurement) = &mut other.rows[0].outcome {
        measurement.clock = Clock::Cpu;
        measurement.samples.cpu = measurement.samples.device.clone();
    }
    assert_eq!(reason(&quiet, &other), "seconds on the device before, of CPU time after");
    assert_eq!(reason(&quiet, &of(&[1.0, 1.01])), "2 samples after: 3 are needed");
    let mut other = quiet.clone();
    other.rows[0].outcome = RowOutcome::Wrong { reason: "it is".into(), verified: Vec::new() };
    assert_eq!(reason(&other, &quiet), "struck out before: its output was wrong");
    other.rows[0].outcome = RowOutcome::Impossible { reason: "it is".into() };
    assert_eq!(reason(&quiet, &other), "impossible after");
}

#[test]
fn rows_are_matched_by_device_work_and_floats_and_none_is_lost() {
    let before = sample::benchmark();
    let mut after = before.clone();
    let kept = after.rows.len();
    after.rows.reverse();
    after.devices[1].name = "another".into();
    let comparison = compare(&before, &after);
    let of = |verdict: ComparedVerdict| comparison.rows.iter().filter(|row| row.verdict == verdict).count();
    let moved = before.rows.iter().filter(|row| row.device == 1).count();
    assert_eq!((of(ComparedVerdict::OnlyBefore), of(ComparedVerdict::OnlyAfter)), (moved, moved));
    assert_eq!(comparison.rows.len(), kept + moved);
    assert_eq!(of(ComparedVerdict::Slower) + of(ComparedVerdict::Faster), 0);
    // A row that is there twice is compared twice.
    let mut twice = before.clone();
    twice.rows.push(twice.rows[0].clone());
    let comparison = compare(&twice, &twice);
    assert_eq!(comparison.rows.iter().filter(|row| row.verdict == ComparedVerdict::Noise).count(), {
        let measured = twice.rows.iter().filter(|row| row.measurement().is_some());
        measured.count()
    });
}

#[test]
fn the_text_and_the_json_say_the_same() {
    let mut noise = Noise::new(1);
    let kind = Kind { count: 20, scatter: 0.005, correlation: 0.0, drift: 0.0 };
    let before = noisy(2, |_| samples(&mut noise, kind, 0.01));
    let after = noisy(2, |index| samples(&mut noise, kind, [0.01, 0.02][index]));
    let comparison = compare(&before, &after);
    let text = comparison.to_string();
    assert!(text.contains("SLOWER") && text.ends_with("2 rows: 1 slower, 0 faster, 1 noise"), "{text}");
    assert!(text.lines().all(|line| line.trim_end() == line), "{text}");
    assert!(!text.contains('\u{1b}'), "a device's name acts on the terminal");
    let json = serde_json::to_value(&comparison).unwrap();
    assert_eq!((&json["rows"][1]["verdict"], &json["rows"][0]["verdict"]), (&"slower".into(), &"noise".into()));
}
