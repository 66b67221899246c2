//! Upgrades states of older schema versions.
//!
//! Version 0, of release 0.1, has no pools, routes, region, project, `ipv6_enable` and `tags_all`. They are null after
//! the upgrade, and a refresh reads them. Only `tags_all` is set here: a plan computes it from the configuration alone,
//! so null would show as a change.

use crate::framework::value::Value;

/// Upgrades a state of version 0, which managed exactly its declared tags.
pub(super) fn from_version_0(mut state: Value) -> Value {
    if state.get("tags_all").is_null() {
        let managed = match state.get("tags") {
            Value::Null => Value::map::<&str>([]),
            tags => tags.clone(),
        };
        state.set_attribute("tags_all", managed);
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn declared_tags_become_tags_all() {
        let tags = Value::map([("a", Value::from("1"))]);
        let state = |tags: Value, all: Value| Value::map([("tags", tags), ("tags_all", all)]);
        assert_eq!(from_version_0(state(tags.clone(), Value::Null)), state(tags.clone(), tags.clone()));
        assert_eq!(from_version_0(state(Value::Null, Value::Null)), state(Value::Null, Value::map::<&str>([])));
        assert_eq!(from_version_0(state(Value::Null, tags.clone())), state(Value::Null, tags));
    }
}
