//! What a device is still working on, as futures: awaited on an executor that knows nothing of devices, in a thread that
//! may not wait for one.

mod common;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use common::executor::{block_on, both};
use common::small::{clips, config, models, parameters};
use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::gpu::{Buffer, Gpu, GpuOptions, NoWaiting, Pending, devices};
use tubelet::graph::{Device, DeviceWeights, Executor, ExecutorOptions, Feed, Weights};
use tubelet::kernels::ClipLayout;
use tubelet::tensor::{Error, ErrorKind, Result, Tensor};
use tubelet::vivit::{self, Request};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    // One after another: one of them counts the process's threads.
    tests.add_on_gpu("what is written is read back", what_is_written_is_read_back);
    tests.add_on_gpu("a device is opened", a_device_is_opened);
    tests.add_on_gpu("a thread that may not wait is told so", a_thread_that_may_not_wait_is_told_so);
    tests.add_on_gpu("only what is awaited has a thread", only_what_is_awaited_has_a_thread);
    tests.add_on_gpu("threads await the same device", threads_await_the_same_device);
    tests.add_on_gpu("what nobody awaits is logged", what_nobody_awaits_is_logged);
    tests.add_on_gpu("a device lost meanwhile is an error", a_device_lost_meanwhile_is_an_error);
    tests.add_everywhere("passes at the same time do not mix", passes_at_the_same_time_do_not_mix);
    tests.add_everywhere("weights are uploaded once", weights_are_uploaded_once);
    tests.add_without_device("futures can be sent", || {
        futures_can_be_sent();
        Ok(())
    });
    tests.run_in_turn("futures")
}

/// Copies 0, 1, 2, 3 from one buffer to another and reads them back.
async fn copied(device: &Gpu) -> Result<Vec<u8>> {
    let from = device.buffer_with("from", &[0, 1, 2, 3]).await?;
    let to = device.buffer("to", 4).await?;
    let mut commands = device.commands();
    commands.copy(&from, 0..4, &to, 0);
    commands.run().await?;
    device.read(&to, 0..4).await
}

fn what_is_written_is_read_back(device: &Gpu) -> Result<Shown, Failed> {
    assert_eq!(block_on(copied(device))?, [0, 1, 2, 3]);
    Ok(Shown::Passed)
}

/// A device of its own.
fn own_device() -> Result<Gpu> {
    Gpu::open(&GpuOptions::default())
}

fn a_device_is_opened(_: &Gpu) -> Result<Shown, Failed> {
    let device = block_on(Gpu::open_async(&GpuOptions::default()))?;
    assert_eq!(block_on(copied(&device))?, [0, 1, 2, 3]);
    Ok(Shown::Passed)
}

fn a_thread_that_may_not_wait_is_told_so(device: &Gpu) -> Result<Shown, Failed> {
    let refused = |outcome: Result<()>| {
        let error = outcome.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Usage, "{error}");
        assert!(error.to_string().contains("async"), "{error}");
    };
    let guard = NoWaiting::new();
    refused(device.buffer("a buffer", 4).wait().map(drop));
    refused(Pending::ready(Ok(())).wait());
    refused(own_device().map(drop));
    refused(devices().map(drop));
    refused(Device::open(&Default::default()).map(drop));
    std::thread::scope(|scope| scope.spawn(own_device).join().unwrap())?;
    let second = NoWaiting::new();
    drop(guard);
    refused(device.buffer("a buffer", 4).wait().map(drop));
    drop(second);
    device.buffer("a buffer", 4).wait()?;
    Ok(Shown::Passed)
}

/// The threads of this process that poll a device; `None` where the system does not tell.
fn polling_threads() -> Option<usize> {
    let tasks = std::fs::read_dir("/proc/self/task").ok()?.flatten();
    let name = |task: std::fs::DirEntry| std::fs::read_to_string(task.path().join("comm")).ok();
    Some(tasks.filter_map(name).filter(|name| name.starts_with("tubelet poll")).count())
}

fn only_what_is_awaited_has_a_thread(_: &Gpu) -> Result<Shown, Failed> {
    let Some(before) = polling_threads() else { return Ok(Shown::Unsupported) };
    let device = own_device()?;
    let to = device.buffer("to", 4).wait()?;
    device.write(&to, 0, &[0, 1, 2, 3]).wait()?;
    device.read(&to, 0..4).wait()?;
    assert_eq!(polling_threads(), Some(before), "waiting needs no thread");
    block_on(copied(&device))?;
    block_on(copied(&device))?;
    assert_eq!(polling_threads(), Some(before + 1));
    drop((to, device));
    // It ends by itself; one that does not hangs here.
    while polling_threads() > Some(before) {
        std::thread::yield_now();
    }
    Ok(Shown::Passed)
}

fn threads_await_the_same_device(device: &Gpu) -> Result<Shown, Failed> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    (0..30).try_for_each(|_| block_on(copied(device)).map(|read| assert_eq!(read, [0, 1, 2, 3])))
                })
            })
            .collect();
        // One that waits polls the device under the others' feet.
        (0..30).try_for_each(|_| device.read(&device.buffer("waited for", 4).wait()?, 0..4).wait().map(drop))?;
        threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    })?;
    Ok(Shown::Passed)
}

/// What was logged as an error.
#[derive(Clone, Default)]
struct Heard(Arc<Mutex<String>>);

impl tracing::Subscriber for Heard {
    fn enabled(&self, metadata: &tracing::Metadata<'_>) -> bool {
        *metadata.level() == tracing::Level::ERROR
    }

    fn new_span(&self, _: &tracing::span::Attributes<'_>) -> tracing::Id {
        tracing::Id::from_u64(1)
    }

    fn record(&self, _: &tracing::Id, _: &tracing::span::Record<'_>) {}

    fn record_follows_from(&self, _: &tracing::Id, _: &tracing::Id) {}

    fn event(&self, event: &tracing::Event<'_>) {
        let mut text = self.0.lock().unwrap();
        event.record(&mut |field: &tracing::field::Field, value: &dyn std::fmt::Debug| {
            text.push_str(&format!("{field}: {value:?}\n"));
        });
    }

    fn enter(&self, _: &tracing::Id) {}

    fn exit(&self, _: &tracing::Id) {}
}

fn what_nobody_awaits_is_logged(device: &Gpu) -> Result<Shown, Failed> {
    let words = device.buffer("words", 16).wait()?;
    let said = |work: &dyn Fn(&Buffer)| {
        let heard = Heard::default();
        tracing::subscriber::with_default(heard.clone(), || work(&words));
        heard.0.lock().unwrap().clone()
    };
    let text = said(&|words| drop(device.write(words, 2, &[0; 4])));
    assert!(text.contains("uploading: the driver refused"), "{text:?}");
    // What is awaited is told to the one who awaits it alone, and what went well to nobody.
    assert_eq!(said(&|words| assert!(block_on(device.write(words, 2, &[0; 4])).is_err())), "");
    assert_eq!(said(&|words| drop(device.write(words, 4, &[0; 4]))), "");
    Ok(Shown::Passed)
}

fn a_device_lost_meanwhile_is_an_error(_: &Gpu) -> Result<Shown, Failed> {
    let device = own_device()?;
    let [from, to] = ["from", "to"].map(|label| device.buffer(label, 1 << 20).wait());
    let (from, to) = (from?, to?);
    let mut commands = device.commands();
    commands.copy(&from, 0..1 << 20, &to, 0);
    let mut running = commands.run();
    let _ = std::pin::Pin::new(&mut running).poll(&mut Context::from_waker(Waker::noop()));
    let unpolled = device.read(&to, 0..16);
    device.destroy();
    for outcome in [block_on(running).map(drop), block_on(unpolled).map(drop)] {
        let error = outcome.expect_err("the device is lost");
        assert_eq!(error.kind(), ErrorKind::DeviceLost, "{error}");
    }
    Ok(Shown::Passed)
}

/// The first small model, ready to be run, with its weights.
fn prepared(device: &Device, weights: &DeviceWeights, batch: usize) -> Result<Box<dyn Executor>> {
    let recording = vivit::record(&config(models()[0].1), &Request::new(batch, ClipLayout::Btchw))?;
    block_on(device.prepare(Arc::new(recording.graph), weights, &ExecutorOptions::default()))
}

fn passes_at_the_same_time_do_not_mix(device: &Device) -> Result<Shown, Failed> {
    let config = config(models()[0].1);
    let weights = DeviceWeights::new(device, parameters(&config)?);
    let executor = prepared(device, &weights, 1)?;
    let logits = executor.graph().find("logits").ok_or("no logits")?;
    let pair = clips(&config, 2, ClipLayout::Btchw)?;
    let values = pair.as_f32()?.chunks(pair.as_f32()?.len() / 2);
    let shape = vivit::clip_shape(&config, &Request::new(1, ClipLayout::Btchw));
    let clips = values.map(|values| Tensor::f32(shape.clone(), values.to_vec()));
    let clips: Vec<_> = clips.collect::<Result<_>>()?;
    let feeds = [[("clip", Feed::Host(&clips[0]))], [("clip", Feed::Host(&clips[1]))]];
    let wanted = [logits];
    let alone = [executor.run(&feeds[0], &wanted).wait()?, executor.run(&feeds[1], &wanted).wait()?];
    assert_ne!(alone[0], alone[1]);
    for _ in 0..10 {
        let (first, second) = block_on(both(executor.run(&feeds[0], &wanted), executor.run(&feeds[1], &wanted)));
        assert_eq!([first?, second?], alone);
        let (kept, second) = block_on(both(executor.compute(&feeds[0], &wanted), executor.run(&feeds[1], &wanted)));
        assert_eq!([vec![block_on(device.read(&kept?[0]))?], second?], alone);
    }
    std::thread::scope(|scope| {
        let threads: Vec<_> = feeds
            .iter()
            .zip(&alone)
            .map(|(feeds, alone)| {
                let (executor, wanted) = (&executor, &wanted);
                scope.spawn(move || {
                    (0..100).try_for_each(|_| executor.run(feeds, wanted).wait().map(|found| assert_eq!(found, *alone)))
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    })?;
    Ok(Shown::Passed)
}

/// Weights that take a while to be read, and count how often they are.
struct Slow {
    weights: Arc<dyn Weights>,
    read: Mutex<BTreeMap<String, usize>>,
}

impl Weights for Slow {
    fn tensor(&self, name: &str) -> Result<Tensor> {
        *self.read.lock().unwrap().entry(name.to_owned()).or_default() += 1;
        std::thread::sleep(Duration::from_millis(2));
        self.weights.tensor(name)
    }
}

fn weights_are_uploaded_once(device: &Device) -> Result<Shown, Failed> {
    let parameters: Arc<dyn Weights> = parameters(&config(models()[0].1))?;
    let once = DeviceWeights::new(device, parameters.clone());
    prepared(device, &once, 1)?;
    let slow = Arc::new(Slow { weights: parameters, read: Mutex::default() });
    let shared = DeviceWeights::new(device, slow.clone());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (1..5)
            .map(|batch| {
                scope.spawn({
                    let shared = &shared;
                    move || prepared(device, shared, batch).map(drop)
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| thread.join().unwrap())
    })?;
    assert!(once.bytes() > 0);
    assert_eq!(shared.bytes(), once.bytes());
    let read = slow.read.lock().unwrap();
    assert!(read.len() > 10 && read.values().all(|times| *times == 1), "{read:?}");
    Ok(Shown::Passed)
}

fn futures_can_be_sent() {
    fn sends<T: Send>(_: fn(&'static Gpu) -> T) {}
    sends(|device| device.buffer("a buffer", 4));
    sends(copied);
    sends(|device| async move { Device::open_async(&Default::default()).await.map(|_| device) });
    fn is_sync<T: Sync>() {}
    is_sync::<Box<dyn Executor>>();
    is_sync::<Error>();
}
