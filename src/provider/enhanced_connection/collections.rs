//! The collections of a connection.

use std::collections::BTreeSet;

use crate::framework::value::Value;

/// Collections that are managed only if they are set.
pub(super) const COLLECTIONS: [&str; 5] = ["elastic_resource_pools", "queues", "hosts", "routes", "tags"];

/// Whether a collection that was not managed is managed now.
pub(super) fn is_new(prior: &Value, planned: &Value, name: &str) -> bool {
    prior.get(name).is_null() && !planned.get(name).is_null()
}

/// The known names of a set or map; `None` if it is not declared.
pub(super) fn declared_names(value: &Value) -> Option<BTreeSet<String>> {
    match value {
        Value::Set(_) => Some(value.strings().map(str::to_owned).collect()),
        Value::Map(_) => {
            let present = value.entries().filter(|(_, value)| !value.is_null());
            Some(present.map(|(name, _)| name.clone()).collect())
        }
        _ => None,
    }
}
