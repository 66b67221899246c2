//! Moves a `huaweicloud_dli_datasource_connection_associate` to a `dli_enhanced_connection_binding`.
//!
//! The source binds all elastic resource pools of a connection, the target one. A `moved` block has one target, so only
//! a source with one pool can be moved.

use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::resource::MoveSources;
use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::provider::shared::moved;

pub(super) fn sources() -> MoveSources {
    let attributes = [
        ("id", Type::String),
        ("region", Type::String),
        ("connection_id", Type::String),
        ("elastic_resource_pools", Type::list(Type::String)),
    ];
    moved::sources("dli_datasource_connection_associate", attributes)
}

/// The only pool of the source.
pub(super) fn pool(source: &Value) -> Result<String, Diagnostics> {
    let pools: Vec<_> = moved::texts(source, "elastic_resource_pools").collect();
    if let [pool] = pools[..] {
        return Ok(pool.to_owned());
    }
    let id = source.get("connection_id").as_str().unwrap_or_default();
    let count = if pools.is_empty() { "no elastic resource pool" } else { "several elastic resource pools" };
    let names = if pools.is_empty() { String::new() } else { format!(": {}", pools.join(", ")) };
    let text = format!(
        "The resource that binds pools to the connection {id} binds {count}{names}. A \
         dli_enhanced_connection_binding binds one, and a moved block has one target. Nothing was moved.\n\nReplace \
         the moved block with a removed block that has destroy = false. Then declare the pools as \
         elastic_resource_pools of the dli_enhanced_connection. Or declare one dli_enhanced_connection_binding for each \
         pool, each with an import block whose id is {id}/elastic_resource_pool/NAME."
    );
    Err(Diagnostic::error("Not Exactly One Pool", text).into())
}
