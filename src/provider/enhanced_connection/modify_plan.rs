//! Completes a plan: computes tags and bindings, warns about entries that become managed or stop being managed, and
//! checks names at the service.

use std::collections::{BTreeMap, BTreeSet};

use tokio_util::sync::CancellationToken;

use super::collections::{COLLECTIONS, declared_names, is_new};
use super::undeclared_entries;
use crate::dli::{rules, wire};
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::{Path, Step};
use crate::framework::resource::ModifyPlanRequest;
use crate::framework::value::{UNKNOWN, Value};
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::client_kind::ClientKind;
use crate::provider::shared::declared_parts::{self, DeclaredParts};
use crate::provider::shared::plan_checks::PlanChecker;
use crate::provider::shared::tags::{self, TagPolicy};
use crate::provider::shared::{location, network_checks, overlap};

/// Private data of an imported connection.
pub(super) const IMPORTED: &[u8] = br#"{"imported":true}"#;

/// Private data of a connection that a `moved` block took over from another provider.
pub(super) const MOVED: &[u8] = br#"{"moved":true}"#;

pub(super) async fn modify(
    provider_data: &ProviderData,
    request: ModifyPlanRequest<'_>,
) -> Result<Diagnostics, Diagnostics> {
    let ModifyPlanRequest { prior, config, private, planned, replace, stop } = request;
    let mut report = Diagnostics::new();
    report.extend(location::plan(provider_data, prior, config, planned).await);
    report.extend(plan_tags(&provider_data.tag_policy(), config, planned));
    let private = private.as_slice();
    if private == MOVED {
        keep_moved_tags(prior, planned);
    }
    let is_replaced = plan_route_table(prior, private, planned, replace, &mut report);
    if !is_replaced && !prior.is_null() && !planned.is_null() {
        // The refresh of a moved state has taken default tags out of the declared ones.
        let is_moved_default =
            |name: &str| name == "tags" && private == MOVED && prior.get("tags_all") == planned.get("tags_all");
        let is_new = |name: &&str| is_new(prior, planned, name) && !is_moved_default(name);
        let managed: Vec<_> = COLLECTIONS.into_iter().filter(is_new).collect();
        let values = (prior, &*planned);
        report.extend(Box::pin(undeclared_entries::warn(provider_data, config, values, &managed, stop)).await);
        report.extend(warn_about_kept_entries(&provider_data.tag_policy(), prior, planned));
        plan_bindings(prior, planned);
    }
    report.extend(warn_about_reserved_routes(prior, planned));
    if let Some(id) = prior.get("id").as_str() {
        let run_state = provider_data.run_state();
        if let (Some(name), Some(project_id)) = (prior.get("name").as_str(), prior.get("project_id").as_str()) {
            provider_data.creation_journal.confirm(project_id, name, id);
        }
        if is_replaced {
            run_state.mark_replaced(id);
            report.extend(warn_about_kept_name(run_state.client, prior, planned));
        } else {
            let is_left = |name: &str| leaves_failed(prior, planned, name);
            report.extend(run_state.take_failed_bindings(id, is_left));
            report.extend(declare_parts(&run_state.declared_parts, id, planned));
            for name in ["queues", "elastic_resource_pools", "routes"] {
                let names = declared_names(planned.get(name));
                report.extend(run_state.ownership_conflicts.declare_all(id, name, names));
            }
        }
    }
    let values = (if is_replaced { &Value::Null } else { prior }, &*planned);
    if let (true, Some(project), Some(name)) =
        (values.0.is_null(), planned.get("project_id").as_str(), planned.get("name").as_str())
    {
        report.extend(provider_data.creation_journal.adoption_warning(project, name));
    }
    report.extend(Box::pin(check_names(provider_data, config, values, is_replaced, stop)).await);
    report.extend(Box::pin(network_checks::check_connection(provider_data, config, values, stop)).await);
    if report.has_errors() { Err(report) } else { Ok(report) }
}

/// Whether a plan leaves a FAILED binding as it is, or the apply does not report its failure.
fn leaves_failed(prior: &Value, planned: &Value, name: &str) -> bool {
    let (before, after) = (prior.get("bindings"), planned.get("bindings"));
    let is_kept = |name: &str| before.get(name) == after.get(name);
    // A pool may be shown under the names of its queues.
    let mut failed =
        before.entries().filter(|(_, binding)| binding.get("status").as_str() == Some(wire::BINDING_FAILED));
    let is_kept = if before.get(name).is_null() { failed.all(|(name, _)| is_kept(name)) } else { is_kept(name) };
    is_kept || planned.get("wait_for_bindings") == &Value::Bool(false)
}

/// Warns about routes whose network becomes a reserved one.
fn warn_about_reserved_routes(prior: &Value, planned: &Value) -> Diagnostics {
    let before = prior.get("routes");
    let path = |name: &str| Path::attribute("routes").key(name);
    planned
        .get("routes")
        .entries()
        .filter_map(|(name, cidr)| network_checks::rules::check_reserved(path(name), before.get(name), cidr))
        .collect()
}

/// Warns if a client that creates the new connection first keeps the name of the old one. Terraform does so only with
/// `create_before_destroy`, which a plan does not show.
fn warn_about_kept_name(client: ClientKind, prior: &Value, planned: &Value) -> Option<Diagnostic> {
    let name = planned.get("name").as_str().filter(|name| prior.get("name").as_str() == Some(*name))?;
    let text = format!(
        "The replacement keeps the name {name:?}. Pulumi creates the new connection before it deletes the old one, and \
         the service may reject a second connection of this name.\n\nChange the name together with what replaces the \
         connection, or set deleteBeforeReplace in the options of the resource."
    );
    let warning = Diagnostic::warning("Name Held by the Replaced Connection", text).at(Path::attribute("name"));
    (client == ClientKind::Pulumi).then_some(warning)
}

/// Records the parts that the connection declares, so that they stay if resources of their own are removed.
fn declare_parts(parts: &DeclaredParts, id: &str, planned: &Value) -> Diagnostics {
    let names = |name: &str| declared_names(planned.get(name)).unwrap_or_default();
    let queues = names("queues").into_iter().map(|name| declared_parts::queue(&name));
    let pools = names("elastic_resource_pools").into_iter().map(|name| declared_parts::pool(&name));
    let routes = planned.get("routes").entries();
    let routes = routes.filter_map(|(name, cidr)| Some(declared_parts::route(name, cidr.as_str()?)));
    let all = queues.chain(pools).chain(routes);
    all.flat_map(|part| overlap::report(parts.declare_inline(&declared_parts::part_of(&part, id)))).collect()
}

/// Sets `tags_all`, and reports tags that are not allowed.
fn plan_tags(tag_policy: &TagPolicy, config: &Value, planned: &mut Value) -> Diagnostics {
    let mut report = Diagnostics::new();
    let tags = config.get("tags");
    if tag_policy.has_unknown || !tags.is_wholly_known() {
        planned.set_attribute("tags_all", UNKNOWN);
        return report;
    }
    let tags = tags::known(tags);
    for key in tags.keys().filter(|key| tag_policy.ignores(key)) {
        let path = Path::attribute("tags").key(key);
        let text = format!(
            "{path} is declared here, but ignore_tags of the provider excludes it.\n\nRemove it from one of the two."
        );
        report.push(Diagnostic::error("Tag Both Declared and Ignored", text).at(path));
    }
    let all = tag_policy.all(Some(&tags));
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

/// Keeps the tags of a moved state if the planned ones have the same effect: the state may have default tags among
/// them.
fn keep_moved_tags(prior: &Value, planned: &mut Value) {
    let is_set = |state: &Value| state.get("tags").as_map().is_some();
    if is_set(prior) && is_set(planned) && prior.get("tags_all") == planned.get("tags_all") {
        planned.set_attribute("tags", prior.get("tags").clone());
    }
}

/// Keeps an imported or moved connection whose route table is not known. Returns whether the connection is replaced.
fn plan_route_table(
    prior: &Value,
    private: &[u8],
    planned: &Value,
    replace: &mut Vec<Path>,
    report: &mut Diagnostics,
) -> bool {
    if prior.is_null() {
        return false;
    }
    // An import cannot read the route table. Its first configured value must not replace a working connection.
    let route_table = Path::attribute("routetable_id");
    let is_unverified = [IMPORTED, MOVED].contains(&private) && is_new(prior, planned, "routetable_id");
    // A moved connection whose new configuration leaves out the route table must not be replaced, either.
    let is_left_out = private == MOVED && planned.get("routetable_id").is_null();
    if is_unverified || is_left_out {
        replace.retain(|replaced| *replaced != route_table);
    }
    // A replacement has no entries that could be removed.
    if !replace.is_empty() {
        return true;
    }
    if is_unverified {
        let text = "The connection was imported or moved, and the service does not return the route table that it was \
                    created with. The value is written to the state without verification, and no request is sent. If \
                    the connection has another route table, replace the connection: terraform apply -replace=ADDRESS.";
        report.push(Diagnostic::warning("Route Table Not Verified", text).at(route_table.clone()));
    }
    if is_left_out && let Some(id) = prior.get("routetable_id").as_str() {
        let text = format!(
            "routetable_id is not set, so it is removed from the state. The connection keeps the route table {id}, and \
             no request is sent. To keep it in the state, set routetable_id = {id:?}."
        );
        report.push(Diagnostic::warning("Route Table Leaves the State", text).at(route_table));
    }
    false
}

/// Plans `bindings` if the declared queues or pools change: the entries of the others stay known.
fn plan_bindings(prior: &Value, planned: &mut Value) {
    const TARGETS: [&str; 2] = ["queues", "elastic_resource_pools"];
    let Some(bindings) = prior.get("bindings").as_map() else { return };
    let is_open = |name| {
        // A collection that becomes managed can remove any entry.
        !planned.get(name).is_wholly_known() || is_new(prior, planned, name)
    };
    if !planned.get("bindings").is_unknown() || TARGETS.into_iter().any(is_open) {
        return;
    }
    let names = |state: &Value, name: &str| declared_names(state.get(name)).unwrap_or_default();
    let lower = |names: BTreeSet<String>| names.into_iter().map(|name| name.to_ascii_lowercase());
    let before: BTreeSet<_> = TARGETS.into_iter().flat_map(|name| lower(names(prior, name))).collect();
    // A collection that is not managed any more changes nothing.
    let after = TARGETS.into_iter().flat_map(|name| {
        let state = if planned.get(name).is_null() { prior } else { &*planned };
        lower(names(state, name))
    });
    let after: BTreeSet<_> = after.collect();
    let is_active = |binding: &Value| binding.get("status").as_str() == Some(wire::BINDING_ACTIVE);
    let mut entries: BTreeMap<String, Value> = after.difference(&before).map(|name| (name.clone(), UNKNOWN)).collect();
    for (name, binding) in bindings.iter().filter(|(name, _)| after.contains(*name) || !before.contains(*name)) {
        let is_stable = is_active(binding) || !after.contains(name);
        entries.insert(name.clone(), if is_stable { binding.clone() } else { UNKNOWN });
    }
    planned.set_attribute("bindings", Value::map(entries));
}

/// Warns about entries that leave the state because their collection is no longer set: they stay at the service.
fn warn_about_kept_entries(tag_policy: &TagPolicy, prior: &Value, planned: &Value) -> Diagnostics {
    let mut report = Diagnostics::new();
    for name in COLLECTIONS.into_iter().filter(|name| planned.get(name).is_null()) {
        let count = match name {
            "tags" => kept_tags(tag_policy, prior),
            _ => declared_names(prior.get(name)).map_or(0, |names| names.len()),
        };
        if count == 0 {
            continue;
        }
        if name == "tags" && prior.get("tags").is_null() {
            let text = "default_tags of the provider is not set any more, so Terraform stops managing its tags on this \
                        connection. They leave the state and stay at the service. To remove them, set default_tags = \
                        {} and apply.";
            report.push(Diagnostic::warning("Default Tags Stay at the Service", text).at(Path::attribute("tags_all")));
            continue;
        }
        let empty = if ["elastic_resource_pools", "queues"].contains(&name) { "[]" } else { "{}" };
        let (entries, them) = match count {
            1 => ("Its entry leaves the state and stays at the service.".to_owned(), "it"),
            count => (format!("Its {count} entries leave the state and stay at the service."), "them"),
        };
        let mut text = format!(
            "{name} is not set, so Terraform stops managing it. {entries} To remove {them}, set {name} = {empty} and \
             apply."
        );
        if name == "queues" && !planned.get("elastic_resource_pools").is_null() {
            text += " Pools that were bound for a queue count as undeclared elastic_resource_pools from then on, and \
                     the next plan shows their removal.";
        }
        report.push(Diagnostic::warning("Entries Stay at the Service", text).at(Path::attribute(name)));
    }
    report
}

/// The number of managed tags that a connection without `tags` does not manage.
fn kept_tags(tag_policy: &TagPolicy, prior: &Value) -> usize {
    let own = declared_names(prior.get("tags")).unwrap_or_default();
    let all = declared_names(prior.get("tags_all")).unwrap_or_default();
    all.iter().filter(|key| !tag_policy.is_default(key, own.contains(*key))).count()
}

/// Checks names that are new in this plan at the service.
async fn check_names(
    provider_data: &ProviderData,
    config: &Value,
    (prior, planned): (&Value, &Value),
    is_replaced: bool,
    stop: &CancellationToken,
) -> Diagnostics {
    let new = |name: &str| -> Vec<(Path, String)> {
        let is_new = |text: &&str| !prior.get(name).strings().any(|known| known.eq_ignore_ascii_case(text));
        let path = |text: &str| Path::attribute(name).step(Step::Element(text.into()));
        planned.get(name).strings().filter(is_new).map(|text| (path(text), text.to_owned())).collect()
    };
    let (queues, pools) = (new("queues"), new("elastic_resource_pools"));
    let name = planned.get("name").as_str().filter(|_| prior.is_null() && !is_replaced);
    let mut report = Diagnostics::new();
    if queues.is_empty() && pools.is_empty() && name.is_none() {
        return report;
    }
    let checker = PlanChecker::open(provider_data, config, planned, stop, &mut report).await;
    let Some(checker) = checker else { return report };
    report.extend(checker.check_queues(prior.get("id").as_str(), &queues).await);
    report.extend(checker.check_pools(&pools).await);
    if let Some(name) = name {
        report.extend(checker.check_name(name, &provider_data.creation_journal).await);
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_entries_are_counted() {
        let routes = |names: &[&str]| {
            let all = Value::map(names.iter().map(|name| ((*name).to_owned(), Value::from("10.1.0.0/16"))));
            Value::map([("routes", all)])
        };
        let warning = |names: &[&str]| {
            let report =
                warn_about_kept_entries(&TagPolicy::default(), &routes(names), &Value::map([("routes", Value::Null)]));
            report.into_iter().map(|diagnostic| diagnostic.detail).collect::<String>()
        };
        assert_eq!(warning(&[]), "");
        let one = "Its entry leaves the state and stays at the service. To remove it, set routes = {} and apply.";
        assert!(warning(&["a"]).ends_with(one), "{}", warning(&["a"]));
        let two = "Its 2 entries leave the state and stay at the service. To remove them, set routes = {} and apply.";
        assert!(warning(&["a", "b"]).ends_with(two), "{}", warning(&["a", "b"]));
    }
}
