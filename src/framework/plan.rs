//! The planning algorithm. Its plans satisfy the rules of Terraform core for valid plans.
//!
//! Core proposes a state: the configuration with prior values of computed attributes. Planning then
//!
//! 1. applies defaults to attributes that are not configured;
//! 2. restores prior values that are semantically equal to the new ones;
//! 3. marks computed attributes as unknown if anything differs from the prior state;
//! 4. runs the plan modifiers of configured attributes, then those of computed ones.
//!
//! Without a difference the plan equals the prior state. Planning depends only on its arguments, because core plans
//! again during apply and requires the same result.

use std::borrow::Cow;

use super::path::Path;
use super::plan_modifier::Change;
use super::schema::{Attribute, AttributeKind, Nesting, Presence, Schema};
use super::value::{UNKNOWN, Value};

/// A planned state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The planned value; null on destroy.
    pub planned: Value,
    /// Attributes whose change replaces it, sorted.
    pub replace: Vec<Path>,
}

/// Plans one object. `prior` is null on create, `proposed` and `config` are null on destroy.
pub fn plan(schema: &Schema, prior: &Value, proposed: Value, config: &Value) -> Plan {
    if proposed.is_null() {
        return Plan { planned: Value::Null, replace: Vec::new() };
    }
    let mut planned = proposed;
    for attribute in &schema.body.attributes {
        apply_default(attribute, config.get(attribute.name), &mut planned);
        keep_equivalent(attribute, prior, &mut planned);
    }
    if planned == *prior {
        return Plan { planned, replace: Vec::new() };
    }
    mark_unknown(&schema.body.attributes, config, &mut planned);
    let replace = run_modifiers(schema, prior, config, &mut planned);
    Plan { planned, replace }
}

/// Sets the default of an attribute that is not configured.
pub(super) fn apply_default(attribute: &Attribute, config: &Value, planned: &mut Value) {
    if let (Some(default), Value::Null) = (&attribute.default, config) {
        planned.set_attribute(attribute.name, default.clone());
    }
}

/// Restores the prior value of an attribute if it is semantically equal to the new one. A null element of a map counts
/// as absent.
pub(super) fn keep_equivalent(attribute: &Attribute, prior: &Value, new: &mut Value) {
    let (was, is) = (prior.get(attribute.name), new.get(attribute.name));
    if was.is_null() || is.is_null() || was == is || !is.is_wholly_known() {
        return;
    }
    let (before, now) = (without_null_elements(was), without_null_elements(is));
    if before == now || attribute.semantic_equality.is_some_and(|same| same(&before, &now)) {
        new.set_attribute(attribute.name, was.clone());
    }
}

fn without_null_elements(value: &Value) -> Cow<'_, Value> {
    match value {
        Value::Map(entries) if entries.values().any(Value::is_null) => {
            let present = entries.iter().filter(|(_, value)| !value.is_null());
            Cow::Owned(Value::map(present.map(|(key, value)| (key.clone(), value.clone()))))
        }
        _ => Cow::Borrowed(value),
    }
}

/// Marks all computed attributes as unknown, nested ones included.
fn mark_unknown(attributes: &[Attribute], config: &Value, planned: &mut Value) {
    for attribute in attributes {
        let configured = config.get(attribute.name);
        if configured.is_null() {
            if attribute.is_computed() && attribute.default.is_none() {
                planned.set_attribute(attribute.name, UNKNOWN);
            }
            continue;
        }
        let AttributeKind::Nested(nesting, nested) = &attribute.kind else { continue };
        let Some(value) = planned.as_map_mut().and_then(|entries| entries.get_mut(attribute.name)) else { continue };
        match (nesting, configured, value) {
            (Nesting::Single, one, planned) => mark_unknown(nested, one, planned),
            (Nesting::List, Value::List(configured), Value::List(planned)) => {
                configured.iter().zip(planned).for_each(|(config, planned)| mark_unknown(nested, config, planned));
            }
            (Nesting::Map, Value::Map(configured), planned) => {
                for (key, planned) in planned.as_map_mut().into_iter().flatten() {
                    mark_unknown(nested, configured.get(key).unwrap_or(&Value::Null), planned);
                }
            }
            // Elements of a set cannot be matched with their configuration.
            _ => {}
        }
    }
}

fn run_modifiers(schema: &Schema, prior: &Value, config: &Value, planned: &mut Value) -> Vec<Path> {
    let mut replace = Vec::new();
    let (computed, configured): (Vec<_>, Vec<_>) =
        schema.body.attributes.iter().partition(|attribute| attribute.presence == Presence::Computed);
    for attribute in configured.into_iter().chain(computed) {
        if attribute.plan_modifiers.is_empty() {
            continue;
        }
        let mut value = planned.get(attribute.name).clone();
        let mut change = Change {
            path: Path::attribute(attribute.name),
            prior: prior.get(attribute.name),
            planned: &mut value,
            config: config.get(attribute.name),
            prior_state: prior,
            planned_state: planned,
            replace: false,
        };
        attribute.plan_modifiers.iter().for_each(|modifier| modifier.modify(&mut change));
        if change.replace {
            replace.push(change.path);
        }
        planned.set_attribute(attribute.name, value);
    }
    replace.sort();
    replace
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::framework::{
        plan_modifier::{RequiresReplace, UseStateForUnknown},
        schema::BlockBody,
        types::Type,
    };

    fn same_letters(a: &Value, b: &Value) -> bool {
        a.as_str().zip(b.as_str()).is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
    }

    fn schema() -> Schema {
        Schema {
            body: BlockBody {
                attributes: vec![
                    Attribute::string("name").required().plan_modifier(RequiresReplace),
                    Attribute::string("queue").semantic_equality(same_letters),
                    Attribute::new("hosts", Type::map(Type::String)),
                    Attribute::string("mode").default("auto"),
                    Attribute::string("id").computed().plan_modifier(UseStateForUnknown { unless_changed: &[] }),
                    Attribute::string("state")
                        .computed()
                        .plan_modifier(UseStateForUnknown { unless_changed: &["queue"] }),
                    Attribute::string("etag").computed(),
                ],
                ..BlockBody::default()
            },
            ..Schema::default()
        }
    }

    fn object(changes: &[(&str, Value)]) -> Value {
        let mut object = schema().empty();
        for (name, value) in changes {
            object.set_attribute(name, value.clone());
        }
        object
    }

    /// The state that core proposes: the configuration, with prior values of computed attributes that are not set.
    fn proposed(prior: &Value, config: &Value) -> Value {
        let mut proposed = config.clone();
        for attribute in schema().body.attributes.iter().filter(|a| a.is_computed()) {
            if config.get(attribute.name).is_null() {
                proposed.set_attribute(attribute.name, prior.get(attribute.name).clone());
            }
        }
        proposed
    }

    fn planned(prior: &Value, config: &Value) -> Plan {
        plan(&schema(), prior, proposed(prior, config), config)
    }

    fn state() -> Value {
        object(&[
            ("name", "a".into()),
            ("queue", "Q1".into()),
            ("mode", "auto".into()),
            ("id", "1".into()),
            ("state", "ok".into()),
            ("etag", "x".into()),
        ])
    }

    #[test]
    fn create_plans_computed_attributes_as_unknown() {
        let plan = planned(&Value::Null, &object(&[("name", "a".into())]));
        let expected =
            [("name", "a".into()), ("mode", "auto".into()), ("id", UNKNOWN), ("state", UNKNOWN), ("etag", UNKNOWN)];
        assert_eq!(plan.planned, object(&expected));
        assert_eq!(plan.replace, []);
    }

    #[test]
    fn plan_without_change_is_the_prior_state() {
        let plan = planned(&state(), &object(&[("name", "a".into()), ("queue", "q1".into())]));
        assert_eq!(plan, Plan { planned: state(), replace: Vec::new() });
    }

    #[test]
    fn update_keeps_state_for_unknown() {
        let hosts = Value::map([("h", "1.2.3.4".into())]);
        let config = object(&[("name", "a".into()), ("queue", "Q1".into()), ("hosts", hosts.clone())]);
        let mut expected = state();
        expected.set_attribute("hosts", hosts);
        expected.set_attribute("etag", UNKNOWN);
        assert_eq!(planned(&state(), &config).planned, expected);

        let other_queue = object(&[("name", "a".into()), ("queue", "Q2".into())]);
        let plan = planned(&state(), &other_queue).planned;
        assert_eq!((plan.get("id"), plan.get("state")), (&"1".into(), &UNKNOWN));
    }

    #[test]
    fn removed_optional_attribute_plans_null() {
        let plan = planned(&state(), &object(&[("name", "a".into())]));
        assert_eq!(plan.planned.get("queue"), &Value::Null);
    }

    #[test]
    fn replacement_names_the_attribute() {
        let config = object(&[("name", "b".into()), ("queue", "Q1".into())]);
        assert_eq!(planned(&state(), &config).replace, [Path::attribute("name")]);
    }

    #[test]
    fn destroy_plans_null() {
        assert_eq!(plan(&schema(), &state(), Value::Null, &Value::Null).planned, Value::Null);
    }

    #[test]
    fn nested_computed_attributes_are_unknown() {
        let nested = vec![Attribute::string("key").required(), Attribute::string("made").computed()];
        let schema = Schema {
            body: BlockBody {
                attributes: vec![Attribute::nested("rows", Nesting::Map, nested)],
                ..BlockBody::default()
            },
            ..Schema::default()
        };
        let row = |made: Value| {
            Value::map([("rows", Value::map([("a", Value::map([("key", "k".into()), ("made", made)]))]))])
        };
        let plan = plan(&schema, &Value::Null, row(Value::Null), &row(Value::Null));
        assert_eq!(plan.planned, row(UNKNOWN));
    }

    fn any_text() -> impl Strategy<Value = Value> {
        prop_oneof![Just(Value::Null), "[aAbB]{0,2}".prop_map(Value::from)]
    }

    proptest! {
        /// Core's rules (AssertPlanValid): a configured value is planned as configured or as before; an attribute that
        /// is neither computed nor configured is null; a second plan is empty.
        #[test]
        fn any_plan_is_valid_for_core(
            name in "[ab]", queue in any_text(), mode in any_text(), fresh: bool, was in any_text(),
        ) {
            let mut before = state();
            before.set_attribute("queue", was);
            let prior = if fresh { Value::Null } else { before };
            let config = object(&[("name", Value::from(name)), ("queue", queue), ("mode", mode)]);
            let plan = planned(&prior, &config).planned;
            for attribute in &schema().body.attributes {
                let [config, prior, plan] = [&config, &prior, &plan].map(|value| value.get(attribute.name));
                let kept = !prior.is_null() && !config.is_null() && plan == prior;
                let free = attribute.is_computed() && config.is_null();
                prop_assert!(plan == config || kept || free, "{}: {plan:?}", attribute.name);
            }
            let mut outcome = plan;
            outcome.nullify_unknowns();
            prop_assert_eq!(&planned(&outcome, &config).planned, &outcome);
        }
    }
}
