//! Error codes and error bodies of the service and of its API gateway.
//!
//! "Not found" is usually HTTP 400, and a server fault can be HTTP 400 too: decide by code, not by status.

use serde::{Deserialize, Serialize};

/// Parameter check failed (HTTP 400). Also used for "Connection … does not exist": only the text tells them apart.
pub const INVALID_PARAMETER: &str = "DLI.0001";
/// The object does not exist (HTTP 400).
pub const OBJECT_NOT_FOUND: &str = "DLI.0002";
/// The object exists already (HTTP 400).
pub const ALREADY_EXISTS: &str = "DLI.0006";
/// The operation is not supported, for example in the object's present state (HTTP 400).
pub const NOT_SUPPORTED: &str = "DLI.0007";
/// A restriction of the system (HTTP 400).
pub const SYSTEM_RESTRICTION: &str = "DLI.0009";
/// The object is not available (HTTP 400).
pub const RESOURCE_UNAVAILABLE: &str = "DLI.0012";
/// A task of the service timed out (HTTP 400); it may still take effect.
pub const TASK_TIMED_OUT: &str = "DLI.0019";
/// A related resource was not found (HTTP 404).
pub const RESOURCE_NOT_FOUND: &str = "DLI.0023";
/// A server fault, despite its HTTP 400.
pub const SERVER_FAULT: &str = "DLI.0999";

/// Gateway: this API or method is not published here (HTTP 404). The object may still exist.
pub const API_NOT_PUBLISHED: &str = "APIGW.0101";
/// Gateway: the backend of this API is not found (HTTP 404); it was not called.
pub const BACKEND_NOT_FOUND: &str = "APIGW.0103";
/// Gateway: the request cannot be read, or is too large (HTTP 400, 413, 414, 494, 502, 504).
pub const GATEWAY_BAD_REQUEST: &str = "APIGW.0201";
/// Gateway: unknown access key, wrong signature, or a signature that has expired (HTTP 401).
pub const BAD_CREDENTIALS: &str = "APIGW.0301";
/// Gateway: too many requests (HTTP 429). The message names the limit: [`RateLimit`](super::rate_limit::RateLimit).
pub const THROTTLED: &str = "APIGW.0308";
/// Gateway: this user may not call this API (HTTP 403).
pub const NOT_AUTHORIZED: &str = "APIGW.0302";

/// VPC: the VPC does not exist (HTTP 404).
pub const VPC_NOT_FOUND: &str = "VPC.0003";
/// VPC: the query of a subnet failed (HTTP 404 if it does not exist, otherwise 500).
pub const SUBNET_QUERY_FAILED: &str = "VPC.0202";
/// VPC: the resource does not exist, or the caller may not see it (HTTP 404).
pub const VPC_RESOURCE_NOT_VISIBLE: &str = "VPC.2204";

/// Response header with the request id.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// An error body, of the service (two fields) or of the gateway (three).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorBody {
    /// `DLI.xxxx` or `APIGW.xxxx`.
    pub error_code: String,
    /// The message of the service.
    pub error_msg: String,
    /// Only the gateway puts the request id into the body; the service uses the header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
}

/// Whether an error code with its text says that the connection itself does not exist.
///
/// `DLI.0001` is also the generic parameter error, so it counts only with the message "Connection … does not exist" (or
/// "is not exist", as in live responses), not for a queue or a project. A 404 of the gateway never counts.
#[must_use]
pub fn says_not_found(code: &str, message: &str) -> bool {
    match code {
        OBJECT_NOT_FOUND | RESOURCE_NOT_FOUND => true,
        INVALID_PARAMETER => {
            let text = message.to_ascii_lowercase();
            text.starts_with("connection ") && (text.contains("does not exist") || text.contains("is not exist"))
        }
        _ => false,
    }
}

/// Whether the VPC service says that the object does not exist, or that the caller may not see it. Its documents give
/// the codes of a failed query with both HTTP 404 and 500, and no code for route tables.
#[must_use]
pub fn is_missing_in_vpc(status: u16, code: &str) -> bool {
    status == 404 && code.starts_with("VPC.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameter_error_is_not_not_found() {
        assert!(says_not_found(INVALID_PARAMETER, "Connection 2a62 does not exist"));
        assert!(says_not_found(INVALID_PARAMETER, "connection 2a62 is not exist"));
        assert!(!says_not_found(INVALID_PARAMETER, "The parameter hosts is invalid"));
        assert!(!says_not_found(INVALID_PARAMETER, "Queue q1 does not exist"));
        assert!(!says_not_found(INVALID_PARAMETER, "Project 48cc does not exist"));
        assert!(says_not_found(RESOURCE_NOT_FOUND, "whatever it says"));
        assert!(!says_not_found(API_NOT_PUBLISHED, "The API does not exist or has not been published"));
        assert!(is_missing_in_vpc(404, VPC_NOT_FOUND) && is_missing_in_vpc(404, SUBNET_QUERY_FAILED));
        assert!(!is_missing_in_vpc(500, SUBNET_QUERY_FAILED) && !is_missing_in_vpc(404, API_NOT_PUBLISHED));
    }
}
