//! Resource identity: the attributes that name an object for its whole life.
//!
//! Terraform 1.12 and later stores an identity beside the state and imports by it. The schema of an identity is a
//! [`Schema`] of primitive attributes. A required attribute must be set for an import, an optional one may be set. Each
//! has the name of an attribute of the state, which supplies its value. Attributes with semantic equality keep their
//! first spelling.

use super::plan::keep_equivalent;
use super::schema::{Presence, Schema};
use super::types::Type;
use super::value::Value;

/// The identity schema of a resource type, with the type of its values.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) schema: Schema,
    pub(super) ty: Type,
}

impl Identity {
    pub(super) fn new(schema: Schema) -> Self {
        Self { ty: schema.ty(), schema }
    }

    /// Returns the identity of a state; null if the state is null or a required attribute is.
    pub(super) fn of_state(&self, state: &Value) -> Value {
        let mut attributes = self.schema.body.attributes.iter();
        let is_missing = |name| state.get(name).is_null();
        if attributes.any(|attribute| attribute.presence == Presence::Required && is_missing(attribute.name)) {
            return Value::Null;
        }
        let attributes = self.schema.body.attributes.iter();
        Value::map(attributes.map(|attribute| (attribute.name, state.get(attribute.name).clone())))
    }

    /// Returns the identity of a new state: with the values of the prior identity where the new ones mean the same or
    /// are null. The error is the name of an attribute that has changed.
    ///
    /// An attribute that was null or unknown may get a value.
    pub(super) fn of_new_state(&self, prior: &Value, state: &Value) -> Result<Value, &'static str> {
        let mut identity = self.of_state(state);
        if identity.is_null() {
            return Ok(identity);
        }
        for attribute in &self.schema.body.attributes {
            let was = prior.get(attribute.name);
            if was.is_null() || was.is_unknown() {
                continue;
            }
            keep_equivalent(attribute, prior, &mut identity);
            match identity.get(attribute.name) {
                Value::Null => identity.set_attribute(attribute.name, was.clone()),
                new if new != was => return Err(attribute.name),
                _ => {}
            }
        }
        Ok(identity)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::{
        schema::{Attribute, BlockBody},
        value::UNKNOWN,
    };

    fn identity() -> Identity {
        let same = |a: &Value, b: &Value| a.as_str().zip(b.as_str()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b));
        let attributes = vec![Attribute::string("id").required().semantic_equality(same), Attribute::string("region")];
        Identity::new(Schema { body: BlockBody { attributes, ..BlockBody::default() }, ..Schema::default() })
    }

    fn object(id: impl Into<Value>, region: impl Into<Value>) -> Value {
        Value::map([("id", id.into()), ("region", region.into())])
    }

    #[test]
    fn identity_has_the_values_of_the_state() {
        let state = Value::map([("id", "1".into()), ("region", Value::Null), ("name", "a".into())]);
        assert_eq!(identity().of_state(&state), object("1", Value::Null));
        assert_eq!(identity().of_state(&object(UNKNOWN, "r")), object(UNKNOWN, "r"));
        assert_eq!(identity().of_state(&object(Value::Null, "r")), Value::Null);
        assert_eq!(identity().of_state(&Value::Null), Value::Null);
    }

    #[test]
    fn known_attributes_never_change() {
        let new = |prior: Value, state: Value| identity().of_new_state(&prior, &state);
        assert_eq!(new(Value::Null, object("1", "r")), Ok(object("1", "r")));
        assert_eq!(new(object("a", "r"), object("A", "r")), Ok(object("a", "r")), "the first spelling stays");
        assert_eq!(new(object("a", Value::Null), object("a", "r")), Ok(object("a", "r")));
        assert_eq!(new(object(UNKNOWN, UNKNOWN), object("a", Value::Null)), Ok(object("a", Value::Null)));
        assert_eq!(new(object("a", "r"), object("a", Value::Null)), Ok(object("a", "r")), "no value is lost");
        assert_eq!(new(object("a", "r"), object("b", "r")), Err("id"));
        assert_eq!(new(object("a", "r"), object("a", "R")), Err("region"));
        assert_eq!(new(object("a", "r"), Value::Null), Ok(Value::Null));
    }
}
