//! Generates the configuration of an imported object.

use std::collections::BTreeMap;

use super::Server;
use crate::framework::diagnostic::Diagnostics;
use crate::framework::schema::{Attribute, AttributeKind, Nesting, Presence};
use crate::framework::value::Value;

impl Server {
    /// Returns the configuration of a state: the state without computed attributes. Blocks have none.
    ///
    /// The configuration of a null state is null.
    pub fn generate_config(&self, type_name: &str, mut state: Value) -> Result<Value, Diagnostics> {
        let registered = self.resources.get(type_name)?;
        keep_configured(&registered.schema.body.attributes, &mut state);
        registered.implementation.omit_defaults(&mut state);
        Ok(state)
    }
}

fn keep_configured(attributes: &[Attribute], object: &mut Value) {
    let Some(entries) = object.as_map_mut() else { return };
    for attribute in attributes {
        let Some(value) = entries.get_mut(attribute.name) else { continue };
        match (&attribute.kind, value) {
            (_, value) if attribute.presence == Presence::Computed => *value = Value::Null,
            (AttributeKind::Nested(Nesting::Single, nested), value) => keep_configured(nested, value),
            (AttributeKind::Nested(_, nested), Value::List(many)) => {
                for one in many {
                    keep_configured(nested, one);
                }
            }
            (AttributeKind::Nested(_, nested), many @ Value::Map(_)) => {
                for one in many.as_map_mut().into_iter().flat_map(BTreeMap::values_mut) {
                    keep_configured(nested, one);
                }
            }
            // Sets have no computed nested attributes.
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn computed_attributes_are_removed_at_any_depth() {
        let row = || vec![Attribute::string("key").required(), Attribute::string("made").computed()];
        let attributes = [
            Attribute::string("name").required(),
            Attribute::string("mode").default("auto"),
            Attribute::string("note"),
            Attribute::string("id").computed(),
            Attribute::nested("all", Nesting::Map, row()).computed(),
            Attribute::nested("one", Nesting::Single, row()),
            Attribute::nested("list", Nesting::List, row()),
            Attribute::nested("map", Nesting::Map, row()),
            Attribute::nested("none", Nesting::Map, row()),
        ];
        let object = |made: Value, id: Value, all: Value| {
            let row = Value::map([("key", "k".into()), ("made", made)]);
            Value::map([
                ("name", "a".into()),
                ("mode", "auto".into()),
                ("note", Value::Null),
                ("id", id),
                ("all", all),
                ("one", row.clone()),
                ("list", Value::List(vec![row.clone(), Value::Null])),
                ("map", Value::map([("k", row)])),
                ("none", Value::Null),
                ("timeouts", Value::Null),
            ])
        };
        let mut state = object("m".into(), "1".into(), Value::map([("k", Value::map([("key", "k".into())]))]));
        keep_configured(&attributes, &mut state);
        assert_eq!(state, object(Value::Null, Value::Null, Value::Null));
    }
}
