//! The operations of DLI, IAM and the metadata service that the emulator serves.

use clap::ValueEnum;
use serde_json::Value;

use crate::dli::operation::Operation as DliOperation;

/// An operation of one of the three services.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    Dli(DliOperation),
    Iam(IamOperation),
    Metadata(MetadataOperation),
}

impl Operation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Dli(operation) => operation.name(),
            Self::Iam(operation) => operation.name(),
            Self::Metadata(operation) => operation.name(),
        }
    }
}

/// An operation of IAM, named as in the SDKs.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum IamOperation {
    TokenByPassword,
    AgencyToken,
    Projects,
    Domains,
    KeyByToken,
    KeyByAgency,
}

impl IamOperation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::TokenByPassword => "KeystoneCreateUserTokenByPassword",
            Self::AgencyToken => "KeystoneCreateAgencyToken",
            Self::Projects => "KeystoneListProjects",
            Self::Domains => "KeystoneListAuthDomains",
            Self::KeyByToken => "CreateTemporaryAccessKeyByToken",
            Self::KeyByAgency => "CreateTemporaryAccessKeyByAgency",
        }
    }

    /// Finds the operation. For two paths the body decides which one it is.
    pub(super) fn find(method: &str, path: &str, body: &[u8]) -> Option<Self> {
        let assumes_agency = || {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            body.pointer("/auth/identity/methods/0").is_some_and(|method| method == "assume_role")
        };
        match (method, path) {
            ("POST", "/v3/auth/tokens") if assumes_agency() => Some(Self::AgencyToken),
            ("POST", "/v3/auth/tokens") => Some(Self::TokenByPassword),
            ("GET", "/v3/projects") => Some(Self::Projects),
            ("GET", "/v3/auth/domains") => Some(Self::Domains),
            ("POST", "/v3.0/OS-CREDENTIAL/securitytokens") if assumes_agency() => Some(Self::KeyByAgency),
            ("POST", "/v3.0/OS-CREDENTIAL/securitytokens") => Some(Self::KeyByToken),
            _ => None,
        }
    }
}

/// An operation of the metadata service. The SDKs define no names; these are the emulator's.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum MetadataOperation {
    Token,
    SecurityKey,
}

impl MetadataOperation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Token => "MetadataToken",
            Self::SecurityKey => "MetadataSecurityKey",
        }
    }

    pub(super) fn find(method: &str, path: &str) -> Option<Self> {
        match (method, path) {
            (_, "/meta-data/latest/api/token") => Some(Self::Token),
            ("GET", "/openstack/latest/securitykey") => Some(Self::SecurityKey),
            _ => None,
        }
    }
}

pub(super) fn dli_operations() -> impl Iterator<Item = DliOperation> {
    let all = DliOperation::value_variants().iter().copied();
    all.filter(|operation| !operation.is_identity() && !operation.is_metadata())
}

/// Names of the DLI operations in the SDKs and audit logs.
pub fn operations() -> impl Iterator<Item = &'static str> {
    dli_operations().map(DliOperation::name)
}

/// Names of the IAM operations in the SDKs.
pub fn iam_operations() -> impl Iterator<Item = &'static str> {
    IamOperation::value_variants().iter().map(|operation| operation.name())
}

pub(super) fn all_operations() -> impl Iterator<Item = &'static str> {
    let metadata = MetadataOperation::value_variants().iter().map(|operation| operation.name());
    operations().chain(iam_operations()).chain(metadata)
}
