//! Where a new model's parameters come from, in as few lines as say it.

use std::collections::BTreeMap;

use serde::Serialize;
use tubelet::vivit::ParameterSpec;
use tubelet::vivit::initialise::{Initialised, ParameterOrigin};

/// Parameters of one origin.
#[derive(Serialize)]
pub(super) struct Group {
    pub(super) parameters: String,
    pub(super) tensors: usize,
    pub(super) from: String,
}

/// The parameters by where they come from, those of all layers together, each under what their names have in common.
pub(super) fn groups(made: &Initialised) -> Vec<Group> {
    let mut order: Vec<(String, String)> = Vec::new();
    let mut members: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for (ParameterSpec { name, .. }, origin) in made.origins() {
        let name = all_layers(name);
        let from = match origin {
            ParameterOrigin::Copied(source) => copied(&name, &all_layers(source)),
            origin => origin.to_string(),
        };
        let key = (bucket(&name), from);
        if !members.contains_key(&key) {
            order.push(key.clone());
        }
        members.entry(key).or_default().push(name);
    }
    let group = |key: (String, String)| {
        let names = members.get(&key).map_or(&[][..], Vec::as_slice);
        Group { parameters: common_path(names), tensors: names.len(), from: key.1 }
    };
    order.into_iter().map(group).collect()
}

/// `Transformer.encoderblock_3.LayerNorm_0.bias` as `Transformer.encoderblock_*.LayerNorm_0.bias`.
fn all_layers(name: &str) -> String {
    let parts = name.split('.').map(|part| if part.starts_with("encoderblock_") { "encoderblock_*" } else { part });
    parts.collect::<Vec<_>>().join(".")
}

/// What is shown in one line if it has one origin: a module, in blocks the whole attention or MLP.
fn bucket(name: &str) -> String {
    let parts: Vec<_> = name.split('.').collect();
    parts[..(parts.len() - 1).clamp(1, 3)].join(".")
}

/// Where a copy comes from: the first part of the source's name in which it differs from the target's.
fn copied(name: &str, source: &str) -> String {
    match source.split('.').zip(name.split('.')).find(|(source, name)| source != name) {
        Some((source, _)) => format!("copied from {source}"),
        None => "copied".to_owned(),
    }
}

/// The parts that all `names` begin with.
fn common_path(names: &[String]) -> String {
    let Some((first, others)) = names.split_first() else { return String::new() };
    let shared = |parts: &[&str]| {
        let path = parts.join(".");
        others.iter().all(|name| *name == path || name.starts_with(&format!("{path}.")))
    };
    let parts: Vec<_> = first.split('.').collect();
    let longest = (0..=parts.len()).rev().find(|&length| shared(&parts[..length])).unwrap_or(0);
    parts[..longest].join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_share_their_first_parts() {
        let names = |names: &[&str]| common_path(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>());
        assert_eq!(names(&["a.b.kernel", "a.b.bias"]), "a.b");
        assert_eq!(names(&["a.b.kernel"]), "a.b.kernel");
        assert_eq!(names(&["a.bc", "a.b"]), "a");
        assert_eq!(copied("S.encoderblock_*.x", "T.encoderblock_*.x"), "copied from T");
        assert_eq!(copied("T.LayerNorm_time.x", "T.LayerNorm_time.x"), "copied");
        assert_eq!(bucket(&all_layers("T.encoderblock_11.MlpBlock_0.Dense_0.bias")), "T.encoderblock_*.MlpBlock_0");
        assert_eq!(bucket("cls"), "cls");
    }
}
