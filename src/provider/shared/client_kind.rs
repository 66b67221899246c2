//! The client that runs the provider, as far as its behavior matters.

/// A client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum ClientKind {
    /// Terraform, OpenTofu, and clients that behave like them.
    #[default]
    Terraform,
    /// Pulumi. It records nothing about a failed create, and replaces an object by creating the new one first.
    Pulumi,
}

impl ClientKind {
    /// Recognizes the client by the version that it reports.
    pub(crate) fn from_version(version: &str) -> Self {
        if version.contains("pulumi") { Self::Pulumi } else { Self::Terraform }
    }

    /// Whether the state keeps an object whose create failed.
    pub(crate) fn keeps_failed_creates(self) -> bool {
        self == Self::Terraform
    }

    /// The command that imports an object.
    pub(crate) fn import(self, id: &str) -> String {
        match self {
            Self::Terraform => format!("terraform import ADDRESS {id}"),
            Self::Pulumi => format!("pulumi import TYPE NAME {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_is_recognized_by_its_version() {
        assert_eq!(ClientKind::from_version("1.11.4"), ClientKind::Terraform);
        assert_eq!(ClientKind::from_version("1.5.7+pulumi-terraform-bridge"), ClientKind::Pulumi);
    }
}
