//! What can go wrong with a call, by the phase in which it does.
//!
//! The phase decides what is known afterwards: nothing has happened, something may have happened, or the service has
//! said what happened. Callers ask [`Error::is_not_found`] and [`Error::may_have_taken_effect`] and leave status codes
//! alone: the service says "not found" with HTTP 400 and reports faults of its own with it too.

use std::{error::Error as _, fmt, sync::Arc, time::Duration};

use http::StatusCode;

use super::{
    config::{ConfigError, Setting},
    operation::Operation,
};
use crate::dli::code;

/// A call failed. The phases stand in the order of a call.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configuration lacks what the call needs, or contradicts it.
    #[error(transparent)]
    Configuration(#[from] ConfigError),
    /// What proves who calls could not be got, or the project not be found; the call itself was not sent. Shared by all
    /// who waited for it.
    #[error(transparent)]
    Identity(Arc<Error>),
    /// No request could be made; nothing was sent.
    #[error("{operation}: the request could not be built")]
    Request {
        /// The call.
        operation: Operation,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No connection came about (name, network, TLS, proxy, or the connect timeout); nothing was sent.
    #[error("{operation}: no connection to {host}")]
    Connect {
        /// The call.
        operation: Operation,
        /// Host and port.
        host: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The connection ended before an answer came.
    #[error("{operation}: the connection to {host} was lost before an answer came")]
    Lost {
        /// The call.
        operation: Operation,
        /// Host and port.
        host: String,
        /// How.
        source: reqwest::Error,
    },
    /// The time for the whole call ran out, in whichever phase it was.
    #[error("{operation}: no complete answer from {host} within {limit:?}")]
    Timeout {
        /// The call.
        operation: Operation,
        /// Host and port.
        host: String,
        /// The time that the call had.
        limit: Duration,
        /// Where it was when the time ran out.
        source: reqwest::Error,
    },
    /// The answer began and was cut off.
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
    /// The answer is longer than any answer of the service.
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
        /// The most that is read.
        limit: usize,
    },
    /// The service, or the gateway in front of it, says that the call failed.
    #[error(transparent)]
    Api(ApiError),
    /// The status says success; the body is not what the API promises.
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
        /// What the JSON reader says, bounded: it quotes what it found.
        problem: String,
        /// The beginning of the body, printable.
        excerpt: String,
    },
}

impl Error {
    /// The service's own word, where it is what failed the call.
    #[must_use]
    pub fn api(&self) -> Option<&ApiError> {
        match self {
            Self::Api(error) => Some(error),
            Self::Identity(error) => error.api(),
            _ => None,
        }
    }

    /// Which call failed; none was made where the configuration is at fault.
    #[must_use]
    pub fn operation(&self) -> Option<Operation> {
        match self {
            Self::Configuration(_) => None,
            Self::Identity(error) => error.operation(),
            Self::Request { operation, .. }
            | Self::Connect { operation, .. }
            | Self::Lost { operation, .. }
            | Self::Timeout { operation, .. }
            | Self::Interrupted { operation, .. }
            | Self::TooLarge { operation, .. }
            | Self::Api(ApiError { operation, .. })
            | Self::Undecodable { operation, .. } => Some(*operation),
        }
    }

    /// HTTP status, where an answer began.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Interrupted { status, .. }
            | Self::TooLarge { status, .. }
            | Self::Api(ApiError { status, .. })
            | Self::Undecodable { status, .. } => Some(*status),
            Self::Identity(error) => error.status(),
            _ => None,
        }
    }

    /// Names the request for the service's support, where an answer began and told it.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Interrupted { request_id, .. }
            | Self::TooLarge { request_id, .. }
            | Self::Api(ApiError { request_id, .. })
            | Self::Undecodable { request_id, .. } => request_id.as_deref(),
            Self::Identity(error) => error.request_id(),
            _ => None,
        }
    }

    /// Whether the service says that the object itself does not exist. A gateway's 404 does not say that.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Api(error) if error.is_not_found())
    }

    /// Whether the gateway says that this call is not published in the region. That says nothing about any object.
    #[must_use]
    pub fn is_not_published(&self) -> bool {
        matches!(self, Self::Api(error) if error.code.as_deref() == Some(code::API_NOT_PUBLISHED))
    }

    /// Whether the same call may succeed a moment later: the network, a fault of the server, too many requests.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect { .. } | Self::Lost { .. } | Self::Timeout { .. } | Self::Interrupted { .. } => true,
            Self::Api(error) => {
                error.status.is_server_error()
                    || error.status == StatusCode::TOO_MANY_REQUESTS
                    || error.code.as_deref() == Some(code::SERVER_FAULT)
            }
            Self::Identity(error) => error.is_transient(),
            Self::Configuration(_) | Self::Request { .. } | Self::TooLarge { .. } | Self::Undecodable { .. } => false,
        }
    }

    /// What is not configured, where that is all.
    pub(super) fn missing(&self) -> Option<&[Setting]> {
        match self {
            Self::Configuration(ConfigError::Missing { settings }) => Some(settings),
            Self::Identity(error) => error.missing(),
            _ => None,
        }
    }

    /// Whether nobody answered at all.
    pub(super) fn is_unreached(&self) -> bool {
        match self {
            Self::Connect { .. } => true,
            Self::Identity(error) => error.is_unreached(),
            _ => false,
        }
    }

    /// Names whose credentials were refused, where they were.
    pub(super) fn by(mut self, caller: &str) -> Self {
        if let Self::Api(error) = &mut self
            && matches!(error.status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
        {
            error.caller.get_or_insert_with(|| caller.to_owned());
        }
        self
    }

    /// Whether a write may have done its work although it failed: true unless it surely did not reach the service or
    /// was refused by it. Always false for a read.
    #[must_use]
    pub fn may_have_taken_effect(&self) -> bool {
        self.operation().is_some_and(Operation::is_write)
            && match self {
                Self::Configuration(_) | Self::Identity(_) | Self::Request { .. } | Self::Connect { .. } => false,
                Self::Lost { .. } | Self::Timeout { .. } | Self::Undecodable { .. } => true,
                // The head of the answer has told it.
                Self::Interrupted { status, .. } | Self::TooLarge { status, .. } => !refuses(*status),
                Self::Api(error) => !error.is_refusal(),
            }
    }

    /// The text with all its causes, which `Display` leaves to the reader of the sources: "no connection to … :
    /// … : connection refused".
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
    /// The service's own words; the beginning of the body where it has no field for them.
    pub message: String,
    /// Names the request for the service's support.
    pub request_id: Option<String>,
    /// Whose credentials were refused and where they come from, without any secret; told with HTTP 401 and 403.
    pub caller: Option<String>,
}

impl ApiError {
    fn is_not_found(&self) -> bool {
        self.code.as_deref().is_some_and(|code| code::says_not_found(code, &self.message))
    }

    /// Whether this says that nothing was done. A fault of the server leaves that open, even as HTTP 400.
    fn is_refusal(&self) -> bool {
        (self.status.is_success() || refuses(self.status)) && self.code.as_deref() != Some(code::SERVER_FAULT)
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

/// Whether a status alone says that the request was not carried out: a redirect, or a fault of the request (unless the
/// server gave up waiting for the rest of it).
fn refuses(status: StatusCode) -> bool {
    status.is_redirection() || (status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT)
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
    fn only_a_refusal_is_sure_to_have_done_nothing() {
        let create =
            |status, code| api(Operation::CreateConnection, status, code, "says something").may_have_taken_effect();
        for (status, code) in [
            (400, "DLI.0001"),
            (400, "DLI.0006"),
            (401, "APIGW.0301"),
            (404, "APIGW.0101"),
            (413, "APIGW.0201"),
            (429, "APIGW.0308"),
            (403, ""),
            (302, ""),
            (200, ""),
        ] {
            assert!(!create(status, code), "{status} {code}");
        }
        for (status, code) in
            [(400, "DLI.0999"), (200, "DLI.0999"), (408, ""), (500, ""), (502, "APIGW.0201"), (504, "APIGW.0201")]
        {
            assert!(create(status, code), "{status} {code}");
        }
        assert!(!api(Operation::ShowConnection, 500, "", "").may_have_taken_effect());
    }
}
