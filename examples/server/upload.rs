//! A request's body: to a file, and from there to frames.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use tempfile::{NamedTempFile, TempPath};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tubelet::video::{Clip, OpenOptions};
use tubelet::{Error, Sampling};

use crate::refusal::Refusal;

/// How long the body of a refused request is read on.
pub(crate) const LINGER: Duration = Duration::from_secs(1);

/// A body that is still to come.
pub(crate) struct Incoming {
    body: Body,
    /// Whether the client wants to be asked before it sends it.
    held: bool,
}

/// A video in a file that is removed when this is dropped.
pub(crate) struct Upload(TempPath);

/// What a model sees of a video, and how many frames the video has.
pub(crate) struct Decoded {
    pub(crate) clip: Clip,
    pub(crate) frames: usize,
}

impl<S: Sync> FromRequest<S> for Incoming {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &S) -> Result<Self, Infallible> {
        let held = request.headers().contains_key(header::EXPECT);
        Ok(Self { body: request.into_body(), held })
    }
}

impl Incoming {
    /// An error where the client says itself that the body is too large.
    pub(crate) fn check_length(&self, largest: u64) -> Result<(), Refusal> {
        match self.body.size_hint().lower() > largest {
            true => Err(Refusal::too_large(largest)),
            false => Ok(()),
        }
    }

    /// Writes the body to a file as it comes.
    pub(crate) async fn store(&mut self, largest: u64) -> Result<Upload, Refusal> {
        let failed = |error: io::Error| Refusal::internal(format!("the body cannot be stored: {error}"));
        let (file, path) = NamedTempFile::new().map_err(failed)?.into_parts();
        let mut file = File::from_std(file);
        let mut received = 0;
        while let Some(bytes) = self.next().await {
            let bytes = bytes.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "usage", error.to_string()))?;
            received += bytes.len() as u64;
            if received > largest {
                return Err(Refusal::too_large(largest));
            }
            file.write_all(&bytes).await.map_err(failed)?;
        }
        file.flush().await.map_err(failed)?;
        Ok(Upload(path))
    }

    /// Reads on for a while after a refusal: where a connection is closed upon a client that is still writing, the answer may
    /// be lost with it. One that wants to be asked first sends nothing after it.
    pub(crate) fn discard(mut self) {
        if !self.held {
            let rest = async move { while let Some(Ok(_)) = self.next().await {} };
            tokio::spawn(tokio::time::timeout(LINGER, rest));
        }
    }

    /// The next bytes; `None` at the end.
    async fn next(&mut self) -> Option<Result<Bytes, axum::Error>> {
        self.held = false;
        loop {
            let frame = poll_fn(|context| Pin::new(&mut self.body).poll_frame(context)).await?;
            match frame.map(|frame| frame.into_data()) {
                Ok(Ok(bytes)) => return Some(Ok(bytes)),
                // Trailers.
                Ok(Err(_)) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }
}

impl Upload {
    /// Decodes the frames that `sampling` takes. It blocks.
    pub(crate) fn decode(&self, sampling: &Sampling, options: &OpenOptions) -> tubelet::Result<Decoded> {
        let decode = || {
            let mut source = options.open(&self.0)?;
            let clip = source.clip(sampling)?;
            Ok(Decoded { clip, frames: source.frame_count()? })
        };
        decode().map_err(|error| without_path(&error, &self.0))
    }
}

/// The name of the file means nothing to the client.
fn without_path(error: &Error, path: &Path) -> Error {
    Error::new(error.kind(), error.to_string().replace(&*path.to_string_lossy(), "the body"))
}
