//! Reading state that an older version of the provider wrote.

use super::Server;
use crate::framework::{
    diagnostic::{Diagnostic, Diagnostics},
    types::Type,
    value::Value,
};

impl Server {
    /// The type under which state of this schema version is to be read.
    pub fn state_type(&self, type_name: &str, version: i64) -> Result<Type, Diagnostics> {
        let registered = self.registered(type_name)?;
        let current = registered.schema.version;
        if version == current {
            return Ok(registered.schema.ty());
        }
        registered.implementation.prior_schema_type(version).filter(|_| version < current).ok_or_else(|| {
            Diagnostic::error(
                "State of an Unknown Version",
                format!(
                    "The state holds a {type_name} of schema version {version}; this version of the provider knows \
                     versions up to {current}. It was probably written by a newer version of the provider. Use that \
                     version (or a later one); the state was not touched."
                ),
            )
            .into()
        })
    }

    /// Turns a value of [`Server::state_type`] into one of the current schema.
    pub fn upgrade_state(&self, type_name: &str, version: i64, state: Value) -> Result<Value, Diagnostics> {
        let registered = self.registered(type_name)?;
        if version == registered.schema.version {
            Ok(state)
        } else {
            registered.implementation.upgrade_state(version, state)
        }
    }
}
