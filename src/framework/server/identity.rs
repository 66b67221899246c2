//! Serves resource identities: their schemas, upgrades, and a check that an identity never changes.

use super::Server;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::schema::Schema;
use crate::framework::types::Type;
use crate::framework::value::Value;

impl Server {
    /// Returns the identity schemas by resource type.
    pub fn identity_schemas(&self) -> impl Iterator<Item = (&'static str, &Schema)> {
        self.identities.iter().map(|(name, identity)| (*name, &identity.schema))
    }

    /// Returns the type of the identities of a resource type; `None` if it has none.
    pub fn identity_type(&self, type_name: &str) -> Option<&Type> {
        self.identities.get(type_name).map(|identity| &identity.ty)
    }

    /// Returns the type of an identity of a schema version, which must be the current one: no other was ever written.
    pub fn stored_identity_type(&self, type_name: &str, version: i64) -> Result<&Type, Diagnostics> {
        let unknown = || super::not_in_provider("resource identity of type", type_name);
        let identity = self.identities.get(type_name).ok_or_else(unknown)?;
        let current = identity.schema.version;
        if version == current {
            return Ok(&identity.ty);
        }
        let text = format!(
            "The state holds the identity of a {type_name} with the schema version {version}; this version of the \
             provider supports version {current}. It was probably written by a newer version of the provider. Use that \
             version or a later one. The state was not changed."
        );
        Err(Diagnostic::error("Identity of an Unknown Version", text).into())
    }

    /// Returns the identity of a state; null if the resource type or the state has none.
    pub(super) fn identity_of(&self, type_name: &str, state: &Value) -> Value {
        self.identities.get(type_name).map(|identity| identity.of_state(state)).unwrap_or_default()
    }

    /// Returns the identity of a new state, and fails if it differs from the prior identity.
    pub(super) fn next_identity(&self, type_name: &str, prior: &Value, state: &Value) -> Result<Value, Diagnostic> {
        let Some(identity) = self.identities.get(type_name) else { return Ok(Value::Null) };
        identity.of_new_state(prior, state).map_err(|name| {
            let text = |value: &Value| value.as_str().map_or_else(|| "unknown".to_owned(), |text| format!("{text:?}"));
            let detail = format!(
                "The identity of this {type_name} has {name} = {}, but the attribute is {}. An identity never \
                 changes, so the state was damaged or edited by hand.\n\nRestore the state from a \
                 backup (terraform.tfstate.backup), or remove the resource from it and import it again: terraform \
                 state rm ADDRESS, then terraform import ADDRESS ID.",
                text(prior.get(name)),
                text(state.get(name))
            );
            Diagnostic::error("Identity Changed", detail)
        })
    }
}
