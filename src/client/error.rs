//! Errors of a call, by the phase in which they occur.
//!
//! The phase decides whether the call may have taken effect. Callers ask [`Error::is_not_found`] and [`Error::may_have_taken_effect`] and leave status codes
//! alone: the service says "not found" with HTTP 400 and reports faults of its own with it too. [`Error::kind`] decides.

use std::{error::Error as _, fmt, sync::Arc, time::Duration};

use http::StatusCode;

use super::config_error::{ConfigError, Setting};
use crate::dli::{operation::Operation, rate_limit::RateLimit};

/// A call failed. The phases stand in the order of a call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration is incomplete or contradictory.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// The credentials or the project could not be resolved; the call itself was not sent. Shared by all waiting calls.
    #[error(transparent)]
    Identity(Arc<Error>),
    /// The request could not be built; nothing was sent.
    #[error("{operation}: the request could not be built")]
    Request {
        /// The call.
        operation: Operation,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The call waited for the rate limiter until its deadline; nothing was sent.
    #[error(
        "{operation}: not sent: its turn did not come within {}; the gateway of {host} limits the calls{}",
        rounded(*waited),
        limit.map(|limit| format!(" to {limit}")).unwrap_or_default()
    )]
    QueuedTooLong {
        /// The call.
        operation: Operation,
        /// Host and port.
        host: String,
        /// How long it waited.
        waited: Duration,
        /// The limit of the gateway, if known.
        limit: Option<RateLimit>,
    },
    /// No connection (name, network, TLS, proxy or connect timeout); nothing was sent.
    #[error("{operation}: no connection to {host}")]
    Connect {
        /// The call.
        operation: Operation,
        /// Host and port.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The connection ended before a response arrived.
    #[error("{operation}: the connection to {host} was lost before an answer came")]
    Lost {
        /// The call.
        operation: Operation,
        /// Host and port.
        host: String,
        /// How.
        source: reqwest::Error,
    },
    /// The request timed out, in any phase.
    #[error("{operation}: no complete answer from {host} within {limit:?}")]
    Timeout {
        /// The call.
        operation: Operation,
        /// Host and port.
        host: String,
        /// The timeout.
        limit: Duration,
        /// Where it was when the time ran out.
        source: reqwest::Error,
    },
    /// The response was truncated.
    #[error("{operation}: the answer (HTTP {status}) was cut off{}", request_id_text(request_id.as_deref()))]
    Interrupted {
        /// The call.
        operation: Operation,
        /// Status of the answer.
        status: StatusCode,
        /// Names the request for the service's support.
        request_id: Option<String>,
        /// How.
        source: reqwest::Error,
    },
    /// The response exceeds the maximum size.
    #[error(
        "{operation}: the answer (HTTP {status}) has more than {limit} bytes{}",
        request_id_text(request_id.as_deref())
    )]
    TooLarge {
        /// The call.
        operation: Operation,
        /// Status of the answer.
        status: StatusCode,
        /// Names the request for the service's support.
        request_id: Option<String>,
        /// Maximum size in bytes.
        limit: usize,
    },
    /// The service or its gateway reports a failure.
    #[error(transparent)]
    Api(ApiError),
    /// The status says success, but the body is not valid.
    #[error(
        "{operation}: the answer (HTTP {status}) cannot be read: {problem}; it begins with {excerpt:?}{}",
        request_id_text(request_id.as_deref())
    )]
    Undecodable {
        /// The call.
        operation: Operation,
        /// Status of the answer.
        status: StatusCode,
        /// Names the request for the service's support.
        request_id: Option<String>,
        /// The error of the JSON decoder, truncated.
        problem: String,
        /// The beginning of the body, printable.
        excerpt: String,
    },
    /// The call failed after more than one attempt.
    #[error("tried {attempts} times in {}; last", rounded(*elapsed))]
    Repeated {
        /// At least 2.
        attempts: u32,
        /// From the first attempt, waits included, to the end of the last.
        elapsed: Duration,
        /// Whether any of the attempts may have taken effect.
        open: bool,
        /// The error of the last attempt; never itself `Repeated`.
        #[source]
        last: Box<Error>,
    },
}

impl Error {
    /// The error that the service reported, if any.
    #[must_use]
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            Self::Repeated { last, .. } => last.api(),
            Self::Identity(error) => error.api(),
            _ => None,
        }
    }

    /// The number of attempts.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        match self {
            Self::Configuration(_) | Self::Request { .. } | Self::QueuedTooLong { .. } => 0,
            Self::Repeated { attempts, .. } => *attempts,
            Self::Identity(error) => error.attempts(),
            _ => 1,
        }
    }

    /// The failed operation; `None` for configuration errors.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        match self {
            Self::Configuration(_) => None,
            Self::Repeated { last, .. } => last.operation(),
            Self::Identity(error) => error.operation(),
            Self::Request { operation, .. }
            | Self::QueuedTooLong { operation, .. }
            | Self::Connect { operation, .. }
            | Self::Lost { operation, .. }
            | Self::Timeout { operation, .. }
            | Self::Interrupted { operation, .. }
            | Self::TooLarge { operation, .. }
            | Self::Api(ApiError { operation, .. })
            | Self::Undecodable { operation, .. } => Some(*operation),
        }
    }

    /// HTTP status, if a response arrived.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Interrupted { status, .. }
            | Self::TooLarge { status, .. }
            | Self::Api(ApiError { status, .. })
            | Self::Undecodable { status, .. } => Some(*status),
            Self::Repeated { last, .. } => last.status(),
            Self::Identity(error) => error.status(),
            _ => None,
        }
    }

    /// Request id, if the response has one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Interrupted { request_id, .. }
            | Self::TooLarge { request_id, .. }
            | Self::Api(ApiError { request_id, .. })
            | Self::Undecodable { request_id, .. } => request_id.as_deref(),
            Self::Repeated { last, .. } => last.request_id(),
            Self::Identity(error) => error.request_id(),
            _ => None,
        }
    }

    /// The missing settings, if that is the error.
    pub(super) fn missing(&self) -> Option<&[Setting]> {
        match self {
            Self::Configuration(ConfigError::Missing { settings }) => Some(settings),
            Self::Identity(error) => error.missing(),
            _ => None,
        }
    }

    /// Adds the caller if the credentials may be at fault.
    pub(super) fn by(mut self, caller: &str) -> Self {
        if let Self::Api(error) = &mut self
            && error.is_about_credentials()
        {
            error.caller.get_or_insert_with(|| caller.to_owned());
        }
        self
    }

    /// Whether the service may still be processing the request: no response, a truncated success, or a gateway timeout.
    #[must_use]
    pub fn may_be_under_way(&self) -> bool {
        match self {
            Self::Lost { .. } | Self::Timeout { .. } => true,
            Self::Interrupted { status, .. } => status.is_success(),
            Self::Repeated { last, .. } => last.may_be_under_way(),
            _ => self.status() == Some(StatusCode::GATEWAY_TIMEOUT),
        }
    }

    /// The message with all its causes: "no connection to …: …: connection refused".
    #[must_use]
    pub fn with_causes(&self) -> String {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            text = format!("{text}: {error}");
            cause = error.source();
        }
        text
    }
}

/// The service, or the gateway in front of it, says that a call failed: a status outside 2xx, or 2xx with
/// `is_success: false`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The call.
    pub operation: Operation,
    /// HTTP status; 2xx where only `is_success` tells of the failure.
    pub status: StatusCode,
    /// `DLI.xxxx` or `APIGW.xxxx`; missing with `is_success: false`, and where something else answered.
    pub code: Option<String>,
    /// The message of the service, or the beginning of the body.
    pub message: String,
    /// Names the request for the service's support.
    pub request_id: Option<String>,
    /// The `Retry-After`.
    pub retry_after: Option<Duration>,
    /// Owner and origin of the credentials, if they may be at fault. Holds no secret.
    pub caller: Option<String>,
}

impl ApiError {
    /// Whether the credentials may be at fault.
    fn is_about_credentials(&self) -> bool {
        const CODES: [&str; 6] = ["DLI.0013", "DLI.0014", "DLI.0015", "DLI.0016", "APIGW.0501", "APIGW.0502"];
        matches!(self.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
            || self.code.as_deref().is_some_and(|code| CODES.contains(&code))
            || (self.operation.is_identity() && self.status.is_client_error())
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, status, code, message, request_id, .. } = self;
        write!(f, "{operation}: HTTP {status}")?;
        if status.is_success() {
            f.write_str(" with is_success false")?;
        }
        if let Some(code) = code {
            write!(f, ", {code}")?;
        }
        write!(f, ": {message}{}", request_id_text(request_id.as_deref()))
    }
}

impl std::error::Error for ApiError {}

/// Rounds to seconds, or to milliseconds below one second.
fn rounded(time: Duration) -> humantime::FormattedDuration {
    let (seconds, milliseconds) =
        (Duration::from_secs(time.as_secs()), Duration::from_millis(time.subsec_millis().into()));
    humantime::format_duration(if seconds.is_zero() { milliseconds } else { seconds })
}

fn request_id_text(request_id: Option<&str>) -> String {
    request_id.map(|id| format!(" (request id {id})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(operation: Operation, status: u16, code: &str, message: &str) -> Error {
        Error::Api(ApiError {
            operation,
            status: StatusCode::from_u16(status).expect("a status"),
            code: (!code.is_empty()).then(|| code.to_owned()),
            message: message.to_owned(),
            request_id: None,
            caller: None,
            retry_after: None,
        })
    }

    #[test]
    fn not_found_is_the_codes_word_and_never_the_gateways() {
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
    fn the_caller_is_named_where_the_credentials_may_be_at_fault() {
        let named = |operation, status, code| {
            let error = api(operation, status, code, "").by("the key");
            error.api().is_some_and(|error| error.caller.is_some())
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
    fn only_a_refusal_is_sure_to_have_done_nothing() {
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
