//! Progress on stderr, drawn only on a terminal.

use std::borrow::Cow;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// A bar for `total` steps of something.
pub(super) fn bar(total: u64, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:24} {bar:32} {pos}/{len}  {elapsed} of about {duration}");
    finish_on_drop(ProgressBar::new(total), style, what)
}

/// A bar for `total` bytes of something.
pub(super) fn bytes(total: u64, what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg:24} {bar:32} {bytes}/{total_bytes}");
    finish_on_drop(ProgressBar::new(total), style, what)
}

/// A turning sign for something whose end is not known.
pub(super) fn spinner(what: impl Into<Cow<'static, str>>) -> ProgressBar {
    let bar =
        finish_on_drop(ProgressBar::new_spinner(), ProgressStyle::with_template("{msg:24} {spinner} {elapsed}"), what);
    bar.enable_steady_tick(Duration::from_millis(120));
    bar
}

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
