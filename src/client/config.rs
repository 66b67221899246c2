//! Configuration of a client.

use std::{path::PathBuf, time::Duration};

use time::OffsetDateTime;

use super::credentials::Credentials;

/// Where the time of signing comes from.
pub type Clock = fn() -> OffsetDateTime;

/// Everything that a [`Client`](super::Client) can be told. Nothing is required: what is missing is asked for by the
/// first call that needs it.
#[derive(Debug, Clone)]
pub struct Config {
    /// Who is calling.
    pub credentials: Option<Credentials>,
    /// Region, as `cn-north-4`, where a resource names none.
    pub region: Option<String>,
    /// Project in the configured region, where a resource names none. Where nobody names one, the identity service is asked
    /// for the one that `project_name` names, or else the region: every region has a project of its name.
    pub project_id: Option<String>,
    /// See `project_id`; good for the configured region only.
    pub project_name: Option<String>,
    /// Domain of the site, `myhuaweicloud.com` or the like, where it is not the one that the region is known to be in.
    pub cloud: Option<String>,
    /// Address of the service, instead of the region's own: `https://HOST[:PORT]`. Without TLS only on this machine.
    pub endpoint: Option<String>,
    /// The same for the identity service (IAM); may end in `/v3`.
    pub identity_endpoint: Option<String>,
    /// The same for the metadata service of a machine in the cloud. It is never reached through a proxy.
    pub metadata_endpoint: Option<String>,
    /// Accept any certificate of the service.
    pub insecure: bool,
    /// PEM file with certificates to trust beside those of the system.
    pub cacert_file: Option<PathBuf>,
    /// How long a call may take.
    pub timeouts: Timeouts,
    /// `User-Agent` of every request.
    pub user_agent: String,
    /// Where the time of signing comes from; the gateway allows it to be 15 minutes off.
    pub clock: Clock,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            credentials: None,
            region: None,
            project_id: None,
            project_name: None,
            cloud: None,
            endpoint: None,
            identity_endpoint: None,
            metadata_endpoint: None,
            insecure: false,
            cacert_file: None,
            timeouts: Timeouts::default(),
            user_agent: concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION")).to_owned(),
            clock: OffsetDateTime::now_utc,
        }
    }
}

/// How long a call may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands, TLS included.
    pub connect: Duration,
    /// From the start of a call until its answer is read to the end.
    pub request: Duration,
}

impl Default for Timeouts {
    /// 10 s to connect, 60 s for a call.
    fn default() -> Self {
        Self { connect: Duration::from_secs(10), request: Duration::from_mins(1) }
    }
}
