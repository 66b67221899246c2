//! Lists connections for `terraform query`, whether Terraform manages them or not.
//!
//! | call | when |
//! |---|---|
//! | `GET  /v2.0/{project}/datasource/enhanced-connections` | always, once |
//! | `POST /v3/{project}/dli_enhanced_datasource/resource-instances/filter` | by `tags`, or with resource objects |
//!
//! A resource object is what an import reads, so that generated configuration plans no change.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;

use super::model::{Connection, Scope};
use super::schema::READ;
use crate::client::ConnectionFilter;
use crate::dli::{rules, wire};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::list_resource::{ListItem, ListRequest, ListResource, ListResults};
use crate::framework::model::{Computed, IntoValue};
use crate::framework::schema::{Attribute, Schema};
use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::operation::{self, OperationContext, report};
use crate::provider::shared::pool_of_queue::PoolOfQueue;
use crate::provider::shared::tags::{self, TagFilter, TagPolicy, Tags};
use crate::provider::shared::validators::MatchesRule;
use crate::provider::shared::{data_source, location};

/// The summary and the state note of errors.
pub(in crate::provider) const FAILED: (&str, &str) = ("Could Not List", "Nothing was changed.");

const TAGS_UNREADABLE: &str = "The results are listed without their tags. Fix the cause and run the query again, or \
                               add the tags to the generated configuration.";

#[derive(Debug)]
pub(in crate::provider) struct ListConnections(pub(in crate::provider) Arc<ProviderData>);

#[async_trait]
impl ListResource for ListConnections {
    fn type_name(&self) -> &'static str {
        "dli_enhanced_connection"
    }

    fn schema(&self) -> Schema {
        let mut attributes = vec![
            Attribute::string("name")
                .validator(MatchesRule(&[rules::CONNECTION_NAME]))
                .description("Only the connection of exactly this name."),
            Attribute::string("name_prefix").description("Only connections whose name starts with this text."),
            Attribute::new("tags", Type::map(Type::String))
                .description("Only connections that have all of these tags with these values."),
        ];
        attributes.extend(location::action_attributes());
        Schema::new(
            "Lists the enhanced datasource connections of a project in the order of their creation, whether Terraform \
             manages them or not.",
            attributes,
        )
    }

    async fn list(&self, request: ListRequest<'_>, results: &mut ListResults) -> Result<(), Diagnostics> {
        let text = |name: &str| data_source::text(request.config, name);
        let filter = TagFilter::from_config(request.config)?;
        report(FAILED.0, FAILED.1, async {
            let location = (text("region"), text("project_id"));
            let context = self.0.begin(location, READ, request.stop).await?;
            let mut listed = list(&context, text("name"), Some(&filter.sent)).await?;
            listed.retain(|shown| text("name_prefix").is_none_or(|prefix| shown.name.starts_with(prefix)));
            let mut tags = None;
            if request.include_resource || !filter.is_empty() {
                match all_tags(&context, &listed).await {
                    Ok(all) => tags = Some(all),
                    Err(error) if error.is_not_published() => {}
                    Err(error) if error.is_refused() => {
                        results.warn(error.warn("Tags Cannot Be Read", TAGS_UNREADABLE)).await;
                    }
                    Err(error) => return Err(error),
                }
            }
            let tag_policy = self.0.tag_policy();
            for shown in listed {
                let tags = tags.as_ref().map(|all| all.get(&shown.id).cloned().unwrap_or_default());
                if filter.matches(tags.as_ref()) {
                    let item = item(&context, &shown, tags, &tag_policy, request.include_resource);
                    if !results.send(item).await {
                        break;
                    }
                }
            }
            Ok(())
        })
        .await
    }
}

/// Lists the connections that exist, in the order of their creation.
pub(in crate::provider) async fn list(
    context: &OperationContext,
    name: Option<&str>,
    tags: Option<&Tags>,
) -> operation::Result<Vec<wire::Connection>> {
    let filter = ConnectionFilter { name, status: Some(wire::STATUS_ACTIVE), tags };
    let mut listed = context.read(context.project.list_connections(&filter)).await?;
    listed.retain(|shown| !shown.is_deleted() && name.is_none_or(|name| shown.name == name));
    // Of the same time, the order of the service stays.
    listed.sort_by_key(|shown| shown.create_time);
    Ok(listed)
}

/// The tags of each of these connections, by ID. A connection without tags may be missing.
async fn all_tags(
    context: &OperationContext,
    listed: &[wire::Connection],
) -> operation::Result<BTreeMap<String, Tags>> {
    let mut all = BTreeMap::new();
    let mut offset = 0;
    while listed.iter().any(|shown| !all.contains_key(&shown.id)) {
        let page = context.read(context.project.list_tagged_connections(offset)).await?;
        if page.is_empty() {
            break;
        }
        offset += page.len();
        all.extend(page.into_iter().map(|found| (found.resource_id, tags::from_list(found.tags))));
    }
    Ok(all)
}

fn item(
    context: &OperationContext,
    shown: &wire::Connection,
    tags: Option<Tags>,
    tag_policy: &TagPolicy,
    include_resource: bool,
) -> ListItem {
    let mut connection = Connection { id: Computed(Some(shown.id.clone())), ..Connection::default() };
    location::fill_location(&mut connection.region, &mut connection.project_id, context);
    if include_resource {
        // The import warns about host names with several addresses.
        let _ = connection.apply_remote(shown, tags, &PoolOfQueue::default(), tag_policy, Scope::Everything);
    }
    let value = connection.into_value();
    let identity = Value::map(["id", "region", "project_id"].map(|name| (name, value.get(name).clone())));
    let resource = if include_resource { value } else { Value::Null };
    ListItem { display_name: shown.name.clone(), identity, resource }
}
