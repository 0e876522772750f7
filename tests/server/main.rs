//! The example `server`: what it answers to many clients at once, when too much is asked of it, and at its end.
//!
//! `cargo test` builds examples before its tests. Where a test is run alone, build the example first:
//! `cargo build --example server && cargo test --test server -- --nocapture`, which prints how fast it was, too.

#[path = "../common/mod.rs"]
mod common;

mod client;
mod process;
mod videos;

use std::net::SocketAddr;
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use client::{Reply, Request};
use common::{DeviceTests, Shown, data};
use libtest_mimic::Failed;
use process::{Server, executable};
use tubelet::{Device, Vivit, video};
use videos::{Known, MODEL, array, known, shown};

fn main() -> ExitCode {
    let mut tests = match DeviceTests::open() {
        Ok(tests) => tests,
        Err(code) => return code,
    };
    add(&mut tests, "every answer is that of its video alone", every_answer_is_that_of_its_video_alone);
    add(&mut tests, "what there is no place for may come again", what_there_is_no_place_for_may_come_again);
    add(&mut tests, "what takes too long is given up", what_takes_too_long_is_given_up);
    add(&mut tests, "what is wrong is told and hurts no other", what_is_wrong_is_told_and_hurts_no_other);
    add(&mut tests, "clients that hang up leave nothing behind", clients_that_hang_up_leave_nothing_behind);
    #[cfg(unix)]
    add(&mut tests, "what was asked before its end is answered", what_was_asked_before_its_end_is_answered);
    add(&mut tests, "several heads are answered one by one", several_heads_are_answered_one_by_one);
    #[cfg(feature = "cpu")]
    tests.add_without_device("what nobody waits for is not computed", what_nobody_waits_for_is_not_computed);
    tests.add_without_device("wrong use and failure have their exit codes", || {
        wrong_use_and_failure_have_their_exit_codes();
        Ok(())
    });
    // One after another: each has many threads.
    tests.run_in_turn("server")
}

/// A device, and the name by which the server finds it.
struct Place<'a> {
    device: &'a Device,
    name: String,
}

impl Place<'_> {
    /// A server with the usual model.
    fn server(&self, options: &[&str]) -> Server {
        self.server_of(MODEL, options)
    }

    fn server_of(&self, model: &str, options: &[&str]) -> Server {
        let model = data(model).display().to_string();
        Server::start(&[&["--model", &model, "--device", &self.name], options].concat())
    }
}

fn add(tests: &mut DeviceTests, name: &str, test: fn(&Place<'_>) -> Result<(), Failed>) {
    tests.add_everywhere(name, move |device| {
        let name = match device.gpu() {
            Some(_) => std::env::var("TUBELET_DEVICE").unwrap_or_else(|_| "gpu".to_owned()),
            None => "cpu".to_owned(),
        };
        test(&Place { device, name })?;
        Ok(Shown::Passed)
    });
}

/// Posts a video until there is a place for it; how often there was none.
fn insist(server: SocketAddr, video: &[u8]) -> Result<(Reply, usize), Failed> {
    for refused in 0..12_000 {
        let reply = client::post(server, "/classify", video)?;
        if reply.status != 503 {
            return Ok((reply, refused));
        }
        assert_eq!((reply.error().0, reply.header("retry-after")), ("busy", Some("1")), "{reply:?}");
        thread::sleep(Duration::from_millis(5));
    }
    Err("there is never a place".into())
}

/// An error where this is not the answer to the video.
fn expect_right(reply: &Reply, video: &Known) -> Result<(), Failed> {
    match reply.status == 200 && reply.body["classes"] == video.classes {
        true => Ok(()),
        false => Err(format!("{} is answered by {reply:?} instead of {}", video.name, video.classes).into()),
    }
}

/// Has so many `clients` ask for `videos` in turn until there are `requests` right answers; each answer's time, and how often
/// there was no place.
fn load(
    server: SocketAddr,
    videos: &[Known],
    clients: usize,
    requests: usize,
) -> Result<(Vec<Duration>, usize), Failed> {
    let next = AtomicUsize::new(0);
    let client = || {
        let (mut times, mut refused) = (Vec::new(), 0);
        loop {
            let request = next.fetch_add(1, Ordering::Relaxed);
            if request >= requests {
                return Ok((times, refused));
            }
            let video = &videos[request % videos.len()];
            let begun = Instant::now();
            let (reply, refusals) = insist(server, &video.bytes)?;
            times.push(begun.elapsed());
            refused += refusals;
            expect_right(&reply, video)?;
        }
    };
    let parts: Vec<_> = thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(client)).collect();
        clients.into_iter().map(|client| client.join().expect("a client does not panic")).collect::<Result<_, Failed>>()
    })?;
    let refused = parts.iter().map(|(_, refused)| refused).sum();
    Ok((parts.into_iter().flat_map(|(times, _)| times).collect(), refused))
}

fn every_answer_is_that_of_its_video_alone(place: &Place<'_>) -> Result<(), Failed> {
    let requests = 1000;
    let videos = known(place.device)?;
    let server = place.server(&["--queue", "8", "--batch", "4"]);
    // What is compiled and allocated once is so now.
    load(server.address, &videos, 16, 4 * videos.len())?;
    let (memory, before) = (server.resident(), server.health()["requests"].clone());
    let begun = Instant::now();
    let (mut times, refused) = load(server.address, &videos, 16, requests)?;
    let seconds = begun.elapsed().as_secs_f64();
    let health = server.health();
    let grown = |counter: &str| {
        health["requests"][counter].as_u64().zip(before[counter].as_u64()).map(|(now, then)| now - then)
    };
    assert_eq!(grown("served"), Some(requests as u64), "{health}");
    assert_eq!(grown("refused"), Some(refused as u64), "{health}");
    assert_eq!((grown("failed"), grown("timed_out")), (Some(0), Some(0)), "{health}");
    assert_eq!((times.len(), &health["queue"]["length"]), (requests, &0.into()), "{health}");
    times.sort();
    let [median, p95, p99] = [50, 95, 99].map(|percent| times[(times.len() - 1) * percent / 100].as_secs_f64() * 1e3);
    let megabytes =
        |kibibytes: Option<u64>| kibibytes.map_or("?".to_owned(), |kibibytes| (kibibytes / 1024).to_string());
    println!(
        "{}: {requests} requests of 16 clients in {seconds:.1} s, {:.0} clips/s; latency {median:.1} ms, 95 % {p95:.1}, \
         99 % {p99:.1}; {refused} times no place; {} MiB before, {} after",
        health["device"],
        requests as f64 / seconds,
        megabytes(memory),
        megabytes(server.resident()),
    );
    Ok(())
}

fn what_there_is_no_place_for_may_come_again(place: &Place<'_>) -> Result<(), Failed> {
    let videos = known(place.device)?;
    let server = place.server(&["--queue", "1", "--batch", "1"]);
    let (first, rest) = videos[0].bytes.split_at(100);
    let mut slow = Request::post(server.address, "/classify", videos[0].bytes.len())?;
    slow.send(first)?;
    server.wait_for_queue(1);
    // More than the connection buffers: the answer does not wait for it.
    let large = array([40, 300, 300], 1);
    for body in [&large, &videos[1].bytes] {
        let reply = client::post(server.address, "/classify", body)?;
        assert_eq!((reply.status, reply.error().0), (503, "busy"), "{reply:?}");
        assert_eq!(reply.header("retry-after"), Some("1"), "{reply:?}");
    }
    slow.send(rest)?;
    expect_right(&slow.reply()?, &videos[0])?;
    load(server.address, &videos, 6, 3 * videos.len())?;
    let health = server.health();
    assert_eq!(health["requests"]["served"], 1 + 3 * videos.len(), "{health}");
    assert_eq!((&health["queue"]["length"], &health["queue"]["capacity"]), (&0.into(), &1.into()), "{health}");
    Ok(())
}

fn what_takes_too_long_is_given_up(place: &Place<'_>) -> Result<(), Failed> {
    let videos = known(place.device)?;
    let server = place.server(&["--timeout", "2", "--queue", "1"]);
    let mut slow = Request::post(server.address, "/classify", videos[0].bytes.len())?;
    slow.send(&videos[0].bytes[..100])?;
    let reply = slow.reply()?;
    assert_eq!((reply.status, reply.error().0), (504, "timeout"), "{reply:?}");
    for video in &videos {
        // A busy machine may take as long.
        let right = (0..20).map(|_| server.classify(&video.bytes)).find(|reply| reply.status != 504);
        expect_right(&right.ok_or("nothing is answered in time")?, video)?;
    }
    let health = server.health();
    assert!(health["requests"]["timed_out"].as_u64() >= Some(1), "{health}");
    assert_eq!(health["queue"]["length"], 0, "{health}");
    Ok(())
}

fn what_is_wrong_is_told_and_hurts_no_other(place: &Place<'_>) -> Result<(), Failed> {
    let videos = known(place.device)?;
    let server = place.server(&["--largest", "300000"]);
    let good = &videos[0].bytes;
    let large = array([40, 60, 60], 1);
    let cut = &good[..good.len() - 1];
    // It is decoded, but cannot be resized: found within a pass, together with others.
    let flat = array([2, 1, 600], 1);
    let wrong: [(&str, &[u8], u16, &str); 10] = [
        ("/classify", b"no video", 422, "file"),
        ("/classify", b"", 422, "file"),
        ("/classify", cut, 422, "file"),
        ("/classify", &large, 413, "too_large"),
        ("/classify", &flat, 400, "usage"),
        ("/classify?top=0", good, 400, "usage"),
        ("/classify?top=many", good, 400, "usage"),
        ("/classify?bottom=5", good, 400, "usage"),
        ("/elsewhere", good, 404, "usage"),
        ("/health", good, 405, "usage"),
    ];
    let rounds = 3;
    thread::scope(|scope| {
        let right = scope.spawn(|| load(server.address, &videos, 3, 8 * videos.len()));
        for (path, body, status, kind) in wrong.repeat(rounds) {
            let reply = client::post(server.address, path, body)?;
            assert_eq!((reply.status, reply.error().0), (status, kind), "{path}: {reply:?}");
            let sentence = reply.error().1;
            assert!(sentence.len() > 10 && !sentence.contains("/tmp"), "{sentence}");
        }
        // One that does not say how long it is.
        let mut endless = Request::begin(server.address, "POST /classify", "Transfer-Encoding: chunked\r\n")?;
        endless.send(format!("{:x}\r\n", large.len()).as_bytes())?;
        endless.send(&large)?;
        let reply = endless.reply()?;
        assert_eq!((reply.status, reply.error().0), (413, "too_large"), "{reply:?}");
        right.join().expect("it does not panic").map(drop)
    })?;
    let health = server.health();
    let of_classify = wrong.iter().filter(|(path, ..)| path.starts_with("/classify")).count();
    assert_eq!(health["requests"]["failed"], of_classify * rounds + 1, "{health}");
    assert_eq!((&health["ready"], &health["queue"]["length"]), (&true.into(), &0.into()), "{health}");
    let top = client::post(server.address, "/classify?top=2", good)?;
    assert_eq!(top.body["classes"].as_array().map(Vec::as_slice), videos[0].classes.as_array().map(|all| &all[..2]));
    Ok(())
}

fn clients_that_hang_up_leave_nothing_behind(place: &Place<'_>) -> Result<(), Failed> {
    let videos = known(place.device)?;
    let server = place.server(&["--queue", "16", "--batch", "4"]);
    thread::scope(|scope| {
        let right = scope.spawn(|| load(server.address, &videos, 4, 6 * videos.len()));
        for (index, video) in videos.iter().cycle().take(12 * videos.len()).enumerate() {
            let bytes = &video.bytes;
            let mut request = Request::post(server.address, "/classify", bytes.len())?;
            match index % 4 {
                // Before, within and after the body, at once and a while later.
                0 => {}
                1 => request.send(&bytes[..bytes.len() / 2])?,
                2 => request.send(bytes)?,
                _ => {
                    request.send(bytes)?;
                    thread::sleep(Duration::from_millis(index as u64 % 16));
                }
            }
        }
        right.join().expect("it does not panic").map(drop)
    })?;
    server.wait_for_queue(0);
    load(server.address, &videos, 4, 2 * videos.len())?;
    let health = server.health();
    assert_eq!((&health["queue"]["length"], &health["ready"]), (&0.into(), &true.into()), "{health}");
    Ok(())
}

#[cfg(feature = "cpu")]
fn what_nobody_waits_for_is_not_computed() -> Result<(), Failed> {
    // A model that takes a while.
    let server = Server::start(&["--device", "cpu", "--queue", "9", "--batch", "1"]);
    let video = array([1, 8, 8], 1);
    let asked = (0..9).map(|_| {
        let mut request = Request::post(server.address, "/classify", video.len())?;
        request.send(&video)?;
        Ok(request)
    });
    let asked: Vec<_> = asked.collect::<std::io::Result<_>>()?;
    // One is being computed.
    server.wait_for_queue(8);
    drop(asked);
    // Those who have gone keep their places until it is their turn.
    assert_eq!(insist(server.address, &video)?.0.status, 200);
    let health = server.health();
    assert!(health["computed"].as_u64() < Some(6), "{health}");
    assert_eq!(health["queue"]["length"], 0, "{health}");
    Ok(())
}

#[cfg(unix)]
fn what_was_asked_before_its_end_is_answered(place: &Place<'_>) -> Result<(), Failed> {
    let videos = known(place.device)?;
    let server = place.server(&["--queue", "16", "--batch", "2"]);
    let mut asked = Vec::new();
    for video in &videos {
        let mut request = Request::post(server.address, "/classify", video.bytes.len())?;
        request.send(&video.bytes[..10])?;
        asked.push(request);
    }
    server.wait_for_queue(videos.len() as u64);
    server.terminate();
    while server.accepts() {
        thread::sleep(Duration::from_millis(5));
    }
    asked.iter_mut().zip(&videos).try_for_each(|(request, video)| request.send(&video.bytes[10..]))?;
    for (request, video) in asked.into_iter().zip(&videos) {
        expect_right(&request.reply()?, video)?;
    }
    let (status, said) = server.wait();
    assert_eq!((status.code(), said.lines().count()), (Some(0), 1), "{said}");
    Ok(())
}

fn several_heads_are_answered_one_by_one(place: &Place<'_>) -> Result<(), Failed> {
    let folder = "scenic-model2-multihead";
    let server = place.server_of(folder, &[]);
    let bytes = array([16, 36, 48], 1);
    let reply = server.classify(&bytes);
    let file = tempfile::NamedTempFile::new()?;
    std::fs::write(file.path(), &bytes)?;
    let model = Vivit::load(place.device, &data(folder).display().to_string())?;
    let clip = video::open(file.path())?.clip(&model.sampling())?;
    let classes = model.classify(&clip)?;
    assert_eq!(reply.body["classes"], shown(&classes.top(5)), "{reply:?}");
    let heads: Vec<_> = classes.heads().map(|head| (head.name(), shown(&head.top(5)))).collect();
    let found: Vec<_> = reply.body["heads"].as_array().ok_or("no heads")?.iter().collect();
    let found: Vec<_> =
        found.iter().map(|head| (head["name"].as_str().unwrap_or(""), head["classes"].clone())).collect();
    assert_eq!(found, heads);
    assert_eq!(reply.body["frames"], 16);
    assert_eq!(reply.body["indices"], serde_json::json!(clip.indices()));
    Ok(())
}

fn wrong_use_and_failure_have_their_exit_codes() {
    let ended = |options: &[&str]| {
        let output = Command::new(executable()).args(options).output().expect("the server starts");
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let model = data(MODEL).display().to_string();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    let address = taken.local_addr().expect("it has an address").to_string();
    for (options, code, said) in [
        (&["--queue", "0"][..], 2, "--queue"),
        (&["--timeout", "0"], 2, "--timeout"),
        (&["--listen", "nowhere"], 2, "--listen"),
        (&["--model", "missing/folder/of/weights"], 1, "missing/folder/of/weights"),
        (&["--model", &model, "--device", "cpu", "--listen", &address], 1, "cannot listen on"),
    ] {
        let (found, stderr) = ended(options);
        assert_eq!(found, Some(code), "{options:?}: {stderr}");
        assert!(stderr.contains(said), "{options:?}: {stderr}");
    }
}
