//! One model that many threads and tasks ask: every answer is the one that the question alone gets, nobody is passed over, and
//! a call that is given up leaves nothing behind.

mod common;

use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;

use common::executor::{block_on, polled};
use common::small::{config, load, models, parameters};
use common::{DeviceTests, Shown};
use libtest_mimic::Failed;
use tubelet::gpu::{Gpu, Pending};
use tubelet::graph::Device;
use tubelet::video::Clip;
use tubelet::vivit::{FrameMask, Model};
use tubelet::{Pass, Vivit};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    // Models 1 and 2: encoders of one kind and of two.
    for (title, model) in [models()[0], models()[1]] {
        tests.add_everywhere(format!("threads ask for different things: {title}"), move |device| {
            threads_ask_for_different_things(device, model)
        });
        tests.add_everywhere(format!("a call is given up at any time: {title}"), move |device| {
            a_call_is_given_up_at_any_time(device, model)
        });
    }
    tests.add_everywhere("a thread that asks once has its turn", a_thread_that_asks_once_has_its_turn);
    tests.add_on_gpu("a task that asks once has its turn", a_task_that_asks_once_has_its_turn);
    // One after another: each has many threads.
    tests.run_in_turn("sharing")
}

/// What a model can be asked.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Verb {
    Classify,
    ClassifyBatch,
    Infer,
    Features,
    Taps,
    Masked,
    Attention,
}

use Verb::{Attention, Classify, ClassifyBatch, Features, Infer, Masked, Taps};

const VERBS: [Verb; 7] = [Classify, ClassifyBatch, Infer, Features, Taps, Masked, Attention];

impl Verb {
    /// The answer, in digits that tell every two floats apart.
    async fn ask(self, model: &Vivit, clips: &[Clip]) -> tubelet::Result<String> {
        Ok(match self {
            Classify => format!("{:?}", model.classify_async(&clips[0]).await?),
            ClassifyBatch => format!("{:?}", model.classify_batch_async(clips).await?),
            Infer => format!("{:?}", model.infer_async(&clips[1]).await?),
            Features => format!("{:?}", model.features_async(clips).await?),
            Taps => format!("{:?}", model.taps_async(Pass::new().tap("pooled").over(&clips[2])).await?),
            Masked => {
                let mask = FrameMask::new().causal(true);
                format!("{:?}", model.classify_async(Pass::new().mask(mask).over(&clips[0])).await?)
            }
            Attention => format!("{:?}", model.attention_async(&clips[1]).await?),
        })
    }
}

/// Clips of sizes of their own, of which no two frames are alike.
fn clips(frames: usize) -> Result<Vec<Clip>, Failed> {
    let clip = |(number, size): (usize, [usize; 2])| {
        let bytes = frames * size[0] * size[1] * 3;
        let rgb: Vec<u8> = (0..bytes).map(|at| ((at * 37 + at / 97 + number * 59) % 251) as u8).collect();
        Ok(Clip::from_rgb(&rgb, size)?)
    };
    [[9, 17], [24, 31], [11, 64]].into_iter().enumerate().map(clip).collect()
}

/// A model that nobody else has, with clips for it.
fn fresh(device: &Device, model: Model) -> Result<(Vivit, Vec<Clip>), Failed> {
    let config = config(model);
    Ok((load(device, &config, parameters(&config)?)?, clips(config.frames)?))
}

/// The answer to each verb, asked alone.
fn answers(device: &Device, model: Model) -> Result<Vec<String>, Failed> {
    let (model, clips) = fresh(device, model)?;
    Ok(VERBS.iter().map(|verb| block_on(verb.ask(&model, &clips))).collect::<tubelet::Result<_>>()?)
}

fn threads_ask_for_different_things(device: &Device, model: Model) -> Result<Shown, Failed> {
    let expected = answers(device, model)?;
    let (model, clips) = fresh(device, model)?;
    let ask = |thread: usize| {
        (0..3 * VERBS.len()).try_for_each(|round| {
            let index = (thread + round) % VERBS.len();
            let asked = VERBS[index].ask(&model, &clips);
            // Some wait, and poll the device under the others' feet; some are woken.
            let found = if thread.is_multiple_of(2) { Pending::new(asked).wait()? } else { block_on(asked)? };
            assert_eq!(found, expected[index], "{:?}", VERBS[index]);
            Ok::<_, tubelet::Error>(())
        })
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..6).map(|thread| scope.spawn(move || ask(thread))).collect();
        threads.into_iter().try_for_each(|thread| thread.join().expect("a wrong answer"))
    })?;
    Ok(Shown::Passed)
}

fn a_call_is_given_up_at_any_time(device: &Device, model: Model) -> Result<Shown, Failed> {
    let expected = answers(device, model)?;
    let (used, clips) = fresh(device, model)?;
    for (verb, expected) in VERBS.into_iter().zip(&expected) {
        // While weights are uploaded and kernels compiled; another task waits for the same, and makes it itself.
        for polls in 1.. {
            let (unused, _) = fresh(device, model)?;
            let mut other = pin!(verb.ask(&unused, &clips));
            {
                let mut given_up = pin!(verb.ask(&unused, &clips));
                if let Some(found) = polled(given_up.as_mut(), polls) {
                    assert_eq!(found?, *expected, "{verb:?}");
                    break;
                }
                if let Poll::Ready(found) = other.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    assert_eq!(found?, *expected, "{verb:?}");
                    continue;
                }
            }
            assert_eq!(block_on(other)?, *expected, "{verb:?} beside one given up after {polls} polls");
        }
        // While it is computed.
        for polls in 1.. {
            if let Some(found) = polled(verb.ask(&used, &clips), polls) {
                assert_eq!(found?, *expected, "{verb:?}");
                break;
            }
            assert_eq!(block_on(verb.ask(&used, &clips))?, *expected, "{verb:?} after {polls} polls");
        }
    }
    for (verb, expected) in VERBS.into_iter().zip(&expected) {
        assert_eq!(block_on(verb.ask(&used, &clips))?, *expected, "{verb:?}");
    }
    Ok(Shown::Passed)
}

/// How many ask all the time beside the one who asks once.
const OTHERS: usize = 4;

/// Passes of others that one has to wait for at the most: a few for each step of its own.
const MOST_PASSED: usize = 4 * OTHERS;

fn a_thread_that_asks_once_has_its_turn(device: &Device) -> Result<Shown, Failed> {
    let (model, clips) = fresh(device, models()[0].1)?;
    let expected = model.classify(&clips[0])?;
    let (passes, over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let passed = thread::scope(|scope| {
        let ask_on = || {
            while !over.load(Ordering::Relaxed) {
                assert_eq!(model.classify(&clips[0])?, expected);
                passes.fetch_add(1, Ordering::Relaxed);
            }
            Ok(())
        };
        let others: Vec<_> = (0..OTHERS).map(|_| scope.spawn(ask_on)).collect();
        let ask = |_| {
            let before = passes.load(Ordering::Relaxed);
            assert_eq!(model.classify(&clips[0])?, expected);
            Ok(passes.load(Ordering::Relaxed) - before)
        };
        let passed: tubelet::Result<Vec<_>> = (0..21).map(ask).collect();
        over.store(true, Ordering::Relaxed);
        let ended: tubelet::Result<()> = others.into_iter().try_for_each(|other| other.join().expect("a wrong answer"));
        ended.and(passed)
    });
    let mut passed = passed?;
    passed.sort();
    // The system may let a thread sleep for long now and then, not every time.
    assert!(passed[passed.len() / 2] <= MOST_PASSED, "passes of others while one asked once: {passed:?}");
    Ok(Shown::Passed)
}

/// Where a device is waited for: on the host, a pass is over when it has been polled once.
fn a_task_that_asks_once_has_its_turn(device: &Gpu) -> Result<Shown, Failed> {
    let (model, clips) = fresh(&device.clone().into(), models()[0].1)?;
    let expected = model.classify(&clips[0])?;
    let passes = AtomicUsize::new(0);
    let mut others = [(); OTHERS].map(|()| {
        Box::pin(async {
            loop {
                assert_eq!(model.classify_async(&clips[0]).await.expect("it is classified"), expected);
                passes.fetch_add(1, Ordering::Relaxed);
            }
        })
    });
    for _ in 0..10 {
        let before = passes.load(Ordering::Relaxed);
        let mut once = model.classify_async(&clips[0]);
        let found = block_on(poll_fn(|context| {
            for other in &mut others {
                let never: Poll<Infallible> = other.as_mut().poll(context);
                assert!(never.is_pending());
            }
            pin!(&mut once).poll(context)
        }));
        assert_eq!(found?, expected);
        let passed = passes.load(Ordering::Relaxed) - before;
        assert!(passed <= MOST_PASSED, "{passed} passes of others while one asked once");
    }
    // Left in the middle, they hold up nobody.
    drop(others);
    assert_eq!(model.classify(&clips[0])?, expected);
    Ok(Shown::Passed)
}
