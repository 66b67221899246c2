//! Warnings about entries that an apply removes because their collection becomes managed and does not declare them.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::collections::declared_names;
use crate::dli::wire;
use crate::framework::diagnostic::{Diagnostic, Diagnostics};
use crate::framework::path::Path;
use crate::framework::value::Value;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::connection_part::{self, find_connection};
use crate::provider::shared::plan_checks::{PlanChecker, listed};
use crate::provider::shared::project_lists::TIMEOUT;
use crate::provider::shared::shared_reads::Sharing;
use crate::provider::shared::tags::Tags;

/// Warns about each of these collections, which become managed. Names the entries if the plan can read them.
pub(super) async fn warn(
    provider_data: &ProviderData,
    config: &Value,
    (prior, planned): (&Value, &Value),
    collections: &[&'static str],
    stop: &CancellationToken,
) -> Diagnostics {
    if collections.is_empty() {
        return Diagnostics::new();
    }
    let found = Found::read(provider_data, config, (prior, planned), collections, stop).await;
    let warning = |&name: &&'static str| {
        let entries = match found.entries(name, planned) {
            Some(entries) if entries.is_empty() => return None,
            Some(entries) => {
                let entries: Vec<_> = entries.iter().map(String::as_str).collect();
                format!("these entries, which are not declared: {}.", listed(&entries))
            }
            None => "every entry that is not declared, including entries added elsewhere.".to_owned(),
        };
        let (title, note) = match name {
            "elastic_resource_pools" if !planned.get("queues").is_null() => {
                ("Elastic Resource Pools", " A pool stays if a declared queue is in it.")
            }
            "elastic_resource_pools" => ("Elastic Resource Pools", ""),
            "queues" => ("Queues", ""),
            "hosts" => ("Hosts", ""),
            "routes" => ("Routes", ""),
            _ => ("Tags", ""),
        };
        let text = format!("{name} was not managed before. Applying this plan removes {entries}{note}");
        Some(Diagnostic::warning(format!("Undeclared {title} Will Be Removed"), text).at(Path::attribute(name)))
    };
    collections.iter().filter_map(warning).collect()
}

/// What the service has of a connection, as far as the plan could read it.
#[derive(Default)]
struct Found {
    connection: Option<Arc<wire::Connection>>,
    /// Keys of the tags that the provider does not ignore.
    tags: Option<BTreeSet<String>>,
}

impl Found {
    async fn read(
        provider_data: &ProviderData,
        config: &Value,
        (prior, planned): (&Value, &Value),
        collections: &[&str],
        stop: &CancellationToken,
    ) -> Self {
        let Some(id) = prior.get("id").as_str() else { return Self::default() };
        let Ok(Some(checker)) = PlanChecker::try_open(provider_data, config, planned, stop).await else {
            return Self::default();
        };
        // The refresh has read the connection just now.
        let context = checker.context.with_sharing(Sharing::Objects);
        let mut found = Self::default();
        if collections.iter().any(|name| *name != "tags") {
            let connection = context.with_short_timeout(TIMEOUT, find_connection(&context, id)).await;
            found.connection = connection.ok().flatten();
        }
        if collections.contains(&"tags") {
            let tags = context.with_short_timeout(TIMEOUT, connection_part::list_tags(&context, id)).await;
            let policy = provider_data.tag_policy();
            let keys = |tags: Tags| tags.into_keys().filter(|key| !policy.ignores(key)).collect::<BTreeSet<_>>();
            found.tags = tags.ok().map(keys);
        }
        found
    }

    /// The names of the entries that are not declared; `None` if they are not known.
    fn entries(&self, name: &str, planned: &Value) -> Option<Vec<String>> {
        // All managed tags of the plan, with the default tags.
        let declared = planned.get(if name == "tags" { "tags_all" } else { name });
        if !declared.is_wholly_known() {
            return None;
        }
        let connection = self.connection.as_ref();
        let bindings =
            |bindings: &[wire::Binding]| bindings.iter().map(|binding| binding.name.clone()).collect::<Vec<_>>();
        let names: Vec<String> = match name {
            "tags" => self.tags.as_ref()?.iter().cloned().collect(),
            "hosts" => connection?.hosts.iter().map(|host| host.name.clone()).collect(),
            "routes" => connection?.routes.iter().map(|route| route.name.clone()).collect(),
            "queues" => bindings(&connection?.available_queue_info),
            _ => bindings(&connection?.elastic_resource_pools),
        };
        let exact = ["routes", "tags"].contains(&name);
        let key = |text: &String| if exact { text.clone() } else { text.to_ascii_lowercase() };
        let declared: BTreeSet<_> = declared_names(declared).unwrap_or_default().iter().map(key).collect();
        Some(names.into_iter().filter(|name| !declared.contains(&key(name))).collect())
    }
}
