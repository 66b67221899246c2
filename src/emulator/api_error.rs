//! How the service and its gateway say no: a status, a code, a text.

use std::borrow::Cow;

use http::StatusCode;
use serde_json::{Value, json};

use super::quirks::{Quirk, Quirks};
use crate::dli::{
    error_code::{self, ErrorBody},
    wire::Outcome,
};

/// A request that was refused; nothing was changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("HTTP {status} {code}: {text}")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// `DLI.xxxx` of the service, `APIGW.xxxx` of the gateway, or a number of IAM's; empty where there is none.
    pub code: Cow<'static, str>,
    /// The words that go with it.
    pub text: String,
}

impl ApiError {
    fn new(status: u16, code: &'static str, text: impl Into<String>) -> Self {
        Self { status, code: code.into(), text: text.into() }
    }

    /// A parameter breaks a rule.
    pub(super) fn parameter(text: impl Into<String>) -> Self {
        Self::new(400, error_code::INVALID_PARAMETER, text)
    }

    /// The documents show this code and text for the privileges of a connection that is not there (with "does not
    /// exist" in one place, "is not exist" in another). That every other operation says the same is an inference, and
    /// that one of the other codes for what is not there comes in its place would be as likely.
    pub(super) fn no_connection(id: &str, quirks: &Quirks) -> Self {
        let on = |quirk| quirks.contains(&quirk);
        if on(Quirk::GoneAsDli0023) {
            Self::new(404, error_code::RESOURCE_NOT_FOUND, format!("Connection {id} is not found"))
        } else if on(Quirk::GoneAsDli0002) {
            Self::no_such("datasource connection", id)
        } else if on(Quirk::GoneAsDli0001IsNotExist) {
            Self::parameter(format!("Connection {id} is not exist"))
        } else {
            Self::parameter(format!("Connection {id} does not exist"))
        }
    }

    /// A queue or pool is not there; the text is the documents'.
    pub(super) fn no_such(kind: &str, name: &str) -> Self {
        Self::new(400, error_code::OBJECT_NOT_FOUND, format!("There is no {kind} named {name}"))
    }

    /// The name is taken.
    pub(super) fn taken(text: impl Into<String>) -> Self {
        Self::new(400, error_code::ALREADY_EXISTS, text)
    }

    /// Not in this state, or not for this kind of thing.
    pub(super) fn unsupported(text: impl Into<String>) -> Self {
        Self::new(400, error_code::NOT_SUPPORTED, text)
    }

    /// The emulator itself failed. (The service also answers 400 with this code; the pages list 500 for every call.)
    pub(super) fn fault(text: impl Into<String>) -> Self {
        Self::new(500, error_code::SERVER_FAULT, text)
    }

    /// The gateway knows no such path or method.
    pub(super) fn not_published() -> Self {
        Self::new(
            404,
            error_code::API_NOT_PUBLISHED,
            "The API does not exist or has not been published in the environment",
        )
    }

    /// The gateway takes no body of this size.
    pub(super) fn too_large(most: usize) -> Self {
        let most = most / (1024 * 1024);
        Self::new(413, error_code::BAD_GATEWAY_REQUEST, format!("Request entity too large: the body exceeds {most} MB"))
    }

    /// The gateway could not read the request.
    pub(super) fn unreadable(text: impl Into<String>) -> Self {
        Self::new(400, error_code::BAD_GATEWAY_REQUEST, text)
    }

    /// The gateway does not believe the signature.
    pub(super) fn credentials(reason: impl AsRef<str>) -> Self {
        let text = format!("Incorrect IAM authentication information: {}", reason.as_ref());
        Self::new(401, error_code::BAD_CREDENTIALS, text)
    }

    /// A token of another project, or of none. (An inference: what the gateway says of it is not documented.)
    pub(super) fn out_of_scope(project: &str) -> Self {
        let text =
            format!("The IAM user is not authorized to access the API: the token is not one of project {project}");
        Self::new(403, error_code::NOT_AUTHORIZED, text)
    }

    /// IAM refuses; its code is the status.
    pub(super) fn of_iam(status: u16, text: impl Into<String>) -> Self {
        Self { status, code: status.to_string().into(), text: text.into() }
    }

    /// The metadata service refuses, which has no codes.
    pub(super) fn plain(status: u16, text: impl Into<String>) -> Self {
        Self::new(status, "", text)
    }

    /// HTTP 200 that says no: the text is all there is.
    pub(super) fn soft(text: impl Into<String>) -> Self {
        Self::new(200, "", text)
    }

    /// What a soft refusal has in the place of an error body.
    pub(super) fn outcome(&self) -> Option<Outcome> {
        (self.status == 200).then(|| Outcome { is_success: false, message: self.text.clone() })
    }

    /// Whether it is the service's own, and not the gateway's.
    pub(super) fn is_of_the_service(&self) -> bool {
        self.code.starts_with("DLI.")
    }

    /// The body. The gateway puts the request id into it, IAM nests it, and the metadata service has no more than text.
    pub(super) fn body(&self, request_id: &str) -> Value {
        let text = self.text.clone();
        if self.code.is_empty() {
            return text.into();
        }
        if let Ok(code) = self.code.parse::<u16>() {
            let title = StatusCode::from_u16(code).ok().and_then(|status| status.canonical_reason());
            return json!({"error": {"code": code, "message": text, "title": title}});
        }
        let request_id = self.code.starts_with("APIGW.").then(|| request_id.to_owned());
        json!(ErrorBody { error_code: self.code.clone().into_owned(), error_msg: text, request_id })
    }
}
