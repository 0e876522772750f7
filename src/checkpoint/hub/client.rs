//! Requests to a hub whose answers are not trusted.
//!
//! Redirects are followed here, not by the client library, so that the token goes to the endpoint that it was given for
//! and to nobody else: once a redirect has led away, it is not sent again. What is said of a file (its hash, its size, its
//! commit) is taken from the endpoint's own answers.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use ureq::Agent;
use ureq::http::header::{AUTHORIZATION, CONTENT_LENGTH, ETAG, LOCATION};
use ureq::http::{HeaderMap, Response, Uri};

use super::Hub;
use crate::tensor::{Error, Result, printable};

/// The hub that is asked where nobody names another.
const ENDPOINT: &str = "https://huggingface.co";
/// Redirects on the way to one file: the hub's own are at most three.
const MOST_REDIRECTS: usize = 10;
/// How often a request that may succeed the next time is repeated, and the pause before the first repetition.
const RETRIES: u32 = 3;
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// How long it may take until a connection stands or the next bytes come, where nobody says otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection to one hub.
pub(super) struct Client {
    agent: Agent,
    /// The address without a `/` at its end.
    endpoint: String,
    home: Origin,
    token: Option<String>,
}

/// Who an address belongs to: a token for one origin is for no other.
#[derive(Clone, Debug, PartialEq)]
struct Origin {
    encrypted: bool,
    host: String,
    port: u16,
}

/// A file on its way, and what the endpoint says of it.
pub(super) struct Answer {
    pub(super) said: Said,
    /// The number of bytes that follow, as their sender states it.
    pub(super) length: Option<u64>,
    body: ureq::Body,
}

/// What an endpoint says of a file.
#[derive(Debug, Default)]
pub(super) struct Said {
    pub(super) commit: Option<String>,
    /// The hash of a large file's contents.
    pub(super) linked_etag: Option<String>,
    pub(super) etag: Option<String>,
    pub(super) size: Option<u64>,
}

/// Why a request came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The answer is a refusal.
    Status(u16),
    /// It may succeed the next time.
    Connection(String),
    /// The answer makes no sense or must not be followed.
    Answer(String),
}

impl Failure {
    fn may_pass(&self) -> bool {
        match self {
            Self::Status(status) => matches!(status, 408 | 429 | 500..),
            Self::Connection(_) => true,
            Self::Answer(_) => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(status) => {
                let reason =
                    ureq::http::StatusCode::from_u16(*status).ok().and_then(|status| status.canonical_reason());
                write!(f, "it answers {status}{}", reason.map_or(String::new(), |reason| format!(" {reason}")))
            }
            Self::Connection(reason) | Self::Answer(reason) => f.write_str(reason),
        }
    }
}

impl Client {
    /// For the endpoint, token and patience of `hub`.
    pub(super) fn new(hub: &Hub) -> Result<Self> {
        let endpoint = hub.endpoint.as_deref().unwrap_or(ENDPOINT).trim().trim_end_matches('/');
        let no_address = || {
            let shown = printable(endpoint, LONGEST_SHOWN);
            Error::usage(format!("HF_ENDPOINT is {shown}, but must be an address such as {ENDPOINT}"))
        };
        let uri: Uri = endpoint.parse().map_err(|_| no_address())?;
        let home = Origin::of(&uri).filter(|_| uri.query().is_none()).ok_or_else(no_address)?;
        let token = hub.token.as_deref().map(str::trim).filter(|token| !token.is_empty());
        if token.is_some_and(|token| !token.bytes().all(|byte| byte.is_ascii_graphic())) {
            return Err(Error::usage("the token in HF_TOKEN has characters that no token has: copy it again"));
        }
        let token = match token {
            Some(_) if !home.is_private() => {
                tracing::warn!("the token is not sent to {endpoint}, since anyone on the way could read it: use https");
                None
            }
            token => token.map(str::to_owned),
        };
        let patience = Some(hub.timeout.unwrap_or(PATIENCE));
        let config = Agent::config_builder()
            .max_redirects(0)
            .max_redirects_will_error(false)
            .http_status_as_error(false)
            .user_agent(concat!("tubelet/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(patience)
            .timeout_connect(patience)
            .timeout_recv_response(patience)
            .timeout_per_read(patience)
            .build();
        Ok(Self { agent: config.new_agent(), endpoint: endpoint.to_owned(), home, token })
    }

    /// The answer to a request for `path`, which begins with `/`; asked for again where the obstacle may pass.
    pub(super) fn get(&self, path: &str) -> Result<Answer, Failure> {
        let again = |_: &Failure, attempt: u32| std::thread::sleep(FIRST_PAUSE * 2u32.pow(attempt));
        for attempt in 0..RETRIES {
            match self.get_once(path) {
                Err(failure) if failure.may_pass() => again(&failure, attempt),
                outcome => return outcome,
            }
        }
        self.get_once(path)
    }

    fn get_once(&self, path: &str) -> Result<Answer, Failure> {
        let mut uri = parsed(&format!("{}{path}", self.endpoint))?;
        let mut at_home = true;
        let mut said = Said::default();
        for _ in 0..=MOST_REDIRECTS {
            let origin = Origin::of(&uri).ok_or_else(|| foreign(&uri))?;
            at_home &= origin == self.home;
            let response = self.ask(&uri, at_home)?;
            if at_home {
                said.read(response.headers());
            }
            if !response.status().is_redirection() {
                return answer(response, said);
            }
            let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
            let location =
                location.ok_or_else(|| Failure::Answer("it redirects to no address that can be read".into()))?;
            uri = joined(&uri, location)?;
            if origin.encrypted && Origin::of(&uri).is_some_and(|next| !next.encrypted) {
                return Err(Failure::Answer(format!(
                    "it redirects from an encrypted address to one that is not, {}",
                    printable(&uri.to_string(), LONGEST_SHOWN)
                )));
            }
        }
        Err(Failure::Answer(format!("it redirects more than {MOST_REDIRECTS} times")))
    }

    fn ask(&self, uri: &Uri, at_home: bool) -> Result<Response<ureq::Body>, Failure> {
        let mut request = self.agent.get(uri);
        if let Some(token) = self.token.as_ref().filter(|_| at_home) {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        request.call().map_err(|error| match error {
            ureq::Error::Io(error) => Failure::Connection(printable(&error.to_string(), LONGEST_SHOWN)),
            ureq::Error::Timeout(_) => Failure::Connection("it does not answer in time".into()),
            ureq::Error::HostNotFound => Failure::Connection("its host is not found".into()),
            ureq::Error::ConnectionFailed => Failure::Connection("it cannot be reached".into()),
            error => Failure::Answer(printable(&error.to_string(), LONGEST_SHOWN)),
        })
    }
}

/// Characters of a server's words in a sentence.
const LONGEST_SHOWN: usize = 200;

fn answer(response: Response<ureq::Body>, said: Said) -> Result<Answer, Failure> {
    match response.status().as_u16() {
        200 => {
            let length = number(response.headers(), CONTENT_LENGTH.as_str());
            Ok(Answer { said, length, body: response.into_body() })
        }
        status => Err(Failure::Status(status)),
    }
}

impl Answer {
    /// The bytes that are sent, at most one more than `most`.
    pub(super) fn into_reader(self, most: u64) -> impl Read {
        self.body.into_with_config().limit(u64::MAX).reader().take(most.saturating_add(1))
    }
}

impl Said {
    /// The last word counts: an endpoint may redirect within itself.
    fn read(&mut self, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let etag = |name: &str| text(name).map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_owned());
        self.commit = text("x-repo-commit").or(self.commit.take());
        self.linked_etag = etag("x-linked-etag").or(self.linked_etag.take());
        self.etag = etag(ETAG.as_str()).or(self.etag.take());
        self.size = number(headers, "x-linked-size").or(self.size);
    }
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

impl Origin {
    /// `None` where it is not on the web.
    fn of(uri: &Uri) -> Option<Self> {
        let encrypted = match uri.scheme_str()?.to_ascii_lowercase().as_str() {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let host = uri.host().filter(|host| !host.is_empty())?.to_ascii_lowercase();
        // Names and passwords in addresses are for other things than this.
        let plain = !uri.authority()?.as_str().contains('@');
        let port = uri.port_u16().unwrap_or(if encrypted { 443 } else { 80 });
        plain.then_some(Self { encrypted, host, port })
    }

    /// Whether nobody else can read what is sent there.
    fn is_private(&self) -> bool {
        let address = self.host.trim_start_matches('[').trim_end_matches(']').parse();
        self.encrypted
            || self.host == "localhost"
            || address.is_ok_and(|address: std::net::IpAddr| address.is_loopback())
    }
}

fn foreign(uri: &Uri) -> Failure {
    Failure::Answer(format!("{} is no address on the web", printable(&uri.to_string(), LONGEST_SHOWN)))
}

fn parsed(text: &str) -> Result<Uri, Failure> {
    text.parse().map_err(|_| Failure::Answer(format!("{} is no address", printable(text, LONGEST_SHOWN))))
}

/// The address that `location` means in an answer from `uri`.
fn joined(uri: &Uri, location: &str) -> Result<Uri, Failure> {
    let (scheme, authority) = (uri.scheme_str().unwrap_or("https"), uri.authority().map_or("", |found| found.as_str()));
    let scheme_end = location.find(':').filter(|&end| location[..end].bytes().all(|byte| byte.is_ascii_alphanumeric()));
    let text = if scheme_end.is_some_and(|end| end > 0) {
        location.to_owned()
    } else if location.starts_with("//") {
        format!("{scheme}:{location}")
    } else if location.starts_with('/') {
        format!("{scheme}://{authority}{location}")
    } else {
        let folder = uri.path().rsplit_once('/').map_or("", |(folder, _)| folder);
        format!("{scheme}://{authority}{folder}/{location}")
    };
    let joined = parsed(&text)?;
    match Origin::of(&joined) {
        Some(_) => Ok(joined),
        None => Err(foreign(&joined)),
    }
}

/// `text` as a part of an address.
pub(super) fn escaped(text: &str) -> String {
    let escape = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(escape).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_joined_as_browsers_do() {
        let from: Uri = "https://hub.example:8443/a/b?c".parse().unwrap();
        for (location, expected) in [
            ("https://other.example/x", "https://other.example/x"),
            ("//other.example/x", "https://other.example/x"),
            ("/x?y", "https://hub.example:8443/x?y"),
            ("x", "https://hub.example:8443/a/x"),
        ] {
            assert_eq!(joined(&from, location).unwrap_or_else(|failure| panic!("{failure}")).to_string(), expected);
        }
        for location in ["file:///etc/passwd", "ftp://a/b", "javascript:alert", "http://", "http://user@host/", "a b"] {
            assert!(joined(&from, location).is_err(), "{location}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        let origin = |text: &str| Origin::of(&text.parse().unwrap()).unwrap();
        assert_eq!(origin("https://Hub.example/a"), origin("https://hub.example:443/b"));
        for other in ["http://hub.example/", "https://hub.example:444/", "https://hub.example.evil/", "https://evil/"] {
            assert_ne!(origin("https://hub.example/"), origin(other));
        }
        for private in
            ["https://a.example", "http://localhost:1", "http://127.0.0.1", "http://[::1]:80", "http://127.9.9.9"]
        {
            assert!(origin(private).is_private(), "{private}");
        }
        for public in ["http://a.example", "http://localhost.example", "http://10.0.0.1", "http://[::2]"] {
            assert!(!origin(public).is_private(), "{public}");
        }
    }

    #[test]
    fn only_plain_letters_go_into_addresses_as_they_are() {
        assert_eq!(escaped("refs/pr/3"), "refs%2Fpr%2F3");
        assert_eq!(escaped("a b?c#d%é"), "a%20b%3Fc%23d%25%C3%A9");
    }

    #[test]
    fn an_endpoint_or_a_token_that_is_none_is_said() {
        let refusal = |hub: Hub| Client::new(&hub).err().map(|error| error.to_string()).unwrap_or_default();
        for endpoint in ["hub.example", "file:///x", "http://", "https://a?b", "https://user:password@hub.example"] {
            let hub = Hub { endpoint: Some(endpoint.into()), ..Hub::default() };
            assert!(refusal(hub).contains("HF_ENDPOINT is "), "{endpoint}");
        }
        let hub = Hub { token: Some("hf_se\r\ncret".into()), ..Hub::default() };
        let error = refusal(hub);
        assert!(error.contains("HF_TOKEN") && !error.contains("cret"), "{error}");
    }
}
