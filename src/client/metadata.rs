//! The metadata service of a machine in the cloud, which gives the machine's agency's temporary key to whoever asks there.
//!
//! Asked only where nothing else is given, on most machines in vain: what is not in the cloud has nobody at that address,
//! and a laptop's network may leave the question without any answer. So the first question gets little time. Once it is
//! known that somebody is there, a failure is a passing one, and who comes later asks again.

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
    operation::Operation,
    project::Inner,
    request::{Dispatch, Request},
    response::Response,
};

/// For the first question: most machines have nobody who answers. The service is on the machine's own host and answers in
/// milliseconds.
const PROBE: Duration = Duration::from_secs(1);
/// For a connection to it, where the first question was not answered.
const CONNECT: Duration = Duration::from_millis(200);
/// For every other question, as the service's own SDKs have it.
const LIMIT: Duration = Duration::from_secs(3);
/// Before a question is asked again.
const PAUSE: Duration = Duration::from_millis(200);

/// How long before its end the key is renewed, as the service's own SDKs do.
const EARLY: time::Duration = time::Duration::minutes(40);

impl Inner {
    /// The machine's key. Where there is none, the error tells what else was looked for.
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
                    "the metadata service of this machine (ECS): not asked, since endpoints.dli ({service}) is on this \
                     machine and endpoints.metadata is not set"
                );
                return Err(none(text));
            }
            (None, _) => Endpoint::of_metadata(),
        };
        self.ask_machine(&endpoint, caller).await.map_err(|error| match error {
            ImdsError::Passing(error) => error,
            ImdsError::None(error) => {
                none(format!("the metadata service of this machine (ECS, {endpoint}): {}", error.with_causes()))
            }
        })
    }

    async fn ask_machine(
        &self,
        endpoint: &Endpoint,
        caller: String,
    ) -> Result<Cached<Arc<ResolvedCredentials>>, ImdsError> {
        let session = self.machine_session(endpoint).await?;
        let mut request = Request::new(Operation::MetadataKey, "/openstack/latest/securitykey").within(LIMIT);
        if let Some(session) = session {
            request = request.with_secret(&session).header("x-metadata-token", session);
        }
        let response = match self.exchange(&request, dispatch(endpoint)).await {
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the metadata service failed; asking it again");
                sleep(PAUSE).await;
                self.exchange(&request, dispatch(endpoint)).await
            }
            outcome => outcome,
        };
        let key = response.and_then(|response| temporary(&response, caller)).map_err(ImdsError::by_somebody)?;
        Ok(self.cached(key, EARLY))
    }

    /// The token that the second version wants; `None` where only the first version is there.
    async fn machine_session(&self, endpoint: &Endpoint) -> Result<Option<SecretString>, ImdsError> {
        let request = |limit| {
            Request::new(Operation::MetadataSession, "/meta-data/latest/api/token")
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
            Err(error) if error.status().is_none() && !is_there(endpoint).await => return Err(ImdsError::None(error)),
            Err(error) => tracing::warn!(%error, "the metadata service failed; asking it again"),
        }
        sleep(PAUSE).await;
        match self.exchange(&request(LIMIT), dispatch(endpoint)).await {
            Ok(response) => Ok(session(response)),
            Err(error) if is_old(&error) => Ok(None),
            Err(error) => Err(ImdsError::by_somebody(error)),
        }
    }
}

/// Why there is no key.
enum ImdsError {
    /// There is none to be had here.
    None(Error),
    /// Somebody is there, and the next answer may be another one.
    Passing(Error),
}

impl ImdsError {
    fn by_somebody(error: Error) -> Self {
        if error.is_transient() { Self::Passing(error) } else { Self::None(error) }
    }
}

/// Nothing proves who asks.
fn dispatch(endpoint: &Endpoint) -> Dispatch<'_> {
    Dispatch { endpoint, project_id: None, resolved: None, skew: time::Duration::ZERO }
}

/// Whether anybody takes a connection, who may be slow to answer.
async fn is_there(endpoint: &Endpoint) -> bool {
    matches!(timeout(CONNECT, TcpStream::connect(endpoint.address())).await, Ok(Ok(_)))
}

fn is_old(error: &Error) -> bool {
    const OLD: [StatusCode; 3] =
        [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::SERVICE_UNAVAILABLE];
    error.status().is_some_and(|status| OLD.contains(&status))
}
