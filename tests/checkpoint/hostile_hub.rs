//! Servers that mean harm, on this machine: nothing in an answer leads out of the cache, and the token goes to nobody else.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use super::*;

const NAME: &str = "google/vivit-test";
const COMMIT: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const TOKEN: &str = "hf_secret";

/// A request as a server sees it.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    path: String,
    authorization: Option<String>,
}

/// A server for as long as the test runs.
struct Server {
    address: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Server {
    /// Answers each request with the bytes that `answer` makes of its path; with none at all, keeps the connection open.
    fn new(answer: impl Fn(&str) -> Option<Vec<u8>> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (seen.clone(), Arc::new(answer));
        std::thread::spawn(move || {
            let mut kept = Vec::new();
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let request = read(&stream);
                log.lock().unwrap().push(request.clone());
                match answer(&request.path) {
                    // Who hears too much hangs up.
                    Some(bytes) => drop(stream.write_all(&bytes)),
                    None => kept.push(stream),
                }
            }
        });
        Self { address, seen }
    }

    /// The hub, with `change` made to what it answers for a path: its headers without the last empty line, and its body.
    fn hub(change: impl Fn(&str, &mut String, &mut Vec<u8>) + Send + Sync + 'static) -> Self {
        Self::new(move |path| {
            let Some(mut body) = body(path) else {
                return Some(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into());
            };
            let mut head = format!("HTTP/1.1 200 OK\r\nx-repo-commit: {COMMIT}\r\nConnection: close\r\n");
            change(path, &mut head, &mut body);
            if !head.to_lowercase().contains("content-length") {
                head.push_str(&format!("Content-Length: {}\r\n", body.len()));
            }
            Some([head.as_bytes(), b"\r\n", &body].concat())
        })
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

fn read(stream: &TcpStream) -> Seen {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next().unwrap_or_default().split(' ').nth(1).unwrap_or_default().to_owned();
    let headers = lines.take_while(|line| !line.is_empty());
    let authorization = |line: String| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("authorization").then(|| value.trim().to_owned())
    };
    Seen { path, authorization: headers.filter_map(authorization).collect::<Vec<_>>().pop() }
}

fn is_list(path: &str) -> bool {
    path.starts_with("/api/models/")
}

fn body(path: &str) -> Option<Vec<u8>> {
    match path.rsplit('/').next()? {
        _ if is_list(path) => Some(list(COMMIT, &["config.json", "model.safetensors"])),
        file @ ("config.json" | "model.safetensors") => fs::read(fixture("hf-tiny").join(file)).ok(),
        _ => None,
    }
}

fn list(commit: &str, files: &[&str]) -> Vec<u8> {
    let siblings: Vec<_> = files.iter().map(|file| serde_json::json!({ "rfilename": file })).collect();
    serde_json::json!({ "sha": commit, "siblings": siblings }).to_string().into_bytes()
}

/// A cache deep within a folder, so that whatever leads out of it a few steps is found there.
struct Deep(TempDir);

impl Deep {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("1/2/3/4/5/6/7/8/cache")).unwrap();
        fs::write(folder.path().join("mine"), "mine").unwrap();
        Self(folder)
    }

    fn cache(&self) -> PathBuf {
        self.0.path().join("1/2/3/4/5/6/7/8/cache")
    }

    fn repository(&self) -> PathBuf {
        self.cache().join("models--google--vivit-test")
    }

    fn load(&self, server: &Server) -> Result<Checkpoint, String> {
        let hub = Hub::default()
            .cache(Some(self.cache()))
            .endpoint(Some(server.address.clone()))
            .token(TOKEN.to_owned())
            .timeout(Some(Duration::from_millis(300)));
        load_with(NAME, &hub).map_err(|error| {
            assert!(matches!(error.kind(), ErrorKind::Io | ErrorKind::File), "{error}");
            let text = error.to_string();
            assert!(!text.contains(TOKEN) && !text.contains("Some(") && text.len() < 2000, "{text}");
            text
        })
    }

    /// What lies anywhere in the folder, links as what they name.
    fn files(&self) -> Vec<String> {
        fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                match path.symlink_metadata().unwrap().is_dir() {
                    true => walk(&path, root, found),
                    false => found.push(path.strip_prefix(root).unwrap().display().to_string()),
                }
            }
        }
        let mut found = Vec::new();
        walk(self.0.path(), self.0.path(), &mut found);
        found.sort();
        found
    }

    /// Nothing was written but into the model's folder of the cache, where contents go by hashes.
    #[track_caller]
    fn assert_nothing_escaped(&self) {
        assert_eq!(fs::read_to_string(self.0.path().join("mine")).unwrap(), "mine");
        let own = "1/2/3/4/5/6/7/8/cache/models--google--vivit-test/";
        for file in self.files().iter().filter(|file| *file != "mine") {
            let Some(file) = file.strip_prefix(own) else { panic!("{file}") };
            let known = match file.split('/').collect::<Vec<_>>()[..] {
                ["blobs", hash] => hash.len() >= 40 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()),
                ["snapshots", COMMIT, "config.json" | "model.safetensors"] | ["refs", "main"] => true,
                _ => false,
            };
            assert!(known, "{file}");
        }
    }
}

#[test]
fn an_etag_is_a_hash_or_no_name() {
    let hash = "0123456789abcdef0123456789abcdef01234567";
    let long = "a".repeat(10_000);
    for etag in [
        "../../../../../../../../escaped",
        "/tmp/tubelet-escaped",
        "..",
        ".",
        "",
        "a/b",
        "C:\\escaped",
        "\u{202e}",
        &hash[1..],
        &hash.to_uppercase(),
        &long,
        hash,
    ] {
        for header in ["ETag", "X-Linked-ETag"] {
            let value = etag.to_owned();
            let server = Server::hub(move |path, head, _| {
                // Two files of one hash cannot be told apart.
                if path.ends_with("config.json") {
                    head.push_str(&format!("{header}: \"{value}\"\r\n"));
                }
            });
            let deep = Deep::new();
            let outcome = deep.load(&server);
            deep.assert_nothing_escaped();
            assert!(outcome.is_ok(), "{etag}: {outcome:?}");
            let named = deep.repository().join("blobs").join(hash).is_file();
            assert_eq!(named, etag == hash, "{etag}");
        }
    }
    let server = Server::hub(|_, head, _| head.push_str("ETag: \"a\0b\"\r\n"));
    let deep = Deep::new();
    let _ = deep.load(&server);
    deep.assert_nothing_escaped();
}

#[test]
fn a_weak_etag_is_one_all_the_same() {
    let hash = "0123456789abcdef0123456789abcdef01234567";
    let server = Server::hub(move |path, head, _| {
        if path.ends_with("config.json") {
            head.push_str(&format!("ETag: W/\"{hash}\"\r\n"));
        }
    });
    let deep = Deep::new();
    deep.load(&server).unwrap();
    assert!(deep.repository().join("blobs").join(hash).is_file());
}

#[test]
fn the_hash_of_a_large_file_is_that_of_its_contents() {
    let right = Sha256::digest(fs::read(fixture("hf-tiny/model.safetensors")).unwrap());
    let right: String = right.iter().map(|byte| format!("{byte:02x}")).collect();
    for (hash, fits) in [(right.clone(), true), ("0".repeat(64), false)] {
        let value = hash.clone();
        let server = Server::hub(move |path, head, _| {
            if path.ends_with(".safetensors") {
                head.push_str(&format!("x-linked-etag: \"{value}\"\r\netag: \"{}\"\r\n", "1".repeat(40)));
            }
        });
        let deep = Deep::new();
        let outcome = deep.load(&server);
        assert_eq!(outcome.is_ok(), fits, "{outcome:?}");
        assert_eq!(deep.repository().join("blobs").join(hash).is_file(), fits);
        if let Err(error) = outcome {
            assert_names(&error, &["model.safetensors", "has not the hash that it announces"]);
        }
        deep.assert_nothing_escaped();
    }
}

#[test]
fn a_commit_is_no_path() {
    for commit in ["../../../../escaped", "/tmp/escaped", "..", ".", "", "a/b", "a\\b", "a\0b", &"a".repeat(65), "é"] {
        let value = commit.to_owned();
        let server = Server::hub(move |path, _, body| {
            if is_list(path) {
                *body = list(&value, &["config.json", "model.safetensors"]);
            }
        });
        let deep = Deep::new();
        let error = deep.load(&server).unwrap_err();
        assert_names(&error, &["it calls the commit", "which is none"]);
        assert_eq!(deep.files(), ["mine"]);
        if commit.is_ascii() && !commit.contains('\0') {
            let value = commit.to_owned();
            let server = Server::hub(move |path, head, _| {
                if !is_list(path) {
                    *head = head.replace(COMMIT, &value);
                }
            });
            let deep = Deep::new();
            let error = deep.load(&server).unwrap_err();
            assert_names(&error, &["config.json", "another commit"]);
            deep.assert_nothing_escaped();
        }
    }
}

fn redirect(to: &str, more: &str) -> Vec<u8> {
    format!("HTTP/1.1 302 Found\r\nLocation: {to}\r\n{more}Content-Length: 0\r\nConnection: close\r\n\r\n").into_bytes()
}

/// The path and whether the token came along.
fn tokens(server: &Server) -> Vec<(String, bool)> {
    server.seen().into_iter().map(|seen| (seen.path, seen.authorization.is_some())).collect()
}

#[test]
fn the_token_goes_to_its_endpoint_alone() {
    let storage = Server::hub(|_, _, _| {});
    let away = storage.address.clone();
    let hub = Server::new(move |path| match path.ends_with(".safetensors") {
        true => Some(redirect(&format!("{away}/cdn/model.safetensors"), "x-linked-etag: \"e1\"\r\n")),
        false => body(path).map(|body| {
            [
                format!("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(),
                &body,
            ]
            .concat()
        }),
    });
    let deep = Deep::new();
    let checkpoint = deep.load(&hub).unwrap();
    assert_same_weights(&checkpoint, &load(&fixture("hf-tiny")).unwrap(), Tolerance::EXACT);
    deep.assert_nothing_escaped();
    assert!(
        hub.seen().iter().all(|seen| seen.authorization.as_deref() == Some("Bearer hf_secret")),
        "{:?}",
        hub.seen()
    );
    assert_eq!(tokens(&storage), [("/cdn/model.safetensors".to_owned(), false)]);
}

#[test]
fn a_token_that_was_left_behind_is_not_taken_up_again() {
    let home = Arc::new(Mutex::new(String::new()));
    let back = home.clone();
    let elsewhere = Server::new(move |path| Some(redirect(&format!("{}/back{path}", back.lock().unwrap()), "")));
    let away = elsewhere.address.clone();
    let hub = Server::new(move |path| {
        let own = path.starts_with("/moved/") || path.starts_with("/back/");
        Some(match own {
            // The whole list, from the same endpoint under another name.
            _ if is_list(path) => redirect(&format!("/moved{path}"), ""),
            true if path.contains("/api/") => {
                let body = list(COMMIT, &["config.json", "model.safetensors"]);
                [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()
            }
            true => {
                let body = body(path).unwrap();
                [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat()
            }
            false => redirect(&format!("{away}{path}"), ""),
        })
    });
    home.lock().unwrap().clone_from(&hub.address);
    let deep = Deep::new();
    deep.load(&hub).unwrap();
    assert!(elsewhere.seen().iter().all(|seen| seen.authorization.is_none()), "{:?}", elsewhere.seen());
    for (path, sent) in tokens(&hub) {
        assert_eq!(sent, !path.starts_with("/back/"), "{path}");
    }
    assert!(tokens(&hub).iter().any(|(path, sent)| path.starts_with("/moved/api/") && *sent));
}

#[test]
fn redirects_that_lead_nowhere_are_refused() {
    let near = |location: &'static str| Server::new(move |_| Some(redirect(location, "")));
    for (location, culprit) in [
        ("/again", "redirects more than 10 times"),
        ("file:///etc/passwd", "file:///etc/passwd"),
        ("ftp://127.0.0.1/x", "is no address on the web"),
        ("http://user:password@127.0.0.1/x", "is no address on the web"),
        ("http://[", "is no address"),
        ("\u{1}", "cannot be used"),
    ] {
        let server = near(location);
        let deep = Deep::new();
        let error = deep.load(&server).unwrap_err();
        assert!(error.contains(culprit) || location == "\u{1}", "{location}: {error}");
        assert_eq!(deep.files(), ["mine"]);
        assert!(server.seen().len() <= 44, "{}", server.seen().len());
    }
    let server = Server::new(|_| Some(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n".into()));
    assert_names(&Deep::new().load(&server).unwrap_err(), &["redirects to no address"]);
}

#[test]
fn a_body_is_as_long_as_was_announced() {
    for (length, culprits) in [
        ("Content-Length: 5000000\r\n", ["broke off", "model.safetensors"]),
        ("Content-Length: 999999999999999\r\n", ["more than the", "that are taken"]),
        ("x-linked-size: 7\r\n", ["it has 7 bytes and announces", "model.safetensors"]),
        ("Content-Length: 7\r\nx-linked-size: 7\r\n", ["", ""]),
    ] {
        let server = Server::hub(move |path, head, _| {
            if path.ends_with(".safetensors") {
                head.push_str(length);
            }
        });
        let deep = Deep::new();
        let error = deep.load(&server).unwrap_err();
        assert_names(&error, &culprits);
        deep.assert_nothing_escaped();
        // The seven bytes of the last are a whole file to the cache, but no weights.
        assert_eq!(
            deep.repository().join("snapshots").join(COMMIT).join("model.safetensors").exists(),
            culprits[0].is_empty()
        );
    }
    // A configuration without an end, and one that is announced as longer than any.
    for length in ["Transfer-Encoding: chunked\r\nX-Content-Length: 0\r\n", "Content-Length: 99999999999\r\n"] {
        let server = Server::hub(move |path, head, body| {
            if path.ends_with("config.json") {
                head.push_str(length);
                let chunk = [b"100000\r\n".as_slice(), &[b' '; 0x10_0000], b"\r\n"].concat();
                *body = chunk.repeat(20);
            }
        });
        let deep = Deep::new();
        let error = deep.load(&server).unwrap_err();
        assert!(error.contains("more than"), "{error}");
        deep.assert_nothing_escaped();
    }
}

#[test]
fn a_list_of_files_is_read_with_limits() {
    let lists: [(&str, Vec<u8>); 6] = [
        ("not understood", b"hello".to_vec()),
        ("not understood", b"{}".to_vec()),
        ("not understood", br#"{"sha": 3}"#.to_vec()),
        ("not understood", "[".repeat(100_000).into_bytes()),
        ("not understood", br#"{"sha": "a", "siblings": [{"rfilename": null}]}"#.to_vec()),
        ("longer than", [br#"{"sha": ""#.as_slice(), &vec![b'a'; 17 << 20]].concat()),
    ];
    for (culprit, list) in lists {
        let server = Server::hub(move |path, _, body| {
            if is_list(path) {
                body.clone_from(&list);
            }
        });
        let deep = Deep::new();
        assert_names(&deep.load(&server).unwrap_err(), &["the answer of", culprit]);
        assert_eq!(deep.files(), ["mine"]);
    }
    // Names are only looked for, never taken for paths.
    let server = Server::hub(|path, _, body| {
        if is_list(path) {
            let names = ["../escaped", "/etc/passwd", "config.json", "model.safetensors", "a\0b", ""];
            *body = list(COMMIT, &names);
        }
    });
    let deep = Deep::new();
    deep.load(&server).unwrap();
    deep.assert_nothing_escaped();
}

/// Names of shards that are files nowhere or elsewhere.
const STRAYS: [&str; 10] = [
    "../stray.safetensors",
    "/etc/passwd",
    "..",
    ".",
    "",
    "a/b.safetensors",
    "a\\b.safetensors",
    "C:b.safetensors",
    "a\0.safetensors",
    "config.json",
];

fn index(shard: &str) -> String {
    serde_json::json!({ "weight_map": { "x": shard } }).to_string()
}

#[test]
fn shards_lie_in_the_folder_of_their_list() {
    for shard in STRAYS {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("model")).unwrap();
        fs::copy(fixture("hf-tiny/model.safetensors"), folder.path().join("stray.safetensors")).unwrap();
        fs::copy(fixture("hf-tiny/config.json"), folder.path().join("model/config.json")).unwrap();
        fs::write(folder.path().join("model/model.safetensors.index.json"), index(shard)).unwrap();
        assert_names(&refusal(&folder.path().join("model")), &["names the shard", "in the same folder"]);

        let text = index(shard);
        let server = Server::new(move |path| {
            let body = match path {
                _ if is_list(path) => list(COMMIT, &["config.json", "model.safetensors.index.json"]),
                _ if path.contains("index") => text.clone().into_bytes(),
                _ => body(path).unwrap_or_default(),
            };
            Some([format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat())
        });
        let deep = Deep::new();
        assert_names(&deep.load(&server).unwrap_err(), &["names the shard"]);
        assert_eq!(server.seen().len(), 3, "{:?}", server.seen());
    }
}

#[test]
fn a_server_that_says_nothing_is_not_waited_for_without_end() {
    let server = Server::new(|_| None);
    let start = Instant::now();
    let error = Deep::new().load(&server).unwrap_err();
    assert!(error.contains("does not answer in time"), "{error}");
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    // Half a file, and then nothing.
    let server = Server::hub(|path, head, body| {
        if path.ends_with(".safetensors") {
            head.push_str(&format!("Content-Length: {}\r\n", body.len()));
            body.truncate(1000);
        }
    });
    let deep = Deep::new();
    let error = deep.load(&server).unwrap_err();
    assert!(error.contains("model.safetensors"), "{error}");
    deep.assert_nothing_escaped();
    assert!(!deep.repository().join("snapshots").join(COMMIT).join("model.safetensors").exists());
}

#[test]
fn what_passes_is_asked_for_again() {
    let asked = Mutex::new(0);
    let server = Server::new(move |path| {
        let mut asked = asked.lock().unwrap();
        *asked += 1;
        let body = body(path).unwrap();
        Some(match *asked {
            1 => b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n".into(),
            // Twice the same file, broken off the first time.
            4 => {
                [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), &body[..99]].concat()
            }
            _ => [format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len()).as_bytes(), &body].concat(),
        })
    });
    let deep = Deep::new();
    deep.load(&server).unwrap();
    deep.assert_nothing_escaped();
}

#[cfg(unix)]
#[test]
fn links_that_are_there_already_are_not_followed() {
    let deep = Deep::new();
    let (mine, repository) = (deep.0.path().join("mine"), deep.repository());
    let hash = "0123456789abcdef0123456789abcdef01234567";
    for folder in ["blobs", "refs", &format!("snapshots/{COMMIT}")] {
        fs::create_dir_all(repository.join(folder)).unwrap();
    }
    let dangling = deep.0.path().join("dangling");
    std::os::unix::fs::symlink(&mine, repository.join("blobs").join(hash)).unwrap();
    std::os::unix::fs::symlink(&mine, repository.join("refs/main")).unwrap();
    std::os::unix::fs::symlink(&dangling, repository.join("snapshots").join(COMMIT).join("config.json")).unwrap();
    let server = Server::hub(move |path, head, _| {
        if path.ends_with("config.json") {
            head.push_str(&format!("ETag: \"{hash}\"\r\n"));
        }
    });
    deep.load(&server).unwrap();
    assert!(!dangling.exists());
    deep.assert_nothing_escaped();
    // A snapshot is made of links within the model's folder, as every program that shares the cache expects.
    let link = fs::read_link(repository.join("snapshots").join(COMMIT).join("config.json")).unwrap();
    assert_eq!(link, Path::new("../../blobs").join(hash));
    assert_eq!(fs::read_to_string(repository.join("refs/main")).unwrap(), COMMIT);
}
