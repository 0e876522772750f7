//! The source keeps to its floors: a file imports from its own floor and those below, never from one above; wgpu is
//! named in `gpu` only, naga not at all; one folder waits for devices.

use std::path::Path;

#[path = "common/source.rs"]
mod source;

use source::{code_of, rust_files, words};

/// From the bottom up. Floors in one row may import from each other.
const FLOORS: [&[&str]; 11] = [
    &["tensor"],
    &["files"],
    &["gpu"],
    &["kernels"],
    &["graph"],
    &["video"],
    &["vivit"],
    &["checkpoint"],
    &["engine"],
    &["bench", "check", "report", "eval", "train"],
    &["cli"],
];

/// Files that stand outside the house and may name everything.
const FREE: [&str; 2] = ["lib.rs", "main.rs"];

fn height(floor: &str) -> Option<usize> {
    FLOORS.iter().position(|row| row.contains(&floor))
}

#[test]
fn no_file_looks_up() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let files = rust_files(&root);
    assert!(files.len() > 20, "only {} files found in {}", files.len(), root.display());
    let mut faults = Vec::new();
    for file in files {
        let place = file.strip_prefix(&root).unwrap();
        faults.extend(faults_of(place, &std::fs::read_to_string(&file).unwrap()));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// The check itself rejects what it is there to reject.
#[test]
fn a_file_that_looks_up_is_found() {
    let faults = |place: &str, text: &str| faults_of(Path::new(place), text);
    for (place, text) in [
        ("gpu/device.rs", "use crate::kernels::Family;"),
        ("tensor/mod.rs", "use crate::{\n    tensor::{Shape, Tensor},\n    gpu::Device,\n};"),
        ("kernels/pool/mod.rs", "fn load() -> crate::engine::Vivit { todo() }"),
        ("kernels/mod.rs", "use super::graph::Graph;"),
        ("kernels/pool/cases.rs", "use super::super::super::graph::Graph;"),
        ("engine.rs", "use crate::bench::Report;"),
        ("video/clip.rs", "use tubelet::vivit::Config;"),
        ("checkpoint/mod.rs", "use crate::cli;"),
        ("graph/gpu.rs", "use crate::Vivit;"),
        ("graph/gpu.rs", "fn run(device: &wgpu::Device) {}"),
        ("graph/gpu.rs", "fn wgpu() -> wgpu::Device {}"),
        ("gpu/device.rs", "use naga::Module;"),
        ("gpu/device.rs", "fn wait(device: &Device) { device.poll(PollType::Poll) }"),
        ("engine/mod.rs", "fn wait(future: Future) { pollster::block_on(future) }"),
        ("attic/mod.rs", "// nothing"),
        ("kernels/rows/pool/wgsl.rs", "use crate::kernels::ALL;"),
        ("kernels/rows/pool/mod.rs", "use crate::kernels::{Family, contract::Kernel};"),
        ("kernels/contract/cases.rs", "use crate::kernels::rows::Pool;"),
        ("kernels/shader/program.rs", "use crate::kernels::attention::tile::Tile;"),
        ("vivit/joint.rs", "use super::model::Definition;"),
        ("vivit/recorder.rs", "use super::{Config, Model};"),
        ("vivit/naive/layers.rs", "fn of(model: crate::vivit::Model) {}"),
        ("vivit/definition.rs", "super::models! { Joint }"),
        ("vivit/encoder.rs", "use super::initialise::Origin;"),
        ("tensor/shape.rs", "crate::uniform! { struct Uniform { rows: u32, } }"),
        ("kernels/mod.rs", "let quote = '\"'; use crate::graph::Graph;"),
        ("kernels/mod.rs", "fn of<'a>(x: &'a str) { crate::graph::plan(x) }"),
    ] {
        assert_eq!(faults(place, text).len(), 1, "{place}: {text}: {:?}", faults(place, text));
    }
    for (place, text) in [
        ("kernels/pool/mod.rs", "use crate::tensor::Shape;\nuse crate::gpu::Device;\nuse super::Family;"),
        (
            "kernels/rows/pool/mod.rs",
            "use crate::kernels::contract::{Family, Kernel};\nuse crate::kernels::shader::wgsl;",
        ),
        ("kernels/mod.rs", "pub use contract::Family;"),
        ("kernels/pool/mod.rs", "crate::uniform! { struct Uniform { rows: u32, } }"),
        ("kernels/mod.rs", "//! Used by [`crate::graph::Graph`]; needs no wgpu.\n/* crate::engine */"),
        ("kernels/mod.rs", "let text = \"crate::graph and wgpu \\\" naga\"; let raw = r#\"crate::cli \" wgpu\"#;"),
        ("gpu/device.rs", "use wgpu::Device;"),
        ("graph/device.rs", "fn wgpu(&self) -> Option<Handles> { self.gpu().map(Gpu::wgpu) }"),
        ("gpu/pending/native.rs", "fn wait(future: Future) { pollster::block_on(future) }"),
        ("bench/mod.rs", "use crate::report::Table;"),
        ("cli/classify.rs", "use tubelet::{Vivit, video::Clip};"),
        ("lib.rs", "pub use crate::engine::Vivit;"),
        ("vivit/joint.rs", "use super::definition::Definition;\nuse super::{Config, Encoder};"),
        ("vivit/config.rs", "use super::Model;"),
    ] {
        assert!(faults(place, text).is_empty(), "{place}: {text}: {:?}", faults(place, text));
    }
}

/// What is wrong with a file at `place` below `src/`.
fn faults_of(place: &Path, text: &str) -> Vec<String> {
    if FREE.iter().any(|free| place == Path::new(free)) {
        return Vec::new();
    }
    let modules = module_path(place);
    let Some(own) = height(&modules[0]) else {
        return vec![format!("{}: {} is no floor; add it to this test", place.display(), modules[0])];
    };
    let code = code_of(text);
    let mut faults = Vec::new();
    for name in names_below_the_crate(&code, modules.len()) {
        match height(&name) {
            // The program stands on everything and uses the public face as it is.
            None if own + 1 == FLOORS.len() => {}
            None => faults.push(format!("{}: `crate::{name}` does not say which floor it is on", place.display())),
            Some(floor) if floor > own => {
                faults.push(format!("{}: {} looks up to {name}", place.display(), modules[0]));
            }
            Some(_) => {}
        }
    }
    match modules[0].as_str() {
        "kernels" => faults.extend(faults_within_kernels(place, &modules, &code)),
        "vivit" => faults.extend(faults_within_vivit(place, &modules, &code)),
        _ => {}
    }
    let forbidden: &[&str] = if modules[0] == "gpu" { &["naga"] } else { &["naga", "wgpu"] };
    let forbidden_to_wait: &[&str] = if place.starts_with(WAITS) { &[] } else { &["pollster", "PollType"] };
    // A method of that name is not the crate.
    let code = code.replace("fn wgpu(", "fn (").replace("::wgpu)", ")").replace(".wgpu()", "");
    for word in words(&code).filter(|word| forbidden.contains(word) || forbidden_to_wait.contains(word)) {
        faults.push(format!("{}: {word} is named", place.display()));
    }
    faults
}

/// What alone blocks a thread or polls a device.
const WAITS: &str = "gpu/pending";

/// What kernels of every wing are made of; what stands beside them is a wing.
const BELOW_THE_WINGS: [&str; 6] = ["activation", "clip_layout", "contract", "fields", "host", "shader"];

/// The list of kernels stands above what it lists: nothing imports from `kernels` itself. Nor does what all wings are
/// made of import from a wing.
fn faults_within_kernels(place: &Path, modules: &[String], code: &str) -> Vec<String> {
    let Some(own) = modules.get(1) else { return Vec::new() };
    let names = names_behind(code, "crate::kernels::");
    let is_list = |name: &String| name.starts_with(char::is_uppercase) || !is_module(name);
    let mut faults = Vec::new();
    for name in names {
        if is_list(&name) {
            faults.push(format!("{}: {name} is imported from the list of kernels", place.display()));
        } else if BELOW_THE_WINGS.contains(&own.as_str()) && !BELOW_THE_WINGS.contains(&name.as_str()) {
            faults.push(format!("{}: {own} looks up to {name}", place.display()));
        }
    }
    faults
}

/// Where the list of models is used. All else on the floor is what models are made of; a `Config` alone is used by models
/// and holds one.
const ABOVE_THE_MODELS: [&str; 7] = ["mod", "model", "options", "config", "counting", "named", "initialise"];

/// The list of models stands above what it lists: no model and nothing that models are made of imports it, as a type or
/// by its macro.
fn faults_within_vivit(place: &Path, modules: &[String], code: &str) -> Vec<String> {
    let own = modules.get(1).map_or("mod", String::as_str);
    if ABOVE_THE_MODELS.contains(&own) {
        return Vec::new();
    }
    let to_floor = "super::".repeat(modules.len() - 1);
    let names = ["crate::vivit::", to_floor.as_str()].into_iter().flat_map(|prefix| names_behind(code, prefix));
    let of_list = |name: &String| {
        ["Model", "model", "models!", "options", "counting", "named", "initialise"].contains(&name.as_str())
    };
    let looks_up = |name: String| format!("{}: {name} is imported from the list of models", place.display());
    names.filter(of_list).map(looks_up).collect()
}

/// Whether there is a module of this name in `kernels`.
fn is_module(name: &str) -> bool {
    let kernels = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/kernels");
    kernels.join(name).is_dir() || kernels.join(name).with_extension("rs").is_file()
}

/// `kernels/pool/cases.rs` is the module `kernels::rows::pool::cases`, `kernels/pool/mod.rs` is `kernels::pool`.
fn module_path(place: &Path) -> Vec<String> {
    let mut path: Vec<_> = place.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if path.last().is_some_and(|last| last == "mod") {
        path.pop();
    }
    path
}

/// Macros live at the root of the crate, whatever floor they are from.
const MACROS: [(&str, &str); 1] = [("uniform!", "kernels")];

/// The first name of every path from the crate's root: behind `crate::`, `tubelet::` and as many `super::` as lead
/// there from a module `depth` levels down. A macro counts as the floor it is from.
fn names_below_the_crate(code: &str, depth: usize) -> Vec<String> {
    let to_root = "super::".repeat(depth);
    let names = ["crate::", "tubelet::", to_root.as_str()].into_iter().flat_map(|prefix| names_behind(code, prefix));
    let floor = |name: String| match MACROS.iter().find(|(known, _)| name == *known) {
        Some((_, floor)) => (*floor).to_owned(),
        None => name,
    };
    names.map(floor).collect()
}

/// The first name of every path behind `prefix`.
fn names_behind(code: &str, prefix: &str) -> Vec<String> {
    let stands_alone =
        |at: &usize| !code[..*at].ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':');
    let places = code.match_indices(prefix).map(|(at, _)| at).filter(stands_alone);
    places.flat_map(|at| first_names(&code[at + prefix.len()..])).collect()
}

/// The name that `path` begins with, or those of its group: `{a::b, c::{d, e}}` begins with `a` and `c`.
fn first_names(path: &str) -> Vec<String> {
    let Some(group) = path.strip_prefix('{') else {
        let mut name: String = path.chars().take_while(|next| next.is_alphanumeric() || *next == '_').collect();
        // A further `super` leads nowhere from the root: a test module in the file, one level deeper.
        let leads_on = !matches!(name.as_str(), "" | "super" | "self");
        if path[name.len()..].starts_with('!') {
            name.push('!');
        }
        return if leads_on { vec![name] } else { Vec::new() };
    };
    let (mut depth, mut start, mut names) = (0, 0, Vec::new());
    for (at, next) in group.char_indices() {
        match next {
            '{' => depth += 1,
            '}' | ',' if depth == 0 => {
                names.extend(first_names(group[start..at].trim_start()));
                start = at + 1;
                if next == '}' {
                    break;
                }
            }
            '}' => depth -= 1,
            _ => {}
        }
    }
    names
}
