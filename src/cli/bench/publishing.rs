//! What `tubelet bench` makes of a result besides printing it, and what changed between two.

use std::path::{Path, PathBuf};

use tubelet::bench::Benchmark;
use tubelet::bench::publish::{self, Comparison};
use tubelet::files::write_whole;
use tubelet::tensor::{Error, Result};

use crate::cli::files::check_output;
use crate::cli::output;

const RESULT: &str = "The result";

/// Where a result goes, besides stdout.
#[derive(clap::Args)]
pub(super) struct Publishing {
    /// A folder for everything that can be made of the result: a page to publish, the JSON, a table as CSV and as Markdown,
    /// and a trace.
    #[arg(long, value_name = "DIR", help_heading = RESULT)]
    report: Option<PathBuf>,
    /// A file for the rows as CSV.
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = RESULT)]
    csv: Option<PathBuf>,
    /// A file for every kernel call as a trace, which ui.perfetto.dev opens.
    #[arg(long, value_name = "FILE", hide_short_help = true, help_heading = RESULT)]
    trace: Option<PathBuf>,
    /// Print the result as Markdown, to paste.
    #[arg(long, conflicts_with = "json", help_heading = RESULT)]
    markdown: bool,
}

impl Publishing {
    /// An error where something cannot be written later: found before minutes of measuring.
    pub(super) fn check(&self) -> Result<()> {
        if let Some(folder) = &self.report {
            check_folder(folder)?;
        }
        for (file, extension) in [(&self.csv, "csv"), (&self.trace, "json")] {
            if let Some(file) = file {
                check_output(file, &[extension], &[])?;
            }
        }
        Ok(())
    }

    /// Writes what was asked for, and says what was written.
    pub(super) fn write(&self, benchmark: &Benchmark) -> Result<()> {
        if let Some(file) = &self.csv {
            write(file, &publish::csv(benchmark)?)?;
        }
        if let Some(file) = &self.trace {
            write(file, &publish::trace(benchmark))?;
        }
        if let Some(folder) = &self.report {
            publish::publish(benchmark, folder)?;
            output::note(&format!("the report is {}", folder.join("index.html").display()));
        }
        Ok(())
    }

    /// Whether Markdown is printed.
    pub(super) fn prints_markdown(&self) -> bool {
        self.markdown
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    write_whole(path, |file| std::io::Write::write_all(file, text.as_bytes()))
}

/// An error where no folder can be made at `folder`, or it is a file.
fn check_folder(folder: &Path) -> Result<()> {
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if folder.exists() && !folder.is_dir() {
        return Err(Error::usage(format!("--report {} is a file; name a folder", folder.display())));
    }
    if !parent.is_dir() {
        let (folder, parent) = (folder.display(), parent.display());
        return Err(Error::usage(format!("--report {folder}: there is no folder {parent}; create it")));
    }
    Ok(())
}

/// What changed from the first of two results to the second.
pub(super) fn compared(files: &[PathBuf]) -> Result<Comparison> {
    match files {
        [before, after] => Ok(publish::compare(&publish::read(before)?, &publish::read(after)?)),
        _ => Err(Error::usage("--compare takes two results: the earlier and the later")),
    }
}
