//! Credentials: their sources and origins, as pure data.
//!
//! The caller that configures a client chooses the source. Tokens and temporary keys are kept in `credentials/cache.rs`
//! for the lifetime of the process.

mod cache;
mod expiring_cache;
mod lockout_guard;
mod resolved;

use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};

pub(super) use self::{
    cache::{CredentialsCache, CredentialsScope, TokenScope, shared},
    expiring_cache::Cached,
    lockout_guard::{is_key_rejected, is_password_rejected},
    resolved::{AuthScheme, ResolvedCredentials, renewal},
};
use super::config_error::{ConfigError, check_header_text};

/// Credentials with their origin.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// The credentials themselves.
    pub source: CredentialsSource,
    /// Where they come from, as the end of a sentence: "the provider's configuration".
    pub origin: String,
    /// The agency to assume.
    pub agency: Option<Agency>,
}

/// A source of credentials. No secret in it is ever printed.
#[derive(Debug, Clone)]
pub enum CredentialsSource {
    /// An access key, which signs every request.
    Key(AccessKey),
    /// An IAM token; it cannot be renewed here.
    Token(SecretString),
    /// A password, exchanged for a token for each project.
    Password(PasswordCredentials),
    /// The temporary keys of this machine's metadata service.
    Metadata {
        /// The other searched sources, for the error message.
        searched: Vec<String>,
    },
}

/// An access key with its secret.
#[derive(Debug, Clone)]
pub struct AccessKey {
    /// Id of the key; sent in every request.
    pub id: String,
    /// Signs requests; never sent.
    pub secret: SecretString,
    /// Part of a temporary key; sent in every request.
    pub security_token: Option<SecretString>,
}

/// A user with a password.
#[derive(Debug, Clone)]
pub struct PasswordCredentials {
    /// A name requires the account.
    pub user: NameOrId,
    /// Sent to the identity service only.
    pub password: SecretString,
    /// The account that the user belongs to.
    pub domain: Option<NameOrId>,
}

/// An agency to assume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agency {
    /// The agency's name.
    pub name: String,
    /// The account that created it.
    pub domain: NameOrId,
    /// Lifetime of the assumed agency's keys, 15 minutes to a day. The service's default is 15 minutes.
    pub duration: Option<Duration>,
    /// Origin, as the end of a sentence.
    pub origin: String,
}

/// A user or an account, by name or id.
#[derive(Debug, Clone, PartialEq, Eq, derive_more::Display)]
pub enum NameOrId {
    /// Id.
    #[display("with the id {_0:?}")]
    Id(String),
    /// Name.
    #[display("{_0:?}")]
    Name(String),
}

impl Credentials {
    /// Credentials without an agency.
    pub fn new(source: CredentialsSource, origin: impl Into<String>) -> Self {
        Self { source, origin: origin.into(), agency: None }
    }

    /// Checks the texts; a copied line break would otherwise cause a signature error.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        match &self.source {
            CredentialsSource::Key(key) => key.check(),
            CredentialsSource::Token(token) => check_header_text("token", token.expose_secret()),
            CredentialsSource::Password(login) if login.password.expose_secret().is_empty() => {
                Err(ConfigError::Text { setting: "password", problem: "is empty" })
            }
            CredentialsSource::Password(_) | CredentialsSource::Metadata { .. } => Ok(()),
        }
    }

    /// Describes owner and origin, without the agency.
    pub(super) fn base(&self) -> String {
        let origin = &self.origin;
        match &self.source {
            CredentialsSource::Key(key) => format!("the access key {} from {origin}", key.abbreviated()),
            CredentialsSource::Token(_) => format!("the token from {origin}"),
            CredentialsSource::Password(login) => format!("the user {} from {origin}", login.user),
            CredentialsSource::Metadata { .. } => {
                "the temporary key of this machine's agency, from the ECS metadata service".to_owned()
            }
        }
    }

    /// Describes owner and origin, with the agency.
    pub(super) fn caller(&self) -> String {
        match &self.agency {
            None => self.base(),
            Some(Agency { name, origin, .. }) => {
                format!("the agency {name:?} from {origin}, assumed by {}", self.base())
            }
        }
    }
}

impl AccessKey {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        check_header_text("access_key", &self.id)?;
        check_header_text("secret_key", self.secret.expose_secret())?;
        self.security_token.as_ref().map_or(Ok(()), |token| check_header_text("security_token", token.expose_secret()))
    }

    /// The first characters of the id: harmless if id and secret were swapped.
    fn abbreviated(&self) -> String {
        format!("{}…", self.id.chars().take(4).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::{Client, Config};

    fn refusal(source: CredentialsSource) -> String {
        let config = Config { credentials: Some(Credentials::new(source, "this test")), ..Config::default() };
        Client::new(config).expect_err("the credentials are malformed").to_string()
    }

    fn key() -> AccessKey {
        AccessKey {
            id: "AKEXAMPLE".into(),
            secret: "canary-secret".into(),
            security_token: Some("canary-token".into()),
        }
    }

    fn login(user: NameOrId) -> CredentialsSource {
        CredentialsSource::Password(PasswordCredentials {
            user,
            password: "canary-password".into(),
            domain: Some(NameOrId::Name("acme".into())),
        })
    }

    #[test]
    fn malformed_credentials_are_rejected_unshown() {
        assert!(key().check().is_ok());
        let problem = "contains white space or a character that is not printable ASCII";
        let with = |change: fn(&mut AccessKey)| {
            let mut key = key();
            change(&mut key);
            refusal(CredentialsSource::Key(key))
        };
        assert_eq!(with(|key| key.id = "A K".into()), format!("access_key {problem}"));
        assert_eq!(with(|key| key.secret = "SK\n".into()), format!("secret_key {problem}"));
        assert_eq!(with(|key| key.security_token = Some("töken".into())), format!("security_token {problem}"));
        assert_eq!(with(|key| key.secret = "".into()), "secret_key is empty");
        assert_eq!(refusal(CredentialsSource::Token("MII\n".into())), format!("token {problem}"));
        let empty = PasswordCredentials { user: NameOrId::Name("me".into()), password: "".into(), domain: None };
        assert_eq!(refusal(CredentialsSource::Password(empty)), "password is empty");
    }

    #[test]
    fn caller_names_the_source_without_secrets() {
        let named = |source| Credentials::new(source, "the environment").caller();
        let forms = [
            (CredentialsSource::Key(key()), "the access key AKEX… from the environment"),
            (CredentialsSource::Token("canary-token".into()), "the token from the environment"),
            (login(NameOrId::Name("me".into())), "the user \"me\" from the environment"),
            (login(NameOrId::Id("0a1b".into())), "the user with the id \"0a1b\" from the environment"),
            (
                CredentialsSource::Metadata { searched: Vec::new() },
                "the temporary key of this machine's agency, from the ECS metadata service",
            ),
        ];
        for (source, words) in forms {
            let shown = format!("{source:?} {source:#?}");
            assert!(!shown.contains("canary"), "{shown}");
            assert_eq!(named(source), words);
        }
        let agency = Agency {
            name: "dli".into(),
            domain: NameOrId::Name("acme".into()),
            duration: None,
            origin: "the provider's configuration".into(),
        };
        let credentials =
            Credentials { agency: Some(agency), ..Credentials::new(CredentialsSource::Key(key()), "the environment") };
        assert_eq!(
            credentials.caller(),
            "the agency \"dli\" from the provider's configuration, assumed by the access key AKEX… from the environment"
        );
    }
}
