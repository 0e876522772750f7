//! `bench`: rows with samples, quantiles, shares and checks, at sizes of a moment.

use std::collections::BTreeSet;

use libtest_mimic::Failed;
use serde_json::Value;

use super::{Outcome, Ran, ensure, model};

/// A comparison of a moment. Ti has three heads, which Model 4 cannot halve.
pub(super) const TINY: &str = "--backbone ti --frames 2 --size 48 --row-seconds 0.02";

fn positive(value: &Value) -> bool {
    value.as_f64().is_some_and(|number| number > 0.0)
}

fn rows(report: &Value) -> Result<&Vec<Value>, Failed> {
    report["rows"].as_array().ok_or_else(|| "no rows".into())
}

/// Samples that agree with their quantiles, shares, and checks of which every one passed.
fn sound(row: &Value) -> Outcome {
    let outcome = &row["outcome"];
    let clock = outcome["clock"].as_str().ok_or("no clock")?;
    let samples = outcome["samples"][clock].as_array().ok_or("no samples")?;
    let samples: Vec<_> = samples.iter().filter_map(Value::as_f64).collect();
    let [low, median, high] = ["low", "median", "high"].map(|name| outcome[name].as_f64().unwrap_or(f64::NAN));
    let least = samples.iter().copied().fold(f64::INFINITY, f64::min);
    let most = samples.iter().copied().fold(0.0, f64::max);
    ensure(least <= low && low <= median && median <= high && high <= most, format!("quantiles of {row}"))?;
    ensure(outcome["samples"]["wall"].as_array().is_some_and(|wall| !wall.is_empty()), format!("no wall in {row}"))?;
    ensure(positive(&outcome["shares"]["roofline"]) && positive(&outcome["warm_up"]["runs"]), row.to_string())?;
    let verified = outcome["verified"].as_array().ok_or("no checks")?;
    let reduced: BTreeSet<_> = verified.iter().filter_map(|one| one["reduced"].as_bool()).collect();
    let passed = verified.iter().all(|one| one["passed"] == true && one["relative_l2"].is_number());
    ensure(passed && reduced.len() == 2, format!("not checked twice: {row}"))
}

pub(super) fn compared() -> Outcome {
    let report = Ran::with(&format!("bench {TINY} --json"), &[])?.silent_success()?.json()?;
    ensure(
        report["settings"]["checks"] == false && report["settings"]["cold"] == false,
        report["settings"].to_string(),
    )?;
    let options: Vec<_> = report["options"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    ensure(options.starts_with(&["--backbone", "ti"]), format!("{options:?}"))?;
    let devices = report["devices"].as_array().ok_or("no devices")?;
    ensure(devices.len() == 2, "the processor is not measured beside the device that runs WGSL")?;
    for device in devices {
        for ceilings in [&device["before"], &device["after"]] {
            let long = ceilings["arithmetic_seconds"].as_f64() >= Some(10e-3);
            let wide = ceilings["copied_bytes"].as_u64() >= Some(512 << 20);
            ensure(long && wide && positive(&ceilings["launch_seconds"]), ceilings.to_string())?;
        }
    }
    let rows = rows(&report)?;
    for device in 0..2 {
        let own = || rows.iter().filter(move |row| row["device"] == device);
        let models: Vec<_> = own().filter(|row| row["work"]["of"] == "model").collect();
        let numbers: Vec<_> = models.iter().filter_map(|row| row["work"]["number"].as_u64()).collect();
        ensure(numbers == [1, 2, 3, 4], format!("{numbers:?}"))?;
        models[..3].iter().try_for_each(|row| {
            ensure(positive(&row["outcome"]["memory"]["weights"]), row.to_string())?;
            ensure(positive(&row["outcome"]["cost"]["paper_multiply_accumulates"]), row.to_string())?;
            ensure(!row["outcome"]["calls"].as_array().is_none_or(Vec::is_empty), "no calls")?;
            sound(row)
        })?;
        let halved = models[3]["outcome"]["reason"].as_str().unwrap_or_default();
        ensure(halved.contains("3 heads cannot be halved"), models[3].to_string())?;
        let forms: Vec<_> = own().filter(|row| row["work"]["of"] == "attention").collect();
        ensure(forms.len() == 5 && forms[4]["outcome"]["outcome"] == "impossible", format!("{forms:?}"))?;
        forms[..4].iter().try_for_each(|row| sound(row))?;
    }
    Ok(())
}

/// A training step stands behind each forward pass, and says how many times as long it takes.
pub(super) fn training_steps() -> Outcome {
    let report = Ran::with(&format!("bench {TINY} --kinds 1,2 --backward --json"), &[])?.silent_success()?.json()?;
    for device in 0..2 {
        let rows: Vec<_> = rows(&report)?.iter().filter(|row| row["device"] == device).collect();
        let of: Vec<_> = rows[..4].iter().map(|row| row["work"]["of"].as_str().unwrap_or_default()).collect();
        ensure(of == ["model", "training_step"].repeat(2), format!("{of:?}"))?;
        for pair in rows[..4].chunks(2) {
            let (forward, step) = (&pair[0]["outcome"], &pair[1]["outcome"]);
            pair.iter().try_for_each(|row| sound(row))?;
            let median = |outcome: &Value| outcome["median"].as_f64().unwrap_or(f64::NAN);
            let ratio = step["times_forward"].as_f64().ok_or("a step without its ratio")?;
            let expected = median(step) / median(forward);
            ensure((ratio / expected - 1.0).abs() < 1e-9 && forward["times_forward"].is_null(), format!("{ratio}"))?;
            let more = |key: &str| step["memory"][key].as_u64() > forward["memory"][key].as_u64();
            ensure(more("weights") && more("values"), format!("{} {}", forward["memory"], step["memory"]))?;
        }
    }
    Ran::with("bench --backward --precision f16", &[])?.refusal(&["--backward", "f32"])?;
    Ran::with("bench --backward --kernel pool", &[])?.refusal(&["--backward", "--kernel"])?;
    let told = Ran::with("bench --model {} --backward --row-seconds 0.02 --alone", &[&model()])?.silent_success()?;
    let missing = ["1 joint", "  step, ", " × forward", "where the time of a training step goes"];
    let missing = missing.iter().find(|part| !told.stdout.contains(**part));
    told.expect(missing.is_none(), &format!("does not tell of {missing:?}")).map(drop)
}

pub(super) fn kernels() -> Outcome {
    let ran = |arguments: &str| {
        let command = format!("bench --kernel pool --row-seconds 0.02 --json {arguments}");
        Ran::with(&command, &[])?.silent_success()?.json()
    };
    let report = ran("--cold --checks")?;
    ensure(report["settings"]["cold"] == true && report["settings"]["checks"] == true, report["settings"].to_string())?;
    for row in rows(&report)? {
        ensure(row["work"]["kernel"] == "pool", row.to_string())?;
        sound(row)?;
    }
    let measured = |report: &Value| -> Vec<bool> {
        let devices = report["devices"].as_array().into_iter().flatten();
        devices.map(|device| device["capabilities"].is_null()).collect()
    };
    ensure(measured(&report) == [false, true], "the processor is not measured beside the device")?;
    let alone = ran("--alone")?;
    ensure(measured(&alone) == [false], "not alone")?;
    // The processor checks what it is not measured beside.
    rows(&alone)?.iter().try_for_each(sound)?;
    Ran::with("bench --kernel pool --device cpu --variant plain", &[])?.refusal(&["no kernels in WGSL"])?;
    Ran::with("bench --kernel pool --device references", &[])?.refusal(&["no kernels in WGSL"])
}

pub(super) fn one_model() -> Outcome {
    let command = "bench --model {} --row-seconds 0.02 --alone --precision f32,f16";
    let ran = Ran::with(command, &[&model()])?.silent_success()?;
    let wide = ran.stdout.lines().find(|line| line.chars().count() > 100 && line.contains("  "));
    ensure(wide.is_none(), format!("wider than 100 columns: {wide:?}"))?;
    let told = ["ceilings", "1 joint", "clips/s", "weights in f16", "a multiply-add is two operations", "CPU seconds"];
    let missing = told.iter().find(|part| !ran.stdout.contains(**part));
    ran.expect(missing.is_none(), &format!("does not tell of {missing:?}")).map(drop)
}
