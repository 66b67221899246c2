//! Errors of the control API.

use std::{error::Error, iter::successors};

use http::{HeaderValue, header::ALLOW};
use serde::de::DeserializeOwned;
use serde_json::json;

use crate::emulator::{api_error::ApiError, request::ApiRequest, response::ApiResponse, state_file::StateFileError};

/// Why a control request failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum ControlError {
    #[error("{method} {path} does not exist; see dli-emulator --help")]
    Unknown { method: String, path: String },
    #[error("{path} does not support {method}; use {allowed}")]
    Method { method: String, path: String, allowed: String },
    #[error("{0} does not exist")]
    NotFound(String),
    #[error("invalid body")]
    Body(#[source] Box<dyn Error>),
    #[error("the parameter {name} is invalid: {value:?} is not {expected}")]
    Parameter { name: &'static str, value: String, expected: &'static str },
    #[error(transparent)]
    Refused(#[from] ApiError),
    #[error("the change was made but could not be saved")]
    NotSaved(#[from] StateFileError),
}

impl ControlError {
    pub(super) fn response(&self) -> ApiResponse {
        let status = match self {
            Self::Unknown { .. } | Self::NotFound(_) => 404,
            Self::Method { .. } => 405,
            Self::NotSaved(_) => 500,
            Self::Body(_) | Self::Parameter { .. } | Self::Refused(_) => 400,
        };
        let error: &(dyn Error + 'static) = self;
        let causes = successors(Some(error), |&error| error.source());
        let text = causes.map(ToString::to_string).collect::<Vec<_>>().join(": ");
        let mut response = ApiResponse::json(status, &json!({ "error": text }));
        if let Self::Method { allowed, .. } = self {
            response.headers.extend(HeaderValue::from_str(allowed).map(|allowed| (ALLOW, allowed)));
        }
        response
    }
}

/// The error of a body that cannot be read.
pub(super) fn invalid_body(error: impl Error + 'static) -> ControlError {
    ControlError::Body(error.into())
}

pub(super) fn body<T: DeserializeOwned>(request: &ApiRequest) -> Result<T, ControlError> {
    serde_json::from_slice(&request.body).map_err(invalid_body)
}

/// A query parameter that is a whole number, and at most `max`.
pub(super) fn number(request: &ApiRequest, name: &'static str, max: u64) -> Result<Option<u64>, ControlError> {
    let Some(text) = request.parameter(name) else { return Ok(None) };
    let number = text.parse().map(|number: u64| Some(number.min(max)));
    number.map_err(|_| ControlError::Parameter { name, value: text.to_owned(), expected: "a number from 0 up" })
}
