//! The error of a call, classified once where it is made.
//!
//! Callers ask [`Error::is_not_found`] and [`Error::may_have_taken_effect`] instead of reading status codes: the
//! service reports a missing object with HTTP 400, and some of its own faults too.

use std::{error::Error as StdError, fmt, sync::Arc, time::Duration};

use http::StatusCode;

use super::{
    config_error::{ConfigError, Setting},
    error_kind::ErrorKind,
    transport_failure::{of_connect, root_cause},
};
use crate::dli::{error_catalog::TransportFailure, operation::Operation, rate_limit::RateLimit};

/// A failed call, or an invalid configuration.
#[derive(Debug, Clone)]
pub struct Error {
    /// The failed operation; `None` for an invalid configuration.
    pub operation: Option<Operation>,
    /// HTTP status, if a response arrived; 2xx for `is_success: false`.
    pub status: Option<StatusCode>,
    /// `DLI.xxxx` or `APIGW.xxxx`; missing with `is_success: false`, and if something else responded.
    pub code: Option<String>,
    /// The message of the service, or else a description of the failure.
    pub message: String,
    /// Where the request was sent; `None` if it was not built.
    pub address: Option<String>,
    /// Identifies the request for the service's support.
    pub request_id: Option<String>,
    /// Owner and origin of the credentials, if they may be at fault. Holds no secret.
    pub credentials: Option<String>,
    /// Why no valid response arrived; `None` if the service or its gateway reported the failure.
    pub transport_failure: Option<TransportFailure>,
    /// Whether the response exceeds the maximum size.
    pub is_too_large: bool,
    /// Number of requests that were sent or could not connect.
    pub attempts: u32,
    /// From the first attempt to the end of the last, waits included; zero for a single attempt.
    pub elapsed: Duration,
    pub(super) retry_after: Option<Duration>,
    /// The kind of this failure itself.
    pub(super) own_kind: ErrorKind,
    /// Whether it prevented another call: credentials or the project could not be resolved.
    pub(super) is_preliminary: bool,
    /// Whether an earlier attempt may have taken effect.
    pub(super) open: bool,
    pub(super) source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    pub(super) fn new(operation: impl Into<Option<Operation>>, kind: ErrorKind, message: String) -> Self {
        Self {
            operation: operation.into(),
            status: None,
            code: None,
            message,
            address: None,
            request_id: None,
            credentials: None,
            transport_failure: None,
            is_too_large: false,
            attempts: 1,
            elapsed: Duration::ZERO,
            retry_after: None,
            own_kind: kind,
            is_preliminary: false,
            open: false,
            source: None,
        }
    }

    pub(super) fn invalid_request(operation: Operation, reason: impl fmt::Display) -> Self {
        let message = format!("the request could not be built: {reason}");
        Self { attempts: 0, ..Self::new(operation, ErrorKind::InvalidRequest, message) }
    }

    /// The call waited for the rate limiter until its deadline.
    pub(crate) fn queued_too_long(operation: Operation, host: &str, limit: Option<RateLimit>) -> Self {
        let limited =
            limit.map_or("is limiting the number of calls".to_owned(), |limit| format!("allows only {limit}"));
        let message =
            format!("not sent: the gateway of {host} {limited}, and the call was still waiting when its time ran out");
        Self {
            attempts: 0,
            transport_failure: Some(TransportFailure::QueuedTooLong),
            ..Self::new(operation, ErrorKind::QueuedTooLong, message)
        }
    }

    /// No response arrived within `timeout`.
    pub(super) fn no_response(operation: Operation, host: &str, timeout: Duration, source: reqwest::Error) -> Self {
        let source = source.without_url();
        let (kind, failure, message) = if source.is_builder() {
            return Self::invalid_request(operation, root_cause(&source));
        } else if source.is_connect() {
            let failure = of_connect(&source);
            let reason = match failure {
                TransportFailure::Unresolved => ": the host name cannot be resolved".to_owned(),
                TransportFailure::Refused => ": connection refused".to_owned(),
                TransportFailure::ConnectTimeout => " in time".to_owned(),
                TransportFailure::Proxy => {
                    format!(" through the proxy: {}", root_cause(&source).trim_start_matches("tunnel error: "))
                }
                _ => format!(": {}", root_cause(&source)),
            };
            // A proxy that rejects the credentials rejects them again, and may lock the user.
            let is_refused =
                failure == TransportFailure::Proxy && root_cause(&source).ends_with("proxy authorization required");
            let kind = if is_refused { ErrorKind::ProxyRefused } else { ErrorKind::ConnectFailed };
            (kind, failure, format!("no connection to {host}{reason}"))
        } else if source.is_timeout() {
            let timeout = humantime::format_duration(timeout);
            let message = format!("no complete response from {host} within {timeout}");
            (ErrorKind::OutcomeUnknown, TransportFailure::Timeout, message)
        } else {
            let message = format!("the connection to {host} ended before a response arrived");
            (ErrorKind::OutcomeUnknown, TransportFailure::Lost, message)
        };
        Self { transport_failure: Some(failure), source: Some(Arc::new(source)), ..Self::new(operation, kind, message) }
    }

    /// The response was truncated.
    pub(super) fn truncated(operation: Operation, status: StatusCode, source: reqwest::Error) -> Self {
        let message = format!("the response ({}) was truncated", http_status(status));
        Self {
            status: Some(status),
            transport_failure: Some(TransportFailure::TruncatedResponse),
            source: Some(Arc::new(source.without_url())),
            ..Self::new(operation, ErrorKind::of_truncated(status), message)
        }
    }

    /// The response exceeds the maximum size in bytes.
    pub(super) fn too_large(operation: Operation, status: StatusCode, limit: usize) -> Self {
        let problem = format!("longer than {limit} bytes");
        let error = Self::unexpected_response(operation, status, ErrorKind::of_too_large(status), &problem);
        Self { is_too_large: true, ..error }
    }

    /// The status says success, but the body is not valid.
    pub(super) fn invalid_response(operation: Operation, status: StatusCode, problem: &str) -> Self {
        let problem = format!("not in the service's format{problem}");
        Self::unexpected_response(operation, status, ErrorKind::InvalidResponse, &problem)
    }

    fn unexpected_response(operation: Operation, status: StatusCode, kind: ErrorKind, problem: &str) -> Self {
        let message = format!("{}, but {problem}", http_status(status));
        let transport_failure = Some(TransportFailure::UnexpectedResponse);
        Self { status: Some(status), transport_failure, ..Self::new(operation, kind, message) }
    }

    /// The service or its gateway reports a failure: a status outside 2xx, or 2xx with `is_success: false`.
    pub(super) fn reported(operation: Operation, status: StatusCode, code: Option<String>, message: String) -> Self {
        let kind = ErrorKind::of_response(status, code.as_deref().unwrap_or_default(), &message);
        Self { status: Some(status), code, ..Self::new(operation, kind, message) }
    }

    /// Marks an error that prevented another call.
    pub(super) fn preliminary(self) -> Self {
        Self { is_preliminary: true, ..self }
    }

    /// The kind of the failure; after retries, of the last attempt.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self.own_kind {
            kind if !self.is_preliminary => kind,
            ErrorKind::OutcomeUnknown | ErrorKind::Throttled => ErrorKind::TransientNotApplied,
            ErrorKind::InvalidResponse | ErrorKind::NotFound | ErrorKind::NotPublished => ErrorKind::Refused,
            kind => kind,
        }
    }

    /// Whether the service or its gateway reported the failure.
    #[must_use]
    pub fn is_reported(&self) -> bool {
        self.status.is_some() && self.transport_failure.is_none()
    }

    /// Whether the service says that the object itself does not exist. A 404 of the gateway does not say that.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Whether the API is not published in the region. That says nothing about any object.
    #[must_use]
    pub fn is_not_published(&self) -> bool {
        self.kind() == ErrorKind::NotPublished
    }

    /// Whether the call may succeed when retried: network failure, server fault or throttling.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(
            self.kind(),
            ErrorKind::ConnectFailed
                | ErrorKind::Throttled
                | ErrorKind::TransientNotApplied
                | ErrorKind::OutcomeUnknown
        )
    }

    /// Whether a failed write may have taken effect: false if every attempt was rejected or did not reach the service.
    /// Always false for a read.
    #[must_use]
    pub fn may_have_taken_effect(&self) -> bool {
        let is_unknown = matches!(self.kind(), ErrorKind::OutcomeUnknown | ErrorKind::InvalidResponse);
        self.open || is_unknown && self.operation.is_some_and(Operation::is_write)
    }

    /// Whether the service may still be processing the request: no response, a truncated success, or a gateway timeout.
    #[must_use]
    pub fn may_be_under_way(&self) -> bool {
        match self.transport_failure {
            Some(TransportFailure::Lost | TransportFailure::Timeout) => true,
            Some(TransportFailure::TruncatedResponse) => self.status.is_some_and(|status| status.is_success()),
            _ => self.status == Some(StatusCode::GATEWAY_TIMEOUT),
        }
    }

    pub(super) fn is_sent(&self) -> bool {
        let unsent =
            [ErrorKind::InvalidRequest, ErrorKind::ConnectFailed, ErrorKind::ProxyRefused, ErrorKind::QueuedTooLong];
        !self.is_preliminary && !unsent.contains(&self.own_kind)
    }

    /// Whether the request itself was rejected with HTTP 401.
    pub(super) fn is_unauthorized(&self) -> bool {
        !self.is_preliminary && self.is_reported() && self.status == Some(StatusCode::UNAUTHORIZED)
    }

    /// The missing settings, if that is the error.
    pub(super) fn missing(&self) -> Option<&[Setting]> {
        match self.source.as_ref()?.downcast_ref()? {
            ConfigError::Missing { settings } => Some(settings),
            _ => None,
        }
    }

    /// Adds owner and origin of the credentials if they may be at fault.
    pub(super) fn by(mut self, caller: &str) -> Self {
        if self.is_about_credentials() {
            self.credentials.get_or_insert_with(|| caller.to_owned());
        }
        self
    }

    fn is_about_credentials(&self) -> bool {
        const CODES: [&str; 6] = ["DLI.0013", "DLI.0014", "DLI.0015", "DLI.0016", "APIGW.0501", "APIGW.0502"];
        let is_identity = self.operation.is_some_and(Operation::is_identity);
        self.is_reported()
            && (matches!(self.status, Some(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN))
                || self.code.as_deref().is_some_and(|code| CODES.contains(&code))
                || is_identity && self.status.is_some_and(|status| status.is_client_error()))
    }

    /// What happened, on one line: `HTTP 400 Bad Request, DLI.0001: …` or a description.
    #[must_use]
    pub fn summary(&self) -> String {
        let Some(status) = self.status.filter(|_| self.is_reported()) else { return self.message.clone() };
        let soft = if status.is_success() { " with is_success false" } else { "" };
        // The identity service repeats the status as its code.
        let code = self.code.as_ref().filter(|code| *code != status.as_str());
        let code = code.map(|code| format!(", {code}")).unwrap_or_default();
        format!("{}{soft}{code}: {}", http_status(status), self.message)
    }

    /// Number of attempts and their time, such as `3 times in 2s`; `None` for a single attempt.
    #[must_use]
    pub fn tried(&self) -> Option<String> {
        let elapsed = humantime::format_duration(Duration::from_secs(self.elapsed.as_secs().max(1)));
        (self.attempts > 1).then(|| format!("{} times in {elapsed}", self.attempts))
    }
}

impl From<ConfigError> for Error {
    fn from(error: ConfigError) -> Self {
        let text = error.to_string();
        Self { attempts: 0, source: Some(Arc::new(error)), ..Self::new(None, ErrorKind::InvalidRequest, text) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(operation) = self.operation {
            write!(f, "{operation}: ")?;
        }
        f.write_str(&self.summary())?;
        if let Some(id) = &self.request_id {
            write!(f, " (request id {id})")?;
        }
        self.tried().map_or(Ok(()), |tried| write!(f, "; tried {tried}"))
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| &**source as _)
    }
}

/// `HTTP 400 Bad Request`.
fn http_status(status: StatusCode) -> String {
    format!("HTTP {status}").replace(" <unknown status code>", "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(operation: Operation, status: u16, code: &str, message: &str) -> Error {
        let status = StatusCode::from_u16(status).expect("a status");
        Error::reported(operation, status, (!code.is_empty()).then(|| code.to_owned()), message.to_owned())
    }

    #[test]
    fn not_found_follows_from_code_and_message() {
        let shown = |status, code, message| api(Operation::ShowConnection, status, code, message).is_not_found();
        assert!(shown(400, "DLI.0001", "Connection 2a62 does not exist"));
        assert!(shown(400, "DLI.0001", "connection 2a62 is not exist"));
        assert!(shown(400, "DLI.0002", "There is no queue named x"));
        assert!(shown(404, "DLI.0023", ""));
        assert!(!shown(400, "DLI.0001", "The parameter hosts is invalid"));
        assert!(!shown(404, "APIGW.0101", "The API does not exist or has not been published in the environment"));
        assert!(!shown(404, "", "<html>not found, does not exist</html>"));
    }

    #[test]
    fn credentials_are_named_if_at_fault() {
        let named = |operation, status, code| {
            let error = api(operation, status, code, "").by("the key");
            error.credentials.is_some()
        };
        let create = Operation::CreateConnection;
        for (status, code) in [(401, "APIGW.0301"), (403, ""), (401, "DLI.0013"), (400, "DLI.0015"), (400, "DLI.0016")]
        {
            assert!(named(create, status, code), "{status} {code}");
        }
        assert!(!named(create, 400, "DLI.0001") && !named(create, 404, "404") && !named(create, 500, "DLI.0999"));
        assert!(named(Operation::AssumeAgency, 404, "404") && named(Operation::CreateToken, 400, "IAM.0011"));
        assert!(named(Operation::ListProjects, 400, "400") && !named(Operation::ListProjects, 500, "500"));
    }

    #[test]
    fn only_a_rejected_write_had_no_effect() {
        let create =
            |status, code| api(Operation::CreateConnection, status, code, "says something").may_have_taken_effect();
        for (status, code) in [
            (400, "DLI.0001"),
            (400, "DLI.0006"),
            (401, "APIGW.0301"),
            (404, "APIGW.0101"),
            (404, "APIGW.0103"),
            (413, "APIGW.0201"),
            (429, "APIGW.0308"),
            (403, ""),
            (302, ""),
            (200, ""),
        ] {
            assert!(!create(status, code), "{status} {code}");
        }
        for (status, code) in [
            (400, "DLI.0019"),
            (400, "DLI.0999"),
            (200, "DLI.0999"),
            (408, ""),
            (500, ""),
            (502, "APIGW.0201"),
            (504, "APIGW.0201"),
        ] {
            assert!(create(status, code), "{status} {code}");
        }
        assert!(!api(Operation::ShowConnection, 500, "", "").may_have_taken_effect());
    }
}
