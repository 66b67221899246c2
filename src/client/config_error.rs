//! Errors of the configuration, found before any request is sent.

use std::fmt;

/// Checks that a setting can be a header value. The error does not hold the text: it may be a secret.
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

/// A setting that a call needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Setting {
    /// The region, if no endpoint is configured.
    Region,
    /// The project id, if there is no name to find it by.
    ProjectId,
    /// Credentials.
    Credentials {
        /// The searched sources.
        searched: Vec<String>,
    },
}

impl fmt::Display for Setting {
    /// Names the missing setting and where it can be set.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Region => f.write_str(
                "no region is configured: set region on the resource or in the provider's configuration, or \
                 HW_REGION_NAME in the environment",
            ),
            Self::ProjectId => f.write_str(
                "no project is configured: set project_id on the resource or in the provider's configuration, or \
                 HW_PROJECT_ID in the environment",
            ),
            Self::Credentials { searched } => {
                f.write_str("no credentials were found")?;
                if !searched.is_empty() {
                    f.write_str("; these sources were searched, in this order:")?;
                }
                searched.iter().try_for_each(|source| write!(f, "\n  - {source}"))
            }
        }
    }
}

/// An invalid configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Settings that a call needs are missing.
    #[error("{}", settings.iter().map(Setting::to_string).collect::<Vec<_>>().join("; "))]
    Missing {
        /// All missing settings.
        settings: Vec<Setting>,
    },
    /// An invalid text.
    #[error("{setting} {problem}")]
    Text {
        /// Name of the setting.
        setting: &'static str,
        /// End of the sentence; never holds the text itself.
        problem: &'static str,
    },
    /// A region that cannot be part of a host name.
    #[error("{region:?} is not a region such as cn-north-4: only letters, digits and hyphens are allowed")]
    Region {
        /// The configured value.
        region: String,
    },
    /// A cloud that is not a domain.
    #[error("the cloud {cloud:?} is not a domain such as myhuaweicloud.com")]
    Cloud {
        /// The configured value.
        cloud: String,
    },
    /// The identity service of an endpoint on this machine is needed, and its address is not configured.
    #[error(
        "IAM is needed {purpose}, but the configured endpoint {endpoint} is on this machine, and the address of its \
         IAM is unknown. Set endpoints.iam in addition to endpoints.dli"
    )]
    Identity {
        /// "to find the project …".
        purpose: String,
        /// The configured endpoint of the service.
        endpoint: String,
    },
    /// No project, or more than one, has the name.
    #[error("{}", project_text(name, found, caller))]
    Project {
        /// The name.
        name: String,
        /// The ids of the projects with this name.
        found: Vec<String>,
        /// Owner and origin of the credentials.
        caller: String,
    },
    /// A resource's region differs from the region of the configured endpoint.
    #[error("the region {region:?} cannot be reached: the configured endpoint {endpoint} serves {served:?}")]
    RegionOfEndpoint {
        /// The resource's region.
        region: String,
        /// The configured endpoint.
        endpoint: String,
        /// The configured region.
        served: String,
    },
    /// An invalid or unsafe endpoint.
    #[error("the endpoint {endpoint:?} {problem}")]
    Endpoint {
        /// The configured value, without a part that may be a password.
        endpoint: String,
        /// End of the sentence.
        problem: String,
    },
    /// `cacert_file` cannot be read, or does not hold certificates.
    #[error("cacert_file: {problem}")]
    Certificate {
        /// A sentence.
        problem: String,
    },
}

fn project_text(name: &str, found: &[String], caller: &str) -> String {
    /// Maximum number of ids in the text.
    const MOST: usize = 8;
    match found {
        [] => format!(
            "IAM has no project named {name:?} that {caller} can see. By default, the provider uses the project named \
             after the region. Set project_id or project_name"
        ),
        several => format!(
            "IAM has {} projects named {name:?}: {}{}. Set project_id to one of them",
            several.len(),
            several[..several.len().min(MOST)].join(", "),
            if several.len() > MOST { ", …" } else { "" }
        ),
    }
}
