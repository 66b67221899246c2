//! Classification of responses: the only place that maps status and code to a kind. Pure.

use http::StatusCode;

use crate::dli::error_code;

/// The kind of a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// The request cannot be built.
    InvalidRequest,
    /// The request waited for the rate limiter until its deadline and was not sent.
    QueuedTooLong,
    /// No connection; nothing was sent.
    ConnectFailed,
    /// The proxy requires other credentials; nothing was sent.
    ProxyRefused,
    /// The gateway throttled the request; nothing was done.
    Throttled,
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

impl ErrorKind {
    /// The kind of a failure that the service or its gateway reports.
    pub(super) fn of_response(status: StatusCode, code: &str, message: &str) -> Self {
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::Throttled,
            _ if code == error_code::THROTTLED => Self::Throttled,
            // A server fault, even with HTTP 400. A task that timed out may still complete.
            _ if [error_code::SERVER_FAULT, error_code::TASK_TIMED_OUT].contains(&code) => Self::OutcomeUnknown,
            _ if status.is_server_error() => Self::OutcomeUnknown,
            // The backend is starting or moving.
            _ if code == error_code::BACKEND_NOT_FOUND => Self::TransientNotApplied,
            _ if error_code::says_not_found(code, message) => Self::NotFound,
            _ if error_code::is_missing_in_vpc(status.as_u16(), code) => Self::NotFound,
            _ if code == error_code::API_NOT_PUBLISHED => Self::NotPublished,
            StatusCode::UNAUTHORIZED => Self::Credentials,
            _ if status.is_success() || refuses(status) => Self::Refused,
            _ => Self::OutcomeUnknown,
        }
    }

    /// The kind of a truncated response. Its status line has arrived.
    pub(super) fn of_truncated(status: StatusCode) -> Self {
        match status {
            StatusCode::TOO_MANY_REQUESTS => Self::Throttled,
            _ if refuses(status) => Self::TransientNotApplied,
            _ => Self::OutcomeUnknown,
        }
    }

    /// The kind of a response that exceeds the maximum size.
    pub(super) fn of_too_large(status: StatusCode) -> Self {
        if refuses(status) { Self::Refused } else { Self::InvalidResponse }
    }
}

/// Whether the status alone says that the request was not executed: a redirect or a client error other than 408.
fn refuses(status: StatusCode) -> bool {
    status.is_redirection() || (status.is_client_error() && status != StatusCode::REQUEST_TIMEOUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(status: u16, code: &str, message: &str) -> ErrorKind {
        ErrorKind::of_response(StatusCode::from_u16(status).expect("a status"), code, message)
    }

    #[test]
    fn throttling_is_known_by_status_or_code() {
        assert_eq!(kind(429, "APIGW.0308", "limit:200,time:5 minute"), ErrorKind::Throttled);
        assert_eq!(kind(400, "APIGW.0308", "limit:5,time:1 second"), ErrorKind::Throttled);
        assert_eq!(kind(429, "", "slow down"), ErrorKind::Throttled);
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
    fn oversized_response_is_classified_by_status() {
        let status = |status| StatusCode::from_u16(status).expect("a status");
        let large = |code| ErrorKind::of_too_large(status(code));
        assert_eq!(
            [large(200), large(400), large(500)],
            [ErrorKind::InvalidResponse, ErrorKind::Refused, ErrorKind::InvalidResponse]
        );
    }
}
