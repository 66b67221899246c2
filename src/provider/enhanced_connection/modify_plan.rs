//! What the schema cannot say about a plan: the tags that the provider adds, what a change takes over, and what the
//! service knows about the names in it.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use crate::{
    dli::rules,
    framework::{
        diagnostic::{Diagnostic, Diagnostics},
        path::{Path, Step},
        resource::ModifyPlanRequest,
        value::{UNKNOWN, Value},
    },
    provider::{
        provider_data::ProviderData,
        shared::location,
        shared::ownership::Part,
        shared::plan_checks::PlanChecker,
        shared::tags::{TagPolicy, Tags},
    },
};

/// Noted beside the state of a connection that was imported.
pub(super) const IMPORTED: &[u8] = br#"{"imported":true}"#;

pub(super) async fn modify(
    provider_data: &ProviderData,
    request: ModifyPlanRequest<'_>,
) -> Result<Diagnostics, Diagnostics> {
    let mut report = Diagnostics::new();
    location::fill_planned(provider_data, request.config, request.planned);
    report.extend(plan_tags(&provider_data.tag_policy(), request.config, request.planned));
    let replaced = warn_about_adoption(request.prior, request.private, request.planned, request.replace, &mut report);
    let id = request.prior.get("id").as_str();
    if let (Some(id), Some(name), Some(project_id)) =
        (id, request.prior.get("name").as_str(), request.prior.get("project_id").as_str())
    {
        provider_data.creation_journal().confirm(project_id, name, id);
    }
    if let Some(id) = id.filter(|_| replaced) {
        provider_data.run_state().mark_replaced(id);
    }
    let stays = id.filter(|_| !replaced);
    for part in [Part::Queues, Part::Pools, Part::Routes] {
        if let Some(id) = stays {
            report.extend(provider_data.ownership_conflicts().declare_all(
                id,
                part,
                declared(request.planned.get(part.attribute())),
            ));
        }
    }
    let place = request.config;
    report.extend(ask(provider_data, place, (request.prior, request.planned), replaced, request.stop).await);
    if report.has_errors() { Err(report) } else { Ok(report) }
}

/// The known names of a set or a map; `None` where it is not declared.
fn declared(value: &Value) -> Option<BTreeSet<String>> {
    match value {
        Value::Set(elements) => Some(elements.iter().filter_map(Value::as_str).map(str::to_owned).collect()),
        Value::Map(entries) => Some(entries.keys().cloned().collect()),
        _ => None,
    }
}

/// Sets `tags_all`, and reports tags that cannot be.
fn plan_tags(tag_policy: &TagPolicy, config: &Value, planned: &mut Value) -> Diagnostics {
    let mut report = Diagnostics::new();
    let tags = config.get("tags");
    if tag_policy.open || !tags.is_wholly_known() {
        planned.set_attribute("tags_all", UNKNOWN);
        return report;
    }
    let pairs = tags.as_map().map(|tags| {
        tags.iter().filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned()))).collect::<Tags>()
    });
    for key in pairs.iter().flatten().map(|(key, _)| key).filter(|key| tag_policy.ignores(key)) {
        let path = Path::attribute("tags").key(key);
        let text = format!(
            "{path} is declared here, but ignore_tags of the provider says that somebody else manages it.\n\nRemove it from \
             one of the two."
        );
        report.push(Diagnostic::error("Tag Both Declared and Ignored", text).at(path));
    }
    let all = tag_policy.all(pairs.as_ref());
    if all.len() > rules::MAX_TAGS {
        let text = format!(
            "tags and default_tags of the provider together are {} tags.\n\nAllowed: at most {}.\nDocument: {}.",
            all.len(),
            rules::MAX_TAGS,
            rules::TAG_COUNT.document
        );
        report.push(Diagnostic::error("Too Many Tags", text).at(Path::attribute("tags")));
    }
    planned.set_attribute("tags_all", Value::map(all.into_iter().map(|(key, value)| (key, Value::String(value)))));
    report
}

/// Says what the change takes over from others, or on trust. Returns whether the connection is replaced.
fn warn_about_adoption(
    prior: &Value,
    private: &[u8],
    planned: &Value,
    replace: &mut Vec<Path>,
    report: &mut Diagnostics,
) -> bool {
    if prior.is_null() {
        return false;
    }
    let taken_up = |name: &str| prior.get(name).is_null() && !planned.get(name).is_null();
    // An import cannot read the route table. The first value that the configuration gives is taken over as it is,
    // where replacing a connection that works would be the alternative.
    let route_table = Path::attribute("routetable_id");
    let on_trust = private == IMPORTED && taken_up("routetable_id");
    if on_trust {
        replace.retain(|replaced| *replaced != route_table);
    }
    // What takes the place of the connection takes nothing over.
    if !replace.is_empty() {
        return true;
    }
    if on_trust {
        let text = "The connection was imported, and the service does not say which route table it was created with. \
                    The value is written to the state unchecked; nothing is sent. If the connection has another \
                    route table, replace the connection: terraform apply -replace=ADDRESS.";
        report.push(Diagnostic::warning("Route Table Taken on Trust", text).at(route_table));
    }
    let owned = ["elastic_resource_pools", "queues", "hosts", "routes", "tags"];
    for name in owned.into_iter().filter(|name| taken_up(name)) {
        let text = format!(
            "{name} was not managed so far. It becomes exactly what is declared: anything else that the connection has there, \
             added by others, is removed."
        );
        report.push(Diagnostic::warning("Taking Over What Others May Have Set", text).at(Path::attribute(name)));
    }
    false
}

/// Asks the service about names that are new in this plan.
async fn ask(
    provider_data: &ProviderData,
    config: &Value,
    (prior, planned): (&Value, &Value),
    replaced: bool,
    stop: &CancellationToken,
) -> Diagnostics {
    let prior = if replaced { &Value::Null } else { prior };
    let new = |name: &str| -> Vec<(Path, String)> {
        let known = prior.get(name).as_elements().unwrap_or_default();
        let is_new = |text: &&Value| {
            text.as_str().is_some_and(|text| {
                !known.iter().filter_map(Value::as_str).any(|known| known.eq_ignore_ascii_case(text))
            })
        };
        let at = |value: &Value| {
            Some((Path::attribute(name).step(Step::Element(value.clone())), value.as_str()?.to_owned()))
        };
        planned.get(name).as_elements().unwrap_or_default().iter().filter(is_new).filter_map(at).collect()
    };
    let (queues, pools) = (new("queues"), new("elastic_resource_pools"));
    let name = planned.get("name").as_str().filter(|_| prior.is_null() && !replaced);
    let mut report = Diagnostics::new();
    if queues.is_empty() && pools.is_empty() && name.is_none() {
        return report;
    }
    let Some(checker) = PlanChecker::open(provider_data, config, planned, stop).await else { return report };
    report.extend(checker.check_queues(&queues).await);
    report.extend(checker.check_pools(&pools).await);
    if let Some(name) = name {
        report.extend(checker.check_name(name, provider_data.creation_journal()).await);
    }
    report
}
