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
    Inner,
    answer::Answer,
    call::{Call, Way},
    config::{ConfigError, Setting},
    credentials::{Access, Kept},
    endpoint::Endpoint,
    error::Error,
    identity::temporary,
    kind::Kind,
    operation::Operation,
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
    pub(super) async fn machine_key(&self, caller: String, sought: &[String]) -> Result<Kept<Arc<Access>>, Error> {
        let none = |last: String| {
            let sought = sought.iter().cloned().chain([last]).collect();
            Error::from(ConfigError::Missing { settings: vec![Setting::Credentials { sought }] })
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
            Unanswered::Passing(error) => error,
            Unanswered::None(error) => {
                none(format!("the metadata service of this machine (ECS, {endpoint}): {}", error.with_causes()))
            }
        })
    }

    async fn ask_machine(&self, endpoint: &Endpoint, caller: String) -> Result<Kept<Arc<Access>>, Unanswered> {
        let session = self.machine_session(endpoint).await?;
        let mut call = Call::new(Operation::MetadataKey, "/openstack/latest/securitykey").within(LIMIT);
        if let Some(session) = session {
            call = call.with_secret(&session).header("x-metadata-token", session);
        }
        let answer = match self.exchange(&call, way(endpoint)).await {
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "the metadata service failed; asking it again");
                sleep(PAUSE).await;
                self.exchange(&call, way(endpoint)).await
            }
            outcome => outcome,
        };
        let key = answer.and_then(|answer| temporary(&answer, caller)).map_err(Unanswered::by_somebody)?;
        Ok(self.kept(key, EARLY))
    }

    /// The token that the second version wants; `None` where only the first version is there.
    async fn machine_session(&self, endpoint: &Endpoint) -> Result<Option<SecretString>, Unanswered> {
        let call = |limit| {
            Call::new(Operation::MetadataSession, "/meta-data/latest/api/token")
                .within(limit)
                .header("x-metadata-token-ttl-seconds", "60".into())
        };
        let session = |answer: Answer| Some(SecretString::from(String::from_utf8_lossy(&answer.body).trim()));
        match self.exchange(&call(PROBE), way(endpoint)).await {
            Ok(answer) => return Ok(session(answer)),
            Err(error) if is_old(&error) => return Ok(None),
            Err(error) if !error.is_transient() || error.kind() == Kind::Unreached => {
                return Err(Unanswered::None(error));
            }
            Err(error) if error.status().is_none() && !is_there(endpoint).await => return Err(Unanswered::None(error)),
            Err(error) => tracing::warn!(%error, "the metadata service failed; asking it again"),
        }
        sleep(PAUSE).await;
        match self.exchange(&call(LIMIT), way(endpoint)).await {
            Ok(answer) => Ok(session(answer)),
            Err(error) if is_old(&error) => Ok(None),
            Err(error) => Err(Unanswered::by_somebody(error)),
        }
    }
}

/// Why there is no key.
enum Unanswered {
    /// There is none to be had here.
    None(Error),
    /// Somebody is there, and the next answer may be another one.
    Passing(Error),
}

impl Unanswered {
    fn by_somebody(error: Error) -> Self {
        if error.is_transient() { Self::Passing(error) } else { Self::None(error) }
    }
}

/// Nothing proves who asks.
fn way(endpoint: &Endpoint) -> Way<'_> {
    Way { endpoint, project_id: None, access: None, correction: time::Duration::ZERO }
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
