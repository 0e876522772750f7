//! Which results may stand in the public list.

use super::super::{Benchmark, BenchmarkRow, ModelWork, RowMeasurement, RowOutcome};
use super::comparing::clocked;
use super::listing::file_name;
use super::medians::median;
use super::series::is_positive;
use super::words;
use crate::tensor::{Error, Result};

/// Whether a result may stand in the public list as the file `name`: named after its device, measured warm, every output
/// compared, its figures those of its own samples. What was struck out may be in it, and is listed as such.
///
/// # Errors
///
/// The first reason why it may not, in a sentence.
pub fn admit(name: &str, benchmark: &Benchmark) -> Result<()> {
    whole(name, benchmark).map_err(|reason| Error::file(format!("{name} is no result to publish: {reason}")))?;
    benchmark.rows.iter().try_for_each(|row| {
        let of_row = |row| of_row(row).and_then(|()| ratio(benchmark, row));
        let what = || format!("{}, {}", words::title(&row.work), words::sizes(&row.work));
        of_row(row).map_err(|reason| Error::file(format!("{name} is no result to publish: {}: {reason}", what())))
    })
}

fn whole(name: &str, benchmark: &Benchmark) -> Result<(), String> {
    let expected = file_name(benchmark);
    let stem = expected.trim_end_matches(".json");
    let plain =
        name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || "-.".contains(letter));
    if !plain || !name.starts_with(stem) || !name.ends_with(".json") {
        return Err(format!("it is to be called {expected}, or {stem}-MORE.json, after its device"));
    }
    if benchmark.settings.cold {
        return Err("it was measured with --cold".to_owned());
    }
    let ceilings = benchmark.devices.iter().flat_map(|device| [device.before, device.after]);
    if !ceilings
        .into_iter()
        .all(|known| is_positive(known.operations_per_second) && is_positive(known.bytes_per_second))
    {
        return Err("a ceiling of a device is no number above 0".to_owned());
    }
    match benchmark.rows.iter().any(|row| row.measurement().is_some()) {
        true => Ok(()),
        false => Err("no row of it has a time".to_owned()),
    }
}

fn of_row(row: &BenchmarkRow) -> Result<(), String> {
    if let Some(model) = row.work.model() {
        tokens(model)?;
    }
    match &row.outcome {
        RowOutcome::Measured(measurement) => verified(measurement).and_then(|()| consistent(measurement)),
        _ => Ok(()),
    }
}

/// Every comparison is within its bound, and there is one.
fn verified(measurement: &RowMeasurement) -> Result<(), String> {
    if measurement.verified.is_empty() {
        return Err("its output was compared with nothing".to_owned());
    }
    match measurement.verified.iter().find(|check| !(check.passed && check.relative_l2 <= check.bound)) {
        Some(check) => Err(format!(
            "its output differs from {} by {:e}, and {:e} is allowed",
            words::plain(&check.against),
            check.relative_l2,
            check.bound
        )),
        None => Ok(()),
    }
}

/// A loss of the last bits in reading and writing is none of figures.
const ROUNDING: f64 = 1e-9;

/// The figures are those of the samples.
fn consistent(measurement: &RowMeasurement) -> Result<(), String> {
    let samples = clocked(measurement);
    let RowMeasurement { median: stated, low, high, shares, .. } = *measurement;
    let Some(median) = median(samples).filter(|_| samples.iter().copied().all(is_positive)) else {
        return Err("its samples are no times above 0, or there are none".to_owned());
    };
    if stated.is_nan() || (stated - median).abs() > ROUNDING * median {
        return Err(format!("its median is given as {stated} s, and that of its samples is {median} s"));
    }
    let [fastest, slowest] =
        [samples.iter().copied().fold(f64::INFINITY, f64::min), samples.iter().copied().fold(0.0, f64::max)];
    let within = |a: f64, b: f64| a <= b * (1.0 + ROUNDING);
    if !(within(fastest, low) && within(low, stated) && within(stated, high) && within(high, slowest)) {
        return Err(format!("its quantiles are given as {low} s and {high} s, around a median of {stated} s"));
    }
    match [shares.arithmetic, shares.bandwidth, shares.roofline]
        .into_iter()
        .all(|share| share.is_finite() && share >= 0.0)
    {
        true => Ok(()),
        false => Err("its shares of the ceilings are no numbers of 0 or more".to_owned()),
    }
}

/// The time of a training step over that of its forward pass is that of the medians.
fn ratio(benchmark: &Benchmark, row: &BenchmarkRow) -> Result<(), String> {
    let Some(measurement) = row.measurement() else { return Ok(()) };
    match (measurement.times_forward, benchmark.times_forward(row)) {
        (None, None) => Ok(()),
        (Some(stated), Some(ratio)) if (stated - ratio).abs() <= ROUNDING * ratio => Ok(()),
        (stated, ratio) => {
            let words = |ratio: Option<f64>| ratio.map_or_else(|| "none".to_owned(), |ratio| ratio.to_string());
            let (stated, ratio) = (words(stated), words(ratio));
            Err(format!("its ratio to a forward pass is given as {stated}, and that of the medians is {ratio}"))
        }
    }
}

/// The tokens are those of the clip.
fn tokens(model: &ModelWork) -> Result<(), String> {
    let [frames, rows, columns] = model.tubelet;
    let along = |pixels: usize, tubelet: usize| pixels.checked_div(tubelet).unwrap_or(0);
    let tokens = along(model.frames, frames) * along(model.rows, rows) * along(model.columns, columns);
    match tokens == model.tokens {
        true => Ok(()),
        false => Err(format!("it is given {} tokens, and its clip has {tokens}", model.tokens)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::bench::{Verification, Work};

    const NAME: &str = "script-alert-1-script-gpu.json";

    fn refusal(change: impl FnOnce(&mut Benchmark)) -> String {
        let mut benchmark = sample::benchmark();
        change(&mut benchmark);
        admit(NAME, &benchmark).unwrap_err().to_string()
    }

    /// Changes the measurement of the first row.
    fn refusal_of(change: impl FnOnce(&mut RowMeasurement)) -> String {
        refusal(|benchmark| match &mut benchmark.rows[0].outcome {
            RowOutcome::Measured(measurement) => change(measurement),
            _ => panic!(),
        })
    }

    #[test]
    fn a_good_result_is_admitted_what_it_strikes_out_too() {
        admit(NAME, &sample::benchmark()).unwrap();
        admit("script-alert-1-script-gpu-driver-571.json", &sample::benchmark()).unwrap();
    }

    #[test]
    fn rows_without_verified_output_are_refused() {
        let refused = refusal_of(|times| times.verified.clear());
        assert!(refused.starts_with(&format!("{NAME} is no result to publish: Model 1, joint, ")), "{refused}");
        assert!(refused.ends_with("its output was compared with nothing"), "{refused}");
        assert!(refusal_of(|times| times.verified[1].passed = false).contains("differs from cpu by 6.2e-7"));
        // What says that it passed is not believed.
        assert!(refusal_of(|times| times.verified[0].relative_l2 = 0.5).contains("and 1e-5 is allowed"));
        let nan = |times: &mut RowMeasurement| {
            times.verified = vec![Verification { relative_l2: f64::NAN, ..times.verified[0].clone() }];
        };
        assert!(refusal_of(nan).contains("differs"));
    }

    #[test]
    fn figures_that_are_not_those_of_their_samples_are_refused() {
        assert!(refusal_of(|times| times.median *= 0.99).contains("its median is given as"));
        assert!(refusal_of(|times| times.median = f64::NAN).contains("its median is given as"));
        assert!(refusal_of(|times| times.samples.device.clear()).contains("no times above 0"));
        assert!(refusal_of(|times| times.samples.device[0] = -1.0).contains("no times above 0"));
        assert!(refusal_of(|times| times.low = 1.01 * times.median).contains("its quantiles"));
        assert!(refusal_of(|times| times.high *= 2.0).contains("its quantiles"));
        assert!(refusal_of(|times| times.shares.roofline = f64::INFINITY).contains("its shares"));
        let tokens = |benchmark: &mut Benchmark| match &mut benchmark.rows[0].work {
            Work::Model(model) => model.tokens = 785,
            _ => panic!(),
        };
        assert!(refusal(tokens).contains("785 tokens, and its clip has 784"));
    }

    #[test]
    fn a_step_takes_as_many_passes_as_its_medians_say() {
        admit(NAME, &sample::with_steps()).unwrap();
        let stated = |ratio: Option<f64>| {
            let mut benchmark = sample::with_steps();
            let measured = benchmark.rows.iter_mut().filter_map(|row| match &mut row.outcome {
                RowOutcome::Measured(measurement) => Some(measurement),
                _ => None,
            });
            measured.filter(|times| times.times_forward.is_some()).for_each(|times| times.times_forward = ratio);
            admit(NAME, &benchmark).unwrap_err().to_string()
        };
        assert!(stated(Some(1.5)).contains("is given as 1.5, and that of the medians is 3.2"), "{}", stated(Some(1.5)));
        assert!(stated(None).contains("is given as none"), "{}", stated(None));
        assert!(refusal_of(|times| times.times_forward = Some(1.0)).contains("that of the medians is none"));
    }

    #[test]
    fn results_of_another_kind_are_refused() {
        assert!(refusal(|benchmark| benchmark.settings.cold = true).contains("--cold"));
        assert!(refusal(|benchmark| benchmark.rows.clear()).contains("no row of it has a time"));
        assert!(refusal(|benchmark| benchmark.devices[1].after.bytes_per_second = 0.0).contains("a ceiling"));
        let error = admit("mine.json", &sample::benchmark()).unwrap_err().to_string();
        assert!(error.contains("it is to be called script-alert-1-script-gpu.json"), "{error}");
        assert!(admit("script-alert-1-script-gpu](x).json", &sample::benchmark()).is_err());
    }
}
