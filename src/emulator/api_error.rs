//! Error responses of the service and its gateway.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::{Value, json};

use super::quirks::{Quirk, Quirks};
use crate::dli::error_code::{self, ErrorBody};
use crate::dli::wire::Outcome;

/// A rejected request. Nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("HTTP {status} {code}: {text}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// A service code such as `DLI.xxxx` or `VPC.xxxx`, `APIGW.xxxx` (gateway) or a number (IAM); empty if there is
    /// none.
    pub code: Cow<'static, str>,
    /// Error message.
    pub text: String,
}

impl ApiError {
    /// An error with a code of any service. The body has the field names of that service.
    pub(super) fn new(status: u16, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code: code.into(), text: text.into() }
    }

    pub(super) fn invalid_parameter(text: impl Into<String>) -> Self {
        Self::new(400, error_code::INVALID_PARAMETER, text)
    }

    /// The connection does not exist. The documents show this code and text only for the privileges of a connection
    /// (once as "does not exist", once as "is not exist"). That all operations use it is an inference.
    pub(super) fn no_connection(id: &str, quirks: &Quirks) -> Self {
        let on = |quirk| quirks.contains(&quirk);
        if on(Quirk::GoneAsDli0023) {
            Self::new(404, error_code::RESOURCE_NOT_FOUND, format!("Connection {id} is not found"))
        } else if on(Quirk::GoneAsDli0002) {
            Self::not_found("datasource connection", id)
        } else if on(Quirk::GoneAsDli0001IsNotExist) {
            Self::invalid_parameter(format!("Connection {id} is not exist"))
        } else {
            Self::invalid_parameter(format!("Connection {id} does not exist"))
        }
    }

    /// A queue or pool does not exist. The text is from the documents.
    pub(super) fn not_found(kind: &str, name: &str) -> Self {
        Self::new(400, error_code::OBJECT_NOT_FOUND, format!("There is no {kind} named {name}"))
    }

    pub(super) fn already_exists(text: impl Into<String>) -> Self {
        Self::new(400, error_code::ALREADY_EXISTS, text)
    }

    /// The operation is not supported in this state or for this kind of object.
    pub(super) fn unsupported(text: impl Into<String>) -> Self {
        Self::new(400, error_code::NOT_SUPPORTED, text)
    }

    /// The VPC does not exist.
    pub(super) fn no_vpc(id: &str) -> Self {
        Self::new(404, error_code::VPC_NOT_FOUND, format!("VPC {id} does not exist"))
    }

    /// The subnet does not exist.
    pub(super) fn no_subnet() -> Self {
        Self::new(404, error_code::SUBNET_QUERY_FAILED, "Query subnet fail.")
    }

    /// The route table does not exist. The documents list no code; this one is an inference.
    pub(super) fn no_route_table(id: &str) -> Self {
        Self::new(404, "VPC.2702", format!("Route table {id} does not exist"))
    }

    /// The emulator failed. The documents list 500 for every operation; the service also returns 400 with this code.
    pub(super) fn internal(text: impl Into<String>) -> Self {
        Self::new(500, error_code::SERVER_FAULT, text)
    }

    /// The gateway does not publish this path or method.
    pub(super) fn not_published() -> Self {
        let text = "The API does not exist or has not been published in the environment";
        Self::new(404, error_code::API_NOT_PUBLISHED, text)
    }

    /// The gateway cannot read the request.
    pub(super) fn bad_request(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, error_code::GATEWAY_BAD_REQUEST, text)
    }

    pub(super) fn credentials(reason: impl AsRef<str>) -> Self {
        let reason = reason.as_ref();
        Self::new(401, error_code::BAD_CREDENTIALS, format!("Incorrect IAM authentication information: {reason}"))
    }

    /// The gateway does not allow the request.
    pub(super) fn not_authorized(reason: &str) -> Self {
        let text = format!("The IAM user is not authorized to access the API: {reason}");
        Self::new(403, error_code::NOT_AUTHORIZED, text)
    }

    /// An IAM error, whose code is the status.
    pub(super) fn iam(status: u16, text: impl Into<String>) -> Self {
        Self { status, code: status.to_string().into(), text: text.into() }
    }

    /// An error of the metadata service, which has no codes.
    pub(super) fn plain_text(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, "", text)
    }

    /// HTTP 200 with `is_success: false`; the text is the only information.
    pub(super) fn soft_failure(text: impl Into<String>) -> Self {
        Self::new(200, "", text)
    }

    /// The body of an HTTP 200 error.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        (self.status == 200).then(|| Outcome { is_success: false, message: self.text.clone() })
    }

    /// Turns an error of the service, but not of the gateway, into a soft failure.
    pub(super) fn softened(self) -> Self {
        if self.code.starts_with("DLI.") { Self::soft_failure(self.text) } else { self }
    }

    /// The error body. The gateway adds the request id, and IAM and EPS nest the error. VPC and DNS use other field
    /// names. The metadata service returns plain text.
    pub(super) fn body(&self, request_id: &str) -> Value {
        let text = self.text.clone();
        if self.code.is_empty() {
            return text.into();
        }
        if let Ok(code) = self.code.parse::<u16>() {
            let title = StatusCode::from_u16(code).ok().and_then(|status| status.canonical_reason());
            return json!({"error": {"code": code, "message": text, "title": title}});
        }
        if self.code.starts_with("VPC.") || self.code.starts_with("DNS.") {
            return json!({ "code": self.code, "message": text });
        }
        if self.code.starts_with("EPS.") {
            return json!({ "error": { "error_code": self.code, "error_msg": text } });
        }
        let request_id = self.code.starts_with("APIGW.").then(|| request_id.to_owned());
        json!(ErrorBody { error_code: self.code.clone().into_owned(), error_msg: text, request_id })
    }
}
