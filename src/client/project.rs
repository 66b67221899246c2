//! The client and its view of one project.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use parking_lot::Mutex;
use time::OffsetDateTime;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{
    clock::Clocks,
    config::Config,
    config_error::{self, ConfigError, Setting},
    credentials::{Credentials, CredentialsCache, CredentialsScope, CredentialsSource, TokenScope},
    endpoint::{self, Endpoint},
    error::Error,
    host_limits::HostLimits,
    retry::{OnUnknownOutcome, Retry, RetryPolicy},
    transport::{self, Transport},
};
use crate::dli::operation::Operation;

/// A client of the service; cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    pub(super) inner: Arc<Inner>,
}

/// Shows no HTTP client, whose output has the proxy's password.
#[derive(derive_more::Debug)]
#[debug("Inner {{ credentials: {:?}, endpoint: {endpoint:?}, .. }}", config.credentials)]
pub(super) struct Inner {
    /// No text of it is empty.
    pub(super) config: Config,
    /// Tokens and keys derived from the credentials.
    pub(super) credentials_cache: CredentialsCache,
    /// Replaces the endpoints of all regions.
    pub(super) endpoint: Option<Endpoint>,
    vpc_endpoint: Option<Endpoint>,
    pub(super) identity_endpoint: Option<Endpoint>,
    pub(super) metadata_endpoint: Option<Endpoint>,
    pub(super) clocks: Clocks,
    pub(super) transport: Transport,
    pub(super) host_limits: HostLimits,
    /// Hosts without the v3 route API.
    pub(super) without_v3_routes: Mutex<BTreeSet<String>>,
    /// Hosts without the v3 VPC API.
    pub(super) without_v3_vpcs: Mutex<BTreeSet<String>>,
}

/// Location of a project whose id may be unknown.
struct ProjectLocator {
    region: Option<String>,
    endpoint: Endpoint,
    id: Option<String>,
    /// Name of the project; set if there is no id.
    name: String,
}

impl Client {
    /// Creates a client and checks credentials, endpoints and `cacert_file` without network I/O.
    ///
    /// Missing settings are not an error here.
    pub fn new(mut config: Config) -> Result<Self, ConfigError> {
        if let Some(credentials) = &config.credentials {
            credentials.check()?;
        }
        let Config { region, project_id, project_name, cloud, vpc_endpoint, .. } = &mut config;
        for text in [region, project_id, project_name, cloud, vpc_endpoint] {
            text.take_if(|text| text.is_empty());
        }
        let parse = |text: &Option<String>| text.as_deref().map(Endpoint::parse).transpose();
        let identity_endpoint = config.identity_endpoint.as_deref().map(Endpoint::parse_identity).transpose()?;
        let roots = config.cacert_file.as_deref().map(transport::read_roots).transpose()?.unwrap_or_default();
        let transport = Transport::new(transport::Settings {
            roots,
            insecure: config.insecure,
            proxy: config.proxy.clone(),
            timeouts: config.timeouts,
            user_agent: config.user_agent.clone(),
        });
        Ok(Self {
            inner: Arc::new(Inner {
                credentials_cache: CredentialsCache::default(),
                endpoint: parse(&config.endpoint)?,
                vpc_endpoint: parse(&config.vpc_endpoint)?,
                identity_endpoint,
                metadata_endpoint: parse(&config.metadata_endpoint)?.map(Endpoint::direct),
                clocks: Clocks::new(config.clock),
                config,
                transport,
                host_limits: HostLimits::default(),
                without_v3_routes: Mutex::default(),
                without_v3_vpcs: Mutex::default(),
            }),
        })
    }

    /// Whether credentials exist. May query the metadata service once per process, which takes about a second.
    pub async fn has_credentials(&self) -> bool {
        let inner = &*self.inner;
        let scope = CredentialsScope {
            region: inner.config.region.as_deref(),
            token_scope: &TokenScope::Domain,
            as_agency: false,
        };
        match &inner.config.credentials {
            None => false,
            Some(Credentials { source: CredentialsSource::Metadata { .. }, .. }) => inner.resolve(scope).await.is_ok(),
            Some(_) => true,
        }
    }

    /// Opens a project in a region, with defaults from the configuration. Uses no network.
    ///
    /// Fails if settings are missing (the error lists all of them) or the region contradicts the configured endpoint.
    pub fn project(&self, region: Option<&str>, project_id: Option<&str>) -> Result<Project, Error> {
        let locator = self.locate(region, project_id, None)?;
        let Some(id) = locator.id else {
            return Err(ConfigError::Missing { settings: vec![Setting::ProjectId] }.into());
        };
        self.at(locator.region, locator.endpoint, id)
    }

    /// Whether the configured endpoint serves this region. Uses no network.
    pub fn check_region(&self, region: Option<&str>) -> Result<(), ConfigError> {
        let inner = &*self.inner;
        let region = region.filter(|region| !region.is_empty() && !inner.config.endpoint_serves_all_regions);
        match (&inner.endpoint, region, &inner.config.region) {
            (Some(endpoint), Some(region), Some(served)) if region != served => Err(ConfigError::RegionOfEndpoint {
                region: region.to_owned(),
                endpoint: endpoint.to_string(),
                served: served.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Opens a project with retries until `deadline` or until `cancel` is triggered (see [`Project::with_deadline`]).
    ///
    /// Without an id, the identity service is asked for the project with the region's name, once in the process.
    pub async fn open(
        &self,
        (region, project_id): (Option<&str>, Option<&str>),
        deadline: Instant,
        cancel: &CancellationToken,
    ) -> Result<Project, Error> {
        let mut none = None;
        if let Some(CredentialsSource::Metadata { .. }) =
            self.inner.config.credentials.as_ref().map(|credentials| &credentials.source)
        {
            // Reported together with the other missing settings.
            let scope = CredentialsScope { region, token_scope: &TokenScope::Domain, as_agency: false };
            if let Err(error) = self.inner.resolve(scope).await {
                // Other failures occur again below, with retries.
                none = error.missing().map(<[Setting]>::to_vec);
            }
        }
        let ProjectLocator { region, endpoint, id, name } = self.locate(region, project_id, none)?;
        let id = if let Some(id) = id {
            id
        } else {
            self.find_project_id(region.as_deref(), &name, RetryPolicy::new(deadline, cancel)).await?
        };
        Ok(self.at(region, endpoint, id)?.with_deadline(deadline, cancel))
    }

    /// Finds the id of a project by its name, with retries.
    async fn find_project_id(&self, region: Option<&str>, name: &str, policy: RetryPolicy) -> Result<String, Error> {
        let known = || self.inner.known_project_id(region, name);
        if let Some(id) = known().await {
            return Ok(id);
        }
        let retry = Retry::new(&self.inner.host_limits, Some(&policy), Operation::ListProjects, "the identity service");
        let ask = || self.inner.project_id(region, name);
        let id = Box::pin(retry.run(OnUnknownOutcome::Repeat, known, ask)).await.map_err(Error::preliminary)?;
        Ok(id.expect("only a check replaces a value"))
    }

    fn at(&self, region: Option<String>, endpoint: Endpoint, id: String) -> Result<Project, Error> {
        config_error::check_header_text("project_id", &id)?;
        let vpc_endpoint = self.inner.vpc_endpoint_of(region.as_deref());
        Ok(Project { client: Arc::clone(&self.inner), id, region, endpoint, vpc_endpoint, retry_policy: None })
    }

    /// Locates a project. `none` lists missing settings to report as well.
    fn locate(
        &self,
        own_region: Option<&str>,
        project_id: Option<&str>,
        none: Option<Vec<Setting>>,
    ) -> Result<ProjectLocator, Error> {
        let inner = &*self.inner;
        let given = |own: Option<&str>, common: &Option<String>| {
            own.or(common.as_deref()).filter(|text| !text.is_empty()).map(str::to_owned)
        };
        let region = given(own_region, &inner.config.region);
        // Another region has another project.
        let is_common = inner.config.region.is_none() || region == inner.config.region;
        let id = given(project_id, if is_common { &inner.config.project_id } else { &None });
        let name =
            inner.config.project_name.clone().filter(|_| region == inner.config.region).or_else(|| region.clone());

        let mut missing = Vec::new();
        missing.extend((region.is_none() && inner.endpoint.is_none()).then_some(Setting::Region));
        missing.extend((id.is_none() && name.is_none()).then_some(Setting::ProjectId));
        match (none, &inner.config.credentials) {
            (Some(settings), _) => missing.extend(settings),
            (None, None) => missing.push(Setting::Credentials { searched: Vec::new() }),
            (None, Some(_)) => {}
        }
        if !missing.is_empty() {
            return Err(ConfigError::Missing { settings: missing }.into());
        }

        let endpoint = match (&inner.endpoint, &region) {
            (Some(endpoint), _) => {
                self.check_region(own_region)?;
                endpoint.clone()
            }
            (None, region) => Endpoint::of("dli", region.as_deref(), inner.config.cloud.as_deref())?,
        };
        Ok(ProjectLocator { region, endpoint, id, name: name.unwrap_or_default() })
    }
}

impl Inner {
    /// The address of the VPC service in a region, if it is known.
    fn vpc_endpoint_of(&self, region: Option<&str>) -> Option<Endpoint> {
        let own = self.config.region.as_deref();
        let is_configured = own.is_none() || region == own;
        if let Some(endpoint) = self.vpc_endpoint.as_ref().filter(|_| is_configured) {
            return Some(endpoint.clone());
        }
        match &self.endpoint {
            None => Endpoint::of("vpc", Some(region?), self.config.cloud.as_deref()).ok(),
            Some(dli) => {
                let region = endpoint::region_of(&dli.to_string())?;
                Endpoint::of("vpc", Some(&region), None).ok()
            }
        }
    }
}

/// A project in a region, with the API's methods.
#[derive(Debug)]
pub struct Project {
    pub(super) client: Arc<Inner>,
    pub(super) id: String,
    pub(super) region: Option<String>,
    pub(super) endpoint: Endpoint,
    pub(super) vpc_endpoint: Option<Endpoint>,
    /// `None` disables retries.
    pub(super) retry_policy: Option<RetryPolicy>,
}

impl Project {
    /// Retries transient failures until `deadline` or until `cancel` is triggered. Both also end the wait for a permit.
    #[must_use]
    pub fn with_deadline(self, deadline: Instant, cancel: &CancellationToken) -> Self {
        Self { retry_policy: Some(RetryPolicy::new(deadline, cancel)), ..self }
    }

    /// Whether calls are waiting for the rate limiter.
    pub fn is_throttled(&self) -> bool {
        let mut endpoints = std::iter::once(&self.endpoint).chain(&self.vpc_endpoint);
        endpoints.any(|endpoint| self.client.host_limits.limiter(&endpoint.host()).has_waiters())
    }

    /// The address of the service of an operation.
    pub(super) fn endpoint_of(&self, operation: Operation) -> &Endpoint {
        self.vpc_endpoint.as_ref().filter(|_| operation.is_vpc()).unwrap_or(&self.endpoint)
    }

    /// How long after a change a response may be older than the change.
    pub fn consistency_timeout(&self) -> Duration {
        self.client.config.consistency_timeout
    }

    /// Delays before each new read of an object that the service reports as missing.
    pub fn consistency_delays(&self) -> [Duration; 3] {
        [1, 2, 2].map(|fifths| self.consistency_timeout() * fifths / 5)
    }

    /// How long a part of a connection waits for other resources of the run to remove what is in its way.
    pub fn max_removal_wait(&self) -> Duration {
        self.consistency_timeout() * 6
    }

    /// The project's id.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The region; `None` if only an endpoint is configured.
    pub fn region(&self) -> Option<&str> {
        self.region.as_deref()
    }

    /// The service's time by its latest response, late by up to a second and the network delay.
    pub fn server_now(&self) -> OffsetDateTime {
        self.client.clocks.now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::AccessKey;

    const SECRET: &str = "canary-secret-key";
    const TOKEN: &str = "canary-security-token";

    fn config() -> Config {
        let key = AccessKey { id: "AKEXAMPLE".into(), secret: SECRET.into(), security_token: Some(TOKEN.into()) };
        Config {
            credentials: Some(Credentials::new(CredentialsSource::Key(key), "this test")),
            region: Some("cn-north-4".into()),
            project_id: Some("48cc2c48765f481480c7db940d6409d1".into()),
            ..Config::default()
        }
    }

    fn refusal(config: Config, region: Option<&str>, project_id: Option<&str>) -> String {
        let client = Client::new(config).expect("the configuration's form is right");
        let error = client.project(region, project_id).expect_err("something is missing");
        assert!(error.operation.is_none());
        assert!(!error.may_have_taken_effect());
        error.to_string()
    }

    #[test]
    fn all_missing_settings_are_listed() {
        assert_eq!(
            refusal(Config::default(), None, None),
            "no region is configured: set region on the resource or in the provider's configuration, or HW_REGION_NAME \
             in the environment; no project is configured: set project_id on the resource or in the provider's \
             configuration, or HW_PROJECT_ID in the environment; no credentials were found"
        );
        let empty = Config { region: Some(String::new()), ..config() };
        assert_eq!(
            refusal(empty, None, None),
            "no region is configured: set region on the resource or in the provider's configuration, or \
             HW_REGION_NAME in the environment"
        );
    }

    #[test]
    fn resource_overrides_configuration() {
        let client = Client::new(config()).expect("valid configuration");
        let common = client.project(None, None).expect("complete settings");
        assert_eq!(common.endpoint.to_string(), "https://dli.cn-north-4.myhuaweicloud.com");
        assert_eq!(common.id, "48cc2c48765f481480c7db940d6409d1");
        let own = client.project(Some("eu-west-101"), Some("0123")).expect("complete settings");
        assert_eq!(own.endpoint.to_string(), "https://dli.eu-west-101.myhuaweicloud.eu");
        assert_eq!(own.id, "0123");
    }

    /// Credentials for another place, such as an emulator, never reach the public cloud.
    #[test]
    fn vpc_service_is_in_the_cloud_of_dli() {
        let of = |dli: Option<&str>, vpc: Option<&str>, cloud: Option<&str>, own: Option<&str>| {
            let [cloud, endpoint, vpc_endpoint] = [cloud, dli, vpc].map(|text| text.map(str::to_owned));
            let client =
                Client::new(Config { cloud, endpoint, vpc_endpoint, ..config() }).expect("valid configuration");
            let project = client.project(own, own.and(Some("0123"))).expect("complete settings");
            project.vpc_endpoint.map(|endpoint| endpoint.to_string())
        };
        let (here, emulator) = ("https://vpc.cn-north-4.myhuaweicloud.com", "http://127.0.0.1:9000");
        assert_eq!(of(None, None, None, None).as_deref(), Some(here));
        assert_eq!(of(Some("https://dli.cn-north-4.myhuaweicloud.com"), None, None, None).as_deref(), Some(here));
        let europe = of(None, None, None, Some("eu-west-101"));
        assert_eq!(europe.as_deref(), Some("https://vpc.eu-west-101.myhuaweicloud.com"));
        let own = of(None, None, Some("cloud.example"), None);
        assert_eq!(own.as_deref(), Some("https://vpc.cn-north-4.cloud.example"));
        for dli in [emulator, "https://dli.example.com", "https://dli.cn-north-4.example.com"] {
            assert_eq!(of(Some(dli), None, None, None), None, "{dli}");
            assert_eq!(of(Some(dli), Some(emulator), None, None).as_deref(), Some(emulator), "{dli}");
        }
        assert_eq!(of(Some(emulator), Some(""), None, None), None);
        // The configured address serves the configured region.
        let other = of(None, Some(emulator), None, Some("cn-east-3"));
        assert_eq!(other.as_deref(), Some("https://vpc.cn-east-3.myhuaweicloud.com"));
    }

    #[test]
    fn project_id_applies_to_the_configured_region() {
        let id = |region: Option<&str>, own: Option<&str>| {
            let client =
                Client::new(Config { region: region.map(str::to_owned), ..config() }).expect("valid configuration");
            let locator = client.locate(own, None, None).expect("complete settings");
            (locator.id.is_some(), locator.name)
        };
        assert_eq!(id(Some("cn-north-4"), Some("cn-north-4")), (true, "cn-north-4".to_owned()));
        assert_eq!(id(Some("cn-north-4"), Some("cn-east-3")), (false, "cn-east-3".to_owned()));
        assert_eq!(id(None, Some("cn-east-3")), (true, "cn-east-3".to_owned()));
    }

    #[test]
    fn endpoint_serves_one_region() {
        let endpoint = Some("http://127.0.0.1:9000/".to_owned());
        let without =
            Client::new(Config { region: None, endpoint: endpoint.clone(), ..config() }).expect("valid configuration");
        assert_eq!(
            without.project(None, None).expect("complete settings").endpoint.to_string(),
            "http://127.0.0.1:9000"
        );
        assert!(without.project(Some("cn-east-3"), None).is_ok());

        let with = Config { endpoint, ..config() };
        assert!(Client::new(with.clone()).expect("valid configuration").project(Some("cn-north-4"), None).is_ok());
        assert_eq!(
            refusal(with, Some("cn-east-3"), None),
            "the region \"cn-east-3\" cannot be reached: the configured endpoint http://127.0.0.1:9000 serves \
             \"cn-north-4\""
        );
    }

    #[test]
    fn region_cannot_change_the_host() {
        assert_eq!(
            refusal(config(), Some("evil.example.com/"), None),
            "\"evil.example.com/\" is not a region such as cn-north-4: only letters, digits and hyphens are allowed"
        );
    }

    #[test]
    fn project_id_must_fit_a_header() {
        assert_eq!(
            refusal(config(), None, Some("48cc\r\nHost: evil")),
            "project_id contains white space or a character that is not printable ASCII"
        );
    }

    #[test]
    fn debug_output_has_no_secret() {
        let config = config();
        let client = Client::new(config.clone()).expect("valid configuration");
        let project = client.project(None, None).expect("complete settings");
        let credentials = config.credentials.as_ref().expect("set above");
        let shown = format!("{config:?} {config:#?} {credentials:?} {client:?} {client:#?} {project:?} {project:#?}");
        assert!(shown.contains("AKEXAMPLE") && shown.contains("[REDACTED]"), "{shown}");
        assert!(!shown.contains(SECRET) && !shown.contains(TOKEN), "{shown}");
    }

    #[test]
    fn client_can_be_shared() {
        fn shared<T: Clone + Send + Sync + 'static>() {}
        shared::<Client>();
    }
}
