//! The Hugging Face hub: its cache on this machine and, with feature `hub`, what it offers for download.

mod cache;
#[cfg(feature = "hub")]
mod client;
#[cfg(feature = "hub")]
mod download;
mod model_id;
#[cfg(feature = "hub")]
mod progress;
mod variables;

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::bundled;
use super::location::Location;
use crate::tensor::{Error, Result};
use cache::{Cached, Repository};
use model_id::ModelId;
use variables::Variables;

/// Where models are looked for by name.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Hub {
    /// The folder with one `models--ORGANISATION--NAME` folder a model; without one nothing is found by name.
    pub cache: Option<PathBuf>,
    /// Never use the network.
    pub offline: bool,
    /// The server to download from, where it is not huggingface.co.
    pub endpoint: Option<String>,
    /// The access token for models that are not public.
    pub token: Option<String>,
    /// Show a bar on standard error while downloading.
    pub progress: bool,
    /// How long to wait for a connection and for the next bytes; 10 seconds where nobody says.
    pub timeout: Option<Duration>,
}

impl Hub {
    /// Without a cache, so that nothing is found by name until one is given; whatever the environment says.
    pub fn new() -> Self {
        Self::default()
    }

    /// The folder with one `models--ORGANISATION--NAME` folder a model; `None` where nothing is to be found by name.
    #[must_use]
    pub fn cache(self, cache: impl Into<Option<PathBuf>>) -> Self {
        Self { cache: cache.into(), ..self }
    }

    /// Whether the network is never used.
    #[must_use]
    pub fn offline(self, offline: bool) -> Self {
        Self { offline, ..self }
    }

    /// Downloads from this server; `None` for huggingface.co.
    #[must_use]
    pub fn endpoint(self, endpoint: impl Into<Option<String>>) -> Self {
        Self { endpoint: endpoint.into(), ..self }
    }

    /// The access token for models that are not public.
    #[must_use]
    pub fn token(self, token: impl Into<Option<String>>) -> Self {
        Self { token: token.into(), ..self }
    }

    /// Whether a bar is shown on standard error while downloading.
    #[must_use]
    pub fn progress(self, progress: bool) -> Self {
        Self { progress, ..self }
    }

    /// How long to wait for a connection and for the next bytes; `None` for 10 seconds.
    #[must_use]
    pub fn timeout(self, timeout: impl Into<Option<Duration>>) -> Self {
        Self { timeout: timeout.into(), ..self }
    }

    /// The hub as the environment sets it. These variables mean what they mean to Python's `huggingface_hub`, a `~` and
    /// variables within paths included: `HF_HUB_CACHE` (formerly `HUGGINGFACE_HUB_CACHE`), `HF_HOME`, `XDG_CACHE_HOME`,
    /// `HF_HUB_OFFLINE`, `TRANSFORMERS_OFFLINE`, `HF_ENDPOINT`, `HF_HUB_DOWNLOAD_TIMEOUT`, `HF_TOKEN`, `HF_TOKEN_PATH`
    /// and `HF_HUB_DISABLE_IMPLICIT_TOKEN`. Without a token among them, the one that `hf auth login` left is taken.
    pub fn from_env() -> Self {
        let variable = |name: &str| std::env::var(name).ok();
        let hub = Self::from_variables(variable);
        let left = || fs::read_to_string(Variables::new(&variable).token_file()?).ok();
        Self { token: hub.token.clone().or_else(left), ..hub }
    }

    /// [`Hub::from_env`], but `variable` is asked instead of the environment, and no file is read.
    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let variables = Variables::new(&variable);
        Self {
            cache: variables.cache(),
            offline: variables.is_offline(),
            endpoint: variables.get("HF_ENDPOINT"),
            token: variables.token(),
            progress: false,
            timeout: variables.timeout(),
        }
    }

    /// The files of a model: of the bundled one `name`, of the folder `name`, of the file of weights `name`, or of that name
    /// in the cache or on the server.
    pub(super) fn locate(&self, name: &str) -> Result<Location> {
        if let Some(location) = bundled::locate(name) {
            return Ok(location);
        }
        for path in [Some(PathBuf::from(name)), variables::below_home(name)].into_iter().flatten() {
            if path.is_dir() {
                return Ok(Location::folder(&path));
            }
            if path.is_file() {
                return Ok(Location::file(&path));
            }
        }
        let id = ModelId::parse(name).ok_or_else(|| {
            Error::file(format!(
                "there is neither a file nor a folder {name}, and no model on the hub can have that name"
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
    fn paths_may_begin_with_a_tilde_and_hold_variables() {
        let cache =
            |variables: &[(&str, &str)]| hub(variables).cache.map(|path| path.display().to_string().replace('\\', "/"));
        let home = ("HOME", "/h");
        for (variables, expected) in [
            (vec![home, ("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
            (vec![("HF_HUB_CACHE", "/new"), ("HUGGINGFACE_HUB_CACHE", "/old")], "/new"),
            (vec![("HF_HOME", "/f"), ("HUGGINGFACE_HUB_CACHE", "/old")], "/old"),
            (vec![home, ("HUGGINGFACE_HUB_CACHE", "~/c")], "/h/c"),
            (vec![home, ("HF_HOME", "~/hf")], "/h/hf/hub"),
            (vec![home, ("HF_HOME", "~")], "/h/hub"),
            (vec![home, ("HF_HOME", "/a/~/b")], "/a/~/b/hub"),
            (vec![home, ("HF_HOME", "~other/b")], "~other/b/hub"),
            (vec![home, ("HF_HUB_CACHE", "~/c")], "/h/c"),
            (vec![home, ("XDG_CACHE_HOME", "~/x")], "/h/x/huggingface/hub"),
            (vec![("SCRATCH", "/s"), ("HF_HOME", "$SCRATCH/hf")], "/s/hf/hub"),
            (vec![("SCRATCH", "/s"), ("HF_HOME", "${SCRATCH}hf")], "/shf/hub"),
            (vec![("SCRATCH", "/s"), ("HF_HUB_CACHE", "$SCRATCHED/$SCRATCH/$")], "$SCRATCHED//s/$"),
            (vec![("SCRATCH", "$HOME"), ("HF_HUB_CACHE", "/$SCRATCH/${SCRATCH")], "/$HOME/${SCRATCH"),
            (vec![("SCRATCH", "/s"), ("XDG_CACHE_HOME", "$SCRATCH")], "/s/huggingface/hub"),
        ] {
            assert_eq!(cache(&variables).as_deref(), Some(expected), "{variables:?}");
        }
    }

    #[test]
    fn the_older_names_of_variables_count() {
        assert!(hub(&[("TRANSFORMERS_OFFLINE", "1")]).offline);
        assert!(!hub(&[("HF_HUB_OFFLINE", "0"), ("TRANSFORMERS_OFFLINE", "1")]).offline);
        assert_eq!(hub(&[("HUGGING_FACE_HUB_TOKEN", "a")]).token.as_deref(), Some("a"));
        let token = hub(&[("HF_TOKEN", "b\n"), ("HUGGING_FACE_HUB_TOKEN", "a")]).token;
        assert_eq!(token.as_deref(), Some("b"));
        assert_eq!(hub(&[("HF_TOKEN", "b"), ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")]).token, None);
        for (value, expected) in [("3", Some(3)), ("0", None), ("-1", None), ("soon", None)] {
            let timeout = hub(&[("HF_HUB_DOWNLOAD_TIMEOUT", value)]).timeout;
            assert_eq!(timeout, expected.map(Duration::from_secs), "{value}");
        }
        let variables = |name: &str| {
            [("HOME", "/h"), ("HF_TOKEN_PATH", "~/t")]
                .into_iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| value.to_owned())
        };
        assert_eq!(Variables::new(&variables).token_file(), Some("/h/t".into()));
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
