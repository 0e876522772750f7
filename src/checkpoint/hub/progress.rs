//! How far a download is, on standard error.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar that goes away at the end.
pub(super) struct Bar(ProgressBar);

/// The bar of a file of `size` bytes; nothing is shown unless it is `wanted`, nor where nobody looks.
pub(super) fn bar(wanted: bool, file: &str, size: Option<u64>) -> Bar {
    if !wanted {
        return Bar(ProgressBar::hidden());
    }
    let template = match size {
        Some(_) => "{msg} [{elapsed_precise}] {wide_bar} {bytes}/{total_bytes} {bytes_per_sec} ({eta})",
        None => "{msg} [{elapsed_precise}] {bytes} {bytes_per_sec}",
    };
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(size.unwrap_or(0)).with_style(style);
    bar.set_message(file.to_owned());
    Bar(bar)
}

impl Bar {
    pub(super) fn advance(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
