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
    /// List queues.
    ListQueues,
    /// List the tags of a connection.
    ListTags,
    /// Add or overwrite tags of a connection.
    CreateTags,
    /// Remove tags of a connection.
    DeleteTags,
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
            Self::ListQueues => "ListQueues",
            Self::ListTags => "ShowResourceTags",
            Self::CreateTags => "BatchCreateResourceTags",
            Self::DeleteTags => "BatchDeleteResourceTags",
        }
    }

    /// Whether it changes anything.
    #[must_use]
    pub fn is_write(self) -> bool {
        self.method() != Method::GET
    }

    pub(super) fn method(self) -> Method {
        match self {
            Self::ListConnections | Self::ShowConnection | Self::ListQueues | Self::ListTags => Method::GET,
            Self::CreateConnection | Self::Bind | Self::Unbind | Self::CreateTags | Self::DeleteTags => Method::POST,
            Self::ReplaceHosts => Method::PUT,
            Self::DeleteConnection => Method::DELETE,
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
