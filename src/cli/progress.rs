//! Progress on stderr, drawn only on a terminal.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use tubelet::Vivit;

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

/// A bar for `total` videos, with the time that is left and whatever else there is to say.
pub(super) fn videos(total: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{bar:24} {pos} of {len}, {eta} left  {wide_msg}");
    finish_on_drop(ProgressBar::new(total), style, "")
}

/// A turning sign for something whose end is not known.
pub(super) fn spinner(what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let bar =
        finish_on_drop(ProgressBar::new_spinner(), ProgressStyle::with_template("{msg:16} {spinner} {elapsed}"), what);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

/// Does `work`, which uploads a model's weights on the way, and shows how far it is.
pub(super) fn showing_upload<T>(model: &Vivit, work: impl FnOnce() -> T) -> T {
    let total: u64 = model.config().parameters().iter().map(|parameter| 4 * parameter.shape.elements() as u64).sum();
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
