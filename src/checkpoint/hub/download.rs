//! Downloads into the cache. Each file appears there when it is whole.

use std::path::Path;

use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};

use super::cache::{Lack, Repository};
use super::{Hub, ModelId};
use crate::checkpoint::weights::{INDEX, WHOLE, shards};
use crate::tensor::{Error, ErrorKind, Result};

/// How often a broken transfer is taken up again.
const RETRIES: usize = 3;
/// Pull requests are looked at up to this number: the bot opens its one when a model is new.
const LAST_PULL_REQUEST: u64 = 16;

/// Downloads what it takes to load the model: its `config.json`, its weights and what
/// says how to prepare clips. `lack` is why the cache does not do.
pub(super) fn download(hub: &Hub, id: &ModelId, cache: &Path, lack: &Lack) -> Result<()> {
    let cache = std::path::absolute(cache).map_err(|error| Error::io("find", cache, &error))?;
    let mut builder = ApiBuilder::from_cache(Cache::new(cache.clone())).with_progress(hub.progress);
    builder = builder.with_retries(RETRIES);
    if let Some(endpoint) = &hub.endpoint {
        builder = builder.with_endpoint(endpoint.trim_end_matches('/').to_owned());
    }
    if let Some(token) = &hub.token {
        builder = builder.with_token(Some(token.clone()));
    }
    let api = builder.build().map_err(|error| failed("set up a download", id, &error))?;
    let revision = Remote::open(&api, id.clone(), &cache).map_err(|error| unknown(id, hub, lack, &error))?;
    revision.fetch("config.json")?;
    if revision.has("preprocessor_config.json") {
        revision.fetch("preprocessor_config.json")?;
    }
    if revision.has_weights() {
        return revision.fetch_weights();
    }
    let pull_requests =
        (1..=LAST_PULL_REQUEST).map(|number| ModelId { revision: format!("refs/pr/{number}"), ..id.clone() });
    let mut opened = pull_requests.filter_map(|request| Remote::open(&api, request, &cache).ok());
    match opened.find(Remote::has_weights) {
        Some(request) => request.fetch_weights(),
        None => Err(Error::file(format!(
            "{id} has no safetensors file, neither itself nor in its pull requests 1 to {LAST_PULL_REQUEST}: \
             convert it with Python's transformers (load it, then save_pretrained to a folder) and load that folder"
        ))),
    }
}

/// One revision of a model on the server.
struct Remote<'a> {
    id: ModelId,
    repo: ApiRepo,
    commit: String,
    files: Vec<String>,
    cache: &'a Path,
}

impl<'a> Remote<'a> {
    fn open(api: &Api, id: ModelId, cache: &'a Path) -> Result<Self, ApiError> {
        let repo = api.repo(Repo::with_revision(id.name.clone(), RepoType::Model, id.revision.clone()));
        let info = repo.info()?;
        let files = info.siblings.into_iter().map(|sibling| sibling.rfilename).collect();
        Ok(Self { id, repo, commit: info.sha, files, cache })
    }

    fn has(&self, file: &str) -> bool {
        self.files.iter().any(|known| known == file)
    }

    fn has_weights(&self) -> bool {
        self.has(WHOLE) || self.has(INDEX)
    }

    fn fetch_weights(&self) -> Result<()> {
        if self.has(WHOLE) {
            return self.fetch(WHOLE);
        }
        self.fetch(INDEX)?;
        shards(&self.snapshot().join(INDEX))?.iter().try_for_each(|shard| self.fetch(shard))
    }

    fn fetch(&self, file: &str) -> Result<()> {
        let wanted = self.snapshot().join(file);
        if wanted.is_file() {
            return Ok(());
        }
        tracing::info!("downloading {file} of {}", self.id);
        let fetched =
            self.repo.download(file).map_err(|error| failed(&format!("download {file}"), &self.id, &error))?;
        if fetched == wanted {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Io, format!("{} changed on the hub during the download: try again", self.id)))
    }

    fn snapshot(&self) -> std::path::PathBuf {
        Repository::new(self.cache, &self.id).snapshot(&self.commit)
    }
}

fn unknown(id: &ModelId, hub: &Hub, lack: &Lack, error: &ApiError) -> Error {
    let server = hub.endpoint.as_deref().unwrap_or("the hub");
    let obstacle = match lack {
        Lack::Unknown(_) => format!(
            "{server} does not show such a model ({error}): check the name, the network, and for a model that is not \
             public the token in HF_TOKEN"
        ),
        _ => format!("{server} did not answer ({error}); check the network"),
    };
    Error::new(ErrorKind::Io, lack.sentence(id, &obstacle))
}

fn failed(action: &str, id: &ModelId, error: &ApiError) -> Error {
    Error::new(ErrorKind::Io, format!("cannot {action} of {id}: {error}"))
}
