//! Where an object lives: the region and the project, which every resource and data source may name for itself.
//!
//! What is not named is that of the provider when the object is made, and is kept in the state from then on: another
//! provider configuration does not make an existing object look gone, or move it.

use crate::provider::{provider_data::ProviderData, shared::operation::OperationContext};
use crate::{
    dli::rules,
    framework::{
        model::Computed,
        plan_modifier::{Change, PlanModifier, USE_STATE_FOR_UNKNOWN},
        schema::{Attribute, Presence},
        value::Value,
    },
    provider::shared::validators::MatchesRule,
};

/// `region` and `project_id` of a resource.
pub(in crate::provider) fn resource_attributes() -> [Attribute; 2] {
    let [region, project_id] = both(" when this is created", " Changing it replaces this.");
    [
        region.plan_modifier(USE_STATE_FOR_UNKNOWN).plan_modifier(RequiresReplaceIfMoved),
        project_id.plan_modifier(UseStateUnlessRegionChanges).plan_modifier(RequiresReplaceIfMoved),
    ]
}

/// `region` and `project_id` of a data source.
pub(in crate::provider) fn data_source_attributes() -> [Attribute; 2] {
    both("", "")
}

fn both(when: &str, last: &str) -> [Attribute; 2] {
    let unset = format!("Where it is not set, it is that of the provider{when}");
    let region = format!("Region, for example `cn-north-4`. {unset}.{last}");
    let project_id = format!(
        "ID of the project. {unset}, and in another region than the provider's the one that bears the region's name.{last}"
    );
    [
        Attribute { presence: Presence::OptionalComputed, ..Attribute::string("region").description(region) },
        Attribute {
            presence: Presence::OptionalComputed,
            ..Attribute::string("project_id").validator(MatchesRule(&[rules::PROJECT_ID])).description(project_id)
        },
    ]
}

/// A change replaces the object; the first value to be known does not, and neither does one that only follows from another.
#[derive(Debug)]
struct RequiresReplaceIfMoved;

impl PlanModifier for RequiresReplaceIfMoved {
    fn modify(&self, change: &mut Change<'_>) {
        let follows = change.config.is_null() && change.planned.is_unknown();
        change.replace |= !change.prior.is_null() && change.prior != change.planned && !follows;
    }
}

/// The project stays, unless the object moves to another region, which has other projects.
#[derive(Debug)]
struct UseStateUnlessRegionChanges;

impl PlanModifier for UseStateUnlessRegionChanges {
    fn modify(&self, change: &mut Change<'_>) {
        let (was, is) = (change.prior_state.get("region"), change.planned_state.get("region"));
        if was.is_null() || was == is {
            USE_STATE_FOR_UNKNOWN.modify(change);
        }
    }
}

/// Puts what the provider knows into the plan of an object that is new, or new in its region. The provider's project is one
/// of the provider's region.
pub(in crate::provider) fn fill_planned(provider_data: &ProviderData, config: &Value, planned: &mut Value) {
    let region = config.get("region");
    let project_id = provider_data.project_id().filter(|_| region.is_null() || provider_data.is_in(region.as_str()));
    for (name, known) in [("region", provider_data.region()), ("project_id", project_id)] {
        if let Some(known) = known.filter(|_| config.get(name).is_null() && planned.get(name).is_unknown()) {
            planned.set_attribute(name, known.into());
        }
    }
}

/// Fills in where an object is, once that is settled.
pub(in crate::provider) fn fill_location(
    region: &mut Computed<String>,
    project_id: &mut Computed<String>,
    context: &OperationContext,
) {
    region.0 = region.0.take().or_else(|| context.project.region().map(str::to_owned));
    project_id.0 = Some(context.project.id().to_owned());
}

/// What is written for an import: the object, and where it is, as in `ID@REGION/PROJECT_ID`. Both are optional.
pub(in crate::provider) fn parse_import_id(text: &str) -> (&str, Option<&str>, Option<&str>) {
    let Some((object, place)) = text.split_once('@') else { return (text, None, None) };
    let (region, project_id) = place.split_once('/').unwrap_or((place, ""));
    let given = |text: &'_ str| (!text.is_empty()).then_some(());
    (object, given(region).map(|()| region), given(project_id).map(|()| project_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::{
        plan,
        schema::{BlockBody, Schema},
        value::UNKNOWN,
    };

    /// Region, project id, and what replaces it, where the state has these and the configuration says those.
    fn planned(prior: [&str; 2], config: [&str; 2]) -> (Value, Value, Vec<String>) {
        let text = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
        let object = |[region, project_id]: [&str; 2]| {
            Value::map([("region".to_owned(), text(region)), ("project_id".to_owned(), text(project_id))])
        };
        let schema = Schema {
            body: BlockBody { attributes: resource_attributes().into(), ..BlockBody::default() },
            ..Schema::default()
        };
        let kept = |at: usize| if config[at].is_empty() { prior[at] } else { config[at] };
        let plan = plan::plan(&schema, &object(prior), object([kept(0), kept(1)]), &object(config));
        let [region, project_id] = ["region", "project_id"].map(|name| plan.planned.get(name).clone());
        (region, project_id, plan.replace.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn the_project_does_not_go_along_to_another_region() {
        let by = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(planned(["r1", "p1"], ["r2", ""]), ("r2".into(), UNKNOWN, by(&["region"])));
        assert_eq!(planned(["r1", "p1"], ["r2", "p2"]), ("r2".into(), "p2".into(), by(&["project_id", "region"])));
        assert_eq!(planned(["r1", "p1"], ["", "p2"]), ("r1".into(), "p2".into(), by(&["project_id"])));
        assert_eq!(planned(["r1", "p1"], ["r1", ""]), ("r1".into(), "p1".into(), by(&[])));
        // A state of an endpoint that stood for its region.
        assert_eq!(planned(["", "p1"], ["r1", ""]), ("r1".into(), "p1".into(), by(&[])));
    }

    #[test]
    fn an_import_may_say_where() {
        assert_eq!(parse_import_id("2a62"), ("2a62", None, None));
        assert_eq!(parse_import_id("name:a@cn-north-4"), ("name:a", Some("cn-north-4"), None));
        assert_eq!(parse_import_id("2a62/r1@cn-north-4/48cc"), ("2a62/r1", Some("cn-north-4"), Some("48cc")));
        assert_eq!(parse_import_id("2a62@/48cc"), ("2a62", None, Some("48cc")));
    }
}
