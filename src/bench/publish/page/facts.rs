//! Facts and sentences of the page: the run, its devices, how it was measured.

use super::super::super::{Benchmark, Clock, MeasuredDevice, Work};
use super::super::amounts::{bytes, bytes_per_second, counted, grouped, operations_per_second, seconds};
use super::super::figures::range_of_tokens;
use super::super::paper::Beside;
use super::super::series::Series;
use super::super::words::plain;
use crate::gpu::Capabilities;

type Facts = Vec<(&'static str, String)>;

/// What the page is about, in a sentence.
pub(super) fn lead(benchmark: &Benchmark) -> String {
    let rows = counted(benchmark.rows.len(), "row");
    let devices = counted(benchmark.devices.len(), "device");
    let fastest = (0..benchmark.devices.len()).find_map(|device| fastest(benchmark, device)).unwrap_or_default();
    format!("Joint, factorised and divided attention over space and time, {rows} on {devices}. {fastest}")
}

/// Which model is the fastest on a device, where all four were measured at the same size.
fn fastest(benchmark: &Benchmark, device: usize) -> Option<String> {
    let beside = Beside::of_device(benchmark, device)?;
    let times: Option<Vec<f64>> = (0..4).map(|index| beside.times(index).map(|times| times.median)).collect();
    let (index, time) = times?.into_iter().enumerate().min_by(|a, b| a.1.total_cmp(&b.1))?;
    let (name, time) = (plain(&benchmark.devices.get(device)?.name), seconds(time));
    let sizes = beside.sizes();
    Some(format!("On {name} Model {} is the fastest of the four at {sizes}: {time}.", index + 1))
}

/// The run: program, commit, time, machine.
pub(super) fn of_run(benchmark: &Benchmark) -> Facts {
    let machine = &benchmark.machine;
    let mut facts = vec![
        ("measured", plain(&benchmark.taken)),
        ("program", format!("tubelet {}", plain(&benchmark.version))),
        ("commit", benchmark.commit.as_ref().map_or_else(|| "not known".to_owned(), |commit| plain(commit))),
        ("system", plain(&format!("{}, {}", machine.system, machine.architecture))),
    ];
    let threads = counted(machine.threads, "thread");
    let processor =
        machine.processor.as_ref().map_or_else(|| threads.clone(), |name| format!("{}, {threads}", plain(name)));
    facts.push(("processor", processor));
    facts
}

/// A device: its driver and its ceilings.
pub(super) fn of_device(device: &MeasuredDevice) -> Facts {
    let mut facts = Vec::new();
    match &device.capabilities {
        Some(known) => {
            facts.push(("driver", plain(&known.driver)));
            facts.push(("through", plain(&known.backend)));
            facts.push(("kind", known.kind.to_string()));
        }
        None => facts.push(("kind", "the processor, by kernels in Rust".to_owned())),
    }
    let (before, after) = (&device.before, &device.after);
    let moved = |before: f64, after: f64, write: fn(f64) -> String| match (after / before - 1.0).abs() {
        change if change < 0.01 => write(before),
        _ => format!("{} before, {} after", write(before), write(after)),
    };
    let arithmetic = moved(before.operations_per_second, after.operations_per_second, operations_per_second);
    facts.push(("arithmetic, measured", arithmetic));
    if let Some((before, after)) = before.matrix_operations_per_second.zip(after.matrix_operations_per_second) {
        facts.push(("matrix units, measured", moved(before, after, operations_per_second)));
    }
    facts.push(("copy, measured", moved(before.bytes_per_second, after.bytes_per_second, bytes_per_second)));
    facts.push(("launch, measured", moved(before.launch_seconds, after.launch_seconds, seconds)));
    facts
}

/// What a device that runs WGSL reports about itself.
pub(super) fn limits(known: &Capabilities) -> Facts {
    let limits = &known.limits;
    let yes = |has: bool| if has { "yes" } else { "no" }.to_owned();
    let subgroup = known.subgroup.map_or("none".to_owned(), |sizes| match sizes.fixed() {
        Some(size) => size.to_string(),
        None => format!("{} to {}", sizes.smallest, sizes.largest),
    });
    let matrices = known
        .matrix_shapes
        .iter()
        .map(|shape| format!("{}×{}×{} {}", shape.rows, shape.columns, shape.inner, plain(&shape.operands)));
    let matrices = matrices.collect::<Vec<_>>().join(", ");
    vec![
        ("largest binding", bytes(limits.binding_bytes)),
        ("largest buffer", bytes(limits.buffer_bytes)),
        ("storage bindings", limits.storage_bindings.to_string()),
        ("workgroup memory", bytes(limits.workgroup_bytes.into())),
        ("invocations of a workgroup", limits.workgroup_invocations.to_string()),
        ("workgroups a dimension", grouped(limits.workgroups.into())),
        ("loop iterations", limits.loop_iterations.map_or("no limit".to_owned(), |most| grouped(most.into()))),
        ("subgroups of", subgroup),
        ("f16 in shaders", yes(known.f16)),
        ("time stamps", yes(known.timestamps)),
        ("matrix shapes", if matrices.is_empty() { "none".to_owned() } else { matrices }),
    ]
}

/// What a plot of times shows.
pub(super) fn of_latency(series: &[Series<'_>], device: &MeasuredDevice) -> String {
    let cpu = series.iter().flat_map(|series| &series.points).any(|point| point.measurement.clock == Clock::Cpu);
    let clock = match (cpu, device.computes_on_cpu) {
        (true, _) => "CPU time of all threads",
        (false, true) => "time on the clock",
        (false, false) => "time of the device",
    };
    let tokens = range_of_tokens(series);
    format!("Medians of {clock} at {tokens}, with their range from 20 to 80 %; dashed, the power law that fits best.")
}

/// How rows are measured, in sentences.
pub(super) fn method(benchmark: &Benchmark) -> Vec<String> {
    let settings = &benchmark.settings;
    let start = match settings.cold {
        true => "Every sample pays for compiling and loading (--cold).",
        false => {
            "A row is run until three successive medians agree within 2 %, then sampled; one that never did is marked."
        }
    };
    let checks = match settings.checks {
        true => "Shaders check their indices and loops at run time.",
        false => "Run-time checks of shaders are off.",
    };
    let row = seconds(settings.row_seconds);
    let mut sentences = vec![
        format!("{start} A row takes {row} at most, warm-up and samples together. {checks}"),
        "The output that is timed is compared; a row whose output is wrong is struck out, and has no times.".to_owned(),
        "Shares are of what the same device reached in the same run, by probes of arithmetic and of copying before the first \
         row and after the last, the better of both. The roofline is the least time that these allow, call by call, over the \
         median."
            .to_owned(),
        "Exponents are fitted by least squares to the logarithms of medians and tokens, where there are at least three sizes; \
         their errors tell how far the medians lie from the line, not how another run would differ."
            .to_owned(),
        format!("The models are of {}. {}", plain(&settings.backbone), plain(&settings.sizing)),
    ];
    if benchmark.rows.iter().any(|row| matches!(row.work, Work::TrainingStep(_))) {
        sentences.push(STEP.to_owned());
    }
    sentences
}

const STEP: &str = "A training step is forward pass, loss, backward pass and the update of every weight by gradient \
    descent with momentum, in f32. Its operations are those that its calls compute: the products of the backward pass are \
    twice those of the forward pass, but for the embedding, whose clip has no gradient, and attention, which computes its \
    scores again. Compared are loss, norm of the gradient, and what the first step leaves of weights and momentum. A step \
    takes turns with the forward pass of its model.";

/// What repeats the run in a shell.
pub(super) fn command(benchmark: &Benchmark) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=./:,+@%".contains(letter);
    let quoted = |option: &String| match plain(option) {
        option if !option.is_empty() && option.chars().all(is_plain) => option,
        option => format!("'{}'", option.replace('\'', "'\\''")),
    };
    let options: String = benchmark.options.iter().map(quoted).map(|option| format!(" {option}")).collect();
    format!("tubelet bench{options}")
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn the_command_can_be_pasted() {
        let mut benchmark = sample::benchmark();
        benchmark.options.push("it's $(x)".into());
        assert_eq!(command(&benchmark), "tubelet bench --full --report 'a folder' 'it'\\''s $(x)'");
    }

    #[test]
    fn ceilings_that_moved_are_given_twice() {
        let benchmark = sample::benchmark();
        let facts = of_device(&benchmark.devices[0]);
        assert!(
            facts.contains(&("arithmetic, measured", "54.0 TFLOP/s before, 52.5 TFLOP/s after".to_owned())),
            "{facts:?}"
        );
        assert!(facts.contains(&("copy, measured", "2.90 TB/s".to_owned())), "{facts:?}");
        assert!(lead(&benchmark).contains("is the fastest of the four at vit-b/16x2, 32×224×224"));
    }
}
