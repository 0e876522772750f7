//! The file in which the tiles that were timed on a device are kept.

use std::io::{Read, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::files::write_whole;
use crate::gpu::Capabilities;
use crate::kernels::TilePicks;
use crate::tensor::{Error, Result};

/// The tiles that were found fastest on a device, with what they are of: another driver or version times them anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub struct TileFile {
    /// [`Self::SCHEMA`].
    pub schema: u32,
    /// The version of this library.
    pub version: String,
    /// The device's name.
    pub device: String,
    /// What drives it: `vulkan`, `metal` or `dx12`.
    pub backend: String,
    /// The driver and its version.
    pub driver: String,
    /// What was found.
    pub picks: TilePicks,
}

/// Bytes that no such file has.
const LONGEST: u64 = 1 << 20;
/// Letters of a device's or driver's name in the name of the file.
const LONGEST_PART: usize = 80;

impl TileFile {
    /// The version of the file's keys.
    pub const SCHEMA: u32 = 1;

    /// What was found on `device`.
    pub fn new(device: &Capabilities, picks: TilePicks) -> Self {
        Self {
            schema: Self::SCHEMA,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            device: device.name.clone(),
            backend: device.backend.clone(),
            driver: device.driver.clone(),
            picks,
        }
    }

    /// The name of the file of `device`: by its own name, its driver and the version of this library.
    pub fn name(device: &Capabilities) -> String {
        let parts = [device.name.as_str(), &device.backend, &device.driver, env!("CARGO_PKG_VERSION")];
        format!("tiles-{}.json", parts.map(plain).join("-"))
    }

    /// Writes it to `path`, whole or not at all; the folder is made where it is missing.
    pub fn write(&self, path: impl AsRef<Path>) -> Result<()> {
        let path = path.as_ref();
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(|error| Error::io("make", folder, &error))?;
        }
        let text = serde_json::to_string_pretty(self)
            .map_err(|error| Error::file(format!("{} cannot be written as JSON: {error}", path.display())))?;
        write_whole(path, |file| writeln!(file, "{text}"))
    }

    /// What the file at `path` says of `device`.
    ///
    /// # Errors
    ///
    /// [`File`](crate::tensor::ErrorKind::File) where there is none, where it is damaged, or where it is of another device,
    /// driver or version.
    pub fn read(path: impl AsRef<Path>, device: &Capabilities) -> Result<TilePicks> {
        let path = path.as_ref();
        let text = read(path, device)?;
        let file: Self = serde_json::from_str(&text).map_err(|error| damaged(path, &error.to_string()))?;
        let own = Self::new(device, file.picks.clone());
        match file == own {
            true => Ok(file.picks),
            false => Err(Error::file(format!(
                "{} is of {}, not of {}; time the tiles anew with `tubelet devices --tune`",
                path.display(),
                file.describe(),
                own.describe()
            ))),
        }
    }

    fn describe(&self) -> String {
        let Self { schema, version, device, backend, driver, .. } = self;
        format!("{device:?} with {driver:?} through {backend:?}, version {version:?}, schema {schema}")
    }
}

fn read(path: &Path, device: &Capabilities) -> Result<String> {
    let file = std::fs::File::open(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::file(format!(
            "no tiles were timed on {} with this driver and version: there is no {}; `tubelet devices --tune` writes it",
            device.name,
            path.display()
        )),
        _ => Error::io("read", path, &error),
    })?;
    let mut text = String::new();
    match file.take(LONGEST).read_to_string(&mut text) {
        Ok(_) => Ok(text),
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Err(damaged(path, "it is no text")),
        Err(error) => Err(Error::io("read", path, &error)),
    }
}

fn damaged(path: &Path, reason: &str) -> Error {
    Error::file(format!("{} is damaged: {reason}; `tubelet devices --tune` writes it anew", path.display()))
}

/// The letters and digits of a name, in words that every file system takes.
fn plain(name: &str) -> String {
    let letters = name.to_lowercase();
    let words: Vec<_> =
        letters.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join("-").chars().take(LONGEST_PART).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::DeviceKind;
    use crate::kernels::{ProductClass, WorkgroupTile};
    use crate::tensor::ErrorKind;

    fn device() -> Capabilities {
        let mut device = Capabilities::of_kind(DeviceKind::Discrete);
        (device.name, device.driver) = ("NVIDIA H100 80GB HBM3".to_owned(), "NVIDIA 570.86/../x".to_owned());
        device
    }

    #[test]
    fn what_was_timed_is_kept_for_its_device_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join(TileFile::name(&device()));
        let version = env!("CARGO_PKG_VERSION").replace('.', "-");
        let expected = format!("tiles-nvidia-h100-80gb-hbm3-vulkan-nvidia-570-86-x-{version}.json");
        assert_eq!(path.file_name().unwrap().to_str(), Some(&*expected));
        let failed = |device: &Capabilities| {
            let error = TileFile::read(&path, device).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::File);
            error.to_string()
        };
        assert!(failed(&device()).contains("no tiles were timed on NVIDIA H100"));
        let picks = TilePicks::new().with("linear", ProductClass::ManyWide, WorkgroupTile::ALL[4]);
        TileFile::new(&device(), picks.clone()).write(&path).unwrap();
        assert_eq!(TileFile::read(&path, &device()).unwrap(), picks);
        let other = Capabilities { driver: "NVIDIA 580.65".to_owned(), ..device() };
        assert!(failed(&other).contains("580.65"));
        let text = std::fs::read_to_string(&path).unwrap();
        for (damaged, said) in [
            (text[..text.len() / 2].to_owned(), "is damaged"),
            (text.replace("128x128x8", "1x1x1"), "1x1x1"),
            (text.replace("\"schema\": 1", "\"schema\": 2"), "schema 2"),
            (text.replace("\"picks\"", "\"choices\""), "choices"),
            (String::new(), "is damaged"),
        ] {
            std::fs::write(&path, damaged).unwrap();
            assert!(failed(&device()).contains(said), "{}", failed(&device()));
        }
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(failed(&device()).contains("no text"));
    }
}
