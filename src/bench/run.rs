//! A run: ceilings, rows in their groups, checks, and ceilings again.

use std::time::{Instant, SystemTime};

use super::candidate::{Candidate, Made, Schedule};
use super::ceilings::{measure_ceilings, moved};
use super::clock::{clock_of, computes_on_cpu, forget_peak_memory, peak_memory};
use super::forward::paper_multiply_accumulates;
use super::method::{BenchDevice, Method, Stage};
use super::problem::{Cold, Prepared};
use super::sampling::{Sampled, Timed, quantile, sample_in_turn};
use super::sizing;
use super::verification::{BETWEEN_BACKENDS, References, Witness, compared, fault};
use super::{
    Benchmark, BenchmarkRow, Ceilings, Clock, Machine, MeasuredDevice, RowMeasurement, RowMemory, RowOutcome, Samples,
    Settings, Shares, Verification, Work,
};
use crate::graph::Device;
use crate::kernels::{Cost, Precision};
use crate::tensor::{Error, ErrorKind, Result, Tensor};

/// Seconds that ceilings take, about.
const CEILING_SECONDS: f64 = 2.0;

/// Measures every row of `schedule` on every device of `stage`. `progress` hears the share that is done and what comes
/// next.
///
/// The rows of a group are measured in turn, A B A B, with all their executors prepared at the same time; where memory is
/// short, those that do not fit beside the others follow one by one, and a note says so. The devices follow one another,
/// so that the host does not compete with a software device.
///
/// Samples on the host's clock are passes without time stamps, from handing a pass over to its end, with its inputs on the
/// device already and nothing read back. On a GPU with a clock of its own a pass with stamps stands beside each, and the
/// sum of its calls is the sample on the device's clock. Where the processor computes, CPU seconds of the process decide:
/// they depend on what else the machine does, as all clocks do.
///
/// # Errors
///
/// Where the ceilings cannot be measured. What goes wrong with a row is its outcome.
pub fn measure(
    stage: &Stage,
    schedule: &Schedule,
    method: &Method,
    progress: &mut dyn FnMut(f64, &str),
) -> Result<Benchmark> {
    let taken = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let mut session = Session::new(stage, schedule, method, progress);
    let before = session.ceilings()?;
    let mut found = Vec::new();
    for group in &schedule.groups {
        found.extend(session.group(group));
    }
    let after = session.ceilings()?;
    let mut notes = session.notes;
    let devices: Vec<_> = stage.devices.iter().zip(before.iter().zip(&after)).map(measured_device).collect();
    notes.extend(devices.iter().flat_map(|device| moved(&device.name, &device.before, &device.after)));
    let rows = found.into_iter().map(|found| found.with_shares(&devices)).collect();
    let mut benchmark = Benchmark {
        schema: Benchmark::SCHEMA,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        command: "bench".to_owned(),
        commit: option_env!("TUBELET_COMMIT").map(str::to_owned),
        taken,
        options: method.options.clone(),
        machine: Machine::this(),
        settings: Settings {
            checks: method.checks,
            cold: method.cold,
            row_seconds: method.row_seconds,
            backbone: method.backbone.clone(),
            sizing: method.sizing.clone(),
        },
        devices,
        rows,
        notes,
    };
    let ratios: Vec<_> = benchmark.rows.iter().map(|row| benchmark.times_forward(row)).collect();
    for (row, ratio) in benchmark.rows.iter_mut().zip(ratios) {
        if let RowOutcome::Measured(measurement) = &mut row.outcome {
            measurement.times_forward = ratio;
        }
    }
    Ok(benchmark)
}

fn measured_device((device, (before, after)): (&BenchDevice, (&Ceilings, &Ceilings))) -> MeasuredDevice {
    let device = device.device();
    MeasuredDevice {
        name: device.name().to_owned(),
        capabilities: device.gpu().map(|gpu| gpu.capabilities().clone()),
        computes_on_cpu: computes_on_cpu(device),
        before: *before,
        after: *after,
    }
}

/// A row whose shares are not known before the last ceiling is.
struct Found {
    row: BenchmarkRow,
    costs: Vec<Cost>,
}

impl Found {
    fn with_shares(mut self, devices: &[MeasuredDevice]) -> BenchmarkRow {
        let device = devices.get(self.row.device);
        if let (RowOutcome::Measured(measurement), Some(device)) = (&mut self.row.outcome, device) {
            let ceilings = device.before.better(&device.after).at(self.row.precision);
            measurement.shares = shares(&self.costs, measurement.median, &ceilings);
        }
        self.row
    }
}

/// The shares of ceilings that calls of these costs reach in so many seconds.
fn shares(costs: &[Cost], seconds: f64, ceilings: &Ceilings) -> Shares {
    let seconds = seconds.max(f64::MIN_POSITIVE);
    let bytes = |cost: &Cost| cost.read + cost.written;
    let (operations, moved) =
        costs.iter().fold((0, 0), |(operations, moved), cost| (operations + cost.operations, moved + bytes(cost)));
    let least = costs.iter().map(|cost| ceilings.least_seconds(cost.operations, bytes(cost)));
    Shares {
        arithmetic: operations as f64 / ceilings.operations_per_second / seconds,
        bandwidth: moved as f64 / ceilings.bytes_per_second / seconds,
        roofline: least.sum::<f64>() / seconds,
    }
}

/// What came of a candidate on a device so far.
struct Trial {
    outcome: RowOutcome,
    costs: Vec<Cost>,
    /// What it computed, and how far from a backend's output that may be, until it is compared.
    computed: Option<(Vec<Tensor>, f64)>,
}

impl Trial {
    /// What an error makes of a row: what cannot be is no fault.
    fn without(error: &Error) -> Self {
        let reason = error.to_string();
        let outcome = match error.kind() {
            ErrorKind::Usage | ErrorKind::Unsupported | ErrorKind::OutOfMemory => RowOutcome::Impossible { reason },
            _ => RowOutcome::Failed { reason },
        };
        Self { outcome, costs: Vec::new(), computed: None }
    }

    /// Adds a comparison; where it fails, the row is struck out.
    fn verify(&mut self, verification: Verification) {
        let verified = match &mut self.outcome {
            RowOutcome::Measured(measurement) => &mut measurement.verified,
            RowOutcome::Wrong { verified, .. } => verified,
            _ => return,
        };
        verified.push(verification);
        if let Some(reason) = fault(verified) {
            self.outcome = RowOutcome::Wrong { reason, verified: std::mem::take(verified) };
        }
    }

    fn is_right(&self) -> bool {
        matches!(self.outcome, RowOutcome::Measured(_))
    }
}

/// A candidate that is compiled, has been run once, and can be sampled.
struct Ready {
    /// Which of its group.
    index: usize,
    made: Made,
    prepared: Prepared,
    /// What the first pass computed.
    outputs: Vec<Tensor>,
    /// Seconds of the first pass.
    first: f64,
}

struct Session<'a> {
    stage: &'a Stage,
    method: &'a Method,
    references: References,
    notes: Vec<String>,
    /// Seconds that are foreseen for what is done, and for all.
    done: f64,
    total: f64,
    progress: &'a mut dyn FnMut(f64, &str),
}

impl<'a> Session<'a> {
    fn new(stage: &'a Stage, schedule: &Schedule, method: &'a Method, progress: &'a mut dyn FnMut(f64, &str)) -> Self {
        let (references, notes) = (References::new(), Vec::new());
        let mut session = Self { stage, method, references, notes, done: 0.0, total: 0.0, progress };
        let devices = 0..stage.devices.len();
        let rows: f64 = devices
            .flat_map(|device| schedule.groups.iter().map(move |group| (device, group)))
            .map(|(device, group)| session.foreseen(device, group))
            .sum();
        session.total = rows + 2.0 * CEILING_SECONDS * stage.devices.len() as f64;
        session
    }

    /// Seconds that a group takes on a device.
    fn foreseen(&self, device: usize, group: &[Candidate]) -> f64 {
        let seconds = self.method.row_seconds;
        let row = |candidate: &Candidate| match self.stage.rates.get(device) {
            Some(rate) => sizing::row(candidate.operations, rate, seconds),
            None => seconds,
        };
        group.iter().map(row).sum()
    }

    fn say(&mut self, what: &str, device: &Device) {
        (self.progress)(self.done / self.total.max(f64::MIN_POSITIVE), &format!("{what} on {}", device.name()));
    }

    fn note(&mut self, sentence: String) {
        if !self.notes.contains(&sentence) {
            self.notes.push(sentence);
        }
    }

    /// Those of every device.
    fn ceilings(&mut self) -> Result<Vec<Ceilings>> {
        let stage = self.stage;
        let mut found = Vec::new();
        for device in &stage.devices {
            self.say("ceilings", device.device());
            found.push(measure_ceilings(device.device()).map_err(|error| error.within("measuring ceilings"))?);
            self.done += CEILING_SECONDS;
        }
        Ok(found)
    }

    /// The rows of a group on each device.
    fn group(&mut self, group: &[Candidate]) -> Vec<Found> {
        let stage = self.stage;
        let mut trials = Vec::new();
        for (index, device) in stage.devices.iter().enumerate() {
            self.say(&title(group), device.device());
            forget_peak_memory();
            trials.push(self.on_device(device, group));
            self.done += self.foreseen(index, group);
        }
        self.compare(&mut trials);
        let mut found = Vec::new();
        for (device, trials) in trials.into_iter().enumerate() {
            for (candidate, Trial { outcome, costs, .. }) in group.iter().zip(trials) {
                let (work, precision) = (candidate.work.clone(), candidate.precision);
                found.push(Found { row: BenchmarkRow { device, work, precision, outcome }, costs });
            }
        }
        found
    }

    /// The candidates of a group in turn; those that do not fit the memory beside the others one by one.
    fn on_device(&mut self, device: &BenchDevice, group: &[Candidate]) -> Vec<Trial> {
        let mut trials: Vec<Option<Trial>> = group.iter().map(|_| None).collect();
        let (mut together, mut later) = (Vec::new(), Vec::new());
        for (index, candidate) in group.iter().enumerate() {
            match self.ready(device, index, candidate) {
                Ok(ready) => together.push(ready),
                Err(error) if error.kind() == ErrorKind::OutOfMemory && !together.is_empty() => later.push(index),
                Err(error) => trials[index] = Some(Trial::without(&error)),
            }
        }
        self.sample(device, group, together, &mut trials);
        if !later.is_empty() {
            let (rows, name) = (title(group), device.device().name());
            self.note(format!("{name} has too little memory for all of {rows} at once: some were measured one by one"));
        }
        for index in later {
            match self.ready(device, index, &group[index]) {
                Ok(ready) => self.sample(device, group, vec![ready], &mut trials),
                Err(error) => trials[index] = Some(Trial::without(&error)),
            }
        }
        let missing = || Trial::without(&Error::new(ErrorKind::Device, "it was not measured"));
        trials.into_iter().map(|trial| trial.unwrap_or_else(missing)).collect()
    }

    fn ready(&self, device: &BenchDevice, index: usize, candidate: &Candidate) -> Result<Ready> {
        let device = device.device();
        let made = (candidate.make)(device)?;
        let prepared = made.full.prepare(device, &self.method.selection(device))?;
        let begun = Instant::now();
        let outputs = prepared.outputs(&made.full.wanted)?;
        Ok(Ready { index, made, prepared, outputs, first: begun.elapsed().as_secs_f64() })
    }

    fn sample(
        &mut self,
        device: &BenchDevice,
        group: &[Candidate],
        mut ready: Vec<Ready>,
        trials: &mut [Option<Trial>],
    ) {
        let sampled = match self.method.cold {
            true => self.sample_cold(device, &ready),
            false => {
                let mut timed: Vec<&mut dyn Timed> =
                    ready.iter_mut().map(|ready| &mut ready.prepared as &mut dyn Timed).collect();
                sample_in_turn(&mut timed, &self.method.rules())
            }
        };
        let peak = peak_memory();
        for (ready, sampled) in ready.into_iter().zip(sampled) {
            let index = ready.index;
            trials[index] = Some(match sampled {
                Ok(sampled) => self.trial(device.device(), &group[index], ready, sampled, peak),
                Err(error) => Trial::without(&error),
            });
        }
    }

    fn sample_cold(&self, device: &BenchDevice, ready: &[Ready]) -> Vec<Result<Sampled>> {
        let selection = self.method.selection(device.device());
        let held: Result<Vec<_>> = ready.iter().map(|ready| ready.made.full.held()).collect();
        let held = match held {
            Ok(held) => held,
            Err(error) => return ready.iter().map(|_| Err(error.clone())).collect(),
        };
        let cold = |problem| Cold { problem, selection: &selection, device: device.device(), options: &device.options };
        let mut cold: Vec<_> = held.iter().map(cold).collect();
        let mut timed: Vec<&mut dyn Timed> = cold.iter_mut().map(|cold| cold as &mut dyn Timed).collect();
        sample_in_turn(&mut timed, &self.method.rules())
    }

    /// What a candidate's samples amount to, with the comparisons that need no other row.
    fn trial(
        &mut self,
        device: &Device,
        candidate: &Candidate,
        ready: Ready,
        sampled: Sampled,
        peak: Option<u64>,
    ) -> Trial {
        let Ready { made, prepared, outputs, first, .. } = ready;
        let mut measurement = self.measurement(device, candidate, &made, &prepared, sampled);
        measurement.warm_up.runs += 1;
        measurement.warm_up.seconds += first;
        if let (Some(memory), true) = (&mut measurement.memory, peak.is_some()) {
            memory.process_peak = peak;
        }
        let computed = (outputs, BETWEEN_BACKENDS * made.full.bound);
        let costs = made.full.costs();
        let mut trial = Trial { outcome: RowOutcome::Measured(measurement), costs, computed: Some(computed) };
        drop(prepared);
        if let Some(reduced) = &made.reduced {
            match self.references.check(device, &self.method.selection(device), reduced) {
                Ok(verification) => trial.verify(verification),
                Err(error) => return Trial::without(&error.within("at a reduced size")),
            }
        }
        self.ask_witness(device, candidate, &made, &mut trial);
        trial
    }

    fn measurement(
        &self,
        device: &Device,
        candidate: &Candidate,
        made: &Made,
        prepared: &Prepared,
        sampled: Sampled,
    ) -> RowMeasurement {
        let Sampled { samples, warm_up, enough } = sampled;
        let wanted = if self.method.cold && !computes_on_cpu(device) { Clock::Wall } else { clock_of(device) };
        let clock = if on(&samples, wanted).is_empty() { Clock::Wall } else { wanted };
        let [low, median, high] = [0.2, 0.5, 0.8].map(|share| quantile(on(&samples, clock), share));
        let is_forward = matches!(candidate.work, Work::Model(_));
        let mut cost = made.full.cost();
        cost.paper_multiply_accumulates = is_forward.then(|| paper_multiply_accumulates(cost.operations));
        let (weights, values) = prepared.memory();
        RowMeasurement {
            samples,
            clock,
            median,
            low,
            high,
            times_forward: None,
            warm_up,
            enough,
            cost,
            shares: Shares::default(),
            verified: Vec::new(),
            memory: candidate.work.model().map(|_| RowMemory { weights, values, process_peak: None }),
            calls: prepared.calls(candidate.precision),
        }
    }

    /// Compares at the size that is timed with what is no row: where no other device computes the same row.
    fn ask_witness(&mut self, device: &Device, candidate: &Candidate, made: &Made, trial: &mut Trial) {
        let peer = self.peer(device);
        if peer.is_some() && candidate.precision == Precision::F32 {
            return;
        }
        let witness = peer.map(Witness::device).or_else(|| self.stage.witness.clone());
        let (Some(witness), Some((outputs, bound))) = (witness, &trial.computed) else {
            let name = device.name();
            return self
                .note(format!("rows of {name} are checked at a reduced size alone: nothing else computes them"));
        };
        if peer.is_none() && witness.is_too_slow(&made.full) {
            let (name, witness) = (device.name(), witness.name());
            return self.note(format!(
                "great rows of {name} are checked at a reduced size alone: {witness} would take minutes"
            ));
        }
        let verification = match witness.outputs(&made.full) {
            Ok(expected) => compared(witness.name(), false, outputs, &expected, *bound),
            Err(error) => {
                return self.note(format!("{} could not check a row of {}: {error}", witness.name(), device.name()));
            }
        };
        trial.verify(verification);
    }

    /// The device whose rows check those of `device`: of the others the first with other kernels.
    fn peer(&self, device: &Device) -> Option<&'a Device> {
        let others = self.stage.devices.iter().map(BenchDevice::device);
        others.into_iter().find(|other| other.gpu().is_some() != device.gpu().is_some())
    }

    /// Compares the rows of each device with those of its peer; with rows that are right so far.
    fn compare(&self, trials: &mut [Vec<Trial>]) {
        let right: Vec<Vec<bool>> = trials.iter().map(|trials| trials.iter().map(Trial::is_right).collect()).collect();
        let devices = &self.stage.devices;
        let mut verifications = Vec::new();
        for (own, device) in devices.iter().enumerate() {
            let Some(peer) = self.peer(device.device()) else { continue };
            let Some(other) = devices.iter().position(|device| device.device().id() == peer.id()) else { continue };
            for (index, trial) in trials[own].iter().enumerate().filter(|(index, _)| right[other][*index]) {
                if let (Some((actual, bound)), Some((expected, _))) = (&trial.computed, &trials[other][index].computed)
                {
                    verifications.push((own, index, compared(peer.name(), false, actual, expected, *bound)));
                }
            }
        }
        for (own, index, verification) in verifications {
            trials[own][index].verify(verification);
        }
    }
}

/// The samples on `clock`.
pub(super) fn on(samples: &Samples, clock: Clock) -> &[f64] {
    match clock {
        Clock::Wall => &samples.wall,
        Clock::Device => &samples.device,
        Clock::Cpu => &samples.cpu,
    }
}

/// What a group is of, in a few words.
fn title(group: &[Candidate]) -> String {
    match group.first().map(|candidate| &candidate.work) {
        Some(Work::Model(model) | Work::TrainingStep(model)) => format!("models, {} frames", model.frames),
        Some(Work::Attention(attention)) => match attention.frames {
            Some(frames) => format!("attention, {frames} frames"),
            None => format!("attention, {}", attention.name),
        },
        Some(Work::Kernel { kernel, case }) => format!("{kernel}, {case}"),
        None => "nothing".to_owned(),
    }
}

#[cfg(all(test, feature = "cpu"))]
mod tests {
    use super::*;
    use crate::bench::{attention, kernels};
    use crate::graph::{DeviceChoice, DeviceOptions};
    use crate::kernels::host::{Arguments, Threads};
    use crate::kernels::{Binding, Case, Family, Host, Kernel, Planned, Reference, Selection, input, variants_of};
    use crate::tensor::{Exact, Shape};
    use crate::vivit::Config;

    /// out = 2 · in, with one element wrong on the host where there are `FROM` of them or more.
    #[derive(Clone, Debug)]
    struct Doubled<const FROM: usize> {
        elements: usize,
    }

    impl<const FROM: usize> Kernel for Doubled<FROM> {
        const FAMILY: &'static Family = &Family {
            // What is checked once is known by its name.
            name: match FROM {
                1 => "doubled wrongly",
                1000 => "doubled wrongly where there is much",
                _ => "doubled",
            },
            formula: "out[i] = 2 · in[i]",
            uniform: &[],
            bindings: &[Binding::read("input", "[M]"), Binding::write("output", "[M]")],
            variants: variants_of::<Self>,
            cases: cases::<FROM>,
            random: None,
        };
        const VARIANTS: &'static [Planned<Self>] = &[];
        const REFERENCE: Reference<Self> = |_, inputs| {
            let x = input(inputs, 0)?;
            Ok(vec![Exact::from_reals(x.shape().clone(), x.reals()?.iter().map(|x| 2.0 * x).collect())?])
        };
        const HOST: Option<Host<Self>> = Some(double);

        fn operands(&self) -> Vec<Option<Shape>> {
            vec![Some([self.elements].into()); 2]
        }

        fn validate(&self) -> Result<()> {
            Ok(())
        }

        fn operations(&self) -> u64 {
            self.elements as u64
        }
    }

    fn double<const FROM: usize>(call: &Doubled<FROM>, arguments: &mut Arguments<'_>, _: &Threads) -> Result<()> {
        let x = arguments.floats(0)?;
        let doubled = arguments.output(0)?;
        doubled.iter_mut().zip(x).for_each(|(doubled, x)| *doubled = 2.0 * x);
        if call.elements >= FROM {
            doubled[call.elements / 2] += 0.5;
        }
        Ok(())
    }

    fn cases<const FROM: usize>() -> Vec<Case> {
        let of = |name, elements| Case::new(format!("{name}, wrong from {FROM}"), Doubled::<FROM> { elements });
        vec![of("small", 64), of("large", 4096).timed_only()]
    }

    fn large<const FROM: usize>() -> Candidate {
        kernels::candidate(cases::<FROM>().remove(1), Selection::automatic())
    }

    #[test]
    fn wrong_rows_are_struck_out_and_impossible_ones_say_so() {
        let config = Config::named("vit-ti").unwrap().frames(2).rows(32).columns(32);
        let mut schedule = Schedule::new();
        schedule.group(vec![large::<1>(), large::<1000>(), large::<{ usize::MAX }>()]);
        schedule.group(attention::forms(&config, 1, Precision::F32).split_off(3));
        let options = DeviceOptions::new().choice(DeviceChoice::Host);
        let mut stage = Stage::new(vec![BenchDevice::open(options).unwrap()]);
        stage.witness = Some(Witness::device(&Device::references()));
        let mut heard = Vec::new();
        let found = measure(&stage, &schedule, &Method::new(0.02), &mut |done, _| heard.push(done)).unwrap();
        assert_eq!(found.rows.len(), 5);
        for (row, reduced) in [(0, true), (1, false)] {
            let RowOutcome::Wrong { reason, verified } = &found.rows[row].outcome else {
                panic!("{:?}", found.rows[row])
            };
            assert!(reason.contains("the output is wrong"), "{reason}");
            let failed: Vec<_> = verified.iter().filter(|one| !one.passed).map(|one| one.reduced).collect();
            assert_eq!(failed.first(), Some(&reduced), "{verified:?}");
        }
        for row in [2, 3] {
            let measurement = found.rows[row].measurement().unwrap_or_else(|| panic!("{:?}", found.rows[row]));
            assert!(measurement.verified.len() == 2 && measurement.verified.iter().all(|one| one.passed));
            assert!(measurement.clock == Clock::Cpu && measurement.warm_up.runs >= 2);
            assert!(measurement.low <= measurement.median && measurement.median <= measurement.high);
            assert!(
                measurement.shares.roofline > 0.0 && measurement.samples.wall.len() == measurement.samples.cpu.len()
            );
        }
        let RowOutcome::Impossible { reason } = &found.rows[4].outcome else { panic!("{:?}", found.rows[4]) };
        assert!(reason.contains("3 heads cannot be halved"), "{reason}");
        assert!(heard.windows(2).all(|two| two[0] <= two[1]) && heard.last().is_some_and(|last| *last <= 1.0));
        let text = serde_json::to_string(&found).unwrap();
        assert_eq!(serde_json::from_str::<Benchmark>(&text).unwrap(), found);
    }
}
