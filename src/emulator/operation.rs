//! The operations that the emulator serves: all of the operation table. Other paths return HTTP 404 `APIGW.0101`.

use clap::ValueEnum;

use crate::dli::operation::Operation;

/// Name of an operation. The SDKs define no names for the metadata service; these are the emulator's.
pub fn operation_name(operation: Operation) -> &'static str {
    match operation {
        Operation::MetadataSession => "MetadataToken",
        Operation::MetadataKey => "MetadataSecurityKey",
        other => other.name(),
    }
}

/// Names of the operations of these services, such as `VPC`.
pub fn operations_of(services: &[&str]) -> impl Iterator<Item = &'static str> {
    let all = Operation::value_variants().iter().copied();
    all.filter(|operation| services.contains(&operation.service())).map(operation_name)
}

/// Whether an operation is one of IAM or the metadata service, whose responses contain tokens and keys.
pub(super) fn is_of_credentials(name: &str) -> bool {
    operations_of(&["IAM", "ECS metadata"]).any(|known| known == name)
}
