//! Models that go by a name: the cache that all programs share, and a server on this machine.

use super::*;

const NAME: &str = "google/vivit-test";

/// What keeps these tests from a download.
const OBSTACLE: &str = if cfg!(feature = "hub") { "HF_HUB_OFFLINE" } else { "feature `hub`" };

/// A cache in a temporary folder.
struct Cache(TempDir);

impl Cache {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn hub(&self) -> Hub {
        Hub::default().cache(Some(self.0.path().to_owned())).offline(true)
    }

    fn repository(&self) -> PathBuf {
        self.0.path().join("models--google--vivit-test")
    }

    /// Puts files of a fixture into the revision's snapshot.
    fn put(&self, revision: &str, commit: &str, files: &[&str]) {
        let reference = self.repository().join("refs").join(revision);
        fs::create_dir_all(reference.parent().unwrap()).unwrap();
        fs::write(reference, commit).unwrap();
        let snapshot = self.repository().join("snapshots").join(commit.trim());
        fs::create_dir_all(&snapshot).unwrap();
        for file in files {
            let source = fixture("hf-tiny").join(file);
            match source.is_file() {
                true => drop(fs::copy(source, snapshot.join(file)).unwrap()),
                false => fs::write(snapshot.join(file), "{}").unwrap(),
            }
        }
    }

    fn load(&self, name: &str) -> Result<Checkpoint, String> {
        load_with(name, &self.hub()).map_err(|error| error.to_string())
    }
}

#[test]
fn a_name_is_found_in_the_cache() {
    let cache = Cache::new();
    cache.put("main", "aaa111", &["config.json", "model.safetensors", "preprocessor_config.json"]);
    let checkpoint = cache.load(NAME).unwrap();
    assert_eq!(checkpoint.source, "google/vivit-test (commit aaa111)");
    assert_eq!(
        (checkpoint.preprocessor.as_ref().map(|file| file.text.as_str()), checkpoint.notes.len()),
        (Some("{}"), 0)
    );
    assert_same_weights(&checkpoint, &load(&fixture("hf-tiny")).unwrap(), Tolerance::EXACT);
}

#[test]
fn a_revision_is_a_branch_or_a_commit() {
    let cache = Cache::new();
    cache.put("main", "aaa111", &[]);
    cache.put("v2", "bbb222\n", &["config.json", "model.safetensors"]);
    assert_eq!(cache.load("google/vivit-test@v2").unwrap().source, "google/vivit-test@v2 (commit bbb222)");
    assert_eq!(cache.load("google/vivit-test@bbb222").unwrap().source, "google/vivit-test@bbb222 (commit bbb222)");
    let error = cache.load("google/vivit-test@v3").unwrap_err();
    assert!(error.contains("google/vivit-test@v3") && error.contains("refs/v3 is missing"), "{error}");
}

#[test]
fn weights_of_a_pull_request_replace_pickled_ones() {
    let cache = Cache::new();
    cache.put("main", "aaa111", &["config.json", "pytorch_model.bin", "preprocessor_config.json"]);
    cache.put("refs/pr/2", "bbb222", &["README.md"]);
    cache.put("refs/pr/11", "ddd444", &["model.safetensors"]);
    cache.put("refs/pr/3", "ccc333", &["model.safetensors"]);
    let checkpoint = cache.load(NAME).unwrap();
    assert_eq!(checkpoint.notes.len(), 1);
    assert!(checkpoint.notes[0].contains("refs/pr/3"), "{}", checkpoint.notes[0]);
    assert_eq!(checkpoint.preprocessor.as_ref().map(|file| file.text.as_str()), Some("{}"));
    let asked_for = cache.load("google/vivit-test@refs/pr/11").unwrap();
    assert!(asked_for.notes.is_empty() && asked_for.source.contains("ddd444"));
}

#[test]
fn weights_never_come_from_another_revision() {
    let cache = Cache::new();
    cache.put("main", "aaa111", &["config.json", "model.safetensors"]);
    cache.put("v2", "bbb222", &["config.json"]);
    let shards = converted_shards("hf-tiny", 0.5);
    for entry in fs::read_dir(shards.path()).unwrap() {
        let source = entry.unwrap().path();
        fs::copy(&source, cache.repository().join("snapshots/bbb222").join(source.file_name().unwrap())).unwrap();
    }
    let [main, v2] = [NAME, "google/vivit-test@v2"].map(|name| tensor(&cache.load(name).unwrap(), "cls"));
    assert_eq!(main.iter().map(|value| value * 0.5).collect::<Vec<_>>(), v2);

    cache.put("v3", "ccc333", &["model.safetensors"]);
    let error = cache.load("google/vivit-test@v3").unwrap_err();
    assert!(error.contains("ccc333/config.json is missing"), "{error}");
}

/// A fixture in two shards, all its weights multiplied by `factor`.
fn converted_shards(name: &str, factor: f32) -> TempDir {
    let folder = sharded(name);
    for index in 0..2 {
        let file = folder.path().join(shard_name(index));
        let mut tensors = stored(&file);
        for (_, _, data) in tensors.values_mut() {
            let values = bytemuck::pod_collect_to_vec::<u8, f32>(data);
            *data = values.into_iter().flat_map(|value| (value * factor).to_le_bytes()).collect();
        }
        write(&file, &tensors);
    }
    folder
}

#[test]
fn a_folder_wins_over_a_name() {
    let cache = Cache::new();
    cache.put("main", "aaa111", &["config.json", "model.safetensors"]);
    let folder = fixture("hf-odd");
    assert_eq!(cache.load(folder.to_str().unwrap()).unwrap().config.width, 60);
}

#[test]
fn what_the_cache_lacks_is_named() {
    let cache = Cache::new();
    let lack = |culprits: &[&str]| {
        let error = cache.load(NAME).unwrap_err();
        for culprit in culprits {
            assert!(error.contains(culprit), "no `{culprit}` in: {error}");
        }
    };
    lack(&[NAME, "refs/main is missing", OBSTACLE]);
    cache.put("main", "aaa111", &["config.json"]);
    lack(&["holds google/vivit-test only in part", "aaa111 lacks weights", "downloaded again", OBSTACLE]);
    cache.put("main", "aaa111", &["pytorch_model.bin"]);
    lack(&[NAME, "holds its weights only as pytorch_model.bin", "save_pretrained", OBSTACLE]);
    let error = cache.load(NAME).unwrap_err();
    let [cause, obstacle] = ["holds its weights only as", OBSTACLE].map(|part| error.find(part).unwrap());
    assert!(cause < obstacle && !error.contains("neither a folder"), "{error}");
    cache.put("main", "bbb222", &["model.safetensors"]);
    lack(&[NAME, "config.json is missing"]);
    fs::remove_dir_all(cache.repository().join("snapshots/bbb222")).unwrap();
    lack(&["holds google/vivit-test only in part", "snapshots/bbb222 is missing", "downloaded again", OBSTACLE]);
}

#[test]
fn names_cannot_lead_out_of_the_cache() {
    let cache = Cache::new();
    for name in ["../vivit", "google/../vivit", "google/vivit@../../main", "no/such/folder", ""] {
        let error = cache.load(name).unwrap_err();
        assert!(error.contains("neither a file nor a folder"), "{name}: {error}");
    }
    let error = load_with(NAME, &Hub::default()).unwrap_err().to_string();
    assert!(error.contains("HF_HOME"), "{error}");
}

#[cfg(feature = "hub")]
mod download {
    use std::io::{BufRead, BufReader, Write};
    use std::net::{TcpListener, TcpStream};

    use super::*;

    /// What the server offers: for each revision its commit and its files.
    type Offer = &'static [(&'static str, &'static str, &'static [&'static str])];

    /// Serves `offer` as the hub would, for as long as the test runs; gives its address.
    fn serve(offer: Offer) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&mut stream.unwrap(), offer);
            }
        });
        address
    }

    fn answer(stream: &mut TcpStream, offer: Offer) {
        let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok);
        let request = lines.next().unwrap_or_default();
        let headers: Vec<_> = lines.take_while(|line| !line.is_empty()).collect();
        let path = request.split(' ').nth(1).unwrap_or_default().replace("%2F", "/");
        let head = match body(&path, offer) {
            None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".to_owned(),
            Some((commit, bytes)) => {
                let range = headers
                    .iter()
                    .find_map(|line| line.to_ascii_lowercase().strip_prefix("range: bytes=").map(str::to_owned));
                let first_only = range.is_some_and(|range| range == "0-0");
                let sent = if first_only { &bytes[..1] } else { &bytes[..] };
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nContent-Range: bytes 0-0/{}\r\nETag: \"{commit}{}\"\r\n\
                     x-repo-commit: {commit}\r\nConnection: close\r\n\r\n",
                    sent.len(),
                    bytes.len(),
                    bytes.len()
                );
                stream.write_all(head.as_bytes()).unwrap();
                stream.write_all(sent).unwrap();
                return;
            }
        };
        stream.write_all(head.as_bytes()).unwrap();
    }

    fn body(path: &str, offer: Offer) -> Option<(&'static str, Vec<u8>)> {
        offer.iter().find_map(|&(revision, commit, files)| {
            if path == format!("/api/models/{NAME}/revision/{revision}") {
                let siblings: Vec<_> = files.iter().map(|file| serde_json::json!({ "rfilename": file })).collect();
                let info = serde_json::json!({ "sha": commit, "siblings": siblings });
                return Some((commit, info.to_string().into_bytes()));
            }
            let file = path.strip_prefix(&format!("/{NAME}/resolve/{revision}/"))?;
            let content = fs::read(fixture("hf-tiny").join(file)).unwrap_or_else(|_| b"{}".to_vec());
            files.contains(&file).then_some((commit, content))
        })
    }

    fn online(cache: &Cache, endpoint: String) -> Hub {
        cache.hub().offline(false).endpoint(Some(endpoint))
    }

    #[test]
    fn a_download_is_cached_for_later() {
        let cache = Cache::new();
        let endpoint =
            serve(&[("main", "aaa111", &["config.json", "model.safetensors", "preprocessor_config.json", "big.bin"])]);
        let checkpoint = load_with(NAME, &online(&cache, endpoint)).unwrap();
        assert_same_weights(&checkpoint, &load(&fixture("hf-tiny")).unwrap(), Tolerance::EXACT);
        assert_eq!(checkpoint.preprocessor.as_ref().map(|file| file.text.as_str()), Some("{}"));
        assert_eq!(cache.load(NAME).unwrap().source, "google/vivit-test (commit aaa111)");
        assert!(!cache.repository().join("snapshots/aaa111/big.bin").exists());
    }

    #[test]
    fn pull_requests_are_searched_for_weights() {
        let cache = Cache::new();
        let endpoint = serve(&[
            ("main", "aaa111", &["config.json", "pytorch_model.bin"]),
            ("refs/pr/1", "bbb222", &["config.json", "pytorch_model.bin"]),
            ("refs/pr/3", "ccc333", &["config.json", "pytorch_model.bin", "model.safetensors"]),
        ]);
        let checkpoint = load_with(NAME, &online(&cache, endpoint)).unwrap();
        assert!(checkpoint.notes[0].contains("refs/pr/3"), "{:?}", checkpoint.notes);
        assert!(cache.load(NAME).is_ok());
    }

    #[test]
    fn without_a_network_the_cache_is_blamed_for_what_it_lacks() {
        let nobody = || format!("http://{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap());
        let cache = Cache::new();
        let refusal = || {
            let error = load_with(NAME, &online(&cache, nobody())).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Io, "{error}");
            error.to_string()
        };
        let error = refusal();
        assert!(error.contains("neither a folder") && error.contains("check the name, the network"), "{error}");
        cache.put("main", "aaa111", &["config.json"]);
        let error = refusal();
        assert!(error.contains("only in part") && error.contains("check the network"), "{error}");
        cache.put("main", "aaa111", &["pytorch_model.bin"]);
        let error = refusal();
        for part in ["holds its weights only as pytorch_model.bin", "in a pull request", "check the network", "Convert"]
        {
            assert!(error.contains(part), "no {part}: {error}");
        }
        assert!(!error.contains("check the name"), "{error}");
    }

    #[test]
    fn what_the_server_lacks_is_named() {
        let cache = Cache::new();
        let error = load_with(NAME, &online(&cache, serve(&[]))).unwrap_err().to_string();
        assert!(error.contains(NAME) && error.contains("404"), "{error}");
        let endpoint = serve(&[("main", "aaa111", &["config.json", "pytorch_model.bin"])]);
        let error = load_with(NAME, &online(&cache, endpoint)).unwrap_err().to_string();
        assert!(error.contains(NAME) && error.contains("save_pretrained"), "{error}");
        let endpoint = serve(&[("main", "aaa111", &["model.safetensors"])]);
        let error = load_with("google/vivit-test@main", &online(&Cache::new(), endpoint)).unwrap_err().to_string();
        assert!(error.contains("config.json"), "{error}");
    }
}
