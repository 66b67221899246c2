//! The request log, for test assertions and for display.

use std::io::{self, IsTerminal, Write};
use std::{collections::VecDeque, time::Duration};

use axum::body::Bytes;
use percent_encoding::percent_decode_str;
use time::{OffsetDateTime, macros::format_description};

use super::{caller::Caller, faults::FaultKind, request::ApiRequest};

/// A request and the outcome of it.
#[derive(Debug, Clone)]
pub struct LoggedRequest {
    /// Sequence number from 1 in response order. A reset does not restart it.
    pub number: u64,
    /// Arrival time by the emulator's clock.
    pub at: OffsetDateTime,
    /// `GET`, `POST`, …
    pub method: String,
    /// Percent-encoded, as sent.
    pub path: String,
    /// Percent-encoded, as sent, without the question mark; empty where there is none.
    pub query: String,
    /// Operation name in the SDKs, such as `CreateEnhancedConnection`; `None` for an unknown path.
    pub operation: Option<&'static str>,
    /// The authenticated caller; `None` if authentication failed or was not required.
    pub caller: Option<Caller>,
    /// Header names in lower case and values, in order of arrival.
    pub headers: Vec<(String, String)>,
    /// Request body, without the secrets of a login; empty if the body was too large.
    pub body: Bytes,
    /// The first part of the response body, without secrets. Only the newest requests have it.
    pub response: Bytes,
    /// Length of the response body.
    pub response_bytes: usize,
    /// HTTP status, also of a response that was lost; 0 if the connection was closed before the request ran.
    pub status: u16,
    /// Error code of the response; `None` for HTTP 200 with `is_success: false`.
    pub code: Option<String>,
    /// Error message of the response.
    pub error: Option<String>,
    /// `X-Request-Id` of the response.
    pub request_id: String,
    /// Processing time without added latency.
    pub took: Duration,
    /// How faults affected the request.
    pub fault_effect: FaultEffect,
}

impl LoggedRequest {
    pub(super) fn new(request: &ApiRequest, at: OffsetDateTime, request_id: String) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let headers = request.parts.headers.iter();
        Self {
            number: 0,
            at,
            method: request.method().to_owned(),
            path: request.path().to_owned(),
            query: request.parts.uri.query().unwrap_or_default().to_owned(),
            operation: None,
            caller: None,
            headers: headers.map(|(name, value)| (name.to_string(), text(value.as_bytes()))).collect(),
            body: request.body.clone(),
            response: Bytes::new(),
            response_bytes: 0,
            status: 0,
            code: None,
            error: None,
            request_id,
            took: Duration::ZERO,
            fault_effect: FaultEffect::default(),
        }
    }

    /// Whether the request took effect, whether or not the response was delivered.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.status, 200..=299) && self.error.is_none()
    }

    /// Stores the first part of the response body.
    pub(super) fn set_response(&mut self, body: &[u8]) {
        self.response = Bytes::copy_from_slice(&body[..body.len().min(MAX_RESPONSE)]);
        self.response_bytes = body.len();
    }

    /// Whether the decoded path, the raw query, the body or the stored part of the response contains a text.
    pub(super) fn contains(&self, text: &str) -> bool {
        percent_decode_str(&self.path).decode_utf8_lossy().contains(text)
            || self.query.contains(text)
            || [&self.body, &self.response].iter().any(|body| memory_contains(body, text.as_bytes()))
    }
}

/// How faults affected a request. Tests use it to check that an injected fault took effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultEffect {
    /// The fault that changed the response, other than a delay.
    pub fault: Option<FaultKind>,
    /// Delay added by faults.
    pub delay: Duration,
    /// Whether the response shows an older state that differs from the current one.
    pub is_stale: bool,
    /// Whether the response shows a connection with a binding in CREATING.
    pub shows_creating_binding: bool,
    /// Whether the response shows a deleted connection that is still ACTIVE.
    pub shows_deleting: bool,
}

/// Stored length of a response body.
const MAX_RESPONSE: usize = 16 * 1024;

fn memory_contains(bytes: &[u8], text: &[u8]) -> bool {
    text.is_empty() || bytes.windows(text.len()).any(|window| window == text)
}

/// The newest requests, bounded in number and in bytes.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    requests: VecDeque<LoggedRequest>,
    bytes: usize,
    /// Total number of requests.
    count: u64,
}

impl RequestLog {
    const MAX_REQUESTS: usize = 100_000;
    const MAX_BYTES: usize = 256 * 1024 * 1024;
    /// Number of the newest requests that have a response body.
    const MAX_RESPONSES: usize = 2_000;

    /// Assigns the next sequence number and stores the request.
    pub(super) fn add(&mut self, mut request: LoggedRequest) {
        self.count += 1;
        request.number = self.count;
        self.bytes += size_of_request(&request);
        self.requests.push_back(request);
        let older = self.requests.len().checked_sub(Self::MAX_RESPONSES + 1);
        if let Some(older) = older.and_then(|at| self.requests.get_mut(at)) {
            self.bytes -= older.response.len();
            older.response = Bytes::new();
        }
        while self.requests.len() > Self::MAX_REQUESTS || self.bytes > Self::MAX_BYTES {
            let Some(oldest) = self.requests.pop_front() else { break };
            self.bytes -= size_of_request(&oldest);
        }
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        self.requests.iter().cloned().collect()
    }

    /// The requests with numbers above `since` and below `before`.
    pub(super) fn between(&self, since: u64, before: u64) -> impl DoubleEndedIterator<Item = &LoggedRequest> {
        let start = self.requests.partition_point(|request| request.number <= since);
        let end = self.requests.partition_point(|request| request.number < before);
        self.requests.range(start..end.max(start))
    }

    /// Number of the oldest request that is kept; that of the next one if there is none.
    pub(super) fn first(&self) -> u64 {
        self.requests.front().map_or(self.count + 1, |request| request.number)
    }

    /// Total number of requests, which is the number of the last one.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// Removes all requests but keeps the sequence number.
    pub(super) fn clear(&mut self) {
        self.requests.clear();
        self.bytes = 0;
    }
}

fn size_of_request(request: &LoggedRequest) -> usize {
    let headers: usize = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    request.body.len() + request.response.len() + request.path.len() + request.query.len() + headers
}

/// Writes one line to standard error, with colors on a terminal.
pub(super) fn print(request: &LoggedRequest) {
    let mut stderr = io::stderr().lock();
    let line = line(request, stderr.is_terminal());
    // A closed standard error must not fail the request.
    let _ = writeln!(stderr, "{line}");
}

fn line(request: &LoggedRequest, color: bool) -> String {
    let status = match request.status {
        200..=299 => "\x1b[32m",
        300..=499 => "\x1b[33m",
        _ => "\x1b[31m",
    };
    let (status, dim, plain) = if color { (status, "\x1b[2m", "\x1b[0m") } else { ("", "", "") };
    let clock = request.at.time().format(format_description!("[hour]:[minute]:[second]")).unwrap_or_default();
    let (code, took, path) = (request.status, request.took.as_millis(), visible(&short_path(request)));
    let mut line = format!("{dim}{clock}{plain}  {:<6}  {status}{code}{plain}  {took:>5} ms  {path}", request.method);
    if !request.query.is_empty() {
        line = format!("{line}?{}", visible(&request.query));
    }
    if let Some(code) = &request.code {
        let error = visible(request.error.as_deref().unwrap_or_default());
        line = format!("{line}  {status}{code}{plain} {error}");
    }
    line
}

/// The path with the project id replaced by an ellipsis.
fn short_path(request: &LoggedRequest) -> String {
    let mut segments: Vec<_> = request.path.split('/').collect();
    if request.operation.is_some()
        && let Some(project) = segments.get_mut(2)
    {
        *project = "…";
    }
    segments.join("/")
}

/// Replaces control characters, so that client input cannot control the terminal.
fn visible(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn request(path: &str, length: usize) -> LoggedRequest {
        let request = Request::get("/?a=1").body(()).expect("a request");
        let request = ApiRequest::new(request.into_parts().0, vec![0; length].into());
        LoggedRequest {
            path: path.to_owned(),
            status: 404,
            code: Some("APIGW.0101".to_owned()),
            error: Some("no \u{1b}[2J".to_owned()),
            took: Duration::from_millis(12),
            ..LoggedRequest::new(&request, OffsetDateTime::UNIX_EPOCH, String::new())
        }
    }

    #[test]
    fn oldest_requests_are_dropped() {
        let mut request_log = RequestLog::default();
        let megabyte = 1024 * 1024;
        for number in 0..30 {
            request_log.add(request(&number.to_string(), 12 * megabyte));
        }
        let kept: Vec<_> = request_log.requests().into_iter().map(|request| request.path).collect();
        assert_eq!(kept, (9..30).map(|number| number.to_string()).collect::<Vec<_>>(), "21 × 12 MiB is within 256 MiB");
    }

    #[test]
    fn log_line_escapes_control_characters() {
        let line = line(&request("/x", 0), false);
        assert_eq!(line, "00:00:00  GET     404     12 ms  /x?a=1  APIGW.0101 no \u{fffd}[2J");
    }

    #[test]
    fn log_line_omits_project_id() {
        let path = "/v1.0/0123456789abcdef0123456789abcdef/queues/q1";
        let request =
            LoggedRequest { operation: Some("ShowQueue"), status: 200, code: None, error: None, ..request(path, 0) };
        let line = line(&request, false);
        assert_eq!(line, "00:00:00  GET     200     12 ms  /v1.0/…/queues/q1?a=1");
    }
}
