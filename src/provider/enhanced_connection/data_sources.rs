//! Data source `dli_enhanced_connections`: the connections of a project, filtered by name, tags and status.
//!
//! | call | when |
//! |---|---|
//! | `GET /v2.0/{project}/datasource/enhanced-connections` | read, once |
//! | `GET /v3/{project}/dli_enhanced_datasource/{id}/tags` | read, for each connection that exists |
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}/privileges` | read, for each shared connection |

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::connection_details::{self, ConnectionDetails};
use crate::client::ConnectionFilter;
use crate::dli::{rules, wire};
use crate::framework::data_source::{DataRequest, DataSource};
use crate::framework::diagnostic::Diagnostics;
use crate::framework::resource::ResponseState;
use crate::framework::schema::{Attribute, Nesting, Schema};
use crate::framework::types::Type;
use crate::framework::value::Value;
use crate::provider::provider_data::ProviderData;
use crate::provider::shared::data_source::{open, report, state, text};
use crate::provider::shared::location;
use crate::provider::shared::tags::TagFilter;
use crate::provider::shared::validators::{MatchesRule, OneOf};

/// Maximum number of connections that are read at the same time.
const MAX_CONCURRENT_READS: usize = 8;
/// The filter value for connections of any status.
const ANY: &str = "ANY";

#[derive(Debug)]
pub(in crate::provider) struct EnhancedConnectionsDataSource(pub(in crate::provider) Arc<ProviderData>);

#[async_trait]
impl DataSource for EnhancedConnectionsDataSource {
    fn type_name(&self) -> &'static str {
        "dli_enhanced_connections"
    }

    fn schema(&self) -> Schema {
        let mut attributes = vec![
            Attribute::string("name")
                .validator(MatchesRule(&[rules::CONNECTION_NAME]))
                .description("Only connections of exactly this name. No match is not an error."),
            Attribute::new("tags", Type::map(Type::String))
                .description("Only connections that have all of these tags with these values."),
            Attribute::string("status")
                .default(wire::STATUS_ACTIVE)
                .validator(OneOf(&[wire::STATUS_ACTIVE, wire::STATUS_DELETED, ANY]))
                .description("Only connections in this state: `ACTIVE` (default), `DELETED`, or `ANY` for both."),
        ];
        attributes.extend(location::data_source_attributes());
        attributes.push(
            Attribute::nested("connections", Nesting::List, connection_details::attributes())
                .computed()
                .description("The connections, sorted by creation time."),
        );
        Schema::new(
            "Lists the enhanced datasource connections of a project, with all attributes. The provider makes one call \
             for the list, one per connection for its tags, and one per shared connection for the projects it is \
             shared with.",
            attributes,
        )
    }

    async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let (name, status) = (text(request.config, "name"), text(request.config, "status"));
        let status = status.filter(|status| *status != ANY);
        let tags = TagFilter::from_config(request.config)?;
        report("Could Not Read the Enhanced Connections", async {
            let context = &open(&self.0, &request).await?;
            let filter = ConnectionFilter { name, status, tags: Some(&tags.sent) };
            let mut listed = context.read(context.project.list_connections(&filter)).await?;
            listed.retain(|connection| {
                name.is_none_or(|name| connection.name == name)
                    && status.is_none_or(|status| connection.is_deleted() == (status == wire::STATUS_DELETED))
            });
            listed.sort_by(|a, b| (a.create_time, &a.id).cmp(&(b.create_time, &b.id)));

            let details = stream::iter(listed).map(|connection| ConnectionDetails::read(context, connection));
            let details: Vec<Option<ConnectionDetails>> = details.buffered(MAX_CONCURRENT_READS).try_collect().await?;
            let tag_policy = self.0.tag_policy();
            let mut connections = Vec::new();
            let mut is_warned = false;
            for mut details in details.into_iter().flatten() {
                if !tags.matches(details.tags.as_ref()) {
                    continue;
                }
                // The service rejects reads of all tags for the same reason.
                if is_warned {
                    details.warnings = Diagnostics::new();
                }
                is_warned |= details.warnings.iter().next().is_some();
                let (connection, warnings) = details.into_value(&tag_policy);
                response.add_warning(warnings);
                connections.push(connection);
            }
            let found = Value::map([("connections", Value::List(connections))]);
            response.set_state(state(request.config, context, found));
            Ok(())
        })
        .await
    }
}
