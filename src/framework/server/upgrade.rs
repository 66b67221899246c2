//! Upgrades state of older schema versions.

use super::Server;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::types::Type;
use crate::framework::value::Value;

impl Server {
    /// Returns the type of state of a schema version.
    pub fn state_type(&self, type_name: &str, version: i64) -> Result<Type, Diagnostics> {
        let registered = self.resources.get(type_name)?;
        let current = registered.schema.version;
        if version == current {
            return Ok(registered.ty.clone());
        }
        registered.implementation.prior_schema_type(version).filter(|_| version < current).ok_or_else(|| {
            Diagnostic::error(
                "State of an Unknown Version",
                format!(
                    "The state holds a {type_name} of schema version {version}; this version of the provider knows \
                     versions up to {current}. It was probably written by a newer version of the provider. Use that \
                     version (or a later one); the state was not changed."
                ),
            )
            .into()
        })
    }

    /// Upgrades a value of [`Server::state_type`] to the current schema.
    pub fn upgrade_state(&self, type_name: &str, version: i64, state: Value) -> Result<Value, Diagnostics> {
        let registered = self.resources.get(type_name)?;
        if version == registered.schema.version {
            Ok(state)
        } else {
            registered.implementation.upgrade_state(version, state)
        }
    }
}
