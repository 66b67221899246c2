//! State of older schema versions. What such a state lacks is null when it comes here, and a refresh fills it in.
//!
//! Version 0 is that of 0.1: no pools, routes, region, project, `ipv6_enable`, and no `tags_all`. The last has to be filled
//! in here, for a plan decides it from the configuration alone: null would be a change that nobody has made.

use crate::framework::value::Value;

/// A state of version 0 as one of today. It owned the tags that it declares, and no others.
pub(super) fn from_0(mut state: Value) -> Value {
    if state.get("tags_all").is_null() {
        let owned = match state.get("tags") {
            Value::Null => Value::map::<&str>([]),
            tags => tags.clone(),
        };
        state.set_attribute("tags_all", owned);
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_declared_was_owned() {
        let tags = Value::map([("a", Value::from("1"))]);
        let state = |tags: Value, all: Value| Value::map([("tags", tags), ("tags_all", all)]);
        assert_eq!(from_0(state(tags.clone(), Value::Null)), state(tags.clone(), tags.clone()));
        assert_eq!(from_0(state(Value::Null, Value::Null)), state(Value::Null, Value::map::<&str>([])));
        assert_eq!(from_0(state(Value::Null, tags.clone())), state(Value::Null, tags));
    }
}
