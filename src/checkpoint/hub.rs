//! The Hugging Face hub: its cache on this machine and, with feature `hub`, what it offers for download.

mod cache;
#[cfg(feature = "hub")]
mod download;
mod model_id;

use std::fmt;
use std::path::{Path, PathBuf};

use super::location::Location;
use crate::tensor::{Error, Result};
use cache::{Cached, Repository};
use model_id::ModelId;

/// Where models that go by a name are looked for.
#[derive(Clone, Default)]
pub struct Hub {
    /// The folder with one `models--ORGANISATION--NAME` folder a model; without one nothing is found by name.
    pub cache: Option<PathBuf>,
    /// Never use the network.
    pub offline: bool,
    /// The server to download from, where it is not huggingface.co.
    pub endpoint: Option<String>,
    /// What lets its owner download models that are not public.
    pub token: Option<String>,
    /// Show a bar on standard error while downloading.
    pub progress: bool,
}

impl Hub {
    /// The hub as the environment sets it: the variables `HF_HUB_CACHE`, `HF_HOME`, `HF_HUB_OFFLINE`, `HF_ENDPOINT`
    /// and `HF_TOKEN` mean what they mean to Python's `huggingface_hub`.
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// [`Hub::from_env`] where `variable` answers for the environment.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let path = |name: &str| variable(name).map(PathBuf::from);
        let user_cache =
            || path("XDG_CACHE_HOME").or_else(|| Some(path("HOME").or_else(|| path("USERPROFILE"))?.join(".cache")));
        let home = || path("HF_HOME").or_else(|| Some(user_cache()?.join("huggingface")));
        Self {
            cache: path("HF_HUB_CACHE").or_else(|| Some(home()?.join("hub"))),
            offline: variable("HF_HUB_OFFLINE").is_some_and(|value| is_true(&value)),
            endpoint: variable("HF_ENDPOINT"),
            token: variable("HF_TOKEN"),
            progress: false,
        }
    }

    /// The files of the model in the folder `name` or whose weights are the file `name`, or of that name in the cache or
    /// on the server.
    pub(super) fn locate(&self, name: &str) -> Result<Location> {
        let path = Path::new(name);
        if path.is_dir() {
            return Ok(Location::folder(path));
        }
        if path.is_file() {
            return Ok(Location::file(path));
        }
        let id = ModelId::parse(name).ok_or_else(|| {
            Error::file(format!(
                "there is neither a file nor a folder {name}, and no model on the hub can be called so"
            ))
        })?;
        let Some(cache) = &self.cache else {
            return Err(Error::file(format!(
                "there is neither a file nor a folder {name}, and no cache of the hub to look in: set HF_HOME to a folder for it"
            )));
        };
        let repository = Repository::new(cache, &id);
        match repository.find(&id)? {
            Cached::Complete(location) => Ok(location),
            Cached::Incomplete(lack) => {
                self.download(&id, cache, &lack)?;
                match repository.find(&id)? {
                    Cached::Complete(location) => Ok(location),
                    Cached::Incomplete(lack) => {
                        Err(Error::file(format!("{id} was downloaded, but is still incomplete: {lack}")))
                    }
                }
            }
        }
    }

    #[cfg(feature = "hub")]
    fn download(&self, id: &ModelId, cache: &Path, lack: &cache::Lack) -> Result<()> {
        if self.offline {
            return Err(Error::file(lack.sentence(id, "HF_HUB_OFFLINE forbids downloads")));
        }
        download::download(self, id, cache, lack)
    }

    #[cfg(not(feature = "hub"))]
    fn download(&self, id: &ModelId, _cache: &Path, lack: &cache::Lack) -> Result<()> {
        Err(Error::file(lack.sentence(id, "this build cannot download (it lacks feature `hub`)")))
    }
}

impl fmt::Debug for Hub {
    /// Leaves out the token, which is a secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hub")
            .field("cache", &self.cache)
            .field("offline", &self.offline)
            .field("endpoint", &self.endpoint)
            .field("progress", &self.progress)
            .finish_non_exhaustive()
    }
}

fn is_true(value: &str) -> bool {
    ["1", "true", "yes", "on"].contains(&value.trim().to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hub(variables: &[(&str, &str)]) -> Hub {
        Hub::from_variables(|name| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_cache_is_where_python_has_it() {
        let cache = |variables| hub(variables).cache.map(|path| path.display().to_string().replace('\\', "/"));
        assert_eq!(cache(&[("HOME", "/h")]).as_deref(), Some("/h/.cache/huggingface/hub"));
        assert_eq!(cache(&[("USERPROFILE", "/u")]).as_deref(), Some("/u/.cache/huggingface/hub"));
        assert_eq!(cache(&[("HOME", "/h"), ("XDG_CACHE_HOME", "/x")]).as_deref(), Some("/x/huggingface/hub"));
        assert_eq!(cache(&[("HOME", "/h"), ("HF_HOME", "/f")]).as_deref(), Some("/f/hub"));
        assert_eq!(cache(&[("HF_HUB_CACHE", "/c"), ("HF_HOME", "/f")]).as_deref(), Some("/c"));
        assert_eq!(cache(&[("HF_HUB_CACHE", ""), ("HF_HOME", "/f")]).as_deref(), Some("/f/hub"));
        assert_eq!(cache(&[]), None);
    }

    #[test]
    fn offline_is_said_in_several_ways() {
        for value in ["1", "true", "YES", "On"] {
            assert!(hub(&[("HF_HUB_OFFLINE", value)]).offline, "{value}");
        }
        for value in ["0", "false", "", "no"] {
            assert!(!hub(&[("HF_HUB_OFFLINE", value)]).offline, "{value}");
        }
    }

    #[test]
    fn the_token_is_not_printed() {
        let hub = hub(&[("HF_TOKEN", "hf_secret")]);
        assert_eq!(hub.token.as_deref(), Some("hf_secret"));
        assert!(!format!("{hub:?}").contains("secret"));
    }
}
