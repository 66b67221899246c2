//! The caller of a request, as the request log shows it.

use derive_more::Display;

/// The user or agency of a caller.
#[derive(Debug, Display, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Identity {
    #[display("user {_0}")]
    User(String),
    #[display("agency {_0}")]
    Agency(String),
}

/// The credential of a request and its identity, without secrets. Displayed such as `token of user terraform`.
#[derive(Debug, Display, Clone, PartialEq, Eq)]
#[display("{credential} of {identity}")]
pub struct Caller {
    /// The kind of credential.
    pub credential: Credential,
    /// The user or agency.
    pub identity: Identity,
}

/// The kind of credential of a request.
#[derive(Debug, Display, Clone, PartialEq, Eq)]
pub enum Credential {
    /// A signature with this permanent access key.
    #[display("access key {_0}")]
    AccessKey(String),
    /// A signature with this temporary access key and its security token.
    #[display("temporary key {_0}")]
    TemporaryKey(String),
    /// A token.
    #[display("token")]
    Token,
    /// A password in a token request.
    #[display("password")]
    Password,
}
