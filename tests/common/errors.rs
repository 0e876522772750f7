//! What kernels were found to err by, and `docs/errors.md`, which tells it. The document is written by
//!
//! ```sh
//! TUBELET_WRITE_ERRORS=1 cargo test --test kernels --test host
//! ```
//!
//! and checked without it: it must list every kernel, its bound and its variants, and no figure beyond its bound. Other
//! drivers give other figures, so those are not compared.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use libtest_mimic::{Arguments, Failed};
use tubelet::kernels::{ALL, Case, Family};
use tubelet::tensor::Closeness;

/// The variant under which the host's implementation is listed.
pub(crate) const HOST: &str = "host";

/// Kernel, variant and precision of weights.
type Place = (&'static str, &'static str, String);

/// The largest error of each place so far.
#[derive(Clone, Default)]
pub(crate) struct Errors(Arc<Mutex<BTreeMap<Place, Largest>>>);

/// The case that used most of its bound.
#[derive(Clone)]
struct Largest {
    case: String,
    relative_l2: f64,
    share: f64,
}

fn document() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md")
}

impl Errors {
    /// Keeps how close a case came on a variant, where no other was farther as a share of its bound.
    pub(crate) fn record(&self, case: &Case, variant: &'static str, closeness: &Closeness) {
        let Closeness { relative_l2, share_of_bound, .. } = *closeness;
        let found = Largest { case: case.name.clone(), relative_l2, share: share_of_bound.unwrap_or(0.0) };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = (case.call.family().name, variant, case.precision.to_string());
        let largest = all.entry(place).or_insert_with(|| found.clone());
        if found.share > largest.share {
            *largest = found;
        }
    }

    /// Writes them down where that is asked for and all cases have run.
    pub(crate) fn write(&self, device: &str) {
        if std::env::var_os("TUBELET_WRITE_ERRORS").is_none() {
            return;
        }
        let Arguments { filter, skip, .. } = Arguments::from_args();
        if filter.is_some() || !skip.is_empty() {
            println!("docs/errors.md stays as it is: not all cases have run");
            return;
        }
        let mut text = Sections::read();
        text.set("Bounds", &bounds());
        text.set(device, &self.table());
        text.write();
    }

    fn table(&self) -> String {
        let mut table = "| kernel | variant | precision | relative L2 | of its bound | case |\n".to_owned();
        table += "|---|---|---|---|---|---|\n";
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for ((kernel, variant, precision), Largest { case, relative_l2, share }) in all.iter() {
            let figures = match *share == 0.0 {
                true => "0 | 0 | all".to_owned(),
                false => format!("{relative_l2:.1e} | {share:.2} | {case}"),
            };
            let _ = writeln!(table, "| `{kernel}` | `{variant}` | {precision} | {figures} |");
        }
        table
    }
}

/// The bound of each kernel.
fn bounds() -> String {
    let mut table = "| kernel | bound |\n|---|---|\n".to_owned();
    for family in ALL {
        let _ = writeln!(table, "{}", bound_of(family));
    }
    table
}

fn bound_of(family: &Family) -> String {
    let cases = (family.cases)();
    let bound = cases.first().and_then(|case| case.call.bound()).unwrap_or("none");
    format!("| `{}` | {} |", family.name, bound.replace('|', "\\|"))
}

/// The document: what is said first, and its sections by their titles.
struct Sections {
    first: String,
    sections: Vec<(String, String)>,
}

impl Sections {
    fn read() -> Self {
        let text = std::fs::read_to_string(document()).unwrap_or_default();
        let mut parts = text.split("\n## ");
        let first = parts.next().unwrap_or_default().trim_end().to_owned();
        let section = |part: &str| {
            let (title, body) = part.split_once('\n').unwrap_or((part, ""));
            (title.to_owned(), body.trim().to_owned())
        };
        Self { first, sections: parts.map(section).collect() }
    }

    fn set(&mut self, title: &str, body: &str) {
        let body = body.trim().to_owned();
        match self.sections.iter_mut().find(|section| section.0 == title) {
            Some(section) => section.1 = body,
            None => self.sections.push((title.to_owned(), body)),
        }
    }

    fn write(&self) {
        let mut text = self.first.clone();
        for (title, body) in &self.sections {
            let _ = write!(text, "\n\n## {title}\n\n{body}");
        }
        std::fs::write(document(), text + "\n").expect("docs/errors.md can be written");
    }
}

/// Whether the document lists every kernel with its bound and its variants, and nothing beyond its bound.
pub(crate) fn are_listed() -> Result<(), Failed> {
    let sections = Sections::read().sections;
    let lines: Vec<&str> = sections.iter().flat_map(|section| section.1.lines()).collect();
    let mut missing = Vec::new();
    for family in ALL {
        let of_variant = |variant: &str| format!("| `{}` | `{variant}` | ", family.name);
        // Devices with matrix units are few: they have sections of their own.
        let everywhere = family.variants().into_iter().filter(|variant| !variant.needs.matrices);
        let variants = everywhere.map(|variant| variant.name).chain([HOST]);
        missing.extend(variants.map(of_variant).filter(|row| !lines.iter().any(|line| line.starts_with(row))));
        if (family.cases)().iter().any(|case| case.call.bound().is_none()) {
            missing.push(format!("a bound of `{}`: it declares none", family.name));
        }
        missing.extend(Some(bound_of(family)).filter(|row| !lines.contains(&row.as_str())));
    }
    for line in lines.iter().filter(|line| line.matches('|').count() == 7) {
        let share = line.split('|').nth(5).unwrap_or_default().trim();
        if share.parse::<f64>().is_ok_and(|share| share > 1.0) {
            missing.push(format!("a figure within its bound: {line}"));
        }
    }
    match missing.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "docs/errors.md lacks\n{}\nTUBELET_WRITE_ERRORS=1 cargo test --test kernels --test host writes it",
            missing.join("\n")
        )
        .into()),
    }
}
