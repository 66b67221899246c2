//! `region` and `project_id` of resources and data sources.
//!
//! A resource that does not set them takes the provider's when it is created, and keeps them in the state. A later
//! change of the provider's neither moves an existing object nor makes it look deleted.

use crate::dli::rules;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::model::Computed;
use crate::framework::path::Path;
use crate::framework::plan_modifier::{Change, PlanModifier, USE_STATE_FOR_UNKNOWN};
use crate::framework::schema::{Attribute, Presence};
use crate::framework::value::Value;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::error_detail::capitalized;
use crate::provider::shared::operation::OperationContext;
use crate::provider::shared::semantic_equality::same_text;
use crate::provider::shared::validators::MatchesRule;

/// `region` and `project_id` of a resource.
pub(crate) fn resource_attributes() -> [Attribute; 2] {
    let [region, project_id] = both(" at the time of creation", " Changing it replaces the resource.");
    [
        region.plan_modifier(USE_STATE_FOR_UNKNOWN).plan_modifier(requires_replace_if_moved),
        project_id.plan_modifier(use_state_unless_region_changes).plan_modifier(requires_replace_if_moved),
    ]
}

/// `region` and `project_id` of an action, which cannot have computed attributes.
pub(crate) fn action_attributes() -> [Attribute; 2] {
    both("", "").map(|attribute| Attribute { presence: Presence::Optional, ..attribute })
}

/// `region` and `project_id` of an identity. They are always filled, and optional in an import.
pub(crate) fn identity_attributes() -> [Attribute; 2] {
    let project_id = Attribute::string("project_id").validator(MatchesRule(&[rules::PROJECT_ID]));
    [
        region_attribute().description("Region. Default of an import: the provider's region."),
        project_id
            .semantic_equality(same_text)
            .description("ID of the project. Default of an import: the provider's project."),
    ]
}

/// The end of the import ID of an identity.
pub(crate) fn import_suffix(identity: &Value) -> String {
    let [region, project_id] = ["region", "project_id"].map(|name| identity.get(name).as_str().unwrap_or_default());
    match (region.trim(), project_id) {
        ("", "") => String::new(),
        (region, "") => format!("@{region}"),
        (region, project_id) => format!("@{region}/{project_id}"),
    }
}

/// `region` and `project_id` of a data source.
pub(crate) fn data_source_attributes() -> [Attribute; 2] {
    both("", "")
}

fn both(when: &str, last: &str) -> [Attribute; 2] {
    let region = format!("Region, for example `cn-north-4`. Default: the provider's region{when}.{last}");
    let project_id = format!(
        "ID of the project. Default: the provider's project{when}. In another region than the provider's, the default \
         is the project that is named after the region.{last}"
    );
    [
        Attribute { presence: Presence::OptionalComputed, ..region_attribute().description(region) },
        Attribute {
            presence: Presence::OptionalComputed,
            ..Attribute::string("project_id").validator(MatchesRule(&[rules::PROJECT_ID])).description(project_id)
        },
    ]
}

fn region_attribute() -> Attribute {
    Attribute::string("region").validator(MatchesRule(&[rules::REGION])).semantic_equality(same_region)
}

fn same_region(a: &Value, b: &Value) -> bool {
    a.as_str().zip(b.as_str()).is_some_and(|(a, b)| rules::normal_region(a) == rules::normal_region(b))
}

/// A change replaces the object. A first value does not, nor an unknown one that follows from another attribute.
fn requires_replace_if_moved(change: &mut Change<'_>) {
    let is_derived = change.config.is_null() && change.planned.is_unknown();
    change.replace |= !change.prior.is_null() && change.prior != change.planned && !is_derived;
}

/// Keeps the project, unless the object moves to another region, which has other projects.
fn use_state_unless_region_changes(change: &mut Change<'_>) {
    let (prior, planned) = (change.prior_state.get("region"), change.planned_state.get("region"));
    if prior.is_null() || prior == planned {
        USE_STATE_FOR_UNKNOWN.modify(change);
    }
}

/// Sets the provider's region and project in the plan of an object that is new, or new in its region, and reports what
/// an apply there would run into.
pub(crate) async fn plan(
    provider_data: &ProviderData,
    prior: &Value,
    config: &Value,
    planned: &mut Value,
) -> Diagnostics {
    let project_id = provider_data.project_id(config.get("region"));
    for (name, known) in [("region", provider_data.region()), ("project_id", project_id)] {
        if let Some(known) = known.filter(|_| config.get(name).is_null() && planned.get(name).is_unknown()) {
            planned.set_attribute(name, known.into());
        }
    }
    let mut report = Diagnostics::new();
    report.extend(planned.get("region").as_str().and_then(|region| provider_data.check_region(region)));
    report.extend(stays_where_it_is(provider_data, prior, config));
    if prior != planned {
        report.extend(Box::pin(provider_data.warn_without_credentials()).await);
    }
    report
}

/// The warning about an object that does not move with the provider.
fn stays_where_it_is(provider_data: &ProviderData, prior: &Value, config: &Value) -> Option<Diagnostic> {
    let moved = |name: &'static str, provider: Option<String>| {
        let own = prior.get(name).as_str().filter(|_| config.get(name).is_null())?;
        let provider = provider.filter(|provider| !provider.eq_ignore_ascii_case(own.trim()))?;
        Some((name, own.to_owned(), provider))
    };
    let (name, own, provider) = moved("region", provider_data.region())
        .or_else(|| moved("project_id", provider_data.project_id(prior.get("region"))))?;
    let what = name.trim_end_matches("_id");
    let text = format!(
        "The provider's {name} is {provider:?}, but this object was created in the {what} {own:?}. The provider \
         continues to manage it there.\n\nTo keep it there, set {name} = {own:?} on the resource. To move it, \
         set {name} = {provider:?}: this replaces the object."
    );
    Some(Diagnostic::warning(format!("Object Stays in Its {}", capitalized(what)), text).at(Path::attribute(name)))
}

/// Sets region and project of a model from the operation.
pub(crate) fn fill_location(
    region: &mut Computed<String>,
    project_id: &mut Computed<String>,
    context: &OperationContext,
) {
    region.0 = region.0.take().or_else(|| context.project.region().map(str::to_owned));
    project_id.0 = Some(context.project.id().to_owned());
}

/// Removes region and project of a generated configuration if they are the provider's.
pub(crate) fn omit_defaults(provider_data: &ProviderData, config: &mut Value) {
    let project_id = provider_data.project_id(config.get("region"));
    for (name, default) in [("project_id", project_id), ("region", provider_data.region())] {
        if default.is_some() && config.get(name).as_str() == default.as_deref() {
            config.set_attribute(name, Value::Null);
        }
    }
}

/// Splits an import ID `OBJECT@REGION/PROJECT_ID`, in which region and project are optional. The error is the end of a
/// sentence about the ID.
pub(crate) fn parse_import_id(text: &str) -> Result<(&str, Option<&str>, Option<&str>), String> {
    let Some((object, location)) = text.split_once('@') else { return Ok((text, None, None)) };
    let (region, project_id) = match location.split_once('/') {
        Some((region, project_id)) => (Some(region).filter(|region| !region.is_empty()), Some(project_id)),
        None => (Some(location), None),
    };
    for (name, part, rule) in [("region", region, rules::REGION), ("project", project_id, rules::PROJECT_ID)] {
        if let Some(part) = part
            && let Some(violation) = rule.violation(part)
        {
            return Err(format!("is not valid: the {name} {part:?} {violation}; allowed: {}.", rule.expected));
        }
    }
    Ok((object, region, project_id))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::framework::{
        plan,
        schema::{BlockBody, Schema},
        value::UNKNOWN,
    };

    /// Returns region, project ID and the paths that require a replacement, as planned.
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
    fn project_does_not_follow_to_another_region() {
        let by = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert_eq!(planned(["r1", "p1"], ["r2", ""]), ("r2".into(), UNKNOWN, by(&["region"])));
        assert_eq!(planned(["r1", "p1"], ["r2", "p2"]), ("r2".into(), "p2".into(), by(&["project_id", "region"])));
        assert_eq!(planned(["r1", "p1"], ["", "p2"]), ("r1".into(), "p2".into(), by(&["project_id"])));
        assert_eq!(planned(["r1", "p1"], ["r1", ""]), ("r1".into(), "p1".into(), by(&[])));
        // The state of a provider with an endpoint instead of a region.
        assert_eq!(planned(["", "p1"], ["r1", ""]), ("r1".into(), "p1".into(), by(&[])));
    }

    #[test]
    fn identity_becomes_an_import_id() {
        let suffix = |region: &str, project_id: &str| {
            let text = |text: &str| if text.is_empty() { Value::Null } else { Value::from(text) };
            import_suffix(&Value::map([("region", text(region)), ("project_id", text(project_id))]))
        };
        for (region, project_id) in [("", ""), ("cn-north-4", ""), ("", "48cc"), ("cn-north-4", "48cc")] {
            let id = format!("2a62{}", suffix(region, project_id));
            let named = |text| Some(text).filter(|text: &&str| !text.is_empty());
            assert_eq!(parse_import_id(&id), Ok(("2a62", named(region), named(project_id))), "{id}");
        }
    }

    #[test]
    fn import_id_may_contain_a_location() {
        let parsed = |text| parse_import_id(text).expect("a valid location");
        assert_eq!(parsed("2a62"), ("2a62", None, None));
        assert_eq!(parsed("name:a@cn-north-4"), ("name:a", Some("cn-north-4"), None));
        assert_eq!(parsed("2a62/r1@cn-north-4/48cc"), ("2a62/r1", Some("cn-north-4"), Some("48cc")));
        assert_eq!(parsed("2a62@/48cc"), ("2a62", None, Some("48cc")));
        for text in ["2a62@", "2a62@bad/", "2a62@a b", "2a62@cn/4-8", "2a62@/", "2a62@cn/48cc/", "2a62@cn@cn"] {
            parse_import_id(text).expect_err(text);
        }
    }
}
