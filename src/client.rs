//! The service's API as typed methods: credentials → sign → send → classify → decode.
//!
//! Knows HTTP and the pages of [`crate::dli`]; knows nothing of Terraform. What a method returns is what the service
//! said; what that means for a resource is decided by its caller.
//!
//! A [`Client`] holds what is common to all calls, a [`Project`] is one region and project seen through it, because
//! one process may serve many projects. The API's methods stand on [`Project`], a file for each group of the API; all
//! of them go through the one pipeline in `call.rs`. Making a client does no network I/O: the first call does.

mod answer;
mod budget;
mod call;
mod config;
mod connections;
mod endpoint;
mod error;
mod kind;
mod line;
mod operation;
mod pacer;
mod patience;
mod pools;
mod privileges;
mod queues;
mod routes;
mod schedule;
mod tags;
#[cfg(test)]
mod test_server;
mod traffic;
mod transport;

use std::{
    collections::BTreeSet,
    fmt,
    sync::{Arc, Mutex},
};

pub use self::{
    config::{Clock, Config, ConfigError, Credentials, Setting, Timeouts},
    connections::ConnectionFilter,
    error::{ApiError, Error},
    kind::Kind,
    operation::Operation,
};
use self::{endpoint::Endpoint, patience::Patience, traffic::Traffic, transport::Transport};

/// Whether a text can be [`Config::endpoint`]; uses no network.
pub fn check_endpoint(endpoint: &str) -> Result<(), ConfigError> {
    Endpoint::parse(endpoint).map(|_| ())
}

/// The service, for everyone in the process; cheap to clone.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    /// Where there are none, the first call says so.
    credentials: Option<Credentials>,
    /// Used where a resource names none.
    region: Option<String>,
    /// Used where a resource names none.
    project_id: Option<String>,
    /// Serves every region, instead of each region's own endpoint.
    endpoint: Option<Endpoint>,
    clock: Clock,
    transport: Transport,
    traffic: Traffic,
    /// Hosts that have not published the newer route calls.
    only_old_routes: Mutex<BTreeSet<String>>,
}

impl Client {
    /// Checks what can be checked without the network: the form of credentials and endpoint, and the certificates in
    /// `cacert_file`.
    ///
    /// What is missing is no error here: a process that makes no call needs nothing.
    pub fn new(config: Config) -> Result<Self, ConfigError> {
        let Config { credentials, region, project_id, endpoint, insecure, cacert_file, timeouts, user_agent, clock } =
            config;
        if let Some(credentials) = &credentials {
            credentials.check()?;
        }
        let endpoint = endpoint.as_deref().map(Endpoint::parse).transpose()?;
        let roots = cacert_file.as_deref().map(transport::read_roots).transpose()?.unwrap_or_default();
        let transport = Transport::new(transport::Settings {
            roots,
            insecure,
            timeouts,
            user_agent,
            loopback: endpoint.as_ref().is_some_and(Endpoint::is_loopback),
            plain: endpoint.as_ref().is_some_and(Endpoint::is_plain),
        });
        Ok(Self {
            inner: Arc::new(Inner {
                credentials,
                region,
                project_id,
                endpoint,
                clock,
                transport,
                traffic: Traffic::default(),
                only_old_routes: Mutex::default(),
            }),
        })
    }

    /// Whether there are credentials to make a call with.
    pub fn has_credentials(&self) -> bool {
        self.inner.credentials.is_some()
    }

    /// One project in one region; what is not given here is taken from the configuration.
    ///
    /// Fails where something is missing in both, all of it named at once, and where a given region contradicts an
    /// endpoint that the configuration fixed for another one.
    pub fn project(&self, region: Option<&str>, project_id: Option<&str>) -> Result<Project, Error> {
        let inner = &*self.inner;
        let given = |own: Option<&str>, common: &Option<String>| {
            own.or(common.as_deref()).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let own_region = region;
        let region = given(own_region, &inner.region);
        let project_id = given(project_id, &inner.project_id);

        let missing: Vec<_> = [
            (inner.credentials.is_none(), Setting::Credentials),
            (region.is_none() && inner.endpoint.is_none(), Setting::Region),
            (project_id.is_none(), Setting::ProjectId),
        ]
        .into_iter()
        .filter_map(|(is_missing, setting)| is_missing.then_some(setting))
        .collect();
        let (Some(credentials), Some(project_id), true) = (&inner.credentials, project_id, missing.is_empty()) else {
            return Err(ConfigError::Missing { settings: missing }.into());
        };
        config::check_header_text("project_id", &project_id)?;

        let endpoint = match (&inner.endpoint, &region) {
            (Some(endpoint), region) => {
                if let (Some(own), Some(common)) = (own_region.and(region.as_ref()), &inner.region)
                    && own != common
                {
                    let endpoint = endpoint.to_string();
                    return Err(ConfigError::RegionOfEndpoint {
                        region: own.clone(),
                        endpoint,
                        served: common.clone(),
                    }
                    .into());
                }
                endpoint.clone()
            }
            (None, region) => Endpoint::of_region(region.as_deref().unwrap_or_default())?,
        };
        Ok(Project {
            client: Arc::clone(&self.inner),
            credentials: credentials.clone(),
            id: project_id,
            region,
            endpoint,
            patience: None,
        })
    }
}

impl fmt::Debug for Client {
    /// The HTTP client is left out: its own form shows the proxy's address with its password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { credentials, region, project_id, endpoint, .. } = &*self.inner;
        f.debug_struct("Client")
            .field("credentials", credentials)
            .field("region", region)
            .field("project_id", project_id)
            .field("endpoint", endpoint)
            .finish_non_exhaustive()
    }
}

/// One project in one region, and the calls that can be made there.
pub struct Project {
    client: Arc<Inner>,
    credentials: Credentials,
    id: String,
    region: Option<String>,
    endpoint: Endpoint,
    /// Where there is none, a call is made once.
    patience: Option<Patience>,
}

impl Project {
    /// The project's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The region, where one is known: an endpoint can stand for it.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }
}

impl fmt::Debug for Project {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Project")
            .field("credentials", &self.credentials)
            .field("id", &self.id)
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "canary-secret-key";
    const TOKEN: &str = "canary-security-token";

    fn config() -> Config {
        Config {
            credentials: Some(Credentials {
                access_key: "AKEXAMPLE".into(),
                secret_key: SECRET.into(),
                security_token: Some(TOKEN.into()),
            }),
            region: Some("cn-north-4".into()),
            project_id: Some("48cc2c48765f481480c7db940d6409d1".into()),
            ..Config::default()
        }
    }

    fn refusal(config: Config, region: Option<&str>, project_id: Option<&str>) -> String {
        let client = Client::new(config).expect("the configuration's form is right");
        let error = client.project(region, project_id).expect_err("something is missing");
        assert!(matches!(error, Error::Configuration(_)));
        assert!(!error.may_have_taken_effect());
        error.to_string()
    }

    #[test]
    fn all_that_is_missing_is_named_at_once_with_its_places() {
        assert_eq!(
            refusal(Config::default(), None, None),
            "no credentials are configured: set access_key and secret_key in the provider's configuration, or \
             HW_ACCESS_KEY and HW_SECRET_KEY in the environment; no region is configured: set region on the \
             resource or in the provider's configuration, or HW_REGION_NAME in the environment; no project is configured: set \
             project_id on the resource or in the provider's configuration, or HW_PROJECT_ID in the environment"
        );
        let empty = Config { region: Some(String::new()), ..config() };
        assert_eq!(
            refusal(empty, None, None),
            "no region is configured: set region on the resource or in the provider's configuration, or \
             HW_REGION_NAME in the environment"
        );
    }

    #[test]
    fn a_resource_overrides_the_configuration() {
        let client = Client::new(config()).expect("in order");
        let common = client.project(None, None).expect("complete");
        assert_eq!(common.endpoint.to_string(), "https://dli.cn-north-4.myhuaweicloud.com");
        assert_eq!(common.id, "48cc2c48765f481480c7db940d6409d1");
        let own = client.project(Some("eu-west-101"), Some("0123")).expect("complete");
        assert_eq!(own.endpoint.to_string(), "https://dli.eu-west-101.myhuaweicloud.eu");
        assert_eq!(own.id, "0123");
    }

    #[test]
    fn an_endpoint_needs_no_region_but_is_not_used_for_another_one() {
        let endpoint = Some("http://127.0.0.1:9000/".to_owned());
        let without = Client::new(Config { region: None, endpoint: endpoint.clone(), ..config() }).expect("in order");
        assert_eq!(without.project(None, None).expect("complete").endpoint.to_string(), "http://127.0.0.1:9000");
        assert!(without.project(Some("cn-east-3"), None).is_ok());

        let with = Config { endpoint, ..config() };
        assert!(Client::new(with.clone()).expect("in order").project(Some("cn-north-4"), None).is_ok());
        assert_eq!(
            refusal(with, Some("cn-east-3"), None),
            "the region \"cn-east-3\" cannot be reached: the configured endpoint http://127.0.0.1:9000 serves \
             \"cn-north-4\""
        );
    }

    #[test]
    fn a_region_cannot_change_the_host() {
        assert_eq!(
            refusal(config(), Some("evil.example.com/"), None),
            "\"evil.example.com/\" is not a region such as cn-north-4: only letters, digits and hyphens are allowed"
        );
    }

    #[test]
    fn a_project_id_must_fit_a_header() {
        assert_eq!(
            refusal(config(), None, Some("48cc\r\nHost: evil")),
            "project_id contains white space or a character that is not printable ASCII"
        );
    }

    #[test]
    fn nothing_public_prints_a_secret() {
        let config = config();
        let client = Client::new(config.clone()).expect("in order");
        let project = client.project(None, None).expect("complete");
        let credentials = config.credentials.as_ref().expect("set above");
        let shown = format!("{config:?} {config:#?} {credentials:?} {client:?} {client:#?} {project:?} {project:#?}");
        assert!(shown.contains("AKEXAMPLE") && shown.contains("[REDACTED]"), "{shown}");
        assert!(!shown.contains(SECRET) && !shown.contains(TOKEN), "{shown}");
    }

    #[test]
    fn a_client_is_shared_freely() {
        fn shared<T: Clone + Send + Sync + 'static>() {}
        shared::<Client>();
    }
}
