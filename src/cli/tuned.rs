//! Tiles of workgroups that were timed on a device: where they are kept, and who takes them.

use std::path::PathBuf;

use tubelet::bench::TileFile;
use tubelet::gpu::Capabilities;
use tubelet::graph::Device;
use tubelet::kernels::Selection;
use tubelet::tensor::{Error, Result};

use super::output;

/// The file of `device`, in this program's folder among the user's caches.
pub(super) fn file(device: &Capabilities) -> Result<PathBuf> {
    let folder = folder(&|name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from));
    let folder = folder.ok_or_else(|| Error::usage("there is no folder for caches: set TUBELET_CACHE to one"))?;
    Ok(folder.join(TileFile::name(device)))
}

fn folder(variable: &dyn Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let home = || variable("HOME").or_else(|| variable("USERPROFILE")).map(|home| home.join(".cache"));
    let caches = || variable("XDG_CACHE_HOME").or_else(|| variable("LOCALAPPDATA")).or_else(home);
    variable("TUBELET_CACHE").or_else(|| Some(caches()?.join("tubelet")))
}

/// `variants` with the tiles that were timed on `device`; a note says why where there are none.
pub(super) fn tiled(variants: Selection, device: &Device) -> Selection {
    let Some(gpu) = device.gpu() else {
        output::note(&format!("--tuned: {} has no tiles of workgroups", device.name()));
        return variants;
    };
    match file(gpu.capabilities()).and_then(|path| TileFile::read(path, gpu.capabilities())) {
        Ok(picks) => variants.tiles(picks),
        Err(error) => {
            output::note(&format!("--tuned changes nothing: {error}"));
            variants
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_folder_is_where_caches_are() {
        let of = |set: &[(&str, &str)]| {
            let variable = |name: &str| set.iter().find(|(own, _)| *own == name).map(|(_, value)| PathBuf::from(value));
            folder(&variable)
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[("HOME", "/h")]), Some("/h/.cache/tubelet".into()));
        assert_eq!(of(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]), Some("/x/tubelet".into()));
        assert_eq!(of(&[("XDG_CACHE_HOME", "/x"), ("TUBELET_CACHE", "/c")]), Some("/c".into()));
    }
}
