//! The types of an operation: its description, its request and its response.

use std::collections::BTreeMap;

use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;
use serde::{Serialize, de::DeserializeOwned};

use super::{api_error::ApiError, project_service::ProjectService};

/// One operation of the API. Placeholders in `pattern` are one segment each, `{project_id}` always among them.
#[derive(Debug)]
pub(super) struct Operation {
    /// As the service's SDKs and audit logs call it.
    pub(super) name: &'static str,
    pub(super) method: &'static str,
    pub(super) pattern: &'static str,
    pub(super) run: fn(&mut ProjectService<'_>, &ApiRequest<'_>) -> Result<ApiResponse, ApiError>,
}

/// The pairs of a raw query, decoded; a `+` is a plus.
pub(super) fn query_pairs(raw: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
        .collect()
}

/// What an operation is given of a request.
#[derive(Debug)]
pub(super) struct ApiRequest<'a> {
    pub(super) segments: BTreeMap<&'static str, String>,
    pub(super) query: &'a [(String, String)],
    pub(super) body: &'a [u8],
}

impl ApiRequest<'_> {
    /// What stands in the place of a placeholder of the operation's pattern.
    pub(super) fn segment(&self, name: &str) -> &str {
        self.segments.get(name).map_or("", String::as_str)
    }

    /// A query parameter. An empty one counts as not given, and of repeated ones the first counts (both inferences).
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// A query parameter that is a number from 0 up.
    pub(super) fn number(&self, name: &str) -> Result<Option<usize>, ApiError> {
        let Some(text) = self.parameter(name) else { return Ok(None) };
        let number = text.parse().map_err(|_| {
            ApiError::parameter(format!("The parameter {name} is invalid: {text:?} is not a number from 0 up"))
        })?;
        Ok(Some(number))
    }

    /// The body; a missing field and a wrong type are named in the refusal.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(self.body)
            .map_err(|error| ApiError::parameter(format!("The request body is invalid: {error}")))
    }
}

/// A successful answer.
#[derive(Debug)]
pub(super) struct ApiResponse {
    pub(super) status: u16,
    /// JSON, unless the headers say otherwise; none for 204.
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

    /// The first half of it, which is no JSON.
    pub(super) fn truncated(self) -> Self {
        self.spoilt("{", |mut body| {
            body.truncate(body.len() / 2);
            body
        })
    }

    /// Behind something that makes it no JSON.
    pub(super) fn garbled(self) -> Self {
        self.spoilt("<html>", |body| b"<html>".iter().copied().chain(body).collect())
    }

    /// Where there is no body to spoil, something else comes, under a status that may carry it.
    fn spoilt(self, instead: &str, spoil: impl FnOnce(Vec<u8>) -> Vec<u8>) -> Self {
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

/// A filter such as `k1=v1,k2=v2`; every pair must be met.
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
    fn a_plus_in_a_query_is_a_plus() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            query_pairs("a=1+2&a=%2B&&b&c=d=e&%e9=%20"),
            [pair("a", "1+2"), pair("a", "+"), pair("b", ""), pair("c", "d=e"), pair("\u{fffd}", " ")]
        );
    }
}
