//! Progress on stderr: bars on a terminal, for long runs lines elsewhere.

use std::borrow::Cow;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle, WeakProgressBar};
use tubelet::Vivit;
use tubelet::tensor::Element;
use tubelet::vivit::ParameterSpec;

use super::output;

/// A bar for `total` steps of something.
pub(super) fn bar(total: u64, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:16} {bar:32} {pos} of {len}");
    finish_on_drop(ProgressBar::new(total), style, what)
}

/// A bar for `total` bytes of something.
pub(super) fn bytes(total: u64, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:16} {bar:32} {bytes} of {total_bytes}");
    finish_on_drop(ProgressBar::new(total), style, what)
}

/// A bar for `total` views of a video, with the time that is left.
pub(super) fn views(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:16} {bar:32} view {pos} of {len}, {eta} left");
    let bar = finish_on_drop(ProgressBar::new(total), style, "computing");
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// A bar for `total` steps of a long run, with the time that is left, behind which there is room for what is done now.
pub(super) fn steps(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:24} {pos} of {len}, {eta} left  {wide_msg}");
    let bar = finish_on_drop(ProgressBar::new(total), style, "");
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// A bar for a share of something, with the time that is left.
pub(super) fn measuring() -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:24} {percent:>3} %, {eta} left  {wide_msg}");
    let bar = finish_on_drop(ProgressBar::new(STEPS), style, "");
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Shows that this share of what [`measuring`] shows is done, and what comes next.
pub(super) fn measured(bar: &ProgressBar, done: f64, what: &str) {
    bar.set_position((done.clamp(0.0, 1.0) * STEPS as f64) as u64);
    bar.set_message(what.to_owned());
}

/// Finer than anyone sees.
const STEPS: u64 = 1000;

/// The bar of the long run that goes on.
static LONG_RUN: Mutex<Option<WeakProgressBar>> = Mutex::new(None);

/// Says from any thread what the user should know, beside the bar of a long run where there is one.
pub(super) fn note(sentence: &str) {
    let bar = LONG_RUN.lock().unwrap_or_else(PoisonError::into_inner).as_ref().and_then(WeakProgressBar::upgrade);
    match bar {
        Some(bar) => bar.suspend(|| output::note(sentence)),
        None => output::note(sentence),
    }
}

/// How far a long run is: a bar on a terminal, a line a minute elsewhere.
pub(super) struct LongRun {
    bar: ProgressBar,
    /// When the last line was printed, where there is no bar.
    said: Option<Instant>,
}

impl LongRun {
    /// Of a run of `total` steps of which `done` were done before.
    pub(super) fn begin(total: u64, done: u64) -> Self {
        let bar = steps(total);
        bar.set_position(done);
        bar.reset_eta();
        *LONG_RUN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.downgrade());
        Self { bar, said: (!std::io::stderr().is_terminal()).then(Instant::now) }
    }

    /// Shows that `done` steps are done: `message` beside the bar, `line` where there is none.
    pub(super) fn show(&mut self, done: u64, message: String, line: impl FnOnce() -> String) {
        self.bar.set_position(done);
        self.bar.set_message(message);
        if self.said.is_some_and(|said| said.elapsed() >= A_MINUTE) {
            self.said = Some(Instant::now());
            output::tell(&line());
        }
    }

    /// Prints beside the bar.
    pub(super) fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }
}

/// How far a run over many videos is.
pub(super) struct Videos {
    shown: LongRun,
    /// Views that are computed of each video.
    clips: usize,
    total: usize,
    finished: usize,
    computed: usize,
    begun: Instant,
}

impl Videos {
    /// Of a run that has `total` videos before it.
    pub(super) fn begin(total: usize, clips: usize) -> Self {
        let shown = LongRun::begin(total as u64, 0);
        Self { shown, clips, total, finished: 0, computed: 0, begun: Instant::now() }
    }

    /// One more is finished, and was computed unless it has failed. `more` is what else there is to say.
    pub(super) fn finish(&mut self, computed: bool, more: &str) {
        self.finished += 1;
        self.computed += usize::from(computed);
        let message = format!("{} clips/s  {more}", output::three_digits(self.clips_per_second()));
        let line = self.line(more);
        self.shown.show(self.finished as u64, message, || line);
    }

    fn line(&self, more: &str) -> String {
        let elapsed = self.begun.elapsed();
        let left = elapsed.mul_f64((self.total - self.finished) as f64 / self.finished.max(1) as f64);
        let failed = match self.finished - self.computed {
            0 => String::new(),
            failed => format!(", {failed} failed"),
        };
        let (rate, left) = (output::three_digits(self.clips_per_second()), output::roughly(left));
        let line = format!("{} of {} videos{failed}, {rate} clips/s, {left} left", self.finished, self.total);
        if more.is_empty() { line } else { format!("{line}; {more}") }
    }

    /// Videos that were computed.
    pub(super) fn computed(&self) -> usize {
        self.computed
    }

    /// Since the beginning.
    pub(super) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Clips that were computed, in a second.
    pub(super) fn clips_per_second(&self) -> f64 {
        (self.computed * self.clips) as f64 / self.begun.elapsed().as_secs_f64().max(f64::MIN_POSITIVE)
    }

    /// Says what the user should know beside the bar.
    pub(super) fn note(&self, sentence: &str) {
        self.beside(|| output::note(sentence));
    }

    /// Prints beside the bar.
    pub(super) fn beside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.shown.beside(print)
    }
}

const A_MINUTE: Duration = Duration::from_secs(60);

/// A turning sign for something whose end is not known.
pub(super) fn spinner(what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let bar =
        finish_on_drop(ProgressBar::new_spinner(), ProgressStyle::with_template("{msg:16} {spinner} {elapsed}"), what);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Does `work`, which uploads a model's weights on the way, and shows how far it is.
pub(super) fn showing_upload<T>(model: &Vivit, work: impl FnOnce() -> T) -> T {
    let elements = |specs: Vec<ParameterSpec>| specs.iter().map(|spec| spec.shape.elements()).sum();
    let total = Element::F32.bytes_of(model.config().parameters().map_or(0, elements));
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let uploading = bytes(total, "loading weights");
            while !over.load(Ordering::Relaxed) && model.weights().bytes() < total {
                uploading.set_position(model.weights().bytes());
                std::thread::sleep(LOOK_AGAIN);
            }
            uploading.finish_and_clear();
            let _computing = spinner("computing");
            while !over.load(Ordering::Relaxed) {
                std::thread::sleep(LOOK_AGAIN);
            }
        });
        let value = work();
        over.store(true, Ordering::Relaxed);
        value
    })
}

/// Short enough to delay nobody.
const LOOK_AGAIN: Duration = Duration::from_millis(40);

fn finish_on_drop(
    bar: ProgressBar,
    style: Result<ProgressStyle, indicatif::style::TemplateError>,
    what: impl Into<Cow<'static, str>>,
) -> ProgressBar {
    let bar = bar.with_message(what).with_finish(indicatif::ProgressFinish::AndClear);
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_count_what_was_computed() {
        let mut videos = Videos::begin(10, 12);
        videos.begun = Instant::now().checked_sub(Duration::from_secs(20)).unwrap();
        videos.finish(true, "");
        videos.finish(false, "");
        assert_eq!(
            videos.line("top-1 50.00 %"),
            "2 of 10 videos, 1 failed, 0.60 clips/s, 1 min 20 s left; top-1 50.00 %"
        );
        videos.finish(true, "");
        videos.finish(true, "");
        assert_eq!(videos.line(""), "4 of 10 videos, 1 failed, 1.80 clips/s, 30 s left");
        assert_eq!((videos.computed(), videos.finished), (3, 4));
    }
}
