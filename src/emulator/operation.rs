//! The operations that the emulator serves: those of the operation table.

use clap::ValueEnum;
use serde::Serialize;

use crate::dli::operation::Operation;

/// An operation that the emulator serves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ServedOperation {
    /// `DLI`, `VPC`, `DNS`, `EPS`, `IAM` or `ECS metadata`.
    pub service: &'static str,
    /// Name in the SDKs and audit logs.
    pub name: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Path template, such as `/v1.0/{project_id}/queues/{queue_name}`.
    pub path: &'static str,
}

/// All operations that the emulator serves. All other paths return HTTP 404 `APIGW.0101`.
pub fn served_operations() -> impl Iterator<Item = ServedOperation> {
    Operation::value_variants().iter().map(|operation| ServedOperation {
        service: operation.service(),
        name: name(*operation),
        method: operation.method(),
        path: operation.path_template(),
    })
}

/// Names of the operations of these services, such as `VPC`.
pub fn operations_of(services: &[&str]) -> impl Iterator<Item = &'static str> {
    served_operations().filter(|served| services.contains(&served.service)).map(|served| served.name)
}

/// Name of an operation. The SDKs define no names for the metadata service; these are the emulator's.
pub(super) fn name(operation: Operation) -> &'static str {
    match operation {
        Operation::MetadataSession => "MetadataToken",
        Operation::MetadataKey => "MetadataSecurityKey",
        other => other.name(),
    }
}

/// Whether an operation is one of IAM or the metadata service, whose responses contain tokens and keys.
pub(super) fn is_of_credentials(name: &str) -> bool {
    operations_of(&["IAM", "ECS metadata"]).any(|known| known == name)
}
