//! The calls of the API, by the names that the service's own SDKs give them.

use std::fmt;

use http::Method;

/// One call of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Create a connection.
    CreateConnection,
    /// List connections.
    ListConnections,
    /// Show one connection.
    ShowConnection,
    /// Delete a connection.
    DeleteConnection,
    /// Replace the host records of a connection.
    ReplaceHosts,
    /// Bind queues or pools to a connection.
    Bind,
    /// Unbind queues or pools from a connection.
    Unbind,
    /// Add a route to a connection.
    CreateRoute,
    /// Remove a route of a connection.
    DeleteRoute,
    /// Show the projects that a connection is shared with.
    ListPrivileges,
    /// Grant and revoke.
    Authorize,
    /// List queues.
    ListQueues,
    /// List elastic resource pools.
    ListPools,
    /// List the tags of a connection.
    ListTags,
    /// Add or overwrite tags of a connection.
    CreateTags,
    /// Remove tags of a connection.
    DeleteTags,
    /// Identity service: a token for a password.
    CreateToken,
    /// Identity service: a temporary key by assuming an agency.
    AssumeAgency,
    /// Identity service: list projects.
    ListProjects,
    /// Metadata service of this machine: a session.
    MetadataSession,
    /// Metadata service of this machine: a temporary key of its agency.
    MetadataKey,
}

impl Operation {
    /// The service's name for it, as in its documents and audit logs.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CreateConnection => "CreateEnhancedConnection",
            Self::ListConnections => "ListEnhancedConnections",
            Self::ShowConnection => "ShowEnhancedConnection",
            Self::DeleteConnection => "DeleteEnhancedConnection",
            Self::ReplaceHosts => "UpdateEnhancedConnection",
            Self::Bind => "AssociateQueueToEnhancedConnection",
            Self::Unbind => "DisassociateQueueFromEnhancedConnection",
            Self::CreateRoute => "CreateRouteToEnhancedConnection",
            Self::DeleteRoute => "DeleteRouteFromEnhancedConnection",
            Self::ListPrivileges => "ShowEnhancedConnectionPrivilege",
            Self::Authorize => "RunAuthorizationAction",
            Self::ListQueues => "ListQueues",
            Self::ListPools => "ListElasticResourcePools",
            Self::ListTags => "ShowResourceTags",
            Self::CreateTags => "BatchCreateResourceTags",
            Self::DeleteTags => "BatchDeleteResourceTags",
            Self::CreateToken => "KeystoneCreateUserTokenByPassword",
            Self::AssumeAgency => "CreateTemporaryAccessKeyByAgency",
            Self::ListProjects => "KeystoneListProjects",
            Self::MetadataSession => "ECS metadata (token)",
            Self::MetadataKey => "ECS metadata (securitykey)",
        }
    }

    /// Whether it changes anything. A token that nobody has got is nothing that is left behind.
    #[must_use]
    pub fn is_write(self) -> bool {
        self.method() != Method::GET && !self.tells_secrets()
    }

    /// Whether an answer holds what nobody may see, so that no part of it may be shown.
    pub(super) fn tells_secrets(self) -> bool {
        matches!(self, Self::CreateToken | Self::AssumeAgency) || self.is_metadata()
    }

    /// Whether this machine's metadata service is asked, which is not the cloud itself.
    pub(super) fn is_metadata(self) -> bool {
        matches!(self, Self::MetadataSession | Self::MetadataKey)
    }

    /// Whether doing it twice is the same as doing it once: reads, and what replaces or removes a whole.
    ///
    /// A grant is repeated only after a look, and so is the removal of a route: another one may have its name by then.
    pub(super) fn is_repeatable(self) -> bool {
        !self.is_write() || matches!(self, Self::ReplaceHosts | Self::DeleteConnection)
    }

    pub(super) fn method(self) -> Method {
        match self {
            Self::ListConnections
            | Self::ShowConnection
            | Self::ListPrivileges
            | Self::ListQueues
            | Self::ListPools
            | Self::ListTags
            | Self::ListProjects
            | Self::MetadataKey => Method::GET,
            Self::CreateConnection
            | Self::Bind
            | Self::Unbind
            | Self::CreateRoute
            | Self::CreateTags
            | Self::DeleteTags
            | Self::CreateToken
            | Self::AssumeAgency => Method::POST,
            Self::ReplaceHosts | Self::Authorize | Self::MetadataSession => Method::PUT,
            Self::DeleteConnection | Self::DeleteRoute => Method::DELETE,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
