//! What a client is made of, and what can be wrong with it before any call is made.

use std::{fmt, io, path::PathBuf, time::Duration};

use secrecy::{ExposeSecret, SecretString};
use time::OffsetDateTime;

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
    /// Project, where a resource names none.
    pub project_id: Option<String>,
    /// Address of the service, instead of the region's own: `https://HOST[:PORT]`. Without TLS only on this machine.
    pub endpoint: Option<String>,
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
            endpoint: None,
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

/// An access key with its secret; neither secret is ever printed.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// Names the key; sent in every request.
    pub access_key: String,
    /// Signs; never sent.
    pub secret_key: SecretString,
    /// Belongs to a temporary key; sent in every request.
    pub security_token: Option<SecretString>,
}

impl Credentials {
    /// A line break that was copied along would otherwise show as a wrong signature, long after.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        check_header_text("access_key", &self.access_key)?;
        check_header_text("secret_key", self.secret_key.expose_secret())?;
        self.security_token.as_ref().map_or(Ok(()), |token| check_header_text("security_token", token.expose_secret()))
    }
}

/// Whether a setting can be the value of a header. The text is not part of the error: it may be a secret.
pub(super) fn check_header_text(setting: &'static str, text: &str) -> Result<(), ConfigError> {
    if text.is_empty() {
        return Err(ConfigError::Text { setting, problem: "is empty" });
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ConfigError::Text {
            setting,
            problem: "contains white space or a character that is not printable ASCII",
        });
    }
    Ok(())
}

/// Something that a call needs and that nobody has given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// An access key with its secret.
    Credentials,
    /// The region, where no endpoint stands for it.
    Region,
    /// The project id.
    ProjectId,
}

impl fmt::Display for Setting {
    /// What is missing and where it can be given.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Credentials => {
                "no credentials are configured: set access_key and secret_key in the provider's configuration, or \
                 HW_ACCESS_KEY and HW_SECRET_KEY in the environment"
            }
            Self::Region => {
                "no region is configured: set region on the resource or in the provider's configuration, or \
                 HW_REGION_NAME in the environment"
            }
            Self::ProjectId => {
                "no project is configured: set project_id on the resource or in the provider's configuration, or \
                 HW_PROJECT_ID in the environment"
            }
        })
    }
}

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Something is missing that a call needs.
    #[error("{}", settings.iter().map(Setting::to_string).collect::<Vec<_>>().join("; "))]
    Missing {
        /// All that is missing.
        settings: Vec<Setting>,
    },
    /// A text that cannot be used as what it is meant to be.
    #[error("{setting} {problem}")]
    Text {
        /// Name of the setting.
        setting: &'static str,
        /// End of the sentence; never holds the text itself.
        problem: &'static str,
    },
    /// A region that no host name can be made of.
    #[error("{region:?} is not a region such as cn-north-4: only letters, digits and hyphens are allowed")]
    Region {
        /// As given.
        region: String,
    },
    /// A resource's region, where the configuration has an endpoint for another one.
    #[error("the region {region:?} cannot be reached: the configured endpoint {endpoint} serves {served:?}")]
    RegionOfEndpoint {
        /// The resource's region.
        region: String,
        /// The configured endpoint.
        endpoint: String,
        /// The configured region.
        served: String,
    },
    /// An endpoint that is not one, or that is not safe.
    #[error("the endpoint {endpoint:?} {problem}")]
    Endpoint {
        /// As given; without what may be a password.
        endpoint: String,
        /// End of the sentence.
        problem: String,
    },
    /// `cacert_file` cannot be read.
    #[error("the certificate file {} cannot be read", path.display())]
    CertificateFile {
        /// As given.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// `cacert_file` does not hold certificates.
    #[error("the certificate file {} {problem}", path.display())]
    Certificate {
        /// As given.
        path: PathBuf,
        /// End of the sentence.
        problem: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::Client;

    fn refusal(credentials: Credentials) -> String {
        let config = Config { credentials: Some(credentials), ..Config::default() };
        Client::new(config).expect_err("the credentials are malformed").to_string()
    }

    #[test]
    fn credentials_that_no_request_can_carry_are_refused_without_showing_them() {
        let good =
            Credentials { access_key: "AK".into(), secret_key: "SK".into(), security_token: Some("TOKEN==".into()) };
        assert!(good.check().is_ok());
        let problem = "contains white space or a character that is not printable ASCII";
        assert_eq!(refusal(Credentials { access_key: "A K".into(), ..good.clone() }), format!("access_key {problem}"));
        assert_eq!(refusal(Credentials { secret_key: "SK\n".into(), ..good.clone() }), format!("secret_key {problem}"));
        assert_eq!(
            refusal(Credentials { security_token: Some("töken".into()), ..good.clone() }),
            format!("security_token {problem}")
        );
        assert_eq!(refusal(Credentials { secret_key: "".into(), ..good }), "secret_key is empty");
    }
}
