//! Manifests of strangers, which must not have other files read than those below the folder that was named.

use std::path::{Component, Path, PathBuf};

use super::Item;

/// Refuses the videos whose paths, as the manifest has them, lead out of `root`. Links inside it are the user's own and
/// are followed.
pub(super) fn confine(root: &Path, items: &mut [Item]) {
    for item in items {
        if !is_below(root, &item.path) {
            item.refusal = Some(format!(
                "{} lies outside {}, and nothing outside it is read for a manifest with --root",
                item.path.display(),
                root.display()
            ));
        }
    }
}

fn is_below(root: &Path, path: &Path) -> bool {
    let plain = |rest: &Path| rest.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if path.strip_prefix(root).is_ok_and(plain) {
        return true;
    }
    match (root.canonicalize(), path.canonicalize()) {
        (Ok(root), Ok(path)) => path.starts_with(root),
        _ => lexically(path).starts_with(lexically(root)),
    }
}

/// The path without `.` and `..`.
fn lexically(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if plain.file_name().is_some() => _ = plain.pop(),
            part => plain.push(part),
        }
    }
    plain
}

/// The videos that are read although links lead to them out of `root`.
pub(super) fn linked_outside<'a>(root: &Path, items: &'a [Item]) -> Vec<&'a Item> {
    let Ok(root) = root.canonicalize() else { return Vec::new() };
    let outside = |item: &&Item| item.path.canonicalize().is_ok_and(|path| !path.starts_with(&root));
    items.iter().filter(|item| item.refusal.is_none()).filter(outside).collect()
}
