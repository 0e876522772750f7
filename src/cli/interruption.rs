//! Ctrl-C, and what else asks the program to end.
//!
//! At the first signal the program removes what is half-written, says how to go on where there is a way, and ends; while
//! somebody holds a [`Finishing`], it only tells those who ask [`interrupted`], who finish what they have. The second signal
//! ends it in any case.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level};
use tubelet::{files, video};

use super::{output, progress};

/// The signal that has come and that nobody has heeded yet; 0 for none.
static PENDING: AtomicUsize = AtomicUsize::new(0);
/// The first signal that was heeded; 0 for none.
static HEEDED: AtomicUsize = AtomicUsize::new(0);
/// Set when the program is ending: a signal then ends it on the spot, whatever hangs.
static ENDING: AtomicBool = AtomicBool::new(false);
/// How many hold a [`Finishing`].
static FINISHING: AtomicUsize = AtomicUsize::new(0);
/// How to go on later.
static ADVICE: Mutex<String> = Mutex::new(String::new());

/// What is said at the first signal while somebody holds a [`Finishing`].
static FINISHING_SENTENCE: Mutex<&str> = Mutex::new(USUAL_SENTENCE);

const USUAL_SENTENCE: &str = "interrupted, and finishing what there is; once more to end at once";

/// How often signals are looked for: nobody notices the delay.
const LOOK_AGAIN: Duration = Duration::from_millis(30);

/// Begins to listen. Where that cannot be, signals end the program in the system's way.
pub(super) fn listen() {
    let listening = std::thread::Builder::new().name("signals".to_owned()).spawn(heed);
    if listening.is_ok() {
        for signal in [SIGINT, SIGTERM] {
            let _ = flag::register_conditional_shutdown(signal, code_of(signal as usize), &ENDING)
                .and_then(|_| flag::register_usize(signal, &PENDING, signal as usize));
        }
    }
}

/// Whether somebody wants the program to end.
pub(super) fn interrupted() -> bool {
    signal() != 0
}

/// The program's exit code where it was interrupted.
pub(super) fn exit_code() -> Option<u8> {
    interrupted().then(|| code_of(signal()) as u8)
}

/// As long as this is kept, a signal leaves it to its owner to finish, who asks [`interrupted`] often.
pub(super) struct Finishing;

impl Finishing {
    pub(super) fn begin() -> Self {
        Self::saying(USUAL_SENTENCE)
    }

    /// Says at a signal what is finished, and what a second one does.
    pub(super) fn saying(sentence: &'static str) -> Self {
        *finishing_sentence() = sentence;
        FINISHING.fetch_add(1, Ordering::SeqCst);
        Self
    }
}

impl Drop for Finishing {
    fn drop(&mut self) {
        FINISHING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// As long as this is kept, an interrupted program says how to go on.
pub(super) struct Advice;

impl Advice {
    pub(super) fn give(sentence: String) -> Self {
        *advice() = sentence;
        Self
    }
}

impl Drop for Advice {
    fn drop(&mut self) {
        advice().clear();
    }
}

fn advice() -> MutexGuard<'static, String> {
    ADVICE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn finishing_sentence() -> MutexGuard<'static, &'static str> {
    FINISHING_SENTENCE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the program where it was interrupted and nobody is finishing anything.
pub(super) fn end_if_interrupted() {
    if interrupted() && FINISHING.load(Ordering::SeqCst) == 0 {
        end();
    }
}

fn signal() -> usize {
    match HEEDED.load(Ordering::SeqCst) {
        0 => PENDING.load(Ordering::SeqCst),
        signal => signal,
    }
}

/// As shells have it: 130 for Ctrl-C.
fn code_of(signal: usize) -> i32 {
    128 + signal as i32
}

fn heed() {
    loop {
        std::thread::sleep(LOOK_AGAIN);
        let signal = PENDING.load(Ordering::SeqCst);
        if signal == 0 {
            continue;
        }
        let first = HEEDED.compare_exchange(0, signal, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        PENDING.store(0, Ordering::SeqCst);
        // They may be at work for a video that gives no frame any more.
        video::end_programs();
        if first && FINISHING.load(Ordering::SeqCst) > 0 {
            let sentence = *finishing_sentence();
            // Apart: where nobody takes what is printed, the next signal is heeded all the same.
            let _ = std::thread::Builder::new().spawn(move || progress::note(sentence));
        } else {
            end();
        }
    }
}

/// Removes what is half-written and ends the program without more ado: destructors of drivers may not run beside their own
/// threads.
fn end() -> ! {
    if ENDING.swap(true, Ordering::SeqCst) {
        // Another thread is at it.
        loop {
            std::thread::park();
        }
    }
    let _stopped = files::remove_unfinished();
    video::end_programs();
    let advice = advice().clone();
    if !advice.is_empty() {
        output::note(&format!("interrupted; {advice}"));
    }
    low_level::exit(code_of(signal()))
}
