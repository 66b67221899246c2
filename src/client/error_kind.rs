//! Classification of errors: the only place that maps status, code and transport failure to a kind. Pure.

use std::time::Duration;

use http::StatusCode;

use super::error::{ApiError, Error};
use crate::dli::{error_code, operation::Operation, rate_limit::RateLimit};

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request cannot be built.
    InvalidRequest,
    /// The request waited for the rate limiter until its deadline and was not sent.
    QueuedTooLong,
    /// No connection; nothing was sent.
    ConnectFailed,
    /// The gateway throttled the request; nothing was done.
    Throttled {
        /// The limit, if the response names it.
        limit: Option<RateLimit>,
        /// The `Retry-After`, if any.
        wait: Option<Duration>,
    },
    /// The request was not executed and may succeed when retried.
    TransientNotApplied,
    /// The network or the server failed; the request may have been executed.
    OutcomeUnknown,
    /// The status says success, but the response is not valid.
    InvalidResponse,
    /// The credentials, the signature or its date were rejected.
    Credentials,
    /// The object itself does not exist.
    NotFound,
    /// The API is not published in the region; this says nothing about any object.
    NotPublished,
    /// The service rejects the request; nothing was done.
    Refused,
}

impl Error {
    /// The kind of the failure; after retries, of the last attempt.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Configuration(_) | Self::Request { .. } => ErrorKind::InvalidRequest,
            Self::QueuedTooLong { .. } => ErrorKind::QueuedTooLong,
            Self::Connect { .. } => ErrorKind::ConnectFailed,
            Self::Lost { .. } | Self::Timeout { .. } => ErrorKind::OutcomeUnknown,
            // The status line has arrived.
            Self::Interrupted { status, .. } if *status == StatusCode::TOO_MANY_REQUESTS => {
                ErrorKind::Throttled { limit: None, wait: None }
            }
            Self::Interrupted { status, .. } => {
                if refuses(*status) {
                    ErrorKind::TransientNotApplied
                } else {
                    ErrorKind::OutcomeUnknown
                }
            }
            Self::TooLarge { status, .. } => {
                if refuses(*status) {
                    ErrorKind::Refused
                } else {
                    ErrorKind::InvalidResponse
                }
            }
            Self::Undecodable { .. } => ErrorKind::InvalidResponse,
            Self::Api(error) => error.kind(),
            Self::Repeated { last, .. } => last.kind(),
            // The request itself was not sent.
            Self::Identity(error) => match error.kind() {
                ErrorKind::OutcomeUnknown | ErrorKind::Throttled { .. } => ErrorKind::TransientNotApplied,
                ErrorKind::InvalidResponse | ErrorKind::NotFound | ErrorKind::NotPublished => ErrorKind::Refused,
                kind => kind,
            },
        }
    }

    /// Whether the service says that the object itself does not exist. A gateway's 404 does not say that.
    #[must_use]
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Whether the gateway says that this call is not published in the region. That says nothing about any object.
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
                | ErrorKind::Throttled { .. }
                | ErrorKind::TransientNotApplied
                | ErrorKind::OutcomeUnknown
        )
    }

    /// Whether the request itself was sent.
    pub(super) fn is_sent(&self) -> bool {
        match self {
            Self::Identity(_) => false,
            Self::Repeated { last, .. } => last.is_sent(),
            _ => {
                !matches!(self.kind(), ErrorKind::InvalidRequest | ErrorKind::ConnectFailed | ErrorKind::QueuedTooLong)
            }
        }
    }

    /// Whether a failed write may have taken effect: false if every attempt was rejected or did not reach the service.
    /// Always false for a read.
    #[must_use]
    pub fn may_have_taken_effect(&self) -> bool {
        self.operation().is_some_and(Operation::is_write)
            && (matches!(self.kind(), ErrorKind::OutcomeUnknown | ErrorKind::InvalidResponse)
                || matches!(self, Self::Repeated { open: true, .. }))
    }
}

impl ApiError {
    fn kind(&self) -> ErrorKind {
        let code = self.code.as_deref().unwrap_or_default();
        match self.status {
            _ if code == error_code::THROTTLED || self.status == StatusCode::TOO_MANY_REQUESTS => {
                ErrorKind::Throttled { limit: RateLimit::find(&self.message), wait: self.retry_after }
            }
            // A server fault, even with HTTP 400. A task that timed out may still complete.
            status
                if status.is_server_error()
                    || [error_code::SERVER_FAULT, error_code::TASK_TIMED_OUT].contains(&code) =>
            {
                ErrorKind::OutcomeUnknown
            }
            // The backend is starting or moving.
            _ if code == error_code::BACKEND_NOT_FOUND => ErrorKind::TransientNotApplied,
            _ if error_code::says_not_found(code, &self.message) => ErrorKind::NotFound,
            _ if code == error_code::API_NOT_PUBLISHED => ErrorKind::NotPublished,
            StatusCode::UNAUTHORIZED => ErrorKind::Credentials,
            status if status.is_success() || refuses(status) => ErrorKind::Refused,
            _ => ErrorKind::OutcomeUnknown,
        }
    }
}

/// Whether the status alone says that the request was not executed: a redirect or a client error other than 408.
fn refuses(status: StatusCode) -> bool {
    status.is_redirection() || (status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Operation;

    fn kind(status: u16, code: &str, message: &str) -> ErrorKind {
        let error = ApiError {
            operation: Operation::CreateConnection,
            status: StatusCode::from_u16(status).expect("a status"),
            code: (!code.is_empty()).then(|| code.to_owned()),
            message: message.to_owned(),
            request_id: None,
            caller: None,
            retry_after: Some(Duration::from_secs(3)),
        };
        Error::Api(error).kind()
    }

    #[test]
    fn too_many_requests_teach_what_they_can() {
        let wait = Some(Duration::from_secs(3));
        let limit = |calls, seconds| Some(RateLimit { calls, period: Duration::from_secs(seconds) });
        let text = "The throttling threshold has been reached: policy user over ratelimit,limit:200,time:5 minute";
        assert_eq!(kind(429, "APIGW.0308", text), ErrorKind::Throttled { limit: limit(200, 300), wait });
        assert_eq!(kind(400, "APIGW.0308", "limit:5,time:1 second"), ErrorKind::Throttled { limit: limit(5, 1), wait });
        assert_eq!(kind(429, "", "slow down"), ErrorKind::Throttled { limit: None, wait });
    }

    /// Codes and statuses as the service's documents list them.
    #[test]
    fn codes_come_before_statuses() {
        for (status, code, message, expected) in [
            (400, "DLI.0001", "Connection 2a62 does not exist", ErrorKind::NotFound),
            (400, "DLI.0002", "There is no queue named x", ErrorKind::NotFound),
            (404, "DLI.0023", "", ErrorKind::NotFound),
            (400, "DLI.0001", "The parameter hosts is invalid", ErrorKind::Refused),
            (
                404,
                "APIGW.0101",
                "The API does not exist or has not been published in the environment",
                ErrorKind::NotPublished,
            ),
            (404, "", "<html>not found, does not exist</html>", ErrorKind::Refused),
            (401, "APIGW.0301", "Incorrect IAM authentication information", ErrorKind::Credentials),
            (401, "", "", ErrorKind::Credentials),
            (403, "DLI.0003", "Permission denied", ErrorKind::Refused),
            (400, "DLI.0006", "exists", ErrorKind::Refused),
            (413, "APIGW.0201", "", ErrorKind::Refused),
            (302, "", "", ErrorKind::Refused),
            (200, "", "not ready", ErrorKind::Refused),
            (400, "DLI.0999", "", ErrorKind::OutcomeUnknown),
            (200, "DLI.0999", "", ErrorKind::OutcomeUnknown),
            (400, "DLI.0019", "Task timed out", ErrorKind::OutcomeUnknown),
            (404, "APIGW.0103", "The backend is not found", ErrorKind::TransientNotApplied),
            (502, "APIGW.0103", "The backend is not found", ErrorKind::OutcomeUnknown),
            (408, "", "", ErrorKind::OutcomeUnknown),
            (500, "", "", ErrorKind::OutcomeUnknown),
            (502, "APIGW.0201", "", ErrorKind::OutcomeUnknown),
            (503, "", "", ErrorKind::OutcomeUnknown),
            (504, "APIGW.0201", "", ErrorKind::OutcomeUnknown),
            (500, "DLI.0002", "There is no queue named x", ErrorKind::OutcomeUnknown),
        ] {
            assert_eq!(kind(status, code, message), expected, "{status} {code} {message}");
        }
    }

    #[test]
    fn an_answer_without_an_end_has_told_its_status() {
        let status = |status| StatusCode::from_u16(status).expect("a status");
        let large = |code| {
            Error::TooLarge { operation: Operation::ReplaceHosts, status: status(code), request_id: None, limit: 1 }
                .kind()
        };
        assert_eq!(
            [large(200), large(400), large(500)],
            [ErrorKind::InvalidResponse, ErrorKind::Refused, ErrorKind::InvalidResponse]
        );
    }
}
