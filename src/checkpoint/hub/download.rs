//! Downloads into the cache. Each file appears there when it is whole.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::cache::{Lack, Repository};
use super::client::{Answer, Client, Failure, escaped};
use super::{Hub, ModelId, progress};
use crate::checkpoint::preprocessor;
use crate::checkpoint::reason::reason;
use crate::checkpoint::weights::{INDEX, WHOLE, shards};
use crate::checkpoint::writing::CONFIG;
use crate::files::Unfinished;
use crate::tensor::{Error, ErrorKind, Result, printable};

/// Pull requests are looked at up to this number: the bot opens its one when a model is new.
const LAST_PULL_REQUEST: u64 = 16;
/// How often a transfer that breaks off is begun.
const TRANSFERS: usize = 3;
/// Bytes of the longest list of files, index of shards or configuration that is read.
const LONGEST_TEXT: u64 = 16 << 20;
/// Bytes of the largest file of weights that is downloaded.
const LARGEST_FILE: u64 = 1 << 40;

/// Downloads what it takes to load the model: its `config.json`, its weights and what
/// says how to prepare clips. `lack` says what the cache lacks.
pub(super) fn download(hub: &Hub, id: &ModelId, cache: &Path, lack: &Lack) -> Result<()> {
    let cache = std::path::absolute(cache).map_err(|error| Error::io("find", cache, &error))?;
    let client = Client::new(hub)?;
    let open = |id: ModelId| Remote::open(&client, id, &cache, hub.progress);
    let revision = open(id.clone()).map_err(|failure| unknown(id, hub, lack, &failure))?;
    revision.fetch(CONFIG)?;
    preprocessor::NAMES.iter().filter(|name| revision.has(name)).try_for_each(|name| revision.fetch(name))?;
    if revision.has_weights() {
        return revision.fetch_weights();
    }
    let pull_requests =
        (1..=LAST_PULL_REQUEST).map(|number| ModelId { revision: format!("refs/pr/{number}"), ..id.clone() });
    let mut opened = pull_requests.filter_map(|request| open(request).ok());
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
    client: &'a Client,
    commit: String,
    files: Vec<String>,
    repository: Repository,
    progress: bool,
}

/// What the server says of a revision.
#[derive(Deserialize)]
struct Revision {
    sha: String,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

/// A file of it.
#[derive(Deserialize)]
struct Sibling {
    rfilename: String,
}

impl<'a> Remote<'a> {
    fn open(client: &'a Client, id: ModelId, cache: &Path, progress: bool) -> Result<Self, Failure> {
        let answer = client.get(&format!("/api/models/{}/revision/{}", id.name, escaped(&id.revision)))?;
        let mut text = Vec::new();
        answer
            .into_reader(LONGEST_TEXT)
            .read_to_end(&mut text)
            .map_err(|error| Failure::Connection(error.to_string()))?;
        if text.len() as u64 > LONGEST_TEXT {
            return Err(Failure::Answer(format!("its list of files is longer than {LONGEST_TEXT} bytes")));
        }
        let revision: Revision = serde_json::from_slice(&text)
            .map_err(|error| Failure::Answer(format!("its list of files is not understood: {}", reason(&error))))?;
        if !is_commit(&revision.sha) {
            return Err(Failure::Answer(format!(
                "it calls the commit {}, which is none",
                printable(&revision.sha, 80)
            )));
        }
        let files = revision.siblings.into_iter().map(|sibling| sibling.rfilename).collect();
        let repository = Repository::new(cache, &id);
        Ok(Self { id, client, commit: revision.sha, files, repository, progress })
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

    /// Puts a file into the cache. `file` is one of the known names or of a shard, which have no folders in them.
    fn fetch(&self, file: &str) -> Result<()> {
        let link = self.snapshot().join(file);
        if !link.is_file() {
            tracing::info!("downloading {file} of {}", self.id);
            put_link(&self.blob(file)?, &link)?;
        }
        self.repository.refer(&self.id.revision, &self.commit)
    }

    /// The contents of a file, downloaded unless they are there; once more where a transfer broke off.
    fn blob(&self, file: &str) -> Result<PathBuf> {
        let attempts = std::iter::repeat_with(|| self.receive(file)).take(TRANSFERS);
        let mut last = None;
        for attempt in attempts {
            match attempt {
                Ok(blob) => return Ok(blob),
                Err(Attempt::Refused(error)) => return Err(error),
                Err(Attempt::Broken(error)) => last = Some(error),
            }
        }
        Err(last.unwrap_or_else(|| self.failed(file, "it was not tried")))
    }

    fn receive(&self, file: &str) -> Result<PathBuf, Attempt> {
        let path = format!("/{}/resolve/{}/{}", self.id.name, escaped(&self.id.revision), escaped(file));
        let answer = self.client.get(&path).map_err(|failure| self.failed(file, &failure.to_string()))?;
        if answer.said.commit.as_ref().is_some_and(|commit| *commit != self.commit) {
            return Err(self.failed(file, "the server has another commit of it by now: try again").into());
        }
        let largest = if file.ends_with(".safetensors") { LARGEST_FILE } else { LONGEST_TEXT };
        let size = self.announced(file, &answer, largest)?;
        let (name, hash) = self.identity(file, &answer);
        let folder = self.repository.blobs();
        std::fs::create_dir_all(&folder).map_err(|error| Error::io("make the folder", &folder, &error))?;
        let blob = folder.join(name);
        if blob.symlink_metadata().is_ok_and(|found| found.is_file() && size.is_none_or(|size| size == found.len())) {
            return Ok(blob);
        }
        let bar = progress::bar(self.progress, file, size);
        let mut unfinished = Unfinished::create(&blob)?;
        let received =
            copy(answer.into_reader(size.unwrap_or(largest)), &mut unfinished, &mut |bytes| bar.advance(bytes))
                .map_err(|obstacle| match obstacle {
                    Obstacle::Network(error) => Attempt::Broken(
                        self.failed(file, &format!("the transfer broke off ({})", printable(&error.to_string(), 200))),
                    ),
                    Obstacle::Disk(error) => Attempt::Refused(Error::io("write", &blob, &error)),
                })?;
        if received.bytes > size.unwrap_or(largest) {
            let most = size.unwrap_or(largest);
            return Err(self.failed(file, &format!("the server sends more than {most} bytes")).into());
        }
        if let Some(size) = size.filter(|size| *size > received.bytes) {
            let reason = format!("the server announces {size} bytes and sends {}", received.bytes);
            return Err(Attempt::Broken(self.failed(file, &reason)));
        }
        if hash.is_some_and(|hash| hash != received.hash) {
            return Err(self.failed(file, "what the server sends has not the hash that it announces").into());
        }
        unfinished.finish()?.put()?;
        Ok(blob)
    }

    /// The number of bytes that the answer announces.
    fn announced(&self, file: &str, answer: &Answer, largest: u64) -> Result<Option<u64>> {
        match (answer.said.size, answer.length) {
            (Some(said), Some(sent)) if said != sent => {
                Err(self.failed(file, &format!("the server says that it has {said} bytes and announces {sent}")))
            }
            (size, length) => match size.or(length) {
                Some(size) if size > largest => Err(self.failed(
                    file,
                    &format!("the server announces {size} bytes, more than the {largest} that are taken"),
                )),
                size => Ok(size),
            },
        }
    }

    /// The name of the file's contents in the cache, and their SHA-256 where the server says it. A hash of Git's or of
    /// SHA-256 is a name, as for every program that uses the cache; where the server has none, it is made here.
    fn identity(&self, file: &str, answer: &Answer) -> (String, Option<String>) {
        let is_hash = |etag: &&String| {
            matches!(etag.len(), 40 | 64) && etag.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        let linked = answer.said.linked_etag.as_ref().filter(is_hash);
        match linked.or(answer.said.etag.as_ref().filter(is_hash)) {
            Some(etag) => (etag.clone(), linked.filter(|etag| etag.len() == 64).cloned()),
            None => (hexadecimal(&Sha256::digest(format!("{}/{file}", self.commit))), None),
        }
    }

    fn failed(&self, file: &str, reason: &str) -> Error {
        Error::new(ErrorKind::Io, format!("cannot download {file} of {}: {reason}", self.id))
    }

    fn snapshot(&self) -> PathBuf {
        self.repository.snapshot(&self.commit)
    }
}

/// Whether `commit` can be the name of a folder: those of Git are 40 hexadecimal digits.
fn is_commit(commit: &str) -> bool {
    (1..=64).contains(&commit.len()) && commit.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// What was received.
struct Received {
    bytes: u64,
    /// SHA-256 of the contents, in hexadecimal digits.
    hash: String,
}

/// A transfer that came to nothing.
enum Attempt {
    /// Another one may succeed.
    Broken(Error),
    Refused(Error),
}

impl From<Error> for Attempt {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

/// Which side of a copy failed.
enum Obstacle {
    Network(std::io::Error),
    Disk(std::io::Error),
}

fn copy(mut from: impl Read, to: &mut impl Write, advance: &mut dyn FnMut(u64)) -> Result<Received, Obstacle> {
    let mut buffer = vec![0; 1 << 16];
    let (mut bytes, mut hash) = (0, Sha256::new());
    loop {
        let part = match from.read(&mut buffer) {
            Ok(0) => return Ok(Received { bytes, hash: hexadecimal(&hash.finalize()) }),
            Ok(length) => &buffer[..length],
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(Obstacle::Network(error)),
        };
        to.write_all(part).map_err(Obstacle::Disk)?;
        hash.update(part);
        bytes += part.len() as u64;
        advance(part.len() as u64);
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes `link` name the file `blob`, whose folder lies beside that of the snapshots.
fn put_link(blob: &Path, link: &Path) -> Result<()> {
    let failed = |error: std::io::Error| Error::io("write", link, &error);
    let folder = link.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(|error| Error::io("make the folder", folder, &error))?;
    if link.symlink_metadata().is_ok() {
        std::fs::remove_file(link).map_err(failed)?;
    }
    let relative = Path::new("../../blobs").join(blob.file_name().unwrap_or_default());
    if linked(&relative, link).is_ok() {
        return Ok(());
    }
    // As other programs do where there are no links.
    let mut file = Unfinished::create(link)?;
    std::fs::File::open(blob).and_then(|mut blob| std::io::copy(&mut blob, &mut file)).map_err(failed)?;
    file.finish()?.put()
}

#[cfg(unix)]
fn linked(target: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(target, link)
}

#[cfg(not(unix))]
fn linked(_target: &Path, _link: &Path) -> std::io::Result<()> {
    Err(std::io::ErrorKind::Unsupported.into())
}

fn unknown(id: &ModelId, hub: &Hub, lack: &Lack, failure: &Failure) -> Error {
    let server = hub.endpoint.as_deref().unwrap_or("the hub");
    let obstacle = match (lack, failure) {
        (_, Failure::Answer(reason)) => format!("the answer of {server} cannot be used: {reason}"),
        (Lack::Unknown(_), _) => format!(
            "{server} does not show such a model ({failure}): check the name, the network, and for a model that is not \
             public the token in HF_TOKEN"
        ),
        _ => format!("{server} did not answer ({failure}); check the network"),
    };
    Error::new(ErrorKind::Io, lack.sentence(id, &obstacle))
}
