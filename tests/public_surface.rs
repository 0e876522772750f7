//! What the crate promises: its public surface, item by item, as rustdoc sees it, in `tests/public_surface.txt`. A change of
//! it is seen in review, and is made on purpose:
//!
//! ```sh
//! TUBELET_WRITE_SURFACE=1 cargo test --test public_surface
//! ```
//!
//! rustdoc writes what this test reads in a format that changes with Rust, and only where unstable options are allowed: so
//! this executable stands in for rustdoc, allows them for it alone, and asks for the Rust that its reader knows.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use libtest_mimic::{Arguments, Failed, Trial};

/// The Rust whose rustdoc is read.
const RUST: &str = "1.95";

/// Set where this executable stands in for rustdoc.
const AS_RUSTDOC: &str = "TUBELET_AS_RUSTDOC";

fn main() -> ExitCode {
    if std::env::var_os(AS_RUSTDOC).is_some() {
        return rustdoc();
    }
    let tests = vec![Trial::test("the public surface is listed, and what may grow can grow", surface)];
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

fn rustdoc() -> ExitCode {
    let status = Command::new("rustdoc").args(std::env::args_os().skip(1)).env("RUSTC_BOOTSTRAP", "1").status();
    match status.map(|status| status.code()) {
        Ok(Some(0)) => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// The arguments of cargo that choose the Rust whose rustdoc is read: none where it is the one at hand.
fn toolchain() -> Result<Vec<String>, Failed> {
    let output = Command::new("rustc").arg("--version").output()?;
    match String::from_utf8(output.stdout)?.starts_with(&format!("rustc {RUST}.")) {
        true => Ok(Vec::new()),
        false => Ok(vec![format!("+{RUST}")]),
    }
}

/// What rustdoc knows of the crate.
fn described() -> Result<PathBuf, Failed> {
    let own = std::env::current_exe()?;
    // target/debug/deps/public_surface
    let target = own.ancestors().nth(3).ok_or("this executable lies in no target folder")?;
    let output = Command::new("cargo")
        .args(toolchain()?)
        .args(["rustdoc", "--quiet", "--lib", "--all-features", "--"])
        .args(["-Z", "unstable-options", "--output-format", "json", "--cap-lints", "allow"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("CARGO_TARGET_DIR", target)
        .env("RUSTDOC", &own)
        .env(AS_RUSTDOC, "1")
        .output()?;
    if !output.status.success() {
        return Err(format!(
            "cargo rustdoc failed (it needs Rust {RUST}: rustup toolchain install {RUST}):\n{}",
            String::from_utf8_lossy(&output.stderr)
        )
        .into());
    }
    Ok(target.join("doc/tubelet.json"))
}

fn surface() -> Result<(), Failed> {
    let found = public_api::Builder::from_rustdoc_json(described()?)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .build()?;
    let found: Vec<String> = found.items().map(ToString::to_string).collect();
    let listed = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/public_surface.txt");
    if std::env::var_os("TUBELET_WRITE_SURFACE").is_some() {
        std::fs::write(&listed, found.join("\n") + "\n")?;
    }
    let listed = std::fs::read_to_string(&listed)?;
    let changes = changes(listed.lines().collect(), found.iter().map(String::as_str).collect());
    if !changes.is_empty() {
        return Err(format!("where this is meant, TUBELET_WRITE_SURFACE=1 writes it down:\n{changes}").into());
    }
    closed(&found)
}

/// The lines that are gone, and those that are new.
fn changes(listed: BTreeSet<&str>, found: BTreeSet<&str>) -> String {
    let gone = listed.difference(&found).map(|line| format!("- {line}\n"));
    gone.chain(found.difference(&listed).map(|line| format!("+ {line}\n"))).collect()
}

/// Enums that are whole, and structs with public fields that are: what they say cannot grow.
const CLOSED: &[&str] = &[
    "Views",
    "engine::Views",
    "gpu::Subgroup",
    "kernels::Field",
    "kernels::attention::Sequences",
    "kernels::pixels::Axis",
    "kernels::pixels::Coefficients",
    "kernels::pixels::Colour",
    "kernels::pixels::Resample",
    "kernels::pixels::ResizeBilinear",
    "kernels::pixels::SelectFrames",
    "kernels::rows::ColumnSum",
    "kernels::rows::LayerNorm",
    "kernels::rows::Masking",
    "kernels::rows::Pointwise",
    "kernels::rows::Softmax",
    "kernels::weights::Repack",
    "tensor::Format",
    "tensor::Tolerance",
    "video::ColourRange",
    "video::PlaneStatistics",
    "video::Values",
    "vivit::EncoderSize",
    "vivit::Grid",
    "vivit::HeadOrder",
    "vivit::LabelHead",
    "vivit::Order",
    "vivit::Tubelet",
];

/// An error for an enum or a struct with public fields that others can match or build to its last part, and that is not
/// closed on purpose.
fn closed(items: &[String]) -> Result<(), Failed> {
    let name = |rest: &str| rest.split(['<', ' ', '(']).next().unwrap_or_default().to_owned();
    let fields: BTreeSet<String> = items
        .iter()
        .filter_map(|item| item.strip_prefix("pub ")?.split_once(": "))
        .filter_map(|(path, _)| Some(path.rsplit_once("::")?.0.to_owned()))
        .collect();
    let open = items.iter().filter_map(|item| {
        let of_enum = item.strip_prefix("pub enum ").map(name);
        let of_struct = item.strip_prefix("pub struct ").map(name).filter(|name| fields.contains(name));
        of_enum.or(of_struct)
    });
    let open: BTreeSet<String> = open.map(|path| path.trim_start_matches("tubelet::").to_owned()).collect();
    let changes = changes(CLOSED.iter().copied().collect(), open.iter().map(String::as_str).collect());
    match changes.is_empty() {
        true => Ok(()),
        false => Err(format!("mark what may grow #[non_exhaustive], and list what cannot:\n{changes}").into()),
    }
}
