//! The caller of a request, as the request log shows it.

use std::fmt;

/// The user or agency of a caller.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Identity {
    User(String),
    Agency(String),
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(name) => write!(f, "user {name}"),
            Self::Agency(name) => write!(f, "agency {name}"),
        }
    }
}

/// The credential of a request and its identity, without secrets. Displayed such as `token of user terraform`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The kind of credential.
    pub credential: Credential,
    /// The user or agency.
    pub identity: Identity,
}

/// The kind of credential of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A signature with this permanent access key.
    AccessKey(String),
    /// A signature with this temporary access key and its security token.
    TemporaryKey(String),
    /// A token.
    Token,
    /// A password in a token request.
    Password,
}

impl fmt::Display for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.credential {
            Credential::AccessKey(key) => write!(f, "access key {key} of {}", self.identity),
            Credential::TemporaryKey(key) => write!(f, "temporary key {key} of {}", self.identity),
            Credential::Token => write!(f, "token of {}", self.identity),
            Credential::Password => write!(f, "password of {}", self.identity),
        }
    }
}
