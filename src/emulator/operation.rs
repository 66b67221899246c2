//! The types of an operation: its handler, its request and its response.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use serde::{Serialize, de::DeserializeOwned};

use super::{api_error::ApiError, project_service::ProjectService};

/// Runs an operation of the API.
pub(super) type Handler = fn(&mut ProjectService<'_>, &ApiRequest<'_>) -> Result<ApiResponse, ApiError>;

/// Decodes the pairs of a raw query. A `+` stands for itself.
pub(super) fn query_pairs(raw: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

/// The input of an operation.
#[derive(Debug)]
pub(super) struct ApiRequest<'a> {
    pub(super) segments: BTreeMap<&'static str, String>,
    pub(super) query: &'a [(String, String)],
    pub(super) body: &'a [u8],
}

impl ApiRequest<'_> {
    /// The decoded path segment of a placeholder.
    pub(super) fn segment(&self, name: &str) -> &str {
        self.segments.get(name).map_or("", String::as_str)
    }

    /// A query parameter. An empty value counts as absent, and the first of several values is used (both inferences).
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// A query parameter that is a non-negative number.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.parameter(name) else { return Ok(None) };
        let number = text.parse().map_err(|_| {
            ApiError::parameter(format!("The parameter {name} is invalid: {text:?} is not a number from 0 up"))
        })?;
        Ok(Some(number))
    }

    /// Decodes the body. The error names a missing field or a wrong type.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(self.body)
            .map_err(|error| ApiError::parameter(format!("The request body is invalid: {error}")))
    }
}

/// A successful response.
#[derive(Debug)]
pub(super) struct ApiResponse {
    pub(super) status: u16,
    /// JSON, unless a header says otherwise; `None` for HTTP 204.
    pub(super) body: Option<Vec<u8>>,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
}

impl ApiResponse {
    pub(super) fn json(status: u16, body: &impl Serialize) -> Self {
        let body = serde_json::to_vec(body).expect("answers are structures of texts, numbers and booleans");
        Self { status, body: Some(body), headers: Vec::new() }
    }

    pub(super) fn ok(body: &impl Serialize) -> Self {
        Self::json(200, body)
    }

    /// Keeps the first half of the body, which is not valid JSON.
    pub(super) fn truncated(self) -> Self {
        self.with_body("{", |mut body| {
            body.truncate(body.len() / 2);
            body
        })
    }

    /// Prepends text that makes the body invalid JSON.
    pub(super) fn garbled(self) -> Self {
        self.with_body("<html>", |body| b"<html>".iter().copied().chain(body).collect())
    }

    /// Changes the body. An empty response becomes HTTP 200 with the body `instead`.
    fn with_body(self, instead: &str, spoil: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
        let (status, body) = match self.body {
            Some(body) => (self.status, spoil(body)),
            None => (200, instead.as_bytes().to_vec()),
        };
        Self { status, body: Some(body), ..self }
    }

    pub(super) fn no_content() -> Self {
        Self { status: 204, body: None, headers: Vec::new() }
    }
}

/// Parses a tag filter such as `k1=v1,k2=v2`. All pairs must match.
pub(super) fn tag_filter(text: &str) -> Result<Vec<(&str, &str)>, ApiError> {
    text.split(',')
        .map(|pair| {
            pair.split_once('=')
                .ok_or_else(|| ApiError::parameter(format!("The parameter tags is invalid: {pair:?} is not key=value")))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plus_in_query_is_literal() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            query_pairs("a=1+2&a=%2B&&b&c=d=e&%e9=%20"),
            [pair("a", "1+2"), pair("a", "+"), pair("b", ""), pair("c", "d=e"), pair("\u{fffd}", " ")]
        );
    }
}
