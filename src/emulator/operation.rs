//! The operations of DLI, VPC, DNS, EPS, IAM and the metadata service that the emulator serves.

use clap::ValueEnum;
use serde::Serialize;
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
            Self::Account(operation) => operation.served().name,
            Self::Iam(operation) => operation.served().name,
            Self::Metadata(operation) => operation.served().name,
        }
    }
}

/// An operation that the emulator serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
    /// Two operations share a path.
    fn served(self) -> ServedOperation {
        const TOKENS: &str = "/v3/auth/tokens";
        const KEYS: &str = "/v3.0/OS-CREDENTIAL/securitytokens";
        let iam = |name, method, path| ServedOperation { service: "IAM", name, method, path };
        match self {
            Self::TokenByPassword => iam("KeystoneCreateUserTokenByPassword", "POST", TOKENS),
            Self::AgencyToken => iam("KeystoneCreateAgencyToken", "POST", TOKENS),
            Self::Projects => iam("KeystoneListProjects", "GET", "/v3/projects"),
            Self::Domains => iam("KeystoneListAuthDomains", "GET", "/v3/auth/domains"),
            Self::KeyByToken => iam("CreateTemporaryAccessKeyByToken", "POST", KEYS),
            Self::KeyByAgency => iam("CreateTemporaryAccessKeyByAgency", "POST", KEYS),
        }
    }

    /// Finds the operation. For two paths the body decides which one it is.
    pub(super) fn find(method: &str, path: &str, body: &[u8]) -> Option<Self> {
        let assumes_agency = || {
            let body: Value = serde_json::from_slice(body).unwrap_or_default();
            body.pointer("/auth/identity/methods/0").is_some_and(|method| method == "assume_role")
        };
        let is_route = |served: ServedOperation| (served.method, served.path) == (method, path);
        let found = Self::value_variants().iter().copied().find(|operation| is_route(operation.served()))?;
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
    pub(super) fn served(self) -> ServedOperation {
        let (service, name, method, path) = match self {
            Self::ListNameServers => ("DNS", "ListNameServers", "GET", "/v2/nameservers"),
            Self::MigrateResource => {
                let path = "/v1.0/enterprise-projects/{enterprise_project_id}/resources-migrate";
                ("EPS", "MigrateResource", "POST", path)
            }
            Self::ListResources => {
                let path = "/v1.0/enterprise-projects/{enterprise_project_id}/resources/filter";
                ("EPS", "ShowResourceBindEnterpriseProject", "POST", path)
            }
        };
        ServedOperation { service, name, method, path }
    }
}

/// An operation of the metadata service. The SDKs define no names; these are the emulator's.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum MetadataOperation {
    Token,
    SecurityKey,
}

impl MetadataOperation {
    fn served(self) -> ServedOperation {
        let (name, method, path) = match self {
            Self::Token => ("MetadataToken", "PUT", "/meta-data/latest/api/token"),
            Self::SecurityKey => ("MetadataSecurityKey", "GET", "/openstack/latest/securitykey"),
        };
        ServedOperation { service: "ECS metadata", name, method, path }
    }

    /// Finds the operation. A token request with another method gets an error of the operation.
    pub(super) fn find(method: &str, path: &str) -> Option<Self> {
        let is_route = |operation: &Self| {
            let served = operation.served();
            served.path == path && (served.method == method || matches!(operation, Self::Token))
        };
        Self::value_variants().iter().copied().find(is_route)
    }
}

/// The operations of DLI and VPC.
pub(super) fn project_operations() -> impl Iterator<Item = DliOperation> {
    let all = DliOperation::value_variants().iter().copied();
    all.filter(|operation| !operation.is_identity() && !operation.is_metadata())
}

/// All operations that the emulator serves. All other paths return HTTP 404 `APIGW.0101`.
pub fn served_operations() -> impl Iterator<Item = ServedOperation> {
    let of_projects = project_operations().map(|operation| ServedOperation {
        service: if operation.is_vpc() { "VPC" } else { "DLI" },
        name: operation.name(),
        method: operation.method(),
        path: operation.path_template(),
    });
    let account = AccountOperation::value_variants().iter().map(|operation| operation.served());
    let iam = IamOperation::value_variants().iter().map(|operation| operation.served());
    let metadata = MetadataOperation::value_variants().iter().map(|operation| operation.served());
    of_projects.chain(account).chain(iam).chain(metadata)
}

fn names_of(services: &'static [&'static str]) -> impl Iterator<Item = &'static str> {
    served_operations().filter(|served| services.contains(&served.service)).map(|served| served.name)
}

/// Names of the DLI operations in the SDKs and audit logs.
pub fn operations() -> impl Iterator<Item = &'static str> {
    names_of(&["DLI"])
}

/// Names of the VPC operations. Those of v3 end in `V3`.
pub fn vpc_operations() -> impl Iterator<Item = &'static str> {
    names_of(&["VPC"])
}

/// Names of the operations of DNS and EPS in the SDKs.
pub fn account_operations() -> impl Iterator<Item = &'static str> {
    names_of(&["DNS", "EPS"])
}

/// Names of the IAM operations in the SDKs.
pub fn iam_operations() -> impl Iterator<Item = &'static str> {
    names_of(&["IAM"])
}

/// Whether an operation is one of IAM or the metadata service, whose responses contain tokens and keys.
pub(super) fn is_of_credentials(name: &str) -> bool {
    names_of(&["IAM", "ECS metadata"]).any(|known| known == name)
}
