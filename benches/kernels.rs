//! Every timed case of every kernel, by criterion: `cargo bench --bench kernels -- attention`.
//!
//! On a device that computes on the CPU, CPU seconds are measured, otherwise the device's own time stamps. `TUBELET_DEVICE`
//! chooses the device, one that runs WGSL unless told otherwise.

use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tubelet::bench::CaseRun;
use tubelet::graph::{Device, DeviceChoice, DeviceOptions, ExecutorOptions};
use tubelet::kernels::{ALL, Case, Selection};

fn kernels(criterion: &mut Criterion) {
    let choice = std::env::var("TUBELET_DEVICE").unwrap_or_else(|_| "gpu".to_owned());
    let choice: DeviceChoice = choice.parse().expect("TUBELET_DEVICE");
    let device = match Device::open(&DeviceOptions::new().choice(choice).checks(false)) {
        Ok(device) => device,
        Err(error) => return eprintln!("nothing to measure: {error}"),
    };
    for family in ALL {
        let mut group = criterion.benchmark_group(family.name);
        group.sample_size(10).warm_up_time(Duration::from_millis(1));
        // Narrower floats are of the kernels in WGSL, and some of devices whose shaders have them.
        let has = |precision| device.check_options(&ExecutorOptions::new().precision(precision)).is_ok();
        let runs = |case: &Case| case.timed && has(case.precision);
        for case in (family.cases)().into_iter().filter(runs) {
            let cost = case.call.cost(case.precision);
            let name = device.gpu().map_or("host", |gpu| {
                let plan = Selection::automatic().plan(&*case.call, gpu.capabilities(), case.precision);
                plan.expect("a variant fits").variant.name
            });
            group.throughput(match cost.operations {
                0 => Throughput::Bytes(cost.read + cost.written),
                operations => Throughput::Elements(operations),
            });
            // Prepared when it is first measured: a filter skips the rest.
            let mut prepared = None;
            group.bench_with_input(BenchmarkId::new(name, &case.name), &case, |bencher, case| {
                let run = prepared.get_or_insert_with(|| {
                    CaseRun::new(&device, case, &Selection::automatic()).expect("the case runs")
                });
                bencher.iter_custom(|repetitions| {
                    let seconds: f64 = (0..repetitions).map(|_| run.seconds().expect("the case runs")).sum();
                    Duration::from_secs_f64(seconds)
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
