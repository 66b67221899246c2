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

    /// The IAM action that a policy must allow, if documented. The one for deletion is inferred.
    #[must_use]
    pub fn action(self) -> Option<&'static str> {
        match self {
            Self::CreateConnection => Some("dli:edsconnection:create"),
            Self::ListConnections => Some("dli:edsconnection:list"),
            Self::ShowConnection => Some("dli:edsconnection:get"),
            Self::DeleteConnection => Some("dli:edsconnection:delete"),
            Self::Bind => Some("dli:edsconnection:bindQueue"),
            Self::CreateRoute => Some("dli:edsconnection:createRoute"),
            Self::DeleteRoute => Some("dli:edsconnection:deleteRoute"),
            Self::ListPrivileges => Some("dli::listAuth"),
            Self::Authorize => Some("dli::operateAuth"),
            _ => None,
        }
    }

    /// Whether it changes anything. Creating a token does not count.
    #[must_use]
    pub fn is_write(self) -> bool {
        self.method() != Method::GET && !self.tells_secrets()
    }

    /// Whether its response holds secrets.
    pub(super) fn tells_secrets(self) -> bool {
        matches!(self, Self::CreateToken | Self::AssumeAgency) || self.is_metadata()
    }

    /// Whether it calls this machine's metadata service.
    pub(super) fn is_metadata(self) -> bool {
        matches!(self, Self::MetadataSession | Self::MetadataKey)
    }

    /// Whether it is idempotent: reads, full replacements, and deletion of a connection.
    ///
    /// A grant and the removal of a route are verified first: another route may have the name by then.
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
