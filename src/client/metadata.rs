//! The ECS metadata service, which provides the temporary key of the machine's agency.
//!
//! It is the last credentials source and does not exist on most machines, so the first request has a short timeout.
//! Once the service has responded, its failures are transient.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;
use secrecy::SecretString;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::config_error::{ConfigError, Setting};
use super::credentials::{Cached, ResolvedCredentials};
use super::endpoint::Endpoint;
use super::error::Error;
use super::error_kind::ErrorKind;
use super::identity::temporary;
use super::project::Inner;
use super::request::{Dispatch, Request};
use crate::dli::operation::Operation;

/// Timeout of the first request. The service responds in milliseconds.
const PROBE: Duration = Duration::from_secs(1);
/// Timeout of the connection check after the first request timed out.
const CONNECT: Duration = Duration::from_millis(200);
/// Timeout of all other requests, as in the service's own SDKs.
const LIMIT: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(200);

/// How long before expiry the key is renewed, as the service's own SDKs do.
const RENEWAL_MARGIN: time::Duration = time::Duration::minutes(40);

impl Inner {
    /// Fetches the machine's key. The error lists all searched sources.
    pub(super) async fn machine_key(
        &self,
        caller: String,
        searched: &[String],
    ) -> Result<Cached<Arc<ResolvedCredentials>>, Error> {
        let missing = |last: String| {
            let searched = searched.iter().cloned().chain([last]).collect();
            Error::from(ConfigError::Missing { settings: vec![Setting::Credentials { searched }] })
        };
        let endpoint = match (&self.metadata_endpoint, &self.endpoint) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(service)) if service.is_loopback() => {
                return Err(missing(format!(
                    "the metadata service of this machine (ECS): not queried, because endpoints.dli ({service}) is on \
                     this machine and endpoints.metadata is not set"
                )));
            }
            (None, _) => Endpoint::of_metadata(),
        };
        let absent = |error: Error| missing(format!("the metadata service of this machine (ECS, {endpoint}): {error}"));
        let transient_or_absent = |error: Error| if error.is_transient() { error } else { absent(error) };

        let session = match self.probe(&endpoint).await.map_err(absent)? {
            Some(session) => session,
            None => self.machine_session(&endpoint, LIMIT).await.map_err(transient_or_absent)?,
        };
        let mut request = Request::new(Operation::MetadataKey, &[]).within(LIMIT);
        if let Some(session) = session {
            request = request.with_secret(&session).header("x-metadata-token", session);
        }
        let response = match self.exchange(&request, Dispatch::anonymous(&endpoint)).await {
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the metadata service failed; retrying");
                sleep(PAUSE).await;
                self.exchange(&request, Dispatch::anonymous(&endpoint)).await
            }
            outcome => outcome,
        };
        let key = response.and_then(|response| temporary(&response, caller)).map_err(transient_or_absent)?;
        Ok(self.cached(key, RENEWAL_MARGIN))
    }

    /// Tries to create a session. Returns `None` if the service exists but failed, and an error if it does not exist.
    async fn probe(&self, endpoint: &Endpoint) -> Result<Option<Option<SecretString>>, Error> {
        match self.machine_session(endpoint, PROBE).await {
            Ok(session) => return Ok(Some(session)),
            Err(error) if !error.is_transient() || error.kind() == ErrorKind::ConnectFailed => return Err(error),
            Err(error) if error.status.is_none() && !is_there(endpoint).await => return Err(error),
            Err(error) => tracing::warn!(%error, "the metadata service failed; retrying"),
        }
        sleep(PAUSE).await;
        Ok(None)
    }

    /// Creates a session for version 2; `None` if the machine has only version 1.
    async fn machine_session(&self, endpoint: &Endpoint, limit: Duration) -> Result<Option<SecretString>, Error> {
        const VERSION_1: [StatusCode; 3] =
            [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::SERVICE_UNAVAILABLE];
        let request = Request::new(Operation::MetadataSession, &[])
            .within(limit)
            .header("x-metadata-token-ttl-seconds", "60".into());
        match self.exchange(&request, Dispatch::anonymous(endpoint)).await {
            Ok(response) => Ok(Some(SecretString::from(String::from_utf8_lossy(&response.body).trim()))),
            Err(error) if error.status.is_some_and(|status| VERSION_1.contains(&status)) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Whether the endpoint accepts connections.
async fn is_there(endpoint: &Endpoint) -> bool {
    matches!(timeout(CONNECT, TcpStream::connect(endpoint.address())).await, Ok(Ok(_)))
}
