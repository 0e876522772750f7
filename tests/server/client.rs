//! A client of HTTP that can stop in the middle.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

/// What a server answers.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    head: String,
    pub(crate) body: Value,
}

impl Reply {
    /// The value of a header, by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.into_iter().find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim())
    }

    /// What went wrong: the kind, and the sentence.
    pub(crate) fn error(&self) -> (&str, &str) {
        let text = |key: &str| self.body[key].as_str().unwrap_or_default();
        (text("kind"), text("error"))
    }
}

/// A request that has not been sent to its end. Dropped, it hangs up.
pub(crate) struct Request(TcpStream);

impl Request {
    /// Sends a head with these lines.
    pub(crate) fn begin(server: SocketAddr, line: &str, headers: &str) -> io::Result<Self> {
        let mut stream = TcpStream::connect(server)?;
        write!(stream, "{line} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n{headers}\r\n")?;
        Ok(Self(stream))
    }

    /// Begins to post a body of so many bytes.
    pub(crate) fn post(server: SocketAddr, path: &str, bytes: usize) -> io::Result<Self> {
        Self::begin(server, &format!("POST {path}"), &format!("Content-Length: {bytes}\r\n"))
    }

    /// Sends a part of the body. An error where the server does not read it: many clients then look for no answer.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes)
    }

    /// Waits for the answer.
    pub(crate) fn reply(mut self) -> io::Result<Reply> {
        let mut bytes = Vec::new();
        let read = self.0.read_to_end(&mut bytes);
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            return Err(read.err().unwrap_or_else(|| io::Error::other(format!("no answer, but {text:?}"))));
        };
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no status in {head}")))?;
        let body = serde_json::from_str(body).map_err(|error| io::Error::other(format!("{error} in {text}")))?;
        Ok(Reply { status, head: head.to_owned(), body })
    }
}

/// Posts a body and waits for the answer.
pub(crate) fn post(server: SocketAddr, path: &str, body: &[u8]) -> io::Result<Reply> {
    let mut request = Request::post(server, path, body.len())?;
    request.send(body)?;
    request.reply()
}

/// Asks for `path`.
pub(crate) fn get(server: SocketAddr, path: &str) -> io::Result<Reply> {
    Request::begin(server, &format!("GET {path}"), "")?.reply()
}
