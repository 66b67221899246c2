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

use super::{
    answer,
    facts::{self, Facts},
    open, text, told,
};
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
        validate::EachElement,
        value::Value,
    },
    provider::{
        checks::{Follows, NotNull, OneOf},
        place,
        provider_data::ProviderData,
        tagging::Tags,
    },
};

/// How many connections are asked about at the same time: enough to hide the way there and back, too few to be refused.
const AT_ONCE: usize = 8;
/// Both [`wire::STATUS_ACTIVE`] and [`wire::STATUS_DELETED`].
const ANY: &str = "ANY";

/// The kind of data source.
#[derive(Debug)]
pub(super) struct Connections(pub(super) Arc<ProviderData>);

#[async_trait]
impl DataSource for Connections {
    fn type_name(&self) -> &'static str {
        "dli_enhanced_connections"
    }

    fn schema(&self) -> Schema {
        let mut attributes = vec![
            Attribute::string("name")
                .validator(Follows(&[rules::CONNECTION_NAME]))
                .description("Only connections of exactly this name. None that has it is no error."),
            Attribute::new("tags", Type::map(Type::String))
                .validator(EachElement(NotNull))
                .description("Only connections that have all these tags, each with this value."),
            Attribute::string("status")
                .default(wire::STATUS_ACTIVE)
                .validator(OneOf(&[wire::STATUS_ACTIVE, wire::STATUS_DELETED, ANY]))
                .description("Only connections in this state: `ACTIVE` (default), `DELETED`, or `ANY` for both."),
        ];
        attributes.extend(place::of_data());
        attributes.push(
            Attribute::nested("connections", Nesting::List, facts::attributes())
                .computed()
                .description("The connections, in the order of their creation."),
        );
        super::schema(
            "The enhanced datasource connections of a project, with everything that they have. The list takes one call, the \
             tags one more for each connection, and the projects that it is shared with another where there are any.",
            attributes,
        )
    }

    async fn read(&self, request: DataRequest<'_>, response: &mut ResponseState) -> Result<(), Diagnostics> {
        let told = told("Could Not Read the Enhanced Connections");
        let (name, status) = (text(request.config, "name"), text(request.config, "status"));
        let status = status.filter(|status| *status != ANY);
        let tags =
            Option::<Tags>::from_value(request.config.get("tags"), &Path::attribute("tags"))?.unwrap_or_default();
        let session = open(&self.0, &request).await.map_err(&told)?;

        let sent: Tags =
            tags.clone().into_iter().filter(|(key, value)| can_be_sent(key) && can_be_sent(value)).collect();
        let filter = ConnectionFilter { name, status, tags: Some(&sent) };
        let mut listed = session.read(session.project.list_connections(&filter)).await.map_err(&told)?;
        listed.retain(|connection| {
            name.is_none_or(|name| connection.name == name)
                && status.is_none_or(|status| connection.is_deleted() == (status == wire::STATUS_DELETED))
        });
        listed.sort_by(|a, b| (a.create_time, &a.id).cmp(&(b.create_time, &b.id)));

        let session = &session;
        let found: Vec<Option<Facts>> = stream::iter(listed)
            .map(|shown| Facts::ask(session, shown))
            .buffered(AT_ONCE)
            .try_collect()
            .await
            .map_err(&told)?;
        let tagging = self.0.tagging();
        let mut connections = Vec::new();
        for facts in found.into_iter().flatten() {
            // Where the tags cannot be read, the service's filter counts alone.
            let has =
                |(key, value)| facts.tags.as_ref().map_or(sent.contains_key(key), |has| has.get(key) == Some(value));
            if !tags.iter().all(has) {
                continue;
            }
            let (connection, warnings) = facts.into_value(&tagging);
            response.add_warning(warnings);
            connections.push(connection);
        }
        response.set_state(answer(request.config, session, Value::map([("connections", Value::List(connections))])));
        Ok(())
    }
}

/// Whether the service's filter can name this: how a `,` or a `=` would be written there is not documented.
fn can_be_sent(text: &str) -> bool {
    !text.contains([',', '='])
}
