//! The example as a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use serde_json::Value;

use crate::client::{self, Reply};

/// A server that is killed when this is dropped.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
    /// What it has said on stderr.
    said: Arc<Mutex<String>>,
}

/// The executable that cargo builds beside the tests.
pub(crate) fn executable() -> PathBuf {
    let test = std::env::current_exe().expect("this test has a path");
    let profile = test.ancestors().nth(2).expect("it lies in the folder deps of a profile");
    let executable = profile.join("examples").join(format!("server{}", std::env::consts::EXE_SUFFIX));
    assert!(executable.exists(), "{} is missing: `cargo build --example server` makes it", executable.display());
    executable
}

impl Server {
    /// Starts it on a free port, and returns when it listens.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut child = Command::new(executable())
            .args(["--listen", "127.0.0.1:0"])
            .args(options)
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let mut lines = BufReader::new(child.stderr.take().expect("stderr is piped")).lines().map_while(Result::ok);
        let said = Arc::new(Mutex::new(String::new()));
        let hear = {
            let said = said.clone();
            move |line: &str| *said.lock().unwrap() += &format!("{line}\n")
        };
        let address = lines.by_ref().inspect(|line| hear(line)).find_map(|line| {
            let (_, beginning) = line.split_once("listening on http://")?;
            beginning.split_once(": ")?.0.parse().ok()
        });
        thread::spawn(move || lines.for_each(|line| hear(&line)));
        match address {
            Some(address) => Self { child, address, said },
            None => panic!("the server did not listen, but said: {}", said.lock().unwrap()),
        }
    }

    pub(crate) fn classify(&self, video: &[u8]) -> Reply {
        client::post(self.address, "/classify", video).expect("every request is answered")
    }

    /// What it says of itself.
    pub(crate) fn health(&self) -> Value {
        client::get(self.address, "/health").expect("its health is always told").body
    }

    /// Waits until so many videos are in its queue.
    pub(crate) fn wait_for_queue(&self, length: u64) {
        for _ in 0..4000 {
            if self.health()["queue"]["length"] == length {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("there are never {length} videos in the queue, but {}", self.health());
    }

    /// Whether it accepts connections.
    pub(crate) fn accepts(&self) -> bool {
        std::net::TcpStream::connect(self.address).is_ok()
    }

    /// Asks it to end, as service managers do.
    #[cfg(unix)]
    pub(crate) fn terminate(&self) {
        let kill = Command::new("kill").args(["-TERM", &self.child.id().to_string()]).status();
        assert!(kill.expect("there is a program kill").success());
    }

    /// Waits for its end; with what it said.
    pub(crate) fn wait(mut self) -> (ExitStatus, String) {
        let status = self.child.wait().expect("it is a child of this process");
        (status, self.said.lock().unwrap().clone())
    }

    /// Its memory in KiB; `None` where the system does not tell.
    pub(crate) fn resident(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        line.split_whitespace().next()?.parse().ok()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("the server said:\n{}", self.said.lock().unwrap());
        }
    }
}
