//! Where an object lives: the region and the project, which every resource and data source may name for itself.
//!
//! What is not named is that of the provider when the object is made, and is kept in the state from then on: another
//! provider configuration does not make an existing object look gone, or move it.

use super::{account::Account, session::Session};
use crate::{
    dli::rules,
    framework::{
        model::Computed,
        plan::{Change, Keeps, PlanModifier},
        schema::{Attribute, Presence},
        value::Value,
    },
    provider::checks::Follows,
};

/// `region` and `project_id` of a resource.
pub(super) fn attributes() -> [Attribute; 2] {
    bare().map(|attribute| {
        let kept = " Where it is not set, it is that of the provider when this is created. Changing it replaces this.";
        let description = attribute.description.clone() + kept;
        optional_computed(attribute).describe(description).modify(Keeps { unless_changed: &[] }).modify(Moves)
    })
}

/// `region` and `project_id` of a data source.
pub(super) fn of_data() -> [Attribute; 2] {
    bare().map(|attribute| {
        let description = attribute.description.clone() + " Where it is not set, it is that of the provider.";
        optional_computed(attribute).describe(description)
    })
}

fn bare() -> [Attribute; 2] {
    [
        Attribute::string("region").describe("Region, for example `cn-north-4`."),
        Attribute::string("project_id").check(Follows(&[rules::PROJECT_ID])).describe("ID of the project."),
    ]
}

fn optional_computed(attribute: Attribute) -> Attribute {
    Attribute { presence: Presence::OptionalComputed, ..attribute }
}

/// A change replaces the object; the first value to be known does not.
#[derive(Debug)]
struct Moves;

impl PlanModifier for Moves {
    fn modify(&self, change: &mut Change<'_>) {
        change.replace |= !change.prior.is_null() && change.prior != change.planned;
    }
}

/// Puts what the provider knows into the plan of a new object.
pub(super) fn plan(account: &Account, config: &Value, planned: &mut Value) {
    for (name, known) in [("region", account.region()), ("project_id", account.project_id())] {
        if let Some(known) = known.filter(|_| config.get(name).is_null() && planned.get(name).is_unknown()) {
            planned.put(name, known.into());
        }
    }
}

/// Fills in where an object is, once that is settled.
pub(super) fn settle(region: &mut Computed<String>, project_id: &mut Computed<String>, session: &Session) {
    region.0 = region.0.take().or_else(|| session.project.region().map(str::to_owned));
    project_id.0 = Some(session.project.id().to_owned());
}

/// What is written for an import: the object, and where it is, as in `ID@REGION/PROJECT_ID`. Both are optional.
pub(super) fn of_import(text: &str) -> (&str, Option<&str>, Option<&str>) {
    let Some((object, place)) = text.split_once('@') else { return (text, None, None) };
    let (region, project_id) = place.split_once('/').unwrap_or((place, ""));
    let given = |text: &'_ str| (!text.is_empty()).then_some(());
    (object, given(region).map(|()| region), given(project_id).map(|()| project_id))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_import_may_say_where() {
        assert_eq!(of_import("2a62"), ("2a62", None, None));
        assert_eq!(of_import("name:a@cn-north-4"), ("name:a", Some("cn-north-4"), None));
        assert_eq!(of_import("2a62/r1@cn-north-4/48cc"), ("2a62/r1", Some("cn-north-4"), Some("48cc")));
        assert_eq!(of_import("2a62@/48cc"), ("2a62", None, Some("48cc")));
    }
}
