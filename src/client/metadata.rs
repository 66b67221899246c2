//! The ECS metadata service, which provides the temporary key of the machine's agency.
//!
//! It is the last credentials source and does not exist on most machines, so the first request has a short timeout.
//! Once the service has responded, its failures are transient.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use secrecy::SecretString;
use tokio::{
    net::TcpStream,
    time::{sleep, timeout},
};

use super::{
    config_error::{ConfigError, Setting},
    credentials::{Cached, ResolvedCredentials},
    endpoint::Endpoint,
    error::Error,
    error_kind::ErrorKind,
    identity::temporary,
    project::Inner,
    request::{Dispatch, Request},
    response::Response,
};
use crate::dli::operation::Operation;

/// Timeout of the first request. The service responds in milliseconds.
const PROBE: Duration = Duration::from_secs(1);
/// Timeout of the connection check after the first request timed out.
const CONNECT: Duration = Duration::from_millis(200);
/// Timeout of all other requests, as in the service's own SDKs.
const LIMIT: Duration = Duration::from_secs(3);
/// Delay before a retry.
const PAUSE: Duration = Duration::from_millis(200);

/// How long before its end the key is renewed, as the service's own SDKs do.
const EARLY: time::Duration = time::Duration::minutes(40);

impl Inner {
    /// Fetches the machine's key. The error lists all searched sources.
    pub(super) async fn machine_key(
        &self,
        caller: String,
        searched: &[String],
    ) -> Result<Cached<Arc<ResolvedCredentials>>, Error> {
        let none = |last: String| {
            let searched = searched.iter().cloned().chain([last]).collect();
            Error::from(ConfigError::Missing { settings: vec![Setting::Credentials { searched }] })
        };
        let endpoint = match (&self.metadata_endpoint, &self.endpoint) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, Some(service)) if service.is_loopback() => {
                let text = format!(
                    "the metadata service of this machine (ECS): not queried, because endpoints.dli ({service}) is on this \
                     machine and endpoints.metadata is not set"
                );
                return Err(none(text));
            }
            (None, _) => Endpoint::of_metadata(),
        };
        self.ask_machine(&endpoint, caller).await.map_err(|error| match error {
            ImdsError::Transient(error) => error,
            ImdsError::None(error) => none(format!("the metadata service of this machine (ECS, {endpoint}): {error}")),
        })
    }

    async fn ask_machine(
        &self,
        endpoint: &Endpoint,
        caller: String,
    ) -> Result<Cached<Arc<ResolvedCredentials>>, ImdsError> {
        let session = self.machine_session(endpoint).await?;
        let mut request = Request::new(Operation::MetadataKey, &[]).within(LIMIT);
        if let Some(session) = session {
            request = request.with_secret(&session).header("x-metadata-token", session);
        }
        let response = match self.exchange(&request, dispatch(endpoint)).await {
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the metadata service failed; retrying");
                sleep(PAUSE).await;
                self.exchange(&request, dispatch(endpoint)).await
            }
            outcome => outcome,
        };
        let key = response.and_then(|response| temporary(&response, caller)).map_err(ImdsError::after_response)?;
        Ok(self.cached(key, EARLY))
    }

    /// Creates a session for version 2; `None` if the machine has only version 1.
    async fn machine_session(&self, endpoint: &Endpoint) -> Result<Option<SecretString>, ImdsError> {
        let request = |limit| {
            Request::new(Operation::MetadataSession, &[])
                .within(limit)
                .header("x-metadata-token-ttl-seconds", "60".into())
        };
        let session = |response: Response| Some(SecretString::from(String::from_utf8_lossy(&response.body).trim()));
        match self.exchange(&request(PROBE), dispatch(endpoint)).await {
            Ok(response) => return Ok(session(response)),
            Err(error) if is_old(&error) => return Ok(None),
            Err(error) if !error.is_transient() || error.kind() == ErrorKind::ConnectFailed => {
                return Err(ImdsError::None(error));
            }
            Err(error) if error.status.is_none() && !is_there(endpoint).await => return Err(ImdsError::None(error)),
            Err(error) => tracing::warn!(%error, "the metadata service failed; retrying"),
        }
        sleep(PAUSE).await;
        match self.exchange(&request(LIMIT), dispatch(endpoint)).await {
            Ok(response) => Ok(session(response)),
            Err(error) if is_old(&error) => Ok(None),
            Err(error) => Err(ImdsError::after_response(error)),
        }
    }
}

/// Errors of the metadata service.
enum ImdsError {
    /// The machine has no key.
    None(Error),
    /// A transient failure.
    Transient(Error),
}

impl ImdsError {
    fn after_response(error: Error) -> Self {
        if error.is_transient() { Self::Transient(error) } else { Self::None(error) }
    }
}

/// A request without credentials.
fn dispatch(endpoint: &Endpoint) -> Dispatch<'_> {
    Dispatch { endpoint, project_id: None, resolved: None, skew: time::Duration::ZERO }
}

/// Whether the endpoint accepts connections.
async fn is_there(endpoint: &Endpoint) -> bool {
    matches!(timeout(CONNECT, TcpStream::connect(endpoint.address())).await, Ok(Ok(_)))
}

fn is_old(error: &Error) -> bool {
    const OLD: [StatusCode; 3] =
        [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::SERVICE_UNAVAILABLE];
    error.status.is_some_and(|status| OLD.contains(&status))
}
