//! Configuration of a client.

use std::{path::PathBuf, time::Duration};

use time::OffsetDateTime;

use super::credentials::Credentials;
use super::proxy::Proxy;

/// The clock that dates signatures.
pub type Clock = fn() -> OffsetDateTime;

/// Configuration of a [`Client`](super::Client). Every setting is optional.
///
/// The first call that needs a missing setting fails.
#[derive(Debug, Clone)]
pub struct Config {
    /// Credentials.
    pub credentials: Option<Credentials>,
    /// Default region, such as `cn-north-4`.
    pub region: Option<String>,
    /// Default project in the configured region. If unset, the identity service is asked for the project named
    /// `project_name`, or named as the region.
    pub project_id: Option<String>,
    /// See `project_id`; applies to the configured region only.
    pub project_name: Option<String>,
    /// Domain of the site, such as `myhuaweicloud.com`; the default depends on the region.
    pub cloud: Option<String>,
    /// Address of the service, instead of the region's own: `https://HOST[:PORT]`. Without TLS only on this machine.
    pub endpoint: Option<String>,
    /// Whether `endpoint` serves resources of all regions, not only of the configured one, as the emulator does.
    pub endpoint_serves_all_regions: bool,
    /// Address of the VPC service in the configured region. If unset, it is derived from the region, unless `endpoint`
    /// is set and is not the address that the cloud publishes for a region: the VPC service of such a place is unknown,
    /// and its credentials must not be sent to the public cloud.
    pub vpc_endpoint: Option<String>,
    /// Address of the identity service (IAM); may end in `/v3`.
    pub identity_endpoint: Option<String>,
    /// Address of the ECS metadata service. It is never reached through a proxy.
    pub metadata_endpoint: Option<String>,
    /// Accept any certificate of the service.
    pub insecure: bool,
    /// Additional trusted certificates: a PEM file, or its content.
    pub cacert_file: Option<PathBuf>,
    /// The proxy, if not the one of the operating system.
    pub proxy: Option<Proxy>,
    /// Timeouts of a request.
    pub timeouts: Timeouts,
    /// How long to read an object again that the service reports as missing, before the result is accepted.
    pub consistency_timeout: Duration,
    /// `User-Agent` of every request.
    pub user_agent: String,
    /// The clock that dates signatures; the gateway allows it to be 15 minutes off.
    pub clock: Clock,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            credentials: None,
            region: None,
            endpoint_serves_all_regions: false,
            project_id: None,
            project_name: None,
            cloud: None,
            endpoint: None,
            vpc_endpoint: None,
            identity_endpoint: None,
            metadata_endpoint: None,
            insecure: false,
            cacert_file: None,
            proxy: None,
            timeouts: Timeouts::default(),
            consistency_timeout: Duration::from_secs(5),
            user_agent: concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")).to_owned(),
            clock: OffsetDateTime::now_utc,
        }
    }
}

/// Timeouts of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Time to connect, including TLS.
    pub connect: Duration,
    /// Time for the whole request, until the response is complete.
    pub request: Duration,
}

impl Default for Timeouts {
    /// 10 s to connect, 60 s for a call.
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), request: Duration::from_mins(1) }
    }
}
