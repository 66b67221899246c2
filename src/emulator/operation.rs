//! The operations of DLI, VPC, DNS, EPS, IAM and the metadata service that the emulator serves.

use clap::ValueEnum;
use serde_json::Value;

use crate::dli::operation::Operation as DliOperation;

/// An operation of one of the services.
#[derive(Debug, Clone, Copy)]
pub(super) enum Operation {
    /// An operation of DLI or VPC.
    Dli(DliOperation),
    Account(AccountOperation),
    Iam(IamOperation),
    Metadata(MetadataOperation),
}

impl Operation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Dli(operation) => operation.name(),
            Self::Account(operation) => operation.name(),
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

    /// Method and path. Two operations share a path.
    fn route(self) -> (&'static str, &'static str) {
        match self {
            Self::TokenByPassword | Self::AgencyToken => ("POST", "/v3/auth/tokens"),
            Self::Projects => ("GET", "/v3/projects"),
            Self::Domains => ("GET", "/v3/auth/domains"),
            Self::KeyByToken | Self::KeyByAgency => ("POST", "/v3.0/OS-CREDENTIAL/securitytokens"),
        }
    }

    /// Finds the operation. For two paths the body decides which one it is.
    pub(super) fn find(method: &str, path: &str, body: &[u8]) -> Option<Self> {
        let assumes_agency = || {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            body.pointer("/auth/identity/methods/0").is_some_and(|method| method == "assume_role")
        };
        let found = Self::value_variants().iter().copied().find(|operation| operation.route() == (method, path))?;
        Some(match found {
            Self::TokenByPassword if assumes_agency() => Self::AgencyToken,
            Self::KeyByToken if assumes_agency() => Self::KeyByAgency,
            found => found,
        })
    }
}

/// An operation of DNS or of the enterprise project service (EPS), named as in the SDKs. Its path has no project ID.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum AccountOperation {
    ListNameServers,
    MigrateResource,
    /// List the resources of an enterprise project.
    ListResources,
}

impl AccountOperation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::ListNameServers => "ListNameServers",
            Self::MigrateResource => "MigrateResource",
            Self::ListResources => "ShowResourceBindEnterpriseProject",
        }
    }

    fn service(self) -> &'static str {
        match self {
            Self::ListNameServers => "DNS",
            Self::MigrateResource | Self::ListResources => "EPS",
        }
    }

    /// Method and path template.
    pub(super) fn route(self) -> (&'static str, &'static str) {
        match self {
            Self::ListNameServers => ("GET", "/v2/nameservers"),
            Self::MigrateResource => ("POST", "/v1.0/enterprise-projects/{enterprise_project_id}/resources-migrate"),
            Self::ListResources => ("POST", "/v1.0/enterprise-projects/{enterprise_project_id}/resources/filter"),
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

    fn route(self) -> (&'static str, &'static str) {
        match self {
            Self::Token => ("PUT", "/meta-data/latest/api/token"),
            Self::SecurityKey => ("GET", "/openstack/latest/securitykey"),
        }
    }

    /// Finds the operation. A token request with another method gets an error of the operation.
    pub(super) fn find(method: &str, path: &str) -> Option<Self> {
        let is_route = |operation: &Self| {
            let (expected, route) = operation.route();
            route == path && (expected == method || matches!(operation, Self::Token))
        };
        Self::value_variants().iter().copied().find(is_route)
    }
}

/// The operations of DLI and VPC.
pub(super) fn project_operations() -> impl Iterator<Item = DliOperation> {
    let all = DliOperation::value_variants().iter().copied();
    all.filter(|operation| !operation.is_identity() && !operation.is_metadata())
}

/// Names of the DLI operations in the SDKs and audit logs.
pub fn operations() -> impl Iterator<Item = &'static str> {
    project_operations().filter(|operation| !operation.is_vpc()).map(DliOperation::name)
}

/// Names of the VPC operations. Those of v3 end in `V3`.
pub fn vpc_operations() -> impl Iterator<Item = &'static str> {
    project_operations().filter(|operation| operation.is_vpc()).map(DliOperation::name)
}

/// Names of the operations of DNS and EPS in the SDKs.
pub fn account_operations() -> impl Iterator<Item = &'static str> {
    AccountOperation::value_variants().iter().map(|operation| operation.name())
}

/// Names of the IAM operations in the SDKs.
pub fn iam_operations() -> impl Iterator<Item = &'static str> {
    IamOperation::value_variants().iter().map(|operation| operation.name())
}

/// An operation that the emulator serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServedOperation {
    /// `DLI`, `VPC`, `DNS`, `EPS`, `IAM` or `ECS metadata`.
    pub service: &'static str,
    /// Name in the SDKs.
    pub name: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Path template, such as `/v1.0/{project_id}/queues/{queue_name}`.
    pub path: &'static str,
}

/// All operations that the emulator serves. All other paths return HTTP 404 `APIGW.0101`.
pub fn served_operations() -> impl Iterator<Item = ServedOperation> {
    let operation = |service, name, (method, path)| ServedOperation { service, name, method, path };
    let of_projects = project_operations().map(move |of_project| {
        let service = if of_project.is_vpc() { "VPC" } else { "DLI" };
        operation(service, of_project.name(), (of_project.method(), of_project.path_template()))
    });
    let account = AccountOperation::value_variants().iter();
    let iam = IamOperation::value_variants().iter();
    let metadata = MetadataOperation::value_variants().iter();
    of_projects
        .chain(account.map(move |account| operation(account.service(), account.name(), account.route())))
        .chain(iam.map(move |iam| operation("IAM", iam.name(), iam.route())))
        .chain(metadata.map(move |metadata| operation("ECS metadata", metadata.name(), metadata.route())))
}

/// Whether the responses of an operation contain tokens or keys.
pub(super) fn returns_secrets(name: &str) -> bool {
    let metadata = MetadataOperation::value_variants().iter().map(|operation| operation.name());
    iam_operations().chain(metadata).any(|known| known == name)
}

pub(super) fn all_operations() -> impl Iterator<Item = &'static str> {
    let metadata = MetadataOperation::value_variants().iter().map(|operation| operation.name());
    operations().chain(vpc_operations()).chain(account_operations()).chain(iam_operations()).chain(metadata)
}
