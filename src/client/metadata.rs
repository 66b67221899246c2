//! The metadata service of a machine in the cloud, which gives the machine's agency's temporary key to whoever asks there.
//!
//! Asked only where nothing else is given, on most machines in vain: what is not in the cloud has nobody at that address,
//! and a laptop's network may leave the question without any answer. So it gets little time.

use std::{sync::Arc, time::Duration};

use http::StatusCode;
use secrecy::SecretString;

use super::{
    Inner,
    call::{Call, Way},
    config::{ConfigError, Setting},
    credentials::{Access, Kept},
    endpoint::Endpoint,
    error::Error,
    identity::temporary,
    operation::Operation,
};

/// For each of two questions. The service is on the machine's own host and answers in milliseconds.
const LIMIT: Duration = Duration::from_secs(1);

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
        let asked = self.ask_machine(&endpoint, caller).await;
        asked.map_err(|error| {
            none(format!("the metadata service of this machine (ECS, {endpoint}): {}", error.with_causes()))
        })
    }

    async fn ask_machine(&self, endpoint: &Endpoint, caller: String) -> Result<Kept<Arc<Access>>, Error> {
        let way = Way { endpoint, project_id: None, access: None, correction: time::Duration::ZERO };
        let call = Call::new(Operation::MetadataSession, "/meta-data/latest/api/token")
            .within(LIMIT)
            .header("x-metadata-token-ttl-seconds", "60".into());
        let session = match self.exchange(&call, way).await {
            Ok(answer) => Some(SecretString::from(String::from_utf8_lossy(&answer.body).trim())),
            // Only the first version is there.
            Err(error) if is_old(&error) => None,
            Err(error) => return Err(error),
        };
        let mut call = Call::new(Operation::MetadataKey, "/openstack/latest/securitykey").within(LIMIT);
        if let Some(session) = session {
            call = call.with_secret(&session).header("x-metadata-token", session);
        }
        let answer = self.exchange(&call, way).await?;
        Ok(self.kept(temporary(&answer, caller)?, EARLY))
    }
}

fn is_old(error: &Error) -> bool {
    const OLD: [StatusCode; 3] =
        [StatusCode::NOT_FOUND, StatusCode::METHOD_NOT_ALLOWED, StatusCode::SERVICE_UNAVAILABLE];
    error.status().is_some_and(|status| OLD.contains(&status))
}
