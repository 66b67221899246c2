//! The rows of the table of routes.

use super::error::ControlError;
use crate::emulator::{request::ApiRequest, response::ApiResponse, state::AppState};

pub(super) type Handler = fn(&AppState, &ApiRequest) -> Result<ApiResponse, ControlError>;

/// A method and a path of the control API.
pub(super) struct Route {
    pub(super) method: &'static str,
    /// Below `/_emulator/`, with placeholders in braces.
    pub(super) path: &'static str,
    pub(super) summary: &'static str,
    /// Query parameters.
    pub(super) parameters: &'static [Parameter],
    /// Schema of the request body in `schemas.json`; none if there is no body.
    pub(super) request: Option<&'static str>,
    /// Schema of the response body in `schemas.json`, or a media type; HTTP 204 if there is none.
    pub(super) response: Option<&'static str>,
    /// Whether the response can be HTTP 204 instead.
    pub(super) is_optional: bool,
    pub(super) run: Handler,
}

/// A query parameter with its schema in `schemas.json`.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) schema: &'static str,
    pub(super) description: &'static str,
}

pub(super) const fn parameter(name: &'static str, schema: &'static str, description: &'static str) -> Parameter {
    Parameter { name, schema, description }
}

impl Route {
    pub(super) const fn new(method: &'static str, path: &'static str, run: Handler, summary: &'static str) -> Self {
        Self { method, path, summary, parameters: &[], request: None, response: None, is_optional: false, run }
    }

    pub(super) const fn get(path: &'static str, response: &'static str, run: Handler, summary: &'static str) -> Self {
        Self::new("GET", path, run, summary).returns(response)
    }

    pub(super) const fn put(path: &'static str, request: &'static str, run: Handler, summary: &'static str) -> Self {
        Self { request: Some(request), ..Self::new("PUT", path, run, summary) }
    }

    pub(super) const fn post(path: &'static str, request: &'static str, run: Handler, summary: &'static str) -> Self {
        Self { request: Some(request), ..Self::new("POST", path, run, summary) }
    }

    pub(super) const fn returns(self, response: &'static str) -> Self {
        Self { response: Some(response), ..self }
    }

    pub(super) const fn or_nothing(self) -> Self {
        Self { is_optional: true, ..self }
    }

    pub(super) const fn with(self, parameters: &'static [Parameter]) -> Self {
        Self { parameters, ..self }
    }
}
