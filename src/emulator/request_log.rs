//! The request log: what came in, what went out, for tests to assert on and for people to read.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, IsTerminal, Write},
    time::Duration,
};

use axum::body::Bytes;
use time::{OffsetDateTime, macros::format_description};

use super::{credential_store::Caller, faults::FaultKind};

/// One request and how it was answered.
#[derive(Debug, Clone)]
pub struct LoggedRequest {
    /// Counts the requests from 1, in the order of their answers; a reset does not begin anew.
    pub number: u64,
    /// When it had arrived, by the emulator's clock.
    pub at: OffsetDateTime,
    /// `GET`, `POST`, …
    pub method: String,
    /// Percent-encoded, as sent.
    pub path: String,
    /// Percent-encoded, as sent, without the question mark; empty where there is none.
    pub query: String,
    /// What it asks for, as the service's SDKs call it: `CreateEnhancedConnection`, …; none where nothing is published.
    pub operation: Option<&'static str>,
    /// Who was believed; none where nobody was, and where nobody has to be.
    pub caller: Option<Caller>,
    /// Name (lower case) and value of each header, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body; empty where it was refused for its size, and without the secrets that a login has in it.
    pub body: Bytes,
    /// HTTP status of the answer, of one that was lost too; 0 where the connection was cut before anything was done.
    pub status: u16,
    /// Error code of the answer; a soft refusal (HTTP 200) has none, but its text.
    pub code: Option<String>,
    /// Error text of the answer.
    pub error: Option<String>,
    /// `X-Request-Id` of the answer.
    pub request_id: String,
    /// How long the work took, the added latency left out.
    pub took: Duration,
    /// What befell it on its way.
    pub fault_effect: FaultEffect,
}

impl LoggedRequest {
    /// Whether it was carried out, whatever became of the answer.
    #[must_use]
    pub fn is_done(&self) -> bool {
        matches!(self.status, 200..=299) && self.error.is_none()
    }
}

/// What befell a request, as far as its answer does not tell: a test that brings a trouble on asks whether it was met.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FaultEffect {
    /// What a fault did to it, but for what only slows it down.
    pub fault: Option<FaultKind>,
    /// How much later its answer left because of faults.
    pub delay: Duration,
    /// Whether its answer is of an older state, and would be another one by that of now.
    pub is_stale: bool,
    /// Whether its answer shows a connection of which a binding is CREATING.
    pub shows_creating_binding: bool,
    /// Whether its answer shows a connection that was deleted and is ACTIVE still.
    pub shows_deleting: bool,
}

/// The newest requests. Bounded in number and in bytes, so that an emulator can run for months.
#[derive(Debug, Default)]
pub(super) struct RequestLog {
    requests: VecDeque<LoggedRequest>,
    bytes: usize,
    /// How many there have been.
    count: u64,
}

impl RequestLog {
    const MOST_REQUESTS: usize = 100_000;
    const MOST_BYTES: usize = 256 * 1024 * 1024;

    /// Numbers it.
    pub(super) fn add(&mut self, mut request: LoggedRequest) {
        self.count += 1;
        request.number = self.count;
        self.bytes += weight(&request);
        self.requests.push_back(request);
        while self.requests.len() > Self::MOST_REQUESTS || self.bytes > Self::MOST_BYTES {
            let Some(oldest) = self.requests.pop_front() else { break };
            self.bytes -= weight(&oldest);
        }
    }

    pub(super) fn requests(&self) -> Vec<LoggedRequest> {
        self.requests.iter().cloned().collect()
    }

    /// Forgets the requests, not their number.
    pub(super) fn clear(&mut self) {
        self.requests.clear();
        self.bytes = 0;
    }
}

fn weight(request: &LoggedRequest) -> usize {
    let headers: usize = request.headers.iter().map(|(name, value)| name.len() + value.len()).sum();
    request.body.len() + request.path.len() + request.query.len() + headers
}

/// Writes one line to standard error, in colour where that is a terminal.
pub(super) fn print(request: &LoggedRequest) {
    let mut stderr = io::stderr().lock();
    let line = Line { request, colour: stderr.is_terminal() };
    // A log that nobody can read any more is no reason to fail a request.
    let _ = writeln!(stderr, "{line}");
}

struct Line<'a> {
    request: &'a LoggedRequest,
    colour: bool,
}

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let request = self.request;
        let (status, dim, plain) = match (self.colour, request.status) {
            (false, _) => ("", "", ""),
            (true, 200..=299) => ("\x1b[32m", "\x1b[2m", "\x1b[0m"),
            (true, 300..=499) => ("\x1b[33m", "\x1b[2m", "\x1b[0m"),
            (true, _) => ("\x1b[31m", "\x1b[2m", "\x1b[0m"),
        };
        let clock = request.at.time().format(format_description!("[hour]:[minute]:[second]")).unwrap_or_default();
        let took = request.took.as_millis();
        write!(f, "{dim}{clock}{plain}  {:<6}  {status}{}{plain}  {took:>5} ms  ", request.method, request.status)?;
        write_visibly(f, &short_path(request))?;
        if !request.query.is_empty() {
            f.write_str("?")?;
            write_visibly(f, &request.query)?;
        }
        if let Some(code) = &request.code {
            write!(f, "  {status}{code}{plain} ")?;
            write_visibly(f, request.error.as_deref().unwrap_or_default())?;
        }
        Ok(())
    }
}

/// An ellipsis in the place of the project, which is long and the same in nearly every line.
fn short_path(request: &LoggedRequest) -> String {
    let mut segments: Vec<_> = request.path.split('/').collect();
    if request.operation.is_some()
        && let Some(project) = segments.get_mut(2)
    {
        *project = "…";
    }
    segments.join("/")
}

/// A client's text may not steer the terminal.
fn write_visibly(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.chars().try_for_each(|c| write!(f, "{}", if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str, length: usize) -> LoggedRequest {
        LoggedRequest {
            number: 0,
            at: OffsetDateTime::UNIX_EPOCH,
            method: "GET".to_owned(),
            path: path.to_owned(),
            query: "a=1".to_owned(),
            operation: None,
            caller: None,
            headers: Vec::new(),
            body: vec![0; length].into(),
            status: 404,
            code: Some("APIGW.0101".to_owned()),
            error: Some("no \u{1b}[2J".to_owned()),
            request_id: String::new(),
            took: Duration::from_millis(12),
            fault_effect: FaultEffect::default(),
        }
    }

    #[test]
    fn the_oldest_requests_make_room() {
        let mut request_log = RequestLog::default();
        let megabyte = 1024 * 1024;
        for number in 0..30 {
            request_log.add(request(&number.to_string(), 12 * megabyte));
        }
        let kept: Vec<_> = request_log.requests().into_iter().map(|request| request.path).collect();
        assert_eq!(kept, (9..30).map(|number| number.to_string()).collect::<Vec<_>>(), "21 × 12 MiB is within 256 MiB");
    }

    #[test]
    fn a_line_is_plain_text() {
        let line = Line { request: &request("/x", 0), colour: false }.to_string();
        assert_eq!(line, "00:00:00  GET     404     12 ms  /x?a=1  APIGW.0101 no \u{fffd}[2J");
    }

    #[test]
    fn a_line_leaves_the_project_out() {
        let path = "/v1.0/0123456789abcdef0123456789abcdef/queues/q1";
        let request =
            LoggedRequest { operation: Some("ShowQueue"), status: 200, code: None, error: None, ..request(path, 0) };
        let line = Line { request: &request, colour: false }.to_string();
        assert_eq!(line, "00:00:00  GET     200     12 ms  /v1.0/…/queues/q1?a=1");
    }
}
