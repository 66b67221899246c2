//! The service's API as typed methods: credentials → sign → send → classify → retry → decode.
//!
//! The client knows HTTP and [`crate::dli`], and knows nothing of Terraform. Methods return what the service responds;
//! the caller decides what that means for a resource.
//!
//! A [`Client`] holds the settings of all calls. A [`Project`] is one project in one region, because one process may
//! serve many. The API's methods are on [`Project`], one file per API group, and all go through `request.rs`. Creating
//! a client uses no network.

mod authentication;
mod backoff;
mod clock;
mod config;
mod config_error;
mod connections;
mod connectivity;
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
mod proxy;
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
mod trusted_certificate;
mod vpc;
mod write;

use self::endpoint::Endpoint;
pub use self::{
    config::{Clock, Config, Timeouts},
    config_error::{ConfigError, Setting},
    connections::{ConnectionFilter, ListedConnection},
    connectivity::{Connectivity, ConnectivityResult},
    credentials::{AccessKey, Agency, Credentials, CredentialsSource, NameOrId, PasswordCredentials},
    error::Error,
    error_kind::ErrorKind,
    project::{Client, Project},
    proxy::Proxy,
    retry::WRITE_GRACE,
    vpc::VpcService,
    write::Write,
};

pub use crate::dli::operation::Operation;

/// Whether a text can be [`Config::endpoint`]; uses no network.
pub fn check_endpoint(endpoint: &str) -> Result<(), ConfigError> {
    Endpoint::parse(endpoint).map(|_| ())
}

/// Whether an address is on this machine: `localhost` or a loopback address.
pub fn is_loopback_endpoint(endpoint: &str) -> bool {
    Endpoint::parse_identity(endpoint).is_ok_and(|endpoint| endpoint.is_loopback())
}

/// The region of an address that the cloud publishes for a region; `None` for any other address.
pub fn region_of_endpoint(endpoint: &str) -> Option<String> {
    endpoint::region_of(endpoint)
}

/// Whether a text can be [`Config::identity_endpoint`]; uses no network.
pub fn check_identity_endpoint(endpoint: &str) -> Result<(), ConfigError> {
    Endpoint::parse_identity(endpoint).map(|_| ())
}
