//! A response before it is sent.

use http::{HeaderName, HeaderValue};
use serde::Serialize;

use super::api_error::ApiError;
use crate::dli::wire::Outcome;

#[derive(Debug)]
pub(super) struct ApiResponse {
    pub(super) status: u16,
    /// JSON, unless a header says otherwise; `None` for HTTP 204.
    pub(super) body: Option<Vec<u8>>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiResponse {
    pub(super) fn json(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("responses are structures of texts, numbers and booleans");
        Self { status, body: Some(body), headers: Vec::new() }
    }

    pub(super) fn ok(body: &impl Serialize) -> Self {
        Self::json(200, body)
    }

    /// HTTP 200 with `is_success: true` and a message.
    pub(super) fn success(message: impl Into<String>) -> Self {
        Self::ok(&Outcome::success(message))
    }

    /// HTTP 200 with `is_success: true` and these fields.
    pub(super) fn success_with(fields: &impl Serialize) -> Self {
        #[derive(Serialize)]
        struct Success<'a, T> {
            #[serde(flatten)]
            outcome: Outcome,
            #[serde(flatten)]
            fields: &'a T,
        }
        Self::ok(&Success { outcome: Outcome::success(""), fields })
    }

    pub(super) fn no_content() -> Self {
        Self { status: 204, body: None, headers: Vec::new() }
    }

    pub(super) fn error(error: &ApiError, request_id: &str) -> Self {
        match error.outcome() {
            Some(outcome) => Self::ok(&outcome),
            None => Self::json(error.status, &error.body(request_id)),
        }
    }

    /// Keeps the first half of the body, which is not valid JSON.
    pub(super) fn truncated(self) -> Self {
        self.with_body("{", |body| body[..body.len() / 2].to_vec())
    }

    /// Prepends text that makes the body invalid JSON.
    pub(super) fn garbled(self) -> Self {
        self.with_body("<html>", |body| [b"<html>", body].concat())
    }

    /// Changes the body. An empty response becomes HTTP 200 with the body `instead`.
    fn with_body(self, instead: &str, change: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        match &self.body {
            Some(body) => Self { body: Some(change(body)), ..self },
            None => Self { status: 200, body: Some(instead.into()), ..self },
        }
    }
}
