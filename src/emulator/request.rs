//! A request as an operation reads it.

use std::collections::BTreeMap;

use axum::body::Bytes;
use http::{HeaderName, request::Parts};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use super::api_error::ApiError;

/// A request, and the values that its path has for the placeholders of the operation.
#[derive(Debug)]
pub(super) struct ApiRequest {
    pub(super) parts: Parts,
    /// Decoded, in the order of the request line.
    pub(super) query: Vec<(String, String)>,
    /// Empty if it cannot be read.
    pub(super) body: Bytes,
    /// Decoded path segments by placeholder.
    pub(super) segments: BTreeMap<&'static str, String>,
}

impl ApiRequest {
    pub(super) fn new(parts: Parts, body: Bytes) -> Self {
        let query = query_pairs(parts.uri.query().unwrap_or_default());
        Self { parts, query, body, segments: BTreeMap::new() }
    }

    pub(super) fn method(&self) -> &str {
        self.parts.method.as_str()
    }

    /// The path, percent-encoded.
    pub(super) fn path(&self) -> &str {
        self.parts.uri.path()
    }

    /// The value of a header. Repeated headers are joined with commas, so that none of them can bypass the signature.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        let values = self.parts.headers.get_all(name.parse::<HeaderName>().ok()?);
        let values: Vec<_> = values.iter().map(|value| String::from_utf8_lossy(value.as_bytes())).collect();
        (!values.is_empty()).then(|| values.join(",").trim().to_owned())
    }

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
        text.parse().map(Some).map_err(|_| {
            ApiError::invalid_parameter(format!("The parameter {name} is invalid: {text:?} is not a number from 0 up"))
        })
    }

    /// The requested page as an offset and a limit. A limit of 0 returns everything.
    pub(super) fn page(&self, default_limit: usize) -> Result<(usize, usize), ApiError> {
        let limit = self.number("limit")?.unwrap_or(default_limit);
        Ok((self.number("offset")?.unwrap_or(0), if limit == 0 { usize::MAX } else { limit }))
    }

    /// The query parameter "tags", a filter such as `k1=v1,k2=v2`. All pairs must match.
    pub(super) fn tag_filter(&self) -> Result<Vec<(&str, &str)>, ApiError> {
        let pairs = self.parameter("tags").into_iter().flat_map(|text| text.split(','));
        pairs
            .map(|pair| {
                let invalid = || format!("The parameter tags is invalid: {pair:?} is not key=value");
                pair.split_once('=').ok_or_else(|| ApiError::invalid_parameter(invalid()))
            })
            .collect()
    }

    /// Decodes the body. The error names a missing field or a wrong type.
    pub(super) fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        serde_json::from_slice(&self.body)
            .map_err(|error| ApiError::invalid_parameter(format!("The request body is invalid: {error}")))
    }

    /// Decodes the body. An error has this code.
    pub(super) fn json_or<T: DeserializeOwned>(&self, code: &'static str) -> Result<T, ApiError> {
        self.json().map_err(|error| ApiError::new(400, code, error.text))
    }

    /// Whether the decoded path, the raw query or the body contains a text.
    pub(super) fn contains(&self, text: &str) -> bool {
        percent_decode_str(self.path()).decode_utf8_lossy().contains(text)
            || self.parts.uri.query().unwrap_or_default().contains(text)
            || String::from_utf8_lossy(&self.body).contains(text)
    }
}

/// Decodes the pairs of a raw query. A `+` stands for itself.
fn query_pairs(raw: &str) -> Vec<(String, String)> {
    let decode = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    raw.split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(key, value)| (decode(key), decode(value)))
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
