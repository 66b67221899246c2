//! The service's API as typed methods: credentials → sign → send → classify → decode.
//!
//! Knows HTTP and the pages of [`crate::dli`]; knows nothing of Terraform. What a method returns is what the service
//! said; what that means for a resource is decided by its caller.
//!
//! A [`Client`] holds what is common to all calls, a [`Project`] is one region and project seen through it, because
//! one process may serve many projects. The API's methods stand on [`Project`], a file for each group of the API; all
//! of them go through the one pipeline in `request.rs`. Making a client does no network I/O: the first call does.

mod authentication;
mod backoff;
mod clock;
mod config;
mod config_error;
mod connections;
mod credentials;
mod endpoint;
mod error;
mod error_kind;
mod fifo_gate;
mod host_limits;
mod identity;
mod metadata;
mod pools;
mod privileges;
mod project;
mod queues;
mod rate_limiter;
mod redact;
mod request;
mod response;
mod retry;
mod retry_budget;
mod routes;
mod tags;
#[cfg(test)]
mod test_server;
mod transport;
mod transport_failure;
mod write;

use self::endpoint::Endpoint;
pub use self::{
    config::{Clock, Config, Timeouts},
    config_error::{ConfigError, Setting},
    connections::ConnectionFilter,
    credentials::{AccessKey, Agency, Credentials, CredentialsSource, NameOrId, PasswordCredentials},
    error::Error,
    error_kind::ErrorKind,
    project::{Client, Project},
    retry::WRITE_GRACE,
    write::Write,
};

pub use crate::dli::operation::Operation;

/// Whether a text can be [`Config::endpoint`]; uses no network.
pub fn check_endpoint(endpoint: &str) -> Result<(), ConfigError> {
    Endpoint::parse(endpoint).map(|_| ())
}

/// Whether a text can be [`Config::identity_endpoint`]; uses no network.
pub fn check_identity_endpoint(endpoint: &str) -> Result<(), ConfigError> {
    Endpoint::parse_identity(endpoint).map(|_| ())
}
