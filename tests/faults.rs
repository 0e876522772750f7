//! Devices that fail, and callers who ask for what cannot be: always an error of the right kind, never a panic.

mod common;

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use common::{DeviceTest, DeviceTests};
use tubelet::gpu::{Dispatch, Gpu, GpuChoice, GpuOptions, Slot, devices};
use tubelet::kernels::rows::{LayerNorm, Pool, Pooling, Softmax};
use tubelet::kernels::suite::{Outcome, check};
use tubelet::kernels::{Case, Kernel};
use tubelet::tensor::{Error, ErrorKind, Result};

const TESTS: [DeviceTest; 17] = [
    ("a lost device says so whatever is asked of it", a_lost_device_says_so_whatever_is_asked_of_it),
    ("a case on a lost device fails", a_case_on_a_lost_device_fails),
    ("a device that does not exist lists those that do", a_device_that_does_not_exist_lists_those_that_do),
    ("a buffer beyond the limit is refused with the sizes", a_buffer_beyond_the_limit_is_refused_with_the_sizes),
    ("a size that overflows is refused", a_size_that_overflows_is_refused),
    ("a broken shader is an error and the device goes on", a_broken_shader_is_an_error_and_the_device_goes_on),
    ("what belongs to another device is refused", what_belongs_to_another_device_is_refused),
    ("windows outside their buffer are refused", windows_outside_their_buffer_are_refused),
    ("too many workgroups are refused", too_many_workgroups_are_refused),
    ("submissions of one recording follow each other", submissions_of_one_recording_follow_each_other),
    ("timing without timestamps is unsupported", timing_without_timestamps_is_unsupported),
    ("the same text with other bindings is another pipeline", the_same_text_with_other_bindings_is_another_pipeline),
    ("threads may share a device", threads_may_share_a_device),
    ("one thread's failure is not another's", one_thread_s_failure_is_not_another_s),
    (
        "a lent device computes within the limits it was opened with",
        a_lent_device_computes_within_the_limits_it_was_opened_with,
    ),
    ("a lent device keeps its owner's error handler", a_lent_device_keeps_its_owner_s_error_handler),
    ("a lent device that its owner gives up is lost", a_lent_device_that_its_owner_gives_up_is_lost),
];

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    tests.add_all(&TESTS);
    tests.add_without_device("errors are small and travel between threads", || {
        errors_are_small_and_travel_between_threads();
        Ok(())
    });
    tests.run("faults")
}

/// Adds one to each of 4 words.
const INCREMENT: &str = "
    struct Uniform { one: u32, }
    @group(0) @binding(0) var<uniform> call: Uniform;
    @group(0) @binding(1) var<storage, read_write> words: array<u32>;
    @compute @workgroup_size(4)
    fn main(@builtin(global_invocation_id) place: vec3<u32>) { words[place.x] += call.one; }
";
const SLOTS: [Slot; 2] = [Slot::Uniform, Slot::Write];

/// The dispatch of [`INCREMENT`] on a buffer of its own, which starts as 0, 1, 2, 3.
fn increment(device: &Gpu) -> Result<(Dispatch, tubelet::gpu::Buffer)> {
    let uniform = device.buffer_with("parameters", bytemuck::bytes_of(&1u32)).wait()?;
    let words = device.buffer_with("words", bytemuck::cast_slice(&[0u32, 1, 2, 3])).wait()?;
    let pipeline = device.pipeline("increment", INCREMENT, &SLOTS).wait()?;
    let bindings = device.bind("increment", &pipeline, &[uniform.window(0..4), words.whole()]).wait()?;
    Ok((Dispatch::new(pipeline, bindings, [1, 1, 1]), words))
}

fn run(device: &Gpu, dispatch: &Dispatch) -> Result<()> {
    let mut commands = device.commands();
    commands.dispatch(std::slice::from_ref(dispatch));
    commands.run().wait().map(drop)
}

fn works(device: &Gpu) -> Result<()> {
    let (dispatch, words) = increment(device)?;
    run(device, &dispatch)?;
    assert_eq!(bytemuck::pod_collect_to_vec::<u8, u32>(&device.read(&words, 0..16).wait()?), [1, 2, 3, 4]);
    Ok(())
}

fn submissions_of_one_recording_follow_each_other(device: &Gpu) {
    let (dispatch, words) = increment(device).unwrap();
    let copy = device.buffer("copy", 16).wait().unwrap();
    let mut commands = device.commands();
    commands.split();
    commands.dispatch(std::slice::from_ref(&dispatch));
    commands.split();
    commands.copy(&words, 0..16, &copy, 0);
    commands.split();
    commands.dispatch(std::slice::from_ref(&dispatch));
    commands.run().wait().unwrap();
    let read = |buffer| bytemuck::pod_collect_to_vec::<u8, u32>(&device.read(buffer, 0..16).wait().unwrap());
    assert_eq!(read(&copy), [1, 2, 3, 4]);
    assert_eq!(read(&words), [2, 3, 4, 5]);
}

#[track_caller]
fn assert_error<T>(result: Result<T>, kind: ErrorKind, says: &[&str]) {
    let Err(error) = result else { panic!("no error where {kind:?} was expected") };
    let text = error.to_string();
    assert_eq!(error.kind(), kind, "{text}");
    for part in says {
        assert!(text.contains(part), "{text:?} does not say {part:?}");
    }
    assert!(!text.contains('\n'), "more than one line: {text:?}");
}

/// A device of its own, to be broken.
fn own_device(device: &Gpu) -> Gpu {
    Gpu::named(&device.capabilities().name).unwrap()
}

/// A device as an application opens it, with WebGPU's default limits and no feature.
fn device_of_an_application(device: &Gpu) -> (wgpu::Device, wgpu::Queue) {
    let backends = wgpu::Backends::VULKAN | wgpu::Backends::METAL | wgpu::Backends::DX12;
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends,
        ..wgpu::InstanceDescriptor::new_without_display_handle()
    });
    let adapters = pollster::block_on(instance.enumerate_adapters(backends));
    let same = |adapter: &wgpu::Adapter| adapter.get_info().name == device.capabilities().name;
    let adapter = adapters.into_iter().find(same).unwrap();
    pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor::default())).unwrap()
}

fn a_lost_device_says_so_whatever_is_asked_of_it(device: &Gpu) {
    let device = own_device(device);
    let (dispatch, words) = increment(&device).unwrap();
    device.destroy();
    let lost = |result: Result<()>| assert_error(result, ErrorKind::DeviceLost, &["lost", "open it again"]);
    lost(device.buffer("more", 16).wait().map(drop));
    lost(device.write(&words, 0, &[0; 16]).wait());
    lost(device.read(&words, 0..16).wait().map(drop));
    lost(device.pipeline("another", &format!("{INCREMENT} // another"), &SLOTS).wait().map(drop));
    lost(device.bind("increment", &dispatch.pipeline, &[words.whole(), words.whole()]).wait().map(drop));
    lost(run(&device, &dispatch));
    lost(device.clone().buffer("through a clone", 16).wait().map(drop));
    works(&own_device(&device)).unwrap();
}

fn a_case_on_a_lost_device_fails(device: &Gpu) {
    let device = own_device(device);
    device.destroy();
    let outcome = check(&device, &small_case(), LayerNorm::FAMILY.variants()[0]);
    assert!(matches!(&outcome, Outcome::Failed(said) if said.contains("lost")), "{outcome}");
}

fn a_device_that_does_not_exist_lists_those_that_do(_: &Gpu) {
    let found = devices().unwrap();
    let first = &found[0];
    let name = Gpu::named("no such device").map(drop);
    assert_error(name, ErrorKind::NoDevice, &["no device named \"no such device\"", &format!("0: {}", first.name)]);
    let open = |choice| Gpu::open(&GpuOptions::default().choice(choice)).map(drop);
    assert_error(open(GpuChoice::Index(99)), ErrorKind::NoDevice, &["number 99", &first.name]);
    let text = found[0].name.to_uppercase();
    open(GpuChoice::Name(text)).unwrap();
}

fn a_buffer_beyond_the_limit_is_refused_with_the_sizes(device: &Gpu) {
    let limit = device.capabilities().limits.buffer_bytes;
    let wanted = (limit + 1).next_multiple_of(16);
    let sizes = [&*wanted.to_string(), &*limit.to_string(), "activations"];
    assert_error(device.buffer("activations", limit + 1).wait(), ErrorKind::Unsupported, &sizes);
    let small = device.restricted(|capabilities| capabilities.limits.buffer_bytes = 1024);
    small.buffer("activations", 1024).wait().unwrap();
    assert_error(small.buffer("activations", 1025).wait(), ErrorKind::Unsupported, &["1040", "1024"]);
}

fn a_size_that_overflows_is_refused(device: &Gpu) {
    assert_error(device.buffer("everything", u64::MAX).wait(), ErrorKind::Unsupported, &["everything"]);
}

fn a_broken_shader_is_an_error_and_the_device_goes_on(device: &Gpu) {
    let broken = |wgsl: &str, says: &[&str]| {
        assert_error(device.pipeline("the broken one", wgsl, &SLOTS).wait(), ErrorKind::Device, says);
        works(device).unwrap();
    };
    broken("fn main( {", &["compiling the broken one"]);
    broken(&INCREMENT.replace("u32, }", "no_such_type, }"), &["no_such_type"]);
    broken(&INCREMENT.replace("fn main", "fn other"), &["main"]);
    broken(&INCREMENT.replace("binding(1)", "binding(7)"), &["7"]);
    broken(&INCREMENT.replace("workgroup_size(4)", "workgroup_size(4096)"), &["4096"]);
    let slots = [Slot::Uniform, Slot::Read];
    assert_error(device.pipeline("read only", INCREMENT, &slots).wait(), ErrorKind::Device, &["read only"]);
}

/// Each device numbers its memory from the same start: unchecked, a buffer of one would be another's of the same number.
fn what_belongs_to_another_device_is_refused(device: &Gpu) {
    let other = device_again();
    let (dispatch, words) = increment(device).unwrap();
    let (_, theirs) = increment(&other).unwrap();
    let refused = &["belongs to another open device"];
    assert_error(device.read(&theirs, 0..16).wait(), ErrorKind::Usage, refused);
    assert_error(device.write(&theirs, 0, &[0; 4]).wait(), ErrorKind::Usage, refused);
    let windows = [words.window(0..4), theirs.whole()];
    assert_error(device.bind("increment", &dispatch.pipeline, &windows).wait(), ErrorKind::Usage, refused);
    let own = [words.window(0..4), words.whole()];
    assert_error(other.bind("increment", &dispatch.pipeline, &own).wait(), ErrorKind::Usage, refused);
    for (from, to) in [(&words, &theirs), (&theirs, &words)] {
        let mut commands = device.commands();
        commands.copy(from, 0..4, to, 0);
        assert_error(commands.run().wait(), ErrorKind::Usage, refused);
    }
    let dispatches = [dispatch];
    let mut commands = other.commands();
    commands.dispatch(&dispatches);
    assert_error(commands.run().wait(), ErrorKind::Usage, refused);
}

/// The same adapter, opened once more.
fn device_again() -> Gpu {
    Gpu::open(&GpuOptions::default()).unwrap()
}

fn windows_outside_their_buffer_are_refused(device: &Gpu) {
    let (dispatch, words) = increment(device).unwrap();
    let uniform = device.buffer_with("parameters", bytemuck::bytes_of(&1u32)).wait().unwrap();
    let large = device.buffer("large", 4096).wait().unwrap();
    let bind = |window| device.bind("increment", &dispatch.pipeline, &[uniform.whole(), window]).wait();
    bind(large.window(256..512)).unwrap();
    assert_error(bind(words.window(0..32)), ErrorKind::Usage, &["increment", "0..32", "16 bytes"]);
    assert_error(bind(large.window(512..512)), ErrorKind::Usage, &["512..512"]);
    #[allow(clippy::reversed_empty_ranges, reason = "what a caller may get wrong")]
    let reversed = 512..256;
    assert_error(bind(large.window(reversed.clone())), ErrorKind::Usage, &["512..256"]);
    assert_error(bind(large.window(4..260)), ErrorKind::Device, &["increment", "align"]);
    assert_error(
        device.bind("increment", &dispatch.pipeline, &[words.whole()]).wait(),
        ErrorKind::Device,
        &["increment"],
    );

    assert_error(device.read(&words, 0..32).wait(), ErrorKind::Usage, &["0..32", "16 bytes"]);
    assert_error(device.read(&words, reversed.clone()).wait(), ErrorKind::Usage, &["512..256"]);
    assert_error(device.write(&words, 8, &[0; 12]).wait(), ErrorKind::Usage, &["8..20", "16 bytes"]);
    assert_error(device.write(&words, u64::MAX, &[0; 4]).wait(), ErrorKind::Usage, &["16 bytes"]);
    assert_eq!(device.read(&words, 8..8).wait().unwrap(), [0u8; 0]);
    device.write(&words, 16, &[]).wait().unwrap();

    let copy = |range, at| {
        let mut commands = device.commands();
        commands.copy(&large, range, &words, at);
        commands.run().wait()
    };
    copy(0..16, 0).unwrap();
    assert_error(copy(0..16, 4), ErrorKind::Usage, &["4..20", "16 bytes"]);
    assert_error(copy(4090..4100, 0), ErrorKind::Usage, &["4090..4100", "4096 bytes"]);
    assert_error(copy(reversed, 0), ErrorKind::Usage, &["512..256"]);
}

fn too_many_workgroups_are_refused(device: &Gpu) {
    let (mut dispatch, _) = increment(device).unwrap();
    dispatch.groups = [device.capabilities().limits.workgroups + 1, 1, 1];
    assert_error(run(device, &dispatch), ErrorKind::Device, &["running commands"]);
    works(device).unwrap();
}

fn timing_without_timestamps_is_unsupported(device: &Gpu) {
    let (dispatch, _) = increment(device).unwrap();
    let without = device.restricted(|capabilities| capabilities.timestamps = false);
    assert_error(without.timed_commands(1).wait(), ErrorKind::Unsupported, &["timestamps"]);
    let mut commands = device.commands();
    commands.dispatch_timed(std::slice::from_ref(&dispatch));
    assert_error(commands.run().wait(), ErrorKind::Usage, &["1 steps", "timestamps for 0"]);
}

fn the_same_text_with_other_bindings_is_another_pipeline(device: &Gpu) {
    device.pipeline("right", INCREMENT, &SLOTS).wait().unwrap();
    let slots = [Slot::Uniform, Slot::Read];
    assert_error(device.pipeline("wrong", INCREMENT, &slots).wait(), ErrorKind::Device, &["compiling wrong"]);
}

fn small_case() -> Case {
    Case::new("small", LayerNorm { rows: 33, width: 65, epsilon: 1e-6 })
}

fn threads_may_share_a_device(device: &Gpu) {
    std::thread::scope(|scope| {
        for thread in 0..4usize {
            scope.spawn(move || {
                for round in 0..15 {
                    let case = Case::new(format!("{thread} {round}"), Softmax { rows: 5 + thread, width: 30 + round });
                    let outcome = check(device, &case, Softmax::FAMILY.variants()[round % 2]);
                    assert!(matches!(outcome, Outcome::Passed(_)), "thread {thread}, round {round}: {outcome}");
                    works(device).unwrap();
                }
            });
        }
    });
}

fn one_thread_s_failure_is_not_another_s(device: &Gpu) {
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..50 {
                let wgsl = format!("broken {round}");
                assert_error(device.pipeline("broken", &wgsl, &SLOTS).wait(), ErrorKind::Device, &["broken"]);
            }
        });
        scope.spawn(|| {
            for _ in 0..50 {
                works(device).unwrap();
            }
        });
    });
}

fn a_lent_device_computes_within_the_limits_it_was_opened_with(device: &Gpu) {
    let (raw, queue) = device_of_an_application(device);
    let limits = raw.limits();
    let device = Gpu::from_wgpu(raw, queue);
    let capabilities = device.capabilities();
    assert_eq!(capabilities.limits.binding_bytes, limits.max_storage_buffer_binding_size);
    assert_eq!(capabilities.subgroup, None, "subgroups were not asked for");
    for case in [small_case(), Case::new("pool", pool_call())] {
        let family = case.call.family();
        let outcome = check(&device, &case, family.variants_for(capabilities)[0]);
        assert!(matches!(outcome, Outcome::Passed(_)), "{}: {outcome}", family.name);
    }
}

fn pool_call() -> Pool {
    Pool::new(2, 9, 20, Pooling::Max)
}

fn a_lent_device_keeps_its_owner_s_error_handler(device: &Gpu) {
    let (raw, queue) = device_of_an_application(device);
    let heard = Arc::new(AtomicUsize::new(0));
    let counter = heard.clone();
    raw.on_uncaptured_error(Arc::new(move |_| _ = counter.fetch_add(1, Ordering::Relaxed)));
    let device = Gpu::from_wgpu(raw.clone(), queue);
    assert_error(device.pipeline("broken", "fn main( {", &SLOTS).wait(), ErrorKind::Device, &["broken"]);
    works(&device).unwrap();
    assert_eq!(heard.load(Ordering::Relaxed), 0, "what tubelet causes reaches tubelet's caller, not the owner");
    drop(raw.create_shader_module(wgpu::ShaderModuleDescriptor {
        label: None,
        source: wgpu::ShaderSource::Wgsl("fn main( {".into()),
    }));
    assert_eq!(heard.load(Ordering::Relaxed), 1, "what the owner causes reaches the owner");
}

fn a_lent_device_that_its_owner_gives_up_is_lost(device: &Gpu) {
    let (raw, queue) = device_of_an_application(device);
    let device = Gpu::from_wgpu(raw.clone(), queue);
    let (dispatch, words) = increment(&device).unwrap();
    raw.destroy();
    let lost = |result: Result<()>| assert_error(result, ErrorKind::DeviceLost, &["lost"]);
    lost(device.read(&words, 0..16).wait().map(drop));
    lost(device.buffer("more", 16).wait().map(drop));
    lost(run(&device, &dispatch));
}

fn errors_are_small_and_travel_between_threads() {
    fn travels<T: Send + Sync + 'static>() {}
    travels::<Error>();
    travels::<Gpu>();
    assert_eq!(size_of::<Error>(), size_of::<usize>());
}
