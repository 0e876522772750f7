//! Why a request has no classes for an answer.

use std::time::Duration;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tubelet::ErrorKind;

/// A status for programs, `{"error", "kind"}` with a sentence for people.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    kind: &'static str,
    sentence: String,
}

impl Refusal {
    pub(crate) fn new(status: StatusCode, kind: &'static str, sentence: impl Into<String>) -> Self {
        Self { status, kind, sentence: sentence.into() }
    }

    /// There is no place in the queue.
    pub(crate) fn busy(places: usize) -> Self {
        let sentence = format!("{places} videos are waiting already; ask again in a moment");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", sentence)
    }

    /// The body has more than `largest` bytes.
    pub(crate) fn too_large(largest: u64) -> Self {
        let sentence = format!("the body has more than the {largest} bytes that are taken");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", sentence)
    }

    /// The time of the request is over.
    pub(crate) fn late(limit: Duration) -> Self {
        let sentence = format!("there was no answer within {} seconds", limit.as_secs_f64());
        Self::new(StatusCode::GATEWAY_TIMEOUT, "timeout", sentence)
    }

    /// The server is about to end.
    pub(crate) fn ending() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "device_lost", "the device was lost, and the server is ending")
    }

    /// Something went wrong that is nobody's video's fault.
    pub(crate) fn internal(error: impl std::fmt::Display) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", error.to_string())
    }
}

/// What the library's kinds of errors mean to a client: its own fault, that of its video, or none of them.
impl From<tubelet::Error> for Refusal {
    fn from(error: tubelet::Error) -> Self {
        let (status, kind) = match error.kind() {
            ErrorKind::Usage => (StatusCode::BAD_REQUEST, "usage"),
            ErrorKind::File => (StatusCode::UNPROCESSABLE_ENTITY, "file"),
            ErrorKind::OutOfMemory => (StatusCode::SERVICE_UNAVAILABLE, "out_of_memory"),
            ErrorKind::DeviceLost => (StatusCode::INTERNAL_SERVER_ERROR, "device_lost"),
            ErrorKind::Device => (StatusCode::INTERNAL_SERVER_ERROR, "device"),
            ErrorKind::Unsupported => (StatusCode::INTERNAL_SERVER_ERROR, "unsupported"),
            ErrorKind::Io => (StatusCode::INTERNAL_SERVER_ERROR, "io"),
            _ => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Self::new(status, kind, error.to_string())
    }
}

impl From<QueryRejection> for Refusal {
    fn from(rejection: QueryRejection) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "usage", rejection.body_text())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(json!({ "error": self.sentence, "kind": self.kind }));
        match self.status {
            StatusCode::SERVICE_UNAVAILABLE => (self.status, [(header::RETRY_AFTER, "1")], body).into_response(),
            status => (status, body).into_response(),
        }
    }
}
