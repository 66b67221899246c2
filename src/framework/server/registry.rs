//! The resource types, data sources, list resources and actions of a provider, with their schemas.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::schema::Schema;
use crate::framework::types::Type;
use crate::framework::validate::validate;
use crate::framework::value::Value;

/// All implementations of one trait by type name.
#[derive(derive_more::Debug)]
#[debug("{:?}", types.keys())]
pub struct Registry<T: ?Sized> {
    /// What the types are, for errors.
    kind: &'static str,
    types: BTreeMap<&'static str, Registered<T>>,
}

/// An implementation with its schema and type, which are built once.
pub(super) struct Registered<T: ?Sized> {
    pub(super) implementation: Arc<T>,
    pub(super) schema: Schema,
    pub(super) ty: Type,
}

impl<T: ?Sized> Registry<T> {
    /// `describe` returns type name and schema.
    pub(super) fn new(kind: &'static str, all: Vec<Arc<T>>, describe: fn(&T) -> (&'static str, Schema)) -> Self {
        let registered = |implementation: Arc<T>| {
            let (name, schema) = describe(&implementation);
            (name, Registered { implementation, ty: schema.ty(), schema })
        };
        Self { kind, types: all.into_iter().map(registered).collect() }
    }

    /// Returns all schemas by type name.
    pub fn schemas(&self) -> impl Iterator<Item = (&'static str, &Schema)> {
        self.types.iter().map(|(name, registered)| (*name, &registered.schema))
    }

    /// Returns the schema of a type.
    pub fn schema(&self, type_name: &str) -> Result<&Schema, Diagnostics> {
        self.get(type_name).map(|registered| &registered.schema)
    }

    /// Returns the type of the values.
    pub fn ty(&self, type_name: &str) -> Result<&Type, Diagnostics> {
        self.get(type_name).map(|registered| &registered.ty)
    }

    /// Validates a configuration, offline.
    pub fn validate(&self, type_name: &str, config: &Value) -> Diagnostics {
        self.schema(type_name).map_or_else(|unknown| unknown, |schema| validate(schema, config))
    }

    /// Looks up a type by name. Core requests only types of the schema.
    pub(super) fn get(&self, type_name: &str) -> Result<&Registered<T>, Diagnostics> {
        self.types.get(type_name).ok_or_else(|| not_in_provider(self.kind, type_name))
    }
}

/// Returns the error for a type that this provider does not have.
pub fn not_in_provider(kind: &str, name: &str) -> Diagnostics {
    Diagnostic::error("Not in This Provider", format!("This provider has no {kind} {name:?}.")).into()
}
