//! `dli_enhanced_connections`: the connections of a project, narrowed down by name, tags and status.
//!
//! | call | when |
//! |---|---|
//! | `GET /v2.0/{project}/datasource/enhanced-connections` | read, once |
//! | `GET /v3/{project}/dli_enhanced_datasource/{id}/tags` | read, for each connection that exists |
//! | `GET /v2.0/{project}/datasource/enhanced-connections/{id}/privileges` | read, for each that is shared |

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};

use super::connection_details::{self, ConnectionDetails};
use crate::{
    client::ConnectionFilter,
    dli::{rules, wire},
    framework::{
        data_source::{DataRequest, DataSource},
        diagnostic::Diagnostics,
        model::FromValue,
        path::Path,
        resource::ResponseState,
        schema::{Attribute, Nesting, Schema},
        types::Type,
        validator::ValuesAre,
        value::Value,
    },
    provider::{
        provider_data::ProviderData,
        shared::data_source::{self, answer, open, text, to_errors},
        shared::location,
        shared::tags::Tags,
        shared::validators::{MatchesRule, NotNull, OneOf},
    },
};

/// How many connections are asked about at the same time: enough to hide the way there and back, too few to be refused.
const AT_ONCE: usize = 8;
/// Both [`wire::STATUS_ACTIVE`] and [`wire::STATUS_DELETED`].
const ANY: &str = "ANY";

/// The kind of data source.
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
                .description("Only connections of exactly this name. None that has it is no error."),
            Attribute::new("tags", Type::map(Type::String))
                .validator(ValuesAre(NotNull))
                .description("Only connections that have all these tags, each with this value."),
            Attribute::string("status")
                .default(wire::STATUS_ACTIVE)
                .validator(OneOf(&[wire::STATUS_ACTIVE, wire::STATUS_DELETED, ANY]))
                .description("Only connections in this state: `ACTIVE` (default), `DELETED`, or `ANY` for both."),
        ];
        attributes.extend(location::data_source_attributes());
        attributes.push(
            Attribute::nested("connections", Nesting::List, connection_details::attributes())
                .computed()
                .description("The connections, in the order of their creation."),
        );
        data_source::schema(
            "The enhanced datasource connections of a project, with everything that they have. The list takes one call, the \
             tags one more for each connection, and the projects that it is shared with another where there are any.",
            attributes,
        )
    }

    async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let to_errors = to_errors("Could Not Read the Enhanced Connections");
        let (name, status) = (text(request.config, "name"), text(request.config, "status"));
        let status = status.filter(|status| *status != ANY);
        let tags =
            Option::<Tags>::from_value(request.config.get("tags"), &Path::attribute("tags"))?.unwrap_or_default();
        let context = open(&self.0, &request).await.map_err(&to_errors)?;

        let sent: Tags =
            tags.clone().into_iter().filter(|(key, value)| can_be_sent(key) && can_be_sent(value)).collect();
        let filter = ConnectionFilter { name, status, tags: Some(&sent) };
        let mut listed = context.read(context.project.list_connections(&filter)).await.map_err(&to_errors)?;
        listed.retain(|connection| {
            name.is_none_or(|name| connection.name == name)
                && status.is_none_or(|status| connection.is_deleted() == (status == wire::STATUS_DELETED))
        });
        listed.sort_by(|a, b| (a.create_time, &a.id).cmp(&(b.create_time, &b.id)));

        let context = &context;
        let found: Vec<Option<ConnectionDetails>> = stream::iter(listed)
            .map(|shown| ConnectionDetails::ask(context, shown))
            .buffered(AT_ONCE)
            .try_collect()
            .await
            .map_err(&to_errors)?;
        let tag_policy = self.0.tag_policy();
        let mut connections = Vec::new();
        for facts in found.into_iter().flatten() {
            // Where the tags cannot be read, the service's filter counts alone.
            let has =
                |(key, value)| facts.tags.as_ref().map_or(sent.contains_key(key), |has| has.get(key) == Some(value));
            if !tags.iter().all(has) {
                continue;
            }
            let (connection, warnings) = facts.into_value(&tag_policy);
            response.add_warning(warnings);
            connections.push(connection);
        }
        response.set_state(answer(request.config, context, Value::map([("connections", Value::List(connections))])));
        Ok(())
    }
}

/// Whether the service's filter can name this: how a `,` or a `=` would be written there is not documented.
fn can_be_sent(text: &str) -> bool {
    !text.contains([',', '='])
}
